/*
 * Packets that wait for a session: how many, whose go, and that what ends them counts them.
 */
#include "datapath/stages.h"

#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool
nothing_arrives(struct wire_frame *frame, void *context)
{
	return false;
}

static struct lane *
lane_of(struct pair *pair)
{
	return pair->sites[0].gateway->lanes[0].lane;
}

static unsigned
staged_for(struct pair *pair, unsigned site)
{
	return pair_peer(pair, 0, site)->lanes[0].staged.count;
}

static struct pair *
begin(unsigned staged_max)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 3, .gateways = 1});

	pair->wire.filter = nothing_arrives;
	lane_of(pair)->settings.staged_max = staged_max;
	return pair;
}

static void
one_peer_may_have_128(void **state)
{
	struct pair *pair = begin(1000);

	for (uint32_t n = 0; n < 130; n++)
		pair_send(pair, 0, 1, n);
	pair_send(pair, 0, 2, 1);
	pair_settle(pair);
	assert_int_equal(staged_for(pair, 1), 128);
	assert_int_equal(staged_for(pair, 2), 1);
	assert_int_equal(lane_of(pair)->staged_count, 129);
	pair_dropped(pair, 0, DROP_OUT_STAGED_FULL, 2);
	assert_int_equal(pair_peer(pair, 0, 1)->lanes[0].drops[DROP_OUT_STAGED_FULL], 2);
	pair_end(pair);
}

static void
a_full_lane_lets_a_peer_trade_its_own_only(void **state)
{
	struct pair *pair = begin(100);

	for (uint32_t n = 0; n < 110; n++)
		pair_send(pair, 0, 1, n);
	pair_settle(pair);
	assert_int_equal(staged_for(pair, 1), 100);
	pair_dropped(pair, 0, DROP_OUT_STAGED_FULL, 10);
	/* Another one gets nothing, and takes nothing away. */
	pair_send(pair, 0, 2, 1);
	pair_settle(pair);
	assert_int_equal(staged_for(pair, 1), 100);
	assert_int_equal(staged_for(pair, 2), 0);
	pair_dropped(pair, 0, DROP_OUT_STAGED_FULL, 1);
	assert_int_equal(pair_peer(pair, 0, 2)->lanes[0].drops[DROP_OUT_STAGED_FULL], 1);
	pair_end(pair);
}

static void
giving_up_drops_and_counts_all(void **state)
{
	struct pair *pair = begin(1000);

	for (uint32_t n = 0; n < 50; n++)
		pair_send(pair, 0, 1, n);
	pair_send(pair, 0, 2, 1);
	pair_settle(pair);
	peer_order(pair_peer(pair, 0, 1), &pair->sites[0].gateway->rings, 0, PEER_DROP_STAGED);
	pair_settle(pair);
	assert_int_equal(staged_for(pair, 1), 0);
	assert_int_equal(staged_for(pair, 2), 1);
	assert_int_equal(lane_of(pair)->staged_count, 1);
	pair_dropped(pair, 0, DROP_OUT_GAVE_UP, 50);
	pair_end(pair);
}

static void
no_packet_overtakes_those_that_wait(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct rings *rings = &pair->sites[0].gateway->rings;

	pair_connect(pair, 0, 1);
	/* As if a session had come just now, the order to flush still on its way. */
	pair->wire.filter = nothing_arrives;
	atomic_store(&atomic_load(&pair_peer(pair, 0, 1)->current)->send_closed, true);
	for (uint32_t n = 0; n < 3; n++)
		pair_send(pair, 0, 1, n);
	pair_settle(pair);
	assert_int_equal(pair_peer(pair, 0, 1)->lanes[0].staged.count, 3);
	atomic_store(&atomic_load(&pair_peer(pair, 0, 1)->current)->send_closed, false);
	pair->wire.filter = NULL;
	pair_send(pair, 0, 1, 3);
	pair_settle(pair);
	assert_int_equal(pair->sites[1].received_count, 0);
	peer_order(pair_peer(pair, 0, 1), rings, 0, PEER_FLUSH);
	pair_settle(pair);
	assert_int_equal(pair->sites[1].received_count, 4);
	for (uint32_t n = 0; n < 4; n++)
		assert_int_equal(pair_received(pair, 1, n)->number, n);
	pair_end(pair);
}

/* They may change places: what could not be sealed waits behind what had not been tried. */
static void
none_is_lost_when_the_counters_end_in_the_middle(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct session *session;
	bool seen[100] = {false};

	pair_connect(pair, 0, 1);
	pair_advance(pair, 6 * NS_IN_S);
	session = atomic_load(&pair_peer(pair, 0, 1)->current);
	pair->wire.faults.delay_ns = 50 * NS_IN_MS;
	/* All wait, more than a batch of them; then there is room for one packet and no more. */
	atomic_store(&session->send_closed, true);
	for (uint32_t n = 0; n < 100; n++)
		pair_send(pair, 0, 1, n);
	pair_settle(pair);
	atomic_store(&session->send_counter, REJECT_AFTER_MESSAGES - 1);
	atomic_store(&session->send_closed, false);
	peer_order(pair_peer(pair, 0, 1), &pair->sites[0].gateway->rings, 0, PEER_FLUSH);
	pair_advance(pair, NS_IN_S);
	assert_int_equal(pair->sites[1].received_count, 100);
	for (uint32_t n = 0; n < 100; n++) {
		const uint32_t number = pair_received(pair, 1, n)->number;

		assert_in_range(number, 0, 99);
		assert_false(seen[number]);
		seen[number] = true;
	}
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_peer_may_have_128),
		cmocka_unit_test(a_full_lane_lets_a_peer_trade_its_own_only),
		cmocka_unit_test(giving_up_drops_and_counts_all),
		cmocka_unit_test(no_packet_overtakes_those_that_wait),
		cmocka_unit_test(none_is_lost_when_the_counters_end_in_the_middle),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
