/*
 * Names of endpoints: looked up in their own time, in the real one.
 */
#include "control/resolver.h"

#include "pair.h"

#include <ev.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
stop_waiting(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	ev_break(loop, EVBREAK_ALL);
}

static void
run_for(struct ev_loop *loop, double seconds)
{
	struct ev_timer timer;

	ev_timer_init(&timer, stop_waiting, seconds, 0.);
	ev_timer_start(loop, &timer);
	ev_run(loop, 0);
	ev_timer_stop(loop, &timer);
}

/* Runs the loop until the peer has an endpoint, or for so many hundredths of a second. */
static void
wait_for(struct ev_loop *loop, const struct peer *peer, unsigned hundredths)
{
	for (unsigned i = 0; i < hundredths && peer->endpoint.port == 0; i++)
		run_for(loop, 0.01);
}

struct bed {
	struct pair *pair;
	struct ev_loop *loop;
	struct resolver *resolver;
};

static void
bed_init(struct bed *bed)
{
	bed->pair = pair_begin(&(const struct pair_options){.no_endpoint = {true}});
	bed->loop = ev_loop_new(EVFLAG_AUTO);
	assert_non_null(bed->loop);
	bed->resolver = resolver_create(&bed->pair->sites[0].gateway->control, bed->loop);
	assert_non_null(bed->resolver);
}

static void
bed_fini(struct bed *bed)
{
	resolver_destroy(bed->resolver);
	ev_loop_destroy(bed->loop);
	pair_end(bed->pair);
}

/* Has a name looked up for the peer, as a reconfiguration does. */
static void
look_up(struct bed *bed, const char *host)
{
	struct control *control = &bed->pair->sites[0].gateway->control;
	struct resolver_name *name = resolver_name_create(bed->resolver, pair_tunnel(bed->pair, 0),
		bed->pair->sites[1].public_key, host, 4711);

	assert_non_null(name);
	control_lock(control);
	resolver_start(bed->resolver, name, pair_peer(bed->pair, 0, 1));
	control_unlock(control);
	resolver_wake(bed->resolver);
}

static void
localhost_resolves_and_a_handshake_begins(void **state)
{
	struct bed bed;
	struct peer *peer;

	bed_init(&bed);
	peer = pair_peer(bed.pair, 0, 1);
	look_up(&bed, "localhost");
	wait_for(bed.loop, peer, 1000);
	assert_int_equal(peer->endpoint.port, 4711);
	if (peer->endpoint.address.family == ADDRESS_IPV4)
		assert_int_equal(peer->endpoint.address.bytes[0], 127);
	else
		assert_int_equal(peer->endpoint.address.bytes[15], 1);
	pair_settle(bed.pair);
	assert_int_equal(bed.pair->wire.sent_count, 1);
	assert_int_equal(wire_sent(&bed.pair->wire, 0)->type, MESSAGE_INITIATION);
	assert_int_equal(wire_sent(&bed.pair->wire, 0)->outer.destination.port, 4711);
	bed_fini(&bed);
}

static void
a_name_comes_too_late_for_a_peer_that_has_an_endpoint(void **state)
{
	struct bed bed;
	struct peer *peer;

	bed_init(&bed);
	peer = pair_peer(bed.pair, 0, 1);
	look_up(&bed, "localhost");
	pair_connect(bed.pair, 1, 0);
	run_for(bed.loop, 0.5);
	assert_int_equal(peer->endpoint.port, PAIR_PORT);
	bed_fini(&bed);
}

static void
a_name_takes_the_place_of_an_endpoint_that_was_there_before(void **state)
{
	struct bed bed;
	struct peer *peer;

	bed_init(&bed);
	peer = pair_peer(bed.pair, 0, 1);
	pair_connect(bed.pair, 1, 0);
	look_up(&bed, "localhost");
	for (unsigned i = 0; i < 1000 && peer->endpoint.port != 4711; i++)
		run_for(bed.loop, 0.01);
	assert_int_equal(peer->endpoint.port, 4711);
	bed_fini(&bed);
}

/* Given up, replaced by another, or the peer is gone: in any case it does nothing any more. */
static void
a_name_that_nobody_waits_for_is_dropped(void **state)
{
	struct bed bed;
	struct peer *peer;

	bed_init(&bed);
	peer = pair_peer(bed.pair, 0, 1);
	look_up(&bed, "localhost");
	look_up(&bed, "nonexistent.invalid");
	run_for(bed.loop, 0.5);
	assert_int_equal(peer->endpoint.port, 0);
	look_up(&bed, "localhost");
	peer->lookup = 0;
	run_for(bed.loop, 0.5);
	assert_int_equal(peer->endpoint.port, 0);
	bed_fini(&bed);
}

static void
what_does_not_resolve_is_warned_of_once_and_tried_again(void **state)
{
	struct bed bed;
	struct peer *peer;

	bed_init(&bed);
	peer = pair_peer(bed.pair, 0, 1);
	bed.pair->sites[0].warnings = 0;
	look_up(&bed, "nonexistent.invalid");
	/* The first pause is 2 s: two lookups at least, where name servers answer at all. */
	run_for(bed.loop, RESOLVER_RETRY_S + 1.5);
	assert_int_equal(peer->endpoint.port, 0);
	assert_in_range(bed.pair->sites[0].warnings, 0, 1);
	if (bed.pair->sites[0].warnings == 0)
		print_message("no answer yet about nonexistent.invalid\n");
	/* Perhaps in the middle of a lookup, which is left to itself. */
	bed_fini(&bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(localhost_resolves_and_a_handshake_begins),
		cmocka_unit_test(a_name_comes_too_late_for_a_peer_that_has_an_endpoint),
		cmocka_unit_test(a_name_takes_the_place_of_an_endpoint_that_was_there_before),
		cmocka_unit_test(a_name_that_nobody_waits_for_is_dropped),
		cmocka_unit_test(what_does_not_resolve_is_warned_of_once_and_tried_again),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
