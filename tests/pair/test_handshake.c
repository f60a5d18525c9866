/*
 * Handshakes between two gateways: roles, preshared keys, families, loss, crossing, clocks.
 */
#include "pair.h"

#include "base/bytes.h"

#include <rte_mbuf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
first_handshake_works_in_either_direction(void **state)
{
	for (unsigned from = 0; from < 2; from++) {
		struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
		const struct wire *wire = &pair->wire;
		const unsigned to = 1 - from;

		pair_send(pair, from, to, 42);
		pair_settle(pair);
		assert_int_equal(pair->sites[to].received_count, 1);
		assert_int_equal(pair_received(pair, to, 0)->number, 42);
		/* One round trip, and the packet itself confirms the session. */
		assert_int_equal(wire->sent_count, 3);
		assert_int_equal(wire_sent(wire, 0)->type, MESSAGE_INITIATION);
		assert_int_equal(wire_sent(wire, 1)->type, MESSAGE_RESPONSE);
		assert_int_equal(wire_sent(wire, 2)->type, MESSAGE_DATA);
		assert_int_equal(wire_sent(wire, 2)->counter, 0);
		pair_converse(pair, 0, 1);
		pair_end(pair);
	}
}

static void
hs_3_response_echoes_the_index_and_carries_no_mac2(void **state)
{
	static const uint8_t zeros[MESSAGE_MAC_LEN];
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	const struct wire_frame *response;

	pair_connect(pair, 0, 1);
	response = wire_last(&pair->wire, 1, MESSAGE_RESPONSE);
	assert_int_equal(response->receiver_index,
		wire_last(&pair->wire, 0, MESSAGE_INITIATION)->sender_index);
	assert_memory_equal(response->bytes + response->len - sizeof(zeros), zeros, sizeof(zeros));
	pair_end(pair);
}

static void
eager_gateways_initiate_by_themselves(void **state)
{
	struct pair *pair = pair_begin(
		&(const struct pair_options){.eager = true, .no_endpoint = {false, true}});

	pair_advance(pair, NS_IN_S);
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_INITIATION), 1);
	pair_converse(pair, 0, 1);
	pair_end(pair);
}

static void
preshared_keys_must_agree(void **state)
{
	for (unsigned which = 0; which < 4; which++) {
		struct pair *pair = pair_begin(&(const struct pair_options){
			.preshared = {(which & 1) != 0, (which & 2) != 0}});
		const bool agree = which == 0 || which == 3;

		pair_send(pair, 0, 1, 1);
		pair_settle(pair);
		assert_int_equal(pair->sites[1].received_count, agree ? 1 : 0);
		pair_dropped(pair, 0, DROP_HANDSHAKE_AUTH, agree ? 0 : 1);
		pair_end(pair);
	}
}

static void
hs_19_wrong_preshared_key_derives_nothing_and_retries(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.preshared = {true, false}});

	pair_send(pair, 0, 1, 1);
	pair_advance(pair, 16 * NS_IN_S);
	/* At 0, 5, 10 and 15 s with jitter of up to a third of a second each. */
	assert_in_range(wire_count(&pair->wire, 0, 0, MESSAGE_INITIATION), 3, 4);
	assert_int_equal(wire_count(&pair->wire, 0, 1, MESSAGE_RESPONSE),
		wire_count(&pair->wire, 0, 0, MESSAGE_INITIATION));
	pair_dropped(pair, 0, DROP_HANDSHAKE_AUTH, wire_count(&pair->wire, 0, 1, MESSAGE_RESPONSE));
	assert_int_equal(pair_sessions(pair, 0, 1), 0);
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_DATA), 0);
	pair_end(pair);
}

/* Gives the packet to one lane of site 0. */
static void
send_by(struct pair *pair, uint16_t lane, const void *bytes, size_t len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pair->pool);

	assert_non_null(mbuf);
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), bytes, len);
	assert_int_equal(port_transmit(pair->sites[0].inner, lane, &mbuf, 1), 1);
}

/* TR-14: IPv4 and IPv6, each in each, by one to four lanes. */
static void
tr_14_all_families_in_all(void **state)
{
	for (unsigned which = 0; which < 4 * 4; which++) {
		struct pair *pair = pair_begin(&(const struct pair_options){
			.outer6 = (which & 1) != 0, .lanes = 1 + which / 4});
		const unsigned version = which & 2 ? 6 : 4;
		uint8_t packet[1420];
		uint64_t n = 0;

		for (size_t len = version == 4 ? 20 : 40; len <= sizeof(packet); len += 175) {
			pair_packet_make(packet, version, len, 0, 1, (uint32_t)n);
			send_by(pair, (uint16_t)(n % (1 + which / 4)), packet, len);
			pair_settle(pair);
			assert_int_equal(pair->sites[1].received_count, n + 1);
			assert_int_equal(pair_received(pair, 1, n)->len, len);
			assert_memory_equal(pair_received(pair, 1, n)->bytes, packet, len);
			n++;
		}
		assert_int_equal(
			wire_last(&pair->wire, 0, MESSAGE_DATA)->outer.source.address.family,
			which & 1 ? 6 : 4);
		pair_end(pair);
	}
}

static void
hs_8_defect_22_stamps_grow_though_the_clock_jumps_back(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	pair_connect(pair, 0, 1);
	pair_advance(pair, 6 * NS_IN_S);
	pair->sites[0].clock.real_ns -= 3600 * NS_IN_S;
	pair_connect(pair, 0, 1);
	assert_int_equal(wire_count(&pair->wire, 0, 1, MESSAGE_RESPONSE), 2);
	pair_end(pair);
}

/* Ends all sessions and handshakes, and lets either side initiate at once. */
static void
forget(struct pair *pair)
{
	for (unsigned site = 0; site < 2; site++) {
		struct peer *peer = pair_peer(pair, site, 1 - site);

		peer_erase_sessions(peer);
		peer_erase_handshake(peer);
		timers_stop(&peer->timers, &peer->stamps);
	}
	pair_settle(pair);
}

/* Whether both have initiated again since frame `since`, and so close that it crossed again. */
static bool
crossed_again(const struct wire *wire, uint64_t since)
{
	const uint64_t near_ns = wire->faults.delay_ns + 2 * NS_IN_MS;

	for (uint64_t n = since; n < wire->sent_count; n++) {
		const struct wire_frame *frame = wire_sent(wire, n);

		for (uint64_t k = n + 1; k < wire->sent_count; k++) {
			const struct wire_frame *later = wire_sent(wire, k);

			if (frame->type == MESSAGE_INITIATION &&
				later->type == MESSAGE_INITIATION && frame->from != later->from &&
				later->at_ns - frame->at_ns <= near_ns)
				return true;
		}
	}
	return false;
}

/* Has both initiate at once, and returns how long it takes until each has the other's packet. */
static uint64_t
cross(struct pair *pair, uint32_t number)
{
	const uint64_t start_ns = pair_now_ns(pair);
	const uint64_t before0 = pair->sites[0].received_count;
	const uint64_t before1 = pair->sites[1].received_count;

	pair->wire.faults.delay_ns = (1 + wire_random(&pair->wire, 1000)) * 1000;
	pair_send(pair, 0, 1, number);
	pair_settle(pair);
	pair_send(pair, 1, 0, number);
	pair_settle(pair);
	assert_int_equal(wire_last(&pair->wire, 1, MESSAGE_INITIATION)->at_ns, start_ns);
	pair_advance(pair, 20 * NS_IN_MS);
	/* Nothing is due until the retries at 5 s. */
	pair_jump(pair, 4970 * NS_IN_MS);
	while (pair->sites[0].received_count == before0 ||
		pair->sites[1].received_count == before1) {
		assert_true(pair_now_ns(pair) < start_ns + 17 * NS_IN_S);
		pair_advance(pair, 10 * NS_IN_MS);
		assert_in_range(pair_sessions(pair, 0, 1), 0, 3);
		assert_in_range(pair_sessions(pair, 1, 0), 0, 3);
	}
	assert_int_equal(pair->sites[0].received_count, before0 + 1);
	assert_int_equal(pair->sites[1].received_count, before1 + 1);
	return pair_now_ns(pair) - start_ns;
}

/* Two retries in 11 s. That their jitters are all but equal has a chance of less than 1 in 100. */
static void
hs_20_crossing_initiations_end_in_sessions(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	unsigned again = 0;

	pair->step_ns = NS_IN_MS;
	/* Late responses and data for sessions that went are dropped, and that is right. */
	pair->drops_unchecked = true;
	for (uint32_t round = 0; round < 1000; round++) {
		const uint64_t since = pair->wire.sent_count;
		const uint64_t took_ns = cross(pair, round);

		/* The first two always cross. */
		if (took_ns > 11 * NS_IN_S)
			assert_true(crossed_again(&pair->wire, since + 2));
		again += took_ns > 6 * NS_IN_S;
		pair_advance(pair, NS_IN_S);
		forget(pair);
	}
	assert_in_range(again, 0, 50);
	assert_int_equal(index_count(tunnel_indices(pair_tunnel(pair, 0))), 0);
	assert_int_equal(index_count(tunnel_indices(pair_tunnel(pair, 1))), 0);
	pair_end(pair);
}

static void
crossing_initiations_over_a_long_way_end_in_sessions(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	/* Longer than the jitter: each retry falls into the 5 s after an own response. */
	pair->wire.faults.delay_ns = 300 * NS_IN_MS;
	pair->drops_unchecked = true;
	pair_send(pair, 0, 1, 1);
	pair_send(pair, 1, 0, 2);
	/* Crossing again has 99 % each time with so long a way, so that the way gets shorter. */
	pair_advance(pair, 4 * NS_IN_S);
	pair->wire.faults.delay_ns = 0;
	/* Should they cross within the same millisecond all the same: once more. */
	pair->step_ns = NS_IN_MS;
	pair_advance(pair, 13 * NS_IN_S);
	assert_int_equal(pair->sites[0].received_count, 1);
	assert_int_equal(pair->sites[1].received_count, 1);
	pair_end(pair);
}

/* What is lost next: frames of one type, from one end. */
struct lose {
	unsigned from;
	enum message_type type;
	unsigned left;
};

static bool
lose_some(struct wire_frame *frame, void *context)
{
	struct lose *lose = context;

	if (lose->left == 0 || frame->from != lose->from || frame->type != lose->type)
		return true;
	lose->left--;
	return false;
}

static void
hs_21_lost_response_and_lost_confirmation_are_repaired(void **state)
{
	static const struct lose cases[] = {
		{0, MESSAGE_INITIATION, 1}, {1, MESSAGE_RESPONSE, 1}, {0, MESSAGE_DATA, 1}};

	for (unsigned which = 0; which < 3; which++) {
		struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
		struct lose lose = cases[which];

		pair->wire.filter = lose_some;
		pair->wire.context = &lose;
		pair_send(pair, 0, 1, 1);
		pair_advance(pair, 6 * NS_IN_S);
		assert_int_equal(lose.left, 0);
		/* Data that is lost stays lost; the next one confirms just as well. */
		assert_int_equal(pair->sites[1].received_count, which == 2 ? 0 : 1);
		pair_converse(pair, 0, 1);
		pair_end(pair);
	}
}

static void
hs_21_recovers_from_30_percent_loss(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	pair->drops_unchecked = true;
	pair->wire.faults = (struct wire_faults){.loss = 300, .delay_ns = 20 * NS_IN_MS};
	for (uint32_t round = 0; round < 20; round++) {
		const uint64_t before = pair->sites[1].received_count;

		/* Asked again each second, as TCP would. */
		for (unsigned s = 0; s < 60 && pair->sites[1].received_count == before; s++) {
			pair_send(pair, 0, 1, round);
			pair_send(pair, 1, 0, round);
			pair_advance(pair, NS_IN_S);
		}
		assert_true(pair->sites[1].received_count > before);
		forget(pair);
	}
	pair_end(pair);
}

static void
faults_of_all_kinds_never_deliver_twice_or_spoilt(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	uint64_t before;
	bool *seen = calloc(4000, sizeof(*seen));

	assert_non_null(seen);
	pair->drops_unchecked = true;
	pair_connect(pair, 0, 1);
	before = pair->sites[1].received_count;
	pair->wire.faults = (struct wire_faults){.loss = 50,
		.duplication = 200,
		.corruption = 200,
		.reorder = 300,
		.delay_ns = 5 * NS_IN_MS};
	for (uint32_t n = 0; n < 4000; n++) {
		pair_send(pair, 0, 1, n);
		pair_advance(pair, NS_IN_MS);
	}
	pair_advance(pair, NS_IN_S);
	for (uint64_t n = before; n < pair->sites[1].received_count; n++) {
		const struct pair_packet *packet = pair_received(pair, 1, n);
		uint8_t expected[100];

		assert_in_range(packet->number, 0, 3999);
		assert_false(seen[packet->number]);
		seen[packet->number] = true;
		pair_packet_make(expected, 4, sizeof(expected), 0, 1, packet->number);
		assert_int_equal(packet->len, sizeof(expected));
		assert_memory_equal(packet->bytes, expected, sizeof(expected));
	}
	/* 5 % lost, 20 % of the rest corrupted, of which a few had a twin. */
	assert_true(pair->sites[1].received_count - before > 2600);
	free(seen);
	pair_end(pair);
}

static void
hs_23_old_session_is_used_until_the_new_one_is_confirmed(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct lose lose = {0, MESSAGE_DATA, 1};
	struct session *old;

	pair_connect(pair, 1, 0);
	pair_converse(pair, 0, 1);
	old = atomic_load(&pair_peer(pair, 1, 0)->current);
	pair_advance(pair, 6 * NS_IN_S);
	/* Site 0 starts anew; its confirmation is lost. */
	pair->wire.filter = lose_some;
	pair->wire.context = &lose;
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	assert_int_equal(lose.left, 0);
	assert_non_null(atomic_load(&pair_peer(pair, 1, 0)->next));
	assert_ptr_equal(atomic_load(&pair_peer(pair, 1, 0)->current), old);
	pair_send(pair, 1, 0, 5);
	pair_settle(pair);
	assert_int_equal(
		wire_last(&pair->wire, 1, MESSAGE_DATA)->receiver_index, old->remote_index);
	assert_int_equal(pair_received(pair, 0, pair->sites[0].received_count - 1)->number, 5);
	/* And is left with the first packet on the new one. */
	pair_converse(pair, 0, 1);
	assert_null(atomic_load(&pair_peer(pair, 1, 0)->next));
	assert_ptr_not_equal(atomic_load(&pair_peer(pair, 1, 0)->current), old);
	pair_end(pair);
}

static void
hs_26_own_initiation_sent_back_is_ignored(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct endpoint own = pair_endpoint(pair, 0, false);
	struct endpoint other = pair_endpoint(pair, 1, false);
	uint8_t bytes[WIRE_FRAME_MAX];
	size_t len;

	pair->wire.filter = lose_some;
	pair->wire.context = &(struct lose){0, MESSAGE_INITIATION, 1};
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	len = wire_readdress(bytes, wire_last(&pair->wire, 0, MESSAGE_INITIATION), &other, &own, 0);
	wire_inject(&pair->wire, 0, bytes, len);
	pair_settle(pair);
	/* Its mac1 is for the other's key. */
	pair_dropped(pair, 0, DROP_HANDSHAKE_MAC, 1);
	assert_int_equal(pair->wire.sent_count, 1);
	pair_end(pair);
}

static int
compare_u32(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a;
	const uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
hs_27_indices_and_ephemerals_are_distinct_and_random(void **state)
{
	enum { COUNT = 1000 };
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	uint32_t indices[2 * COUNT];
	uint32_t ephemerals[2 * COUNT];
	unsigned ones[32] = {0};

	for (unsigned i = 0; i < COUNT; i++) {
		const struct wire_frame *frame;

		pair_connect(pair, 0, 1);
		frame = wire_last(&pair->wire, 0, MESSAGE_INITIATION);
		indices[2 * i] = frame->sender_index;
		ephemerals[2 * i] = load_le32(frame->bytes + frame->outer.payload_offset + 8);
		frame = wire_last(&pair->wire, 1, MESSAGE_RESPONSE);
		indices[2 * i + 1] = frame->sender_index;
		ephemerals[2 * i + 1] = load_le32(frame->bytes + frame->outer.payload_offset + 12);
		forget(pair);
		pair_advance(pair, 30 * NS_IN_MS);
	}
	for (unsigned i = 0; i < 2 * COUNT; i++)
		for (unsigned bit = 0; bit < 32; bit++)
			ones[bit] += indices[i] >> bit & 1;
	/* Six standard deviations (22.4 each): one run in 10^7 fails by chance, over all 32. */
	for (unsigned bit = 0; bit < 32; bit++)
		assert_in_range(ones[bit], COUNT - 134, COUNT + 134);
	qsort(ephemerals, 2 * COUNT, sizeof(uint32_t), compare_u32);
	qsort(indices, 2 * COUNT, sizeof(uint32_t), compare_u32);
	for (unsigned i = 1; i < 2 * COUNT; i++) {
		assert_int_not_equal(indices[i], indices[i - 1]);
		assert_int_not_equal(ephemerals[i], ephemerals[i - 1]);
	}
	pair_end(pair);
}

static void
hs_28_traffic_class_of_each_message(void **state)
{
	for (unsigned six = 0; six < 2; six++) {
		struct pair *pair = pair_begin(&(const struct pair_options){.outer6 = six != 0});
		uint8_t packet[60];

		pair_connect(pair, 0, 1);
		assert_int_equal(wire_last(&pair->wire, 0, MESSAGE_INITIATION)->outer.tos, 0x88);
		assert_int_equal(wire_last(&pair->wire, 1, MESSAGE_RESPONSE)->outer.tos, 0x88);
		assert_int_equal(wire_last(&pair->wire, 0, MESSAGE_DATA)->outer.tos, 0);
		/* DSCP stays inside, ECN is copied. */
		pair_packet_make(packet, 6, sizeof(packet), 0, 1, 1);
		store_be16(packet, 0x6000 | 0xb9 << 4);
		assert_true(pair_send_bytes(pair, 0, packet, sizeof(packet)));
		pair_settle(pair);
		assert_int_equal(wire_last(&pair->wire, 0, MESSAGE_DATA)->outer.tos, 1);
		pair_end(pair);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_handshake_works_in_either_direction),
		cmocka_unit_test(hs_3_response_echoes_the_index_and_carries_no_mac2),
		cmocka_unit_test(eager_gateways_initiate_by_themselves),
		cmocka_unit_test(preshared_keys_must_agree),
		cmocka_unit_test(hs_19_wrong_preshared_key_derives_nothing_and_retries),
		cmocka_unit_test(tr_14_all_families_in_all),
		cmocka_unit_test(hs_8_defect_22_stamps_grow_though_the_clock_jumps_back),
		cmocka_unit_test(hs_20_crossing_initiations_end_in_sessions),
		cmocka_unit_test(crossing_initiations_over_a_long_way_end_in_sessions),
		cmocka_unit_test(hs_21_lost_response_and_lost_confirmation_are_repaired),
		cmocka_unit_test(hs_21_recovers_from_30_percent_loss),
		cmocka_unit_test(faults_of_all_kinds_never_deliver_twice_or_spoilt),
		cmocka_unit_test(hs_23_old_session_is_used_until_the_new_one_is_confirmed),
		cmocka_unit_test(hs_26_own_initiation_sent_back_is_ignored),
		cmocka_unit_test(hs_27_indices_and_ephemerals_are_distinct_and_random),
		cmocka_unit_test(hs_28_traffic_class_of_each_message),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
