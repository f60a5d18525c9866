/*
 * Frames and packets of odd shape: in segments, without room, too long, with flags; and what no
 * gateway should ever send or answer.
 */
#include "oracle.h"
#include "puppet.h"

#include "base/bytes.h"

#include <rte_mbuf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LARGE 9000
#define LARGE_ROOM (LARGE + 512)

static void
begin(struct pair **pair, struct puppet *puppet)
{
	*pair = pair_begin(&(const struct pair_options){.gateways = 1});
	puppet_init(puppet, *pair, 1);
	puppet_connect(puppet);
}

static void
end(struct pair *pair, struct puppet *puppet)
{
	puppet_fini(puppet);
	pair_end(pair);
}

/* A frame of the puppet around an inner packet of `len` bytes that carries `number`. */
static size_t
seal(struct puppet *puppet, uint8_t frame[static WIRE_FRAME_MAX], size_t len, uint32_t number)
{
	uint8_t packet[WIRE_FRAME_MAX];
	uint8_t message[WIRE_FRAME_MAX];

	pair_packet_make(packet, 4, len, 1, 0, number);
	return puppet_wrap(puppet, frame, message,
		puppet_data_make(puppet, puppet->counter++, packet, len, message));
}

static struct rte_mbuf *
segment(struct rte_mempool *pool, const uint8_t *bytes, size_t len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);

	assert_non_null(mbuf);
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), bytes, len);
	return mbuf;
}

static void
chain(struct rte_mbuf *head, struct rte_mbuf *tail)
{
	assert_int_equal(rte_pktmbuf_chain(head, tail), 0);
}

static void
arrive(struct pair *pair, struct rte_mbuf *mbuf)
{
	assert_int_equal(port_transmit(pair->wire.ends[0], 0, &mbuf, 1), 1);
	pair_settle(pair);
}

static void
expect_delivered(struct pair *pair, uint32_t number)
{
	assert_true(pair->sites[0].received_count > 0);
	assert_int_equal(pair_received(pair, 0, pair->sites[0].received_count - 1)->number, number);
}

/* Two segments that meet at each byte there is, headers and tag included. */
static void
tr_15_mf_12_defect_12_two_segments_are_one_frame(void **state)
{
	struct puppet puppet;
	struct pair *pair;
	uint8_t frame[WIRE_FRAME_MAX];
	uint32_t number = 0;

	begin(&pair, &puppet);
	for (size_t at = 0; at <= 14 + 20 + 8 + 16 + 60 + 16; at++) {
		const size_t len = seal(&puppet, frame, 60, ++number);
		struct rte_mbuf *first = segment(pair->pool, frame, at);

		chain(first, segment(pair->pool, frame + at, len - at));
		arrive(pair, first);
		expect_delivered(pair, number);
	}
	assert_int_equal(pair->sites[0].received_count, number);
	end(pair, &puppet);
}

static void
tr_15_mf_13_segments_of_a_byte_and_of_none(void **state)
{
	struct puppet puppet;
	struct pair *pair;
	uint8_t frame[WIRE_FRAME_MAX];

	begin(&pair, &puppet);
	for (uint32_t number = 1; number < 4; number++) {
		const size_t len = seal(&puppet, frame, 60, number);
		/* The first has nothing, a byte, or nothing and is followed by more of these. */
		struct rte_mbuf *first = segment(pair->pool, frame, number == 2);

		for (size_t at = number == 2; at < len; at++) {
			if (number == 3 && at % 5 == 0)
				chain(first, segment(pair->pool, frame, 0));
			chain(first, segment(pair->pool, frame + at, 1));
		}
		arrive(pair, first);
		expect_delivered(pair, number);
	}
	end(pair, &puppet);
}

/* Handshake messages too, and what is too long for one buffer is dropped whole. */
static void
tr_15_mf_15_what_cannot_be_joined_is_dropped(void **state)
{
	struct message_initiation message;
	struct puppet puppet;
	struct pair *pair;
	uint8_t frame[WIRE_FRAME_MAX];
	struct rte_mbuf *first;
	size_t len;

	begin(&pair, &puppet);
	pair_advance(pair, NS_IN_S);
	puppet_initiation(&puppet, NULL, &message);
	len = puppet_wrap(&puppet, frame, &message, sizeof(message));
	first = segment(pair->pool, frame, 45);
	chain(first, segment(pair->pool, frame + 45, len - 45));
	arrive(pair, first);
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_RESPONSE), 2);
	puppet_finish(&puppet);
	len = seal(&puppet, frame, 1400, 1);
	for (unsigned i = 0; i < 5; i++) {
		first = segment(pair->pool, frame, len);
		for (unsigned more = 0; more < 1 + 50 * i; more++)
			chain(first, segment(pair->pool, frame, 1400));
		arrive(pair, first);
	}
	pair_dropped(pair, 0, DROP_IN_SEGMENTED, 5);
	assert_int_equal(pair->sites[0].received_count, 0);
	end(pair, &puppet);
}

/* Data as large as jumbo frames, in one buffer; and the largest that UDP has, which none holds. */
static void
mf_6_defect_13_very_large_data(void **state)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"large", 15, 0, 0, LARGE_ROOM + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	uint8_t *bytes = calloc(2, LARGE_ROOM);
	uint8_t *message = bytes + LARGE_ROOM + 64;
	struct outer_header header;
	struct puppet puppet;
	struct pair *pair;
	struct rte_mbuf *mbuf;

	assert_non_null(pool);
	assert_non_null(bytes);
	begin(&pair, &puppet);
	outer_header_make(&header, macs[0], macs[1], &puppet.endpoint, &puppet.gateway);
	/* Longer than the gateway's own buffers; what is inside is an IP packet of 60 bytes. */
	pair_packet_make(bytes, 4, 60, 1, 0, 77);
	puppet_data_make(&puppet, 5, bytes, LARGE, message);
	outer_header_write(&header, message, LARGE + MESSAGE_DATA_OVERHEAD, 0);
	mbuf = segment(pool, message - header.len, header.len + LARGE + MESSAGE_DATA_OVERHEAD);
	arrive(pair, mbuf);
	expect_delivered(pair, 77);
	assert_int_equal(pair_received(pair, 0, 0)->len, 60);
	/* 65,507 bytes, over eight buffers. */
	outer_header_write(&header, message, 65507, 0);
	mbuf = segment(pool, message - header.len, header.len + LARGE);
	for (size_t left = 65507 - LARGE; left > 0; left -= left < LARGE ? left : LARGE)
		chain(mbuf, segment(pool, message, left < LARGE ? left : LARGE));
	arrive(pair, mbuf);
	pair_dropped(pair, 0, DROP_IN_SEGMENTED, 1);
	end(pair, &puppet);
	free(bytes);
	rte_mempool_free(pool);
}

static void
tr_16_packets_without_room_are_dropped(void **state)
{
	struct puppet puppet;
	struct pair *pair;
	struct rte_mbuf *mbufs[4];
	uint8_t packet[100];

	begin(&pair, &puppet);
	pair_packet_make(packet, 4, sizeof(packet), 0, 1, 1);
	for (unsigned i = 0; i < 4; i++)
		mbufs[i] = segment(pair->pool, packet, sizeof(packet));
	/* No room before, none behind, two segments, shared with somebody. */
	rte_pktmbuf_prepend(mbufs[0], rte_pktmbuf_headroom(mbufs[0]));
	memcpy(rte_pktmbuf_mtod(mbufs[0], void *), packet, sizeof(packet));
	rte_pktmbuf_append(mbufs[1], rte_pktmbuf_tailroom(mbufs[1]));
	chain(mbufs[2], segment(pair->pool, packet, sizeof(packet)));
	rte_mbuf_refcnt_update(mbufs[3], 1);
	assert_int_equal(port_transmit(pair->sites[0].inner, 0, mbufs, 4), 4);
	pair_settle(pair);
	rte_pktmbuf_free(mbufs[3]);
	pair_dropped(pair, 0, DROP_OUT_SEGMENTED, 4);
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_DATA), 0);
	end(pair, &puppet);
}

/* What the hardware calls bad is dropped; where it says nothing, or good, the AEAD decides. */
static void
mf_14_flags_of_checksums(void **state)
{
	static const struct {
		uint64_t flags;
		bool good;
	} cases[] = {
		{RTE_MBUF_F_RX_IP_CKSUM_BAD, false},
		{RTE_MBUF_F_RX_L4_CKSUM_BAD, false},
		{RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD, false},
		{RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN | RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN, true},
		{RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD, true},
		{RTE_MBUF_F_RX_IP_CKSUM_NONE | RTE_MBUF_F_RX_L4_CKSUM_NONE, true},
	};
	struct puppet puppet;
	struct pair *pair;
	uint8_t frame[WIRE_FRAME_MAX];

	begin(&pair, &puppet);
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint64_t before = pair->sites[0].received_count;
		const size_t len = seal(&puppet, frame, 60, i);
		struct rte_mbuf *mbuf = segment(pair->pool, frame, len);

		mbuf->ol_flags = cases[i].flags;
		arrive(pair, mbuf);
		assert_int_equal(pair->sites[0].received_count - before, cases[i].good);
		/* And if it says nothing of what is bad, that is refused all the same. */
		frame[len - 1] ^= 1;
		oracle_refuses(pair, 0, frame, len);
	}
	pair_dropped(pair, 0, DROP_IN_MALFORMED, 3);
	end(pair, &puppet);
}

/* ICMP and ICMPv6 errors of every kind about a packet that the gateway has sent. */
static void
mf_17_icmp_errors_move_nothing(void **state)
{
	struct puppet puppet;
	struct pair *pair;
	uint8_t frame[WIRE_FRAME_MAX];
	size_t len;

	begin(&pair, &puppet);
	pair_send(pair, 0, 1, 1);
	pair_settle(pair);
	for (unsigned kind = 0; kind < 64; kind++) {
		const struct wire_frame *sent = wire_last(&pair->wire, 0, MESSAGE_DATA);
		uint8_t quoted[64];

		memcpy(quoted, sent->bytes + 14, sizeof(quoted));
		len = puppet_wrap(&puppet, frame, quoted, sizeof(quoted));
		/* The UDP header becomes that of ICMP: type, code, checksum, MTU. */
		frame[14 + 9] = 1;
		store_be16(frame + 14 + 10, 0);
		store_be32(frame + 34, kind << 24 | 4U << 16);
		store_be32(frame + 38, 576);
		store_be16(frame + 14 + 10, pair_header_checksum(frame + 14));
		oracle_refuses(pair, 0, frame, len);
	}
	end(pair, &puppet);
}

/* Our own address, and those of many, are no sources. */
static void
mf_16_our_own_address_is_no_source(void **state)
{
	static const char *const sources[] = {
		"192.0.2.1:4567", "192.0.2.1:9", "224.0.0.1:9", "255.255.255.255:9", "127.0.0.1:9"};
	struct message_initiation message;
	struct endpoint own;
	struct puppet puppet;
	struct pair *pair;
	uint8_t frame[WIRE_FRAME_MAX];

	begin(&pair, &puppet);
	own = puppet.endpoint;
	pair_advance(pair, NS_IN_S);
	for (unsigned i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		assert_int_equal(endpoint_parse(sources[i], &puppet.endpoint), 0);
		puppet_initiation(&puppet, NULL, &message);
		oracle_refuses(
			pair, 0, frame, puppet_wrap(&puppet, frame, &message, sizeof(message)));
		oracle_refuses(pair, 0, frame, seal(&puppet, frame, 60, 1));
	}
	puppet.endpoint = own;
	puppet_initiation(&puppet, NULL, &message);
	puppet_send(&puppet, &message, sizeof(message));
	pair_settle(pair);
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_RESPONSE), 2);
	end(pair, &puppet);
}

/* A frame of another WireGuard is a packet as any other. */
static void
tr_21_wireguard_inside_wireguard(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.mtu = 1420});
	const struct wire_frame *sent;
	uint8_t packet[1420];
	size_t len;

	pair_connect(pair, 0, 1);
	pair_packet_make(packet, 4, 100, 0, 1, 1);
	assert_true(pair_send_bytes(pair, 0, packet, 100));
	pair_settle(pair);
	for (unsigned depth = 0; depth < 5; depth++) {
		/* What was sent goes in again, as a packet between the inner addresses. */
		sent = wire_last(&pair->wire, 0, MESSAGE_DATA);
		len = sent->len - 14;
		memcpy(packet, sent->bytes + 14, len);
		memcpy(packet + 12, (const uint8_t[]){10, 0, 0, 9, 10, 0, 1, 9}, 8);
		store_be16(packet + 10, 0);
		store_be16(packet + 10, pair_header_checksum(packet));
		assert_true(pair_send_bytes(pair, 0, packet, len));
		pair_settle(pair);
		assert_int_equal(pair->sites[1].received_count, depth + 2);
		assert_int_equal(pair_received(pair, 1, depth + 1)->len, len);
		assert_memory_equal(pair_received(pair, 1, depth + 1)->bytes, packet, len);
	}
	pair_end(pair);
}

/* Routes that send each frame of ours back into the tunnel: it grows until it fits no more. */
static void
tr_21_a_loop_of_routes_dies_out(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	uint64_t seen = 0;
	uint64_t bytes = 0;

	pair_file_allow(pair_file_of(pair, 0, pair->sites[1].public_key), "0.0.0.0/0");
	assert_int_equal(pair_reconfigure(pair, 0, NULL), 0);
	pair_connect(pair, 0, 1);
	pair->drops_unchecked = true;
	seen = pair->wire.sent_count;
	for (uint32_t ping = 0; ping < 10; ping++)
		pair_send(pair, 0, 1, ping);
	pair_settle(pair);
	for (; seen < pair->wire.sent_count; seen++) {
		const struct wire_frame *frame = wire_sent(&pair->wire, seen);

		bytes += frame->len;
		if (frame->from == 0)
			assert_true(pair_send_bytes(pair, 0, frame->bytes + 14, frame->len - 14));
		pair_settle(pair);
		assert_true(bytes < 200000);
	}
	assert_true(pair_drops(pair, 0, DROP_OUT_TOO_BIG) >= 10);
	pair_end(pair);
}

/* Control does nothing for 200 s; the lane alone must not use a session beyond its time. */
static void
tm_13_defect_17_lanes_keep_the_time_when_control_stands_still(void **state)
{
	struct puppet puppet;
	struct pair *pair;
	struct gateway *gateway;
	uint64_t started_ns;

	begin(&pair, &puppet);
	gateway = pair->sites[0].gateway;
	started_ns = pair_now_ns(pair);
	pair->drops_unchecked = true;
	for (uint32_t s = 0; s < 200; s++) {
		pair_send(pair, 0, 1, s);
		puppet_data(&puppet, NULL, 0);
		reclaim_online(&gateway->reclaim, 0);
		lane_round(gateway->lanes[0].lane);
		reclaim_offline(&gateway->reclaim, 0);
		wire_move(&pair->wire);
		for (unsigned i = 0; i < pair->site_count; i++)
			pair->sites[i].clock.boot_ns += NS_IN_S;
	}
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_DATA), 180);
	assert_true(wire_last(&pair->wire, 0, MESSAGE_DATA)->at_ns < started_ns + 180 * NS_IN_S);
	assert_int_equal(pair_drops(pair, 0, DROP_IN_EXPIRED), 20);
	assert_int_equal(gateway->lanes[0].lane->staged_count, 20);
	/* And when it goes on it asks once for a session. */
	pair_settle(pair);
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_INITIATION), 1);
	end(pair, &puppet);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tr_15_mf_12_defect_12_two_segments_are_one_frame),
		cmocka_unit_test(tr_15_mf_13_segments_of_a_byte_and_of_none),
		cmocka_unit_test(tr_15_mf_15_what_cannot_be_joined_is_dropped),
		cmocka_unit_test(mf_6_defect_13_very_large_data),
		cmocka_unit_test(tr_16_packets_without_room_are_dropped),
		cmocka_unit_test(mf_14_flags_of_checksums),
		cmocka_unit_test(mf_16_our_own_address_is_no_source),
		cmocka_unit_test(mf_17_icmp_errors_move_nothing),
		cmocka_unit_test(tr_21_wireguard_inside_wireguard),
		cmocka_unit_test(tr_21_a_loop_of_routes_dies_out),
		cmocka_unit_test(tm_13_defect_17_lanes_keep_the_time_when_control_stands_still),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
