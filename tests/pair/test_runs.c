/*
 * Packets of several sessions and peers that come as one batch: each counts for its own session,
 * and for its peer as one that came when it came.
 */
#include "puppet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS 150
#define BURST_MAX 60
#define PLACES 3

/* Sessions of two peers: one has a previous and a current one, the other an unconfirmed next. */
enum which {
	FIRST_PREVIOUS,
	FIRST_CURRENT,
	SECOND_CURRENT,
	SECOND_NEXT,
	SESSIONS,
};

enum kind {
	DATA,
	KEEPALIVE,
	FORGED,
	REPLAY,
	KINDS,
};

struct crowd {
	struct pair *pair;
	struct puppet peers[2]; /* at sites 1 and 2 */
	struct puppet sessions[SESSIONS]; /* the peers with the keys of each */
	uint32_t number; /* of the last packet sent */
	/* What must come of a burst. */
	uint32_t delivered[BURST_MAX];
	unsigned delivered_count;
	unsigned forged;
	unsigned replayed;
	bool authentic[SESSIONS];
	enum which newest[2]; /* the session of each peer's last authentic packet */
	enum which begun[2]; /* and that of its first packet */
	bool seen[2];
};

static unsigned
peer_of(enum which which)
{
	return which >= SECOND_CURRENT;
}

/* A session that the peer initiates, and that it has not used yet. */
static struct puppet
shake_hands(struct crowd *crowd, unsigned peer)
{
	struct puppet *puppet = &crowd->peers[peer];
	struct message_initiation message;

	pair_advance(crowd->pair, 25 * NS_IN_MS);
	puppet_initiation(puppet, NULL, &message);
	puppet_deliver(puppet, &message, sizeof(message));
	puppet_finish(puppet);
	return *puppet;
}

static void
use(struct crowd *crowd, struct puppet *session)
{
	puppet_data(session, NULL, 0);
	pair_settle(crowd->pair);
}

static void
begin(struct crowd *crowd)
{
	memset(crowd, 0, sizeof(*crowd));
	crowd->pair = pair_begin(
		&(const struct pair_options){.sites = 3, .gateways = 1, .aead = "sodium"});
	for (unsigned peer = 0; peer < 2; peer++)
		puppet_init(&crowd->peers[peer], crowd->pair, peer + 1);
	for (enum which which = FIRST_PREVIOUS; which <= SECOND_CURRENT; which++) {
		crowd->sessions[which] = shake_hands(crowd, peer_of(which));
		use(crowd, &crowd->sessions[which]);
	}
	crowd->sessions[SECOND_NEXT] = shake_hands(crowd, 1);
}

static void
end(struct crowd *crowd)
{
	for (unsigned peer = 0; peer < 2; peer++)
		puppet_fini(&crowd->peers[peer]);
	pair_end(crowd->pair);
}

static struct endpoint
place_of(unsigned peer, unsigned place)
{
	struct endpoint endpoint;

	assert_int_equal(endpoint_parse(place == 0 ? "[2001:db8:1::7]:1000" : "198.51.100.7:1000",
				 &endpoint),
		0);
	endpoint.port = (uint16_t)(1000 + 100 * peer + place);
	return endpoint;
}

/* Sends one packet of the session, from the place, and notes what must come of it. */
static void
send_one(struct crowd *crowd, enum which which, enum kind kind, unsigned place)
{
	struct puppet *session = &crowd->sessions[which];
	const unsigned peer = peer_of(which);
	uint8_t message[WIRE_FRAME_MAX];
	uint8_t packet[64];
	const uint32_t number = ++crowd->number;
	size_t len = kind == KEEPALIVE ? 0 : sizeof(packet);

	session->endpoint = place_of(peer, place);
	session->gateway =
		pair_endpoint(crowd->pair, 0, session->endpoint.address.family == ADDRESS_IPV6);
	pair_packet_make(packet, 4, sizeof(packet), peer + 1, 0, number);
	/* The last counter of the session again, if it was used at all. */
	if (kind == REPLAY && session->counter == 0)
		kind = DATA;
	len = puppet_data_make(session, kind == REPLAY ? session->counter - 1 : session->counter,
		packet, len, message);
	if (kind == FORGED)
		message[len - 1 - wire_random(&crowd->pair->wire, 16)] ^= 1;
	puppet_send(session, message, len);
	if (!crowd->seen[peer])
		crowd->begun[peer] = which;
	crowd->seen[peer] = true;
	crowd->forged += kind == FORGED;
	crowd->replayed += kind == REPLAY;
	if (kind == FORGED || kind == REPLAY)
		return;
	session->counter++;
	if (kind == DATA)
		crowd->delivered[crowd->delivered_count++] = number;
	crowd->authentic[which] = true;
	crowd->newest[peer] = which;
	crowd->peers[peer].endpoint = session->endpoint;
	crowd->peers[peer].gateway = session->gateway;
}

static void
expect_sends_to(struct crowd *crowd, unsigned peer)
{
	struct pair *pair = crowd->pair;
	const struct wire_frame *frame;

	pair_send(pair, 0, peer + 1, 1);
	pair_settle(pair);
	frame = wire_last(&pair->wire, 0, MESSAGE_DATA);
	assert_true(endpoint_equal(&frame->outer.destination, &crowd->peers[peer].endpoint));
	assert_true(endpoint_equal(&frame->outer.source, &crowd->peers[peer].gateway));
}

/* Lets what was sent arrive, as one batch, and looks at what has come of it. */
static void
arrive(struct crowd *crowd)
{
	struct pair *pair = crowd->pair;
	const struct lane *lane = pair->sites[0].gateway->lanes[0].lane;
	const uint64_t bursts = lane->rx_bursts;
	const uint64_t received = pair->sites[0].received_count;

	pair_settle(pair);
	assert_int_equal(lane->rx_bursts, bursts + 1);
	pair_dropped(pair, 0, DROP_IN_AUTH, crowd->forged);
	pair_dropped(pair, 0, DROP_IN_REPLAY, crowd->replayed);
	assert_int_equal(pair->sites[0].received_count - received, crowd->delivered_count);
	for (unsigned i = 0; i < crowd->delivered_count; i++)
		assert_int_equal(pair_received(pair, 0, received + i)->number, crowd->delivered[i]);
	for (unsigned peer = 0; peer < 2; peer++)
		expect_sends_to(crowd, peer);
	/* A session that is confirmed is the one that is sent on. */
	assert_int_equal(wire_last(&pair->wire, 0, MESSAGE_DATA)->receiver_index,
		crowd->sessions[crowd->authentic[SECOND_NEXT] ? SECOND_NEXT : SECOND_CURRENT]
			.keys.local_index);
	assert_int_equal(pair_sessions(pair, 0, 1), 2);
	assert_int_equal(pair_sessions(pair, 0, 2), 2);
}

/* The sessions for the next burst: new ones in the place of those that are used up. */
static void
renew(struct crowd *crowd)
{
	if (crowd->authentic[SECOND_NEXT])
		crowd->sessions[SECOND_CURRENT] = crowd->sessions[SECOND_NEXT];
	crowd->sessions[FIRST_PREVIOUS] = crowd->sessions[FIRST_CURRENT];
	crowd->sessions[FIRST_CURRENT] = shake_hands(crowd, 0);
	use(crowd, &crowd->sessions[FIRST_CURRENT]);
	crowd->sessions[SECOND_NEXT] = shake_hands(crowd, 1);
	crowd->delivered_count = crowd->forged = crowd->replayed = 0;
	memset(crowd->authentic, 0, sizeof(crowd->authentic));
	memset(crowd->seen, 0, sizeof(crowd->seen));
}

/*
 * One forged packet in each session, from nowhere. The first peer's last packet is of the session
 * that came first, the other's is not.
 */
static void
rp_7_ro_7_sessions_of_two_peers_come_interleaved(void **state)
{
	static const struct {
		enum which which;
		enum kind kind;
		unsigned place;
	} burst[] = {
		{FIRST_CURRENT, DATA, 0},
		{SECOND_NEXT, FORGED, 2},
		{FIRST_PREVIOUS, DATA, 1},
		{SECOND_CURRENT, DATA, 0},
		{FIRST_CURRENT, FORGED, 2},
		{SECOND_NEXT, DATA, 0},
		{SECOND_CURRENT, DATA, 1},
		{FIRST_PREVIOUS, DATA, 0},
		{FIRST_CURRENT, DATA, 1},
		{SECOND_CURRENT, FORGED, 2},
		{FIRST_PREVIOUS, FORGED, 2},
	};
	struct crowd crowd;

	begin(&crowd);
	for (unsigned i = 0; i < sizeof(burst) / sizeof(burst[0]); i++)
		send_one(&crowd, burst[i].which, burst[i].kind, burst[i].place);
	arrive(&crowd);
	end(&crowd);
}

static void
rp_7_ro_7_bursts_of_any_sessions_agree_with_their_packets_one_by_one(void **state)
{
	struct crowd crowd;
	unsigned confirmed = 0, crossed = 0;

	begin(&crowd);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct wire *wire = &crowd.pair->wire;
		const unsigned count = 1 + (unsigned)wire_random(wire, BURST_MAX);
		/* In some bursts nearly all is forged, so that some sessions have nothing else. */
		const unsigned forged_of_8 = (unsigned)wire_random(wire, 9);

		for (unsigned i = 0; i < count; i++) {
			const enum which which = (enum which)wire_random(wire, SESSIONS);
			const enum kind kind = wire_random(wire, 8) < forged_of_8
				? FORGED
				: (enum kind)wire_random(wire, KINDS);

			send_one(&crowd, which, kind, (unsigned)wire_random(wire, PLACES));
		}
		arrive(&crowd);
		confirmed += crowd.authentic[SECOND_NEXT];
		for (unsigned peer = 0; peer < 2; peer++)
			crossed += crowd.seen[peer] && crowd.newest[peer] == crowd.begun[peer];
		renew(&crowd);
	}
	/* Both kinds were among them: also the session that came first may have come last. */
	assert_in_range(confirmed, 1, ROUNDS - 1);
	assert_in_range(crossed, 1, 2 * ROUNDS - 1);
	end(&crowd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rp_7_ro_7_sessions_of_two_peers_come_interleaved),
		cmocka_unit_test(
			rp_7_ro_7_bursts_of_any_sessions_agree_with_their_packets_one_by_one),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
