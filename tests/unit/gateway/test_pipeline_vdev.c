/*
 * A device of DPDK's as the pipeline's port: net_af_packet on a veth whose other end is the test.
 */
#include "gateway/pipeline.h"

#include "lab.h"
#include "pair.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PACKET_LEN 100
#define FRAME_LEN (14 + PACKET_LEN)
#define PATIENCE_MS 10000

static const uint8_t their_mac[6] = {2, 0xa, 0xb, 0xc, 0xd, 0xe};

static int
setup(void **state)
{
	lab_enter();
	return pair_eal(state);
}

static int
teardown(void **state)
{
	lab_leave();
	return pair_eal_end(state);
}

/* The kernel speaks there, too: only a packet of that number is waited for. */
static void
expect_frame(int fd, const uint8_t to[6], uint32_t number)
{
	uint8_t packet[PACKET_LEN];
	uint8_t seen[2048];
	ssize_t len;

	pair_packet_make(packet, 4, PACKET_LEN, 0, 1, number);
	do {
		struct pollfd readable = {.fd = fd, .events = POLLIN};

		assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
		len = recv(fd, seen, sizeof(seen), 0);
	} while (len != FRAME_LEN || memcmp(seen + 12, "\x08\x00", 2) != 0);
	assert_memory_equal(seen, to, 6);
	assert_memory_equal(seen + 14, packet, PACKET_LEN);
}

static void
packets_go_to_the_device_and_come_from_it(void **state)
{
	static const uint8_t everybody[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct tunnel *tunnel = pair_tunnel(pair, 1);
	const struct log *log = &pair->sites[1].log;
	struct pipeline_choice choice;
	struct port *port;
	uint8_t frame[FRAME_LEN];
	int fd;

	/* What the kernel says there is nobody's. */
	pair->drops_unchecked = true;
	assert_int_equal(
		pipeline_choice_parse("vdev:net_af_packet9,iface=u0", "t", log, &choice), 0);
	assert_int_equal(pipeline_open(&choice, "t", 1, pair->pool, log, &port), 0);
	tunnel->pipeline = port;
	fd = lab_packet_socket(true, "p0");

	pair_send(pair, 0, 1, 7);
	pair_settle(pair);
	expect_frame(fd, everybody, 7);
	assert_int_equal(pair->sites[1].received_count, 0);

	memcpy(frame, port->mac, 6);
	memcpy(frame + 6, their_mac, 6);
	memcpy(frame + 12, "\x08\x00", 2);
	pair_packet_make(frame + 14, 4, PACKET_LEN, 1, 0, 8);
	assert_int_equal(send(fd, frame, FRAME_LEN, 0), FRAME_LEN);
	for (unsigned i = 0; i < PATIENCE_MS && pair->sites[0].received_count == 0; i++) {
		usleep(1000);
		pair_settle(pair);
	}
	assert_int_equal(pair->sites[0].received_count, 1);
	assert_int_equal(pair_received(pair, 0, 0)->number, 8);
	assert_memory_equal(pair_received(pair, 0, 0)->bytes, frame + 14, PACKET_LEN);

	pair_send(pair, 0, 1, 9);
	pair_settle(pair);
	expect_frame(fd, their_mac, 9);
	close(fd);
	tunnel->pipeline = NULL;
	port_close(port);
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_go_to_the_device_and_come_from_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
