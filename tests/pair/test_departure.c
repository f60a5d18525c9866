/*
 * Peers that are removed while lanes and rings are full of them: nobody touches them afterwards
 * (ASan), nothing of them stays, and nobody is freed while a lane may still look.
 */
#include "puppet.h"

#include "base/secret.h"
#include "control/rounds.h"

#include <rte_lcore.h>

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAMES 10

static unsigned
departing(struct pair *pair)
{
	struct control *control = &pair->sites[0].gateway->control;
	unsigned count;

	control_lock(control);
	count = control->departures.count;
	control_unlock(control);
	return count;
}

static void
remove_peer(struct pair *pair)
{
	struct reconfigure_counts counts;

	pair_file_remove(pair, 0, pair->sites[1].public_key);
	assert_int_equal(pair_reconfigure(pair, 0, &counts), 0);
	assert_int_equal(counts.removed, 1);
}

static void
add_peer(struct pair *pair)
{
	struct tunnel_config_peer *file = pair_file_add(pair, 0, pair->sites[1].public_key);

	pair_file_allow(file, "10.0.1.0/24");
	address_format(&pair->sites[1].addresses[0], file->host);
	file->port = PAIR_PORT;
	assert_int_equal(pair_reconfigure(pair, 0, NULL), 0);
}

static void
control_round(struct pair *pair)
{
	struct control *control = &pair->sites[0].gateway->control;

	control_lock(control);
	rounds_do(control, NULL);
	control_unlock(control);
}

static void
staged_packets_go_with_their_peer(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});

	for (uint32_t n = 0; n < 5; n++)
		pair_send(pair, 0, 1, n);
	pair_settle(pair);
	assert_int_equal(pair->sites[0].gateway->lanes[0].lane->staged_count, 5);
	remove_peer(pair);
	assert_int_equal(departing(pair), 1);
	pair_settle(pair);
	assert_int_equal(pair->sites[0].gateway->lanes[0].lane->staged_count, 0);
	pair_dropped(pair, 0, DROP_OUT_NO_PEER, 5);
	assert_int_equal(departing(pair), 0);
	pair_end(pair);
}

/* A lane that has been in one round since before the removal may hold everything of the peer. */
static void
who_a_lane_may_hold_is_not_freed(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct gateway *gateway = pair->sites[0].gateway;
	const struct session *session;
	const struct peer *peer;
	uint8_t key[NOISE_KEY_LEN];

	pair_connect(pair, 0, 1);
	peer = pair_peer(pair, 0, 1);
	session = atomic_load(&peer->current);
	memcpy(key, session->send_key, sizeof(key));
	reclaim_online(&gateway->reclaim, 0);
	remove_peer(pair);
	/* What only control knows is gone at once. */
	assert_true(secret_is_zero(&peer->remote, sizeof(peer->remote)));
	for (unsigned i = 0; i < 10; i++)
		control_round(pair);
	assert_int_equal(departing(pair), 1);
	assert_true(peer->departing);
	assert_memory_equal(session->send_key, key, sizeof(key));

	/* It has passed once: orders it gets, but it may still be carrying them out. */
	reclaim_quiescent(&gateway->reclaim, 0);
	control_round(pair);
	assert_true(secret_is_zero(session->send_key, sizeof(session->send_key)));
	assert_int_equal(atomic_load(&peer->lanes[0].orders), PEER_FORGET);
	lane_round(gateway->lanes[0].lane);
	assert_int_equal(departing(pair), 1);
	control_round(pair);
	assert_true(peer->departing);
	reclaim_quiescent(&gateway->reclaim, 0);
	control_round(pair);
	assert_int_equal(departing(pair), 0);
	/* The arena keeps its memory, so that it may still be looked at. */
	assert_true(secret_is_zero(
		(const uint8_t *)peer + sizeof(void *), peer_size(1) - sizeof(void *)));
	reclaim_offline(&gateway->reclaim, 0);
	pair_end(pair);
}

/* Where a peer can be when it goes: bits. */
enum whereabouts {
	IN_SESSION = 1 << 0,
	STAGED = 1 << 1, /* needs a lane without a session */
	IN_ORDERED = 1 << 2,
	IN_RAISED = 1 << 3,
	IN_UNDERLAY = 1 << 4, /* its data has arrived and not been looked at */
	IN_INNER = 1 << 5, /* data for it likewise */
	ALL_PLACES = (1 << 6) - 1,
};

static void
put(struct pair *pair, struct puppet *puppet, unsigned where)
{
	struct rings *rings = &pair->sites[0].gateway->rings;
	struct peer *peer = pair_peer(pair, 0, 1);

	if (where & IN_SESSION)
		puppet_connect(puppet);
	if (where & STAGED) {
		if (where & IN_SESSION)
			atomic_store(&atomic_load(&peer->current)->send_closed, true);
		for (uint32_t n = 0; n < FRAMES; n++)
			pair_send(pair, 0, 1, n);
		reclaim_online(&pair->sites[0].gateway->reclaim, 0);
		lane_round(pair->sites[0].gateway->lanes[0].lane);
		reclaim_offline(&pair->sites[0].gateway->reclaim, 0);
	}
	if (where & IN_ORDERED)
		peer_order_all(peer, rings, PEER_FLUSH | PEER_KEEPALIVE | PEER_KEEPALIVE_AGAIN);
	if (where & IN_RAISED)
		peer_raise(peer, rings, PEER_WANTS_SESSION | PEER_CONFIRMED | PEER_ROAMED);
	for (uint32_t n = 0; n < FRAMES && where & IN_UNDERLAY && where & IN_SESSION; n++)
		puppet_data(puppet, NULL, 0);
	for (uint32_t n = 0; n < FRAMES && where & IN_INNER; n++)
		pair_send(pair, 0, 1, n);
}

/* Lane and control in any order, until the peer is gone. */
static void
step_until_gone(struct pair *pair)
{
	struct gateway *gateway = pair->sites[0].gateway;
	unsigned steps = 0;

	reclaim_online(&gateway->reclaim, 0);
	while (departing(pair) > 0) {
		if (wire_random(&pair->wire, 2) == 0)
			control_round(pair);
		else
			lane_round(gateway->lanes[0].lane);
		assert_true(steps++ < 200);
	}
	reclaim_offline(&gateway->reclaim, 0);
}

static void
cf_16_defect_9_a_peer_goes_from_wherever_it_is(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	struct puppet puppet;

	pair->drops_unchecked = true;
	puppet_init(&puppet, pair, 1);
	for (unsigned round = 0; round < 6 * (ALL_PLACES + 1); round++) {
		put(pair, &puppet, round % (ALL_PLACES + 1));
		remove_peer(pair);
		/* The same key again at once: a new peer, beside the one that departs. */
		if (round % 2 == 0)
			add_peer(pair);
		step_until_gone(pair);
		assert_int_equal(
			pair->sites[0].gateway->lanes[0].lane->staged_count == 0 || round % 2 == 0,
			true);
		pair_advance(pair, NS_IN_S);
		if (round % 2 != 0)
			add_peer(pair);
		pair_advance(pair, 6 * NS_IN_S);
	}
	puppet_fini(&puppet);
	pair_end(pair);
}

/* The gateway ends while peers depart, at each halt. */
static void
the_end_takes_those_who_still_depart(void **state)
{
	for (unsigned halt = 0; halt < 3; halt++) {
		struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
		struct gateway *gateway = pair->sites[0].gateway;

		for (uint32_t n = 0; n < 5; n++)
			pair_send(pair, 0, 1, n);
		pair_settle(pair);
		reclaim_online(&gateway->reclaim, 0);
		remove_peer(pair);
		if (halt > 0)
			reclaim_quiescent(&gateway->reclaim, 0);
		control_round(pair);
		if (halt > 1)
			lane_round(gateway->lanes[0].lane);
		assert_int_equal(departing(pair), 1);
		pair->drops_unchecked = true;
		pair_end(pair);
	}
}

/* --- With real threads ------------------------------------------------------------------------ */

#define LANES 4
#define SEALED 1024
#define REMOVALS 10

struct crowd {
	struct pair *pair;
	struct puppet puppet;
	pthread_t lanes[LANES];
	struct rte_mbuf *sealed[SEALED];
};

struct crowd_lane {
	struct gateway *gateway;
	unsigned number;
};

static void *
run_lane(void *argument)
{
	const struct crowd_lane *lane = argument;

	/* So that mempools and rings know the thread. */
	if (rte_thread_register() != 0)
		abort();
	gateway_lane_run(lane->gateway, lane->number);
	rte_thread_unregister();
	return NULL;
}

static void
seal_all(struct crowd *crowd)
{
	uint8_t packet[100];

	pair_packet_make(packet, 4, sizeof(packet), 1, 0, 1);
	for (unsigned i = 0; i < SEALED; i++) {
		uint8_t message[WIRE_FRAME_MAX];
		uint8_t frame[WIRE_FRAME_MAX];
		size_t len = puppet_data_make(
			&crowd->puppet, crowd->puppet.counter++, packet, sizeof(packet), message);

		len = puppet_wrap(&crowd->puppet, frame, message, len);
		crowd->sealed[i] = rte_pktmbuf_alloc(crowd->pair->pool);
		assert_non_null(crowd->sealed[i]);
		memcpy(rte_pktmbuf_append(crowd->sealed[i], (uint16_t)len), frame, len);
	}
}

/* Gives sealed data and inner packets to all lanes, and empties what they fill. */
static unsigned
feed(struct crowd *crowd, unsigned from, unsigned count)
{
	struct pair *pair = crowd->pair;
	struct port *underlay = pair->wire.ends[0];
	struct port *inner = pair->sites[0].inner;
	struct rte_mbuf *mbufs[64];
	unsigned fed = 0;

	while (fed < count && from + fed < SEALED &&
		port_transmit(underlay, (uint16_t)(fed % LANES), &crowd->sealed[from + fed], 1) ==
			1)
		fed++;
	for (uint16_t queue = 0; queue < LANES; queue++) {
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pair->pool);

		if (mbuf != NULL) {
			pair_packet_make((uint8_t *)rte_pktmbuf_append(mbuf, 100), 4, 100, 0, 1, 1);
			if (port_transmit(inner, queue, &mbuf, 1) != 1)
				rte_pktmbuf_free(mbuf);
		}
		rte_pktmbuf_free_bulk(mbufs, port_receive(inner, queue, mbufs, 64));
		rte_pktmbuf_free_bulk(mbufs, port_receive(underlay, queue, mbufs, 64));
	}
	return fed;
}

static void
start_threads(struct crowd *crowd, struct crowd_lane lanes[static LANES])
{
	struct gateway *gateway = crowd->pair->sites[0].gateway;

	atomic_store(&gateway->stop, false);
	assert_int_equal(gateway_start(gateway), 0);
	for (unsigned i = 0; i < LANES; i++) {
		lanes[i] = (struct crowd_lane){.gateway = gateway, .number = i};
		assert_int_equal(pthread_create(&crowd->lanes[i], NULL, run_lane, &lanes[i]), 0);
	}
}

static void
stop_threads(struct crowd *crowd)
{
	gateway_stop(crowd->pair->sites[0].gateway);
	for (unsigned i = 0; i < LANES; i++)
		pthread_join(crowd->lanes[i], NULL);
}

static void
remove_under_fire(struct crowd *crowd)
{
	struct crowd_lane lanes[LANES];
	struct pair *pair = crowd->pair;
	const uint64_t when = wire_random(&pair->wire, SEALED / 2);
	bool removed = false;
	unsigned fed = 0;

	seal_all(crowd);
	start_threads(crowd, lanes);
	while (fed < SEALED || departing(pair) > 0) {
		fed += feed(crowd, fed, 32);
		if (!removed && fed >= when)
			remove_peer(pair);
		removed |= fed >= when;
		sched_yield();
	}
	stop_threads(crowd);
}

static void
cf_16_defect_9_a_peer_goes_while_four_lanes_work_for_it(void **state)
{
	struct crowd crowd = {
		.pair = pair_begin(&(const struct pair_options){.gateways = 1, .lanes = LANES}),
	};
	struct pair *pair = crowd.pair;

	pair->drops_unchecked = true;
	puppet_init(&crowd.puppet, pair, 1);
	for (unsigned i = 0; i < REMOVALS; i++) {
		puppet_connect(&crowd.puppet);
		remove_under_fire(&crowd);
		add_peer(pair);
		pair_advance(pair, NS_IN_S);
	}
	puppet_fini(&crowd.puppet);
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(staged_packets_go_with_their_peer),
		cmocka_unit_test(who_a_lane_may_hold_is_not_freed),
		cmocka_unit_test(cf_16_defect_9_a_peer_goes_from_wherever_it_is),
		cmocka_unit_test(the_end_takes_those_who_still_depart),
		cmocka_unit_test(cf_16_defect_9_a_peer_goes_while_four_lanes_work_for_it),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
