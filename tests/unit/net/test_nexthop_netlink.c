/*
 * Next hops as the kernel has them, while its routes, neighbours, addresses and links change.
 */
#include "net/nexthop.h"

#include "lab.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* Longer than anything here takes, so that only a failure waits for it; and than the time after
 * which what the kernel did not find is asked for again. */
#define PATIENCE_MS 20000

static struct nexthops *nexthops;
static struct lab_log lab_log;

static int
setup(void **state)
{
	lab_enter();
	lab_log_init(&lab_log);
	return nexthops_netlink_create("u0", &lab_log.log, &nexthops);
}

static int
teardown(void **state)
{
	nexthops_destroy(nexthops);
	lab_leave();
	return 0;
}

static struct nexthop
resolve_from(const char *destination, const char *source)
{
	struct nexthop nexthop;
	const struct address to = lab_address(destination);
	const struct address from = source != NULL ? lab_address(source) : (struct address){0};
	nexthops_resolve(nexthops, &to, 0, source != NULL ? &from : NULL, 0, &nexthop);
	return nexthop;
}

static struct nexthop
resolve(const char *destination)
{
	return resolve_from(destination, NULL);
}

/* Processes what is there and what comes within `wait_ms`; returns whether answers may differ. */
static bool
changed_within(int wait_ms)
{
	struct pollfd pollfd = {.fd = nexthops->fd, .events = POLLIN};
	bool changed = false;
	while (!changed && poll(&pollfd, 1, wait_ms) == 1) {
		int result = nexthops_process(nexthops);
		assert_true(result >= 0);
		changed = result == 1;
	}
	return changed;
}

/* Resolves again at each change until the state is the one wanted. */
static struct nexthop
resolve_until(const char *destination, enum nexthop_state wanted)
{
	struct nexthop nexthop = resolve(destination);
	while (nexthop.state != wanted && changed_within(PATIENCE_MS))
		nexthop = resolve(destination);
	assert_int_equal(nexthop.state, wanted);
	return nexthop;
}

static void
assert_source(const struct nexthop *nexthop, const char *text)
{
	char source[ADDRESS_TEXT_MAX];
	assert_string_equal(address_format(&nexthop->source, source), text);
}

static void
assert_mac_there(const struct nexthop *nexthop, const char *iface)
{
	uint8_t mac[6];
	lab_mac(true, iface, mac);
	assert_memory_equal(nexthop->destination_mac, mac, 6);
	lab_mac(false, "u0", mac);
	assert_memory_equal(nexthop->source_mac, mac, 6);
}

static void
assert_mac(const struct nexthop *nexthop, uint8_t last_byte)
{
	const uint8_t mac[6] = {2, 0, 0, 0, 0, last_byte};
	assert_memory_equal(nexthop->destination_mac, mac, 6);
}

static void
neighbour_is_asked_for_and_reported(void **state)
{
	/* Else the answer is there before we have looked. */
	lab_run_there("ip link set p0 arp off");
	struct nexthop nexthop = resolve("10.7.0.2");
	assert_int_equal(nexthop.state, NEXTHOP_RESOLVING);
	assert_source(&nexthop, "10.7.0.1");
	lab_run_there("ip link set p0 arp on");
	/* Asks again only when it is told that there is something new. */
	nexthop = resolve_until("10.7.0.2", NEXTHOP_READY);
	assert_source(&nexthop, "10.7.0.1");
	assert_mac_there(&nexthop, "p0");
	assert_int_equal(nexthop.mtu, 1500);
}

/* Of the calling thread alone. */
static void
give_up_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[2] = {{.effective = 0}};

	assert_int_equal(syscall(SYS_capset, &header, none), 0);
}

static void *
resolve_without_capabilities(void *argument)
{
	struct nexthop *nexthop = argument;

	give_up_capabilities();
	*nexthop = resolve("10.7.0.2");
	return NULL;
}

static void
neighbour_of_a_thread_that_may_not_ask_is_asked_for_by_another(void **state)
{
	struct nexthop nexthop;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, resolve_without_capabilities, &nexthop), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(nexthop.state, NEXTHOP_RESOLVING);
	/* Nobody has asked the kernel yet; this thread is told to. */
	assert_true(changed_within(PATIENCE_MS));
	nexthop = resolve_until("10.7.0.2", NEXTHOP_READY);
	assert_mac_there(&nexthop, "p0");
}

static void
neighbour_is_resolved_for_ipv6(void **state)
{
	struct nexthop nexthop = resolve_until("fd07::2", NEXTHOP_READY);
	assert_source(&nexthop, "fd07::1");
	assert_mac_there(&nexthop, "p0");
}

static void
neighbour_that_is_not_there_stays_resolving(void **state)
{
	assert_int_equal(resolve("10.7.0.77").state, NEXTHOP_RESOLVING);
	changed_within(100);
	assert_int_equal(resolve("10.7.0.77").state, NEXTHOP_RESOLVING);
}

static void
link_local_destination_is_of_the_underlay(void **state)
{
	struct nexthop nexthop;
	const struct address to = lab_address("fe80::77");
	lab_run("ip neigh add fe80::77 dev u0 lladdr 02:00:00:00:00:77 nud permanent");
	nexthops_resolve(nexthops, &to, nexthops->ifindex, NULL, 0, &nexthop);
	assert_int_equal(nexthop.state, NEXTHOP_READY);
	assert_mac(&nexthop, 0x77);
	assert_int_equal(resolve("fe80::77").state, NEXTHOP_READY);
	nexthops_resolve(nexthops, &to, if_nametoindex("e0"), NULL, 0, &nexthop);
	assert_int_equal(nexthop.state, NEXTHOP_ELSEWHERE);
	assert_string_equal(nexthop.elsewhere, "e0");
}

static void
gateway_is_the_neighbour_and_its_change_is_seen(void **state)
{
	lab_run("ip neigh add 10.7.0.8 dev u0 lladdr 02:00:00:00:00:08 nud permanent");
	lab_run("ip neigh add 10.7.0.9 dev u0 lladdr 02:00:00:00:00:09 nud permanent");
	lab_run("ip route add 192.0.2.0/24 via 10.7.0.8");
	struct nexthop nexthop = resolve_until("192.0.2.1", NEXTHOP_READY);
	assert_mac(&nexthop, 8);
	lab_run("ip route change 192.0.2.0/24 via 10.7.0.9");
	assert_true(changed_within(PATIENCE_MS));
	nexthop = resolve("192.0.2.1");
	assert_int_equal(nexthop.state, NEXTHOP_READY);
	assert_mac(&nexthop, 9);
	lab_run("ip route del 192.0.2.0/24");
	assert_true(changed_within(PATIENCE_MS));
	assert_int_equal(resolve("192.0.2.1").state, NEXTHOP_NO_ROUTE);
}

static void
ipv4_route_through_an_ipv6_neighbour(void **state)
{
	lab_run("ip route add 192.0.2.0/24 via inet6 fd07::2 dev u0");
	struct nexthop nexthop = resolve_until("192.0.2.1", NEXTHOP_READY);
	assert_source(&nexthop, "10.7.0.1");
	assert_mac_there(&nexthop, "p0");
}

static void
new_mac_of_a_neighbour_is_seen(void **state)
{
	resolve_until("10.7.0.2", NEXTHOP_READY);
	lab_run("ip neigh replace 10.7.0.2 dev u0 lladdr 02:00:00:00:00:42 nud reachable");
	assert_true(changed_within(PATIENCE_MS));
	struct nexthop nexthop = resolve("10.7.0.2");
	assert_int_equal(nexthop.state, NEXTHOP_READY);
	assert_mac(&nexthop, 0x42);
}

static void
neighbour_that_fails_keeps_its_mac_and_comes_back(void **state)
{
	resolve_until("10.7.0.2", NEXTHOP_READY);
	lab_run_there("ip link set p0 address 02:00:00:00:00:43");
	lab_run("ip neigh change 10.7.0.2 dev u0 nud failed");
	lab_run("ip neigh del 10.7.0.2 dev u0");
	struct nexthop nexthop = resolve("10.7.0.2");
	assert_int_equal(nexthop.state, NEXTHOP_READY);
	/* It was deleted, which makes us ask again: the new MAC must come without more ado. */
	const uint8_t wanted[6] = {2, 0, 0, 0, 0, 0x43};
	while (memcmp(nexthop.destination_mac, wanted, 6) != 0 && changed_within(PATIENCE_MS)) {
		nexthop = resolve("10.7.0.2");
		assert_int_equal(nexthop.state, NEXTHOP_READY);
	}
	assert_mac(&nexthop, 0x43);
}

static void
neighbours_are_managed_and_given_back(void **state)
{
	resolve_until("10.7.0.2", NEXTHOP_READY);
	assert_true(lab_succeeds("ip neigh show 10.7.0.2 dev u0 | grep -q managed"));
	nexthops_destroy(nexthops);
	assert_false(lab_succeeds("ip neigh show dev u0 | grep managed"));
	assert_int_equal(nexthops_netlink_create("u0", &lab_log.log, &nexthops), 0);
}

static void
permanent_neighbours_stay_as_they_are(void **state)
{
	lab_run("ip neigh add 10.7.0.9 dev u0 lladdr 02:00:00:00:00:09 nud permanent");
	struct nexthop nexthop = resolve("10.7.0.9");
	assert_int_equal(nexthop.state, NEXTHOP_READY);
	assert_mac(&nexthop, 9);
	assert_true(lab_succeeds("ip neigh show 10.7.0.9 dev u0 | grep -q PERMANENT"));
	nexthops_destroy(nexthops);
	assert_true(lab_succeeds("ip neigh show 10.7.0.9 dev u0 | grep -q PERMANENT"));
	assert_int_equal(nexthops_netlink_create("u0", &lab_log.log, &nexthops), 0);
}

static void
managed_neighbours_of_a_killed_gateway_are_removed(void **state)
{
	/* 103 is the protocol number of our entries. */
	lab_run("ip neigh add 10.7.0.50 dev u0 managed protocol 103");
	lab_run("ip neigh add 10.7.0.51 dev u0 managed");
	nexthops_destroy(nexthops);
	assert_int_equal(nexthops_netlink_create("u0", &lab_log.log, &nexthops), 0);
	assert_false(lab_succeeds("ip neigh show 10.7.0.50 dev u0 | grep managed"));
	assert_true(lab_succeeds("ip neigh show 10.7.0.51 dev u0 | grep -q managed"));
}

static void
no_route_and_forbidding_routes(void **state)
{
	static const char *const kinds[] = {"blackhole", "unreachable", "prohibit"};
	assert_int_equal(resolve("198.51.100.1").state, NEXTHOP_NO_ROUTE);
	assert_int_equal(resolve("2001:db8::1").state, NEXTHOP_NO_ROUTE);
	lab_run("ip route add default via 10.7.0.2 && ip -6 route add default via fd07::2");
	resolve_until("198.51.100.1", NEXTHOP_READY);
	resolve_until("2001:db8::1", NEXTHOP_READY);
	for (size_t i = 0; i < 3; i++) {
		lab_run("ip route add %s 198.51.100.0/24", kinds[i]);
		lab_run("ip -6 route add %s 2001:db8::/32", kinds[i]);
		while (changed_within(100))
			;
		assert_int_equal(resolve("198.51.100.1").state, NEXTHOP_NO_ROUTE);
		assert_int_equal(resolve("2001:db8::1").state, NEXTHOP_NO_ROUTE);
		lab_run("ip route del 198.51.100.0/24; ip -6 route del 2001:db8::/32");
	}
}

static void
route_through_another_interface_is_named(void **state)
{
	struct nexthop nexthop = resolve("10.8.0.2");
	assert_int_equal(nexthop.state, NEXTHOP_ELSEWHERE);
	assert_string_equal(nexthop.elsewhere, "e0");
	lab_run("ip route add 10.8.0.2/32 via 10.7.0.2");
	assert_true(changed_within(PATIENCE_MS));
	resolve_until("10.8.0.2", NEXTHOP_READY);
}

static void
rule_is_followed(void **state)
{
	lab_run("ip route add 192.0.2.0/24 via 10.7.0.2");
	resolve_until("192.0.2.1", NEXTHOP_READY);
	lab_run("ip rule add to 192.0.2.0/24 prohibit");
	assert_true(changed_within(PATIENCE_MS));
	assert_int_equal(resolve("192.0.2.1").state, NEXTHOP_NO_ROUTE);
}

static void
destinations_that_are_this_host_or_many(void **state)
{
	static const char *const texts[] = {"10.7.0.1", "10.8.0.1", "127.0.0.1", "10.7.0.255",
		"224.0.0.1", "fd07::1", "::1", "ff02::1"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (resolve(texts[i]).state != NEXTHOP_LOCAL)
			fail_msg("%s is not local", texts[i]);
}

static void
source_is_kept_while_it_is_ours(void **state)
{
	struct nexthop nexthop;
	lab_run("ip addr add 10.7.0.5/24 dev u0 && ip addr add fd07::5/64 dev u0 nodad");
	while (changed_within(100))
		;
	nexthop = resolve_from("10.7.0.2", "10.7.0.5");
	assert_source(&nexthop, "10.7.0.5");
	nexthop = resolve_from("fd07::2", "fd07::5");
	assert_source(&nexthop, "fd07::5");
	nexthop = resolve_from("10.7.0.2", "10.7.0.99");
	assert_source(&nexthop, "10.7.0.1");
	nexthop = resolve_from("10.7.0.2", "fd07::5");
	assert_source(&nexthop, "10.7.0.1");

	lab_run("ip addr del 10.7.0.5/24 dev u0 && ip addr del fd07::5/64 dev u0");
	while (changed_within(100))
		;
	nexthop = resolve_from("10.7.0.2", "10.7.0.5");
	assert_source(&nexthop, "10.7.0.1");
	nexthop = resolve_from("fd07::2", "fd07::5");
	assert_source(&nexthop, "fd07::1");
}

static void
source_of_the_route_is_preferred(void **state)
{
	lab_run("ip addr add 10.7.0.5/24 dev u0");
	lab_run("ip route add 192.0.2.0/24 via 10.7.0.2 src 10.7.0.5");
	while (changed_within(100))
		;
	struct nexthop nexthop = resolve("192.0.2.1");
	assert_source(&nexthop, "10.7.0.5");
}

static void
mtu_is_the_link_s_or_the_route_s(void **state)
{
	struct nexthop nexthop = resolve_until("10.7.0.2", NEXTHOP_READY);
	assert_int_equal(nexthop.mtu, 1500);
	lab_run("ip link set u0 mtu 1400");
	while (changed_within(100))
		;
	assert_int_equal(resolve("10.7.0.2").mtu, 1400);
	lab_run("ip route add 192.0.2.0/24 via 10.7.0.2 mtu 1300");
	assert_true(changed_within(PATIENCE_MS));
	assert_int_equal(resolve("192.0.2.1").mtu, 1300);
}

static bool
local_has(const char *text)
{
	struct address local[16];
	const struct address wanted = lab_address(text);
	size_t count = nexthops_local(nexthops, local, 16);
	for (size_t i = 0; i < count; i++)
		if (address_equal(&local[i], &wanted))
			return true;
	return false;
}

static void
local_addresses_are_the_underlay_s(void **state)
{
	assert_true(local_has("10.7.0.1"));
	assert_true(local_has("fd07::1"));
	assert_false(local_has("10.8.0.1"));
	assert_false(local_has("127.0.0.1"));
	assert_false(local_has("10.7.0.6"));
	lab_run("ip addr add 10.7.0.6/24 dev u0 && ip addr del fd07::1/64 dev u0");
	while (changed_within(100))
		;
	assert_true(local_has("10.7.0.6"));
	assert_false(local_has("fd07::1"));
}

static bool
networks_have(const char *text)
{
	struct prefix networks[16];
	const struct prefix wanted = lab_prefix(text);
	size_t count = nexthops_networks(nexthops, networks, 16);
	for (size_t i = 0; i < count; i++)
		if (prefix_compare(&networks[i], &wanted) == 0)
			return true;
	return false;
}

static void
networks_are_the_underlay_s(void **state)
{
	assert_true(networks_have("10.7.0.0/24"));
	assert_true(networks_have("fd07::/64"));
	assert_false(networks_have("10.8.0.0/24"));
	/* The same address with another length, and one with the other end's. */
	lab_run("ip addr add 10.7.0.1/20 dev u0 && ip addr add 10.9.0.1 peer 10.9.1.2/28 dev u0");
	while (changed_within(100))
		;
	assert_true(networks_have("10.7.0.0/24"));
	assert_true(networks_have("10.7.0.0/20"));
	assert_true(networks_have("10.9.1.0/28"));
	lab_run("ip addr del 10.7.0.1/20 dev u0");
	while (changed_within(100))
		;
	assert_true(networks_have("10.7.0.0/24"));
	assert_false(networks_have("10.7.0.0/20"));
	assert_true(local_has("10.7.0.1"));
}

static void
address_of_the_link_itself_changes(void **state)
{
	const uint8_t mac[6] = {2, 0, 0, 0, 0, 0x11};
	resolve_until("10.7.0.2", NEXTHOP_READY);
	lab_run("ip link set u0 address 02:00:00:00:00:11");
	while (changed_within(100))
		;
	assert_memory_equal(resolve("10.7.0.2").source_mac, mac, 6);
}

static void
link_goes_down_and_up(void **state)
{
	resolve_until("10.7.0.2", NEXTHOP_READY);
	lab_run("ip link set u0 down");
	while (changed_within(100))
		;
	assert_int_equal(resolve("10.7.0.2").state, NEXTHOP_NO_ROUTE);
	lab_run("ip link set u0 up");
	resolve_until("10.7.0.2", NEXTHOP_READY);
	while (changed_within(100))
		resolve("10.7.0.2");
	assert_true(lab_succeeds("ip neigh show 10.7.0.2 dev u0 | grep -q managed"));
}

static void
link_vanishes(void **state)
{
	resolve_until("10.7.0.2", NEXTHOP_READY);
	lab_run("ip link del u0");
	while (changed_within(100))
		;
	assert_int_equal(resolve("10.7.0.2").state, NEXTHOP_NO_ROUTE);
	assert_true(lab_log_has(&lab_log, "u0 is gone"));
}

static void
nothing_new_is_nothing_new(void **state)
{
	resolve_until("10.7.0.2", NEXTHOP_READY);
	while (changed_within(100))
		;
	assert_int_equal(nexthops_process(nexthops), 0);
	/* Another's neighbour is nothing to us. */
	lab_run("ip neigh add 10.7.0.9 dev u0 lladdr 02:00:00:00:00:09 nud permanent");
	lab_run("ip neigh add 10.8.0.9 dev e0 lladdr 02:00:00:00:00:09 nud permanent");
	assert_false(changed_within(50));
}

/* More events than the socket holds; the one that matters is among those that are lost. */
static void
lost_events_are_made_up_for(void **state)
{
	resolve_until("10.7.0.2", NEXTHOP_READY);
	lab_run("i=0; while [ $i -lt 16000 ]; do "
		"echo route add 172.16.$((i / 250)).$((i %% 250)) dev e0; i=$((i + 1)); "
		"done | ip -batch -");
	lab_run("ip neigh replace 10.7.0.2 dev u0 lladdr 02:00:00:00:00:42 nud permanent");
	lab_run("ip addr add 10.7.0.6/24 dev u0");
	while (changed_within(100))
		;
	struct nexthop nexthop = resolve("10.7.0.2");
	assert_mac(&nexthop, 0x42);
	assert_true(local_has("10.7.0.6"));
}

static void
underlay_must_be_there_and_ethernet(void **state)
{
	struct nexthops *other;
	assert_int_equal(nexthops_netlink_create("none0", &lab_log.log, &other), -ENODEV);
	assert_true(lab_log_has(&lab_log, "none0"));
	assert_int_equal(lab_log.count, 1);
	assert_int_equal(nexthops_netlink_create("lo", &lab_log.log, &other), -ENOTSUP);
	assert_true(lab_log_has(&lab_log, "lo is not an Ethernet interface"));
	assert_int_equal(lab_log.count, 2);
}

static void
interface_to_a_destination(void **state)
{
	char iface[16];
	struct address to = lab_address("10.8.0.2");
	assert_int_equal(nexthop_interface_to(&to, iface), 0);
	assert_string_equal(iface, "e0");
	to = lab_address("fd07::2");
	assert_int_equal(nexthop_interface_to(&to, iface), 0);
	assert_string_equal(iface, "u0");
	to = lab_address("198.51.100.1");
	assert_int_equal(nexthop_interface_to(&to, iface), -ENETUNREACH);
	to = lab_address("2001:db8::1");
	assert_int_equal(nexthop_interface_to(&to, iface), -ENETUNREACH);
}

#define LAB_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(neighbour_is_asked_for_and_reported),
		LAB_TEST(neighbour_of_a_thread_that_may_not_ask_is_asked_for_by_another),
		LAB_TEST(neighbour_is_resolved_for_ipv6),
		LAB_TEST(neighbour_that_is_not_there_stays_resolving),
		LAB_TEST(link_local_destination_is_of_the_underlay),
		LAB_TEST(gateway_is_the_neighbour_and_its_change_is_seen),
		LAB_TEST(ipv4_route_through_an_ipv6_neighbour),
		LAB_TEST(new_mac_of_a_neighbour_is_seen),
		LAB_TEST(neighbour_that_fails_keeps_its_mac_and_comes_back),
		LAB_TEST(neighbours_are_managed_and_given_back),
		LAB_TEST(permanent_neighbours_stay_as_they_are),
		LAB_TEST(managed_neighbours_of_a_killed_gateway_are_removed),
		LAB_TEST(no_route_and_forbidding_routes),
		LAB_TEST(route_through_another_interface_is_named),
		LAB_TEST(rule_is_followed),
		LAB_TEST(destinations_that_are_this_host_or_many),
		LAB_TEST(source_is_kept_while_it_is_ours),
		LAB_TEST(source_of_the_route_is_preferred),
		LAB_TEST(mtu_is_the_link_s_or_the_route_s),
		LAB_TEST(local_addresses_are_the_underlay_s),
		LAB_TEST(networks_are_the_underlay_s),
		LAB_TEST(address_of_the_link_itself_changes),
		LAB_TEST(link_goes_down_and_up),
		LAB_TEST(link_vanishes),
		LAB_TEST(nothing_new_is_nothing_new),
		LAB_TEST(lost_events_are_made_up_for),
		LAB_TEST(underlay_must_be_there_and_ethernet),
		LAB_TEST(interface_to_a_destination),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
