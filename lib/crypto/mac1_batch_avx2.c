/*
 * mac1 of 8 initiations at once: BLAKE2s with a message in each 32-bit lane of AVX2.
 * On the packet's way: handshakes only.
 * Threads: any; no state.
 */
#include "crypto/mac1_batch_lanes.h"

#include "base/bytes.h"

#include "crypto/blake2s_schedule.h"

#include <immintrin.h>

#include <string.h>

#define LANES MAC1_AVX2_LANES
#define LAST_LEN (MAC1_MESSAGE_LEN - BLAKE2S_BLOCK_LEN)

static inline __m256i
all(uint32_t word)
{
	return _mm256_set1_epi32((int)word);
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

static inline __m256i
rotate(__m256i x, int bits)
{
	return _mm256_or_si256(_mm256_srli_epi32(x, bits), _mm256_slli_epi32(x, 32 - bits));
}

/* RFC 7693, 3.1. */
static inline __attribute__((always_inline)) void
mix(__m256i v[16], const uint8_t word[4], __m256i x, __m256i y)
{
	__m256i a = v[word[0]];
	__m256i b = v[word[1]];
	__m256i c = v[word[2]];
	__m256i d = v[word[3]];

	a = _mm256_add_epi32(_mm256_add_epi32(a, x), b);
	d = rotate_16(_mm256_xor_si256(d, a));
	c = _mm256_add_epi32(c, d);
	b = rotate(_mm256_xor_si256(b, c), 12);
	a = _mm256_add_epi32(_mm256_add_epi32(a, y), b);
	d = rotate_8(_mm256_xor_si256(d, a));
	c = _mm256_add_epi32(c, d);
	b = rotate(_mm256_xor_si256(b, c), 7);
	v[word[0]] = a;
	v[word[1]] = b;
	v[word[2]] = c;
	v[word[3]] = d;
}

/* RFC 7693, 3.2: `total` bytes up to and with this block; `last` is 0, or all ones. */
static void
compress(__m256i state[8], const __m256i block[16], uint32_t total, uint32_t last)
{
	__m256i v[16];

	for (unsigned i = 0; i < 8; i++) {
		v[i] = state[i];
		v[8 + i] = all(blake2s_initial[i]);
	}
	v[12] = _mm256_xor_si256(v[12], all(total));
	v[14] = _mm256_xor_si256(v[14], all(last));
#pragma GCC unroll 10
	for (unsigned round = 0; round < BLAKE2S_ROUNDS; round++)
#pragma GCC unroll 8
		for (unsigned i = 0; i < 8; i++)
			mix(v, blake2s_mixed[i], block[blake2s_schedule[round][2 * i]],
				block[blake2s_schedule[round][2 * i + 1]]);
	for (unsigned i = 0; i < 8; i++)
		state[i] = _mm256_xor_si256(state[i], _mm256_xor_si256(v[i], v[8 + i]));
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

/* `len` bytes at `offset` of each message, zeros behind; lanes without one have the first's. */
static inline void
load(__m256i block[16], const uint8_t *const messages[], unsigned count, unsigned offset,
	unsigned len)
{
	__m256i row[2][LANES];

	for (unsigned i = 0; i < LANES; i++) {
		_Alignas(32) uint8_t bytes[BLAKE2S_BLOCK_LEN] = {0};

		memcpy(bytes, messages[i < count ? i : 0] + offset, len);
		row[0][i] = _mm256_load_si256((const __m256i *)bytes);
		row[1][i] = _mm256_load_si256((const __m256i *)(bytes + 32));
	}
	transpose_8(block, row[0]);
	transpose_8(block + 8, row[1]);
}

/* The macs of up to as many messages as there are lanes; `keyed` is the state with the key in. */
static void
lanes_mac(uint8_t macs[][BLAKE2S_MAC_LEN], const __m256i keyed[8], const uint8_t *const messages[],
	unsigned count)
{
	_Alignas(32) uint32_t words[BLAKE2S_MAC_LEN / 4][LANES];
	__m256i state[8];
	__m256i block[16];

	memcpy(state, keyed, sizeof(state));
	load(block, messages, count, 0, BLAKE2S_BLOCK_LEN);
	compress(state, block, 2 * BLAKE2S_BLOCK_LEN, 0);
	load(block, messages, count, BLAKE2S_BLOCK_LEN, LAST_LEN);
	compress(state, block, 2 * BLAKE2S_BLOCK_LEN + LAST_LEN, UINT32_MAX);
	for (unsigned i = 0; i < BLAKE2S_MAC_LEN / 4; i++)
		_mm256_store_si256((__m256i *)words[i], state[i]);
	for (unsigned lane = 0; lane < count; lane++)
		for (unsigned i = 0; i < BLAKE2S_MAC_LEN / 4; i++)
			store_le32(&macs[lane][4 * i], words[i][lane]);
}

void
mac1_batch_avx2(uint8_t macs[][BLAKE2S_MAC_LEN], const uint8_t key[BLAKE2S_LEN],
	const uint8_t *const messages[], unsigned count)
{
	__m256i keyed[8];
	__m256i block[16];

	for (unsigned i = 0; i < 8; i++) {
		keyed[i] = all(blake2s_initial[i]);
		block[i] = all(load_le32(key + (size_t)4 * i));
		block[8 + i] = all(0);
	}
	keyed[0] = _mm256_xor_si256(keyed[0], all(BLAKE2S_MAC_PARAMETERS));
	compress(keyed, block, BLAKE2S_BLOCK_LEN, 0);
	for (unsigned done = 0; done < count; done += LANES) {
		unsigned rest = count - done;

		lanes_mac(&macs[done], keyed, &messages[done], rest < LANES ? rest : LANES);
	}
}
