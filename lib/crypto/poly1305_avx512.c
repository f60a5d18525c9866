/*
 * Poly1305 over packets in the lanes of AVX-512, by its 52-bit multiply-add.
 * On the packet's way: inside the AEAD backend avx512.
 * Threads: any; no state.
 *
 * A number modulo 2^130 - 5 is three limbs of 44, 44 and 42 bits, each in its own register, with a
 * packet in each of the 8 lanes. Products of limbs come as their low 52 bits and the bits above;
 * both are summed over all blocks of a step, and carried once.
 *
 * Texts are aligned at their ends: the step before the last one is the same for all lanes, and
 * what a shorter one lacks in front are blocks of zero (without the bit that marks a block), which
 * leave a sum of zero as it is. So lanes differ only in the masks of their loads.
 */
#include "crypto/poly1305_avx512.h"

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>

#define BLOCK_LEN 16
#define STEP_BLOCKS 4
#define STEP_LEN 64

/* The number of steps from which on the higher powers of r pay for their making. */
#define STEPS_FOR_4 20

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* A number; limb 0 is the lowest one. */
struct number {
	__m512i limb[3];
};

/* A number to multiply by. What a product has at 2^132 and above comes back times 20 (5 * 4). */
struct factor {
	__m512i limb[3];
	__m512i limb_20[3]; /* 1 and 2 only */
};

/* Sums of the low and of the high parts of products, by the limb of their weight. */
struct sums {
	__m512i low[3];
	__m512i high[3];
};

/* What the lengths of a set say. */
struct shape {
	unsigned steps;
	unsigned skipped; /* blocks of the first step that no text has */
	unsigned even; /* the first step that every text has in full, but for its end */
	bool ragged; /* some text ends inside a block */
	_Alignas(64) int64_t pads[POLY1305_LANES]; /* bytes, whole blocks, in front of each text */
};

/* A function of its own, so that tests/secret_flow.py sees lengths by themselves. */
static __attribute__((noinline)) void
shape_init(struct shape *shape, const struct poly1305_set *set)
{
	uint32_t longest = 0;
	uint32_t shortest = UINT32_MAX;
	uint32_t ends = 0;
	uint32_t blocks;

	for (unsigned i = 0; i < POLY1305_LANES; i++) {
		uint32_t len = set->len[i];

		longest = len > longest ? len : longest;
		shortest = len < shortest ? len : shortest;
		ends |= len;
	}
	blocks = (longest + BLOCK_LEN - 1) / BLOCK_LEN;
	shape->steps = (blocks + STEP_BLOCKS - 1) / STEP_BLOCKS;
	shape->skipped = shape->steps * STEP_BLOCKS - blocks;
	shape->even = shape->steps - (shortest + BLOCK_LEN - 1) / STEP_LEN;
	shape->ragged = ends % BLOCK_LEN != 0;
	for (unsigned i = 0; i < POLY1305_LANES; i++)
		shape->pads[i] = (int64_t)shape->steps * STEP_LEN -
			(set->len[i] + BLOCK_LEN - 1) / BLOCK_LEN * BLOCK_LEN;
}

/* One set at work. */
struct lanes {
	struct number sum;
	struct factor *power; /* r, r^2, r^3, r^4, as far as needed */
	const struct poly1305_set *set;
	const struct shape *shape;
};

ALWAYS_INLINE __m512i
ones(unsigned bits)
{
	return _mm512_set1_epi64((long long)((UINT64_C(1) << bits) - 1));
}

/* The 128-bit integers high:low as limbs. */
ALWAYS_INLINE struct number
number_of(__m512i low, __m512i high)
{
	struct number n;

	n.limb[0] = _mm512_and_si512(low, ones(44));
	n.limb[1] = _mm512_and_si512(
		_mm512_or_si512(_mm512_srli_epi64(low, 44), _mm512_slli_epi64(high, 20)), ones(44));
	n.limb[2] = _mm512_srli_epi64(high, 24);
	return n;
}

ALWAYS_INLINE struct number
add(struct number a, struct number b)
{
	for (unsigned i = 0; i < 3; i++)
		a.limb[i] = _mm512_add_epi64(a.limb[i], b.limb[i]);
	return a;
}

ALWAYS_INLINE __m512i
times(__m512i a, long long n)
{
	return _mm512_madd52lo_epu64(_mm512_setzero_si512(), a, _mm512_set1_epi64(n));
}

ALWAYS_INLINE struct factor
factor_of(struct number n)
{
	struct factor f = {.limb = {n.limb[0], n.limb[1], n.limb[2]}};

	f.limb_20[1] = times(n.limb[1], 20);
	f.limb_20[2] = times(n.limb[2], 20);
	return f;
}

ALWAYS_INLINE void
sums_product(struct sums *sums, unsigned limb, __m512i a, __m512i b)
{
	sums->low[limb] = _mm512_madd52lo_epu64(sums->low[limb], a, b);
	sums->high[limb] = _mm512_madd52hi_epu64(sums->high[limb], a, b);
}

/* sums += n * f. Neighbours go to different sums, so that none waits for the one before. */
ALWAYS_INLINE void
sums_add(struct sums *sums, struct number n, const struct factor *f)
{
	sums_product(sums, 0, n.limb[0], f->limb[0]);
	sums_product(sums, 1, n.limb[0], f->limb[1]);
	sums_product(sums, 2, n.limb[0], f->limb[2]);
	sums_product(sums, 0, n.limb[1], f->limb_20[2]);
	sums_product(sums, 1, n.limb[1], f->limb[0]);
	sums_product(sums, 2, n.limb[1], f->limb[1]);
	sums_product(sums, 0, n.limb[2], f->limb_20[1]);
	sums_product(sums, 1, n.limb[2], f->limb_20[2]);
	sums_product(sums, 2, n.limb[2], f->limb[0]);
}

/*
 * Carries. A limb of `n` in sums_add is below 2^46 (two results of this plus a block), a factor's
 * below 2^44 + 2^11, so times 20 below 2^49. A low part is below 2^52 and a high one below 2^43; of
 * at most 12 each the sums stay below 2^56 and 2^47. High parts weigh 2^52, that is, 2^8 of the
 * next limb; those of limb 2 weigh 2^140 = 2^10 * 2^130, and come back times 5. In limb 2 the high
 * parts are below 2^38 each (no factor 20), so what comes back is below 2^42 * 2^10 * 5 < 2^55:
 * one more carry, of less than 2^11, leaves limbs below 2^44, 2^44 + 2^11 and 2^42.
 */
ALWAYS_INLINE struct number
reduce(const struct sums *sums)
{
	struct number n;
	__m512i carry;

	n.limb[0] = _mm512_and_si512(sums->low[0], ones(44));
	carry = _mm512_add_epi64(
		_mm512_srli_epi64(sums->low[0], 44), _mm512_slli_epi64(sums->high[0], 8));
	carry = _mm512_add_epi64(sums->low[1], carry);
	n.limb[1] = _mm512_and_si512(carry, ones(44));
	carry = _mm512_add_epi64(_mm512_srli_epi64(carry, 44), _mm512_slli_epi64(sums->high[1], 8));
	carry = _mm512_add_epi64(sums->low[2], carry);
	n.limb[2] = _mm512_and_si512(carry, ones(42));
	carry = _mm512_add_epi64(
		_mm512_srli_epi64(carry, 42), _mm512_slli_epi64(sums->high[2], 10));
	carry = _mm512_add_epi64(carry, _mm512_slli_epi64(carry, 2));
	n.limb[0] = _mm512_add_epi64(n.limb[0], carry);
	n.limb[1] = _mm512_add_epi64(n.limb[1], _mm512_srli_epi64(n.limb[0], 44));
	n.limb[0] = _mm512_and_si512(n.limb[0], ones(44));
	return n;
}

ALWAYS_INLINE struct number
multiply(struct number n, const struct factor *f)
{
	struct sums sums = {0};

	sums_add(&sums, n, f);
	return reduce(&sums);
}

/* One word of each key, as 64-bit integers. */
ALWAYS_INLINE __m512i
key_word(const struct poly1305_set *set, unsigned word)
{
	const struct chacha20_columns *keys = set->keys;
	__m512i packet;

	if (set->packet == NULL)
		return _mm512_cvtepu32_epi64(
			_mm256_load_si256((const __m256i *)&keys[set->first / CHACHA20_LANES]
						  .word[word][set->first % CHACHA20_LANES]));
	packet = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i_u *)set->packet));
	return _mm512_cvtepu32_epi64(_mm512_castsi512_si256(
		_mm512_permutex2var_epi32(_mm512_load_si512(keys[0].word[word]), packet,
			_mm512_load_si512(keys[1].word[word]))));
}

/* Two words, the first one the lower half. */
ALWAYS_INLINE __m512i
key_half(const struct poly1305_set *set, unsigned word)
{
	return _mm512_or_si512(key_word(set, word), _mm512_slli_epi64(key_word(set, word + 1), 32));
}

/* 64 bytes of a text from `at`, which may lie before its start, zeros where it has none. */
ALWAYS_INLINE __m512i
row_masked(const uint8_t *data, ptrdiff_t at, ptrdiff_t len)
{
	__mmask64 bytes = UINT64_MAX;

	if (at <= -STEP_LEN || at >= len)
		return _mm512_setzero_si512();
	if (at < 0)
		bytes <<= -at;
	if (len - at < STEP_LEN)
		bytes &= UINT64_MAX >> (STEP_LEN - (len - at));
	/* By integers: a pointer must not point before its object, though a masked load may. */
	return _mm512_maskz_loadu_epi8(bytes, (const void *)((intptr_t)data + at));
}

/*
 * Rows of 64 bytes, one of each text, become the limbs of four blocks of 8 texts. `at` is the
 * offset of the step if all texts had the longest's length.
 */
ALWAYS_INLINE void
step_load(struct number blocks[STEP_BLOCKS], const struct lanes *lanes, ptrdiff_t at, bool masked)
{
	const __m512i mark = _mm512_set1_epi64(1LL << 40);
	__m512i row[POLY1305_LANES];
	__m512i low[4]; /* low halves of blocks; pairs of texts side by side */
	__m512i high[4];

	for (unsigned i = 0; i < POLY1305_LANES; i++) {
		const uint8_t *data = lanes->set->data[i];
		ptrdiff_t from = at - lanes->shape->pads[i];

		__builtin_prefetch((const void *)((intptr_t)data + from +
			(POLY1305_PREFETCH + 1) * STEP_LEN - 1));
		row[i] = masked ? row_masked(data, from, lanes->set->len[i])
				: _mm512_loadu_si512(data + from);
	}
	for (unsigned i = 0; i < 4; i++) {
		low[i] = _mm512_unpacklo_epi64(row[2 * i], row[2 * i + 1]);
		high[i] = _mm512_unpackhi_epi64(row[2 * i], row[2 * i + 1]);
	}
	/* What remains is to transpose 4 by 4 pairs: block k of pair i is piece k of low[i]. */
	for (unsigned half = 0; half < 2; half++) {
		const __m512i *in = half == 0 ? low : high;
		__m512i even01 = _mm512_shuffle_i64x2(in[0], in[1], 0x88);
		__m512i odd01 = _mm512_shuffle_i64x2(in[0], in[1], 0xdd);
		__m512i even23 = _mm512_shuffle_i64x2(in[2], in[3], 0x88);
		__m512i odd23 = _mm512_shuffle_i64x2(in[2], in[3], 0xdd);

		blocks[0].limb[half] = _mm512_shuffle_i64x2(even01, even23, 0x88);
		blocks[1].limb[half] = _mm512_shuffle_i64x2(odd01, odd23, 0x88);
		blocks[2].limb[half] = _mm512_shuffle_i64x2(even01, even23, 0xdd);
		blocks[3].limb[half] = _mm512_shuffle_i64x2(odd01, odd23, 0xdd);
	}
	for (unsigned k = 0; k < STEP_BLOCKS; k++) {
		__m512i marked = mark;

		if (masked)
			marked = _mm512_maskz_mov_epi64(
				_mm512_cmple_epi64_mask(_mm512_load_si512(lanes->shape->pads),
					_mm512_set1_epi64(at + (ptrdiff_t)k * BLOCK_LEN)),
				mark);
		blocks[k] = number_of(blocks[k].limb[0], blocks[k].limb[1]);
		blocks[k].limb[2] = _mm512_or_si512(blocks[k].limb[2], marked);
	}
}

/* Takes blocks from, from + 1, ... of a step into the sums, `width` of them by one reduction. */
ALWAYS_INLINE void
blocks_absorb(
	struct lanes *lanes, const struct number blocks[STEP_BLOCKS], unsigned from, unsigned width)
{
	struct sums sums = {0};

	/* The first block last: it is the one that waits for the step before. */
	for (unsigned i = 1; i < width; i++)
		sums_add(&sums, blocks[from + i], &lanes->power[width - 1 - i]);
	sums_add(&sums, add(blocks[from], lanes->sum), &lanes->power[width - 1]);
	lanes->sum = reduce(&sums);
}

/* One step, of which the blocks from `from` on count; `width` is 2 or 4. */
ALWAYS_INLINE void
step(struct lanes *lanes, ptrdiff_t at, bool masked, unsigned from, unsigned width)
{
	struct number blocks[STEP_BLOCKS];

	step_load(blocks, lanes, at, masked);
	if (width == 4 && from == 0) {
		blocks_absorb(lanes, blocks, 0, 4);
		return;
	}
	if (from == 0)
		blocks_absorb(lanes, blocks, 0, 2);
	if (from == 1)
		blocks_absorb(lanes, blocks, 1, 1);
	if (from <= 2)
		blocks_absorb(lanes, blocks, 2, 2);
	else
		blocks_absorb(lanes, blocks, 3, 1);
}

ALWAYS_INLINE void
lanes_init(struct lanes *lanes, struct factor power[], unsigned width,
	const struct poly1305_set *set, const struct shape *shape)
{
	const __m512i clamp_low = _mm512_set1_epi64(0x0ffffffc0fffffff);
	const __m512i clamp_high = _mm512_set1_epi64(0x0ffffffc0ffffffc);
	struct number n = number_of(_mm512_and_si512(key_half(set, 0), clamp_low),
		_mm512_and_si512(key_half(set, 2), clamp_high));

	lanes->sum = (struct number){0};
	lanes->set = set;
	lanes->shape = shape;
	lanes->power = power;
	power[0] = factor_of(n);
	if (width >= 2) {
		n = multiply(n, &power[0]);
		power[1] = factor_of(n);
	}
	if (width >= 4) {
		power[2] = factor_of(multiply(n, &power[0]));
		power[3] = factor_of(multiply(n, &power[1]));
	}
}

/* The sum in full, modulo 2^130 - 5, plus s, modulo 2^128. */
ALWAYS_INLINE void
lanes_finish(const struct lanes *lanes)
{
	__m512i h0 = lanes->sum.limb[0];
	__m512i h1 = lanes->sum.limb[1];
	__m512i h2 = lanes->sum.limb[2];
	__m512i g0, g1, g2, low, high;
	__m512i s_low = key_half(lanes->set, 4);
	__m512i s_high = key_half(lanes->set, 6);
	__mmask8 below;

	h2 = _mm512_add_epi64(h2, _mm512_srli_epi64(h1, 44));
	h1 = _mm512_and_si512(h1, ones(44));
	h0 = _mm512_add_epi64(h0, times(_mm512_srli_epi64(h2, 42), 5));
	h2 = _mm512_and_si512(h2, ones(42));
	h1 = _mm512_add_epi64(h1, _mm512_srli_epi64(h0, 44));
	h0 = _mm512_and_si512(h0, ones(44));
	h2 = _mm512_add_epi64(h2, _mm512_srli_epi64(h1, 44));
	h1 = _mm512_and_si512(h1, ones(44));
	/* Now h <= 2^130 < 2p: h - p = h + 5 - 2^130 is the result unless it is below zero. */
	g0 = _mm512_add_epi64(h0, _mm512_set1_epi64(5));
	g1 = _mm512_add_epi64(h1, _mm512_srli_epi64(g0, 44));
	g2 = _mm512_add_epi64(h2, _mm512_srli_epi64(g1, 44));
	g2 = _mm512_sub_epi64(g2, _mm512_set1_epi64(1LL << 42));
	below = _mm512_cmplt_epi64_mask(g2, _mm512_setzero_si512());
	h0 = _mm512_mask_mov_epi64(_mm512_and_si512(g0, ones(44)), below, h0);
	h1 = _mm512_mask_mov_epi64(_mm512_and_si512(g1, ones(44)), below, h1);
	h2 = _mm512_mask_mov_epi64(g2, below, h2);
	low = _mm512_or_si512(h0, _mm512_slli_epi64(h1, 44));
	high = _mm512_or_si512(_mm512_srli_epi64(h1, 20), _mm512_slli_epi64(h2, 24));
	low = _mm512_add_epi64(low, s_low);
	high = _mm512_add_epi64(high, s_high);
	high = _mm512_mask_add_epi64(
		high, _mm512_cmplt_epu64_mask(low, s_low), high, _mm512_set1_epi64(1));
	_mm512_storeu_si512(lanes->set->low, low);
	_mm512_storeu_si512(lanes->set->high, high);
}

/* The two lengths as a block: none, and that of the text, which is the high half. */
ALWAYS_INLINE void
lengths_absorb(struct lanes *lanes)
{
	__m512i len =
		_mm512_cvtepu32_epi64(_mm256_loadu_si256((const __m256i_u *)lanes->set->total));
	struct number block = {
		{_mm512_setzero_si512(), _mm512_slli_epi64(len, 20), _mm512_set1_epi64(1LL << 40)}};

	lanes->sum = multiply(add(lanes->sum, block), &lanes->power[0]);
}

/*
 * Joins split texts: what is before an end counts times r^n, of n blocks in the end. One lane is
 * as good as any for the power, so all make their own; the others' sums stay as they are. Limbs
 * come by value: pointers to them would keep the caller's out of registers.
 */
static __attribute__((noinline)) struct number
join(__m512i sum0, __m512i sum1, __m512i sum2, __m512i r0, __m512i r1, __m512i r2,
	const struct poly1305_set *set)
{
	const __mmask8 ends = (__mmask8)((1U << set->split) - 1);
	struct number sum = {{sum0, sum1, sum2}};
	struct number power = {{r0, r1, r2}};
	struct factor r = factor_of(power);
	struct factor factor;

	for (unsigned bit = 31 - (unsigned)__builtin_clz(set->end_blocks); bit-- > 0;) {
		factor = factor_of(power);
		power = multiply(power, &factor);
		if (set->end_blocks >> bit & 1)
			power = multiply(power, &r);
	}
	factor = factor_of(power);
	power = multiply(sum, &factor);
	for (unsigned i = 0; i < 3; i++) {
		__m512i before = _mm512_shuffle_i64x2(power.limb[i], power.limb[i], 0x4e);

		sum.limb[i] = _mm512_mask_add_epi64(sum.limb[i], ends, sum.limb[i], before);
	}
	return sum;
}

/*
 * The tags of a set, by `width` blocks to a reduction and as many powers, with split texts or
 * without; both are constants.
 */
ALWAYS_INLINE void
run(const struct poly1305_set *set, const struct shape *shape, struct factor power[],
	unsigned width, bool split)
{
	struct lanes lanes;

	lanes_init(&lanes, power, width, set, shape);
	for (unsigned i = 0; i < shape->steps; i++) {
		ptrdiff_t at = (ptrdiff_t)i * STEP_LEN;

		if (i < shape->even || (shape->ragged && i + 1 == shape->steps))
			step(&lanes, at, true, i == 0 ? shape->skipped : 0, width);
		else
			step(&lanes, at, false, 0, width);
	}
	if (split) {
		const struct number *sum = &lanes.sum;
		const struct factor *r = &lanes.power[0];
		struct number joined = join(sum->limb[0], sum->limb[1], sum->limb[2], r->limb[0],
			r->limb[1], r->limb[2], set);

		for (unsigned i = 0; i < 3; i++)
			lanes.sum.limb[i] = joined.limb[i];
	}
	lengths_absorb(&lanes);
	lanes_finish(&lanes);
}

/* Functions of their own, so that not one frame has the spilled registers of all. */
static __attribute__((noinline)) void
run_long(const struct poly1305_set *set, const struct shape *shape)
{
	struct factor power[4];

	run(set, shape, power, 4, false);
}

static __attribute__((noinline)) void
run_short(const struct poly1305_set *set, const struct shape *shape)
{
	struct factor power[2];

	run(set, shape, power, 2, false);
}

static __attribute__((noinline)) void
run_split(const struct poly1305_set *set, const struct shape *shape)
{
	struct factor power[2];

	run(set, shape, power, 2, true);
}

static __attribute__((noinline)) void
run_empty(const struct poly1305_set *set, const struct shape *shape)
{
	struct lanes lanes;
	struct factor r;

	lanes_init(&lanes, &r, 1, set, shape);
	lengths_absorb(&lanes);
	lanes_finish(&lanes);
}

void
poly1305_avx512(const struct poly1305_set *set)
{
	struct shape shape;

	shape_init(&shape, set);
	if (set->split > 0)
		run_split(set, &shape);
	else if (shape.steps >= STEPS_FOR_4)
		run_long(set, &shape);
	else if (shape.steps > 0)
		run_short(set, &shape);
	else
		run_empty(set, &shape);
}
