/*
 * Status: what a snapshot says of a gateway, and each diagnosis where it is due, and not before.
 */
#include "puppet.h"

#include "base/bytes.h"
#include "gateway/status.h"
#include "proto/tai64n.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct gl_status *
status_of(struct pair *pair, unsigned site)
{
	struct gl_status *status = NULL;

	assert_int_equal(gateway_status(pair->sites[site].gateway, &status), 0);
	assert_int_equal(status->tunnel_count, 1);
	return status;
}

/* The first peer of the site must have this diagnosis, with these words in text and remedy. */
static void
assert_diagnosis(struct pair *pair, unsigned site, enum gl_diagnosis expected, const char *words,
	const char *remedy)
{
	struct gl_status *status = status_of(pair, site);
	const struct gl_status_peer *peer = &status->tunnels[0].peers[0];

	if (peer->diagnosis != expected)
		fail_msg("%s, not %s: %s", gl_diagnosis_name(peer->diagnosis),
			gl_diagnosis_name(expected),
			peer->diagnosis_text == NULL ? "" : peer->diagnosis_text);
	if (expected == GL_DIAGNOSIS_NONE) {
		assert_null(peer->diagnosis_text);
		assert_null(peer->remedy);
	} else if (strstr(peer->diagnosis_text, words) == NULL ||
		strstr(peer->remedy, remedy) == NULL) {
		fail_msg("\"%s\" or \"%s\" is not in: %s; %s", words, remedy, peer->diagnosis_text,
			peer->remedy);
	}
	gl_status_destroy(status);
}

static void
assert_fine(struct pair *pair, unsigned site)
{
	assert_diagnosis(pair, site, GL_DIAGNOSIS_NONE, NULL, NULL);
}

static void
forget_drops(struct pair *pair)
{
	pair->drops_unchecked = true;
}

static void
a_peer_that_is_well_is_described(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	const struct gl_status_tunnel *tunnel;
	const struct gl_status_peer *peer;
	struct gl_status *status;

	pair_connect(pair, 0, 1);
	pair_converse(pair, 0, 1);
	pair_advance(pair, 3 * NS_IN_S);
	status = status_of(pair, 0);
	tunnel = &status->tunnels[0];
	assert_string_equal(tunnel->name, "site0");
	assert_int_equal(tunnel->listen_port, PAIR_PORT);
	assert_int_equal(tunnel->mtu, 1420);
	assert_int_equal(tunnel->address_count, 2);
	assert_string_equal(tunnel->addresses[0], "10.0.0.1/24");
	assert_null(tunnel->host);
	assert_int_equal(tunnel->peer_count, 1);
	peer = &tunnel->peers[0];
	assert_string_equal(peer->configured_endpoint, "192.0.2.2:4567");
	assert_string_equal(peer->endpoint, "192.0.2.2:4567");
	assert_int_equal(peer->allowed_ip_count, 2);
	assert_string_equal(peer->allowed_ips[0], "10.0.1.0/24");
	assert_string_equal(peer->allowed_ips[1], "fd00:0:0:1::/64");
	assert_int_equal(peer->state, GL_PEER_UP);
	assert_int_equal(peer->handshake_age_ns, 3 * NS_IN_S);
	assert_int_equal(peer->latest_handshake_ns, pair->sites[0].clock.real_ns - 3 * NS_IN_S);
	assert_int_equal(peer->rekeys, 0);
	assert_int_equal(peer->initiations_sent, 1);
	assert_int_equal(peer->initiations_unanswered, 0);
	assert_int_equal(peer->path_mtu, 1500);
	/* Data, and the keepalive that confirmed the session. */
	assert_int_equal(peer->tx_packets, 2);
	assert_int_equal(peer->rx_packets, 1);
	/* Packets are padded to 112 bytes; the initiation, the response. */
	assert_int_equal(peer->tx_bytes, 148 + 32 + 144);
	assert_int_equal(peer->rx_bytes, 92 + 144);
	assert_int_equal(peer->diagnosis, GL_DIAGNOSIS_NONE);
	gl_status_destroy(status);
	pair_end(pair);
}

static void
a_lane_says_what_it_did(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	const struct gl_status_lane *lane;
	struct gl_status *status;

	pair_connect(pair, 0, 1);
	for (uint32_t i = 0; i < 5; i++)
		pair_send(pair, 0, 1, i);
	pair_advance(pair, NS_IN_S);
	status = status_of(pair, 0);
	assert_int_equal(status->uptime_ns, NS_IN_S);
	assert_int_equal(status->lane_count, 1);
	lane = &status->lanes[0];
	assert_int_equal(lane->in_packets, 1);
	assert_int_equal(lane->in_batches, 1);
	assert_int_equal(lane->out_packets, 5);
	assert_int_equal(lane->out_batches, 1);
	/* No time passes while there is work. */
	assert_int_equal(lane->busy_ns, 0);
	assert_int_equal(lane->total_ns, NS_IN_S);
	assert_int_equal(lane->ready.most, 1);
	assert_int_equal(lane->ordered.most, 1);
	assert_int_equal(lane->ordered.waiting, 0);
	assert_int_equal(status->handshakes.most, 1);
	assert_int_equal(status->handshakes.room, RINGS_HANDSHAKE_DEPTH);
	assert_int_equal(status->tunnels[0].inner[0].out.most, 5);
	assert_int_equal(status->tunnels[0].inner[0].out.waiting, 0);
	gl_status_destroy(status);
	status = status_of(pair, 1);
	assert_int_equal(status->tunnels[0].inner[0].in.most, 5);
	gl_status_destroy(status);
	pair_end(pair);
}

/* Rounds that took something count from their beginning to that of the next one. */
static void
a_lane_knows_its_load(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct gl_status *status;

	pair_connect(pair, 0, 1);
	for (uint32_t i = 0; i < 10; i++) {
		pair_send(pair, 0, 1, i);
		gateway_step(pair->sites[0].gateway);
		pair->sites[0].clock.boot_ns += NS_IN_MS;
		gateway_step(pair->sites[0].gateway);
		pair->sites[0].clock.boot_ns += 3 * NS_IN_MS;
		pair->sites[1].clock.boot_ns += 4 * NS_IN_MS;
		gateway_step(pair->sites[0].gateway);
	}
	pair_settle(pair);
	status = status_of(pair, 0);
	assert_int_equal(status->lanes[0].total_ns, 40 * NS_IN_MS);
	assert_int_equal(status->lanes[0].busy_ns, 10 * NS_IN_MS);
	gl_status_destroy(status);
	pair_end(pair);
}

static void
many_peers_are_all_there(void **state)
{
	struct pair *pair =
		pair_begin(&(const struct pair_options){.gateways = 1, .extra_peers = 1000});
	struct gl_status *status = status_of(pair, 0);
	const struct gl_status_tunnel *tunnel = &status->tunnels[0];

	assert_int_equal(tunnel->peer_count, 1001);
	assert_string_equal(tunnel->peers[1].allowed_ips[0], "10.1.0.0/32");
	assert_string_equal(tunnel->peers[1000].allowed_ips[0], "10.1.3.231/32");
	for (unsigned i = 1; i < tunnel->peer_count; i++)
		assert_int_equal(tunnel->peers[i].diagnosis, GL_DIAGNOSIS_NO_ENDPOINT);
	gl_status_destroy(status);
	pair_end(pair);
}

static void
never_answered(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});

	assert_fine(pair, 0);
	pair_initiate(pair, 0, 1);
	pair_advance(pair, 9 * NS_IN_S);
	assert_fine(pair, 0);
	pair_advance(pair, 2 * NS_IN_S);
	assert_diagnosis(pair, 0, GL_DIAGNOSIS_NEVER_ANSWERED,
		"never answered, 3 initiations in 11 s", "192.0.2.2:4567");
	pair_end(pair);
}

static bool
keep_back_all_of_1(struct wire_frame *frame, void *context)
{
	return frame->from != 1;
}

static void
silent_after_it_has_answered(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	forget_drops(pair);
	pair_connect(pair, 0, 1);
	pair_converse(pair, 0, 1);
	pair->wire.filter = keep_back_all_of_1;
	pair_send(pair, 0, 1, 1);
	pair_advance(pair, 20 * NS_IN_S);
	assert_fine(pair, 0);
	pair_advance(pair, 10 * NS_IN_S);
	assert_diagnosis(
		pair, 0, GL_DIAGNOSIS_SILENT, "no answer to 3 initiations", "is it running");
	/* All is well again as soon as it answers. */
	pair->wire.filter = NULL;
	pair_advance(pair, 6 * NS_IN_S);
	assert_fine(pair, 0);
	pair_end(pair);
}

static void
no_endpoint(void **state)
{
	struct pair *pair =
		pair_begin(&(const struct pair_options){.sites = 2, .no_endpoint = {true, false}});

	assert_diagnosis(pair, 0, GL_DIAGNOSIS_NO_ENDPOINT, "no endpoint", "Endpoint");
	pair_connect(pair, 1, 0);
	assert_fine(pair, 0);
	pair_end(pair);
}

/* A stamp so many seconds before the gateway's time. */
static void
initiate_late(struct puppet *puppet, uint64_t late_s)
{
	static const uint8_t none[MESSAGE_TIMESTAMP_LEN];
	struct message_initiation message;
	uint8_t stamp[MESSAGE_TIMESTAMP_LEN];

	tai64n_make(stamp, puppet->pair->sites[0].clock.real_ns - late_s * NS_IN_S, none);
	puppet_initiation(puppet, stamp, &message);
	puppet_send(puppet, &message, sizeof(message));
	pair_settle(puppet->pair);
}

static void
clock_behind(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	puppet_connect(&puppet);
	pair_advance(pair, 5 * NS_IN_S);
	initiate_late(&puppet, 3600);
	assert_fine(pair, 0);
	pair_advance(pair, 5 * NS_IN_S);
	initiate_late(&puppet, 3600);
	assert_diagnosis(pair, 0, GL_DIAGNOSIS_CLOCK_BEHIND, "60 min behind ours", "NTP");
	pair_dropped(pair, 0, DROP_HANDSHAKE_OLD, 2);
	puppet_connect(&puppet);
	assert_fine(pair, 0);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
a_clock_that_was_ahead(void **state)
{
	static const uint8_t none[MESSAGE_TIMESTAMP_LEN];
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	tai64n_make(puppet.stamp, pair->sites[0].clock.real_ns + 86400 * NS_IN_S, none);
	puppet_connect(&puppet);
	for (unsigned i = 0; i < 2; i++) {
		pair_advance(pair, 5 * NS_IN_S);
		initiate_late(&puppet, 0);
	}
	assert_diagnosis(pair, 0, GL_DIAGNOSIS_CLOCK_BEHIND, "was ahead before", "restart");
	pair_dropped(pair, 0, DROP_HANDSHAKE_OLD, 2);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
replayed_initiations_are_no_clock(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	struct message_initiation message;
	struct puppet puppet;

	puppet_init(&puppet, pair, 1);
	puppet_initiation(&puppet, NULL, &message);
	for (unsigned i = 0; i < 10; i++) {
		puppet_send(&puppet, &message, sizeof(message));
		pair_advance(pair, NS_IN_S);
	}
	pair_dropped(pair, 0, DROP_HANDSHAKE_OLD, 9);
	assert_fine(pair, 0);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
preshared_keys_that_differ(void **state)
{
	struct pair *pair =
		pair_begin(&(const struct pair_options){.sites = 2, .preshared = {true, false}});

	forget_drops(pair);
	pair_initiate(pair, 0, 1);
	pair_advance(pair, 4 * NS_IN_S);
	assert_fine(pair, 0);
	pair_advance(pair, 2 * NS_IN_S);
	assert_diagnosis(pair, 0, GL_DIAGNOSIS_PRESHARED_KEY, "not authentic (2)", "PresharedKey");
	pair_advance(pair, 6 * NS_IN_S);
	assert_diagnosis(pair, 1, GL_DIAGNOSIS_UNCONFIRMED, "initiated 3 times", "PresharedKey");
	pair_end(pair);
}

static void
puppet_rekey(struct puppet *puppet, uint8_t first)
{
	uint8_t private_key[32] = {64, first, 42};

	noise_identity_init(&puppet->identity, private_key);
	noise_remote_init(
		&puppet->remote, &puppet->identity, puppet->pair->sites[0].public_key, NULL);
}

static void
initiate(struct puppet *puppet)
{
	struct message_initiation message;

	puppet_initiation(puppet, NULL, &message);
	puppet_send(puppet, &message, sizeof(message));
	pair_settle(puppet->pair);
}

static void
a_key_that_has_changed(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	char key[KEY_ABBREVIATED_MAX];
	struct puppet puppet;
	struct gl_status *status;

	puppet_init(&puppet, pair, 1);
	puppet_rekey(&puppet, 1);
	initiate(&puppet);
	pair_advance(pair, 5 * NS_IN_S);
	initiate(&puppet);
	pair_advance(pair, 2 * NS_IN_S);
	assert_diagnosis(pair, 0, GL_DIAGNOSIS_KEY_CHANGED,
		key_abbreviate(puppet.identity.public_key, key), "vpn-public.conf older here?");
	status = status_of(pair, 0);
	assert_int_equal(status->tunnels[0].unknown_key_count, 1);
	assert_string_equal(status->tunnels[0].unknown_keys[0].key, key);
	assert_string_equal(status->tunnels[0].unknown_keys[0].source, "192.0.2.2:4567");
	assert_int_equal(status->tunnels[0].unknown_keys[0].initiations, 2);
	assert_int_equal(status->tunnels[0].unknown_keys[0].age_ns, 2 * NS_IN_S);
	gl_status_destroy(status);
	pair_dropped(pair, 0, DROP_HANDSHAKE_UNKNOWN_PEER, 2);
	/* Long ago it says nothing any more. */
	pair_jump(pair, 601 * NS_IN_S);
	assert_fine(pair, 0);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
a_key_that_becomes_known(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	struct puppet puppet;
	struct gl_status *status;

	puppet_init(&puppet, pair, 1);
	puppet_rekey(&puppet, 2);
	puppet.endpoint.port = 5000;
	initiate(&puppet);
	pair_advance(pair, 50 * NS_IN_MS);
	puppet_rekey(&puppet, 1);
	initiate(&puppet);
	memcpy(pair->sites[0].files.peers[0].public_key, puppet.identity.public_key, KEY_LEN);
	assert_int_equal(pair_reconfigure(pair, 0, NULL), 0);
	pair_settle(pair);
	assert_fine(pair, 0);
	status = status_of(pair, 0);
	assert_int_equal(status->tunnels[0].unknown_key_count, 1);
	assert_string_equal(status->tunnels[0].unknown_keys[0].source, "192.0.2.2:5000");
	gl_status_destroy(status);
	pair_dropped(pair, 0, DROP_HANDSHAKE_UNKNOWN_PEER, 2);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
of_many_unknown_keys_the_last_sixteen_stay(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	struct puppet puppet;
	struct gl_status *status;

	puppet_init(&puppet, pair, 1);
	for (uint8_t i = 0; i < 40; i++) {
		puppet_rekey(&puppet, i);
		puppet.endpoint.port = (uint16_t)(5000 + i);
		initiate(&puppet);
		pair_advance(pair, 50 * NS_IN_MS);
	}
	status = status_of(pair, 0);
	assert_int_equal(status->tunnels[0].unknown_key_count, 16);
	assert_string_equal(status->tunnels[0].unknown_keys[0].source, "192.0.2.2:5039");
	assert_string_equal(status->tunnels[0].unknown_keys[15].source, "192.0.2.2:5024");
	gl_status_destroy(status);
	assert_fine(pair, 0);
	pair_dropped(pair, 0, DROP_HANDSHAKE_UNKNOWN_PEER, 40);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
another_key_of_ours(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	struct puppet puppet;
	uint8_t other[32] = {9};

	puppet_init(&puppet, pair, 1);
	noise_remote_init(&puppet.remote, &puppet.identity, other, NULL);
	cookie_jar_init(&puppet.jar, other);
	initiate(&puppet);
	assert_fine(pair, 0);
	pair_advance(pair, 5 * NS_IN_S);
	initiate(&puppet);
	assert_diagnosis(pair, 0, GL_DIAGNOSIS_OUR_KEY, "another public key than ours", "must be");
	pair_dropped(pair, 0, DROP_HANDSHAKE_MAC, 2);
	puppet_fini(&puppet);
	pair_end(pair);
}

static bool
keep_back_data_of_0(struct wire_frame *frame, void *context)
{
	return frame->from != 0 || frame->type != MESSAGE_DATA;
}

/* As where the MTU on the way is too small, or only handshakes are let through. */
static void
handshakes_and_no_data(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	forget_drops(pair);
	pair->wire.filter = keep_back_data_of_0;
	for (unsigned s = 0; s < 17; s++) {
		pair_send(pair, 0, 1, s);
		pair_advance(pair, NS_IN_S);
		assert_fine(pair, 0);
	}
	for (unsigned s = 0; s < 18; s++) {
		pair_send(pair, 0, 1, s);
		pair_advance(pair, NS_IN_S);
	}
	assert_diagnosis(pair, 0, GL_DIAGNOSIS_NO_DATA, "no data that we send", "MTU = 1280");
	assert_diagnosis(pair, 1, GL_DIAGNOSIS_UNCONFIRMED, "never used", "MTU");
	/* What is sent right before a handshake is answered by that alone. */
	pair->wire.filter = NULL;
	for (unsigned s = 0; s < 25; s++) {
		pair_send(pair, 0, 1, s);
		pair_advance(pair, NS_IN_S);
	}
	assert_fine(pair, 0);
	assert_fine(pair, 1);
	pair_end(pair);
}

/* A peer that is quiet, and is kept alive by us, for many rekeys. */
static void
quiet_peers_are_fine(void **state)
{
	struct pair *pair =
		pair_begin(&(const struct pair_options){.sites = 2, .keepalive_s = {25, 0}});
	struct gl_status *status;

	pair_connect(pair, 0, 1);
	for (unsigned minute = 0; minute < 20; minute++) {
		pair_advance(pair, 60 * NS_IN_S);
		assert_fine(pair, 0);
		assert_fine(pair, 1);
	}
	status = status_of(pair, 0);
	assert_in_range(status->tunnels[0].peers[0].rekeys, 8, 10);
	gl_status_destroy(status);
	pair_end(pair);
}

static void
inject_fragment(struct pair *pair, uint16_t len, uint16_t flags)
{
	uint8_t frame[1514] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45};
	uint8_t *ip = frame + 14;
	uint32_t sum = 0;

	store_be16(ip + 2, len);
	store_be16(ip + 6, flags);
	ip[8] = 64;
	ip[9] = 17;
	memcpy(ip + 12, pair->sites[1].addresses[0].bytes, 4);
	memcpy(ip + 16, pair->sites[0].addresses[0].bytes, 4);
	for (unsigned i = 0; i < 20; i += 2)
		sum += load_be16(ip + i);
	sum = (sum & 0xffff) + (sum >> 16);
	store_be16(ip + 10, (uint16_t) ~(sum + (sum >> 16)));
	wire_inject(&pair->wire, 0, frame, 14u + len);
}

static void
fragments_arrive(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	pair_connect(pair, 0, 1);
	inject_fragment(pair, 1396, 0x2000);
	pair_settle(pair);
	assert_fine(pair, 0);
	inject_fragment(pair, 124, 172);
	pair_settle(pair);
	assert_diagnosis(pair, 0, GL_DIAGNOSIS_FRAGMENTS, "in fragments", "MTU = 1336");
	pair_dropped(pair, 0, DROP_IN_FRAGMENT, 2);
	pair_jump(pair, 601 * NS_IN_S);
	assert_fine(pair, 0);
	pair_end(pair);
}

static void
losses_that_matter(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	uint8_t message[WIRE_FRAME_MAX];
	struct puppet puppet;
	uint8_t packet[60];
	size_t len;

	puppet_init(&puppet, pair, 1);
	puppet_connect(&puppet);
	pair_packet_make(packet, 4, sizeof(packet), 1, 0, 1);
	len = puppet_data_make(&puppet, puppet.counter++, packet, sizeof(packet), message);
	for (unsigned i = 0; i < 10; i++)
		puppet_send(&puppet, message, len);
	pair_settle(pair);
	assert_fine(pair, 0);
	puppet_send(&puppet, message, len);
	pair_settle(pair);
	assert_diagnosis(pair, 0, GL_DIAGNOSIS_REPLAYED, "10 packets", "replays");
	message[len - 1] ^= 1;
	for (unsigned i = 0; i < 10; i++)
		puppet_send(&puppet, message, len);
	pair_settle(pair);
	assert_diagnosis(pair, 0, GL_DIAGNOSIS_FORGED, "10 packets", "forges");
	pair_packet_make(packet, 4, sizeof(packet), 2, 0, 1);
	for (unsigned i = 0; i < 10; i++)
		puppet_data(&puppet, packet, sizeof(packet));
	pair_settle(pair);
	assert_diagnosis(pair, 0, GL_DIAGNOSIS_SOURCE, "10 packets", "AllowedIPs");
	pair_dropped(pair, 0, DROP_IN_REPLAY, 10);
	pair_dropped(pair, 0, DROP_IN_AUTH, 10);
	pair_dropped(pair, 0, DROP_IN_SOURCE, 10);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
keepalives_and_no_data(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	pair_connect(pair, 0, 1);
	for (unsigned i = 0; i < 30; i++) {
		pair_send(pair, 0, 1, i);
		pair_advance(pair, NS_IN_S);
		if (i < 29)
			assert_fine(pair, 0);
	}
	pair_advance(pair, 5 * NS_IN_S);
	assert_diagnosis(pair, 0, GL_DIAGNOSIS_ONE_WAY, "30 packets", "AllowedIPs");
	pair_converse(pair, 1, 0);
	assert_fine(pair, 0);
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_that_is_well_is_described),
		cmocka_unit_test(a_lane_says_what_it_did),
		cmocka_unit_test(a_lane_knows_its_load),
		cmocka_unit_test(many_peers_are_all_there),
		cmocka_unit_test(never_answered),
		cmocka_unit_test(silent_after_it_has_answered),
		cmocka_unit_test(no_endpoint),
		cmocka_unit_test(clock_behind),
		cmocka_unit_test(a_clock_that_was_ahead),
		cmocka_unit_test(replayed_initiations_are_no_clock),
		cmocka_unit_test(preshared_keys_that_differ),
		cmocka_unit_test(a_key_that_has_changed),
		cmocka_unit_test(a_key_that_becomes_known),
		cmocka_unit_test(of_many_unknown_keys_the_last_sixteen_stay),
		cmocka_unit_test(another_key_of_ours),
		cmocka_unit_test(handshakes_and_no_data),
		cmocka_unit_test(quiet_peers_are_fine),
		cmocka_unit_test(fragments_arrive),
		cmocka_unit_test(losses_that_matter),
		cmocka_unit_test(keepalives_and_no_data),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
