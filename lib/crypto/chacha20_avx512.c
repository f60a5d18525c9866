/*
 * ChaCha20 with a block in each lane: the way into lanes, and out of them onto the text.
 * On the packet's way: inside the AEAD backend avx512.
 * Threads: any; no state.
 */
#include "crypto/chacha20_avx512.h"

#include "crypto/transpose_avx512.h"

#include <immintrin.h>

void
chacha20_avx512_lanes(struct chacha20_lanes *lanes, const uint8_t *const keys[CHACHA20_LANES],
	const uint64_t counters[CHACHA20_LANES])
{
	const __m512i even =
		_mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
	const __m512i odd =
		_mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
	__m512i low = _mm512_loadu_si512(counters);
	__m512i high = _mm512_loadu_si512(counters + 8);
	__m512i quad[2][4]; /* words 0..3 and, in every second 128 bits, 4..7, of four keys each */

	/*
	 * Keys i and i + 4 share a register, so that the 128-bit pieces, of which a shuffle takes
	 * two from each source, end in the order of the lanes.
	 */
	for (unsigned half = 0; half < 2; half++) {
		__m512i pair[4];
		__m512i low01, high01, low23, high23;

		for (unsigned i = 0; i < 4; i++) {
			const uint8_t *const *key = &keys[8 * half + i];
			__m256i first = _mm256_loadu_si256((const __m256i_u *)key[0]);
			__m256i fifth = _mm256_loadu_si256((const __m256i_u *)key[4]);

			pair[i] = _mm512_inserti64x4(_mm512_castsi256_si512(first), fifth, 1);
		}
		low01 = _mm512_unpacklo_epi32(pair[0], pair[1]);
		high01 = _mm512_unpackhi_epi32(pair[0], pair[1]);
		low23 = _mm512_unpacklo_epi32(pair[2], pair[3]);
		high23 = _mm512_unpackhi_epi32(pair[2], pair[3]);
		quad[half][0] = _mm512_unpacklo_epi64(low01, low23);
		quad[half][1] = _mm512_unpackhi_epi64(low01, low23);
		quad[half][2] = _mm512_unpacklo_epi64(high01, high23);
		quad[half][3] = _mm512_unpackhi_epi64(high01, high23);
	}
	for (unsigned i = 0; i < 4; i++) {
		_mm512_store_si512(
			lanes->key[i], _mm512_shuffle_i64x2(quad[0][i], quad[1][i], 0x88));
		_mm512_store_si512(
			lanes->key[4 + i], _mm512_shuffle_i64x2(quad[0][i], quad[1][i], 0xdd));
	}
	_mm512_store_si512(lanes->nonce[0], _mm512_permutex2var_epi32(low, even, high));
	_mm512_store_si512(lanes->nonce[1], _mm512_permutex2var_epi32(low, odd, high));
}

void
chacha20_avx512_pick(struct chacha20_lanes *to, const struct chacha20_lanes from[2],
	const uint32_t packet[CHACHA20_LANES])
{
	__m512i index = _mm512_load_si512(packet);

	for (unsigned i = 0; i < 8; i++)
		_mm512_store_si512(to->key[i],
			_mm512_permutex2var_epi32(_mm512_load_si512(from[0].key[i]), index,
				_mm512_load_si512(from[1].key[i])));
	for (unsigned i = 0; i < 2; i++)
		_mm512_store_si512(to->nonce[i],
			_mm512_permutex2var_epi32(_mm512_load_si512(from[0].nonce[i]), index,
				_mm512_load_si512(from[1].nonce[i])));
}

/* Makes block[i] the block of lane i. */
static inline void
blocks_of(__m512i block[CHACHA20_LANES], const struct chacha20_columns *columns)
{
	__m512i word[16];

#pragma GCC unroll 16
	for (unsigned i = 0; i < 16; i++)
		word[i] = _mm512_load_si512(columns->word[i]);
	transpose_16(block, word);
}

/* Masks cost less than branches on lengths that nobody can predict. */
static __attribute__((noinline)) void
xor_part(const struct chacha20_columns *columns, const struct chacha20_targets *targets)
{
	__m512i block[CHACHA20_LANES];

	blocks_of(block, columns);
#pragma GCC unroll 16
	for (unsigned i = 0; i < CHACHA20_LANES; i++) {
		uint8_t *at = targets->at[i];
		__mmask64 bytes = targets->bytes[i];

		_mm512_mask_storeu_epi8(
			at, bytes, _mm512_xor_si512(_mm512_maskz_loadu_epi8(bytes, at), block[i]));
	}
}

static __attribute__((noinline)) void
xor_full(const struct chacha20_columns *columns, const struct chacha20_targets *targets)
{
	__m512i block[CHACHA20_LANES];

	blocks_of(block, columns);
#pragma GCC unroll 16
	for (unsigned i = 0; i < CHACHA20_LANES; i++) {
		uint8_t *at = targets->at[i];

		_mm512_storeu_si512(at, _mm512_xor_si512(_mm512_loadu_si512(at), block[i]));
	}
}

void
chacha20_avx512_xor(const struct chacha20_columns *columns, const struct chacha20_targets *targets)
{
	if (targets->full)
		xor_full(columns, targets);
	else
		xor_part(columns, targets);
}
