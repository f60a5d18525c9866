/*
 * A memif by both its sides in one process, and one of them hostile: messages, memory, rings, port.
 */
#include "net/memif_channel.h"
#include "net/memif_message.h"
#include "net/port_memif.h"

#include "eal.h"

#include <rte_mbuf.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LANES 3
#define ROOM 4096

static struct rte_mempool *pool;

/* Two ends that talk to each other. */
struct pair {
	struct memif_terms terms[2]; /* server, client */
	struct memif_channel channels[2];
	struct port *ports[2];
};

static int
group_setup(void **state)
{
	if (eal_start() < 0)
		return -1;
	pool = eal_pool("memif", ROOM);
	return pool != NULL ? 0 : -1;
}

static int
group_teardown(void **state)
{
	return eal_stop();
}

static struct memif_terms
terms_of(bool client, uint16_t ring_max)
{
	return (struct memif_terms){
		.client = client,
		.id = 7,
		.mode = MEMIF_MODE_ETHERNET,
		.ring_max = ring_max,
		.size_log2 = 4,
		.buffer_len = 1024,
		.name = "end",
	};
}

static struct port *
port_of(uint16_t queue_count)
{
	struct port *port;

	assert_int_equal(port_memif_create(
				 &(const struct port_memif_settings){
					 .name = "memif",
					 .queue_count = queue_count,
					 .pool = pool,
					 .ethernet = true,
				 },
				 &port),
		0);
	return port;
}

static void
pair_begin(struct pair *pair, uint16_t server_rings, uint16_t client_rings)
{
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	pair->terms[0] = terms_of(false, server_rings);
	pair->terms[1] = terms_of(true, client_rings);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			memif_channel_init(&pair->channels[i], &pair->terms[i], fds[i]), 0);
}

/* Lets both talk until nothing comes any more; returns how many of them are up. */
static unsigned
pair_talk(struct pair *pair)
{
	unsigned up = 0;
	int results[2];

	do {
		for (unsigned i = 0; i < 2; i++) {
			results[i] = memif_channel_step(&pair->channels[i]);
			up += results[i] == 1;
		}
	} while (results[0] >= 0 || results[1] >= 0);
	return up;
}

static void
pair_connect(struct pair *pair, uint16_t server_rings, uint16_t client_rings)
{
	const uint16_t lanes[2] = {server_rings, client_rings};

	pair_begin(pair, server_rings, client_rings);
	assert_int_equal(pair_talk(pair), 2);
	for (unsigned i = 0; i < 2; i++) {
		pair->ports[i] = port_of(lanes[i]);
		assert_false(pair->ports[i]->up);
		port_memif_connect(pair->ports[i], memif_channel_take(&pair->channels[i]));
		assert_true(pair->ports[i]->up);
	}
}

static void
pair_end(struct pair *pair)
{
	for (unsigned i = 0; i < 2; i++) {
		if (pair->ports[i] != NULL)
			port_close(pair->ports[i]);
		memif_channel_fini(&pair->channels[i]);
	}
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static struct rte_mbuf *
packet_of(uint16_t len, uint8_t first)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
	uint8_t *data;

	assert_non_null(mbuf);
	data = (uint8_t *)rte_pktmbuf_append(mbuf, len);
	assert_non_null(data);
	for (unsigned i = 0; i < len; i++)
		data[i] = (uint8_t)(first + i * 3);
	return mbuf;
}

static void
expect_packet(struct rte_mbuf *mbuf, uint16_t len, uint8_t first)
{
	const uint8_t *data = rte_pktmbuf_mtod(mbuf, const uint8_t *);

	assert_int_equal(mbuf->nb_segs, 1);
	assert_int_equal(rte_pktmbuf_pkt_len(mbuf), len);
	for (unsigned i = 0; i < len; i++)
		assert_int_equal(data[i], (uint8_t)(first + i * 3));
	rte_pktmbuf_free(mbuf);
}

/* One packet across; the receiver's queue may be another one, where rings are fewer. */
static void
cross(struct port *from, uint16_t queue, struct port *to, uint16_t to_queue, uint16_t len)
{
	struct rte_mbuf *mbuf = packet_of(len, (uint8_t)len);

	assert_int_equal(port_transmit(from, queue, &mbuf, 1), 1);
	assert_int_equal(port_receive(to, to_queue, &mbuf, 1), 1);
	expect_packet(mbuf, len, (uint8_t)len);
}

static void
both_sides_agree_and_carry_packets(void **state)
{
	static const uint16_t lens[] = {1, 60, 64, 1023, 1024, 1025, 2048, 3000, ROOM};
	struct pair pair = {0};

	pair_connect(&pair, LANES, LANES);
	for (unsigned round = 0; round < 40; round++)
		for (unsigned i = 0; i < RTE_DIM(lens); i++)
			for (uint16_t queue = 0; queue < LANES; queue++) {
				cross(pair.ports[0], queue, pair.ports[1], queue, lens[i]);
				cross(pair.ports[1], queue, pair.ports[0], queue, lens[i]);
			}
	pair_end(&pair);
}

static void
a_full_ring_takes_no_more_and_keeps_order(void **state)
{
	struct pair pair = {0};
	struct rte_mbuf *mbufs[20];

	pair_connect(&pair, 1, 1);
	for (unsigned side = 0; side < 2; side++) {
		for (unsigned i = 0; i < RTE_DIM(mbufs); i++)
			mbufs[i] = packet_of(100, (uint8_t)i);
		/* 16 descriptors each. */
		assert_int_equal(port_transmit(pair.ports[side], 0, mbufs, 20), 16);
		assert_int_equal(port_transmit(pair.ports[side], 0, mbufs + 16, 4), 0);
		rte_pktmbuf_free_bulk(mbufs + 16, 4);
		assert_int_equal(port_receive(pair.ports[1 - side], 0, mbufs, 7), 7);
		assert_int_equal(port_receive(pair.ports[1 - side], 0, mbufs + 7, 20), 9);
		for (unsigned i = 0; i < 16; i++)
			expect_packet(mbufs[i], 100, (uint8_t)i);
	}
	pair_end(&pair);
}

static void
a_lane_without_a_ring_hands_its_packets_over(void **state)
{
	struct pair pair = {0};
	struct rte_mbuf *mbuf;
	struct port_memif_counters counters;

	pair_connect(&pair, LANES, 1);
	mbuf = packet_of(200, 5);
	assert_int_equal(port_transmit(pair.ports[0], 2, &mbuf, 1), 1);
	assert_int_equal(port_receive(pair.ports[1], 0, &mbuf, 1), 0);
	/* The lane that has the ring sends it when it looks for packets. */
	assert_int_equal(port_receive(pair.ports[0], 0, &mbuf, 1), 0);
	assert_int_equal(port_receive(pair.ports[1], 0, &mbuf, 1), 1);
	expect_packet(mbuf, 200, 5);
	assert_int_equal(port_receive(pair.ports[0], 2, &mbuf, 1), 0);
	port_memif_counters(pair.ports[0], 2, &counters);
	assert_int_equal(counters.handed, 1);
	/* More than the ring takes is dropped, and counted. */
	for (unsigned i = 0; i < 20; i++) {
		mbuf = packet_of(64, 0);
		assert_int_equal(port_transmit(pair.ports[0], 1, &mbuf, 1), 1);
	}
	assert_int_equal(port_receive(pair.ports[0], 0, &mbuf, 1), 0);
	port_memif_counters(pair.ports[0], 0, &counters);
	assert_int_equal(counters.handed_dropped, 4);
	pair_end(&pair);
}

/* Another end comes, with more rings: what waits for the one ring there was goes on to it. */
static void
what_was_handed_over_is_not_left_behind(void **state)
{
	struct pair first = {0};
	struct pair second = {0};
	struct port *port;
	struct rte_mbuf *mbuf = packet_of(200, 5);

	pair_connect(&first, LANES, 1);
	port = first.ports[0];
	assert_int_equal(port_transmit(port, 2, &mbuf, 1), 1);
	port_memif_release(port, port_memif_disconnect(port));
	pair_connect(&second, LANES, LANES);
	port_memif_connect(port, port_memif_disconnect(second.ports[0]));
	assert_int_equal(port_receive(port, 0, &mbuf, 1), 0);
	assert_int_equal(port_receive(second.ports[1], 0, &mbuf, 1), 0);
	assert_int_equal(port_receive(port, 2, &mbuf, 1), 0);
	assert_int_equal(port_receive(second.ports[1], 2, &mbuf, 1), 1);
	expect_packet(mbuf, 200, 5);
	port_memif_release(port, port_memif_disconnect(port));
	pair_end(&first);
	pair_end(&second);
}

static void
events_are_raised_only_for_who_asks(void **state)
{
	struct pair pair = {0};
	struct rte_mbuf *mbuf = packet_of(64, 0);
	const struct memif_link *link;
	uint64_t count;

	pair_connect(&pair, 1, 1);
	link = port_memif_link(pair.ports[1]);
	assert_int_equal(port_transmit(pair.ports[0], 0, &mbuf, 1), 1);
	assert_false(pair.ports[0]->wants_kick);
	assert_int_equal(port_receive(pair.ports[1], 0, &mbuf, 1), 1);
	assert_false(port_doze(pair.ports[1], 0));
	assert_int_equal(port_transmit(pair.ports[0], 0, &mbuf, 1), 1);
	assert_true(pair.ports[0]->wants_kick);
	assert_int_equal(read(link->rx[0].event, &count, sizeof(count)), -1);
	port_kick(pair.ports[0]);
	assert_int_equal(read(link->rx[0].event, &count, sizeof(count)), sizeof(count));
	assert_true(port_doze(pair.ports[1], 0));
	assert_int_equal(port_receive(pair.ports[1], 0, &mbuf, 1), 1);
	assert_int_equal(port_transmit(pair.ports[0], 0, &mbuf, 1), 1);
	assert_false(pair.ports[0]->wants_kick);
	pair_end(&pair);
}

static void
without_a_link_nothing_is_taken(void **state)
{
	struct port *port = port_of(2);
	struct rte_mbuf *mbuf = packet_of(64, 0);

	assert_int_equal(port_transmit(port, 1, &mbuf, 1), 0);
	assert_int_equal(port_receive(port, 0, &mbuf, 1), 0);
	assert_false(port_doze(port, 0));
	rte_pktmbuf_free(mbuf);
	port_close(port);
}

/* --- The other side breaks the rules ---------------------------------------------------------- */

/* The ring on which side 0, the server, receives, and the client's view of it. */
static struct memif_shared_ring *
ring_to_server(struct pair *pair)
{
	return port_memif_link(pair->ports[0])->rx[0].ring.shared;
}

static unsigned
receive_and_free(struct port *port)
{
	struct rte_mbuf *mbufs[64];
	const unsigned count = port_receive(port, 0, mbufs, 64);

	rte_pktmbuf_free_bulk(mbufs, count);
	return count;
}

static void
bad_descriptors_are_counted_and_left_out(void **state)
{
	struct pair pair = {0};
	const uint64_t len = UINT64_C(1) << 20;
	static const struct memif_descriptor bad[] = {
		{.len = 0},
		{.region = 1, .len = 64},
		{.region = UINT16_MAX, .len = 64},
		{.len = 64, .offset = UINT32_MAX},
		{.len = UINT32_MAX, .offset = 0},
		{.len = UINT32_MAX, .offset = UINT32_MAX},
	};
	struct memif_shared_ring *ring;
	struct port_memif_counters counters;
	uint16_t head;

	pair_connect(&pair, 1, 1);
	ring = ring_to_server(&pair);
	head = ring->head;
	for (unsigned i = 0; i < RTE_DIM(bad); i++)
		ring->descriptors[head++ & 15] = bad[i];
	ring->descriptors[head++ & 15] = (struct memif_descriptor){.len = ROOM + 1};
	ring->descriptors[head++ & 15] = (struct memif_descriptor){.len = 60};
	__atomic_store_n(&ring->head, head, __ATOMIC_RELEASE);
	assert_true(port_memif_link(pair.ports[0])->regions[0].len < len);
	assert_int_equal(receive_and_free(pair.ports[0]), 1);
	port_memif_counters(pair.ports[0], 0, &counters);
	assert_int_equal(counters.rx.bad, RTE_DIM(bad));
	assert_int_equal(counters.rx.too_long, 1);
	assert_int_equal(counters.rx.packets, 1);
	assert_int_equal(ring->tail, head);
	assert_false(memif_link_broken(port_memif_link(pair.ports[0])));
	pair_end(&pair);
}

static void
endless_chains_are_counted_and_left_out(void **state)
{
	struct pair pair = {0};
	struct memif_shared_ring *ring;
	struct port_memif_counters counters;

	pair_connect(&pair, 1, 1);
	ring = ring_to_server(&pair);
	for (unsigned round = 1; round < 5; round++) {
		for (unsigned i = 0; i < 16; i++)
			ring->descriptors[i] = (struct memif_descriptor){
				.flags = MEMIF_DESCRIPTOR_NEXT,
				.len = 8,
			};
		__atomic_store_n(&ring->head, (uint16_t)(ring->head + 16), __ATOMIC_RELEASE);
		assert_int_equal(receive_and_free(pair.ports[0]), 0);
		assert_int_equal(ring->tail, ring->head);
		port_memif_counters(pair.ports[0], 0, &counters);
		assert_int_equal(counters.rx.bad, round);
	}
	pair_end(&pair);
}

/* DPDK's driver leaves the flags of long packets behind: short ones must not be chained by them. */
static void
a_flag_left_behind_chains_no_packets(void **state)
{
	struct pair pair = {0};
	struct memif_shared_ring *ring;

	pair_connect(&pair, 1, 1);
	ring = ring_to_server(&pair);
	for (unsigned i = 0; i < 16; i++)
		ring->descriptors[i].len = 60;
	for (unsigned i = 0; i < 3; i++)
		ring->descriptors[i].flags = MEMIF_DESCRIPTOR_NEXT;
	__atomic_store_n(&ring->head, 16, __ATOMIC_RELEASE);
	assert_int_equal(receive_and_free(pair.ports[0]), 13);
	__atomic_store_n(&ring->head, 32, __ATOMIC_RELEASE);
	assert_int_equal(receive_and_free(pair.ports[0]), 16);
	pair_end(&pair);
}

/* Each index of the other side's, on each ring, as either role: one too far, and what wraps. */
static void
an_index_that_cannot_be_stops_the_ring(void **state)
{
	static const uint16_t jumps[] = {17, 18, 0x7fff, 0x8000, UINT16_MAX};

	for (unsigned i = 0; i < RTE_DIM(jumps) * 4; i++) {
		const unsigned side = i & 1;
		const bool receiving = (i & 2) != 0;
		struct pair pair = {0};
		struct rte_mbuf *mbuf = packet_of(64, 0);
		const struct memif_link *link;
		const struct memif_link_ring *rings;
		uint16_t *index;

		pair_connect(&pair, 1, 1);
		link = port_memif_link(pair.ports[side]);
		rings = receiving ? link->rx : link->tx;
		index = side == 0 ? &rings[0].ring.shared->head : &rings[0].ring.shared->tail;
		/*
		 * One behind us, on a ring that we send on as a client, is one packet not taken
		 * yet.
		 */
		*index = side == 1 && !receiving && jumps[i / 4] == UINT16_MAX
			? 1
			: (uint16_t)(rings[0].ring.next + jumps[i / 4]);
		if (receiving)
			assert_int_equal(port_receive(pair.ports[side], 0, &mbuf, 1), 0);
		else
			assert_int_equal(port_transmit(pair.ports[side], 0, &mbuf, 1), 0);
		assert_true(memif_link_broken(link));
		assert_int_equal(port_transmit(pair.ports[side], 0, &mbuf, 0), 0);
		rte_pktmbuf_free(mbuf);
		pair_end(&pair);
	}
}

static void
a_buffer_to_fill_outside_of_its_region_stops_the_ring(void **state)
{
	struct pair pair = {0};
	struct rte_mbuf *mbuf = packet_of(64, 0);
	const struct memif_link *link;

	pair_connect(&pair, 1, 1);
	link = port_memif_link(pair.ports[0]);
	link->tx[0].ring.shared->descriptors[0].offset = (uint32_t)(link->regions[0].len - 10);
	assert_int_equal(port_transmit(pair.ports[0], 0, &mbuf, 1), 0);
	assert_true(memif_link_broken(link));
	rte_pktmbuf_free(mbuf);
	pair_end(&pair);
}

/*
 * What is in the client's descriptors does not matter to a client, who knows where its buffers are.
 */
static void
a_server_cannot_move_a_clients_buffers(void **state)
{
	struct pair pair = {0};
	struct memif_shared_ring *ring;
	struct rte_mbuf *mbuf = packet_of(64, 9);

	pair_connect(&pair, 1, 1);
	ring = port_memif_link(pair.ports[1])->rx[0].ring.shared;
	assert_int_equal(port_transmit(pair.ports[0], 0, &mbuf, 1), 1);
	ring->descriptors[0].offset = UINT32_MAX;
	ring->descriptors[0].region = 9;
	assert_int_equal(port_receive(pair.ports[1], 0, &mbuf, 1), 1);
	expect_packet(mbuf, 64, 9);
	pair_end(&pair);
}

/* --- Memory ----------------------------------------------------------------------------------- */

static int
memory_of(off_t len, unsigned flags)
{
	const int fd = memfd_create("test", flags);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, len), 0);
	return fd;
}

static void
expect_refused(int fd, uint64_t len)
{
	struct memif_region region = {0};
	const char *why = NULL;

	assert_true(memif_region_map(fd, len, &region, &why) < 0);
	assert_non_null(why);
	assert_null(region.data);
	close(fd);
}

static void
memory_that_can_shrink_is_sealed_or_refused(void **state)
{
	struct memif_region region;
	const char *why;
	int fd = memory_of(8192, MFD_ALLOW_SEALING);
	char name[] = "/tmp/guardlane-memif-XXXXXX";

	assert_int_equal(memif_region_map(fd, 8192, &region, &why), 0);
	assert_int_equal(ftruncate(fd, 4096), -1);
	region.data[8191] = 1;
	memif_region_unmap(&region);
	close(fd);
	expect_refused(memory_of(8192, 0), 8192);
	expect_refused(memory_of(8191, MFD_ALLOW_SEALING), 8192);
	expect_refused(memory_of(8192, MFD_ALLOW_SEALING), 0);
	expect_refused(memory_of(8192, MFD_ALLOW_SEALING), UINT64_MAX);
	fd = memory_of(8192, MFD_ALLOW_SEALING);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK), 0);
	expect_refused(fd, 8192);
	fd = mkstemp(name);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(ftruncate(fd, 8192), 0);
	expect_refused(fd, 8192);
}

/* --- Messages --------------------------------------------------------------------------------- */

/* A server, and a hostile client's end of its socket, which has taken HELLO. */
static int
server_begin(struct memif_channel *server, const struct memif_terms *terms)
{
	struct memif_message hello;
	int passed;
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(memif_channel_init(server, terms, fds[0]), 0);
	assert_int_equal(memif_message_receive(fds[1], &hello, &passed), 0);
	assert_int_equal(hello.type, MEMIF_HELLO);
	assert_int_equal(hello.hello.to_server_last, terms->ring_max - 1);
	return fds[1];
}

/* The server's answer to a message. */
static int
answer_of(struct memif_channel *server, int fd, const struct memif_message *message, int passed)
{
	assert_int_equal(memif_message_send(fd, message, passed), 0);
	return memif_channel_step(server);
}

static void
say_init(struct memif_channel *server, int fd)
{
	const struct memif_message init = {
		.type = MEMIF_INIT,
		.init = {.version = MEMIF_VERSION, .id = 7, .name = "hostile\n\x1b[31m"},
	};

	assert_int_equal(answer_of(server, fd, &init, -1), 0);
	assert_string_equal(server->link->peer, "hostile??[31m");
}

static unsigned
open_descriptors(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* One message of a hostile client, after INIT or instead of it, must end the conversation. */
static void
expect_end(const struct memif_message *message, bool after_init, bool with_memory)
{
	const struct memif_terms terms = terms_of(false, 2);
	const unsigned before = open_descriptors();
	const int memory = with_memory ? memory_of(4096, MFD_ALLOW_SEALING) : -1;
	struct memif_channel server;
	const int fd = server_begin(&server, &terms);

	if (after_init)
		say_init(&server, fd);
	assert_true(answer_of(&server, fd, message, memory) < 0);
	assert_string_not_equal(server.why, "");
	memif_channel_fini(&server);
	close(fd);
	if (memory >= 0)
		close(memory);
	assert_int_equal(open_descriptors(), before);
}

static void
messages_out_of_turn_or_range_end_the_conversation(void **state)
{
	static const struct memif_message bad_inits[] = {
		{.type = MEMIF_INIT, .init = {.version = 0x0100, .id = 7}},
		{.type = MEMIF_INIT, .init = {.version = MEMIF_VERSION, .id = 8}},
		{.type = MEMIF_INIT, .init = {.version = MEMIF_VERSION, .id = 7, .mode = 1}},
		{.type = MEMIF_CONNECT},
		{.type = MEMIF_ACK},
		{.type = MEMIF_HELLO},
		{.type = UINT16_MAX},
		{.type = MEMIF_ADD_REGION, .add_region = {.len = 4096}},
		{.type = MEMIF_DISCONNECT, .disconnect = {.reason = "bye"}},
	};
	static const struct memif_message bad_adds[] = {
		{.type = MEMIF_INIT, .init = {.version = MEMIF_VERSION, .id = 7}},
		{.type = MEMIF_ADD_REGION, .add_region = {.index = 1, .len = 4096}},
		{.type = MEMIF_ADD_REGION, .add_region = {.len = 4097}},
		{.type = MEMIF_ADD_REGION, .add_region = {.len = UINT64_MAX}},
		{.type = MEMIF_ADD_RING, .add_ring = {.size_log2 = 4}},
		{.type = MEMIF_ADD_RING, .add_ring = {.index = 1, .size_log2 = 4}},
		{.type = MEMIF_ADD_RING, .add_ring = {.size_log2 = 200}},
		{.type = MEMIF_CONNECT},
	};

	for (unsigned i = 0; i < RTE_DIM(bad_inits); i++)
		expect_end(&bad_inits[i], false, i & 1);
	for (unsigned i = 0; i < RTE_DIM(bad_adds); i++) {
		expect_end(&bad_adds[i], true, true);
		if (bad_adds[i].type != MEMIF_CONNECT)
			expect_end(&bad_adds[i], true, false);
	}
}

static void
rings_outside_of_their_region_are_refused(void **state)
{
	const struct memif_terms terms = terms_of(false, 2);
	const struct memif_message region = {.type = MEMIF_ADD_REGION, .add_region = {.len = 4096}};
	static const struct memif_add_ring bad[] = {
		{.region = 1, .size_log2 = 4},
		{.offset = 4096 - 128 - 16 * 16 + 8, .size_log2 = 4},
		{.offset = 4, .size_log2 = 4},
		{.offset = UINT32_MAX - 7, .size_log2 = 4},
		{.size_log2 = 8},
		{.size_log2 = 0},
		{.size_log2 = 15},
	};

	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		const struct memif_message ring = {.type = MEMIF_ADD_RING, .add_ring = bad[i]};
		const int memory = memory_of(4096, MFD_ALLOW_SEALING);
		struct memif_channel server;
		const int fd = server_begin(&server, &terms);

		say_init(&server, fd);
		assert_int_equal(answer_of(&server, fd, &region, memory), 0);
		assert_int_equal(answer_of(&server, fd, &ring, memory), -EBADMSG);
		memif_channel_fini(&server);
		close(fd);
		close(memory);
	}
}

static void
what_is_no_message_is_refused(void **state)
{
	struct memif_message message;
	const unsigned before = open_descriptors();
	int passed;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(memif_message_receive(fds[0], &message, &passed), -EAGAIN);
	assert_int_equal(send(fds[1], &message, 127, 0), 127);
	assert_int_equal(memif_message_receive(fds[0], &message, &passed), -EBADMSG);
	{
		uint8_t longer[129] = {0};

		assert_int_equal(send(fds[1], longer, sizeof(longer), 0), sizeof(longer));
	}
	assert_int_equal(memif_message_receive(fds[0], &message, &passed), -EBADMSG);
	{
		/* Two descriptors: none is kept. */
		char control[CMSG_SPACE(2 * sizeof(int))] = {0};
		struct iovec part = {&message, sizeof(message)};
		struct msghdr header = {.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control)};
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);

		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(2 * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, 2 * sizeof(int));
		assert_int_equal(sendmsg(fds[1], &header, 0), sizeof(message));
	}
	assert_int_equal(memif_message_receive(fds[0], &message, &passed), -EBADMSG);
	assert_int_equal(passed, -1);
	assert_int_equal(open_descriptors(), before + 2);
	close(fds[1]);
	assert_int_equal(memif_message_receive(fds[0], &message, &passed), -ECONNRESET);
	close(fds[0]);
}

static void
modes_and_ids_that_differ_are_told(void **state)
{
	struct pair pair = {0};

	pair_begin(&pair, 1, 1);
	pair.terms[1].mode = MEMIF_MODE_IP;
	assert_int_equal(pair_talk(&pair), 0);
	assert_string_equal(pair.channels[1].why,
		"it says: it wants packets without Ethernet headers: give mode=ip");
	pair_end(&pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_agree_and_carry_packets),
		cmocka_unit_test(a_full_ring_takes_no_more_and_keeps_order),
		cmocka_unit_test(a_lane_without_a_ring_hands_its_packets_over),
		cmocka_unit_test(what_was_handed_over_is_not_left_behind),
		cmocka_unit_test(events_are_raised_only_for_who_asks),
		cmocka_unit_test(without_a_link_nothing_is_taken),
		cmocka_unit_test(bad_descriptors_are_counted_and_left_out),
		cmocka_unit_test(endless_chains_are_counted_and_left_out),
		cmocka_unit_test(a_flag_left_behind_chains_no_packets),
		cmocka_unit_test(an_index_that_cannot_be_stops_the_ring),
		cmocka_unit_test(a_buffer_to_fill_outside_of_its_region_stops_the_ring),
		cmocka_unit_test(a_server_cannot_move_a_clients_buffers),
		cmocka_unit_test(memory_that_can_shrink_is_sealed_or_refused),
		cmocka_unit_test(messages_out_of_turn_or_range_end_the_conversation),
		cmocka_unit_test(rings_outside_of_their_region_are_refused),
		cmocka_unit_test(what_is_no_message_is_refused),
		cmocka_unit_test(modes_and_ids_that_differ_are_told),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
