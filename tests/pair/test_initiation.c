/*
 * Handshake messages that a gateway must refuse, made by hand.
 */
#include "puppet.h"

#include "base/bytes.h"
#include "proto/tai64n.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Site 0 is a gateway, site 1 the test. */
static const struct pair_options alone = {.gateways = 1};

static void
begin(struct pair **pair, struct puppet *puppet)
{
	*pair = pair_begin(&alone);
	puppet_init(puppet, *pair, 1);
}

static void
end(struct pair *pair, struct puppet *puppet)
{
	puppet_fini(puppet);
	pair_end(pair);
}

static unsigned
responses(const struct pair *pair)
{
	return wire_count(&pair->wire, 0, 0, MESSAGE_RESPONSE);
}

static void
hs_5_replayed_initiation_is_ignored(void **state)
{
	struct message_initiation message;
	struct puppet puppet;
	struct pair *pair;
	struct session *next;

	begin(&pair, &puppet);
	puppet_initiation(&puppet, NULL, &message);
	puppet_deliver(&puppet, &message, sizeof(message));
	assert_int_equal(responses(pair), 1);
	next = atomic_load(&pair_peer(pair, 0, 1)->next);
	pair_advance(pair, NS_IN_S);
	puppet_deliver(&puppet, &message, sizeof(message));
	assert_int_equal(responses(pair), 1);
	assert_ptr_equal(atomic_load(&pair_peer(pair, 0, 1)->next), next);
	pair_dropped(pair, 0, DROP_HANDSHAKE_OLD, 1);
	end(pair, &puppet);
}

static void
hs_6_older_and_equal_stamps_are_ignored(void **state)
{
	struct message_initiation message;
	struct puppet puppet;
	struct pair *pair;
	uint8_t older[MESSAGE_TIMESTAMP_LEN];

	begin(&pair, &puppet);
	puppet_initiation(&puppet, NULL, &message);
	puppet_deliver(&puppet, &message, sizeof(message));
	pair_advance(pair, NS_IN_S);
	puppet_initiation(&puppet, puppet.stamp, &message);
	puppet_deliver(&puppet, &message, sizeof(message));
	memcpy(older, puppet.stamp, sizeof(older));
	older[7]--;
	puppet_initiation(&puppet, older, &message);
	puppet_deliver(&puppet, &message, sizeof(message));
	assert_int_equal(responses(pair), 1);
	pair_dropped(pair, 0, DROP_HANDSHAKE_OLD, 2);
	end(pair, &puppet);
}

static void
hs_7_a_stamp_far_ahead_is_accepted(void **state)
{
	struct message_initiation message;
	struct puppet puppet;
	struct pair *pair;
	uint8_t ahead[MESSAGE_TIMESTAMP_LEN];

	begin(&pair, &puppet);
	tai64n_make(
		ahead, pair->sites[0].clock.real_ns + UINT64_C(315360000) * NS_IN_S, puppet.stamp);
	puppet_initiation(&puppet, ahead, &message);
	puppet_deliver(&puppet, &message, sizeof(message));
	assert_int_equal(responses(pair), 1);
	pair_advance(pair, NS_IN_S);
	puppet_initiation(&puppet, NULL, &message);
	puppet_deliver(&puppet, &message, sizeof(message));
	assert_int_equal(responses(pair), 1);
	pair_dropped(pair, 0, DROP_HANDSHAKE_OLD, 1);
	end(pair, &puppet);
}

static void
hs_9_ck_12_each_bit_of_mac1_counts(void **state)
{
	struct message_initiation message;
	struct puppet puppet;
	struct pair *pair;

	begin(&pair, &puppet);
	puppet_initiation(&puppet, NULL, &message);
	for (unsigned bit = 0; bit < 8 * MESSAGE_MAC_LEN; bit++) {
		message.macs.mac1[bit / 8] ^= 1 << bit % 8;
		puppet_deliver(&puppet, &message, sizeof(message));
		message.macs.mac1[bit / 8] ^= 1 << bit % 8;
	}
	assert_int_equal(pair->wire.sent_count, 0);
	pair_dropped(pair, 0, DROP_HANDSHAKE_MAC, 8 * MESSAGE_MAC_LEN);
	/* And the right one is answered, whatever mac2 is: there is no load (CK-12). */
	message.macs.mac2[0] ^= 1;
	puppet_deliver(&puppet, &message, sizeof(message));
	assert_int_equal(responses(pair), 1);
	end(pair, &puppet);
}

static void
hs_10_unknown_static_key_is_ignored(void **state)
{
	struct message_initiation message;
	struct puppet puppet;
	struct pair *pair;
	uint8_t stranger[32] = {1, 2, 3};

	begin(&pair, &puppet);
	noise_identity_init(&puppet.identity, stranger);
	noise_remote_init(&puppet.remote, &puppet.identity, pair->sites[0].public_key, NULL);
	puppet_initiation(&puppet, NULL, &message);
	puppet_deliver(&puppet, &message, sizeof(message));
	assert_int_equal(pair->wire.sent_count, 0);
	pair_dropped(pair, 0, DROP_HANDSHAKE_UNKNOWN_PEER, 1);
	end(pair, &puppet);
}

static void
hs_12_nothing_is_sent_to_a_low_order_key(void **state)
{
	static const uint8_t low_order[][32] = {{0}, {1}};

	for (unsigned i = 0; i < 2; i++) {
		struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1,
			.eager = true,
			.keepalive_s = {1},
			.key_of_1 = low_order[i]});

		pair_send(pair, 0, 1, 1);
		pair_advance(pair, 2 * NS_IN_S);
		assert_int_equal(pair->wire.sent_count, 0);
		assert_int_equal(index_count(tunnel_indices(pair_tunnel(pair, 0))), 0);
		assert_true(pair_peer(pair, 0, 1)->control_drops[DROP_HANDSHAKE_INTERNAL] > 0);
		pair->drops_unchecked = true;
		pair_end(pair);
	}
}

static void
hs_13_defect_5_initiations_are_20_ms_apart(void **state)
{
	struct message_initiation messages[3];
	struct puppet puppet;
	struct pair *pair;

	begin(&pair, &puppet);
	for (unsigned i = 0; i < 3; i++)
		puppet_initiation(&puppet, NULL, &messages[i]);
	puppet_deliver(&puppet, &messages[0], sizeof(messages[0]));
	pair_advance(pair, 5 * NS_IN_MS);
	puppet_deliver(&puppet, &messages[1], sizeof(messages[1]));
	assert_int_equal(responses(pair), 1);
	pair_dropped(pair, 0, DROP_HANDSHAKE_FLOOD, 1);
	pair_advance(pair, 20 * NS_IN_MS);
	/* The one that was refused may come again: its stamp was not taken over. */
	puppet_deliver(&puppet, &messages[1], sizeof(messages[1]));
	assert_int_equal(responses(pair), 2);
	pair_advance(pair, 25 * NS_IN_MS);
	puppet_deliver(&puppet, &messages[2], sizeof(messages[2]));
	assert_int_equal(responses(pair), 3);
	end(pair, &puppet);
}

static void
hs_14_hs_15_types_and_lengths_are_exact(void **state)
{
	static const size_t lengths[] = {147, 149, 91, 93, 63, 65, 31, 15, 4, 1};
	struct message_initiation message;
	struct puppet puppet;
	struct pair *pair;
	uint8_t bytes[160] = {0};

	begin(&pair, &puppet);
	puppet_initiation(&puppet, NULL, &message);
	for (unsigned type = 0; type < 7; type++)
		for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			memcpy(bytes, &message, sizeof(message));
			bytes[0] = (uint8_t)type;
			if (type == MESSAGE_DATA && lengths[i] >= 32)
				continue;
			puppet_deliver(&puppet, bytes, lengths[i]);
		}
	pair_dropped(pair, 0, DROP_IN_MESSAGE, 6 * 10 + 4);
	for (unsigned reserved = 1; reserved < 4; reserved++) {
		memcpy(bytes, &message, sizeof(message));
		bytes[reserved] = 1;
		puppet_deliver(&puppet, bytes, sizeof(message));
	}
	pair_dropped(pair, 0, DROP_IN_MESSAGE, 3);
	assert_int_equal(pair->wire.sent_count, 0);
	end(pair, &puppet);
}

static void
hs_16_responses_must_name_the_handshake(void **state)
{
	struct message_response message;
	struct puppet puppet;
	struct pair *pair;
	uint32_t keypair;

	begin(&pair, &puppet);
	puppet_connect(&puppet);
	keypair = puppet.keys.remote_index;
	pair_advance(pair, 6 * NS_IN_S);
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	puppet_response(&puppet, &message);
	/* An index of a session, and one of nothing. */
	store_le32(message.receiver_index_le32, keypair);
	cookie_add_macs(&puppet.jar, (uint8_t *)&message, sizeof(message), pair_now_ns(pair));
	puppet_deliver(&puppet, &message, sizeof(message));
	store_le32(message.receiver_index_le32, puppet.keys.remote_index ^ 0x80000000);
	cookie_add_macs(&puppet.jar, (uint8_t *)&message, sizeof(message), pair_now_ns(pair));
	puppet_deliver(&puppet, &message, sizeof(message));
	pair_dropped(pair, 0, DROP_HANDSHAKE_UNKNOWN_INDEX, 2);
	assert_int_equal(pair_sessions(pair, 0, 1), 1);
	/* Neither did any harm to the handshake. */
	store_le32(message.receiver_index_le32, puppet.keys.remote_index);
	cookie_add_macs(&puppet.jar, (uint8_t *)&message, sizeof(message), pair_now_ns(pair));
	puppet_deliver(&puppet, &message, sizeof(message));
	assert_int_equal(pair_sessions(pair, 0, 1), 2);
	end(pair, &puppet);
}

static void
hs_16_another_peers_response_is_refused(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 3, .gateways = 1});
	struct message_response message;
	struct puppet right;
	struct puppet wrong;

	puppet_init(&right, pair, 1);
	puppet_init(&wrong, pair, 2);
	pair_initiate(pair, 0, 2);
	pair_settle(pair);
	puppet_response(&wrong, &message);
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	/* Made by 2 for its own handshake, but naming that of 1. */
	store_le32(message.receiver_index_le32,
		wire_last(&pair->wire, 0, MESSAGE_INITIATION)->sender_index);
	cookie_add_macs(&wrong.jar, (uint8_t *)&message, sizeof(message), pair_now_ns(pair));
	puppet_deliver(&wrong, &message, sizeof(message));
	pair_dropped(pair, 0, DROP_HANDSHAKE_AUTH, 1);
	assert_int_equal(pair_sessions(pair, 0, 1), 0);
	assert_int_equal(pair_sessions(pair, 0, 2), 0);
	puppet_response(&right, &message);
	puppet_deliver(&right, &message, sizeof(message));
	assert_int_equal(pair_sessions(pair, 0, 1), 1);
	puppet_fini(&right);
	puppet_fini(&wrong);
	pair_end(pair);
}

static void
hs_17_hs_18_only_the_newest_initiation_and_one_response_count(void **state)
{
	struct message_response early;
	struct message_response late;
	struct puppet puppet;
	struct pair *pair;
	struct session *session;

	begin(&pair, &puppet);
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	puppet_response(&puppet, &early);
	pair_advance(pair, 6 * NS_IN_S);
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_INITIATION), 2);
	puppet_deliver(&puppet, &early, sizeof(early));
	pair_dropped(pair, 0, DROP_HANDSHAKE_UNKNOWN_INDEX, 1);
	assert_int_equal(pair_sessions(pair, 0, 1), 0);
	puppet_response(&puppet, &late);
	puppet_deliver(&puppet, &late, sizeof(late));
	session = atomic_load(&pair_peer(pair, 0, 1)->current);
	assert_non_null(session);
	puppet_deliver(&puppet, &late, sizeof(late));
	pair_dropped(pair, 0, DROP_HANDSHAKE_UNKNOWN_INDEX, 1);
	assert_ptr_equal(atomic_load(&pair_peer(pair, 0, 1)->current), session);
	assert_int_equal(pair_sessions(pair, 0, 1), 1);
	/* One confirmation, not two. */
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_DATA), 1);
	end(pair, &puppet);
}

static void
hs_22_initiations_and_responses_spoilt_anywhere_are_ignored(void **state)
{
	struct message_initiation initiation;
	struct message_response response;
	struct puppet puppet;
	struct pair *pair;
	uint8_t bytes[sizeof(initiation)];
	uint64_t sent;

	begin(&pair, &puppet);
	puppet_initiation(&puppet, NULL, &initiation);
	/* mac1 made right again, so that the fields behind it are reached. */
	for (size_t at = 8; at < offsetof(struct message_initiation, macs); at++) {
		memcpy(bytes, &initiation, sizeof(initiation));
		bytes[at] ^= 1;
		cookie_add_macs(&puppet.jar, bytes, sizeof(initiation), pair_now_ns(pair));
		puppet_deliver(&puppet, bytes, sizeof(initiation));
	}
	assert_int_equal(pair->wire.sent_count, 0);
	pair_dropped(pair, 0, DROP_HANDSHAKE_AUTH, offsetof(struct message_initiation, macs) - 8);
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	sent = pair->wire.sent_count;
	puppet_response(&puppet, &response);
	for (size_t at = 12; at < offsetof(struct message_response, macs); at++) {
		memcpy(bytes, &response, sizeof(response));
		bytes[at] ^= 1;
		cookie_add_macs(&puppet.jar, bytes, sizeof(response), pair_now_ns(pair));
		puppet_deliver(&puppet, bytes, sizeof(response));
	}
	assert_int_equal(pair->wire.sent_count, sent);
	assert_int_equal(pair_sessions(pair, 0, 1), 0);
	pair_dropped(pair, 0, DROP_HANDSHAKE_AUTH, offsetof(struct message_response, macs) - 12);
	end(pair, &puppet);
}

static void
hs_25_without_a_private_key_nothing_is_sent_and_all_ignored(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){
		.no_key = {true, false}, .eager = true, .keepalive_s = {1, 0}});

	pair_send(pair, 0, 1, 1);
	pair_send(pair, 1, 0, 1);
	pair_advance(pair, 3 * NS_IN_S);
	assert_int_equal(wire_count(&pair->wire, 0, 1, MESSAGE_INITIATION), 1);
	for (uint64_t n = 0; n < pair->wire.sent_count; n++)
		assert_int_equal(wire_sent(&pair->wire, n)->from, 1);
	pair->drops_unchecked = true;
	pair_end(pair);
}

static void
ck_5_ck_7_ro_5_a_cookie_reply_gives_the_next_initiation_a_mac2(void **state)
{
	static const uint8_t zeros[MESSAGE_MAC_LEN];
	const struct wire_frame *frame;
	struct message_cookie_reply reply;
	struct cookie_checker checker;
	struct cookie_messages sent_again;
	struct puppet puppet;
	struct pair *pair;
	struct endpoint from;

	begin(&pair, &puppet);
	cookie_checker_init(&checker, pair->sites[1].public_key);
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	frame = wire_last(&pair->wire, 0, MESSAGE_INITIATION);
	from = frame->outer.source;
	assert_memory_equal(frame->bytes + frame->len - 16, zeros, 16);
	puppet_cookie_reply(&puppet, &checker, frame, &reply);
	/* RO-5: it does not move the endpoint either. CK-7: a second one is ignored. */
	puppet.endpoint.port++;
	puppet_deliver(&puppet, &reply, sizeof(reply));
	puppet_deliver(&puppet, &reply, sizeof(reply));
	pair_dropped(pair, 0, DROP_HANDSHAKE_STATE, 1);
	assert_int_equal(pair->wire.sent_count, 1);
	pair_advance(pair, 6 * NS_IN_S);
	frame = wire_last(&pair->wire, 0, MESSAGE_INITIATION);
	assert_int_equal(pair->wire.sent_count, 2);
	assert_int_equal(frame->outer.destination.port, PAIR_PORT);
	sent_again =
		cookie_one(frame->bytes + frame->outer.payload_offset, frame->message_len, &from);
	assert_int_equal(cookie_mac2_valid(&checker, &sent_again, 1, pair_now_ns(pair)), 1);
	end(pair, &puppet);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hs_5_replayed_initiation_is_ignored),
		cmocka_unit_test(hs_6_older_and_equal_stamps_are_ignored),
		cmocka_unit_test(hs_7_a_stamp_far_ahead_is_accepted),
		cmocka_unit_test(hs_9_ck_12_each_bit_of_mac1_counts),
		cmocka_unit_test(hs_10_unknown_static_key_is_ignored),
		cmocka_unit_test(hs_12_nothing_is_sent_to_a_low_order_key),
		cmocka_unit_test(hs_13_defect_5_initiations_are_20_ms_apart),
		cmocka_unit_test(hs_14_hs_15_types_and_lengths_are_exact),
		cmocka_unit_test(hs_16_responses_must_name_the_handshake),
		cmocka_unit_test(hs_16_another_peers_response_is_refused),
		cmocka_unit_test(hs_17_hs_18_only_the_newest_initiation_and_one_response_count),
		cmocka_unit_test(hs_22_initiations_and_responses_spoilt_anywhere_are_ignored),
		cmocka_unit_test(hs_25_without_a_private_key_nothing_is_sent_and_all_ignored),
		cmocka_unit_test(ck_5_ck_7_ro_5_a_cookie_reply_gives_the_next_initiation_a_mac2),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
