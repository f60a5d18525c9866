/*
 * 16 short macs at once: BLAKE2s with a message in each 32-bit lane of AVX-512.
 * On the packet's way: handshakes only.
 * Threads: any; no state.
 */
#include "crypto/blake2s_batch_lanes.h"

#include "crypto/blake2s_schedule.h"
#include "crypto/transpose_avx512.h"

#include <immintrin.h>

#define LANES BLAKE2S_AVX512_LANES
#define vector __m512i

static inline __m512i
all(uint32_t word)
{
	return _mm512_set1_epi32((int)word);
}

static inline __m512i
add(__m512i a, __m512i b)
{
	return _mm512_add_epi32(a, b);
}

static inline __m512i
xor2(__m512i a, __m512i b)
{
	return _mm512_xor_si512(a, b);
}

static inline __m512i
xor3(__m512i a, __m512i b, __m512i c)
{
	return _mm512_ternarylogic_epi32(a, b, c, 0x96);
}

/* A macro, as the instruction has the number in itself. */
#define rotate(x, bits) _mm512_ror_epi32(x, bits)

static inline void
load(__m512i block[16], const uint8_t *const rows[LANES], unsigned len)
{
	const __mmask64 bytes = UINT64_MAX >> (BLAKE2S_BLOCK_LEN - len);
	__m512i row[LANES];

	for (unsigned i = 0; i < LANES; i++)
		row[i] = _mm512_maskz_loadu_epi8(bytes, rows[i]);
	transpose_16(block, row);
}

#include "crypto/blake2s_batch_template.h"

void
blake2s_batch_avx512(uint8_t macs[][BLAKE2S_MAC_LEN], const struct blake2s_batch_job *job)
{
	batch_mac(macs, job);
}
