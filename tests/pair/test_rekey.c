/*
 * Sessions follow one another: by age, by count, under traffic, and end at their limits.
 */
#include "puppet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool
nothing_arrives(struct wire_frame *frame, void *context)
{
	return false;
}

static bool
no_initiation_of_0(struct wire_frame *frame, void *context)
{
	return frame->from != 0 || frame->type != MESSAGE_INITIATION;
}

static unsigned
initiations(const struct pair *pair, unsigned from)
{
	return wire_count(&pair->wire, 0, from, MESSAGE_INITIATION);
}

static void
tm_6_initiator_rekeys_when_it_sends_after_120_s(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	uint32_t index;

	pair_connect(pair, 0, 1);
	index = wire_last(&pair->wire, 0, MESSAGE_DATA)->receiver_index;
	pair_until(pair, 1119900 * NS_IN_MS);
	pair_send(pair, 0, 1, 1);
	pair_settle(pair);
	assert_int_equal(initiations(pair, 0), 1);
	pair_until(pair, 1120100 * NS_IN_MS);
	pair->wire.faults.delay_ns = NS_IN_MS;
	pair_send(pair, 0, 1, 2);
	pair_settle(pair);
	assert_int_equal(initiations(pair, 0), 2);
	assert_int_equal(wire_last(&pair->wire, 0, MESSAGE_DATA)->receiver_index, index);
	pair_advance(pair, 10 * NS_IN_MS);
	pair_send(pair, 0, 1, 3);
	pair_advance(pair, 10 * NS_IN_MS);
	assert_int_not_equal(wire_last(&pair->wire, 0, MESSAGE_DATA)->receiver_index, index);
	assert_int_equal(pair->sites[1].received_count, 3);
	pair_end(pair);
}

static void
tm_7_responder_never_rekeys_because_of_time(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	puppet_connect(&puppet);
	pair_until(pair, 1121 * NS_IN_S);
	for (uint32_t s = 121; s < 180; s++) {
		pair_send(pair, 0, 1, s);
		pair_settle(pair);
		puppet_data(&puppet, NULL, 0);
		pair_advance(pair, NS_IN_S);
	}
	assert_int_equal(initiations(pair, 0), 0);
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_DATA), 180 - 121);
	/* The last keepalive came at 179 s; now the session is too old for anything. */
	puppet_data(&puppet, NULL, 0);
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_IN_EXPIRED, 1);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
tm_8_initiator_that_only_receives_rekeys_once_at_165_s(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	pair_connect(pair, 0, 1);
	pair->wire.filter = no_initiation_of_0;
	pair_until(pair, 1164900 * NS_IN_MS);
	pair_send(pair, 1, 0, 1);
	pair_settle(pair);
	assert_int_equal(initiations(pair, 0), 1);
	pair_until(pair, 1165100 * NS_IN_MS);
	for (uint32_t n = 0; n < 40; n++) {
		pair_send(pair, 1, 0, n);
		pair_advance(pair, 100 * NS_IN_MS);
	}
	assert_int_equal(initiations(pair, 0), 2);
	pair_end(pair);
}

static void
tm_9_nothing_is_sent_after_180_s(void **state)
{
	for (unsigned from = 0; from < 2; from++) {
		struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
		uint64_t before;

		pair_connect(pair, 0, 1);
		pair_until(pair, 1179900 * NS_IN_MS);
		before = pair->wire.sent_count;
		pair->wire.filter = nothing_arrives;
		pair_send(pair, from, 1 - from, 1);
		pair_settle(pair);
		assert_int_equal(wire_count(&pair->wire, before, from, MESSAGE_DATA), 1);
		pair_until(pair, 1180100 * NS_IN_MS);
		pair_send(pair, from, 1 - from, 2);
		pair_settle(pair);
		assert_int_equal(wire_count(&pair->wire, before, from, MESSAGE_DATA), 1);
		/* The initiator has asked at 179.9 s already; it asks once in 5 s. */
		assert_int_equal(wire_count(&pair->wire, before, from, MESSAGE_INITIATION), 1);
		assert_int_equal(pair->sites[from].gateway->lanes[0].lane->staged_count, 1);
		pair_end(pair);
	}
}

static void
tm_10_defect_6_nothing_is_received_after_180_s(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct wire_frame held[2];

	pair_connect(pair, 0, 1);
	pair->wire.filter = nothing_arrives;
	for (uint32_t n = 0; n < 2; n++) {
		pair_send(pair, 0, 1, n);
		pair_settle(pair);
		held[n] = *wire_last(&pair->wire, 0, MESSAGE_DATA);
	}
	pair_until(pair, 1179900 * NS_IN_MS);
	wire_inject(&pair->wire, 1, held[0].bytes, held[0].len);
	pair_settle(pair);
	assert_int_equal(pair->sites[1].received_count, 1);
	pair_until(pair, 1180100 * NS_IN_MS);
	wire_inject(&pair->wire, 1, held[1].bytes, held[1].len);
	pair_settle(pair);
	assert_int_equal(pair->sites[1].received_count, 1);
	pair_dropped(pair, 1, DROP_IN_EXPIRED, 1);
	pair_end(pair);
}

static void
tm_11_either_side_rekeys_after_2_to_the_60_messages(void **state)
{
	for (unsigned from = 0; from < 2; from++) {
		struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
		struct session *session;

		pair_connect(pair, 0, 1);
		pair_advance(pair, 6 * NS_IN_S);
		session = atomic_load(&pair_peer(pair, from, 1 - from)->current);
		atomic_store(&session->send_counter, REKEY_AFTER_MESSAGES - 1);
		pair_send(pair, from, 1 - from, 1);
		pair_settle(pair);
		assert_int_equal(initiations(pair, 0) + initiations(pair, 1), 1);
		pair_send(pair, from, 1 - from, 2);
		pair_settle(pair);
		assert_int_equal(initiations(pair, from), from == 0 ? 2 : 1);
		assert_int_equal(pair->sites[1 - from].received_count, 2);
		pair_converse(pair, 0, 1);
		pair_end(pair);
	}
}

static void
tm_12_defect_17_the_last_counters_are_never_used(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct session *session;
	uint64_t before;

	pair_connect(pair, 0, 1);
	pair_advance(pair, 6 * NS_IN_S);
	session = atomic_load(&pair_peer(pair, 0, 1)->current);
	atomic_store(&session->send_counter, REJECT_AFTER_MESSAGES - 2);
	before = pair->wire.sent_count;
	pair->wire.faults.delay_ns = 50 * NS_IN_MS;
	for (uint32_t n = 0; n < 32; n++)
		pair_send(pair, 0, 1, n);
	pair_settle(pair);
	assert_int_equal(wire_count(&pair->wire, before, 0, MESSAGE_DATA), 0);
	assert_int_equal(wire_count(&pair->wire, before, 0, MESSAGE_INITIATION), 1);
	assert_int_equal(pair->sites[0].gateway->lanes[0].lane->staged_count, 32);
	pair_advance(pair, NS_IN_S);
	assert_int_equal(pair->sites[1].received_count, 32);
	for (uint32_t n = 0; n < 32; n++)
		assert_int_equal(pair_received(pair, 1, n)->number, n);
	pair_end(pair);
}

static void
rp_6_the_last_counter_of_all_ends_receiving(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct session *session;

	pair_connect(pair, 0, 1);
	pair_advance(pair, 6 * NS_IN_S);
	session = atomic_load(&pair_peer(pair, 0, 1)->current);
	atomic_store(&session->send_counter, REJECT_AFTER_MESSAGES - 1);
	pair->wire.filter = no_initiation_of_0;
	pair_send(pair, 0, 1, 1);
	pair_settle(pair);
	assert_int_equal(
		wire_last(&pair->wire, 0, MESSAGE_DATA)->counter, REJECT_AFTER_MESSAGES - 1);
	assert_int_equal(pair->sites[1].received_count, 1);
	/* A fresh counter, but the session is at its end. */
	atomic_store(&session->send_counter, REJECT_AFTER_MESSAGES - 100);
	pair_send(pair, 0, 1, 2);
	pair_settle(pair);
	assert_int_equal(pair->sites[1].received_count, 1);
	pair_dropped(pair, 1, DROP_IN_EXPIRED, 1);
	pair_end(pair);
}

/* One packet each way every 10 ms; returns when `seconds` have passed. */
static void
talk(struct pair *pair, uint32_t *number, unsigned seconds)
{
	for (unsigned i = 0; i < seconds * 100; i++, ++*number) {
		pair_send(pair, 0, 1, *number);
		pair_send(pair, 1, 0, *number);
		pair_advance(pair, 10 * NS_IN_MS);
	}
}

static void
ten_minutes_of_traffic_lose_nothing(void **state)
{
	static const uint64_t delays_ns[] = {0, 7 * NS_IN_MS, 45 * NS_IN_MS};

	for (unsigned which = 0; which < 3; which++) {
		struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
		unsigned handshakes = 0;
		uint32_t number = 0;
		uint64_t seen[2] = {0, 0};

		pair_connect(pair, 0, 1);
		pair->wire.faults.delay_ns = delays_ns[which];
		for (unsigned s = 0; s < 600; s += 5) {
			const uint64_t before = pair->wire.sent_count;

			talk(pair, &number, 5);
			handshakes += wire_count(&pair->wire, before, 0, MESSAGE_RESPONSE) +
				wire_count(&pair->wire, before, 1, MESSAGE_RESPONSE);
			for (unsigned site = 0; site < 2; site++)
				for (; seen[site] < pair->sites[site].received_count; seen[site]++)
					assert_int_equal(
						pair_received(pair, site, seen[site])->number,
						seen[site]);
		}
		pair->wire.faults.delay_ns = 0;
		pair_advance(pair, NS_IN_S);
		assert_int_equal(pair->sites[0].received_count, number);
		assert_int_equal(pair->sites[1].received_count, number);
		/* At 120, 240, 360, 480 s; the fifth is about to be. */
		assert_in_range(handshakes, 4, 5);
		pair_end(pair);
	}
}

static void
a_replaced_session_goes_on_receiving_what_was_under_way(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	uint32_t number = 0;

	pair_connect(pair, 0, 1);
	pair->wire.faults = (struct wire_faults){.delay_ns = 30 * NS_IN_MS, .reorder = 500};
	for (unsigned i = 0; i < 20; i++) {
		talk(pair, &number, 6);
		pair_initiate(pair, i % 2, 1 - i % 2);
	}
	pair->wire.faults = (struct wire_faults){.loss = 0};
	pair_advance(pair, NS_IN_S);
	assert_int_equal(pair->sites[0].received_count, number);
	assert_int_equal(pair->sites[1].received_count, number);
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tm_6_initiator_rekeys_when_it_sends_after_120_s),
		cmocka_unit_test(tm_7_responder_never_rekeys_because_of_time),
		cmocka_unit_test(tm_8_initiator_that_only_receives_rekeys_once_at_165_s),
		cmocka_unit_test(tm_9_nothing_is_sent_after_180_s),
		cmocka_unit_test(tm_10_defect_6_nothing_is_received_after_180_s),
		cmocka_unit_test(tm_11_either_side_rekeys_after_2_to_the_60_messages),
		cmocka_unit_test(tm_12_defect_17_the_last_counters_are_never_used),
		cmocka_unit_test(rp_6_the_last_counter_of_all_ends_receiving),
		cmocka_unit_test(ten_minutes_of_traffic_lose_nothing),
		cmocka_unit_test(a_replaced_session_goes_on_receiving_what_was_under_way),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
