/*
 * 8 short macs at once: BLAKE2s with a message in each 32-bit lane of AVX2.
 * On the packet's way: handshakes only.
 * Threads: any; no state.
 */
#include "crypto/blake2s_batch_lanes.h"

#include "crypto/blake2s_schedule.h"

#include <immintrin.h>

#include <string.h>

#define LANES BLAKE2S_AVX2_LANES
#define vector __m256i

static inline __m256i
all(uint32_t word)
{
	return _mm256_set1_epi32((int)word);
}

static inline __m256i
add(__m256i a, __m256i b)
{
	return _mm256_add_epi32(a, b);
}

static inline __m256i
xor2(__m256i a, __m256i b)
{
	return _mm256_xor_si256(a, b);
}

static inline __m256i
xor3(__m256i a, __m256i b, __m256i c)
{
	return xor2(a, xor2(b, c));
}

/* By 16 and 8 bits bytes move as a whole. */
static inline __m256i
rotate_16(__m256i x)
{
	return _mm256_shuffle_epi8(x,
		_mm256_set_epi8(13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2, 13, 12, 15,
			14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2));
}

static inline __m256i
rotate_8(__m256i x)
{
	return _mm256_shuffle_epi8(x,
		_mm256_set_epi8(12, 15, 14, 13, 8, 11, 10, 9, 4, 7, 6, 5, 0, 3, 2, 1, 12, 15, 14,
			13, 8, 11, 10, 9, 4, 7, 6, 5, 0, 3, 2, 1));
}

/* `bits` is known when compiling. */
static inline __attribute__((always_inline)) __m256i
rotate(__m256i x, int bits)
{
	if (bits == 16)
		return rotate_16(x);
	if (bits == 8)
		return rotate_8(x);
	return _mm256_or_si256(_mm256_srli_epi32(x, bits), _mm256_slli_epi32(x, 32 - bits));
}

/* Eight rows of 8 words become the words of 8 lanes. */
static inline void
transpose_8(__m256i out[8], const __m256i row[LANES])
{
	__m256i quad[2][4];

	for (unsigned half = 0; half < 2; half++) {
		const __m256i *in = &row[4 * half];
		__m256i low01 = _mm256_unpacklo_epi32(in[0], in[1]);
		__m256i high01 = _mm256_unpackhi_epi32(in[0], in[1]);
		__m256i low23 = _mm256_unpacklo_epi32(in[2], in[3]);
		__m256i high23 = _mm256_unpackhi_epi32(in[2], in[3]);

		quad[half][0] = _mm256_unpacklo_epi64(low01, low23);
		quad[half][1] = _mm256_unpackhi_epi64(low01, low23);
		quad[half][2] = _mm256_unpacklo_epi64(high01, high23);
		quad[half][3] = _mm256_unpackhi_epi64(high01, high23);
	}
	for (unsigned k = 0; k < 4; k++) {
		out[k] = _mm256_permute2x128_si256(quad[0][k], quad[1][k], 0x20);
		out[4 + k] = _mm256_permute2x128_si256(quad[0][k], quad[1][k], 0x31);
	}
}

static inline void
load(__m256i block[16], const uint8_t *const rows[LANES], unsigned len)
{
	__m256i row[2][LANES];

	for (unsigned i = 0; i < LANES; i++) {
		_Alignas(32) uint8_t bytes[BLAKE2S_BLOCK_LEN] = {0};

		memcpy(bytes, rows[i], len);
		row[0][i] = _mm256_load_si256((const __m256i *)bytes);
		row[1][i] = _mm256_load_si256((const __m256i *)(bytes + 32));
	}
	transpose_8(block, row[0]);
	transpose_8(block + 8, row[1]);
}

#include "crypto/blake2s_batch_template.h"

void
blake2s_batch_avx2(uint8_t macs[][BLAKE2S_MAC_LEN], const struct blake2s_batch_job *job)
{
	batch_mac(macs, job);
}
