/*
 * Fuzz target: messages of all types in all states: a whole gateway over memory ports, and two
 * peers that the input plays, one of which may be anybody. What is not authentic must change
 * nothing and is not answered; what goes out is watched by the wire (no counter twice, no
 * plaintext, whole frames only); and in the end every buffer is back.
 * Threads: one.
 *
 * The input: operations of a byte each, with their arguments behind them. Random numbers are made
 * from a fixed seed, so that an input always does the same.
 */
#include "demand.h"

#include "puppet.h"

#include "base/bytes.h"
#include "base/random.h"
#include "control/handshake.h"
#include "proto/tai64n.h"
#include "tunnel/handshake_queue.h"

#include <stdbool.h>
#include <string.h>

#define INPUT_MAX 2048
#define OPERATIONS_MAX 96
#define PUPPETS 2
#define KEPT 8

struct kept {
	uint8_t message[1600];
	size_t len;
};

struct player {
	struct puppet puppet;
	bool connected; /* it has the keys of a session */
};

struct fuzz {
	const uint8_t *data;
	size_t len;
	struct pair *pair;
	struct player players[PUPPETS]; /* site 1, and the extra peer */
	struct player *player; /* whose turn it is */
	struct kept kept[KEPT]; /* what players have sent */
	unsigned kept_count;
};

/* -- randomness that repeats: in place of base/random.c ------------------------------------- */

static uint64_t random_state;

static uint64_t
random_next(void)
{
	uint64_t mixed = random_state += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ mixed >> 31;
}

int
random_fill(void *to, size_t len)
{
	uint8_t *bytes = to;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)random_next();
	return 0;
}

uint32_t
random_jitter(void)
{
	return (uint32_t)random_next();
}

/* -- the input ------------------------------------------------------------------------------ */

static uint8_t
take_byte(struct fuzz *fuzz)
{
	if (fuzz->len == 0)
		return 0;
	fuzz->len--;
	return *fuzz->data++;
}

static unsigned
take_number(struct fuzz *fuzz)
{
	const unsigned low = take_byte(fuzz);

	return low | (unsigned)take_byte(fuzz) << 8;
}

/* Fills `len` bytes with what comes next, over and over if that is little. */
static void
take_bytes(struct fuzz *fuzz, uint8_t *to, size_t len, size_t written)
{
	size_t given = written < len ? written : len;

	given = given < fuzz->len ? given : fuzz->len;
	memset(to, 0, len);
	if (given > 0)
		memcpy(to, fuzz->data, given);
	fuzz->data += given;
	fuzz->len -= given;
}

/* Up to three bytes of the message are changed. Returns whether any is. */
static bool
spoil(struct fuzz *fuzz, void *message, size_t len, unsigned count)
{
	bool spoilt = false;

	for (unsigned i = 0; i < count % 4; i++) {
		const unsigned at = take_number(fuzz);
		const uint8_t change = take_byte(fuzz);

		((uint8_t *)message)[at % len] ^= change;
		spoilt |= change != 0;
	}
	return spoilt;
}

/* -- operations ----------------------------------------------------------------------------- */

static void
send_message(struct fuzz *fuzz, const void *message, size_t len)
{
	struct kept *kept = &fuzz->kept[fuzz->kept_count++ % KEPT];

	demand(len <= sizeof(kept->message), "a message that is too long");
	memcpy(kept->message, message, len);
	kept->len = len;
	puppet_send(&fuzz->player->puppet, message, len);
	pair_settle(fuzz->pair);
}

/* All that only authentic messages may change. */
struct state {
	uint64_t sent;
	uint64_t received;
	struct endpoint endpoints[2];
	struct session *sessions[2][3];
	enum noise_state handshakes[2];
	uint8_t stamps[2][MESSAGE_TIMESTAMP_LEN];
};

static void
read_state(struct fuzz *fuzz, struct state *state)
{
	const struct peer *peer;
	unsigned i = 0;

	memset(state, 0, sizeof(*state));
	state->sent = fuzz->pair->wire.sent_count;
	state->received = fuzz->pair->sites[0].received_count;
	TAILQ_FOREACH (peer, &pair_tunnel(fuzz->pair, 0)->peers, entry) {
		demand(i < 2, "more peers than there are");
		state->endpoints[i] = peer->endpoint;
		state->sessions[i][0] = peer->previous;
		state->sessions[i][1] = atomic_load(&peer->current);
		state->sessions[i][2] = atomic_load(&peer->next);
		state->handshakes[i] = peer->handshake.state;
		memcpy(state->stamps[i], peer->handshake.latest_timestamp, MESSAGE_TIMESTAMP_LEN);
		i++;
	}
}

/* Bytes of the input's own, which cannot be authentic. */
static void
send_anything(struct fuzz *fuzz)
{
	static const uint16_t lens[] = {148, 92, 64, 32, 48, 0};
	const uint8_t kind = take_byte(fuzz);
	uint8_t message[1472];
	size_t len = lens[kind % 6] != 0 ? lens[kind % 6] : take_number(fuzz) % sizeof(message);
	struct state before;
	struct state after;

	take_bytes(fuzz, message, sizeof(message), len);
	if ((kind & 0x40) && len >= 4)
		store_le32(message, 1 + kind / 6 % 4);
	/* To an index that is one, if there is any. */
	if ((kind & 0x80) && len >= 12 && fuzz->player->connected)
		store_le32(message + (message[0] == MESSAGE_RESPONSE ? 8 : 4),
			fuzz->player->puppet.keys.remote_index);
	pair_settle(fuzz->pair);
	read_state(fuzz, &before);
	send_message(fuzz, message, len);
	read_state(fuzz, &after);
	demand(memcmp(&before, &after, sizeof(before)) == 0, "what is not authentic has an effect");
}

static void
send_initiation(struct fuzz *fuzz)
{
	struct puppet *puppet = &fuzz->player->puppet;
	const uint8_t how = take_byte(fuzz);
	struct message_initiation message;
	uint8_t stamp[MESSAGE_TIMESTAMP_LEN];

	take_bytes(fuzz, stamp, sizeof(stamp), how & 0x40 ? sizeof(stamp) : 0);
	puppet_initiation(puppet, how & 0x40 ? stamp : NULL, &message);
	spoil(fuzz, &message, how & 0x80 ? sizeof(message) : 116, how);
	/* Past the door, as whoever knows the public key can. */
	if (!(how & 0x20))
		cookie_add_macs(&puppet->jar, (uint8_t *)&message, sizeof(message),
			pair_now_ns(fuzz->pair));
	send_message(fuzz, &message, sizeof(message));
}

/* The last frame of that type that went to the player, or NULL. */
static const struct wire_frame *
last_frame(const struct fuzz *fuzz, enum message_type type)
{
	const struct wire *wire = &fuzz->pair->wire;
	const uint64_t end = wire->sent_count;

	for (uint64_t n = end; n > 0 && end - n < WIRE_TAP_DEPTH; n--) {
		const struct wire_frame *frame = wire_sent(wire, n - 1);

		if (frame->type == type &&
			endpoint_equal(&frame->outer.destination, &fuzz->player->puppet.endpoint))
			return frame;
	}
	return NULL;
}

static void
derive(struct fuzz *fuzz)
{
	struct puppet *puppet = &fuzz->player->puppet;

	demand(noise_session_derive(&puppet->handshake, &puppet->keys) == 0, "no keys");
	puppet->counter = 0;
	fuzz->player->connected = true;
}

/* Takes the gateway's last response. */
static void
finish(struct fuzz *fuzz)
{
	struct puppet *puppet = &fuzz->player->puppet;
	const struct wire_frame *frame = last_frame(fuzz, MESSAGE_RESPONSE);

	if (frame != NULL && frame->receiver_index == puppet->index &&
		noise_response_accept(&puppet->handshake, &puppet->identity, &puppet->remote,
			(const void *)(frame->bytes + frame->outer.payload_offset)) == 0)
		derive(fuzz);
}

/* Answers the gateway's last initiation. */
static void
send_response(struct fuzz *fuzz)
{
	struct puppet *puppet = &fuzz->player->puppet;
	const struct wire_frame *frame = last_frame(fuzz, MESSAGE_INITIATION);
	const uint8_t how = take_byte(fuzz);
	struct message_response message;
	struct noise_opened opened;

	if (frame == NULL ||
		noise_initiation_open(&opened, &puppet->identity,
			(const void *)(frame->bytes + frame->outer.payload_offset)) != 0)
		return;
	puppet->handshake.last_consumed_ns = 0;
	memset(puppet->handshake.latest_timestamp, 0, MESSAGE_TIMESTAMP_LEN);
	if (noise_initiation_accept(
		    &puppet->handshake, &opened, &puppet->remote, pair_now_ns(fuzz->pair)) != 0 ||
		noise_response_create(
			&puppet->handshake, &puppet->remote, ++puppet->index, NULL, &message) != 0)
		return;
	spoil(fuzz, &message, how & 0x80 ? sizeof(message) : 60, how);
	if (!(how & 0x20))
		cookie_add_macs(&puppet->jar, (uint8_t *)&message, sizeof(message),
			pair_now_ns(fuzz->pair));
	derive(fuzz);
	send_message(fuzz, &message, sizeof(message));
}

/* Data, authentic unless spoilt, of whatever is inside. */
static void
send_data(struct fuzz *fuzz)
{
	struct puppet *puppet = &fuzz->player->puppet;
	const uint8_t how = take_byte(fuzz);
	const size_t len = how & 0x10 ? 0 : take_number(fuzz) % 1440;
	uint64_t counter = puppet->counter;
	uint8_t message[1600];
	uint8_t plain[1440];
	size_t message_len;

	if (!(how & 0x20) || len < 20)
		take_bytes(fuzz, plain, sizeof(plain), len);
	else
		pair_packet_make(plain, len >= 40 && (how & 0x04) ? 6 : 4, len, 1, 0, how);
	if (how & 0x40)
		counter += take_number(fuzz) * (uint64_t)(how & 0x08 ? UINT32_MAX : 1);
	if (!fuzz->player->connected)
		return;
	message_len = puppet_data_make(puppet, counter, plain, len, message);
	spoil(fuzz, message, message_len, how);
	puppet->counter = counter + 1;
	send_message(fuzz, message, message_len);
}

/* A cookie, as the player itself would give it. */
static void
send_cookie_reply(struct fuzz *fuzz)
{
	struct puppet *puppet = &fuzz->player->puppet;
	const uint8_t how = take_byte(fuzz);
	const struct wire_frame *frame = last_frame(fuzz, MESSAGE_INITIATION);
	struct message_cookie_reply reply;
	struct cookie_checker checker = {.secret_ns = 0};
	struct cookie_messages refused;

	if (how & 0x10)
		frame = last_frame(fuzz, MESSAGE_RESPONSE);
	if (frame == NULL)
		return;
	cookie_checker_init(&checker, puppet->identity.public_key);
	refused = cookie_one(frame->bytes + frame->outer.payload_offset, frame->message_len,
		&frame->outer.source);
	demand(cookie_replies_make(&checker, &refused, 1, pair_now_ns(fuzz->pair), &reply) == 0,
		"no cookie");
	spoil(fuzz, &reply, sizeof(reply), how);
	send_message(fuzz, &reply, sizeof(reply));
}

static void
take_cookie(struct fuzz *fuzz)
{
	const struct wire_frame *frame = last_frame(fuzz, MESSAGE_COOKIE_REPLY);

	if (frame != NULL)
		(void)!cookie_reply_accept(&fuzz->player->puppet.jar,
			(const void *)(frame->bytes + frame->outer.payload_offset),
			pair_now_ns(fuzz->pair));
}

/* From the inner side: a packet for somebody, or anything. */
static void
send_inner(struct fuzz *fuzz)
{
	const uint8_t how = take_byte(fuzz);
	size_t len = take_number(fuzz) % 1600;
	uint8_t packet[1600];

	if (how & 1) {
		len = len < 40 ? 40 : len;
		pair_packet_make(packet, how & 2 ? 6 : 4, len, 0, 1, how);
	} else {
		take_bytes(fuzz, packet, sizeof(packet), len);
	}
	if ((how & 4) && len >= 20) {
		static const uint8_t extra[4] = {10, 1, 0, 0};

		memcpy(packet + 16, extra, sizeof(extra));
	}
	(void)pair_send_bytes(fuzz->pair, 0, packet, len);
	if (how & 0x80)
		pair_settle(fuzz->pair);
}

/* Something that was sent before, perhaps from elsewhere. */
static void
send_again(struct fuzz *fuzz)
{
	const uint8_t how = take_byte(fuzz);
	const struct kept *kept = &fuzz->kept[how % KEPT];

	puppet_send(&fuzz->player->puppet, kept->message, kept->len);
	pair_settle(fuzz->pair);
}

static void
pass_time(struct fuzz *fuzz)
{
	const unsigned number = take_number(fuzz);

	/* Up to 163 s in steps, or up to an hour at once. */
	if (number & 1)
		pair_jump(fuzz->pair, (uint64_t)(number >> 1) * 110 * NS_IN_MS);
	else
		pair_advance(fuzz->pair, (uint64_t)(number >> 1) * 5 * NS_IN_MS);
}

/* Another configuration for the first peer: none, a preshared key, other allowed-ips. */
static void
reconfigure(struct fuzz *fuzz)
{
	const uint8_t how = take_byte(fuzz);
	struct pair *pair = fuzz->pair;
	const uint8_t *key = pair->sites[1].public_key;
	struct tunnel_config_peer *peer = NULL;

	for (size_t i = 0; i < pair->sites[0].files.peer_count; i++)
		if (memcmp(pair->sites[0].files.peers[i].public_key, key, KEY_LEN) == 0)
			peer = &pair->sites[0].files.peers[i];
	if (peer != NULL && (how & 3) == 0) {
		pair_file_remove(pair, 0, key);
	} else {
		if (peer == NULL)
			peer = pair_file_add(pair, 0, key);
		memset(peer->preshared_key, (how & 3) == 1 ? 7 : 0, KEY_LEN);
		memcpy(fuzz->players[0].puppet.remote.preshared_key, peer->preshared_key, KEY_LEN);
		pair_file_allow(peer, how & 4 ? "10.0.1.0/24 fd00:0:0:1::/64" : "0.0.0.0/0");
		peer->persistent_keepalive_s = how & 8 ? 25 : 0;
	}
	demand(pair_reconfigure(pair, 0, NULL) == 0, "a reconfiguration is refused");
	pair_settle(pair);
}

static void
control(struct fuzz *fuzz)
{
	const uint8_t how = take_byte(fuzz);
	struct peer *peer;

	switch (how % 6) {
	case 0:
		pair_tunnel(fuzz->pair, 0)->handshakes->loaded_until_ns = UINT64_MAX;
		break;
	case 1:
		pair_tunnel(fuzz->pair, 0)->handshakes->loaded_until_ns = 0;
		break;
	case 2:
		fuzz->player = &fuzz->players[how / 6 % PUPPETS];
		break;
	case 3:
		fuzz->player->puppet.endpoint.port = (uint16_t)(9000 + how / 6);
		break;
	case 4:
		fuzz->pair->sites[0].inner_stopped = !fuzz->pair->sites[0].inner_stopped;
		fuzz->pair->wire.stopped[0] = how & 0x40;
		break;
	case 5:
		control_lock(&fuzz->pair->sites[0].gateway->control);
		TAILQ_FOREACH (peer, &pair_tunnel(fuzz->pair, 0)->peers, entry) {
			handshake_initiate(
				&fuzz->pair->sites[0].gateway->control, peer, how & 0x40);
			handshake_schedule(&fuzz->pair->sites[0].gateway->control, peer);
		}
		control_unlock(&fuzz->pair->sites[0].gateway->control);
		break;
	}
	pair_settle(fuzz->pair);
}

static void
operate(struct fuzz *fuzz)
{
	static void (*const operations[])(struct fuzz * fuzz) = {send_anything, send_initiation,
		finish, send_response, send_data, send_cookie_reply, take_cookie, send_inner,
		send_again, pass_time, reconfigure, control};

	operations[take_byte(fuzz) % (sizeof(operations) / sizeof(operations[0]))](fuzz);
}

/* Once. */
static void
prepare(void)
{
	static bool prepared;

	if (prepared)
		return;
	prepared = true;
	/* What the harness finds wrong is to end the target as what we find does. */
	demand(setenv("CMOCKA_TEST_ABORT", "1", 1) == 0 && setenv("TEST_SEED", "1", 1) == 0 &&
			pair_eal(NULL) == 0,
		"EAL");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct pair_options options = {
		.gateways = 1, .extra_peers = 1, .aead = "sodium"};
	static struct fuzz fuzz;

	if (len > INPUT_MAX)
		return 0;
	prepare();
	random_state = 1;
	fuzz = (struct fuzz){.data = data, .len = len, .pair = pair_begin(&options)};
	fuzz.pair->step_ns = 250 * NS_IN_MS;
	puppet_init(&fuzz.players[0].puppet, fuzz.pair, 1);
	puppet_init_extra(&fuzz.players[1].puppet, fuzz.pair, 0);
	fuzz.player = &fuzz.players[0];
	for (unsigned i = 0; i < OPERATIONS_MAX && fuzz.len > 0; i++)
		operate(&fuzz);
	for (unsigned i = 0; i < PUPPETS; i++)
		puppet_fini(&fuzz.players[i].puppet);
	fuzz.pair->drops_unchecked = true;
	pair_end(fuzz.pair);
	return 0;
}
