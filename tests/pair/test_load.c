/*
 * Under load: cookies, mac2, the rate of sources, and floods. Site 0 is the gateway that is loaded.
 */
#include "puppet.h"

#include "base/bytes.h"
#include "proto/tai64n.h"
#include "tunnel/handshake_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Site 1 is the test. */
static const struct pair_options alone = {.gateways = 1};
static const struct pair_options alone6 = {.gateways = 1, .outer6 = true};

/* The switch for tests: loaded for ever, or not any more. */
static void
set_load(struct pair *pair, bool loaded)
{
	pair_tunnel(pair, 0)->handshakes->loaded_until_ns = loaded ? UINT64_MAX : 0;
}

static unsigned
sent(const struct pair *pair, enum message_type type)
{
	return wire_count(&pair->wire, 0, 0, type);
}

static void
initiate(struct puppet *puppet, struct message_initiation *message)
{
	puppet_initiation(puppet, NULL, message);
	puppet_deliver(puppet, message, sizeof(*message));
}

/* Has the puppet take the gateway's last cookie reply, which must be for it. */
static void
take_cookie(struct puppet *puppet, uint32_t index)
{
	const struct wire_frame *frame = wire_last(&puppet->pair->wire, 0, MESSAGE_COOKIE_REPLY);

	assert_int_equal(frame->receiver_index, index);
	assert_int_equal(cookie_reply_accept(&puppet->jar,
				 (const void *)(frame->bytes + frame->outer.payload_offset),
				 pair_now_ns(puppet->pair)),
		0);
}

/* A puppet that plays nobody whom the gateway knows. */
static void
stranger_init(struct puppet *puppet, struct pair *pair, uint8_t number)
{
	const uint8_t private_key[32] = {number, 1, 2, 3};

	puppet_init(puppet, pair, 1);
	noise_identity_init(&puppet->identity, private_key);
	noise_remote_init(&puppet->remote, &puppet->identity, pair->sites[0].public_key, NULL);
}

static void
ck_1_ck_2_a_cookie_opens_the_door(const struct pair_options *options)
{
	struct pair *pair = pair_begin(options);
	const struct wire_frame *frame;
	struct message_initiation message;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	set_load(pair, true);
	initiate(&puppet, &message);
	assert_int_equal(sent(pair, MESSAGE_RESPONSE), 0);
	assert_int_equal(sent(pair, MESSAGE_COOKIE_REPLY), 1);
	pair_dropped(pair, 0, DROP_HANDSHAKE_COOKIE, 1);
	frame = wire_last(&pair->wire, 0, MESSAGE_COOKIE_REPLY);
	assert_int_equal(frame->message_len, sizeof(struct message_cookie_reply));
	assert_int_equal(frame->outer.tos, 0);
	assert_true(endpoint_equal(&frame->outer.source, &puppet.gateway));
	assert_true(endpoint_equal(&frame->outer.destination, &puppet.endpoint));
	/* Nothing of the peer has changed: it has no session, no stamp, no bytes. */
	assert_int_equal(pair_sessions(pair, 0, 1), 0);
	assert_int_equal(pair_peer(pair, 0, 1)->handshake_rx_bytes, 0);
	assert_int_equal(pair_peer(pair, 0, 1)->handshake_tx_bytes, 0);

	take_cookie(&puppet, puppet.index);
	initiate(&puppet, &message);
	assert_int_equal(sent(pair, MESSAGE_RESPONSE), 1);
	puppet_finish(&puppet);
	puppet_data(&puppet, NULL, 0);
	pair_settle(pair);
	assert_int_equal(pair_sessions(pair, 0, 1), 1);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
hs_28_ck_1_ck_2_ipv4(void **state)
{
	ck_1_ck_2_a_cookie_opens_the_door(&alone);
}

static void
hs_28_ck_1_ck_2_ipv6(void **state)
{
	ck_1_ck_2_a_cookie_opens_the_door(&alone6);
}

static void
ck_1_mac1_comes_first(void **state)
{
	struct pair *pair = pair_begin(&alone);
	struct message_initiation message;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	set_load(pair, true);
	puppet_initiation(&puppet, NULL, &message);
	message.macs.mac1[3] ^= 1;
	puppet_deliver(&puppet, &message, sizeof(message));
	assert_int_equal(pair->wire.sent_count, 0);
	pair_dropped(pair, 0, DROP_HANDSHAKE_MAC, 1);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
ck_3_a_cookie_is_for_one_address_and_port(void **state)
{
	struct pair *pair = pair_begin(&alone);
	struct message_initiation message;
	struct endpoint own;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	own = puppet.endpoint;
	set_load(pair, true);
	initiate(&puppet, &message);
	take_cookie(&puppet, puppet.index);
	puppet.endpoint.port++;
	initiate(&puppet, &message);
	puppet.endpoint = own;
	puppet.endpoint.address.bytes[3]++;
	initiate(&puppet, &message);
	assert_int_equal(sent(pair, MESSAGE_COOKIE_REPLY), 3);
	assert_int_equal(sent(pair, MESSAGE_RESPONSE), 0);
	pair_dropped(pair, 0, DROP_HANDSHAKE_COOKIE, 3);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
ck_4_a_cookie_ends_with_its_secret(void **state)
{
	struct pair *pair = pair_begin(&alone);
	struct message_initiation message;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	set_load(pair, true);
	initiate(&puppet, &message);
	take_cookie(&puppet, puppet.index);
	/* The puppet goes on using a cookie that is too old, as a peer with another clock might. */
	pair_advance(pair, 121 * NS_IN_S);
	puppet.jar.cookie_ns = pair_now_ns(pair);
	initiate(&puppet, &message);
	assert_int_equal(sent(pair, MESSAGE_RESPONSE), 0);
	assert_int_equal(sent(pair, MESSAGE_COOKIE_REPLY), 2);
	take_cookie(&puppet, puppet.index);
	initiate(&puppet, &message);
	assert_int_equal(sent(pair, MESSAGE_RESPONSE), 1);
	pair_dropped(pair, 0, DROP_HANDSHAKE_COOKIE, 2);
	puppet_fini(&puppet);
	pair_end(pair);
}

/* A response is treated alike: the peer's next one, to our next initiation, carries mac2. */
static void
responses_need_a_cookie_too(void **state)
{
	struct pair *pair = pair_begin(&alone);
	struct message_response message;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	set_load(pair, true);
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	puppet_response(&puppet, &message);
	puppet_deliver(&puppet, &message, sizeof(message));
	assert_int_equal(sent(pair, MESSAGE_COOKIE_REPLY), 1);
	assert_int_equal(pair_sessions(pair, 0, 1), 0);
	pair_dropped(pair, 0, DROP_HANDSHAKE_COOKIE, 1);
	take_cookie(&puppet, puppet.index);
	pair_advance(pair, 6 * NS_IN_S);
	puppet_response(&puppet, &message);
	puppet_deliver(&puppet, &message, sizeof(message));
	assert_int_equal(pair_sessions(pair, 0, 1), 1);
	puppet_fini(&puppet);
	pair_end(pair);
}

/* CK-6: our response was refused, when it had become a session; the next one carries mac2. */
static void
ck_6_a_cookie_for_our_response(void **state)
{
	struct pair *pair = pair_begin(&alone);
	const struct wire_frame *frame;
	struct message_cookie_reply reply;
	struct message_initiation message;
	struct cookie_checker checker;
	struct cookie_messages sent_again;
	struct endpoint from;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	cookie_checker_init(&checker, pair->sites[1].public_key);
	initiate(&puppet, &message);
	frame = wire_last(&pair->wire, 0, MESSAGE_RESPONSE);
	from = frame->outer.source;
	puppet_cookie_reply(&puppet, &checker, frame, &reply);
	puppet_deliver(&puppet, &reply, sizeof(reply));
	pair_advance(pair, NS_IN_S);
	initiate(&puppet, &message);
	frame = wire_last(&pair->wire, 0, MESSAGE_RESPONSE);
	assert_int_equal(sent(pair, MESSAGE_RESPONSE), 2);
	sent_again =
		cookie_one(frame->bytes + frame->outer.payload_offset, frame->message_len, &from);
	assert_int_equal(cookie_mac2_valid(&checker, &sent_again, 1, pair_now_ns(pair)), 1);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
ck_9_load_ends_with_its_hold(void **state)
{
	struct pair *pair = pair_begin(&alone);
	struct message_initiation message;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	pair_tunnel(pair, 0)->handshakes->loaded_until_ns = pair_now_ns(pair) + NS_IN_S;
	pair_advance(pair, NS_IN_S - NS_IN_MS);
	initiate(&puppet, &message);
	assert_int_equal(sent(pair, MESSAGE_COOKIE_REPLY), 1);
	pair_advance(pair, NS_IN_MS);
	initiate(&puppet, &message);
	assert_int_equal(sent(pair, MESSAGE_COOKIE_REPLY), 1);
	assert_int_equal(sent(pair, MESSAGE_RESPONSE), 1);
	pair_dropped(pair, 0, DROP_HANDSHAKE_COOKIE, 1);
	puppet_fini(&puppet);
	pair_end(pair);
}

/* Strangers, so that what gets as far as a Diffie-Hellman can be counted. */
static void
ck_10_the_rate_of_one_source(void **state)
{
	struct pair *pair = pair_begin(&alone);
	struct message_initiation message;
	struct puppet stranger;

	stranger_init(&stranger, pair, 1);
	set_load(pair, true);
	initiate(&stranger, &message);
	take_cookie(&stranger, stranger.index);
	pair_dropped(pair, 0, DROP_HANDSHAKE_COOKIE, 1);
	for (unsigned i = 0; i < 30; i++) {
		initiate(&stranger, &message);
		pair_advance(pair, 3 * NS_IN_MS);
	}
	/* 5 at once, and one more after 50 ms; silence to the others. */
	pair_dropped(pair, 0, DROP_HANDSHAKE_UNKNOWN_PEER, 6);
	pair_dropped(pair, 0, DROP_HANDSHAKE_LIMITED, 24);
	assert_int_equal(pair->wire.sent_count, 1);
	/* Without load nobody counts them. */
	set_load(pair, false);
	for (unsigned i = 0; i < 30; i++)
		initiate(&stranger, &message);
	pair_dropped(pair, 0, DROP_HANDSHAKE_UNKNOWN_PEER, 30);
	puppet_fini(&stranger);
	pair_end(pair);
}

/* CK-13, P-8: whatever comes from an address that nobody has proven, less goes back to it. */
static void
ck_13_p_8_less_is_sent_than_came(void **state)
{
	struct pair *pair = pair_begin(&alone);
	struct message_initiation message;
	struct message_response response;
	uint8_t data[200] = {MESSAGE_DATA};
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	puppet_response(&puppet, &response);
	for (unsigned loaded = 0; loaded < 2; loaded++) {
		const uint64_t before = pair->wire.sent_count;
		uint64_t came = 0;

		set_load(pair, loaded != 0);
		puppet_initiation(&puppet, NULL, &message);
		for (unsigned kind = 0; kind < 3; kind++) {
			const void *const messages[] = {&message, &response, data};
			const size_t lens[] = {sizeof(message), sizeof(response), sizeof(data)};
			const uint64_t at = pair->wire.sent_count;

			/* The response is out of date, its mac1 is not. */
			puppet_deliver(&puppet, messages[kind], lens[kind]);
			came += lens[kind];
			assert_true(pair->wire.sent_count - at <= 1);
			if (pair->wire.sent_count > at)
				assert_true(wire_sent(&pair->wire, at)->message_len <= lens[kind]);
		}
		assert_int_equal(pair->wire.sent_count - before, loaded ? 2 : 1);
		pair_advance(pair, NS_IN_S);
		assert_true(came > 0);
	}
	pair->drops_unchecked = true;
	puppet_fini(&puppet);
	pair_end(pair);
}

/* One more initiation of a stranger, each time from another port; does not settle. */
static void
flood(struct puppet *stranger, unsigned count)
{
	struct message_initiation message;

	puppet_initiation(stranger, NULL, &message);
	for (unsigned i = 0; i < count; i++) {
		stranger->endpoint.port = (uint16_t)(1024 + (stranger->endpoint.port + 1) % 60000);
		store_le32(message.sender_index_le32, ++stranger->index);
		cookie_add_macs(&stranger->jar, (uint8_t *)&message, sizeof(message),
			pair_now_ns(stranger->pair));
		puppet_send(stranger, &message, sizeof(message));
	}
}

/*
 * A flood makes load, by itself; established sessions carry on, and a known peer that answers its
 * cookie gets a new one through: at its second try, 5 s after the first.
 */
static void
defect_14_a_known_peer_gets_through_a_flood(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 3, .gateways = 2});
	struct handshake_queue *queue = pair_tunnel(pair, 0)->handshakes;
	const struct session *first;
	struct puppet stranger;
	unsigned most = 0;

	pair_connect(pair, 0, 1);
	first = atomic_load(&pair_peer(pair, 0, 1)->current);
	stranger_init(&stranger, pair, 9);
	stranger.endpoint = pair_endpoint(pair, 2, false);
	pair_advance(pair, 6 * NS_IN_S);
	for (unsigned step = 0; step < 100; step++) {
		/* As much as a lane takes in a burst: its port is not to drop any. */
		for (unsigned i = 0; i < 40; i++) {
			flood(&stranger, 60);
			gateway_step(pair->sites[0].gateway);
			if (queue->count > most)
				most = queue->count;
		}
		if (step == 10) {
			assert_true(handshake_queue_under_load(queue, pair_now_ns(pair)));
			pair_initiate(pair, 1, 0);
		}
		pair_settle(pair);
		pair_converse(pair, 0, 1);
		pair_advance(pair, 100 * NS_IN_MS);
	}
	assert_ptr_not_equal(atomic_load(&pair_peer(pair, 0, 1)->current), first);
	/* What has no cookie does not get in once it is so deep; that is asked once a batch. */
	assert_in_range(most, 1, HANDSHAKE_QUEUE_LOADED + COOKIE_BATCH_MAX);
	pair->drops_unchecked = true;
	puppet_fini(&stranger);
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hs_28_ck_1_ck_2_ipv4),
		cmocka_unit_test(hs_28_ck_1_ck_2_ipv6),
		cmocka_unit_test(ck_1_mac1_comes_first),
		cmocka_unit_test(ck_3_a_cookie_is_for_one_address_and_port),
		cmocka_unit_test(ck_4_a_cookie_ends_with_its_secret),
		cmocka_unit_test(responses_need_a_cookie_too),
		cmocka_unit_test(ck_6_a_cookie_for_our_response),
		cmocka_unit_test(ck_9_load_ends_with_its_hold),
		cmocka_unit_test(ck_10_the_rate_of_one_source),
		cmocka_unit_test(ck_13_p_8_less_is_sent_than_came),
		cmocka_unit_test(defect_14_a_known_peer_gets_through_a_flood),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
