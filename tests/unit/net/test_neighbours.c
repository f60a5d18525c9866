/*
 * Neighbours in the kernel's table: how many are managed because of us, and when they are given up.
 */
#include "net/neighbours.h"

#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <net/if.h>

#include <cmocka.h>

/* As neighbours.c has it. */
#define MANAGED_MAX 256

static struct netlink netlink;
static struct neighbours neighbours;
static struct lab_log lab_log;

static int
setup(void **state)
{
	lab_enter();
	lab_log_init(&lab_log);
	/* Nobody is to answer but who is told to. */
	lab_run("ip addr add 10.100.0.1/16 dev u0");
	if (netlink_open(&netlink) != 0)
		return -1;
	neighbours_init(&neighbours, &netlink, if_nametoindex("u0"), -1, &lab_log.log);
	return 0;
}

static int
teardown(void **state)
{
	neighbours_fini(&neighbours);
	netlink_close(&netlink);
	lab_leave();
	return 0;
}

static bool
find(const char *text)
{
	uint8_t mac[6];
	const struct address address = lab_address(text);
	return neighbours_find(&neighbours, &address, mac);
}

static void
find_many(unsigned count)
{
	char text[ADDRESS_TEXT_MAX];
	for (unsigned i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "10.100.%u.%u", 1 + i / 250, 1 + i % 250);
		find(text);
	}
}

static bool
managed(const char *text)
{
	return lab_succeeds("ip neigh show %s dev u0 | grep -q managed", text);
}

static bool
managed_count_is(unsigned count)
{
	return lab_succeeds("n=$(ip neigh show dev u0 | grep -c managed); echo \"managed: $n\"; "
			    "[ $n -eq %u ]",
		count);
}

static void
what_is_found_again_stays(void **state)
{
	find("10.7.0.2");
	for (unsigned i = 0; i < 5; i++) {
		assert_true(neighbours_refresh(&neighbours));
		find("10.7.0.2");
		assert_true(managed("10.7.0.2"));
	}
}

static void
what_is_not_found_again_is_given_up(void **state)
{
	find("10.7.0.2");
	find("10.7.0.3");
	assert_true(managed("10.7.0.3"));
	/* Not at the first refresh: who needs it has not been asked to find it yet. */
	assert_true(neighbours_refresh(&neighbours));
	find("10.7.0.2");
	assert_true(managed("10.7.0.3"));
	assert_true(neighbours_refresh(&neighbours));
	assert_true(managed("10.7.0.2"));
	assert_false(managed("10.7.0.3"));
	assert_false(neighbours_refresh(&neighbours));
	assert_true(managed_count_is(0));
	/* And can be had again. */
	find("10.7.0.3");
	assert_true(managed("10.7.0.3"));
}

static void
permanent_entries_are_not_removed(void **state)
{
	lab_run("ip neigh add 10.7.0.9 dev u0 lladdr 02:00:00:00:00:09 nud permanent");
	assert_true(find("10.7.0.9"));
	assert_true(neighbours_refresh(&neighbours));
	assert_false(neighbours_refresh(&neighbours));
	assert_true(lab_succeeds("ip neigh show 10.7.0.9 dev u0 | grep -q PERMANENT"));
}

static void
only_so_many_are_managed(void **state)
{
	find_many(MANAGED_MAX + 50);
	assert_true(managed_count_is(MANAGED_MAX));
	/* Those beyond are asked for all the same. */
	lab_run("ip neigh replace 10.7.0.2 dev u0 lladdr 02:00:00:00:00:42 nud reachable");
	assert_true(find("10.7.0.2"));
	assert_false(managed("10.7.0.2"));
	/* When the others are not needed any more there is room for the one that is. */
	neighbours_refresh(&neighbours);
	find("10.7.0.2");
	neighbours_refresh(&neighbours);
	find("10.7.0.2");
	assert_true(managed("10.7.0.2"));
	assert_true(managed_count_is(1));
}

static void
the_table_is_bounded(void **state)
{
	find_many(4096 + 10);
	assert_in_range(neighbours.count, 1, 4096);
	assert_false(find("10.7.0.2"));
	neighbours_refresh(&neighbours);
	neighbours_refresh(&neighbours);
	assert_int_equal(neighbours.count, 0);
	find("10.7.0.2");
	assert_true(managed("10.7.0.2"));
}

#define LAB_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(what_is_found_again_stays),
		LAB_TEST(what_is_not_found_again_is_given_up),
		LAB_TEST(permanent_entries_are_not_removed),
		LAB_TEST(only_so_many_are_managed),
		LAB_TEST(the_table_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
