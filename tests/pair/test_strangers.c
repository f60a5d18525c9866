/*
 * Handshakes as strangers and peers might try them: keys of low order, our own name, wrong words in
 * the right frame, answers that come too late, and far too many of anything.
 */
#include "oracle.h"
#include "puppet.h"

#include "base/bytes.h"
#include "tunnel/handshake_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The points of low order, least byte first; and, by the caller, with bit 255 set. */
static const uint8_t low_order[7][32] = {
	{0},
	{1},
	{0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
		0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f,
		0x49, 0xb8, 0x00},
	{0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
		0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0,
		0x9f, 0x11, 0x57},
	{0xec, [1 ... 30] = 0xff, [31] = 0x7f},
	{0xed, [1 ... 30] = 0xff, [31] = 0x7f},
	{0xee, [1 ... 30] = 0xff, [31] = 0x7f},
};

/* Site 0 is a gateway, site 1 the test. */
static const struct pair_options alone = {.gateways = 1};

/* The message must change nothing; `reason` as it is counted. */
static void
refuse(struct puppet *puppet, const void *message, size_t len, enum drop_reason reason)
{
	const uint64_t before = pair_drops(puppet->pair, 0, reason);
	uint8_t frame[WIRE_FRAME_MAX];

	oracle_refuses(puppet->pair, 0, frame, puppet_wrap(puppet, frame, message, len));
	assert_int_equal(pair_drops(puppet->pair, 0, reason), before + 1);
}

static void
add_macs(struct puppet *puppet, void *message, size_t len)
{
	cookie_add_macs(&puppet->jar, message, len, pair_now_ns(puppet->pair));
}

static void
hs_3_the_answer_to_an_initiation_with_a_preshared_key(void **state)
{
	static const uint8_t zeros[MESSAGE_MAC_LEN];
	const uint8_t preshared_key[32] = {7, 7, 7};
	struct pair *pair =
		pair_begin(&(const struct pair_options){.gateways = 1, .preshared = {true}});
	struct message_initiation message;
	const struct wire_frame *frame;
	struct cookie_checker checker;
	struct puppet puppet;
	struct cookie_messages one;
	const uint8_t *response;

	puppet_init(&puppet, pair, 1);
	memcpy(puppet.remote.preshared_key, preshared_key, sizeof(preshared_key));
	cookie_checker_init(&checker, pair->sites[1].public_key);
	puppet_initiation(&puppet, NULL, &message);
	puppet_deliver(&puppet, &message, sizeof(message));
	frame = wire_last(&pair->wire, 0, MESSAGE_RESPONSE);
	response = frame->bytes + frame->outer.payload_offset;
	assert_int_equal(frame->message_len, 92);
	assert_int_equal(frame->receiver_index, puppet.index);
	one = cookie_one(response, 92, &frame->outer.source);
	assert_int_equal(cookie_mac1_valid(&checker, &one), 1);
	assert_memory_equal(response + 76, zeros, sizeof(zeros));
	/* And it opens with that key. */
	puppet_finish(&puppet);
	puppet_data(&puppet, NULL, 0);
	pair_settle(pair);
	assert_int_equal(pair_sessions(pair, 0, 1), 1);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
hs_7_a_stamp_far_ahead_counts_until_the_peer_is_made_anew(void **state)
{
	struct pair *pair = pair_begin(&alone);
	struct message_initiation message;
	uint8_t ahead[MESSAGE_TIMESTAMP_LEN];
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	puppet_initiation(&puppet, NULL, &message);
	memcpy(ahead, puppet.stamp, sizeof(ahead));
	store_be64(ahead, load_be64(ahead) + 315360000);
	puppet_initiation(&puppet, ahead, &message);
	puppet_deliver(&puppet, &message, sizeof(message));
	assert_int_equal(pair->wire.sent_count, 1);
	pair_advance(pair, NS_IN_S);
	puppet_initiation(&puppet, NULL, &message);
	refuse(&puppet, &message, sizeof(message), DROP_HANDSHAKE_OLD);
	pair_file_remove(pair, 0, pair->sites[1].public_key);
	assert_int_equal(pair_reconfigure(pair, 0, NULL), 0);
	pair_file_allow(pair_file_add(pair, 0, pair->sites[1].public_key), "10.0.1.0/24");
	assert_int_equal(pair_reconfigure(pair, 0, NULL), 0);
	puppet_deliver(&puppet, &message, sizeof(message));
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_RESPONSE), 2);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
hs_11_ephemerals_of_low_order_are_ignored(void **state)
{
	struct pair *pair = pair_begin(&alone);
	struct message_initiation initiation;
	struct message_response response;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	puppet_response(&puppet, &response);
	for (unsigned i = 0; i < 2 * 7; i++) {
		puppet_initiation(&puppet, NULL, &initiation);
		memcpy(initiation.ephemeral, low_order[i / 2], 32);
		initiation.ephemeral[31] |= i % 2 ? 0x80 : 0;
		add_macs(&puppet, &initiation, sizeof(initiation));
		refuse(&puppet, &initiation, sizeof(initiation), DROP_HANDSHAKE_AUTH);
		memcpy(response.ephemeral, initiation.ephemeral, 32);
		add_macs(&puppet, &response, sizeof(response));
		refuse(&puppet, &response, sizeof(response), DROP_HANDSHAKE_AUTH);
	}
	assert_int_equal(pair_sessions(pair, 0, 1), 0);
	assert_int_equal(pair->wire.sent_count, 1);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
hs_12_nothing_is_sent_to_any_key_of_low_order(void **state)
{
	for (unsigned i = 0; i < 2 * 7; i++) {
		uint8_t key[32];
		struct pair *pair;

		memcpy(key, low_order[i / 2], sizeof(key));
		key[31] |= i % 2 ? 0x80 : 0;
		pair = pair_begin(&(const struct pair_options){
			.gateways = 1, .eager = true, .keepalive_s = {1}, .key_of_1 = key});
		pair_send(pair, 0, 1, 1);
		pair_advance(pair, 2 * NS_IN_S);
		assert_int_equal(pair->wire.sent_count, 0);
		assert_true(pair_drops(pair, 0, DROP_HANDSHAKE_INTERNAL) > 0);
		pair->drops_unchecked = true;
		pair_end(pair);
	}
}

static void
hs_14_hs_15_all_four_types_are_exact_though_mac1_is_right(void **state)
{
	struct pair *pair = pair_begin(&alone);
	uint8_t messages[4][150] = {{0}};
	const size_t lens[4] = {148, 92, 64, 64};
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	puppet_connect(&puppet);
	puppet_data_make(&puppet, 9, messages[0], 32, messages[3]);
	pair_advance(pair, 6 * NS_IN_S);
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	puppet_response(&puppet, (struct message_response *)messages[1]);
	puppet_initiation(&puppet, NULL, (struct message_initiation *)messages[0]);
	store_le32(messages[2], MESSAGE_COOKIE_REPLY);
	for (unsigned kind = 0; kind < 4; kind++) {
		for (unsigned reserved = 1; reserved < 4; reserved++) {
			messages[kind][reserved] = 1;
			if (kind < 2)
				add_macs(&puppet, messages[kind], lens[kind]);
			refuse(&puppet, messages[kind], lens[kind], DROP_IN_MESSAGE);
			messages[kind][reserved] = 0;
		}
		for (size_t len = lens[kind] - 1; kind < 3 && len <= lens[kind] + 1; len += 2) {
			if (kind < 2)
				add_macs(&puppet, messages[kind], len);
			refuse(&puppet, messages[kind], len, DROP_IN_MESSAGE);
		}
	}
	puppet_fini(&puppet);
	pair_end(pair);
}

/* Its answer was under way when the peer was removed. */
static void
hs_24_a_response_to_a_peer_that_is_removed(void **state)
{
	struct pair *pair = pair_begin(&alone);
	struct message_response message;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	puppet_response(&puppet, &message);
	puppet_send(&puppet, &message, sizeof(message));
	pair_file_remove(pair, 0, pair->sites[1].public_key);
	assert_int_equal(pair_reconfigure(pair, 0, NULL), 0);
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_HANDSHAKE_UNKNOWN_INDEX, 1);
	assert_int_equal(index_count(tunnel_indices(pair_tunnel(pair, 0))), 0);
	assert_int_equal(pair->wire.sent_count, 1);
	puppet_fini(&puppet);
	pair_end(pair);
}

/* With our own key as the sender's, and sealed for us. */
static void
hs_26_an_initiation_in_our_own_name_is_ignored(void **state)
{
	struct pair *pair = pair_begin(&alone);
	struct message_initiation message;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	noise_identity_init(&puppet.identity, pair->sites[0].private_key);
	noise_remote_init(&puppet.remote, &puppet.identity, pair->sites[0].public_key, NULL);
	puppet_initiation(&puppet, NULL, &message);
	refuse(&puppet, &message, sizeof(message), DROP_HANDSHAKE_UNKNOWN_PEER);
	puppet_fini(&puppet);
	pair_end(pair);
}

/* What was received on the old session is no confirmation of the new one, nor is rubbish. */
static void
tr_4_a_replay_confirms_nothing(void **state)
{
	struct pair *pair = pair_begin(&alone);
	struct message_initiation message;
	uint8_t old[WIRE_FRAME_MAX];
	struct puppet puppet;
	size_t len;

	puppet_init(&puppet, pair, 1);
	puppet_connect(&puppet);
	len = puppet_data_make(&puppet, 0, NULL, 0, old);
	pair_advance(pair, NS_IN_S);
	puppet_initiation(&puppet, NULL, &message);
	puppet_deliver(&puppet, &message, sizeof(message));
	puppet_finish(&puppet);
	refuse(&puppet, old, len, DROP_IN_REPLAY);
	store_le32(old + 4, puppet.keys.remote_index);
	refuse(&puppet, old, len, DROP_IN_AUTH);
	memset(old + 8, 0x25, len - 8);
	refuse(&puppet, old, len, DROP_IN_AUTH);
	assert_false(atomic_load(&atomic_load(&pair_peer(pair, 0, 1)->next)->confirmed));
	puppet_data(&puppet, NULL, 0);
	pair_settle(pair);
	assert_null(atomic_load(&pair_peer(pair, 0, 1)->next));
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
ck_7_cookie_replies_that_nobody_waits_for(void **state)
{
	struct pair *pair = pair_begin(&alone);
	const struct wire_frame *first;
	struct message_cookie_reply reply;
	struct cookie_checker checker;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	cookie_checker_init(&checker, pair->sites[1].public_key);
	/* Before anything was sent, nothing has an index. */
	memset(&reply, 0, sizeof(reply));
	store_le32(reply.type_le32, MESSAGE_COOKIE_REPLY);
	refuse(&puppet, &reply, sizeof(reply), DROP_HANDSHAKE_UNKNOWN_INDEX);
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	first = wire_last(&pair->wire, 0, MESSAGE_INITIATION);
	puppet_cookie_reply(&puppet, &checker, first, &reply);
	reply.nonce[7] ^= 1;
	refuse(&puppet, &reply, sizeof(reply), DROP_HANDSHAKE_STATE);
	reply.nonce[7] ^= 1;
	reply.receiver_index_le32[2] ^= 1;
	refuse(&puppet, &reply, sizeof(reply), DROP_HANDSHAKE_UNKNOWN_INDEX);
	/* To the mac1 of the first initiation, when there is a second one. */
	pair_advance(pair, 6 * NS_IN_S);
	store_le32(reply.receiver_index_le32,
		wire_last(&pair->wire, 0, MESSAGE_INITIATION)->sender_index);
	refuse(&puppet, &reply, sizeof(reply), DROP_HANDSHAKE_STATE);
	puppet_fini(&puppet);
	pair_end(pair);
}

/* A second tunnel of the gateway, with the same key and peer at the next port. */
static void
add_second_tunnel(struct pair *pair)
{
	struct port *inner;

	assert_int_equal(gateway_add_tunnel(pair->sites[0].gateway,
				 &(const struct gateway_tunnel_settings){
					 .config = &pair->sites[0].files,
					 .name = "second",
					 .listen_port = PAIR_PORT + 1,
				 },
				 &inner),
		0);
}

static void
ck_9_defect_20_load_of_one_tunnel_is_not_anothers(void **state)
{
	struct pair *pair = pair_begin(&alone);
	struct message_initiation message;
	struct puppet puppet;

	add_second_tunnel(pair);
	puppet_init(&puppet, pair, 1);
	/* The second one initiates at its start; the test is not about that. */
	pair_advance(pair, NS_IN_S);
	pair_tunnel(pair, 0)->handshakes->loaded_until_ns = UINT64_MAX;
	puppet_initiation(&puppet, NULL, &message);
	puppet_deliver(&puppet, &message, sizeof(message));
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_COOKIE_REPLY), 1);
	puppet.gateway.port = PAIR_PORT + 1;
	puppet_deliver(&puppet, &message, sizeof(message));
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_COOKIE_REPLY), 1);
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_RESPONSE), 1);
	pair_dropped(pair, 0, DROP_HANDSHAKE_COOKIE, 1);
	puppet_fini(&puppet);
	pair_end(pair);
}

/* One peer sends valid initiations as fast as it can: 50 a second count, and others get through. */
static void
ld_3_a_peer_that_floods_is_held_to_its_rate(void **state)
{
	struct pair *pair =
		pair_begin(&(const struct pair_options){.gateways = 1, .extra_peers = 1});
	struct message_initiation message;
	struct puppet flooder;
	struct puppet other;

	puppet_init(&flooder, pair, 1);
	puppet_init_extra(&other, pair, 0);
	for (unsigned i = 0; i < 500; i++) {
		pair_advance(pair, 2 * NS_IN_MS);
		puppet_initiation(&flooder, NULL, &message);
		puppet_deliver(&flooder, &message, sizeof(message));
	}
	assert_in_range(wire_count(&pair->wire, 0, 0, MESSAGE_RESPONSE), 49, 50);
	pair_dropped(pair, 0, DROP_HANDSHAKE_FLOOD,
		500 - wire_count(&pair->wire, 0, 0, MESSAGE_RESPONSE));
	puppet_connect(&other);
	pair_advance(pair, NS_IN_S);
	puppet_fini(&flooder);
	puppet_fini(&other);
	pair_end(pair);
}

/* An hour and a half of initiations that nobody answers, asked for by traffic. */
static void
defect_4_unanswered_handshakes_leave_nothing_behind(void **state)
{
	struct pair *pair = pair_begin(&alone);
	unsigned most = 0;

	pair->drops_unchecked = true;
	for (unsigned i = 0; i < 1000; i++) {
		const size_t count = index_count(tunnel_indices(pair_tunnel(pair, 0)));

		pair_send(pair, 0, 1, i);
		pair_jump(pair, 5400 * NS_IN_MS);
		most = count > most ? (unsigned)count : most;
	}
	assert_in_range(wire_count(&pair->wire, 0, 0, MESSAGE_INITIATION), 900, 1000);
	assert_int_equal(most, 1);
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hs_3_the_answer_to_an_initiation_with_a_preshared_key),
		cmocka_unit_test(hs_7_a_stamp_far_ahead_counts_until_the_peer_is_made_anew),
		cmocka_unit_test(hs_11_ephemerals_of_low_order_are_ignored),
		cmocka_unit_test(hs_12_nothing_is_sent_to_any_key_of_low_order),
		cmocka_unit_test(hs_14_hs_15_all_four_types_are_exact_though_mac1_is_right),
		cmocka_unit_test(hs_24_a_response_to_a_peer_that_is_removed),
		cmocka_unit_test(hs_26_an_initiation_in_our_own_name_is_ignored),
		cmocka_unit_test(tr_4_a_replay_confirms_nothing),
		cmocka_unit_test(ck_7_cookie_replies_that_nobody_waits_for),
		cmocka_unit_test(ck_9_defect_20_load_of_one_tunnel_is_not_anothers),
		cmocka_unit_test(ld_3_a_peer_that_floods_is_held_to_its_rate),
		cmocka_unit_test(defect_4_unanswered_handshakes_leave_nothing_behind),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
