/*
 * Floods and random events: what holds whatever comes, and whatever happens in which order.
 */
#include "oracle.h"
#include "puppet.h"

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MUTATIONS 3000 /* of each type */
/* Each costs 20 X25519; TEST_PEERS in the environment is how many otherwise. */
#define PEERS 1500
#define EVENTS 1500

static void
mf_1_every_type_and_length(void **state)
{
	static const uint8_t types[] = {0, 1, 2, 3, 4, 5, 255};
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	struct puppet puppet;
	uint8_t message[150] = {0};
	uint8_t frame[WIRE_FRAME_MAX];

	puppet_init(&puppet, pair, 1);
	puppet_connect(&puppet);
	for (unsigned i = 0; i < sizeof(types); i++)
		for (size_t len = 0; len < sizeof(message); len++) {
			message[0] = types[i];
			oracle_refuses(pair, 0, frame, puppet_wrap(&puppet, frame, message, len));
		}
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_DATA), 0);
	pair_send(pair, 0, 1, 1);
	pair_settle(pair);
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_DATA), 1);
	puppet_fini(&puppet);
	pair_end(pair);
}

/* One of each type, each of which would be accepted as it is. */
static size_t
make(struct puppet *puppet, unsigned type, uint8_t message[static 256])
{
	static const uint8_t plain[100];
	const struct wire_frame *initiation = wire_last(&puppet->pair->wire, 0, MESSAGE_INITIATION);
	struct cookie_checker checker;

	switch (type) {
	case MESSAGE_INITIATION:
		puppet_initiation(puppet, NULL, (struct message_initiation *)message);
		return sizeof(struct message_initiation);
	case MESSAGE_RESPONSE:
		puppet_response(puppet, (struct message_response *)message);
		return sizeof(struct message_response);
	case MESSAGE_COOKIE_REPLY:
		cookie_checker_init(&checker, puppet->identity.public_key);
		puppet_cookie_reply(
			puppet, &checker, initiation, (struct message_cookie_reply *)message);
		return sizeof(struct message_cookie_reply);
	default:
		return puppet_data_make(puppet, puppet->counter++, plain, sizeof(plain), message);
	}
}

/* One to eight bytes, none of them in mac2; returns whether anything is different. */
static bool
mutate(struct pair *pair, uint8_t *message, size_t len, unsigned type)
{
	const size_t room = type <= MESSAGE_RESPONSE ? len - MESSAGE_MAC_LEN : len;
	uint8_t before[256];

	memcpy(before, message, len);
	for (uint64_t left = 1 + wire_random(&pair->wire, 8); left > 0; left--)
		message[wire_random(&pair->wire, room)] = (uint8_t)wire_random(&pair->wire, 256);
	return memcmp(before, message, len) != 0;
}

static void
mf_19_p_7_only_what_is_unchanged_is_accepted(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	struct puppet initiator;
	struct puppet puppet;
	uint8_t frame[WIRE_FRAME_MAX];

	puppet_init(&puppet, pair, 1);
	puppet_connect(&puppet);
	pair_advance(pair, 6 * NS_IN_S);
	pair_initiate(pair, 0, 1);
	pair_settle(pair);
	/* Handshakes of another puppet, so that the first one's keys are those of the session. */
	puppet_init(&initiator, pair, 1);
	for (unsigned type = MESSAGE_INITIATION; type <= MESSAGE_DATA; type++) {
		struct puppet *from = type == MESSAGE_DATA ? &puppet : &initiator;
		uint8_t message[256];
		uint8_t changed[256];
		const size_t len = make(from, type, message);

		for (unsigned i = 0; i < MUTATIONS; i++) {
			memcpy(changed, message, len);
			if (mutate(pair, changed, len, type))
				oracle_refuses(
					pair, 0, frame, puppet_wrap(from, frame, changed, len));
		}
	}
	assert_true(pair->refused > 3 * MUTATIONS);
	puppet_fini(&initiator);
	puppet_fini(&puppet);
	pair_end(pair);
}

/* --- Many peers at once ----------------------------------------------------------------------- */

struct crowd {
	struct pair *pair;
	unsigned count;
	struct puppet *puppets;
	bool *up;
	unsigned up_count;
	uint64_t seen; /* frames of the wire that were looked at */
};

/* Puppet n is at 198.18.(n / 256).(n % 256). */
static void
crowd_init(struct crowd *crowd)
{
	crowd->puppets = calloc(crowd->count, sizeof(*crowd->puppets));
	crowd->up = calloc(crowd->count, sizeof(*crowd->up));
	assert_non_null(crowd->puppets);
	assert_non_null(crowd->up);
	for (unsigned n = 0; n < crowd->count; n++) {
		struct endpoint *endpoint = &crowd->puppets[n].endpoint;

		puppet_init_extra(&crowd->puppets[n], crowd->pair, n);
		store_be32(endpoint->address.bytes, 0xc6120000 | n);
	}
}

/* Answers and cookies that came for the crowd. */
static void
crowd_receive(struct crowd *crowd)
{
	struct wire *wire = &crowd->pair->wire;

	pair_settle(crowd->pair);
	for (; crowd->seen < wire->sent_count; crowd->seen++) {
		const struct wire_frame *frame = wire_sent(wire, crowd->seen);
		const unsigned n = load_be32(frame->outer.destination.address.bytes) & 0xffff;
		const void *message = frame->bytes + frame->outer.payload_offset;
		struct puppet *puppet = &crowd->puppets[n];

		if (frame->type == MESSAGE_COOKIE_REPLY) {
			assert_int_equal(cookie_reply_accept(
						 &puppet->jar, message, pair_now_ns(crowd->pair)),
				0);
			continue;
		}
		assert_int_equal(frame->type, MESSAGE_RESPONSE);
		assert_int_equal(noise_response_accept(&puppet->handshake, &puppet->identity,
					 &puppet->remote, message),
			0);
		assert_int_equal(noise_session_derive(&puppet->handshake, &puppet->keys), 0);
		puppet->counter = 0;
		puppet_data(puppet, NULL, 0);
		crowd->up[n] = true;
		crowd->up_count++;
	}
	pair_settle(crowd->pair);
}

/* Each that is not up yet initiates, faster than control can answer. */
static void
crowd_initiate(struct crowd *crowd)
{
	struct gateway *gateway = crowd->pair->sites[0].gateway;
	struct message_initiation message;

	for (unsigned n = 0; n < crowd->count; n++) {
		if (crowd->up[n])
			continue;
		puppet_initiation(&crowd->puppets[n], NULL, &message);
		puppet_send(&crowd->puppets[n], &message, sizeof(message));
		if (n % 32 == 31) {
			reclaim_online(&gateway->reclaim, 0);
			lane_round(gateway->lanes[0].lane);
			reclaim_offline(&gateway->reclaim, 0);
		}
		/* As many buffers as there are for what waits. */
		if (n % 1024 == 1023)
			crowd_receive(crowd);
	}
	crowd_receive(crowd);
}

/* All of them shake hands in the same second, as after a restart; who is not answered retries. */
static void
ld_4_many_peers_shake_hands_at_once(void **state)
{
	const char *given = getenv("TEST_PEERS");
	struct crowd crowd = {.count = given != NULL ? (unsigned)atoi(given) : PEERS};

	crowd.pair =
		pair_begin(&(const struct pair_options){.gateways = 1, .extra_peers = crowd.count});
	crowd.pair->drops_unchecked = true;
	crowd.pair->step_ns = NS_IN_S;
	crowd_init(&crowd);
	/* Within 30 s, that is. */
	for (unsigned round = 0; round < 6; round++) {
		crowd_initiate(&crowd);
		pair_advance(crowd.pair, 5 * NS_IN_S);
	}
	assert_int_equal(crowd.up_count, crowd.count);
	assert_true(pair_drops(crowd.pair, 0, DROP_HANDSHAKE_COOKIE) > 0);
	for (unsigned n = 0; n < crowd.count; n++) {
		const struct peer *peer = key_table_find(
			pair_tunnel(crowd.pair, 0)->keys, crowd.puppets[n].identity.public_key);

		assert_non_null(atomic_load(&peer->current));
		puppet_fini(&crowd.puppets[n]);
	}
	free(crowd.puppets);
	free(crowd.up);
	pair_end(crowd.pair);
}

/* Bursts that are nearly all forged, for the index of one peer: all that the other sends comes. */
static void
ld_5_forged_data_takes_nothing_from_other_peers(void **state)
{
	struct pair *pair =
		pair_begin(&(const struct pair_options){.gateways = 1, .extra_peers = 1});
	struct puppet victim;
	struct puppet other;
	uint8_t packet[60];
	uint8_t message[WIRE_FRAME_MAX];
	uint32_t number = 0;
	size_t len;

	puppet_init(&victim, pair, 1);
	puppet_init_extra(&other, pair, 0);
	puppet_connect(&victim);
	puppet_connect(&other);
	pair_packet_make(packet, 4, sizeof(packet), 1, 0, 1);
	len = puppet_data_make(&victim, 1000, packet, sizeof(packet), message);
	message[len - 1] ^= 1;
	for (unsigned burst = 0; burst < 200; burst++) {
		for (unsigned i = 0; i < 60; i++)
			puppet_send(&victim, message, len);
		for (unsigned i = 0; i < 4; i++) {
			pair_packet_make(packet, 4, sizeof(packet), 0, 0, number++);
			memcpy(packet + 12, (const uint8_t[]){10, 1, 0, 0}, 4);
			puppet_data(&other, packet, sizeof(packet));
		}
		pair_settle(pair);
	}
	pair_dropped(pair, 0, DROP_IN_AUTH, 200 * 60);
	assert_int_equal(pair->sites[0].received_count, number);
	for (uint32_t n = 0; n < number; n++)
		assert_int_equal(pair_received(pair, 0, n)->number, n);
	puppet_fini(&victim);
	puppet_fini(&other);
	pair_end(pair);
}

/* --- Any events ------------------------------------------------------------------------------- */

/* Three sessions at most, each found by its index, and no index but theirs and a handshake's. */
static void
check_slots(struct pair *pair, unsigned site)
{
	struct peer *peer = pair_peer(pair, site, 1 - site);
	const struct index_table *indices = tunnel_indices(pair_tunnel(pair, site));
	struct session *const slots[] = {
		peer->previous, atomic_load(&peer->current), atomic_load(&peer->next)};
	size_t expected = peer->handshake.state == NOISE_INITIATION_CREATED;

	for (unsigned i = 0; i < 3; i++) {
		if (slots[i] == NULL)
			continue;
		expected++;
		assert_ptr_equal(index_find_session(indices, slots[i]->local_index), slots[i]);
		for (unsigned k = 0; k < i; k++)
			assert_ptr_not_equal(slots[k], slots[i]);
	}
	assert_int_equal(index_count(indices), expected);
}

static void
change_the_wire(struct pair *pair)
{
	struct wire *wire = &pair->wire;

	wire->faults = (struct wire_faults){
		.loss = (unsigned)wire_random(wire, 300),
		.duplication = (unsigned)wire_random(wire, 200),
		.corruption = (unsigned)wire_random(wire, 200),
		.reorder = (unsigned)wire_random(wire, 400),
		.delay_ns = wire_random(wire, 60 * NS_IN_MS),
	};
}

/* The peer has been started anew, as far as this site is concerned: it knows nothing any more. */
static void
forget(struct pair *pair, unsigned site)
{
	struct peer *peer = pair_peer(pair, site, 1 - site);

	peer_erase_sessions(peer);
	peer_erase_handshake(peer);
	timers_stop(&peer->timers, &peer->stamps);
}

static void
happen(struct pair *pair, uint32_t number)
{
	struct wire *wire = &pair->wire;
	const unsigned site = (unsigned)wire_random(wire, 2);

	switch (wire_random(wire, 12)) {
	case 0:
		change_the_wire(pair);
		break;
	case 1:
		pair_initiate(pair, site, 1 - site);
		break;
	case 2:
		forget(pair, site);
		break;
	case 3:
		pair_jump(pair, wire_random(wire, 200) * NS_IN_S);
		break;
	case 4:
		pair_advance(pair, wire_random(wire, 10) * NS_IN_S);
		break;
	case 5:
		assert_int_equal(pair_reconfigure(pair, site, NULL), 0);
		break;
	case 6:
		pair_tunnel(pair, site)->handshakes->loaded_until_ns =
			pair_now_ns(pair) + wire_random(wire, 20) * NS_IN_S;
		break;
	default:
		for (uint64_t left = wire_random(wire, 80); left > 0; left--)
			pair_send(pair, site, 1 - site, number);
		pair_advance(pair, wire_random(wire, 50) * NS_IN_MS);
	}
}

static void
p_2_p_5_p_7_p_11_p_13_any_events_at_all(void **state)
{
	struct pair *pair =
		pair_begin(&(const struct pair_options){.keepalive_s = {25}, .lanes = 2});

	pair->drops_unchecked = true;
	for (uint32_t n = 0; n < EVENTS; n++) {
		happen(pair, n);
		check_slots(pair, 0);
		check_slots(pair, 1);
	}
	assert_true(pair->refused > 0);
	/* Left alone with a wire that is whole again they find each other. */
	pair->wire.faults = (struct wire_faults){.loss = 0};
	for (unsigned site = 0; site < 2; site++)
		pair_tunnel(pair, site)->handshakes->loaded_until_ns = 0;
	for (unsigned s = 0; s < 60; s++) {
		pair_send(pair, 0, 1, s);
		pair_advance(pair, NS_IN_S);
	}
	pair_converse(pair, 0, 1);
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mf_1_every_type_and_length),
		cmocka_unit_test(mf_19_p_7_only_what_is_unchanged_is_accepted),
		cmocka_unit_test(ld_4_many_peers_shake_hands_at_once),
		cmocka_unit_test(ld_5_forged_data_takes_nothing_from_other_peers),
		cmocka_unit_test(p_2_p_5_p_7_p_11_p_13_any_events_at_all),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
