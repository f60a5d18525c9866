/*
 * Batches: packets of a session form one run, whatever their order; drops are counted once.
 */
#include "datapath/batch.h"

#include "datapath/lane.h"

#include "pair.h"

#include "../proto/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void *
zeroed(size_t len)
{
	void *memory = aligned_alloc(64, (len + 63) & ~(size_t)63);

	assert_non_null(memory);
	memset(memory, 0, len);
	return memory;
}

/* `count` packets of the sessions that `choose` names; each run must be what a plain look finds. */
static void
join_and_check(
	struct batch *batch, struct session *sessions[], const uint8_t choose[], unsigned count)
{
	uint64_t covered = 0;
	uint64_t first_of_last = 0;

	batch_begin(batch, 1);
	for (unsigned i = 0; i < count; i++) {
		batch_add(batch, NULL);
		batch_join(batch, i, sessions[choose[i]]);
	}
	for (unsigned r = 0; r < batch->run_count; r++) {
		const struct run *run = &batch->runs[r];
		uint64_t expected = 0;

		for (unsigned i = 0; i < count; i++)
			if (sessions[choose[i]] == run->session)
				expected |= UINT64_C(1) << i;
		assert_true(run->mask == expected);
		assert_ptr_equal(run->peer, run->session->peer);
		assert_true((covered & run->mask) == 0);
		/* Runs are in the order of their first packets. */
		assert_true((run->mask & -run->mask) > first_of_last);
		first_of_last = run->mask & -run->mask;
		covered |= run->mask;
	}
	assert_true(covered == batch->live);
}

static void
runs_are_right_for_any_sessions_and_indices(void **state)
{
	struct batch *batch = zeroed(sizeof(*batch));
	struct session *sessions[BATCH_MAX];
	struct peer *peers = zeroed(BATCH_MAX * sizeof(*peers));
	uint64_t seed = seed_new();

	for (unsigned i = 0; i < BATCH_MAX; i++) {
		sessions[i] = zeroed(sizeof(struct session));
		sessions[i]->peer = &peers[i];
	}
	for (unsigned round = 0; round < 20000; round++) {
		const unsigned spread = 1 + (unsigned)seed_below(&seed, BATCH_MAX);
		/* All in one slot, all in the last slots, or anywhere. */
		const unsigned kind = (unsigned)seed_below(&seed, 3);
		uint8_t choose[BATCH_MAX];

		for (unsigned i = 0; i < BATCH_MAX; i++) {
			sessions[i]->local_index = (uint32_t)seed_next(&seed);
			if (kind == 0)
				sessions[i]->local_index &= ~(uint32_t)(BATCH_RUN_SLOTS - 1);
			else if (kind == 1)
				sessions[i]->local_index |= BATCH_RUN_SLOTS - 2;
			choose[i] = (uint8_t)seed_below(&seed, spread);
		}
		join_and_check(batch, sessions, choose, 1 + (unsigned)seed_below(&seed, BATCH_MAX));
	}
	for (unsigned i = 0; i < BATCH_MAX; i++)
		free(sessions[i]);
	free(peers);
	free(batch);
}

static void
sixty_four_sessions_make_sixty_four_runs(void **state)
{
	struct batch *batch = zeroed(sizeof(*batch));
	struct session *sessions[BATCH_MAX];
	struct peer *peer = zeroed(sizeof(*peer));
	uint8_t choose[BATCH_MAX];

	for (unsigned i = 0; i < BATCH_MAX; i++) {
		sessions[i] = zeroed(sizeof(struct session));
		sessions[i]->peer = peer;
		/* The very same index: two tunnels may have it. */
		sessions[i]->local_index = 0xffffffff;
		choose[i] = (uint8_t)i;
	}
	/* Twice: nothing of the first batch is left in the second. */
	for (unsigned round = 0; round < 2; round++) {
		join_and_check(batch, sessions, choose, BATCH_MAX);
		assert_int_equal(batch->run_count, BATCH_MAX);
	}
	for (unsigned i = 0; i < BATCH_MAX; i++)
		free(sessions[i]);
	free(peer);
	free(batch);
}

static void
masks_are_walked_from_the_lowest_bit(void **state)
{
	static const uint64_t masks[] = {0, 1, UINT64_C(1) << 63, UINT64_MAX, 0xf0f0};

	for (unsigned m = 0; m < sizeof(masks) / sizeof(masks[0]); m++) {
		uint64_t seen = 0;
		unsigned count = 0;

		MASK_FOREACH (i, masks[m]) {
			assert_true(seen >> i == 0);
			seen |= UINT64_C(1) << i;
			count++;
		}
		assert_true(seen == masks[m]);
		assert_int_equal(count, __builtin_popcountll(masks[m]));
	}
}

static void
a_drop_is_counted_for_lane_and_peer_and_frees_its_buffer(void **state)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"batch", 127, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	struct lane *lane = zeroed(sizeof(*lane));
	struct peer *peer = zeroed(peer_size(1));
	struct batch *batch = &lane->batch;

	assert_non_null(pool);
	batch_begin(batch, 1);
	for (unsigned i = 0; i < BATCH_MAX; i++)
		batch_add(batch, rte_pktmbuf_alloc(pool));
	assert_true(batch->live == UINT64_MAX);
	batch_drop(lane, batch, 63, peer, DROP_IN_AUTH);
	batch_drop(lane, batch, 0, NULL, DROP_IN_REPLAY);
	batch_drop_mask(lane, batch, 0xff00, peer, DROP_IN_AUTH);
	batch_end(batch, 1);
	assert_true(batch->live == (UINT64_MAX >> 1 & ~UINT64_C(0xff03)));
	assert_int_equal(lane->drops[DROP_IN_AUTH], 9);
	assert_int_equal(peer->lanes[0].drops[DROP_IN_AUTH], 9);
	assert_int_equal(lane->drops[DROP_IN_REPLAY], 1);
	assert_int_equal(peer->lanes[0].drops[DROP_IN_REPLAY], 0);
	assert_int_equal(rte_mempool_avail_count(pool), 127 - 64 + 11);
	batch_drop_mask(lane, batch, batch->live, peer, DROP_OUT_SEAL);
	assert_int_equal(rte_mempool_avail_count(pool), 127);
	rte_mempool_free(pool);
	free(peer);
	free(lane);
}

static void
every_reason_has_a_text_of_its_own(void **state)
{
	for (unsigned a = 0; a < DROP_COUNT; a++) {
		const char *text = drop_reason_text((enum drop_reason)a);

		assert_int_equal(
			strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789"), strlen(text));
		for (unsigned b = 0; b < a; b++)
			assert_string_not_equal(text, drop_reason_text((enum drop_reason)b));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_are_right_for_any_sessions_and_indices),
		cmocka_unit_test(sixty_four_sessions_make_sixty_four_runs),
		cmocka_unit_test(masks_are_walked_from_the_lowest_bit),
		cmocka_unit_test(a_drop_is_counted_for_lane_and_peer_and_frees_its_buffer),
		cmocka_unit_test(every_reason_has_a_text_of_its_own),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
