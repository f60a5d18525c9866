/*
 * Deferred freeing: not before every lane has passed, and not never.
 */
#include "tunnel/reclaim.h"

#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LANES 3

struct object {
	struct reclaim_item item; /* first: the item is the object */
	unsigned freed;
};

static void
note_freed(struct reclaim_item *item)
{
	((struct object *)item)->freed++;
}

static void
without_lanes_online_all_goes_at_once(void **state)
{
	struct object object = {.freed = 0};
	struct reclaim reclaim;

	assert_int_equal(reclaim_init(&reclaim, LANES), 0);
	reclaim_defer(&reclaim, &object.item, note_freed);
	assert_int_equal(object.freed, 0);
	assert_int_equal(reclaim_poll(&reclaim), 0);
	assert_int_equal(object.freed, 1);
	reclaim_fini(&reclaim);
	assert_int_equal(object.freed, 1);
}

static void
every_lane_must_pass(void **state)
{
	struct object object = {.freed = 0};
	struct reclaim reclaim;

	assert_int_equal(reclaim_init(&reclaim, LANES), 0);
	for (unsigned lane = 0; lane < LANES; lane++)
		reclaim_online(&reclaim, lane);
	reclaim_quiescent(&reclaim, 0);
	reclaim_defer(&reclaim, &object.item, note_freed);
	assert_int_equal(reclaim_poll(&reclaim), 1);
	reclaim_quiescent(&reclaim, 0);
	reclaim_quiescent(&reclaim, 1);
	assert_int_equal(reclaim_poll(&reclaim), 1);
	assert_int_equal(object.freed, 0);
	/* One that sleeps holds nothing. */
	reclaim_offline(&reclaim, 2);
	assert_int_equal(reclaim_poll(&reclaim), 0);
	assert_int_equal(object.freed, 1);
	for (unsigned lane = 0; lane < 2; lane++)
		reclaim_offline(&reclaim, lane);
	reclaim_fini(&reclaim);
}

static void
older_ones_go_first_and_younger_wait(void **state)
{
	struct object objects[3] = {{.freed = 0}};
	struct reclaim reclaim;

	assert_int_equal(reclaim_init(&reclaim, 1), 0);
	reclaim_online(&reclaim, 0);
	reclaim_defer(&reclaim, &objects[0].item, note_freed);
	reclaim_defer(&reclaim, &objects[1].item, note_freed);
	reclaim_quiescent(&reclaim, 0);
	reclaim_defer(&reclaim, &objects[2].item, note_freed);
	assert_int_equal(reclaim_poll(&reclaim), 1);
	assert_int_equal(objects[0].freed, 1);
	assert_int_equal(objects[1].freed, 1);
	assert_int_equal(objects[2].freed, 0);
	reclaim_offline(&reclaim, 0);
	/* What still waits at the end goes then. */
	reclaim_fini(&reclaim);
	assert_int_equal(objects[2].freed, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_lanes_online_all_goes_at_once),
		cmocka_unit_test(every_lane_must_pass),
		cmocka_unit_test(older_ones_go_first_and_younger_wait),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
