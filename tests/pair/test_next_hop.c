/*
 * Packets for a peer whose next hop has been asked for its MAC, and has not yet answered.
 */
#include "puppet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PLACE "198.51.100.7:1234"
/* So long packets wait for a neighbour. */
#define WAIT_NS (3 * NS_IN_S)

/* The next hops of the pair, but for one destination. */
struct street {
	struct nexthops nexthops;
	struct nexthops *real;
	struct address destination;
	enum nexthop_state state; /* the answer for it */
};

static void
street_resolve(struct nexthops *nexthops, const struct address *destination, uint32_t scope_id,
	const struct address *source, uint32_t mark, struct nexthop *nexthop)
{
	const struct street *self = (const struct street *)nexthops;

	nexthops_resolve(self->real, destination, scope_id, source, mark, nexthop);
	if (address_equal(destination, &self->destination))
		nexthop->state = self->state;
}

static size_t
street_local(const struct nexthops *nexthops, struct address addresses[], size_t max)
{
	return nexthops_local(((const struct street *)nexthops)->real, addresses, max);
}

static const struct nexthops_ops street_ops = {.resolve = street_resolve, .local = street_local};

struct bed {
	struct pair *pair;
	struct control *control;
	struct peer *peer;
	struct puppet puppet;
	struct street street;
};

/* The neighbour of the destination at `place` is not known. */
static void
begin(struct bed *bed, const char *place)
{
	struct endpoint endpoint;

	memset(bed, 0, sizeof(*bed));
	assert_int_equal(endpoint_parse(place, &endpoint), 0);
	bed->pair = pair_begin(&(const struct pair_options){.gateways = 1, .aead = "sodium"});
	puppet_init(&bed->puppet, bed->pair, 1);
	bed->control = &bed->pair->sites[0].gateway->control;
	bed->peer = pair_peer(bed->pair, 0, 1);
	bed->street = (struct street){
		.nexthops = {.ops = &street_ops, .fd = -1},
		.real = bed->control->nexthops,
		.destination = endpoint.address,
		.state = NEXTHOP_RESOLVING,
	};
	bed->control->nexthops = &bed->street.nexthops;
}

static void
end(struct bed *bed)
{
	assert_int_equal(bed->pair->sites[0].gateway->lanes[0].lane->staged_count, 0);
	bed->control->nexthops = bed->street.real;
	puppet_fini(&bed->puppet);
	pair_end(bed->pair);
}

/* The kernel reports that it knows more, or less, and management takes it in. */
static void
becomes(struct bed *bed, enum nexthop_state state)
{
	bed->street.state = state;
	management_refresh(bed->pair->sites[0].gateway->management);
	pair_settle(bed->pair);
}

/*
 * The peer has a session, and goes to where its neighbour is not known, and says so. Returns how
 * many frames there have been.
 */
static uint64_t
begin_roamed(struct bed *bed)
{
	begin(bed, PLACE);
	puppet_connect(&bed->puppet);
	assert_int_equal(endpoint_parse(PLACE, &bed->puppet.endpoint), 0);
	puppet_data(&bed->puppet, NULL, 0);
	pair_settle(bed->pair);
	return bed->pair->wire.sent_count;
}

static void
send_packets(struct bed *bed, uint32_t first, uint32_t count)
{
	for (uint32_t n = first; n < first + count; n++)
		pair_send(bed->pair, 0, 1, n);
	pair_settle(bed->pair);
}

/* Data has gone since frame number `since`: these packets, in order, to where the peer is. */
static void
expect_sent(struct bed *bed, uint64_t since, uint32_t first, uint32_t count)
{
	struct pair *pair = bed->pair;
	const uint64_t all = pair->wire.sent_count;
	uint8_t plain[WIRE_FRAME_MAX];
	uint8_t packet[100];
	uint32_t found = 0;

	for (uint64_t n = since; n < all; n++) {
		const struct wire_frame *frame = wire_sent(&pair->wire, n);

		if (frame->type != MESSAGE_DATA)
			continue;
		assert_true(endpoint_equal(&frame->outer.destination, &bed->puppet.endpoint));
		pair_packet_make(packet, 4, sizeof(packet), 0, 1, first + found++);
		assert_true(puppet_open(&bed->puppet, frame, plain) >= sizeof(packet));
		assert_memory_equal(plain, packet, sizeof(packet));
	}
	assert_int_equal(found, count);
}

static void
ro_1_packets_wait_for_the_neighbour_of_the_new_place(void **state)
{
	struct bed bed;
	uint64_t before = begin_roamed(&bed);

	/* More than a batch. */
	send_packets(&bed, 1, 50);
	pair_advance(bed.pair, NS_IN_S);
	send_packets(&bed, 51, 50);
	assert_int_equal(bed.pair->wire.sent_count, before);
	becomes(&bed, NEXTHOP_READY);
	expect_sent(&bed, before, 1, 100);
	/* Nothing waits any more, then or when the time has come. */
	before = bed.pair->wire.sent_count;
	send_packets(&bed, 101, 1);
	expect_sent(&bed, before, 101, 1);
	pair_advance(bed.pair, WAIT_NS);
	assert_false(peer_send_waits(bed.peer));
	end(&bed);
}

static void
ro_1_what_waits_for_a_neighbour_is_bounded(void **state)
{
	struct bed bed;
	uint64_t before = begin_roamed(&bed);

	send_packets(&bed, 1, 200);
	pair_dropped(bed.pair, 0, DROP_OUT_STAGED_FULL, 72);
	becomes(&bed, NEXTHOP_READY);
	expect_sent(&bed, before, 73, 128);
	end(&bed);
}

static void
a_neighbour_that_does_not_answer_is_not_waited_for_long(void **state)
{
	struct bed bed;
	uint64_t before = begin_roamed(&bed);

	send_packets(&bed, 1, 10);
	/* Asked for anew it is not waited for anew. */
	for (unsigned i = 0; i < 5; i++) {
		pair_advance(bed.pair, WAIT_NS / 5 - NS_IN_MS);
		becomes(&bed, NEXTHOP_RESOLVING);
	}
	pair_dropped(bed.pair, 0, DROP_OUT_NO_NEXT_HOP, 0);
	pair_advance(bed.pair, 10 * NS_IN_MS);
	pair_dropped(bed.pair, 0, DROP_OUT_NO_NEXT_HOP, 10);
	assert_int_equal(bed.peer->lanes[0].drops[DROP_OUT_NO_NEXT_HOP], 10);
	/* Nor is it by what comes later, however often it is asked for. */
	becomes(&bed, NEXTHOP_RESOLVING);
	send_packets(&bed, 11, 5);
	pair_dropped(bed.pair, 0, DROP_OUT_NO_NEXT_HOP, 5);
	assert_int_equal(bed.pair->wire.sent_count, before);
	/* When it answers after all. */
	becomes(&bed, NEXTHOP_READY);
	send_packets(&bed, 16, 1);
	expect_sent(&bed, before, 16, 1);
	end(&bed);
}

static void
a_neighbour_on_a_new_way_is_waited_for(void **state)
{
	struct bed bed;
	uint64_t before;

	begin(&bed, "192.0.2.2:4567");
	bed.street.state = NEXTHOP_READY;
	puppet_connect(&bed.puppet);
	before = bed.pair->wire.sent_count;
	/* Another router, say. */
	becomes(&bed, NEXTHOP_RESOLVING);
	send_packets(&bed, 1, 3);
	assert_int_equal(bed.pair->wire.sent_count, before);
	becomes(&bed, NEXTHOP_READY);
	expect_sent(&bed, before, 1, 3);
	/* And no way at all after it: what waits is dropped, and not when the time has come. */
	before = bed.pair->wire.sent_count;
	becomes(&bed, NEXTHOP_RESOLVING);
	send_packets(&bed, 4, 3);
	becomes(&bed, NEXTHOP_NO_ROUTE);
	pair_dropped(bed.pair, 0, DROP_OUT_NO_NEXT_HOP, 3);
	/* A route again is another way. */
	becomes(&bed, NEXTHOP_RESOLVING);
	send_packets(&bed, 7, 3);
	becomes(&bed, NEXTHOP_READY);
	expect_sent(&bed, before, 7, 3);
	/* Nobody but the clock says that it does not answer. */
	becomes(&bed, NEXTHOP_RESOLVING);
	send_packets(&bed, 10, 3);
	pair_advance(bed.pair, WAIT_NS);
	pair_dropped(bed.pair, 0, DROP_OUT_NO_NEXT_HOP, 3);
	end(&bed);
}

/* By the session, which waits for the handshake, which waits for the neighbour. */
static void
the_first_packet_ever_waits_for_the_neighbour(void **state)
{
	struct message_response message;
	struct bed bed;
	uint64_t before;

	begin(&bed, "192.0.2.2:4567");
	becomes(&bed, NEXTHOP_RESOLVING);
	send_packets(&bed, 1, 1);
	/* Also longer than packets wait that have a session. */
	pair_advance(bed.pair, 2 * WAIT_NS);
	assert_int_equal(bed.pair->wire.sent_count, 0);
	becomes(&bed, NEXTHOP_READY);
	puppet_response(&bed.puppet, &message);
	before = bed.pair->wire.sent_count;
	puppet_deliver(&bed.puppet, &message, sizeof(message));
	expect_sent(&bed, before, 1, 1);
	end(&bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ro_1_packets_wait_for_the_neighbour_of_the_new_place),
		cmocka_unit_test(ro_1_what_waits_for_a_neighbour_is_bounded),
		cmocka_unit_test(a_neighbour_that_does_not_answer_is_not_waited_for_long),
		cmocka_unit_test(a_neighbour_on_a_new_way_is_waited_for),
		cmocka_unit_test(the_first_packet_ever_waits_for_the_neighbour),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
