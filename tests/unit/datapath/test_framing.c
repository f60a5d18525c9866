/*
 * Ethernet on the pipeline's port: what is put before packets, whose MAC is learnt, which questions
 * are answered, and that hostile frames are neither packets nor read beyond their end.
 */
#include "datapath/framing.h"

#include "packet.h"
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint8_t our_mac[6] = {2, 1, 2, 3, 4, 5};
static const uint8_t their_mac[6] = {2, 0xa, 0xb, 0xc, 0xd, 0xe};

/* Site 0 is 10.0.0.1 and fd00::1; its peer has 10.0.1.0/24 and fd00:0:0:1::/64. */
#define OWN 0x0a000001
#define PEERS 0x0a000105
#define NOBODYS 0x0a630105
#define ASKER 0x0a0000fe

struct bed {
	struct pair *pair;
	struct tunnel *tunnel;
	struct port port;
};

static void
begin(struct bed *bed)
{
	memset(bed, 0, sizeof(*bed));
	bed->pair = pair_begin(&(const struct pair_options){.sites = 2});
	bed->tunnel = pair_tunnel(bed->pair, 0);
	bed->port.ethernet = true;
	bed->port.neighbour = PORT_NO_MAC;
	memcpy(bed->port.mac, our_mac, 6);
}

static struct rte_mbuf *
mbuf_of(const struct bed *bed, const uint8_t *bytes, size_t len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(bed->pair->pool);

	assert_non_null(mbuf);
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), bytes, len);
	return mbuf;
}

/* What the frame is taken for; `after`: what it begins with then. */
static enum framing_verdict
strip(struct bed *bed, const uint8_t *frame, size_t len, uint8_t after[static 128])
{
	struct rte_mbuf *mbuf = mbuf_of(bed, frame, len);
	const enum framing_verdict verdict = framing_strip(&bed->port, bed->tunnel, mbuf);

	memcpy(after, rte_pktmbuf_mtod(mbuf, const uint8_t *),
		RTE_MIN(rte_pktmbuf_data_len(mbuf), 128));
	rte_pktmbuf_free(mbuf);
	return verdict;
}

static size_t
make_frame(uint8_t frame[static 128], const uint8_t source[6], uint16_t type)
{
	memset(frame, 0, 128);
	memcpy(frame, our_mac, 6);
	memcpy(frame + 6, source, 6);
	store_be16(frame + 12, type);
	frame[14] = type == 0x86dd ? 0x60 : 0x45;
	return 14 + 60;
}

static size_t
make_arp(uint8_t frame[static 128], uint32_t target)
{
	static const uint8_t start[] = {0, 1, 8, 0, 6, 4, 0, 1};

	make_frame(frame, their_mac, 0x0806);
	memset(frame, 0xff, 6);
	memcpy(frame + 14, start, sizeof(start));
	memcpy(frame + 22, their_mac, 6);
	store_be32(frame + 28, ASKER);
	store_be32(frame + 38, target);
	return 42;
}

/* For fd00:0:0:SUBNET::HOST, by fd00::fe. */
static size_t
make_solicitation(uint8_t frame[static 128], uint8_t subnet, uint8_t host)
{
	uint8_t *packet = frame + 14;

	make_frame(frame, their_mac, 0x86dd);
	memcpy(frame, "\x33\x33\xff\0\0", 5);
	frame[5] = host;
	store_be16(packet + 4, 32);
	packet[6] = 58;
	packet[7] = 255;
	packet[8] = 0xfd, packet[23] = 0xfe;
	packet[24] = 0xff, packet[25] = 2, packet[35] = 1, packet[36] = 0xff, packet[39] = host;
	packet[40] = 135;
	packet[48] = 0xfd, packet[55] = subnet, packet[63] = host;
	packet[64] = packet[65] = 1;
	memcpy(packet + 66, their_mac, 6);
	store_be16(
		packet + 42, (uint16_t)~slow_sum(slow_pseudo_sum(packet, 32, 58), packet + 40, 32));
	return 14 + 40 + 32;
}

static void
packets_go_to_who_was_heard_last_and_to_all_before(void **state)
{
	static const uint8_t packets[2][40] = {{0x45}, {0x60}};
	struct bed bed;
	struct rte_mbuf *mbufs[2];
	uint8_t frame[128];
	uint8_t after[128];

	begin(&bed);
	for (unsigned heard = 0; heard < 2; heard++) {
		for (unsigned i = 0; i < 2; i++)
			mbufs[i] = mbuf_of(&bed, packets[i], 40);
		framing_add(&bed.port, mbufs, 2);
		for (unsigned i = 0; i < 2; i++) {
			const uint8_t *made = rte_pktmbuf_mtod(mbufs[i], const uint8_t *);

			assert_int_equal(rte_pktmbuf_pkt_len(mbufs[i]), 54);
			assert_memory_equal(made,
				heard ? their_mac : (const uint8_t *)"\xff\xff\xff\xff\xff\xff", 6);
			assert_memory_equal(made + 6, our_mac, 6);
			assert_int_equal(load_be16(made + 12), i == 0 ? 0x0800 : 0x86dd);
			assert_memory_equal(made + 14, packets[i], 40);
		}
		rte_pktmbuf_free_bulk(mbufs, 2);
		assert_int_equal(strip(&bed, frame, make_frame(frame, their_mac, 0x0800), after),
			FRAMING_PACKET);
		assert_int_equal(after[0], 0x45);
	}
	pair_end(bed.pair);
}

/* Groups, zeros and our own MAC are nobody's; where one is given, none is learnt. */
static void
only_a_neighbours_mac_is_learnt(void **state)
{
	static const uint8_t nobodys[][6] = {
		{1}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0}, {2, 1, 2, 3, 4, 5}};
	struct bed bed;
	uint8_t frame[128];
	uint8_t after[128];

	begin(&bed);
	for (unsigned i = 0; i < RTE_DIM(nobodys); i++) {
		const size_t len = make_frame(frame, nobodys[i], 0x86dd);

		assert_int_equal(strip(&bed, frame, len, after), FRAMING_PACKET);
		assert_true(bed.port.neighbour == PORT_NO_MAC);
	}
	bed.port.neighbour_given = true;
	strip(&bed, frame, make_frame(frame, their_mac, 0x0800), after);
	assert_true(bed.port.neighbour == PORT_NO_MAC);
	bed.port.neighbour_given = false;
	strip(&bed, frame, make_frame(frame, their_mac, 0x0800), after);
	assert_true(bed.port.neighbour == port_mac_number(their_mac));
	pair_end(bed.pair);
}

/* A router solicitation, or whatever another interface on the pipeline's Ethernet tells to all. */
static void
what_is_said_to_a_group_teaches_nothing_but_who_asks(void **state)
{
	static const uint8_t groups[][6] = {
		{0x33, 0x33, 0, 0, 0, 2}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {1, 0, 0x5e}};
	static const uint16_t types[] = {0x86dd, 0x0800, 0x0806, 0x88cc};
	static const uint8_t anothers[6] = {2, 0xf, 0xf, 0xf, 0xf, 1};
	const uint64_t known[] = {PORT_NO_MAC, port_mac_number(their_mac)};
	struct bed bed;
	uint8_t frame[128];
	uint8_t after[128];

	begin(&bed);
	for (unsigned k = 0; k < RTE_DIM(known); k++) {
		bed.port.neighbour = known[k];
		for (unsigned i = 0; i < RTE_DIM(groups) * RTE_DIM(types); i++) {
			const size_t len = make_frame(frame, anothers, types[i % RTE_DIM(types)]);

			memcpy(frame, groups[i / RTE_DIM(types)], 6);
			strip(&bed, frame, len, after);
			assert_true(bed.port.neighbour == known[k]);
		}
		/* For an address that is not behind us; and for one that is. */
		strip(&bed, frame, make_arp(frame, NOBODYS), after);
		assert_true(bed.port.neighbour == known[k]);
	}
	bed.port.neighbour = port_mac_number(anothers);
	strip(&bed, frame, make_arp(frame, PEERS), after);
	assert_true(bed.port.neighbour == port_mac_number(their_mac));
	bed.port.neighbour = port_mac_number(anothers);
	strip(&bed, frame, make_solicitation(frame, 1, 5), after);
	assert_true(bed.port.neighbour == port_mac_number(their_mac));
	pair_end(bed.pair);
}

static void
arp_is_answered_for_peers_and_for_us_alone(void **state)
{
	struct bed bed;
	uint8_t frame[128];
	uint8_t after[128];

	begin(&bed);
	assert_int_equal(strip(&bed, frame, make_arp(frame, OWN), after), FRAMING_ANSWER);
	assert_int_equal(load_be32(after + 28), OWN);
	assert_int_equal(strip(&bed, frame, make_arp(frame, PEERS), after), FRAMING_ANSWER);
	assert_memory_equal(after, their_mac, 6);
	assert_int_equal(load_be16(after + 20), 2);
	assert_memory_equal(after + 22, our_mac, 6);
	assert_int_equal(load_be32(after + 28), PEERS);
	assert_int_equal(load_be32(after + 38), ASKER);
	assert_int_equal(strip(&bed, frame, make_arp(frame, NOBODYS), after), FRAMING_OTHER);
	pair_end(bed.pair);
}

/* What is not answered is a packet like any other: nobody's address leads nowhere later. */
static void
solicitations_are_answered_for_peers_and_for_us_alone(void **state)
{
	struct bed bed;
	uint8_t frame[128];
	uint8_t after[128];

	begin(&bed);
	assert_int_equal(strip(&bed, frame, make_solicitation(frame, 0, 1), after), FRAMING_ANSWER);
	assert_int_equal(strip(&bed, frame, make_solicitation(frame, 1, 5), after), FRAMING_ANSWER);
	assert_memory_equal(after, their_mac, 6);
	assert_int_equal(after[14 + 40], 136);
	assert_memory_equal(after + 14 + 66, our_mac, 6);
	assert_int_equal(strip(&bed, frame, make_solicitation(frame, 9, 5), after), FRAMING_PACKET);
	pair_end(bed.pair);
}

/* Of each length, of each type that means something, and in pieces. */
static void
hostile_frames_are_neither_packet_nor_answer(void **state)
{
	static const uint16_t types[] = {0, 46, 0x0806, 0x8100, 0x88a8, 0x8847, 0xffff};
	struct bed bed;
	struct rte_mbuf *mbuf;
	uint8_t frame[128];
	uint8_t after[128];
	size_t whole;

	begin(&bed);
	for (unsigned i = 0; i < RTE_DIM(types); i++)
		assert_int_equal(strip(&bed, frame, make_frame(frame, their_mac, types[i]), after),
			FRAMING_OTHER);
	whole = make_arp(frame, PEERS);
	for (size_t len = 0; len < whole; len++)
		assert_int_equal(strip(&bed, frame, len, after), FRAMING_OTHER);
	whole = make_solicitation(frame, 1, 5);
	for (size_t len = 0; len < whole; len++)
		assert_int_equal(
			strip(&bed, frame, len, after), len <= 14 ? FRAMING_OTHER : FRAMING_PACKET);
	mbuf = mbuf_of(&bed, frame, 20);
	assert_int_equal(rte_pktmbuf_chain(mbuf, mbuf_of(&bed, frame + 20, whole - 20)), 0);
	assert_int_equal(framing_strip(&bed.port, bed.tunnel, mbuf), FRAMING_OTHER);
	rte_pktmbuf_free(mbuf);
	pair_end(bed.pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_go_to_who_was_heard_last_and_to_all_before),
		cmocka_unit_test(only_a_neighbours_mac_is_learnt),
		cmocka_unit_test(what_is_said_to_a_group_teaches_nothing_but_who_asks),
		cmocka_unit_test(arp_is_answered_for_peers_and_for_us_alone),
		cmocka_unit_test(solicitations_are_answered_for_peers_and_for_us_alone),
		cmocka_unit_test(hostile_frames_are_neither_packet_nor_answer),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
