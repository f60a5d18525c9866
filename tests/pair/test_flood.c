/*
 * Floods: strangers fill every queue to the brim, and known peers get through all the same. Site 0
 * is the gateway that is flooded, site 1 the known peer, site 2 where strangers are, if they do
 * not spoof.
 */
#include "puppet.h"

#include "base/bytes.h"
#include "control/admission.h"
#include "table/source_limiter.h"
#include "tunnel/handshake_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define VOLUME 20000

/* A stranger's initiation, ready to be sent again and again. */
struct stranger {
	struct puppet puppet;
	struct message_initiation message;
	uint32_t number;
};

static unsigned
sent(const struct pair *pair, enum message_type type)
{
	return wire_count(&pair->wire, 0, 0, type);
}

static void
stranger_init(struct stranger *stranger, struct pair *pair)
{
	const uint8_t private_key[32] = {9, 1, 2, 3};

	puppet_init(&stranger->puppet, pair, 1);
	noise_identity_init(&stranger->puppet.identity, private_key);
	noise_remote_init(&stranger->puppet.remote, &stranger->puppet.identity,
		pair->sites[0].public_key, NULL);
	stranger->puppet.endpoint = pair_endpoint(pair, 2, pair->options.outer6);
	stranger->puppet.index = 0x40000000;
	puppet_initiation(&stranger->puppet, NULL, &stranger->message);
	stranger->number = 0;
}

/* Its next source: an IPv4 address, or an IPv6 /64, of its own. */
static void
move_on(struct stranger *stranger)
{
	uint8_t *bytes = stranger->puppet.endpoint.address.bytes;

	stranger->number++;
	if (stranger->puppet.endpoint.address.family == ADDRESS_IPV4)
		store_be32(bytes, UINT32_C(0x0b000000) | stranger->number);
	else
		store_be32(bytes + 4, stranger->number);
}

/* With a right mac1, and a mac2 that is none if `guessed`, else zero, or the jar's. */
static void
send_one(struct stranger *stranger, bool guessed)
{
	struct message_initiation *message = &stranger->message;

	store_le32(message->sender_index_le32, ++stranger->puppet.index);
	cookie_add_macs(&stranger->puppet.jar, (uint8_t *)message, sizeof(*message),
		pair_now_ns(stranger->puppet.pair));
	if (guessed)
		memset(message->macs.mac2, 0x5a, sizeof(message->macs.mac2));
	puppet_send(&stranger->puppet, message, sizeof(*message));
}

/* The lane takes what has come, while the handshake thread is not there. */
static void
lane_alone(struct pair *pair)
{
	struct gateway *gateway = pair->sites[0].gateway;

	reclaim_online(&gateway->reclaim, 0);
	while (lane_round(gateway->lanes[0].lane) > 0)
		;
	reclaim_offline(&gateway->reclaim, 0);
}

/* More than the rings hold arrives between two rounds of the handshake thread. */
static void
fill_rings(struct stranger *stranger, bool moving)
{
	struct pair *pair = stranger->puppet.pair;
	const struct rings *rings = &pair->sites[0].gateway->rings;

	for (unsigned i = 0; i < 3 * RINGS_SHARE_DEPTH; i++) {
		if (moving)
			move_on(stranger);
		send_one(stranger, i % 2 == 0);
		if (i % 64 == 63)
			lane_alone(pair);
	}
	assert_int_equal(rte_ring_free_count(rings->handshakes[RINGS_STRANGERS]), 0);
	assert_int_equal(rte_ring_free_count(rings->handshakes[RINGS_MAC2]), 0);
}

/* Strangers at addresses that are really theirs, who answer their cookies, fill their line. */
static void
fill_line(struct stranger *stranger)
{
	struct pair *pair = stranger->puppet.pair;
	struct control *control = &pair->sites[0].gateway->control;
	struct tunnel *tunnel = pair_tunnel(pair, 0);
	const struct cookie_jar jar = stranger->puppet.jar;

	while (tunnel->handshakes->lines[HANDSHAKE_STRANGERS].count < HANDSHAKE_QUEUE_LINE) {
		struct message_cookie_reply reply;
		struct cookie_messages one;

		move_on(stranger);
		stranger->puppet.jar = jar;
		cookie_add_macs(&stranger->puppet.jar, (uint8_t *)&stranger->message,
			sizeof(stranger->message), pair_now_ns(pair));
		one = cookie_one(
			&stranger->message, sizeof(stranger->message), &stranger->puppet.endpoint);
		assert_int_equal(
			cookie_replies_make(&tunnel->checker, &one, 1, pair_now_ns(pair), &reply),
			0);
		assert_int_equal(
			cookie_reply_accept(&stranger->puppet.jar, &reply, pair_now_ns(pair)), 0);
		send_one(stranger, false);
		lane_alone(pair);
		(void)admission_take(control);
	}
	stranger->puppet.jar = jar;
}

/* As many sources as are counted have been heard of. */
static void
fill_limiter(struct pair *pair)
{
	struct source_limiter *limiter =
		pair->sites[0].gateway->control.limiters[HANDSHAKE_STRANGERS];

	for (uint32_t i = 0; source_limiter_count(limiter) < SOURCE_LIMITER_SOURCES_MAX; i++) {
		struct address source = {.family = ADDRESS_IPV4, .bytes = {12}};

		store_be32(source.bytes, UINT32_C(0x0c000000) | i);
		(void)!source_limiter_allow(limiter, &source, pair_now_ns(pair));
	}
}

/* Whether a cookie reply to the puppet's last message came; it takes it. */
static bool
take_cookie(struct puppet *puppet)
{
	const struct wire *wire = &puppet->pair->wire;

	for (uint64_t n = wire->sent_count; n-- > 0 && wire->sent_count - n < WIRE_TAP_DEPTH;) {
		const struct wire_frame *frame = wire_sent(wire, n);

		if (frame->type != MESSAGE_COOKIE_REPLY || frame->receiver_index != puppet->index)
			continue;
		assert_int_equal(cookie_reply_accept(&puppet->jar,
					 (const void *)(frame->bytes + frame->outer.payload_offset),
					 pair_now_ns(puppet->pair)),
			0);
		return true;
	}
	return false;
}

/* One try of the known peer; the gateway then has `rounds` rounds of everything. */
static void
try(struct puppet *puppet, unsigned rounds)
{
	struct message_initiation message;

	puppet_initiation(puppet, NULL, &message);
	puppet_send(puppet, &message, sizeof(message));
	lane_alone(puppet->pair);
	for (unsigned i = 0; i < rounds; i++) {
		gateway_step(puppet->pair->sites[0].gateway);
		wire_move(&puppet->pair->wire);
	}
}

/*
 * Every ring, the strangers' line of the queue, their cookie replies and their part of the limiter
 * are full when the peer's two messages come. Each goes straight through.
 */
static void
through_full_queues(bool outer6)
{
	struct pair *pair = pair_begin(
		&(const struct pair_options){.sites = 3, .gateways = 1, .outer6 = outer6});
	struct handshake_queue *queue = pair_tunnel(pair, 0)->handshakes;
	struct stranger stranger;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	stranger_init(&stranger, pair);
	fill_line(&stranger);
	assert_true(handshake_queue_under_load(queue, pair_now_ns(pair)));
	fill_limiter(pair);
	fill_rings(&stranger, true);
	try(&puppet, 2);
	assert_int_equal(sent(pair, MESSAGE_RESPONSE), 0);
	assert_true(take_cookie(&puppet));

	fill_rings(&stranger, true);
	try(&puppet, 2);
	assert_int_equal(sent(pair, MESSAGE_RESPONSE), 1);
	/* The strangers wait on. */
	assert_in_range(queue->lines[HANDSHAKE_STRANGERS].count, HANDSHAKE_QUEUE_LINE - 8,
		HANDSHAKE_QUEUE_LINE);
	puppet_finish(&puppet);
	puppet_data(&puppet, NULL, 0);
	/* What waits is dealt with before the end, so that nothing is held. */
	pair_settle(pair);
	assert_int_equal(pair_sessions(pair, 0, 1), 1);
	pair->drops_unchecked = true;
	puppet_fini(&puppet);
	puppet_fini(&stranger.puppet);
	pair_end(pair);
}

static void
ck_2_ld_2_a_known_peer_gets_through_full_queues_ipv4(void **state)
{
	through_full_queues(false);
}

static void
ck_2_ld_2_a_known_peer_gets_through_full_queues_ipv6(void **state)
{
	through_full_queues(true);
}

/*
 * Strangers who send from the peer's own address and port, with and without a mac2, twice as much
 * as the handshake thread takes. Nothing tells the peer's first message from theirs, but a cookie
 * comes within a few tries, and once it has one the way is free: they guess none, and what they
 * send is not counted for its address.
 */
static void
through_its_own_address(bool outer6)
{
	struct pair *pair = pair_begin(
		&(const struct pair_options){.sites = 3, .gateways = 1, .outer6 = outer6});
	struct handshake_queue *queue = pair_tunnel(pair, 0)->handshakes;
	struct stranger stranger;
	struct puppet puppet;
	unsigned tries = 0;
	uint64_t since;

	puppet_init(&puppet, pair, 1);
	stranger_init(&stranger, pair);
	stranger.puppet.endpoint = puppet.endpoint;
	queue->loaded_until_ns = UINT64_MAX;
	/* Its place among theirs is by chance: 60 tries in vain would be one in 10^9. */
	do {
		const unsigned place = (unsigned)wire_random(&pair->wire, 2 * RINGS_SHARE_DEPTH);
		struct message_initiation message;

		assert_in_range(++tries, 1, 60);
		puppet_initiation(&puppet, NULL, &message);
		for (unsigned i = 0; i < 2 * RINGS_SHARE_DEPTH; i++) {
			send_one(&stranger, false);
			if (i == place)
				puppet_send(&puppet, &message, sizeof(message));
			if (i % 64 == 63 || i == place)
				lane_alone(pair);
		}
		for (unsigned i = 0; i < 20; i++) {
			gateway_step(pair->sites[0].gateway);
			wire_move(&pair->wire);
		}
		pair->sites[0].clock.boot_ns += 5 * NS_IN_S;
		pair->sites[0].clock.real_ns += 5 * NS_IN_S;
	} while (!take_cookie(&puppet));

	since = pair->wire.sent_count;
	/* By guessing a mac2 they have the peer's share of that ring for a window, and no more. */
	for (unsigned i = 0; i < 4 * KNOWN_SOURCES_WINDOW_MAX; i++)
		send_one(&stranger, true);
	lane_alone(pair);
	try(&puppet, 20);
	assert_int_equal(wire_count(&pair->wire, since, 0, MESSAGE_RESPONSE), 1);
	pair_dropped(pair, 0, DROP_HANDSHAKE_LIMITED, 0);
	queue->loaded_until_ns = 0;
	puppet_finish(&puppet);
	puppet_data(&puppet, NULL, 0);
	pair_settle(pair);
	assert_int_equal(pair_sessions(pair, 0, 1), 1);
	pair->drops_unchecked = true;
	puppet_fini(&puppet);
	puppet_fini(&stranger.puppet);
	pair_end(pair);
}

static void
ld_2_a_known_peer_whose_address_is_spoofed_ipv4(void **state)
{
	through_its_own_address(false);
}

static void
ld_2_a_known_peer_whose_address_is_spoofed_ipv6(void **state)
{
	through_its_own_address(true);
}

/*
 * Strangers who send from the peer's own address and guess a mac2 have had all cookie replies that
 * guessers can have. The peer's message without one is answered all the same.
 */
static void
ld_2_a_known_peer_beside_guesses_from_its_address_gets_its_cookie(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 3, .gateways = 1});
	struct stranger stranger;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	stranger_init(&stranger, pair);
	stranger.puppet.endpoint = puppet.endpoint;
	pair_tunnel(pair, 0)->handshakes->loaded_until_ns = UINT64_MAX;
	for (unsigned i = 0; i < 4 * ADMISSION_COOKIES_BURST; i++) {
		send_one(&stranger, true);
		if (i % 64 == 63)
			pair_settle(pair);
	}
	assert_in_range(pair_drops(pair, 0, DROP_HANDSHAKE_NO_COOKIE), ADMISSION_COOKIES_BURST,
		4 * ADMISSION_COOKIES_BURST);
	try(&puppet, 2);
	assert_true(take_cookie(&puppet));
	pair_tunnel(pair, 0)->handshakes->loaded_until_ns = 0;
	pair->drops_unchecked = true;
	puppet_fini(&puppet);
	puppet_fini(&stranger.puppet);
	pair_end(pair);
}

/* All that the gateway has dropped, or found not to be its own. */
static uint64_t
accounted(const struct pair *pair)
{
	uint64_t sum = pair->sites[0].gateway->lanes[0].lane->rx_other;

	for (unsigned reason = 0; reason < DROP_COUNT; reason++)
		sum += pair_drops(pair, 0, reason);
	return sum;
}

/*
 * Random UDP, of any length, from anywhere: each packet is counted, none is answered, and the
 * session goes on. That each buffer comes back is seen in pair_end().
 */
static void
ld_1_random_udp_moves_nothing(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 3, .gateways = 2});
	struct stranger stranger;
	uint64_t before;
	uint64_t answers;

	pair_connect(pair, 0, 1);
	stranger_init(&stranger, pair);
	before = accounted(pair);
	for (unsigned i = 0; i < VOLUME; i++) {
		uint8_t bytes[300];
		const size_t len = wire_random(&pair->wire, sizeof(bytes));

		for (size_t at = 0; at < len; at++)
			bytes[at] = (uint8_t)wire_random(&pair->wire, 256);
		/* One in four seems to be a message. */
		if (i % 4 == 0 && len >= 4)
			store_le32(bytes, i / 4 % 5);
		move_on(&stranger);
		puppet_send(&stranger.puppet, bytes, len);
		if (i % 64 == 63)
			lane_alone(pair);
		if (i % 1000 == 999) {
			answers = pair->wire.sent_count;
			pair_settle(pair);
			assert_int_equal(pair->wire.sent_count, answers);
			pair_converse(pair, 0, 1);
		}
	}
	pair_settle(pair);
	assert_int_equal(accounted(pair) - before, VOLUME);
	pair->drops_unchecked = true;
	puppet_fini(&stranger.puppet);
	pair_end(pair);
}

/*
 * Initiations with a right mac1, each from a source of its own: each is counted, answered by no
 * more than a cookie once there is load, and remembered nowhere. The session goes on, and a new one
 * is made.
 */
static void
ld_2_initiations_of_strangers_take_nothing(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 3, .gateways = 2});
	const struct control *control = &pair->sites[0].gateway->control;
	struct stranger stranger;
	const struct session *first;
	uint64_t before;

	pair_connect(pair, 0, 1);
	first = atomic_load(&pair_peer(pair, 0, 1)->current);
	stranger_init(&stranger, pair);
	pair_advance(pair, 6 * NS_IN_S);
	before = accounted(pair);
	for (unsigned i = 0; i < VOLUME; i++) {
		move_on(&stranger);
		send_one(&stranger, false);
		if (i % 64 == 63)
			lane_alone(pair);
		if (i % 1000 == 999) {
			gateway_step(pair->sites[0].gateway);
			wire_move(&pair->wire);
			pair_converse(pair, 0, 1);
			pair_advance(pair, NS_IN_MS);
		}
		if (i == VOLUME / 2)
			pair_initiate(pair, 1, 0);
	}
	assert_int_equal(source_limiter_count(control->limiters[HANDSHAKE_STRANGERS]), 0);
	pair_settle(pair);
	/* The peer's first try got a cookie, and no more: one of those that are counted. */
	assert_int_equal(accounted(pair) - before, VOLUME + 1);
	assert_true(pair_drops(pair, 0, DROP_HANDSHAKE_COOKIE) > 0);
	pair_advance(pair, 6 * NS_IN_S);
	assert_ptr_not_equal(atomic_load(&pair_peer(pair, 0, 1)->current), first);
	pair_converse(pair, 0, 1);
	pair->drops_unchecked = true;
	puppet_fini(&stranger.puppet);
	pair_end(pair);
}

/* The cookie replies of a second are bounded; who gets none is counted apart. */
static void
ck_1_cookie_replies_are_bounded(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 3, .gateways = 1});
	struct stranger stranger;

	stranger_init(&stranger, pair);
	pair_tunnel(pair, 0)->handshakes->loaded_until_ns = UINT64_MAX;
	for (unsigned i = 0; i < 2 * ADMISSION_COOKIES_BURST; i++) {
		move_on(&stranger);
		send_one(&stranger, false);
		if (i % 64 == 63)
			pair_settle(pair);
	}
	pair_dropped(pair, 0, DROP_HANDSHAKE_COOKIE, ADMISSION_COOKIES_BURST);
	pair_dropped(pair, 0, DROP_HANDSHAKE_NO_COOKIE, ADMISSION_COOKIES_BURST);
	assert_int_equal(sent(pair, MESSAGE_COOKIE_REPLY), ADMISSION_COOKIES_BURST);
	/* And grow again with time. */
	pair_advance(pair, NS_IN_MS);
	move_on(&stranger);
	send_one(&stranger, false);
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_HANDSHAKE_COOKIE, 1);
	pair_tunnel(pair, 0)->handshakes->loaded_until_ns = 0;
	puppet_fini(&stranger.puppet);
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ck_2_ld_2_a_known_peer_gets_through_full_queues_ipv4),
		cmocka_unit_test(ck_2_ld_2_a_known_peer_gets_through_full_queues_ipv6),
		cmocka_unit_test(ld_2_a_known_peer_whose_address_is_spoofed_ipv4),
		cmocka_unit_test(ld_2_a_known_peer_whose_address_is_spoofed_ipv6),
		cmocka_unit_test(ld_2_a_known_peer_beside_guesses_from_its_address_gets_its_cookie),
		cmocka_unit_test(ld_1_random_udp_moves_nothing),
		cmocka_unit_test(ld_2_initiations_of_strangers_take_nothing),
		cmocka_unit_test(ck_1_cookie_replies_are_bounded),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
