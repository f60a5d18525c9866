/*
 * Endpoints follow what is authentic, and nothing else.
 */
#include "puppet.h"

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
begin(struct pair **pair, struct puppet *puppet, bool outer6)
{
	*pair = pair_begin(&(const struct pair_options){.gateways = 1, .outer6 = outer6});
	puppet_init(puppet, *pair, 1);
}

static void
end(struct pair *pair, struct puppet *puppet)
{
	puppet_fini(puppet);
	pair_end(pair);
}

/* The puppet is elsewhere from now on; the address is nobody's. */
static void
move(struct puppet *puppet, const char *to)
{
	assert_int_equal(endpoint_parse(to, &puppet->endpoint), 0);
	puppet->gateway =
		pair_endpoint(puppet->pair, 0, puppet->endpoint.address.family == ADDRESS_IPV6);
}

/* Where the gateway sends data now, and from which address. */
static void
expect_sends_to(struct pair *pair, const char *to, bool six)
{
	const struct endpoint own = pair_endpoint(pair, 0, six);
	const struct wire_frame *frame;
	struct endpoint expected;
	const uint64_t before = pair->wire.sent_count;

	assert_int_equal(endpoint_parse(to, &expected), 0);
	pair_send(pair, 0, 1, 1);
	pair_settle(pair);
	assert_int_equal(pair->wire.sent_count, before + 1);
	frame = wire_last(&pair->wire, 0, MESSAGE_DATA);
	assert_true(endpoint_equal(&frame->outer.destination, &expected));
	assert_true(endpoint_equal(&frame->outer.source, &own));
}

static void
ro_1_authentic_data_moves_the_endpoint(void **state)
{
	static const char *const places[] = {"198.51.100.7:1234", "198.51.100.7:1235",
		"[2001:db8:1::7]:99", "[2001:db8:1::8]:99", "192.0.2.2:4567"};
	struct puppet puppet;
	struct pair *pair;

	begin(&pair, &puppet, false);
	puppet_connect(&puppet);
	expect_sends_to(pair, "192.0.2.2:4567", false);
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		move(&puppet, places[i]);
		puppet_data(&puppet, NULL, 0);
		pair_settle(pair);
		expect_sends_to(pair, places[i], places[i][0] == '[');
	}
	end(pair, &puppet);
}

/* A peer that goes by what it hears would else be taken back to where it came from. */
static void
ro_1_what_waits_behind_the_first_packet_goes_the_new_way(void **state)
{
	struct puppet puppet;
	struct pair *pair;

	begin(&pair, &puppet, false);
	puppet_connect(&puppet);
	move(&puppet, "[2001:db8:1::7]:99");
	puppet_data(&puppet, NULL, 0);
	/* At the gateway's port, so that one round takes it in and sends what is in the TUN. */
	wire_move(&pair->wire);
	expect_sends_to(pair, "[2001:db8:1::7]:99", true);
	end(pair, &puppet);
}

static void
ro_1_an_initiation_moves_the_endpoint(void **state)
{
	struct message_initiation message;
	struct puppet puppet;
	struct pair *pair;

	begin(&pair, &puppet, false);
	puppet_connect(&puppet);
	pair_advance(pair, NS_IN_S);
	move(&puppet, "[2001:db8:1::7]:99");
	puppet_initiation(&puppet, NULL, &message);
	puppet_send(&puppet, &message, sizeof(message));
	pair_settle(pair);
	assert_true(endpoint_equal(
		&wire_last(&pair->wire, 0, MESSAGE_RESPONSE)->outer.destination, &puppet.endpoint));
	expect_sends_to(pair, "[2001:db8:1::7]:99", true);
	end(pair, &puppet);
}

static void
ro_1_a_response_moves_the_endpoint(void **state)
{
	struct message_response message;
	struct puppet puppet;
	struct pair *pair;

	begin(&pair, &puppet, false);
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	puppet_response(&puppet, &message);
	move(&puppet, "198.51.100.9:9");
	puppet_send(&puppet, &message, sizeof(message));
	pair_settle(pair);
	expect_sends_to(pair, "198.51.100.9:9", false);
	end(pair, &puppet);
}

static void
ro_2_ro_3_ro_6_defect_2_forged_and_replayed_data_move_nothing(void **state)
{
	struct puppet puppet;
	struct pair *pair;
	uint8_t message[WIRE_FRAME_MAX];
	size_t len;

	begin(&pair, &puppet, false);
	puppet_connect(&puppet);
	move(&puppet, "198.51.100.7:1234");
	len = puppet_data_make(&puppet, 77, "", 0, message);
	message[len - 1] ^= 0x80;
	puppet_send(&puppet, message, len);
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_IN_AUTH, 1);
	/* Counter 0 was the confirmation. */
	len = puppet_data_make(&puppet, 0, "", 0, message);
	puppet_send(&puppet, message, len);
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_IN_REPLAY, 1);
	len = puppet_data_make(&puppet, 78, "", 0, message);
	store_le32(message + 4, load_le32(message + 4) ^ 0x40000000);
	puppet_send(&puppet, message, len);
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_IN_UNKNOWN_INDEX, 1);
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_DATA), 0);
	expect_sends_to(pair, "192.0.2.2:4567", false);
	end(pair, &puppet);
}

static void
ro_4_authentic_data_with_a_foreign_source_moves_but_is_dropped(void **state)
{
	struct puppet puppet;
	struct pair *pair;
	uint8_t packet[64];

	begin(&pair, &puppet, false);
	puppet_connect(&puppet);
	move(&puppet, "198.51.100.7:1234");
	pair_packet_make(packet, 4, sizeof(packet), 2, 0, 1);
	puppet_data(&puppet, packet, sizeof(packet));
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_IN_SOURCE, 1);
	assert_int_equal(pair->sites[0].received_count, 0);
	expect_sends_to(pair, "198.51.100.7:1234", false);
	end(pair, &puppet);
}

static void
refused_handshake_messages_move_nothing(void **state)
{
	struct message_initiation message;
	struct puppet puppet;
	struct pair *pair;

	begin(&pair, &puppet, false);
	puppet_initiation(&puppet, NULL, &message);
	puppet_send(&puppet, &message, sizeof(message));
	pair_settle(pair);
	puppet_finish(&puppet);
	puppet_data(&puppet, NULL, 0);
	pair_advance(pair, NS_IN_S);
	move(&puppet, "198.51.100.7:1234");
	/* A replay, and one whose stamp's tag is wrong. */
	puppet_send(&puppet, &message, sizeof(message));
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_HANDSHAKE_OLD, 1);
	puppet_initiation(&puppet, NULL, &message);
	message.sealed_timestamp[0] ^= 1;
	cookie_add_macs(&puppet.jar, (uint8_t *)&message, sizeof(message), pair_now_ns(pair));
	puppet_send(&puppet, &message, sizeof(message));
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_HANDSHAKE_AUTH, 1);
	expect_sends_to(pair, "192.0.2.2:4567", false);
	end(pair, &puppet);
}

/* The last of a burst wins, and back again in the next. */
static void
ro_7_the_last_packet_processed_wins(void **state)
{
	struct puppet puppet;
	struct pair *pair;

	begin(&pair, &puppet, false);
	puppet_connect(&puppet);
	for (unsigned i = 0; i < 20; i++) {
		move(&puppet, i % 2 ? "192.0.2.2:4567" : "198.51.100.7:1234");
		puppet_data(&puppet, NULL, 0);
		move(&puppet, i % 2 ? "198.51.100.7:1234" : "[2001:db8:1::7]:99");
		puppet_data(&puppet, NULL, 0);
		pair_settle(pair);
		expect_sends_to(
			pair, i % 2 ? "198.51.100.7:1234" : "[2001:db8:1::7]:99", i % 2 == 0);
	}
	end(pair, &puppet);
}

/* Goes to where the gateway knows the peer, though it was last heard from elsewhere. */
static void
expect_stays(struct pair *pair, struct puppet *puppet)
{
	uint8_t packet[64];
	const uint64_t received = pair->sites[0].received_count;
	const struct roaming *roaming = &pair_peer(pair, 0, 1)->roaming;
	const uint32_t version = atomic_load(&roaming->version);

	pair_packet_make(packet, 4, sizeof(packet), 1, 0, 7);
	puppet_data(puppet, packet, sizeof(packet));
	pair_settle(pair);
	assert_int_equal(pair->sites[0].received_count, received + 1);
	/* Nor is control asked: nothing waits, however much comes from elsewhere. */
	assert_int_equal(atomic_load(&roaming->version), version);
	expect_sends_to(pair, "192.0.2.2:4567", false);
}

static void
ro_11_a_fixed_endpoint_stays(void **state)
{
	struct pair *pair =
		pair_begin(&(const struct pair_options){.gateways = 1, .fixed_endpoints = {true}});
	struct message_initiation initiation;
	struct message_response response;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	puppet_connect(&puppet);
	move(&puppet, "198.51.100.7:1234");
	expect_stays(pair, &puppet);
	/* In the other role, and over the other family. */
	pair_advance(pair, NS_IN_S);
	move(&puppet, "[2001:db8:1::7]:99");
	puppet_initiation(&puppet, NULL, &initiation);
	puppet_deliver(&puppet, &initiation, sizeof(initiation));
	assert_int_equal(
		wire_last(&pair->wire, 0, MESSAGE_RESPONSE)->outer.destination.port, PAIR_PORT);
	puppet_finish(&puppet);
	expect_stays(pair, &puppet);
	pair_advance(pair, 6 * NS_IN_S);
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	puppet_response(&puppet, &response);
	puppet_deliver(&puppet, &response, sizeof(response));
	expect_stays(pair, &puppet);
	end(pair, &puppet);
}

/* The address of ours that is sent to from there is the one to answer from. */
static void
ro_11_a_fixed_endpoint_is_answered_from_where_it_sends_to(void **state)
{
	struct pair *pair =
		pair_begin(&(const struct pair_options){.gateways = 1, .fixed_endpoints = {true}});
	struct peer *peer = pair_peer(pair, 0, 1);
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	puppet_connect(&puppet);
	assert_true(address_equal(&peer->source, &puppet.gateway.address));
	end(pair, &puppet);
}

static void
ro_11_without_an_endpoint_there_is_none_to_be_fixed(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){
		.gateways = 1, .no_endpoint = {true}, .fixed_endpoints = {true}});
	struct tunnel_config_peer *file;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	puppet_connect(&puppet);
	move(&puppet, "198.51.100.7:1234");
	puppet_data(&puppet, NULL, 0);
	pair_settle(pair);
	expect_sends_to(pair, "198.51.100.7:1234", false);
	/* Once the file has one it is there. */
	file = pair_file_of(pair, 0, pair->sites[1].public_key);
	snprintf(file->host, sizeof(file->host), "192.0.2.2");
	file->port = PAIR_PORT;
	assert_int_equal(pair_reconfigure(pair, 0, NULL), 0);
	pair_settle(pair);
	expect_stays(pair, &puppet);
	end(pair, &puppet);
}

static void
a_peer_without_endpoint_is_learnt(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.no_endpoint = {false, true}});

	pair_send(pair, 1, 0, 1);
	pair_settle(pair);
	assert_int_equal(pair->wire.sent_count, 0);
	pair_dropped(pair, 1, DROP_OUT_NO_ENDPOINT, 1);
	/* The sender was told. */
	assert_int_equal(pair->sites[1].received_count, 1);
	pair_connect(pair, 0, 1);
	pair_converse(pair, 1, 0);
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ro_1_authentic_data_moves_the_endpoint),
		cmocka_unit_test(ro_1_what_waits_behind_the_first_packet_goes_the_new_way),
		cmocka_unit_test(ro_1_an_initiation_moves_the_endpoint),
		cmocka_unit_test(ro_1_a_response_moves_the_endpoint),
		cmocka_unit_test(ro_2_ro_3_ro_6_defect_2_forged_and_replayed_data_move_nothing),
		cmocka_unit_test(ro_4_authentic_data_with_a_foreign_source_moves_but_is_dropped),
		cmocka_unit_test(refused_handshake_messages_move_nothing),
		cmocka_unit_test(ro_7_the_last_packet_processed_wins),
		cmocka_unit_test(ro_11_a_fixed_endpoint_stays),
		cmocka_unit_test(ro_11_a_fixed_endpoint_is_answered_from_where_it_sends_to),
		cmocka_unit_test(ro_11_without_an_endpoint_there_is_none_to_be_fixed),
		cmocka_unit_test(a_peer_without_endpoint_is_learnt),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
