/*
 * Tests of the replay window: the known tables, a set of numbers as the naive twin, and threads.
 * On the packet's way: nowhere.
 * Threads: four in the last tests.
 */
#include "proto/replay.h"
#include "proto/limits.h"
#include "seed.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#define W UINT64_C(8128)
#define L (W + 1)
#define R REJECT_AFTER_MESSAGES

static bool
accept_one(struct replay *replay, uint64_t counter)
{
	return replay_accept(replay, &counter, 1) == 1;
}

/* Injects first, first + step ... last, one by one; all must be accepted. */
static void
accept_sweep(struct replay *replay, uint64_t first, uint64_t last, int64_t step)
{
	for (uint64_t counter = first;; counter += (uint64_t)step) {
		assert_true(accept_one(replay, counter));
		if (counter == last)
			return;
	}
}

static void
rp_1_defect_7_table(void **context)
{
	static const struct {
		uint64_t counter;
		bool accepted;
	} steps[] = {{0, 1}, {1, 1}, {1, 0}, {9, 1}, {8, 1}, {7, 1}, {7, 0}, {L, 1}, {L - 1, 1},
		{L - 1, 0}, {L - 2, 1}, {2, 1}, {2, 0}, {L + 16, 1}, {3, 0}, {L + 16, 0},
		{4 * L, 1}, {4 * L - (L - 1), 1}, {10, 0}, {4 * L - L, 0}, {4 * L - (L + 1), 0},
		{4 * L - (L - 2), 1}, {4 * L + 1 - L, 0}, {0, 0}, {R, 0}, {R - 1, 1}, {R, 0},
		{R - 1, 0}, {R - 2, 1}, {R + 1, 0}, {R + 2, 0}, {R - 2, 0}, {R - 3, 1}, {0, 0}};
	struct replay replay = {0};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (accept_one(&replay, steps[i].counter) != steps[i].accepted)
			fail_msg("step %zu", i);
	}
}

static void
rp_1_sweeps(void **context)
{
	struct replay replay = {0};

	accept_sweep(&replay, 1, W, 1);
	assert_true(accept_one(&replay, 0));
	assert_false(accept_one(&replay, 0));

	replay = (struct replay){0};
	accept_sweep(&replay, 2, W + 1, 1);
	assert_true(accept_one(&replay, 1));
	assert_false(accept_one(&replay, 0));

	replay = (struct replay){0};
	accept_sweep(&replay, W, 0, -1);

	replay = (struct replay){0};
	accept_sweep(&replay, W + 1, 1, -1);
	assert_false(accept_one(&replay, 0));

	replay = (struct replay){0};
	accept_sweep(&replay, W, 1, -1);
	assert_true(accept_one(&replay, W + 1));
	assert_false(accept_one(&replay, 0));

	replay = (struct replay){0};
	accept_sweep(&replay, W, 1, -1);
	assert_true(accept_one(&replay, 0));
	assert_true(accept_one(&replay, W + 1));
}

static void
rp_2_twice_in_one_call(void **context)
{
	const uint64_t counters[] = {5, 6, 5, 70, 6, 70, 7};
	struct replay replay = {0};

	assert_int_equal(replay_accept(&replay, counters, 7), 0x4b);
	assert_int_equal(replay_accept(&replay, counters, 7), 0);
	assert_int_equal(replay_accept(&replay, counters, 0), 0);
}

static void
rp_3_edge_of_the_window(void **context)
{
	/* For every place of the newest counter and of the edge within their blocks. */
	for (uint64_t newest = 20000; newest < 20000 + 64; newest++) {
		struct replay replay = {0};

		assert_true(accept_one(&replay, newest));
		assert_int_equal(replay_newest(&replay), newest);
		for (uint64_t behind = W + 200; behind > W; behind--)
			assert_false(accept_one(&replay, newest - behind));
		accept_sweep(&replay, newest - W, newest - 1, 1);
		assert_int_equal(replay_newest(&replay), newest);
	}
}

/* A run that itself moves the window: what it passes is refused, as one by one. */
static void
rp_3_edge_moves_within_a_call(void **context)
{
	const uint64_t counters[] = {20000, 11871, 11872, 20001, 11872, 11873};
	struct replay replay = {0};

	assert_int_equal(replay_accept(&replay, counters, 6), 0x2d);
}

static void
rp_5_jumps_clear_the_window(void **context)
{
	const uint64_t jumps[] = {
		W, W + 64, 8192, UINT64_C(64) * 8193, UINT64_C(1) << 32, UINT64_C(1) << 63};

	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
		struct replay replay = {0};

		accept_sweep(&replay, 0, 20000, 1);
		assert_true(accept_one(&replay, 20000 + jumps[i]));
		assert_int_equal(replay_newest(&replay), 20000 + jumps[i]);
		assert_false(accept_one(&replay, 20000 - 64));
		/* Nothing of the old round may be taken for the new one's. */
		accept_sweep(&replay, 20000 + jumps[i] - (jumps[i] < W ? jumps[i] : W) + 1,
			20000 + jumps[i] - 1, 1);
	}
}

static void
rp_6_defect_17_reject_after_messages(void **context)
{
	const uint64_t counters[] = {R - 1, R, R + 1, UINT64_MAX, R - 2};
	struct replay replay = {0};

	assert_int_equal(replay_accept(&replay, counters, 5), 0x11);
	assert_int_equal(replay_newest(&replay), R - 1);
	for (uint64_t counter = R; counter != 0; counter++)
		assert_false(accept_one(&replay, counter));
}

static void
rp_7_windows_are_independent(void **context)
{
	struct replay replays[3] = {{.newest = 0}};

	assert_true(accept_one(&replays[0], 100000));
	for (unsigned i = 1; i < 3; i++)
		accept_sweep(&replays[i], 0, 100, 1);
	assert_int_equal(replay_newest(&replays[1]), 100);
	assert_false(accept_one(&replays[0], 100));
}

static void
rp_8_zero_on_a_new_session(void **context)
{
	struct replay replay = {0};

	assert_int_equal(replay_newest(&replay), 0);
	assert_true(accept_one(&replay, 0));
	assert_false(accept_one(&replay, 0));
	assert_int_equal(replay_newest(&replay), 0);
}

/* The naive twin: a set of the counters accepted, forgotten once they are behind the window. */
#define SET_SLOTS (1U << 17)

struct set {
	uint64_t newest;
	unsigned count;
	bool any;
	bool used[SET_SLOTS];
	uint64_t members[SET_SLOTS];
};

/* The slot of the counter, or the free one where it belongs. */
static unsigned
set_find(const struct set *set, uint64_t counter)
{
	unsigned slot = (unsigned)(counter * UINT64_C(0x9e3779b97f4a7c15) >> 47);

	while (set->used[slot] && set->members[slot] != counter)
		slot = (slot + 1) % SET_SLOTS;
	return slot;
}

static void
set_add(struct set *set, uint64_t counter)
{
	const unsigned slot = set_find(set, counter);

	set->used[slot] = true;
	set->members[slot] = counter;
	set->count++;
}

static void
set_forget(struct set *set)
{
	static struct set old;

	old = *set;
	memset(set->used, 0, sizeof(set->used));
	set->count = 0;
	for (unsigned i = 0; i < SET_SLOTS; i++) {
		if (old.used[i] && old.newest - old.members[i] <= W)
			set_add(set, old.members[i]);
	}
}

static bool
set_accept(struct set *set, uint64_t counter)
{
	if (counter >= R || (set->newest > counter && set->newest - counter > W) ||
		set->used[set_find(set, counter)])
		return false;
	if (set->count == SET_SLOTS / 2)
		set_forget(set);
	set_add(set, counter);
	if (counter > set->newest)
		set->newest = counter;
	return true;
}

/* A counter as an adversary would choose it, seen from the newest. */
static uint64_t
random_counter(uint64_t *random, uint64_t newest)
{
	switch (seed_below(random, 4096)) {
	case 0:
		return newest + (UINT64_C(1) << 32);
	case 1:
		return newest + 8192 * seed_below(random, 10000);
	case 2:
		return seed_below(random, 64) == 0 ? newest + (UINT64_C(1) << 63) : newest;
	case 3:
		return seed_next(random) < UINT64_MAX / 1024 ? R - seed_below(random, 100) : newest;
	case 4 ... 99:
		return newest + seed_below(random, 9000);
	case 100 ... 1999:
		return newest - seed_below(random, 9000);
	case 2000 ... 2100:
		return newest - W - 32 + seed_below(random, 64);
	default:
		return newest - 32 + seed_below(random, 64);
	}
}

static void
rp_4_p_3_random_walk(void **context)
{
	static struct set set;
	uint64_t random = seed_new();
	struct replay replay = {0};
	uint64_t accepted = 0;

	for (unsigned steps = 0; steps < 10000000;) {
		const unsigned count = 1 + (unsigned)seed_below(&random, 64);
		uint64_t counters[64];
		uint64_t expected = 0;
		uint64_t at = set.newest;

		/* Half of the calls: a run upwards with gaps, as a lane that has a part of a flow.
		 */
		for (unsigned i = 0; i < count; i++) {
			if (count & 1)
				counters[i] = random_counter(&random, set.newest);
			else
				counters[i] = at += seed_below(&random, 3);
		}
		for (unsigned i = 0; i < count; i++)
			expected |= (uint64_t)set_accept(&set, counters[i]) << i;
		accepted += (unsigned)__builtin_popcountll(expected);
		if (replay_accept(&replay, counters, count) != expected ||
			replay_newest(&replay) != set.newest)
			fail_msg("step %u, newest %llu", steps, (unsigned long long)set.newest);
		steps += count;
		/* Near the end of all counters there is little to see: start anew. */
		if (set.newest > UINT64_C(3) << 62 && seed_below(&random, 64) == 0) {
			memset(&set, 0, sizeof(set));
			replay = (struct replay){0};
		}
	}
	assert_in_range(accepted, 2000000, 9000000);
}

#define THREADS 4
#define INJECTED 1000000U
#define SHUFFLED 4000U /* within as many, so that a thread's own disorder stays in the window */

struct injection {
	struct replay replay;
	pthread_barrier_t start;
	uint64_t stride;
	uint8_t accepted[INJECTED]; /* atomic: how often */
};

struct injector {
	struct injection *injection;
	uint64_t random;
	pthread_t thread;
};

static void *
inject(void *argument)
{
	struct injector *injector = argument;
	struct injection *injection = injector->injection;
	uint32_t order[SHUFFLED] = {0};

	pthread_barrier_wait(&injection->start);
	for (uint32_t base = 0; base < INJECTED; base += SHUFFLED) {
		for (uint32_t i = 0; i < SHUFFLED; i++) {
			const uint64_t other = seed_below(&injector->random, i + 1);
			order[i] = order[other];
			order[other] = base + i;
		}
		for (uint32_t i = 0; i < SHUFFLED;) {
			unsigned count = 1 + (unsigned)seed_below(&injector->random, 64);
			uint64_t counters[64];
			uint64_t mask;

			count = count < SHUFFLED - i ? count : SHUFFLED - i;
			for (unsigned j = 0; j < count; j++)
				counters[j] = order[i + j] * injection->stride;
			mask = replay_accept(&injection->replay, counters, count);
			for (unsigned j = 0; j < count; j++) {
				if (mask >> j & 1)
					__atomic_fetch_add(&injection->accepted[order[i + j]], 1,
						__ATOMIC_RELAXED);
			}
			i += count;
		}
	}
	return NULL;
}

static void
inject_from_threads(struct injection *injection, uint64_t stride)
{
	uint64_t random = seed_new();
	struct injector injectors[THREADS];

	memset(injection, 0, sizeof(*injection));
	injection->stride = stride;
	assert_int_equal(pthread_barrier_init(&injection->start, NULL, THREADS), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		injectors[i].injection = injection;
		injectors[i].random = seed_next(&random);
		assert_int_equal(
			pthread_create(&injectors[i].thread, NULL, inject, &injectors[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(injectors[i].thread, NULL), 0);
	pthread_barrier_destroy(&injection->start);
	assert_int_equal(replay_newest(&injection->replay), (INJECTED - 1) * stride);
}

/*
 * Whoever is the first to bring a counter is at most SHUFFLED behind the others, which have not
 * yet brought it either: so each counter must be accepted, and once.
 */
static void
rp_10_rp_11_defect_6_defect_8_every_counter_once_over_threads(void **context)
{
	static struct injection injection;

	inject_from_threads(&injection, 1);
	for (unsigned i = 0; i < INJECTED; i++) {
		if (injection.accepted[i] != 1)
			fail_msg("counter %u accepted %u times", i, injection.accepted[i]);
	}
}

/* With gaps threads are rounds of the ring apart: some counters come too late, none twice. */
static void
rp_10_rounds_apart(void **context)
{
	static struct injection injection;
	unsigned accepted = 0;

	inject_from_threads(&injection, 37);
	for (unsigned i = 0; i < INJECTED; i++) {
		if (injection.accepted[i] > 1)
			fail_msg("counter %u accepted %u times", i, injection.accepted[i]);
		accepted += injection.accepted[i];
	}
	/* One thread alone has some 228 of each shuffled part accepted. */
	assert_in_range(accepted, INJECTED / SHUFFLED * 100, INJECTED - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rp_1_defect_7_table),
		cmocka_unit_test(rp_1_sweeps),
		cmocka_unit_test(rp_2_twice_in_one_call),
		cmocka_unit_test(rp_3_edge_of_the_window),
		cmocka_unit_test(rp_3_edge_moves_within_a_call),
		cmocka_unit_test(rp_4_p_3_random_walk),
		cmocka_unit_test(rp_5_jumps_clear_the_window),
		cmocka_unit_test(rp_6_defect_17_reject_after_messages),
		cmocka_unit_test(rp_7_windows_are_independent),
		cmocka_unit_test(rp_8_zero_on_a_new_session),
		cmocka_unit_test(rp_10_rp_11_defect_6_defect_8_every_counter_once_over_threads),
		cmocka_unit_test(rp_10_rounds_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
