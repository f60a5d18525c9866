/*
 * mac1 of 16 initiations at once: BLAKE2s with a message in each 32-bit lane of AVX-512.
 * On the packet's way: handshakes only.
 * Threads: any; no state.
 */
#include "crypto/mac1_batch_lanes.h"

#include "crypto/transpose_avx512.h"

#include "base/bytes.h"

#include <immintrin.h>

#define BLOCK_LEN 64
#define ROUNDS 10
#define LAST_LEN (MAC1_MESSAGE_LEN - BLOCK_LEN)

/* RFC 7693, 2.6 and 2.7. */
static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
	0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static const uint8_t schedule[ROUNDS][16] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
	{11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
	{7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
	{9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
	{2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
	{12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
	{13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
	{6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
	{10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

/* Which words of the state the eight mixings of a round take: columns, then diagonals. */
static const uint8_t mixed[8][4] = {{0, 4, 8, 12}, {1, 5, 9, 13}, {2, 6, 10, 14}, {3, 7, 11, 15},
	{0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13}, {3, 4, 9, 14}};

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
		v[8 + i] = all(initial[i]);
	}
	v[12] = _mm512_xor_si512(v[12], all(total));
	v[14] = _mm512_xor_si512(v[14], all(last));
#pragma GCC unroll 10
	for (unsigned round = 0; round < ROUNDS; round++)
#pragma GCC unroll 8
		for (unsigned i = 0; i < 8; i++)
			mix(v, mixed[i], block[schedule[round][2 * i]],
				block[schedule[round][2 * i + 1]]);
	for (unsigned i = 0; i < 8; i++)
		state[i] = _mm512_ternarylogic_epi32(state[i], v[i], v[8 + i], 0x96);
}

/* `len` bytes at `offset` of each message, zeros behind; lanes without one have the first's. */
static inline void
load(__m512i block[16], const uint8_t *const messages[], unsigned count, unsigned offset,
	unsigned len)
{
	__mmask64 bytes = UINT64_MAX >> (BLOCK_LEN - len);
	__m512i row[16];

	for (unsigned i = 0; i < 16; i++)
		row[i] = _mm512_maskz_loadu_epi8(bytes, messages[i < count ? i : 0] + offset);
	transpose_16(block, row);
}

void
mac1_batch_avx512(uint8_t macs[][BLAKE2S_MAC_LEN], const uint8_t key[BLAKE2S_LEN],
	const uint8_t *const messages[], unsigned count)
{
	_Alignas(64) uint32_t words[BLAKE2S_MAC_LEN / 4][MAC1_AVX512_LANES];
	__m512i state[8];
	__m512i block[16];

	for (unsigned i = 0; i < 8; i++) {
		state[i] = all(initial[i]);
		block[i] = all(load_le32(key + (size_t)4 * i));
		block[8 + i] = all(0);
	}
	/* Length of the output and of the key, fanout and depth 1. */
	state[0] = _mm512_xor_si512(state[0], all(0x01010000 ^ BLAKE2S_LEN << 8 ^ BLAKE2S_MAC_LEN));
	compress(state, block, BLOCK_LEN, 0);
	load(block, messages, count, 0, BLOCK_LEN);
	compress(state, block, 2 * BLOCK_LEN, 0);
	load(block, messages, count, BLOCK_LEN, LAST_LEN);
	compress(state, block, 2 * BLOCK_LEN + LAST_LEN, UINT32_MAX);
	for (unsigned i = 0; i < BLAKE2S_MAC_LEN / 4; i++)
		_mm512_store_si512(words[i], state[i]);
	for (unsigned lane = 0; lane < count; lane++)
		for (unsigned i = 0; i < BLAKE2S_MAC_LEN / 4; i++)
			store_le32(&macs[lane][4 * i], words[i][lane]);
}
