/*
 * From endpoint to the header that lanes write: what is published, and when.
 */
#include "control/endpoint.h"

#include "pair.h"

#include "base/bytes.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Next hops as the test has them. */
struct moody {
	struct nexthops nexthops;
	struct nexthop answer;
	struct address asked_source; /* ADDRESS_NONE: left to the route */
};

static void
moody_resolve(struct nexthops *nexthops, const struct address *destination, uint32_t scope_id,
	const struct address *source, uint32_t mark, struct nexthop *nexthop)
{
	struct moody *self = (struct moody *)nexthops;

	*nexthop = self->answer;
	memset(&self->asked_source, 0, sizeof(self->asked_source));
	if (source == NULL)
		return;
	self->asked_source = *source;
	nexthop->source = *source;
}

static const struct nexthops_ops moody_ops = {.resolve = moody_resolve};

struct bed {
	struct pair *pair;
	struct nexthops *real;
	struct moody moody;
	struct control *control;
	struct peer *peer;
};

static void
bed_init(struct bed *bed)
{
	memset(bed, 0, sizeof(*bed));
	bed->pair = pair_begin(&(const struct pair_options){.no_endpoint = {true}});
	bed->control = &bed->pair->sites[0].gateway->control;
	bed->peer = pair_peer(bed->pair, 0, 1);
	bed->moody.nexthops = (struct nexthops){.ops = &moody_ops, .fd = -1};
	bed->moody.answer = (struct nexthop){
		.state = NEXTHOP_READY,
		.destination_mac = {2, 1},
		.source_mac = {2, 2},
		.source = bed->pair->sites[0].addresses[0],
		.mtu = 1400,
	};
	bed->real = bed->control->nexthops;
	bed->control->nexthops = &bed->moody.nexthops;
}

static void
bed_fini(struct bed *bed)
{
	bed->control->nexthops = bed->real;
	pair_end(bed->pair);
}

static const struct encap *
published(const struct bed *bed)
{
	return atomic_load(&bed->peer->encap);
}

static void
an_endpoint_with_a_next_hop_is_published(void **state)
{
	struct bed bed;
	struct endpoint remote;

	bed_init(&bed);
	assert_null(published(&bed));
	assert_false(endpoint_refresh(bed.control, bed.peer));
	remote = pair_endpoint(bed.pair, 1, false);
	endpoint_set(bed.control, bed.peer, &remote, NULL);
	assert_non_null(published(&bed));
	assert_int_equal(published(&bed)->obstacle, DROP_COUNT);
	assert_true(endpoint_equal(&published(&bed)->remote, &remote));
	assert_true(
		address_equal(&published(&bed)->local.address, &bed.pair->sites[0].addresses[0]));
	assert_int_equal(published(&bed)->local.port, PAIR_PORT);
	assert_memory_equal(published(&bed)->header.bytes, bed.moody.answer.destination_mac, 6);
	assert_memory_equal(published(&bed)->header.bytes + 6, bed.moody.answer.source_mac, 6);
	assert_int_equal(bed.peer->path_mtu, 1400);
	bed_fini(&bed);
}

static void
only_changes_are_published(void **state)
{
	struct bed bed;
	struct endpoint remote;
	const struct encap *first;

	bed_init(&bed);
	remote = pair_endpoint(bed.pair, 1, false);
	endpoint_set(bed.control, bed.peer, &remote, NULL);
	first = published(&bed);
	assert_true(endpoint_refresh(bed.control, bed.peer));
	assert_ptr_equal(published(&bed), first);
	bed.moody.answer.destination_mac[5] = 9;
	assert_true(endpoint_refresh(bed.control, bed.peer));
	assert_ptr_not_equal(published(&bed), first);
	assert_int_equal(published(&bed)->header.bytes[5], 9);
	bed_fini(&bed);
}

static void
obstacles_are_published_and_warned_of_once(void **state)
{
	static const struct {
		enum nexthop_state state;
		enum drop_reason obstacle;
		unsigned warnings;
	} cases[] = {
		{NEXTHOP_RESOLVING, DROP_OUT_NO_NEXT_HOP, 0},
		{NEXTHOP_NO_ROUTE, DROP_OUT_NO_NEXT_HOP, 1},
		{NEXTHOP_ELSEWHERE, DROP_OUT_ELSEWHERE, 1},
		{NEXTHOP_LOCAL, DROP_OUT_NO_NEXT_HOP, 1},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bed bed;
		struct endpoint remote;

		bed_init(&bed);
		remote = pair_endpoint(bed.pair, 1, false);
		bed.moody.answer.state = cases[i].state;
		bed.pair->sites[0].warnings = 0;
		endpoint_set(bed.control, bed.peer, &remote, NULL);
		assert_false(endpoint_refresh(bed.control, bed.peer));
		assert_int_equal(published(&bed)->obstacle, cases[i].obstacle);
		assert_int_equal(bed.pair->sites[0].warnings, cases[i].warnings);
		/* And goes as it came. */
		bed.moody.answer.state = NEXTHOP_READY;
		assert_true(endpoint_refresh(bed.control, bed.peer));
		assert_int_equal(published(&bed)->obstacle, DROP_COUNT);
		bed_fini(&bed);
	}
}

static void
ro_8_ro_9_the_local_address_is_kept_until_forgotten(void **state)
{
	struct bed bed;
	struct endpoint remote;
	struct address local;

	bed_init(&bed);
	remote = pair_endpoint(bed.pair, 1, false);
	assert_int_equal(address_parse("192.0.2.99", &local), 0);
	endpoint_set(bed.control, bed.peer, &remote, &local);
	assert_true(address_equal(&bed.moody.asked_source, &local));
	assert_true(address_equal(&published(&bed)->local.address, &local));
	endpoint_forget_source(bed.control, bed.peer);
	assert_int_equal(bed.moody.asked_source.family, ADDRESS_NONE);
	assert_true(
		address_equal(&published(&bed)->local.address, &bed.pair->sites[0].addresses[0]));
	bed_fini(&bed);
}

static void
roaming_empties_the_mailbox(void **state)
{
	struct bed bed;
	struct endpoint remote, local;

	bed_init(&bed);
	local = pair_endpoint(bed.pair, 0, false);
	remote = pair_endpoint(bed.pair, 1, false);
	remote.port = 7;
	assert_true(roaming_write(&bed.peer->roaming, &remote, &local));
	assert_true(peer_send_waits(bed.peer));
	endpoint_roamed(bed.control, bed.peer);
	assert_false(peer_send_waits(bed.peer));
	assert_int_equal(published(&bed)->remote.port, 7);
	assert_true(address_equal(&bed.moody.asked_source, &local.address));
	bed_fini(&bed);
}

static void
ro_1_the_last_of_several_places_counts(void **state)
{
	struct roaming_place place;
	struct endpoint remote, local;
	struct roaming *roaming;
	struct bed bed;

	bed_init(&bed);
	roaming = &bed.peer->roaming;
	local = pair_endpoint(bed.pair, 0, false);
	remote = pair_endpoint(bed.pair, 1, false);
	for (uint16_t port = 7; port < 10; port++) {
		remote.port = port;
		assert_true(roaming_write(roaming, &remote, &local));
	}
	endpoint_roamed(bed.control, bed.peer);
	assert_int_equal(published(&bed)->remote.port, 9);
	assert_false(roaming_take(roaming, &place));
	/* One that comes while another is being published is waited for, but not for ever. */
	assert_true(roaming_write(roaming, &remote, &local));
	assert_true(roaming_take(roaming, &place));
	remote.port = 11;
	assert_true(roaming_write(roaming, &remote, &local));
	roaming_end(roaming, false);
	assert_true(peer_send_waits(bed.peer));
	roaming_end(roaming, true);
	assert_false(peer_send_waits(bed.peer));
	endpoint_roamed(bed.control, bed.peer);
	assert_int_equal(published(&bed)->remote.port, 11);
	bed_fini(&bed);
}

/* What a lane sees while the peer moves to and fro: one place or the other, whole. */
struct onlooker {
	struct bed *bed;
	const struct endpoint *places;
	_Atomic bool stop;
	uint64_t looks;
	uint64_t torn;
};

static void *
look_on(void *argument)
{
	struct onlooker *onlooker = argument;
	struct reclaim *reclaim = onlooker->bed->control->reclaim;

	reclaim_online(reclaim, 0);
	while (!atomic_load(&onlooker->stop)) {
		const struct encap *encap = published(onlooker->bed);
		const struct endpoint *place =
			&onlooker->places[encap->remote.port == onlooker->places[1].port];

		/* Address and port as they are kept, and as they are sent: IPv4, then UDP. */
		onlooker->torn += !endpoint_equal(&encap->remote, place) ||
			memcmp(encap->header.bytes + 14 + 16, place->address.bytes, 4) != 0 ||
			load_be16(encap->header.bytes + 14 + 20 + 2) != place->port;
		onlooker->looks++;
		reclaim_quiescent(reclaim, 0);
	}
	reclaim_offline(reclaim, 0);
	return NULL;
}

static void
ro_7_no_address_is_torn_over_a_million_moves(void **state)
{
	struct bed bed;
	struct endpoint places[2];
	struct onlooker onlooker = {.bed = &bed, .places = places};
	pthread_t thread;

	bed_init(&bed);
	assert_int_equal(endpoint_parse("198.51.100.7:1111", &places[0]), 0);
	assert_int_equal(endpoint_parse("203.0.113.9:2222", &places[1]), 0);
	endpoint_set(bed.control, bed.peer, &places[0], NULL);
	assert_int_equal(pthread_create(&thread, NULL, look_on, &onlooker), 0);
	for (unsigned i = 1; i <= 1000000; i++) {
		endpoint_set(bed.control, bed.peer, &places[i % 2], NULL);
		while (reclaim_poll(bed.control->reclaim) > 1000)
			sched_yield();
	}
	atomic_store(&onlooker.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(onlooker.looks > 1000);
	assert_int_equal(onlooker.torn, 0);
	bed_fini(&bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_endpoint_with_a_next_hop_is_published),
		cmocka_unit_test(only_changes_are_published),
		cmocka_unit_test(obstacles_are_published_and_warned_of_once),
		cmocka_unit_test(ro_8_ro_9_the_local_address_is_kept_until_forgotten),
		cmocka_unit_test(roaming_empties_the_mailbox),
		cmocka_unit_test(ro_1_the_last_of_several_places_counts),
		cmocka_unit_test(ro_7_no_address_is_torn_over_a_million_moves),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
