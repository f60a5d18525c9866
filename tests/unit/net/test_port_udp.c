/*
 * UDP sockets as a port: frames made up around what they carry, and the ways that the kernel knows.
 */
#include "net/port_udp.h"
#include "net/udp_frame.h"

#include "eal.h"
#include "lab.h"

#include <rte_mbuf.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PORT 4567
#define THERE 7000
#define TOS 0x88

static struct rte_mempool *pool;
static struct lab_log lab_log;
static struct udp_sockets *sockets;
static struct port *port;
static struct nexthops *nexthops;

static int
group_setup(void **state)
{
	lab_enter();
	if (eal_start() < 0)
		return -1;
	pool = eal_pool("udp", 2048);
	return pool != NULL ? 0 : -1;
}

static int
group_teardown(void **state)
{
	lab_leave();
	return eal_stop();
}

static void
open_port(uint16_t queue_count)
{
	lab_log_init(&lab_log);
	assert_int_equal(udp_sockets_create(queue_count, &lab_log.log, &sockets), 0);
	assert_int_equal(port_udp_create(sockets, 1500, pool, &lab_log.log, &port), 0);
	assert_int_equal(nexthops_udp_create(sockets, &lab_log.log, &nexthops), 0);
	assert_int_equal(hold_port(&sockets->hold, PORT, &lab_log.log), 0);
}

static int
setup(void **state)
{
	open_port(1);
	return 0;
}

static int
teardown(void **state)
{
	port_close(port);
	nexthops_destroy(nexthops);
	hold_destroy(&sockets->hold);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	return 0;
}

static struct endpoint
endpoint(const char *text)
{
	struct endpoint read;

	assert_int_equal(endpoint_parse(text, &read), 0);
	return read;
}

/* A socket there, bound to the endpoint; its family is the text's. */
static int
socket_there(const struct endpoint *at)
{
	const bool v4 = at->address.family == ADDRESS_IPV4;
	struct sockaddr_in at4 = {.sin_family = AF_INET, .sin_port = htons(at->port)};
	struct sockaddr_in6 at6 = {.sin6_family = AF_INET6, .sin6_port = htons(at->port)};
	int fd = lab_socket_there(v4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);

	memcpy(&at4.sin_addr, at->address.bytes, 4);
	memcpy(&at6.sin6_addr, at->address.bytes, 16);
	assert_int_equal(
		bind(fd, v4 ? (const void *)&at4 : &at6, v4 ? sizeof(at4) : sizeof(at6)), 0);
	return fd;
}

/* Connects it to the endpoint here. */
static void
connect_to(int fd, const struct endpoint *to)
{
	const bool v4 = to->address.family == ADDRESS_IPV4;
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(to->port)};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(to->port)};

	memcpy(&to4.sin_addr, to->address.bytes, 4);
	memcpy(&to6.sin6_addr, to->address.bytes, 16);
	assert_int_equal(
		connect(fd, v4 ? (const void *)&to4 : &to6, v4 ? sizeof(to4) : sizeof(to6)), 0);
}

/* Takes exactly `count` frames off the port, and none more. */
static void
receive(struct rte_mbuf *mbufs[], unsigned count)
{
	unsigned got = 0;

	for (unsigned attempt = 0; attempt < 200 && got < count; attempt++) {
		struct pollfd fd = {.fd = port_descriptor(port, 0), .events = POLLIN};

		poll(&fd, 1, 10);
		got += port_receive(port, 0, mbufs + got, (uint16_t)(count - got));
	}
	assert_int_equal(got, count);
	assert_int_equal(port_receive(port, 0, mbufs, 1), 0);
}

static void
expect_frame(struct rte_mbuf *mbuf, const struct endpoint *from, const struct endpoint *to,
	size_t len, uint8_t first)
{
	const uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	struct outer outer;

	assert_int_equal(outer_parse(frame, mbuf->data_len, &outer), OUTER_OK);
	assert_true(endpoint_equal(&outer.source, from));
	assert_true(endpoint_equal(&outer.destination, to));
	assert_int_equal(outer.payload_len, len);
	assert_int_equal(frame[outer.payload_offset], first);
	assert_int_equal(frame[outer.payload_offset + len - 1], first);
}

/* A frame of `len` equal bytes by the next hop to `to`, from `from`, as out_encap makes it. */
static struct rte_mbuf *
make_frame(const struct endpoint *from, const struct endpoint *to, size_t len, uint8_t byte)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
	struct outer_header header;
	uint8_t own[6];
	uint8_t next[6];
	uint8_t *payload;

	udp_frame_own(own);
	udp_frame_mac(to->scope_id, next);
	outer_header_make(&header, next, own, from, to);
	payload = (uint8_t *)rte_pktmbuf_append(mbuf, (uint16_t)(header.len + len)) + header.len;
	memset(payload, byte, len);
	outer_header_write(&header, payload, (uint16_t)len, TOS);
	return mbuf;
}

static void
transmit(struct rte_mbuf *mbufs[], uint16_t count)
{
	assert_int_equal(port_transmit(port, 0, mbufs, count), count);
}

static void
frames_say_what_sockets_said(void **state)
{
	static const char *const texts[][2] = {
		{"10.7.0.1:4567", "198.51.100.7:9"},
		{"0.0.0.0:1", "10.7.0.2:65535"},
		{"[fd07::1]:4567", "[2001:db8::7]:9"},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const struct udp_way back = {.local = endpoint(texts[i][1]),
			.remote = endpoint(texts[i][0]),
			.tos = TOS};
		struct outer_header header;
		uint8_t frame[OUTER_HEADER_MAX + 32] = {0};
		struct udp_way way;

		/* What comes by a way leaves by the same with its ends changed. */
		udp_frame_header(&header, &back);
		outer_header_write(&header, frame + header.len, 32, TOS);
		assert_int_equal(udp_frame_read(frame, header.len + 32U, &way), header.len);
		assert_true(endpoint_equal(&way.local, &back.remote));
		assert_true(address_equal(&way.remote.address, &back.local.address));
		assert_int_equal(way.remote.port, back.local.port);
		assert_int_equal(way.tos, TOS);
		for (size_t len = 0; len < header.len; len++)
			assert_int_equal(udp_frame_read(frame, len, &way), 0);
	}
}

static void
scope_goes_along_in_the_mac(void **state)
{
	const struct udp_way came = {
		.local = endpoint("[fe80::1]:4567"),
		.remote = {.address = lab_address("fe80::2"), .port = 7000, .scope_id = 0x12345},
	};
	struct outer_header header;
	uint8_t frame[OUTER_HEADER_MAX + 32] = {0};
	uint8_t macs[12];
	struct udp_way way;

	udp_frame_header(&header, &came);
	outer_header_write(&header, frame + header.len, 32, 0);
	/* An answer goes to where the frame came from, with ends and MACs changed. */
	memcpy(macs, frame + 6, 6);
	memcpy(macs + 6, frame, 6);
	outer_header_make(&header, macs, macs + 6, &came.local,
		&(const struct endpoint){.address = came.remote.address, .port = 7000});
	outer_header_write(&header, frame + header.len, 32, 0);
	assert_int_equal(udp_frame_read(frame, sizeof(frame), &way), header.len);
	assert_true(endpoint_equal(&way.remote, &came.remote));
}

static void
carries_both_ways(const char *here, const char *there)
{
	const struct endpoint at = endpoint(here);
	const struct endpoint from = endpoint(there);
	const int fd = socket_there(&from);
	struct rte_mbuf *mbufs[3];
	uint8_t bytes[1400];

	connect_to(fd, &at);
	for (uint8_t i = 1; i <= 3; i++) {
		memset(bytes, i, sizeof(bytes));
		assert_int_equal(send(fd, bytes, 100U * i, 0), 100 * i);
	}
	receive(mbufs, 3);
	for (uint8_t i = 1; i <= 3; i++)
		expect_frame(mbufs[i - 1], &from, &at, 100U * i, i);
	rte_pktmbuf_free_bulk(mbufs, 3);
	/* It is connected, so that only what comes from that address is heard. */
	for (uint8_t i = 1; i <= 3; i++)
		mbufs[i - 1] = make_frame(&at, &from, 1000U * (i == 2) + i, i);
	transmit(mbufs, 3);
	for (uint8_t i = 1; i <= 3; i++) {
		assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), 1000 * (i == 2) + i);
		assert_int_equal(bytes[0], i);
	}
	close(fd);
}

static void
answers_leave_from_the_address_that_was_addressed(void **state)
{
	lab_run("ip addr add 10.7.0.9/24 dev u0; ip addr add fd07::9/64 dev u0 nodad");
	carries_both_ways("10.7.0.1:4567", "10.7.0.2:7000");
	carries_both_ways("10.7.0.9:4567", "10.7.0.2:7000");
	carries_both_ways("[fd07::1]:4567", "[fd07::2]:7000");
	carries_both_ways("[fd07::9]:4567", "[fd07::2]:7000");
	lab_run("ip addr del 10.7.0.9/24 dev u0; ip addr del fd07::9/64 dev u0");
}

static void
kernel_chooses_a_source_that_is_not_given(void **state)
{
	const struct endpoint to = endpoint("10.8.0.2:7000");
	const struct endpoint from = {.address = {.family = ADDRESS_IPV4}, .port = PORT};
	const int fd = socket_there(&to);
	struct sockaddr_in heard;
	socklen_t len = sizeof(heard);
	struct rte_mbuf *mbuf = make_frame(&from, &to, 32, 1);
	char bytes[64];

	transmit(&mbuf, 1);
	assert_int_equal(
		recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&heard, &len), 32);
	assert_int_equal(heard.sin_addr.s_addr, inet_addr("10.8.0.1"));
	assert_int_equal(ntohs(heard.sin_port), PORT);
	close(fd);
}

/* Runs of one length leave as one, and arrive as they were; who can takes them as one. */
static void
runs_are_joined_and_taken_apart(void **state)
{
	const struct endpoint at = endpoint("10.7.0.1:4567");
	const struct endpoint to = endpoint("10.7.0.2:7000");
	const int fd = socket_there(&to);
	const int on = 1;
	struct rte_mbuf *mbufs[30];
	static uint8_t bytes[65536];
	size_t total = 0;
	unsigned calls = 0;

	connect_to(fd, &at);
	assert_int_equal(setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)), 0);
	for (unsigned i = 0; i < 30; i++)
		mbufs[i] = make_frame(&at, &to, i % 10 == 9 ? 50 : 1000, (uint8_t)i);
	transmit(mbufs, 30);
	while (total < 3 * 9050) {
		const ssize_t len = recv(fd, bytes, sizeof(bytes), 0);

		assert_int_equal(bytes[0], total / 9050 * 10 + total % 9050 / 1000);
		assert_in_range(len, 1, 9050);
		total += (size_t)len;
		calls++;
	}
	assert_int_equal(calls, 3);
	/* And the other way: one call there, frames of 1000 bytes and a shorter one here. */
	for (unsigned i = 0; i < 10; i++)
		memset(bytes + (size_t)1000 * i, (int)i, 1000);
	assert_int_equal(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &(int){1000}, sizeof(int)), 0);
	assert_int_equal(send(fd, bytes, 9050, 0), 9050);
	receive(mbufs, 10);
	for (uint8_t i = 0; i < 10; i++)
		expect_frame(mbufs[i], &to, &at, i < 9 ? 1000 : 50, i);
	rte_pktmbuf_free_bulk(mbufs, 10);
	close(fd);
}

static void
counts_what_the_kernel_refuses(void **state)
{
	const struct endpoint from = {.address = {.family = ADDRESS_IPV4}, .port = PORT};
	const struct endpoint other = {.address = {.family = ADDRESS_IPV4}, .port = PORT + 1};
	const struct endpoint nowhere = endpoint("203.0.113.1:7000");
	const struct endpoint to = endpoint("10.7.0.2:7000");
	const int fd = socket_there(&to);
	struct rte_mbuf *mbufs[4] = {
		make_frame(&from, &nowhere, 100, 1), /* there is no route */
		make_frame(&other, &to, 100, 2), /* not a port of ours */
		make_frame(&from, &to, 1800, 3), /* longer than the way's MTU */
		make_frame(&from, &to, 100, 4),
	};
	uint8_t bytes[2000];

	transmit(mbufs, 4);
	assert_int_equal(port->refused, 3);
	assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), 100);
	assert_int_equal(bytes[0], 4);
	close(fd);
}

/* ICMP port unreachable is told to the socket once, and costs no packet of another peer. */
static void
errors_of_one_peer_cost_no_other_anything(void **state)
{
	const struct endpoint at = endpoint("10.7.0.1:4567");
	const struct endpoint deaf = endpoint("10.7.0.2:7999");
	const struct endpoint to = endpoint("10.7.0.2:7000");
	const int fd = socket_there(&to);
	struct rte_mbuf *mbuf;
	uint8_t bytes[64];

	connect_to(fd, &at);
	for (unsigned i = 0; i < 3; i++) {
		mbuf = make_frame(&at, &deaf, 32, 1);
		transmit(&mbuf, 1);
		usleep(20000);
		if (i < 2) {
			mbuf = make_frame(&at, &to, 32, 2);
			transmit(&mbuf, 1);
			assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), 32);
		}
	}
	assert_int_equal(port->refused, 0);
	assert_int_equal(send(fd, bytes, 32, 0), 32);
	receive(&mbuf, 1);
	rte_pktmbuf_free(mbuf);
	/* They are taken off the sockets, and mean nothing for the ways. */
	while (poll(&(struct pollfd){.fd = sockets->erroneous, .events = POLLIN}, 1, 0) > 0)
		assert_false(udp_sockets_hear(sockets));
	close(fd);
}

static void
ports_come_and_go(void **state)
{
	struct lab_log others;
	struct udp_sockets *other;
	uint16_t any;

	lab_log_init(&others);
	assert_int_equal(udp_sockets_create(1, &others.log, &other), 0);
	assert_int_equal(hold_port(&other->hold, PORT, &others.log), -EADDRINUSE);
	assert_true(lab_log_has(&others, "UDP port 4567 is in use by test_port_udp"));
	assert_int_equal(hold_any_port(&other->hold, &any, &others.log), 0);
	assert_int_equal(hold_port(&sockets->hold, any, &lab_log.log), -EADDRINUSE);
	hold_release(&other->hold, any);
	assert_int_equal(hold_port(&sockets->hold, any, &lab_log.log), 0);
	hold_release(&sockets->hold, PORT);
	assert_int_equal(hold_port(&other->hold, PORT, &others.log), 0);
	hold_destroy(&other->hold);
}

static void
several_queues_share_a_port(void **state)
{
	unsigned got[2] = {0, 0};

	teardown(state);
	open_port(2);
	for (unsigned i = 0; i < 64; i++) {
		const struct endpoint at = endpoint("10.7.0.1:4567");
		struct endpoint from = endpoint("10.7.0.2:7000");
		int fd;

		from.port = (uint16_t)(7000 + i);
		fd = socket_there(&from);
		connect_to(fd, &at);
		assert_int_equal(send(fd, "x", 1, 0), 1);
		close(fd);
	}
	for (unsigned attempt = 0; attempt < 200 && got[0] + got[1] < 64; attempt++) {
		for (uint16_t queue = 0; queue < 2; queue++) {
			struct rte_mbuf *mbufs[64];
			const uint16_t count = port_receive(port, queue, mbufs, 64);

			rte_pktmbuf_free_bulk(mbufs, count);
			got[queue] += count;
		}
		usleep(1000);
	}
	assert_int_equal(got[0] + got[1], 64);
	assert_in_range(got[0], 1, 63);
}

static struct nexthop
resolve(const char *text, const char *source_text, uint32_t mark)
{
	const struct address to = lab_address(text);
	struct address source = {0};
	struct nexthop nexthop;

	if (source_text != NULL)
		source = lab_address(source_text);
	nexthops_resolve(nexthops, &to, 0, source_text == NULL ? NULL : &source, mark, &nexthop);
	return nexthop;
}

static void
ways_are_what_the_kernel_says(void **state)
{
	const struct address kept = lab_address("fd07::1");
	struct nexthop nexthop = resolve("10.7.0.2", NULL, 0);

	assert_int_equal(nexthop.state, NEXTHOP_READY);
	assert_int_equal(nexthop.mtu, 1500);
	assert_true(address_equal(&nexthop.source, &(struct address){.family = ADDRESS_IPV4}));
	nexthop = resolve("fd07::2", "fd07::1", 0);
	assert_int_equal(nexthop.state, NEXTHOP_READY);
	assert_true(address_equal(&nexthop.source, &kept));
	/* One that is not the host's any more is not kept. */
	nexthop = resolve("10.7.0.2", "10.7.0.77", 0);
	assert_int_equal(nexthop.state, NEXTHOP_READY);
	assert_true(address_equal(&nexthop.source, &(struct address){.family = ADDRESS_IPV4}));
	assert_int_equal(resolve("127.0.0.1", NULL, 0).state, NEXTHOP_READY);
	assert_int_equal(resolve("203.0.113.1", NULL, 0).state, NEXTHOP_NO_ROUTE);
	while (nexthops_process(nexthops) == 1)
		;
	lab_run("ip route add 203.0.113.0/24 via 10.7.0.2 mtu 1400");
	assert_int_equal(nexthops_process(nexthops), 1);
	assert_int_equal(resolve("203.0.113.1", NULL, 0).mtu, 1400);
	/* Marked packets may go another way. */
	lab_run("ip rule add fwmark 7 table 77 && ip route add unreachable default table 77");
	assert_int_equal(resolve("203.0.113.1", NULL, 7).state, NEXTHOP_NO_ROUTE);
	assert_int_equal(resolve("203.0.113.1", NULL, 0).state, NEXTHOP_READY);
	assert_int_equal(hold_mark(&sockets->hold, PORT, 7, &lab_log.log), 0);
	struct endpoint from = {.address = {.family = ADDRESS_IPV4}, .port = PORT};
	struct endpoint to = endpoint("203.0.113.1:7000");
	struct rte_mbuf *mbuf = make_frame(&from, &to, 32, 1);
	transmit(&mbuf, 1);
	assert_int_equal(port->refused, 1);
	assert_int_equal(hold_mark(&sockets->hold, PORT, 0, &lab_log.log), 0);
	mbuf = make_frame(&from, &to, 32, 1);
	transmit(&mbuf, 1);
	assert_int_equal(port->refused, 1);
	lab_run("ip rule del fwmark 7 && ip route del 203.0.113.0/24");
}

/* A router there says that packets are too big; the way's MTU is then what it says. */
static void
path_mtu_is_heard(void **state)
{
	const struct endpoint from = {.address = {.family = ADDRESS_IPV4}, .port = PORT};
	const struct endpoint far = endpoint("203.0.113.9:7000");
	struct rte_mbuf *mbuf;
	bool changed = false;

	lab_run_there("sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'");
	lab_run_there("ip route add 203.0.113.9/32 via 10.8.0.1 mtu lock 1300");
	lab_run("ip route add 203.0.113.9/32 via 10.7.0.2");
	while (nexthops_process(nexthops) == 1)
		;
	assert_int_equal(resolve("203.0.113.9", NULL, 0).mtu, 1500);
	for (unsigned i = 0; i < 50 && !changed; i++) {
		mbuf = make_frame(&from, &far, 1400, 1);
		transmit(&mbuf, 1);
		usleep(10000);
		changed = nexthops_process(nexthops) == 1;
	}
	assert_true(changed);
	assert_int_equal(resolve("203.0.113.9", NULL, 0).mtu, 1300);
	lab_run("ip route del 203.0.113.9/32");
}

#define UDP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_say_what_sockets_said),
		cmocka_unit_test(scope_goes_along_in_the_mac),
		UDP_TEST(answers_leave_from_the_address_that_was_addressed),
		UDP_TEST(kernel_chooses_a_source_that_is_not_given),
		UDP_TEST(runs_are_joined_and_taken_apart),
		UDP_TEST(counts_what_the_kernel_refuses),
		UDP_TEST(errors_of_one_peer_cost_no_other_anything),
		UDP_TEST(ports_come_and_go),
		UDP_TEST(several_queues_share_a_port),
		UDP_TEST(ways_are_what_the_kernel_says),
		UDP_TEST(path_mtu_is_heard),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
