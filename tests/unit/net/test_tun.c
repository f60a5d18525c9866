/*
 * The host device: its address, routes and packets, as the kernel sees them.
 */
#include "net/tun.h"

#include "lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct tun tun;
static struct lab_log lab_log;

static int
setup(void **state)
{
	struct prefix addresses[2];

	lab_enter();
	lab_log_init(&lab_log);
	addresses[0] = lab_prefix("10.20.0.5/24");
	addresses[1] = lab_prefix("fd20::5/64");
	return tun_open("wg0", NULL, 1420, addresses, 2, &lab_log.log, &tun);
}

static int
teardown(void **state)
{
	tun_close(&tun);
	lab_leave();
	return 0;
}

static void
has_name_addresses_and_mtu_and_is_up(void **state)
{
	assert_string_equal(tun.name, "wg0");
	assert_true(tun.ifindex != 0);
	assert_true(lab_succeeds("ip -o addr show dev wg0 | grep -q 'inet 10.20.0.5/24 '"));
	assert_true(lab_succeeds("ip -o addr show dev wg0 | grep -q 'inet6 fd20::5/64 '"));
	assert_false(lab_succeeds("ip -o addr show dev wg0 | grep tentative"));
	assert_false(lab_succeeds("ip -o addr show dev wg0 | grep fe80"));
	assert_true(lab_succeeds("ip link show wg0 | grep -q 'UP.* mtu 1420 '"));
	assert_int_equal(lab_log.count, 0);
}

static void
mtu_changes(void **state)
{
	assert_int_equal(tun_set_mtu(&tun, 1380), 0);
	assert_true(lab_succeeds("ip link show wg0 | grep -q 'UP.* mtu 1380 '"));
	assert_int_equal(tun_set_mtu(&tun, 10), -EINVAL);
}

static int
udp_socket(const char *address, uint16_t port)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, address, &name.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

/* Reads a packet with its checksum, as a wire would have it. */
static ssize_t
read_whole(void *packet, size_t size)
{
	static uint8_t raw[SEGMENT_PACKET_MAX];
	struct segment_hints hints;
	struct segments segments;
	const ssize_t len = tun_read(&tun, raw, sizeof(raw), &hints);

	if (len <= 0)
		return len;
	assert_true(segments_begin(&segments, raw, (size_t)len, &hints));
	assert_in_range(segments_next_len(&segments), 1, size);
	segments_take(&segments, packet);
	assert_int_equal(segments_next_len(&segments), 0);
	return len;
}

static ssize_t
write_whole(const void *packet, size_t len)
{
	const struct segment_hints none = {0};
	const struct iovec piece = {(void *)(uintptr_t)packet, len};

	return tun_write(&tun, &piece, 1, &none);
}

static void
packets_come_out_and_go_in(void **state)
{
	static const uint8_t world[5] = {'w', 'o', 'r', 'l', 'd'};
	uint8_t packet[2048] = {0};
	char text[16];
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(7777)};
	int fd = udp_socket("10.20.0.5", 8888);

	/* Nothing but what is sent: no router solicitation, no multicast report. */
	assert_int_equal(poll(&(struct pollfd){.fd = tun.fd, .events = POLLIN}, 1, 300), 0);
	assert_int_equal(read_whole(packet, sizeof(packet)), 0);
	assert_int_equal(inet_pton(AF_INET, "10.20.0.9", &to.sin_addr), 1);
	assert_int_equal(sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
	assert_int_equal(read_whole(packet, sizeof(packet)), 20 + 8 + 5);
	struct iphdr *ip = (struct iphdr *)packet;
	struct udphdr *udp = (struct udphdr *)(packet + 20);
	assert_int_equal(ip->version, 4);
	assert_int_equal(ip->daddr, to.sin_addr.s_addr);
	assert_memory_equal(packet + 28, "hello", 5);
	assert_int_equal(read_whole(packet + 1000, 1000), 0);

	/* Back to where it came from; swapping leaves the IPv4 checksum right. */
	ip->daddr = ip->saddr;
	ip->saddr = to.sin_addr.s_addr;
	udp->dest = htons(8888);
	udp->source = htons(7777);
	udp->check = 0;
	memcpy(packet + 28, world, sizeof(world));
	assert_int_equal(write_whole(packet, 33), 33);
	assert_int_equal(recv(fd, text, sizeof(text), 0), 5);
	assert_memory_equal(text, "world", 5);
	assert_int_equal(write_whole("\xff\xff\xff\xff", 4), -EINVAL);
	close(fd);
}

static void
reads_nothing_when_nothing_is_there(void **state)
{
	uint8_t packet[64];
	assert_int_equal(read_whole(packet, sizeof(packet)), 0);
}

static void
routes_come_and_go(void **state)
{
	const struct prefix prefix4 = lab_prefix("192.0.2.0/24");
	const struct prefix prefix6 = lab_prefix("2001:db8::/32");
	assert_int_equal(tun_route_add(&tun, &prefix4), 0);
	assert_int_equal(tun_route_add(&tun, &prefix6), 0);
	assert_true(lab_succeeds("ip route show 192.0.2.0/24 | grep -q 'dev wg0 .*scope link'"));
	assert_true(lab_succeeds("ip -6 route show 2001:db8::/32 | grep -q 'dev wg0'"));
	assert_int_equal(tun_route_add(&tun, &prefix4), 0);
	assert_int_equal(tun_route_add(&tun, &prefix6), 0);
	assert_int_equal(tun_route_remove(&tun, &prefix4), 0);
	assert_int_equal(tun_route_remove(&tun, &prefix6), 0);
	assert_false(lab_succeeds("ip route show 192.0.2.0/24 | grep wg0"));
	assert_false(lab_succeeds("ip -6 route show 2001:db8::/32 | grep wg0"));
	assert_int_equal(tun_route_remove(&tun, &prefix4), 0);
}

static void
route_that_the_device_s_address_brought_stays(void **state)
{
	const struct prefix own = lab_prefix("10.20.0.0/24");
	assert_int_equal(tun_route_add(&tun, &own), 0);
	assert_int_equal(tun_route_remove(&tun, &own), 0);
	assert_true(lab_succeeds("ip route show 10.20.0.0/24 | grep -q 'dev wg0'"));
}

static void
another_device_s_route_is_left_alone(void **state)
{
	const struct prefix prefix = lab_prefix("192.0.2.0/24");
	lab_run("ip route add 192.0.2.0/24 dev u0");
	assert_int_equal(tun_route_add(&tun, &prefix), -EEXIST);
	assert_int_equal(tun_route_remove(&tun, &prefix), 0);
	assert_true(lab_succeeds("ip route show 192.0.2.0/24 | grep -q 'dev u0'"));
	assert_false(lab_succeeds("ip route show 192.0.2.0/24 | grep wg0"));
}

static void
name_in_use_and_impossible_names_are_refused(void **state)
{
	static const char *const names[] = {"", "wg%d", "a/b", "much-too-long-a-name"};
	struct tun other;
	assert_int_equal(tun_open("wg0", NULL, 1420, NULL, 0, &lab_log.log, &other), -EBUSY);
	assert_true(lab_log_has(&lab_log, "wg0 exists already"));
	assert_int_equal(lab_log.count, 1);
	assert_int_equal(tun_open("u0", NULL, 1420, NULL, 0, &lab_log.log, &other), -EBUSY);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(
			tun_open(names[i], NULL, 1420, NULL, 0, &lab_log.log, &other), -EINVAL);
		assert_int_equal(lab_log.count, 3 + i);
	}
}

static void
it_may_be_in_another_namespace(void **state)
{
	const struct prefix address = lab_prefix("10.20.0.5/24");
	const struct prefix route = lab_prefix("10.21.0.0/16");
	char path[LAB_THERE_MAX];
	struct tun other;

	lab_there(path);
	/* Name and address are taken here, and free there. */
	assert_int_equal(tun_open("wg0", path, 1420, &address, 1, &lab_log.log, &other), 0);
	assert_int_equal(tun_set_mtu(&other, 1380), 0);
	assert_int_equal(tun_route_add(&other, &route), 0);
	lab_run_there("ip -o addr show dev wg0 | grep -q 'inet 10.20.0.5/24 '");
	lab_run_there("ip link show wg0 | grep -q 'UP.* mtu 1380 '");
	lab_run_there("ip route show 10.21.0.0/16 | grep -q 'dev wg0 '");
	assert_true(lab_succeeds("ip link show wg0 | grep -q 'UP.* mtu 1420 '"));
	assert_false(lab_succeeds("ip route show 10.21.0.0/16 | grep ."));
	assert_int_equal(tun_route_remove(&other, &route), 0);
	lab_run_there("sh -c 'test -z \"$(ip route show 10.21.0.0/16)\"'");
	tun_close(&other);
	lab_run_there("sh -c '! ip link show wg0 2>/dev/null'");
	assert_int_equal(lab_log.count, 0);
}

static void
a_namespace_that_is_not_there_is_refused(void **state)
{
	struct tun other;

	assert_int_equal(
		tun_open("wg1", "gl-no-such", 1420, NULL, 0, &lab_log.log, &other), -ENOENT);
	assert_true(lab_log_has(&lab_log,
		"wg1: there is no network namespace gl-no-such: No such file or directory; make "
		"it (ip netns add), or give another by netns"));
	assert_true(tun_open("wg1", "/dev/null", 1420, NULL, 0, &lab_log.log, &other) < 0);
	assert_true(lab_log_has(
		&lab_log, "wg1: nothing can be set up in the network namespace /dev/null"));
}

static void
what_cannot_be_configured_is_taken_down_again(void **state)
{
	struct tun other;
	const struct prefix address6 = lab_prefix("fd20::6/64");
	assert_true(tun_open("wg1", NULL, 1000, &address6, 1, &lab_log.log, &other) < 0);
	assert_true(lab_log_has(&lab_log, "IPv6 needs an MTU of at least 1280"));
	assert_int_equal(other.fd, -1);
	assert_false(lab_succeeds("ip link show wg1 2>/dev/null"));
}

static void
closing_removes_it(void **state)
{
	tun_close(&tun);
	assert_int_equal(tun.fd, -1);
	assert_false(lab_succeeds("ip link show wg0 2>/dev/null"));
}

#define LAB_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(has_name_addresses_and_mtu_and_is_up),
		LAB_TEST(mtu_changes),
		LAB_TEST(packets_come_out_and_go_in),
		LAB_TEST(reads_nothing_when_nothing_is_there),
		LAB_TEST(routes_come_and_go),
		LAB_TEST(route_that_the_device_s_address_brought_stays),
		LAB_TEST(another_device_s_route_is_left_alone),
		LAB_TEST(name_in_use_and_impossible_names_are_refused),
		LAB_TEST(it_may_be_in_another_namespace),
		LAB_TEST(a_namespace_that_is_not_there_is_refused),
		LAB_TEST(what_cannot_be_configured_is_taken_down_again),
		LAB_TEST(closing_removes_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
