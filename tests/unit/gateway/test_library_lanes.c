/*
 * Lanes in the hands of the host application: several, on threads of its own, IPv4 and IPv6 inside
 * and outside, jumbo packets, and what is not for a tunnel or cannot be sent.
 */
#include "hosts.h"

#include "eal.h"

#include <rte_lcore.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PACKET_LEN 100
#define JUMBO_MTU 9000

/* One waits for the handshake; the others follow it. */
static void
packets_arrive_in_order_and_say_where_they_are_from(void **state)
{
	struct hosts hosts;

	hosts_begin(&hosts, &(const struct hosts_options){.lanes = 1});
	for (unsigned i = 0; i < 2; i++) {
		struct host *from = &hosts.hosts[i];
		struct host *to = from->other;
		const size_t offset = gl_origin_offset(to->gateway);
		uint32_t next = 0;

		for (uint32_t number = 0; number < 100; number++)
			hosts_inject(from, 0,
				hosts_packet(&hosts, 4, i, (uint8_t)(2 - i), PACKET_LEN, number));
		while (next < 100) {
			hosts_await(to, 0);
			for (unsigned k = 0; k < to->lanes[0].received_count; k++) {
				const struct rte_mbuf *packet = to->lanes[0].received[k];
				const struct gl_origin *origin = gl_packet_origin(packet, offset);

				assert_int_equal(hosts_packet_number(packet), next++);
				assert_int_equal(origin->peer, 1);
				assert_int_equal(origin->tunnel, 0);
			}
		}
	}
	hosts_end(&hosts);
}

static void
frames_that_are_not_ours_come_back_in_order(void **state)
{
	struct hosts hosts;
	struct host *host = &hosts.hosts[0];
	struct host_lane *lane = &host->lanes[0];

	hosts_begin(&hosts, &(const struct hosts_options){.lanes = 1});
	/* More than a burst, ARP by their type. */
	for (uint32_t i = 0; i < 100; i++) {
		struct rte_mbuf *mbuf = hosts_packet(&hosts, 4, 0, 2, PACKET_LEN, i);

		memcpy(rte_pktmbuf_mtod_offset(mbuf, uint8_t *, 12), "\x08\x06", 2);
		assert_int_equal(rte_ring_enqueue(lane->wire, mbuf), 0);
	}
	assert_int_equal(hosts_round(host, 0), 0);
	for (uint32_t i = 0, next = 0; i < lane->other_count; i++)
		assert_int_equal(hosts_packet_number(lane->others[i]), next++);
	assert_in_range(lane->other_count, 100, HOSTS_ROOM);
	hosts_end(&hosts);
}

static void
what_cannot_be_sent_is_answered_or_counted(void **state)
{
	struct hosts hosts;
	struct host *host = &hosts.hosts[0];
	struct rte_mbuf *mbuf;
	struct rte_mbuf *tail;
	const struct gl_origin *origin;

	hosts_begin(&hosts, &(const struct hosts_options){.lanes = 1});
	mbuf = hosts_packet(&hosts, 4, 0, 2, PACKET_LEN, 0);
	assert_int_equal(gl_lane_transmit(host->gateway, 0, 1, &mbuf, 1), 0);
	tail = hosts_packet(&hosts, 4, 0, 2, PACKET_LEN, 1);
	assert_int_equal(rte_pktmbuf_chain(mbuf, tail), 0);
	hosts_inject(host, 0, mbuf);
	assert_int_equal(hosts_drops(host, "out_segmented"), 1);
	/* Nobody has this address. The answer is an ICMP error from ours. */
	hosts_inject(host, 0, hosts_packet(&hosts, 4, 0, 77, PACKET_LEN, 2));
	assert_int_equal(hosts_drops(host, "out_no_peer"), 1);
	hosts_await(host, 0);
	origin = gl_packet_origin(host->lanes[0].received[0], gl_origin_offset(host->gateway));
	assert_int_equal(origin->peer, 0);
	assert_int_equal(*rte_pktmbuf_mtod_offset(host->lanes[0].received[0], uint8_t *, 9), 1);
	hosts_end(&hosts);
}

/* One packet from the lane of a host to the next lane of the other, whole. */
static void
cross(struct hosts *hosts, unsigned i, unsigned lane, unsigned version, uint16_t len)
{
	static uint32_t number;
	struct host *to = &hosts->hosts[1 - i];
	struct host_lane *at = &to->lanes[(lane + 1) % to->lane_count];

	hosts_inject(&hosts->hosts[i], lane,
		hosts_packet(hosts, version, i, (uint8_t)(2 - i), len, ++number));
	hosts_await(to, (lane + 1) % to->lane_count);
	assert_int_equal(at->received_count, 1);
	assert_int_equal(rte_pktmbuf_pkt_len(at->received[0]), len);
	assert_int_equal(hosts_packet_number(at->received[0]), number);
}

/* Short and full ones, by each lane, both ways. */
static void
all_lengths_cross(struct hosts *hosts)
{
	const uint16_t mtu = hosts_mtu(&hosts->hosts[0]);
	const uint16_t lens[] = {52, 53, 67, 1280, (uint16_t)(mtu / 2), (uint16_t)(mtu - 1), mtu};

	for (unsigned k = 0; k < RTE_DIM(lens); k++)
		for (unsigned i = 0; i < 2; i++)
			for (unsigned lane = 0; lane < hosts->hosts[i].lane_count; lane++) {
				cross(hosts, i, lane, 4, lens[k]);
				cross(hosts, i, lane, 6, lens[k]);
			}
}

/* What is one byte longer is answered on the lane that it was given to. */
static void
what_is_longer_is_answered(struct hosts *hosts, unsigned version)
{
	struct host *host = &hosts->hosts[0];
	const uint16_t len = (uint16_t)(hosts_mtu(host) + 1);
	const unsigned last = host->lane_count - 1;
	const uint64_t before = hosts_drops(host, "out_too_big");
	const struct rte_mbuf *answer;

	hosts_inject(host, last, hosts_packet(hosts, version, 0, 2, len, 0));
	hosts_await(host, last);
	assert_int_equal(host->lanes[last].received_count, 1);
	answer = host->lanes[last].received[0];
	assert_int_equal(gl_packet_origin(answer, gl_origin_offset(host->gateway))->peer, 0);
	assert_int_equal(*rte_pktmbuf_mtod(answer, uint8_t *) >> 4, version);
	/* ICMP, or ICMPv6. */
	assert_int_equal(*rte_pktmbuf_mtod_offset(answer, uint8_t *, version == 4 ? 9 : 6),
		version == 4 ? 1 : 58);
	assert_int_equal(hosts_drops(host, "out_too_big"), before + 1);
}

static void
every_lane_carries_every_family_and_jumbo_packets(void **state)
{
	for (unsigned outer6 = 0; outer6 < 2; outer6++) {
		struct hosts hosts;

		hosts_begin(&hosts,
			&(const struct hosts_options){
				.lanes = HOSTS_LANES_MAX,
				.outer6 = outer6 != 0,
				.address6 = outer6 == 0,
				.mtu = JUMBO_MTU,
			});
		assert_in_range(hosts_mtu(&hosts.hosts[0]), JUMBO_MTU - 80, JUMBO_MTU - 60);
		all_lengths_cross(&hosts);
		/* Also of the family in which the host has no address of its own. */
		what_is_longer_is_answered(&hosts, 4);
		what_is_longer_is_answered(&hosts, 6);
		hosts_end(&hosts);
	}
}

/* --- Lanes on threads of the host's ----------------------------------------------------------- */

#define THREADS 2
#define EACH_SENDS 1000U
/* So few are under way that no ring runs over. */
#define UNDER_WAY 64U

struct crew {
	struct hosts hosts;
	_Atomic unsigned sent;
	_Atomic unsigned received;
	_Atomic unsigned seen[2][THREADS * EACH_SENDS]; /* at each host, by number */
	uint16_t mtu;
	time_t give_up;
};

struct worker {
	struct crew *crew;
	unsigned lane;
	pthread_t thread;
	const char *wrong; /* NULL: nothing; checked by who joins */
};

static bool
all_received(const struct crew *crew)
{
	return crew->received == 2 * THREADS * EACH_SENDS;
}

static void
send_one(struct worker *worker, unsigned i, uint32_t *next)
{
	struct crew *crew = worker->crew;
	const uint32_t number = worker->lane * EACH_SENDS + *next;
	const uint16_t len = (uint16_t)(52 + number * 37U % (crew->mtu - 51U));

	if (*next == EACH_SENDS || crew->sent - crew->received >= UNDER_WAY)
		return;
	hosts_inject(&crew->hosts.hosts[i], worker->lane,
		hosts_packet(
			&crew->hosts, number % 2 == 0 ? 4 : 6, i, (uint8_t)(2 - i), len, number));
	crew->sent++;
	++*next;
}

static void
take_all(struct worker *worker, unsigned i)
{
	struct crew *crew = worker->crew;
	struct host *host = &crew->hosts.hosts[i];
	const uint16_t count = hosts_round(host, worker->lane);

	for (unsigned k = 0; k < count; k++) {
		const uint32_t number = hosts_packet_number(host->lanes[worker->lane].received[k]);

		if (number >= THREADS * EACH_SENDS || crew->seen[i][number]++ != 0)
			worker->wrong = "a packet that was not sent, or came twice";
		crew->received++;
	}
}

/* A lane of each host. */
static void *
work(void *argument)
{
	struct worker *worker = argument;
	struct crew *crew = worker->crew;
	uint32_t next[2] = {0, 0};

	if (rte_thread_register() != 0) {
		worker->wrong = "the thread is no lcore";
		return NULL;
	}
	for (unsigned i = 0; i < 2; i++)
		gl_lane_online(crew->hosts.hosts[i].gateway, worker->lane);
	while (!all_received(crew) && worker->wrong == NULL) {
		for (unsigned i = 0; i < 2; i++) {
			send_one(worker, i, &next[i]);
			take_all(worker, i);
		}
		if (time(NULL) > crew->give_up)
			worker->wrong = "not all has come";
	}
	for (unsigned i = 0; i < 2; i++)
		gl_lane_offline(crew->hosts.hosts[i].gateway, worker->lane);
	rte_thread_unregister();
	return NULL;
}

/* Each packet arrives, once, though sessions, windows and buffers are those of both threads. */
static void
lanes_on_threads_of_their_own_lose_nothing(void **state)
{
	static struct crew crew;
	struct worker workers[THREADS];

	hosts_begin(&crew.hosts,
		&(const struct hosts_options){.lanes = THREADS, .outer6 = true, .mtu = JUMBO_MTU});
	crew.mtu = hosts_mtu(&crew.hosts.hosts[0]);
	crew.give_up = time(NULL) + 100;
	cross(&crew.hosts, 0, 0, 4, PACKET_LEN);
	cross(&crew.hosts, 1, 0, 4, PACKET_LEN);
	hosts_online(&crew.hosts, false);
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.crew = &crew, .lane = i};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned i = 0; i < THREADS; i++)
		if (workers[i].wrong != NULL)
			fail_msg("lane %u: %s: %u of %u", i, workers[i].wrong, crew.received,
				2 * THREADS * EACH_SENDS);
	hosts_online(&crew.hosts, true);
	hosts_end(&crew.hosts);
}

static int
setup(void **state)
{
	return eal_start();
}

static int
teardown(void **state)
{
	return eal_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_arrive_in_order_and_say_where_they_are_from),
		cmocka_unit_test(frames_that_are_not_ours_come_back_in_order),
		cmocka_unit_test(what_cannot_be_sent_is_answered_or_counted),
		cmocka_unit_test(every_lane_carries_every_family_and_jumbo_packets),
		cmocka_unit_test(lanes_on_threads_of_their_own_lose_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
