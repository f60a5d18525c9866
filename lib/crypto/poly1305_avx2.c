/*
 * Poly1305 by AVX2: message i in lane i; two groups of four lanes of 64 bits, in limbs of 26.
 * On the packet's way: inside the AEAD backend "avx2".
 * Threads: any; no state.
 *
 * All messages end in the same step, so the shorter ones begin later. Until then their lanes take
 * in blocks of zero, without the bit behind the block, which leave an accumulator of zero as it is.
 *
 * Sizes: after carry() a limb is below 2^26 + 2^10, a message's limb below 2^26, so what is
 * multiplied is below 2^27.01 and fits the 32 bits that _mm256_mul_epu32 looks at; 5r is below
 * 2^28.4. Five products of each of two blocks: below 2^58.8, and no sum overflows.
 */
#include "crypto/poly1305_avx2.h"

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>

/* gcc leaves this out on x86; with it messages take a fifth less. clang does likewise unasked. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("schedule-insns", "sched-pressure")
#endif

#define LANES POLY1305_AVX2_LANES
#define GROUP 4
#define GROUPS (LANES / GROUP)
#define LIMBS 5
#define BLOCK 16
/* From as many steps on the square of r pays. */
#define STEPS_FOR_SQUARE 4

#define INLINE static inline __attribute__((always_inline))

/* A multiplier: its limbs, and 5 times them, for what is carried past 2^130. */
struct power {
	__m256i limb[LIMBS];
	__m256i limb5[LIMBS];
};

struct group {
	__m256i sum[LIMBS];
	struct power r;
	struct power r2;
};

struct state {
	struct group groups[GROUPS];
	const uint8_t *data[LANES];
	uint32_t begin[LANES]; /* the step of the message's first block */
	uint32_t steps; /* of the longest */
	const uint8_t *longest;
	/* The last block of the text, padded, and that of the lengths. */
	uint8_t tail[LANES][2 * BLOCK];
	bool has_text[LANES];
};

INLINE __m256i
mask26(void)
{
	return _mm256_set1_epi64x((1 << 26) - 1);
}

/* The lower and the upper 8 bytes of four blocks. */
INLINE void
load_words(__m256i words[2], const uint8_t *const from[GROUP], size_t at)
{
	const __m256i even = _mm256_inserti128_si256(
		_mm256_castsi128_si256(_mm_loadu_si128((const void *)(from[0] + at))),
		_mm_loadu_si128((const void *)(from[2] + at)), 1);
	const __m256i odd = _mm256_inserti128_si256(
		_mm256_castsi128_si256(_mm_loadu_si128((const void *)(from[1] + at))),
		_mm_loadu_si128((const void *)(from[3] + at)), 1);

	words[0] = _mm256_unpacklo_epi64(even, odd);
	words[1] = _mm256_unpackhi_epi64(even, odd);
}

INLINE void
split(__m256i limb[LIMBS], const __m256i words[2])
{
	limb[0] = _mm256_and_si256(words[0], mask26());
	limb[1] = _mm256_and_si256(_mm256_srli_epi64(words[0], 26), mask26());
	limb[2] = _mm256_and_si256(
		_mm256_or_si256(_mm256_srli_epi64(words[0], 52), _mm256_slli_epi64(words[1], 12)),
		mask26());
	limb[3] = _mm256_and_si256(_mm256_srli_epi64(words[1], 14), mask26());
	limb[4] = _mm256_srli_epi64(words[1], 40);
}

INLINE __m256i
times5(__m256i x)
{
	return _mm256_add_epi64(x, _mm256_slli_epi64(x, 2));
}

INLINE void
power_init(struct power *power, const __m256i limb[LIMBS])
{
	for (unsigned i = 0; i < LIMBS; i++) {
		power->limb[i] = limb[i];
		power->limb5[i] = times5(limb[i]);
	}
}

/* Adds the products of `limb` and `power` modulo 2^130 - 5; `first` begins a new sum. */
INLINE void
multiply(__m256i product[LIMBS], const __m256i limb[LIMBS], const struct power *power, bool first)
{
	for (unsigned i = 0; i < LIMBS; i++) {
		for (unsigned j = 0; j < LIMBS; j++) {
			const unsigned to = (i + j) % LIMBS;
			const __m256i *factor = i + j < LIMBS ? &power->limb[j] : &power->limb5[j];
			const __m256i part = _mm256_mul_epu32(limb[i], *factor);

			product[to] = first && i == 0 ? part : _mm256_add_epi64(product[to], part);
		}
	}
}

INLINE void
carry_one(__m256i limb[LIMBS], unsigned from)
{
	const __m256i more = _mm256_srli_epi64(limb[from], 26);

	limb[from] = _mm256_and_si256(limb[from], mask26());
	if (from + 1 < LIMBS)
		limb[from + 1] = _mm256_add_epi64(limb[from + 1], more);
	else
		limb[0] = _mm256_add_epi64(limb[0], times5(more));
}

/* Two chains side by side; what is left over in limbs 1 and 4 is below 2^10. */
INLINE void
carry(__m256i limb[LIMBS])
{
	carry_one(limb, 0);
	carry_one(limb, 3);
	carry_one(limb, 1);
	carry_one(limb, 4);
	carry_one(limb, 2);
	carry_one(limb, 0);
	carry_one(limb, 3);
}

/* What tells lanes that have begun from those that have not: all ones, or zeros. */
struct active {
	__m256i lanes;
	bool all; /* known when compiling */
};

INLINE void
load_block(__m256i limb[LIMBS], const uint8_t *const from[GROUP], size_t at,
	const struct active *active)
{
	const __m256i bit = _mm256_set1_epi64x(1 << 24);
	__m256i words[2];

	load_words(words, from, at);
	if (!active->all) {
		words[0] = _mm256_and_si256(words[0], active->lanes);
		words[1] = _mm256_and_si256(words[1], active->lanes);
	}
	split(limb, words);
	limb[4] =
		_mm256_or_si256(limb[4], active->all ? bit : _mm256_and_si256(bit, active->lanes));
}

/* sum = (sum + block) * r */
INLINE void
step(struct group *group, const uint8_t *const from[GROUP], size_t at, const struct active *active)
{
	__m256i block[LIMBS];
	__m256i product[LIMBS];

	load_block(block, from, at, active);
	for (unsigned i = 0; i < LIMBS; i++)
		block[i] = _mm256_add_epi64(block[i], group->sum[i]);
	multiply(product, block, &group->r, true);
	carry(product);
	for (unsigned i = 0; i < LIMBS; i++)
		group->sum[i] = product[i];
}

/* sum = (sum + block) * r^2 + next block * r: one carry for two blocks. */
INLINE void
step2(struct group *group, const uint8_t *const from[GROUP], size_t at, const struct active *active)
{
	__m256i block[LIMBS];
	__m256i product[LIMBS];

	load_block(block, from, at + BLOCK, active);
	multiply(product, block, &group->r, true);
	load_block(block, from, at, active);
	for (unsigned i = 0; i < LIMBS; i++)
		block[i] = _mm256_add_epi64(block[i], group->sum[i]);
	multiply(product, block, &group->r2, false);
	carry(product);
	for (unsigned i = 0; i < LIMBS; i++)
		group->sum[i] = product[i];
}

/*
 * Keeps the compiler from loading all powers ahead of a loop, for which there are no registers, and
 * so from copying them to its stack: multiplications take them from where they are.
 */
INLINE void
in_memory(struct group groups[GROUPS])
{
	__asm__ volatile("" : "+m"(groups[0]), "+m"(groups[1]));
}

/* `count` steps in which the same lanes are active; two groups hide each other's latency. */
INLINE void
run(struct group groups[GROUPS], const uint8_t *const from[LANES], uint32_t count, bool square,
	const struct active active[GROUPS])
{
	size_t at = 0;
	const size_t end = (size_t)count * BLOCK;

	if (square) {
		for (; at + BLOCK < end; at += 2 * BLOCK) {
			in_memory(groups);
			step2(&groups[0], from, at, &active[0]);
			step2(&groups[1], from + GROUP, at, &active[1]);
		}
	}
	for (; at < end; at += BLOCK) {
		in_memory(groups);
		step(&groups[0], from, at, &active[0]);
		step(&groups[1], from + GROUP, at, &active[1]);
	}
}

static void
run_all(struct group groups[GROUPS], const uint8_t *const from[LANES], uint32_t count, bool square)
{
	const struct active all = {.lanes = _mm256_setzero_si256(), .all = true};
	const struct active active[GROUPS] = {all, all};

	run(groups, from, count, square, active);
}

static void
run_some(struct group groups[GROUPS], const uint8_t *const from[LANES], uint32_t count, bool square,
	const int64_t lanes[LANES])
{
	const struct active active[GROUPS] = {
		{.lanes = _mm256_loadu_si256((const void *)lanes)},
		{.lanes = _mm256_loadu_si256((const void *)(lanes + GROUP))},
	};

	run(groups, from, count, square, active);
}

/* From `step` up to where a further message begins; returns that step. */
static uint32_t
run_segment(struct state *state, uint32_t now, bool square)
{
	const uint8_t *from[LANES];
	int64_t lanes[LANES];
	uint32_t end = state->steps;
	bool all = true;

	for (unsigned i = 0; i < LANES; i++) {
		const uint32_t begin = state->begin[i];

		if (begin <= now) {
			from[i] = state->data[i] + (size_t)(now - begin) * BLOCK;
			lanes[i] = -1;
			continue;
		}
		/* Anything that may be read: it is masked out. */
		from[i] = state->longest + (size_t)now * BLOCK;
		lanes[i] = 0;
		all = false;
		if (begin < end)
			end = begin;
	}
	if (all)
		run_all(state->groups, from, end - now, square);
	else
		run_some(state->groups, from, end - now, square, lanes);
	return end;
}

/* The two last blocks of each message. */
static void
run_tail(struct state *state)
{
	const uint8_t *from[LANES];
	int64_t lanes[LANES];
	bool any = false;
	bool all = true;

	for (unsigned i = 0; i < LANES; i++) {
		from[i] = state->tail[i];
		lanes[i] = state->has_text[i] ? -1 : 0;
		any |= state->has_text[i];
		all &= state->has_text[i];
	}
	if (all) {
		run_all(state->groups, from, 2, false);
		return;
	}
	if (any)
		run_some(state->groups, from, 1, false, lanes);
	for (unsigned i = 0; i < LANES; i++)
		from[i] += BLOCK;
	run_all(state->groups, from, 1, false);
}

static void
group_init(struct group *group, const uint8_t *const keys[GROUP], bool square)
{
	__m256i words[2];
	__m256i limb[LIMBS];

	load_words(words, keys, 0);
	words[0] = _mm256_and_si256(words[0], _mm256_set1_epi64x(0x0ffffffc0fffffff));
	words[1] = _mm256_and_si256(words[1], _mm256_set1_epi64x(0x0ffffffc0ffffffc));
	split(limb, words);
	power_init(&group->r, limb);
	for (unsigned i = 0; i < LIMBS; i++)
		group->sum[i] = _mm256_setzero_si256();
	if (square) {
		__m256i product[LIMBS];

		multiply(product, limb, &group->r, true);
		carry(product);
		power_init(&group->r2, product);
	}
}

/* Makes the sums the least representatives modulo 2^130 - 5, and their low 128 bits two words. */
INLINE void
group_finish(struct group *group, uint64_t low[GROUP], uint64_t high[GROUP])
{
	__m256i *sum = group->sum;
	__m256i less[LIMBS];
	__m256i keep;
	__m256i word;

	/* Limbs 1 and 4 may be a little too large; this ends with all below 2^26. */
	for (unsigned i = 1; i <= LIMBS; i++)
		carry_one(sum, i % LIMBS);
	carry_one(sum, 1);
	/* sum - p is sum + 5 - 2^130: negative if the sum is below p. */
	for (unsigned i = 0; i < LIMBS; i++)
		less[i] = sum[i];
	less[0] = _mm256_add_epi64(less[0], _mm256_set1_epi64x(5));
	for (unsigned i = 0; i + 1 < LIMBS; i++)
		carry_one(less, i);
	less[4] = _mm256_sub_epi64(less[4], _mm256_set1_epi64x(1 << 26));
	keep = _mm256_cmpgt_epi64(_mm256_setzero_si256(), less[4]);
	for (unsigned i = 0; i < LIMBS; i++)
		sum[i] = _mm256_blendv_epi8(less[i], sum[i], keep);
	word = _mm256_or_si256(sum[0], _mm256_slli_epi64(sum[1], 26));
	word = _mm256_or_si256(word, _mm256_slli_epi64(sum[2], 52));
	_mm256_storeu_si256((void *)low, word);
	word = _mm256_or_si256(_mm256_srli_epi64(sum[2], 12), _mm256_slli_epi64(sum[3], 14));
	word = _mm256_or_si256(word, _mm256_slli_epi64(sum[4], 40));
	_mm256_storeu_si256((void *)high, word);
}

/* tag = sum + s modulo 2^128 */
INLINE void
write_tag(const struct poly1305_message *message, uint64_t low, uint64_t high)
{
	uint64_t s[2];

	__builtin_memcpy(s, message->key + 16, sizeof(s));
	s[0] += low;
	s[1] += high + (s[0] < low);
	__builtin_memcpy(message->tag, s, sizeof(s));
}

static void
lane_init(struct state *state, unsigned lane, const struct poly1305_message *message)
{
	/* Whole blocks but the last one. */
	const uint32_t steps = message->len != 0 ? (message->len - 1) / BLOCK : 0;
	const uint8_t *last = message->data + (size_t)steps * BLOCK;
	const uint32_t rest = message->len - steps * BLOCK;
	const uint64_t lens[2] = {0, message->len};
	uint8_t *tail = state->tail[lane];

	state->data[lane] = message->data;
	state->begin[lane] = steps; /* for now: lanes_align() */
	state->has_text[lane] = message->len != 0;
	if (steps > state->steps) {
		state->steps = steps;
		state->longest = message->data;
	}
	if (rest == BLOCK) {
		__builtin_memcpy(tail, last, BLOCK);
	} else {
		__builtin_memset(tail, 0, BLOCK);
		for (uint32_t i = 0; i < rest; i++)
			tail[i] = last[i];
	}
	__builtin_memcpy(tail + BLOCK, lens, BLOCK);
}

static void
state_init(struct state *state, const struct poly1305_message messages[], unsigned count)
{
	static const uint8_t no_key[POLY1305_KEY_LEN];
	const uint8_t *keys[LANES];
	bool square;

	state->steps = 0;
	state->longest = no_key;
	for (unsigned i = 0; i < LANES; i++) {
		/* Lanes without a message do the first one's again, and write nothing. */
		const struct poly1305_message *message = &messages[i < count ? i : 0];

		lane_init(state, i, message);
		keys[i] = message->key;
	}
	for (unsigned i = 0; i < LANES; i++)
		state->begin[i] = state->steps - state->begin[i];
	square = state->steps >= STEPS_FOR_SQUARE;
	for (unsigned i = 0; i < GROUPS; i++)
		group_init(&state->groups[i], keys + (size_t)i * GROUP, square);
}

void
poly1305_avx2(const struct poly1305_message messages[], unsigned count)
{
	struct state state;
	uint64_t low[LANES];
	uint64_t high[LANES];

	state_init(&state, messages, count);
	for (uint32_t now = 0; now < state.steps;)
		now = run_segment(&state, now, state.steps >= STEPS_FOR_SQUARE);
	run_tail(&state);
	for (unsigned i = 0; i < GROUPS; i++)
		group_finish(&state.groups[i], low + (size_t)i * GROUP, high + (size_t)i * GROUP);
	for (unsigned i = 0; i < count; i++)
		write_tag(&messages[i], low[i], high[i]);
	_mm256_zeroall();
}
