/*
 * The heap of peers by due time, at random against a plain search.
 */
#include "control/due.h"

#include "../proto/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PEERS 200
#define STEPS 200000

static struct peer *
peers_new(void)
{
	struct peer *peers = aligned_alloc(64, PEERS * sizeof(*peers));

	assert_non_null(peers);
	memset(peers, 0, PEERS * sizeof(*peers));
	return peers;
}

static void
expect_earliest(const struct due *due, struct peer peers[], const bool in[])
{
	const struct peer *first = due_first(due);
	const struct peer *earliest = NULL;

	for (unsigned i = 0; i < PEERS; i++) {
		assert_int_equal(peers[i].due_slot != 0, in[i]);
		if (in[i] && (earliest == NULL || peers[i].due_ns < earliest->due_ns))
			earliest = &peers[i];
	}
	if (earliest == NULL)
		assert_null(first);
	else
		assert_true(first != NULL && first->due_ns == earliest->due_ns);
}

static void
agrees_with_a_plain_search(void **state)
{
	struct peer *peers = peers_new();
	bool in[PEERS] = {false};
	struct due due = {.count = 0};
	uint64_t seed = seed_new();

	assert_int_equal(due_reserve(&due, PEERS), 0);
	for (unsigned step = 0; step < STEPS; step++) {
		const unsigned i = (unsigned)seed_below(&seed, PEERS);

		if (seed_below(&seed, 4) == 0) {
			due_remove(&due, &peers[i]);
			in[i] = false;
		} else {
			/* Few values, so that many are equal; and the far end of time. */
			due_set(&due, &peers[i],
				seed_below(&seed, 9) == 0 ? UINT64_MAX : seed_below(&seed, 300));
			in[i] = true;
		}
		expect_earliest(&due, peers, in);
	}
	due_fini(&due);
	free(peers);
}

static void
comes_out_in_order(void **state)
{
	struct peer *peers = peers_new();
	struct due due = {.count = 0};
	uint64_t seed = seed_new();
	uint64_t last_ns = 0;

	assert_int_equal(due_reserve(&due, PEERS / 2), 0);
	for (unsigned i = 0; i < PEERS / 2; i++)
		due_set(&due, &peers[i], seed_next(&seed));
	/* More room, with peers in it. */
	assert_int_equal(due_reserve(&due, PEERS), 0);
	for (unsigned i = PEERS / 2; i < PEERS; i++)
		due_set(&due, &peers[i], seed_next(&seed));
	for (unsigned i = 0; i < PEERS; i++) {
		struct peer *first = due_first(&due);

		assert_true(first->due_ns >= last_ns);
		last_ns = first->due_ns;
		due_remove(&due, first);
	}
	assert_null(due_first(&due));
	due_remove(&due, &peers[0]);
	due_fini(&due);
	free(peers);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_plain_search),
		cmocka_unit_test(comes_out_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
