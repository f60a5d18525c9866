/*
 * Next hops that never change.
 */
#include "net/nexthop.h"

#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t own_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t next_mac[6] = {2, 0, 0, 0, 0, 2};

static void
answers_with_what_it_was_given(void **state)
{
	const struct address source4 = lab_address("10.0.0.1");
	const struct address source6 = lab_address("fd00::1");
	const struct address to4 = lab_address("192.0.2.1");
	const struct address to6 = lab_address("2001:db8::1");
	struct address local[3];
	struct prefix networks[3];
	struct nexthop nexthop;

	struct nexthops *nexthops =
		nexthops_static_create(own_mac, next_mac, &source4, &source6, 1400);
	assert_non_null(nexthops);
	nexthops_resolve(nexthops, &to4, 0, NULL, 0, &nexthop);
	assert_int_equal(nexthop.state, NEXTHOP_READY);
	assert_true(address_equal(&nexthop.source, &source4));
	assert_memory_equal(nexthop.source_mac, own_mac, 6);
	assert_memory_equal(nexthop.destination_mac, next_mac, 6);
	assert_int_equal(nexthop.mtu, 1400);
	nexthops_resolve(nexthops, &to6, 0, &source6, 0, &nexthop);
	assert_int_equal(nexthop.state, NEXTHOP_READY);
	assert_true(address_equal(&nexthop.source, &source6));

	assert_int_equal(nexthops_local(nexthops, local, 3), 2);
	assert_true(address_equal(&local[0], &source4));
	assert_true(address_equal(&local[1], &source6));
	assert_int_equal(nexthops_local(nexthops, local, 1), 1);
	assert_int_equal(nexthops_networks(nexthops, networks, 3), 2);
	assert_true(address_equal(&networks[0].address, &source4));
	assert_int_equal(networks[0].len, 32);
	assert_true(address_equal(&networks[1].address, &source6));
	assert_int_equal(networks[1].len, 128);
	assert_int_equal(nexthops_networks(nexthops, networks, 1), 1);
	assert_int_equal(nexthops->fd, -1);
	assert_int_equal(nexthops_process(nexthops), 0);
	nexthops_destroy(nexthops);
}

static void
has_no_route_for_a_family_without_address(void **state)
{
	const struct address source4 = lab_address("10.0.0.1");
	const struct address none = {.family = ADDRESS_NONE};
	const struct address to6 = lab_address("2001:db8::1");
	struct address local[2];
	struct nexthop nexthop;

	struct nexthops *nexthops =
		nexthops_static_create(own_mac, next_mac, &source4, &none, 1500);
	assert_non_null(nexthops);
	nexthops_resolve(nexthops, &to6, 0, NULL, 0, &nexthop);
	assert_int_equal(nexthop.state, NEXTHOP_NO_ROUTE);
	assert_int_equal(nexthops_local(nexthops, local, 2), 1);
	nexthops_destroy(nexthops);
}

static void
destroying_nothing_is_allowed(void **state)
{
	nexthops_destroy(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_with_what_it_was_given),
		cmocka_unit_test(has_no_route_for_a_family_without_address),
		cmocka_unit_test(destroying_nothing_is_allowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
