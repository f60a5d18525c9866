/*
 * The five timers, end to end: what two gateways send when, to the step of the clock.
 */
#include "puppet.h"

#include "control/handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define STEP_NS (10 * NS_IN_MS)
#define JITTER_NS (334 * NS_IN_MS)

static bool
nothing_arrives(struct wire_frame *frame, void *context)
{
	return false;
}

static unsigned
initiations(const struct pair *pair, unsigned from)
{
	return wire_count(&pair->wire, 0, from, MESSAGE_INITIATION);
}

static void
tm_1_twenty_initiations_and_no_more(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	uint64_t last_ns = pair_now_ns(pair);

	pair->wire.filter = nothing_arrives;
	pair_send(pair, 0, 1, 1);
	pair_advance(pair, 120 * NS_IN_S);
	assert_int_equal(pair->wire.sent_count, 20);
	for (unsigned n = 1; n < 20; n++) {
		const uint64_t at_ns = wire_sent(&pair->wire, n)->at_ns;

		assert_int_equal(wire_sent(&pair->wire, n)->type, MESSAGE_INITIATION);
		assert_in_range(at_ns - last_ns, 5 * NS_IN_S, 5 * NS_IN_S + JITTER_NS + STEP_NS);
		last_ns = at_ns;
	}
	pair_dropped(pair, 0, DROP_OUT_GAVE_UP, 1);
	assert_int_equal(pair->sites[0].gateway->lanes[0].lane->staged_count, 0);
	assert_int_equal(index_count(tunnel_indices(pair_tunnel(pair, 0))), 1);
	/* It gave up 5 s and a jitter after the last one; 540 s after that all is forgotten. */
	pair_until(pair, last_ns + 545 * NS_IN_S - STEP_NS);
	assert_int_equal(index_count(tunnel_indices(pair_tunnel(pair, 0))), 1);
	pair_until(pair, last_ns + 545 * NS_IN_S + JITTER_NS + STEP_NS);
	assert_int_equal(index_count(tunnel_indices(pair_tunnel(pair, 0))), 0);
	assert_int_equal(pair->wire.sent_count, 20);
	pair_end(pair);
}

static void
tm_2_steady_traffic_never_gives_up(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	pair->wire.filter = nothing_arrives;
	for (uint32_t s = 0; s < 300; s++) {
		pair_send(pair, 0, 1, s);
		pair_advance(pair, NS_IN_S);
	}
	assert_in_range(initiations(pair, 0), 300000 / 5344, 60);
	pair_dropped(pair, 0, DROP_OUT_STAGED_FULL, 300 - 128);
	pair_end(pair);
}

static void
tm_3_received_data_is_answered_after_10_s(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	uint64_t before;
	uint64_t start_ns;

	pair_connect(pair, 0, 1);
	pair_advance(pair, NS_IN_S);
	start_ns = pair_now_ns(pair);
	before = pair->wire.sent_count;
	pair_send(pair, 0, 1, 1);
	pair_until(pair, start_ns + 60 * NS_IN_S);
	assert_int_equal(pair->wire.sent_count, before + 2);
	assert_int_equal(wire_sent(&pair->wire, before + 1)->from, 1);
	assert_int_equal(wire_sent(&pair->wire, before + 1)->message_len, 32);
	assert_int_equal(wire_sent(&pair->wire, before + 1)->at_ns, start_ns + 10 * NS_IN_S);
	/* Two packets, the second within the 10 s: two answers. */
	start_ns = pair_now_ns(pair);
	pair_send(pair, 0, 1, 2);
	pair_advance(pair, 4 * NS_IN_S);
	pair_send(pair, 0, 1, 3);
	pair_until(pair, start_ns + 60 * NS_IN_S);
	assert_int_equal(pair->wire.sent_count, before + 6);
	assert_int_equal(wire_sent(&pair->wire, before + 4)->at_ns, start_ns + 10 * NS_IN_S);
	assert_int_equal(wire_sent(&pair->wire, before + 5)->at_ns, start_ns + 20 * NS_IN_S);
	pair_end(pair);
}

static void
tm_4_silence_after_data_makes_a_new_handshake(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	uint64_t start_ns;

	pair_connect(pair, 0, 1);
	pair_advance(pair, NS_IN_S);
	pair->wire.filter = nothing_arrives;
	start_ns = pair_now_ns(pair);
	pair_send(pair, 0, 1, 1);
	/* It counts from the first one. */
	pair_advance(pair, 5 * NS_IN_S);
	pair_send(pair, 0, 1, 2);
	pair_until(pair, start_ns + 15 * NS_IN_S - STEP_NS);
	assert_int_equal(initiations(pair, 0), 1);
	pair_until(pair, start_ns + 15 * NS_IN_S + JITTER_NS + STEP_NS);
	assert_int_equal(initiations(pair, 0), 2);
	pair_end(pair);
}

static void
tm_5_a_keepalive_is_answer_enough(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	pair_connect(pair, 0, 1);
	pair_advance(pair, NS_IN_S);
	pair_send(pair, 0, 1, 1);
	pair_advance(pair, 60 * NS_IN_S);
	assert_int_equal(initiations(pair, 0), 1);
	pair_end(pair);
}

static void
tm_14_keys_are_erased_after_540_s(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	pair_connect(pair, 0, 1);
	pair_until(pair, 1540 * NS_IN_S - 100 * NS_IN_MS);
	for (unsigned site = 0; site < 2; site++) {
		assert_int_equal(pair_sessions(pair, site, 1 - site), 1);
		assert_int_equal(index_count(tunnel_indices(pair_tunnel(pair, site))), 1);
	}
	pair_advance(pair, 200 * NS_IN_MS);
	for (unsigned site = 0; site < 2; site++) {
		assert_int_equal(pair_sessions(pair, site, 1 - site), 0);
		assert_int_equal(index_count(tunnel_indices(pair_tunnel(pair, site))), 0);
	}
	pair_end(pair);
}

/* A NAT in front of site 0: lets in what answers within 2 s. */
static bool
nat(struct wire_frame *frame, void *context)
{
	uint64_t *last_ns = context;

	if (frame->from != 0)
		return frame->at_ns - *last_ns < 2 * NS_IN_S;
	*last_ns = frame->at_ns;
	return true;
}

static void
tm_15_persistent_keepalive_keeps_a_nat_open(void **state)
{
	for (uint16_t keepalive_s = 0; keepalive_s < 2; keepalive_s++) {
		struct pair *pair =
			pair_begin(&(const struct pair_options){.keepalive_s = {keepalive_s}});
		uint64_t last_ns = 0;

		pair->wire.filter = nat;
		pair->wire.context = &last_ns;
		pair_initiate(pair, 0, 1);
		pair_advance(pair, 3500 * NS_IN_MS);
		pair_send(pair, 1, 0, 1);
		pair_settle(pair);
		assert_int_equal(pair->sites[0].received_count, keepalive_s);
		pair_end(pair);
	}
}

static void
tm_16_persistent_keepalive_counts_from_the_last_traffic(void **state)
{
	struct pair *pair =
		pair_begin(&(const struct pair_options){.gateways = 1, .keepalive_s = {25}});
	struct puppet puppet;
	uint64_t start_ns;
	uint64_t before;

	puppet_init(&puppet, pair, 1);
	puppet_connect(&puppet);
	start_ns = pair_now_ns(pair);
	before = pair->wire.sent_count;
	pair_advance(pair, 20 * NS_IN_S);
	puppet_data(&puppet, NULL, 0);
	pair_until(pair, start_ns + 45 * NS_IN_S - STEP_NS);
	assert_int_equal(pair->wire.sent_count, before);
	pair_until(pair, start_ns + 45 * NS_IN_S);
	assert_int_equal(pair->wire.sent_count, before + 1);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
tm_17_persistent_keepalive_never_gives_up(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.keepalive_s = {25}});

	pair->wire.filter = nothing_arrives;
	pair_advance(pair, 400 * NS_IN_S);
	/* Series of 20, each begun by T5, 25 s after the last initiation of the one before. */
	for (uint64_t n = 1; n < pair->wire.sent_count; n++) {
		const uint64_t gap_ns =
			wire_sent(&pair->wire, n)->at_ns - wire_sent(&pair->wire, n - 1)->at_ns;

		if (n % 20 == 0)
			assert_int_equal(gap_ns, 25 * NS_IN_S);
		else
			assert_in_range(gap_ns, 5 * NS_IN_S, 5 * NS_IN_S + JITTER_NS + STEP_NS);
	}
	assert_in_range(initiations(pair, 0), 61, 69);
	pair_end(pair);
}

static void
set_interval(struct pair *pair, uint16_t interval_s)
{
	struct peer *peer = pair_peer(pair, 0, 1);

	timers_interval(&peer->timers, &peer->stamps, interval_s, pair_now_ns(pair));
	handshake_schedule(&pair->sites[0].gateway->control, peer);
}

static void
tm_18_turning_persistent_keepalive_on_and_off(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	uint64_t before;

	pair_connect(pair, 0, 1);
	pair_advance(pair, NS_IN_S);
	before = pair->wire.sent_count;
	set_interval(pair, 25);
	pair_settle(pair);
	assert_int_equal(pair->wire.sent_count, before + 1);
	assert_int_equal(wire_last(&pair->wire, 0, MESSAGE_DATA)->message_len, 32);
	pair_advance(pair, 25 * NS_IN_S);
	assert_int_equal(pair->wire.sent_count, before + 2);
	set_interval(pair, 0);
	pair_advance(pair, 100 * NS_IN_S);
	assert_int_equal(pair->wire.sent_count, before + 2);
	pair_end(pair);
}

static void
tm_20_sessions_age_while_suspended(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct wire_frame old;

	pair_connect(pair, 0, 1);
	pair->wire.filter = nothing_arrives;
	pair_send(pair, 0, 1, 7);
	pair_settle(pair);
	old = *wire_last(&pair->wire, 0, MESSAGE_DATA);
	pair->wire.filter = NULL;
	pair_jump(pair, 181 * NS_IN_S);
	wire_inject(&pair->wire, 1, old.bytes, old.len);
	pair_settle(pair);
	pair_dropped(pair, 1, DROP_IN_EXPIRED, 1);
	assert_int_equal(pair->sites[1].received_count, 0);
	pair_converse(pair, 0, 1);
	assert_int_not_equal(
		wire_last(&pair->wire, 0, MESSAGE_DATA)->receiver_index, old.receiver_index);
	/* And longer than all timers. */
	pair_advance(pair, 30 * NS_IN_S);
	pair_jump(pair, 600 * NS_IN_S);
	assert_int_equal(pair_sessions(pair, 0, 1), 0);
	pair_converse(pair, 0, 1);
	pair_end(pair);
}

static void
tm_21_the_real_clock_moves_no_timer(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	const uint64_t day_ns = 86400 * NS_IN_S;

	pair_connect(pair, 0, 1);
	pair_converse(pair, 0, 1);
	pair_advance(pair, NS_IN_S);
	for (unsigned jump = 0; jump < 2; jump++) {
		const uint64_t before = pair->wire.sent_count;

		for (unsigned site = 0; site < 2; site++)
			pair->sites[site].clock.real_ns += jump == 0 ? day_ns : -2 * day_ns;
		pair_advance(pair, 5 * NS_IN_S);
		assert_int_equal(pair->wire.sent_count, before);
		pair_converse(pair, 0, 1);
		assert_int_equal(initiations(pair, 0), 1);
	}
	pair_end(pair);
}

static void
tm_22_no_own_initiation_within_5_s_of_a_response(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	struct message_initiation message;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	puppet_initiation(&puppet, NULL, &message);
	puppet_send(&puppet, &message, sizeof(message));
	pair_settle(pair);
	/* The peer vanishes: it never confirms. */
	for (uint32_t n = 0; n < 49; n++) {
		pair_send(pair, 0, 1, n);
		pair_advance(pair, 100 * NS_IN_MS);
	}
	assert_int_equal(pair->wire.sent_count, 1);
	pair_advance(pair, 100 * NS_IN_MS);
	pair_send(pair, 0, 1, 50);
	pair_settle(pair);
	assert_int_equal(initiations(pair, 0), 1);
	puppet_fini(&puppet);
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tm_1_twenty_initiations_and_no_more),
		cmocka_unit_test(tm_2_steady_traffic_never_gives_up),
		cmocka_unit_test(tm_3_received_data_is_answered_after_10_s),
		cmocka_unit_test(tm_4_silence_after_data_makes_a_new_handshake),
		cmocka_unit_test(tm_5_a_keepalive_is_answer_enough),
		cmocka_unit_test(tm_14_keys_are_erased_after_540_s),
		cmocka_unit_test(tm_15_persistent_keepalive_keeps_a_nat_open),
		cmocka_unit_test(tm_16_persistent_keepalive_counts_from_the_last_traffic),
		cmocka_unit_test(tm_17_persistent_keepalive_never_gives_up),
		cmocka_unit_test(tm_18_turning_persistent_keepalive_on_and_off),
		cmocka_unit_test(tm_20_sessions_age_while_suspended),
		cmocka_unit_test(tm_21_the_real_clock_moves_no_timer),
		cmocka_unit_test(tm_22_no_own_initiation_within_5_s_of_a_response),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
