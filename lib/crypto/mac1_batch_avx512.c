/*
 * mac1 of 16 initiations at once: BLAKE2s with a message in each 32-bit lane of AVX-512.
 * On the packet's way: handshakes only.
 * Threads: any; no state.
 */
#include "crypto/mac1_batch_lanes.h"

#include "crypto/blake2s_schedule.h"
#include "crypto/transpose_avx512.h"

#include "base/bytes.h"

#include <immintrin.h>

#include <string.h>

#define LAST_LEN (MAC1_MESSAGE_LEN - BLAKE2S_BLOCK_LEN)

static inline __m512i
all(uint32_t word)
{
	return _mm512_set1_epi32((int)word);
}

/* RFC 7693, 3.1. */
static inline __attribute__((always_inline)) void
mix(__m512i v[16], const uint8_t word[4], __m512i x, __m512i y)
{
	__m512i a = v[word[0]];
	__m512i b = v[word[1]];
	__m512i c = v[word[2]];
	__m512i d = v[word[3]];

	a = _mm512_add_epi32(_mm512_add_epi32(a, x), b);
	d = _mm512_ror_epi32(_mm512_xor_si512(d, a), 16);
	c = _mm512_add_epi32(c, d);
	b = _mm512_ror_epi32(_mm512_xor_si512(b, c), 12);
	a = _mm512_add_epi32(_mm512_add_epi32(a, y), b);
	d = _mm512_ror_epi32(_mm512_xor_si512(d, a), 8);
	c = _mm512_add_epi32(c, d);
	b = _mm512_ror_epi32(_mm512_xor_si512(b, c), 7);
	v[word[0]] = a;
	v[word[1]] = b;
	v[word[2]] = c;
	v[word[3]] = d;
}

/* RFC 7693, 3.2: `total` bytes up to and with this block; `last` is 0, or all ones. */
static void
compress(__m512i state[8], const __m512i block[16], uint32_t total, uint32_t last)
{
	__m512i v[16];

	for (unsigned i = 0; i < 8; i++) {
		v[i] = state[i];
		v[8 + i] = all(blake2s_initial[i]);
	}
	v[12] = _mm512_xor_si512(v[12], all(total));
	v[14] = _mm512_xor_si512(v[14], all(last));
#pragma GCC unroll 10
	for (unsigned round = 0; round < BLAKE2S_ROUNDS; round++)
#pragma GCC unroll 8
		for (unsigned i = 0; i < 8; i++)
			mix(v, blake2s_mixed[i], block[blake2s_schedule[round][2 * i]],
				block[blake2s_schedule[round][2 * i + 1]]);
	for (unsigned i = 0; i < 8; i++)
		state[i] = _mm512_ternarylogic_epi32(state[i], v[i], v[8 + i], 0x96);
}

/* `len` bytes at `offset` of each message, zeros behind; lanes without one have the first's. */
static inline void
load(__m512i block[16], const uint8_t *const messages[], unsigned count, unsigned offset,
	unsigned len)
{
	__mmask64 bytes = UINT64_MAX >> (BLAKE2S_BLOCK_LEN - len);
	__m512i row[16];

	for (unsigned i = 0; i < 16; i++)
		row[i] = _mm512_maskz_loadu_epi8(bytes, messages[i < count ? i : 0] + offset);
	transpose_16(block, row);
}

/* The macs of up to as many messages as there are lanes; `keyed` is the state with the key in. */
static void
lanes_mac(uint8_t macs[][BLAKE2S_MAC_LEN], const __m512i keyed[8], const uint8_t *const messages[],
	unsigned count)
{
	_Alignas(64) uint32_t words[BLAKE2S_MAC_LEN / 4][MAC1_AVX512_LANES];
	__m512i state[8];
	__m512i block[16];

	memcpy(state, keyed, sizeof(state));
	load(block, messages, count, 0, BLAKE2S_BLOCK_LEN);
	compress(state, block, 2 * BLAKE2S_BLOCK_LEN, 0);
	load(block, messages, count, BLAKE2S_BLOCK_LEN, LAST_LEN);
	compress(state, block, 2 * BLAKE2S_BLOCK_LEN + LAST_LEN, UINT32_MAX);
	for (unsigned i = 0; i < BLAKE2S_MAC_LEN / 4; i++)
		_mm512_store_si512(words[i], state[i]);
	for (unsigned lane = 0; lane < count; lane++)
		for (unsigned i = 0; i < BLAKE2S_MAC_LEN / 4; i++)
			store_le32(&macs[lane][4 * i], words[i][lane]);
}

void
mac1_batch_avx512(uint8_t macs[][BLAKE2S_MAC_LEN], const uint8_t key[BLAKE2S_LEN],
	const uint8_t *const messages[], unsigned count)
{
	__m512i keyed[8];
	__m512i block[16];

	for (unsigned i = 0; i < 8; i++) {
		keyed[i] = all(blake2s_initial[i]);
		block[i] = all(load_le32(key + (size_t)4 * i));
		block[8 + i] = all(0);
	}
	keyed[0] = _mm512_xor_si512(keyed[0], all(BLAKE2S_MAC_PARAMETERS));
	compress(keyed, block, BLAKE2S_BLOCK_LEN, 0);
	for (unsigned done = 0; done < count; done += MAC1_AVX512_LANES) {
		unsigned rest = count - done;

		lanes_mac(&macs[done], keyed, &messages[done],
			rest < MAC1_AVX512_LANES ? rest : MAC1_AVX512_LANES);
	}
}
