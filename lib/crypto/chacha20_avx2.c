/*
 * ChaCha20 by AVX2: word i of eight blocks in vector i, all eight advanced by the same operations.
 * On the packet's way: inside the AEAD backend "avx2".
 * Threads: any; no state.
 */
#include "crypto/chacha20_avx2.h"

#include <immintrin.h>
#include <stddef.h>

#define LANES CHACHA20_AVX2_LANES
#define WORDS 16
#define DOUBLE_ROUNDS 10

#define INLINE static inline __attribute__((always_inline))

/* Words 12 to 15 of the state are loaded as 16 bytes of the block's description. */
_Static_assert(
	offsetof(struct chacha20_block, zero) == 4 && offsetof(struct chacha20_block, counter) == 8,
	"a block begins like the last row of its state");

INLINE __m256i
load_halves(const void *low, const void *high)
{
	return _mm256_inserti128_si256(
		_mm256_castsi128_si256(_mm_loadu_si128(low)), _mm_loadu_si128(high), 1);
}

/* Four rows of 4 words in each half become four columns: column i holds word i of each row. */
INLINE void
transpose4(__m256i column[4], const __m256i row[4])
{
	const __m256i low01 = _mm256_unpacklo_epi32(row[0], row[1]);
	const __m256i low23 = _mm256_unpacklo_epi32(row[2], row[3]);
	const __m256i high01 = _mm256_unpackhi_epi32(row[0], row[1]);
	const __m256i high23 = _mm256_unpackhi_epi32(row[2], row[3]);

	column[0] = _mm256_unpacklo_epi64(low01, low23);
	column[1] = _mm256_unpackhi_epi64(low01, low23);
	column[2] = _mm256_unpacklo_epi64(high01, high23);
	column[3] = _mm256_unpackhi_epi64(high01, high23);
}

/* The same 16 bytes of every lane, lane i + 4 in the other half of lane i, as four columns. */
#define LOAD_COLUMNS(column, at) \
	do { \
		const __m256i row[4] = {load_halves(at(0), at(4)), load_halves(at(1), at(5)), \
			load_halves(at(2), at(6)), load_halves(at(3), at(7))}; \
		transpose4(column, row); \
	} while (0)

#define KEY_LOW(lane) blocks[lane].key
#define KEY_HIGH(lane) (blocks[lane].key + 16)
#define LAST_ROW(lane) (&blocks[lane])

/* Whether all lanes have one key: by address, which is no secret. */
INLINE int
one_key(const struct chacha20_block blocks[LANES])
{
	uintptr_t differ = 0;

	for (unsigned i = 1; i < LANES; i++)
		differ |= (uintptr_t)blocks[i].key ^ (uintptr_t)blocks[0].key;
	return differ == 0;
}

INLINE void
load_state(__m256i state[WORDS], const struct chacha20_block blocks[LANES])
{
	state[0] = _mm256_set1_epi32(0x61707865);
	state[1] = _mm256_set1_epi32(0x3320646e);
	state[2] = _mm256_set1_epi32(0x79622d32);
	state[3] = _mm256_set1_epi32(0x6b206574);
	if (one_key(blocks)) {
		for (unsigned i = 0; i < 8; i++) {
			int word;

			__builtin_memcpy(&word, blocks[0].key + 4 * i, sizeof(word));
			state[4 + i] = _mm256_set1_epi32(word);
		}
	} else {
		LOAD_COLUMNS(state + 4, KEY_LOW);
		LOAD_COLUMNS(state + 8, KEY_HIGH);
	}
	LOAD_COLUMNS(state + 12, LAST_ROW);
}

/* By whole bytes a shuffle rotates in one operation instead of three. */
INLINE __m256i
rotate16(__m256i x)
{
	return _mm256_shuffle_epi8(x,
		_mm256_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1,
			6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
}

INLINE __m256i
rotate8(__m256i x)
{
	return _mm256_shuffle_epi8(x,
		_mm256_setr_epi8(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14, 3, 0, 1, 2,
			7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14));
}

#define ROTATE(x, by) _mm256_or_si256(_mm256_slli_epi32(x, by), _mm256_srli_epi32(x, 32 - (by)))

/*
 * Two quarter rounds side by side on (a, b, c, d) and (e, f, g, h): enough to hide most latency,
 * and few enough that their eight vectors and two temporary ones fit beside the rest.
 */
INLINE void
quarter_round2(__m256i state[WORDS], unsigned a, unsigned b, unsigned c, unsigned d, unsigned e,
	unsigned f, unsigned g, unsigned h)
{
	state[a] = _mm256_add_epi32(state[a], state[b]);
	state[e] = _mm256_add_epi32(state[e], state[f]);
	state[d] = rotate16(_mm256_xor_si256(state[d], state[a]));
	state[h] = rotate16(_mm256_xor_si256(state[h], state[e]));
	state[c] = _mm256_add_epi32(state[c], state[d]);
	state[g] = _mm256_add_epi32(state[g], state[h]);
	state[b] = _mm256_xor_si256(state[b], state[c]);
	state[f] = _mm256_xor_si256(state[f], state[g]);
	state[b] = ROTATE(state[b], 12);
	state[f] = ROTATE(state[f], 12);
	state[a] = _mm256_add_epi32(state[a], state[b]);
	state[e] = _mm256_add_epi32(state[e], state[f]);
	state[d] = rotate8(_mm256_xor_si256(state[d], state[a]));
	state[h] = rotate8(_mm256_xor_si256(state[h], state[e]));
	state[c] = _mm256_add_epi32(state[c], state[d]);
	state[g] = _mm256_add_epi32(state[g], state[h]);
	state[b] = _mm256_xor_si256(state[b], state[c]);
	state[f] = _mm256_xor_si256(state[f], state[g]);
	state[b] = ROTATE(state[b], 7);
	state[f] = ROTATE(state[f], 7);
}

/*
 * Two of the words 8 to 11 are always in memory: those that the pair of quarter rounds at work
 * does not need. They were stored a whole pair ago, so that nobody waits for them. Left to itself
 * the compiler spills words in the middle of a chain, and the rounds take half as long again.
 */
INLINE void
put(__m256i *memory, __m256i word)
{
	__asm__ volatile("vmovdqa %1, %0" : "=m"(*memory) : "x"(word));
}

INLINE __m256i
get(const __m256i *memory)
{
	__m256i word;

	__asm__ volatile("vmovdqa %1, %0" : "=x"(word) : "m"(*memory));
	return word;
}

INLINE void
double_round(__m256i state[WORDS], __m256i parked[4])
{
	quarter_round2(state, 0, 4, 8, 12, 1, 5, 9, 13);
	put(&parked[0], state[8]);
	put(&parked[1], state[9]);
	state[10] = get(&parked[2]);
	state[11] = get(&parked[3]);
	quarter_round2(state, 2, 6, 10, 14, 3, 7, 11, 15);
	quarter_round2(state, 0, 5, 10, 15, 1, 6, 11, 12);
	put(&parked[2], state[10]);
	put(&parked[3], state[11]);
	state[8] = get(&parked[0]);
	state[9] = get(&parked[1]);
	quarter_round2(state, 2, 7, 8, 13, 3, 4, 9, 14);
}

/* Eight columns of eight words become eight rows: row i holds lane i's words. */
INLINE void
transpose8(__m256i row[LANES], const __m256i column[LANES])
{
	__m256i low[4]; /* words 0 to 3 of lanes i and i + 4 */
	__m256i high[4]; /* words 4 to 7 likewise */

	transpose4(low, column);
	transpose4(high, column + 4);
	for (unsigned i = 0; i < 4; i++) {
		row[i] = _mm256_permute2x128_si256(low[i], high[i], 0x20);
		row[i + 4] = _mm256_permute2x128_si256(low[i], high[i], 0x31);
	}
}

INLINE void
xor32(uint8_t *data, __m256i keystream)
{
	_mm256_storeu_si256(
		(void *)data, _mm256_xor_si256(_mm256_loadu_si256((const void *)data), keystream));
}

/* The first `len` (0..31) bytes. */
INLINE void
xor_part(uint8_t *data, uint32_t len, __m256i keystream)
{
	__m128i rest = _mm256_castsi256_si128(keystream);
	uint64_t word;

	if (len >= 16) {
		_mm_storeu_si128(
			(void *)data, _mm_xor_si128(_mm_loadu_si128((const void *)data), rest));
		rest = _mm256_extracti128_si256(keystream, 1);
		data += 16;
	}
	if (len & 8) {
		__builtin_memcpy(&word, data, sizeof(word));
		word ^= (uint64_t)_mm_cvtsi128_si64(rest);
		__builtin_memcpy(data, &word, sizeof(word));
		rest = _mm_unpackhi_epi64(rest, rest);
		data += 8;
	}
	word = (uint64_t)_mm_cvtsi128_si64(rest);
	for (uint32_t i = 0; i < (len & 7); i++) {
		data[i] ^= (uint8_t)word;
		word >>= 8;
	}
}

INLINE void
xor_block(const struct chacha20_block *block, __m256i low, __m256i high)
{
	uint8_t *data = block->data;

	if (block->len >= 32) {
		xor32(data, low);
		if (block->len == CHACHA20_BLOCK_LEN)
			xor32(data + 32, high);
		else
			xor_part(data + 32, block->len - 32, high);
	} else {
		xor_part(data, block->len, low);
	}
}

/* Whether all lanes want their whole block. */
INLINE int
all_whole(const struct chacha20_block blocks[LANES])
{
	uint32_t differ = 0;

	for (unsigned i = 0; i < LANES; i++)
		differ |= blocks[i].len ^ CHACHA20_BLOCK_LEN;
	return differ == 0;
}

static void
eight_blocks(const struct chacha20_block blocks[LANES])
{
	__m256i state[WORDS];
	__m256i start[WORDS];
	__m256i parked[4];
	__m256i low[LANES];
	__m256i high[LANES];

	load_state(start, blocks);
	for (unsigned i = 0; i < WORDS; i++)
		state[i] = start[i];
	put(&parked[2], state[10]);
	put(&parked[3], state[11]);
	for (unsigned i = 0; i < DOUBLE_ROUNDS; i++)
		double_round(state, parked);
	state[10] = get(&parked[2]);
	state[11] = get(&parked[3]);
	for (unsigned i = 0; i < WORDS; i++)
		state[i] = _mm256_add_epi32(state[i], start[i]);
	transpose8(low, state);
	transpose8(high, state + 8);
	if (all_whole(blocks)) {
#pragma GCC unroll 8
		for (unsigned i = 0; i < LANES; i++) {
			xor32(blocks[i].data, low[i]);
			xor32(blocks[i].data + 32, high[i]);
		}
		return;
	}
	for (unsigned i = 0; i < LANES; i++)
		xor_block(&blocks[i], low[i], high[i]);
}

void
chacha20_avx2(const struct chacha20_block blocks[], unsigned count)
{
	for (unsigned i = 0; i < count; i += LANES)
		eight_blocks(&blocks[i]);
	_mm256_zeroall();
}

void
chacha20_avx2_use(const struct chacha20_block *block, const uint8_t keystream[CHACHA20_BLOCK_LEN])
{
	xor_block(block, _mm256_loadu_si256((const void *)keystream),
		_mm256_loadu_si256((const void *)(keystream + 32)));
	_mm256_zeroall();
}
