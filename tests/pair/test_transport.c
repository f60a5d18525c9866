/*
 * Data through a tunnel: staging, confirmation, padding, ECN, replay, counters of bytes.
 */
#include "puppet.h"

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool
hold_data_of_0(struct wire_frame *frame, void *context)
{
	return frame->from != 0 || frame->type != MESSAGE_DATA;
}

static void
tr_1_tr_2_responder_waits_for_confirmation(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.no_endpoint = {false, true}});
	const struct wire_frame *confirmation;
	uint64_t before;

	pair->wire.filter = hold_data_of_0;
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	confirmation = wire_last(&pair->wire, 0, MESSAGE_DATA);
	assert_int_equal(confirmation->message_len, MESSAGE_DATA_OVERHEAD);
	for (uint32_t n = 0; n < 5; n++)
		pair_send(pair, 1, 0, n);
	pair_advance(pair, NS_IN_S);
	assert_int_equal(wire_count(&pair->wire, 0, 1, MESSAGE_DATA), 0);
	before = pair->wire.sent_count;
	wire_inject(&pair->wire, 1, confirmation->bytes, confirmation->len);
	pair_settle(pair);
	assert_int_equal(wire_count(&pair->wire, before, 1, MESSAGE_DATA), 5);
	for (uint32_t n = 0; n < 5; n++) {
		assert_int_equal(wire_sent(&pair->wire, before + n)->counter, n);
		assert_int_equal(pair_received(pair, 0, n)->number, n);
	}
	pair_end(pair);
}

static void
tr_3_defect_18_forged_data_confirms_nothing(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.no_endpoint = {false, true}});
	struct wire_frame forged;

	pair->wire.filter = hold_data_of_0;
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	forged = *wire_last(&pair->wire, 0, MESSAGE_DATA);
	forged.bytes[forged.len - 1] ^= 1;
	wire_inject(&pair->wire, 1, forged.bytes, forged.len);
	pair_send(pair, 1, 0, 1);
	pair_settle(pair);
	pair_dropped(pair, 1, DROP_IN_AUTH, 1);
	assert_int_equal(wire_count(&pair->wire, 0, 1, MESSAGE_DATA), 0);
	assert_false(atomic_load(&atomic_load(&pair_peer(pair, 1, 0)->next)->confirmed));
	pair_end(pair);
}

static void
tr_20_defect_18_newest_128_wait_for_the_session(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	pair->wire.faults.delay_ns = 50 * NS_IN_MS;
	for (uint32_t n = 0; n < 200; n++)
		pair_send(pair, 0, 1, n);
	pair_advance(pair, NS_IN_S);
	pair_dropped(pair, 0, DROP_OUT_STAGED_FULL, 72);
	assert_int_equal(pair->sites[1].received_count, 128);
	for (uint32_t n = 0; n < 128; n++)
		assert_int_equal(pair_received(pair, 1, n)->number, n + 72);
	assert_int_equal(pair->sites[0].gateway->lanes[0].lane->staged_count, 0);
	pair_end(pair);
}

static void
tr_5_previous_session_still_receives(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct wire_frame late[2];

	pair_connect(pair, 0, 1);
	pair->wire.filter = hold_data_of_0;
	for (uint32_t n = 0; n < 2; n++) {
		pair_send(pair, 0, 1, 10 + n);
		pair_settle(pair);
		late[n] = *wire_last(&pair->wire, 0, MESSAGE_DATA);
	}
	pair->wire.filter = NULL;
	pair_advance(pair, 10 * NS_IN_S);
	pair_connect(pair, 0, 1);
	pair_converse(pair, 0, 1);
	wire_inject(&pair->wire, 1, late[0].bytes, late[0].len);
	pair_settle(pair);
	assert_int_equal(pair->sites[1].received_count, 2);
	assert_int_equal(pair_received(pair, 1, 1)->number, 10);
	/* Until 180 s of that key, which was made at 1,000 s. */
	pair_until(pair, 1180 * NS_IN_S);
	wire_inject(&pair->wire, 1, late[1].bytes, late[1].len);
	pair_settle(pair);
	assert_int_equal(pair->sites[1].received_count, 2);
	pair_dropped(pair, 1, DROP_IN_EXPIRED, 1);
	pair_end(pair);
}

static size_t
padded(size_t len, size_t mtu)
{
	const size_t up = (len + 15) & ~(size_t)15;

	return up > mtu ? mtu : up;
}

static void
tr_7_tr_8_padding_for_each_size(void **state)
{
	static const uint32_t mtus[] = {1420, 1299};

	for (unsigned m = 0; m < 2; m++) {
		struct pair *pair =
			pair_begin(&(const struct pair_options){.mtu = mtus[m], .gateways = 1});
		struct puppet puppet;
		uint8_t packet[1420];
		uint8_t plain[WIRE_FRAME_MAX];

		puppet_init(&puppet, pair, 1);
		puppet_connect(&puppet);
		for (size_t len = 20; len <= mtus[m]; len++) {
			const struct wire_frame *frame;

			pair_packet_make(packet, 4, len, 0, 1, 1);
			assert_true(pair_send_bytes(pair, 0, packet, len));
			pair_settle(pair);
			frame = wire_last(&pair->wire, 0, MESSAGE_DATA);
			assert_int_equal(puppet_open(&puppet, frame, plain), padded(len, mtus[m]));
			assert_memory_equal(plain, packet, len);
			for (size_t i = len; i < padded(len, mtus[m]); i++)
				assert_int_equal(plain[i], 0);
		}
		puppet_fini(&puppet);
		pair_end(pair);
	}
}

static void
tr_9_padding_of_others_is_trimmed(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	struct puppet puppet;
	uint8_t plain[128];
	uint64_t n = 0;

	puppet_init(&puppet, pair, 1);
	puppet_connect(&puppet);
	/* None, some, more than 15 bytes, and not of zeros. */
	for (size_t len = 50; len <= sizeof(plain); len++) {
		memset(plain, 0xee, sizeof(plain));
		pair_packet_make(plain, 4, 50, 1, 0, (uint32_t)n);
		puppet_data(&puppet, plain, len);
		pair_settle(pair);
		assert_int_equal(pair->sites[0].received_count, n + 1);
		assert_int_equal(pair_received(pair, 0, n)->len, 50);
		assert_memory_equal(pair_received(pair, 0, n)->bytes, plain, 50);
		n++;
	}
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
tr_10_defect_3_keepalives_are_32_bytes_and_nobody_is_told(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.keepalive_s = {25, 0}});
	uint64_t before;

	pair_connect(pair, 0, 1);
	before = pair->wire.sent_count;
	pair_advance(pair, 100 * NS_IN_S);
	/* At 25, 50, 75 and 100 s; none of them is answered. */
	assert_int_equal(pair->wire.sent_count - before, 4);
	for (unsigned n = 0; n < 4; n++) {
		const struct wire_frame *frame = wire_sent(&pair->wire, before + n);

		assert_int_equal(frame->from, 0);
		assert_int_equal(frame->type, MESSAGE_DATA);
		assert_int_equal(frame->message_len, 32);
	}
	assert_int_equal(pair->sites[1].received_count, 0);
	pair_end(pair);
}

static void
set_inner_ecn(uint8_t *packet, unsigned ecn)
{
	uint32_t sum;

	if (packet[0] >> 4 == 6) {
		packet[1] = (uint8_t)((packet[1] & 0xcf) | ecn << 4);
		return;
	}
	/* The checksum grows by what the word loses, in one's complement. */
	sum = load_be16(packet + 10) + (packet[1] & 3u) + (0xffff - ecn);
	packet[1] = (uint8_t)((packet[1] & 0xfc) | ecn);
	store_be16(packet + 10, (uint16_t)((sum & 0xffff) + (sum >> 16)));
}

static unsigned
inner_ecn(const uint8_t *packet)
{
	return packet[0] >> 4 == 6 ? packet[1] >> 4 & 3 : packet[1] & 3;
}

static bool
header_sums_up(const uint8_t *packet)
{
	uint32_t sum = 0;

	if (packet[0] >> 4 == 6)
		return true;
	for (unsigned i = 0; i < 20; i += 2)
		sum += load_be16(packet + i);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

/* RFC 6040 as the Linux driver has it: not-ECT 0, ECT(1) 1, ECT(0) 2, CE 3. */
static void
tr_11_ecn_both_ways_in_all_families(void **state)
{
	static const uint8_t encap[4] = {0, 1, 2, 2};
	/* [inner][outer] */
	static const uint8_t decap[4][4] = {{0, 0, 0, 0}, {1, 1, 1, 3}, {2, 1, 2, 3}, {3, 3, 3, 3}};

	for (unsigned which = 0; which < 4 * 16; which++) {
		const unsigned inner = which & 3;
		const unsigned outer = which >> 2 & 3;
		const unsigned version = which & 16 ? 6 : 4;
		const bool six = (which & 32) != 0;
		struct pair *pair = pair_begin(&(const struct pair_options){.outer6 = six});
		const struct endpoint source = pair_endpoint(pair, 0, six);
		const struct endpoint destination = pair_endpoint(pair, 1, six);
		uint8_t packet[80];
		uint8_t frame[WIRE_FRAME_MAX];
		size_t len;

		pair_connect(pair, 0, 1);
		pair->wire.filter = hold_data_of_0;
		pair_packet_make(packet, version, sizeof(packet), 0, 1, 1);
		set_inner_ecn(packet, inner);
		assert_true(header_sums_up(packet));
		assert_true(pair_send_bytes(pair, 0, packet, sizeof(packet)));
		pair_settle(pair);
		assert_int_equal(wire_last(&pair->wire, 0, MESSAGE_DATA)->outer.tos, encap[inner]);
		len = wire_readdress(frame, wire_last(&pair->wire, 0, MESSAGE_DATA), &source,
			&destination, (uint8_t)outer);
		wire_inject(&pair->wire, 1, frame, len);
		pair_settle(pair);
		assert_int_equal(pair->sites[1].received_count, 1);
		assert_int_equal(inner_ecn(pair_received(pair, 1, 0)->bytes), decap[inner][outer]);
		assert_true(header_sums_up(pair_received(pair, 1, 0)->bytes));
		pair_end(pair);
	}
}

static void
tr_22_byte_counters_are_exact(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct peer_totals totals[2];
	uint8_t packet[84];

	for (uint32_t n = 0; n < 10; n++) {
		pair_packet_make(packet, 4, sizeof(packet), 0, 1, n);
		assert_true(pair_send_bytes(pair, 0, packet, sizeof(packet)));
		pair_settle(pair);
		pair_packet_make(packet, 4, sizeof(packet), 1, 0, n);
		assert_true(pair_send_bytes(pair, 1, packet, sizeof(packet)));
		pair_settle(pair);
	}
	peer_totals_read(pair_peer(pair, 0, 1), &totals[0]);
	peer_totals_read(pair_peer(pair, 1, 0), &totals[1]);
	assert_int_equal(totals[0].tx_bytes, 10 * 128 + 148);
	assert_int_equal(totals[0].rx_bytes, 10 * 128 + 92);
	assert_int_equal(totals[1].rx_bytes, 10 * 128 + 148);
	assert_int_equal(totals[1].tx_bytes, 10 * 128 + 92);
	assert_int_equal(totals[0].tx_packets, 10);
	assert_int_equal(totals[0].rx_packets, 10);
	pair_end(pair);
}

static void
rp_2_defect_3_each_packet_is_delivered_once(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	const struct wire_frame *frame;

	pair_connect(pair, 0, 1);
	pair_converse(pair, 0, 1);
	frame = wire_last(&pair->wire, 0, MESSAGE_DATA);
	for (unsigned i = 0; i < 3; i++)
		wire_inject(&pair->wire, 1, frame->bytes, frame->len);
	pair_settle(pair);
	pair_dropped(pair, 1, DROP_IN_REPLAY, 3);
	assert_int_equal(pair->sites[1].received_count, 1);
	pair_end(pair);
}

static void
rp_8_new_sessions_count_from_0(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	for (uint32_t session = 0; session < 3; session++) {
		uint64_t before = pair->wire.sent_count;

		pair_connect(pair, 0, 1);
		pair_converse(pair, 0, 1);
		/* Initiation, response, confirmation, and one packet each way. */
		assert_int_equal(wire_sent(&pair->wire, before + 2)->counter, 0);
		assert_int_equal(wire_sent(&pair->wire, before + 3)->counter, 1);
		assert_int_equal(wire_sent(&pair->wire, before + 4)->counter, 0);
		pair_advance(pair, 6 * NS_IN_S);
	}
	pair_end(pair);
}

static void
rp_12_replay_from_elsewhere_is_refused_too(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct endpoint moved = pair_endpoint(pair, 0, false);
	const struct endpoint to = pair_endpoint(pair, 1, false);
	uint8_t frame[WIRE_FRAME_MAX];
	size_t len;

	pair_connect(pair, 0, 1);
	pair_converse(pair, 0, 1);
	moved.port = 40000;
	len = wire_readdress(frame, wire_last(&pair->wire, 0, MESSAGE_DATA), &moved, &to, 0);
	wire_inject(&pair->wire, 1, frame, len);
	pair_settle(pair);
	pair_dropped(pair, 1, DROP_IN_REPLAY, 1);
	assert_int_equal(pair_peer(pair, 1, 0)->endpoint.port, PAIR_PORT);
	/* Nor does it come in after a reconfiguration: one of nothing, one of the peer itself. */
	for (unsigned i = 0; i < 2; i++) {
		pair->sites[1].files.peers[0].persistent_keepalive_s = (uint16_t)(25 * i);
		assert_int_equal(pair_reconfigure(pair, 1, NULL), 0);
		pair_settle(pair);
		wire_inject(&pair->wire, 1, frame, len);
		pair_settle(pair);
		pair_dropped(pair, 1, DROP_IN_REPLAY, 1);
	}
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tr_1_tr_2_responder_waits_for_confirmation),
		cmocka_unit_test(tr_3_defect_18_forged_data_confirms_nothing),
		cmocka_unit_test(tr_20_defect_18_newest_128_wait_for_the_session),
		cmocka_unit_test(tr_5_previous_session_still_receives),
		cmocka_unit_test(tr_7_tr_8_padding_for_each_size),
		cmocka_unit_test(tr_9_padding_of_others_is_trimmed),
		cmocka_unit_test(tr_10_defect_3_keepalives_are_32_bytes_and_nobody_is_told),
		cmocka_unit_test(tr_11_ecn_both_ways_in_all_families),
		cmocka_unit_test(tr_22_byte_counters_are_exact),
		cmocka_unit_test(rp_2_defect_3_each_packet_is_delivered_once),
		cmocka_unit_test(rp_8_new_sessions_count_from_0),
		cmocka_unit_test(rp_12_replay_from_elsewhere_is_refused_too),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
