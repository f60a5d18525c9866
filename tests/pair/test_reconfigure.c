/*
 * Changing what runs: what is the same is not touched, and what is not is in force at once.
 */
#include "puppet.h"

#include "base/bytes.h"
#include "base/secret.h"
#include "crypto/x25519.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* All that there is of a peer and of its current session. */
struct snapshot {
	struct session session;
	uint8_t bytes[sizeof(struct peer) + sizeof(struct peer_lane)]
		__attribute__((aligned(_Alignof(struct peer))));
	struct peer *peer;
	size_t len;
};

/* But for its neighbours in lists and heap, which come and go, and the planner's own mark. */
static void
snapshot_take(struct snapshot *snapshot, struct peer *peer)
{
	struct peer *copy = (struct peer *)snapshot->bytes;
	const struct session *session = atomic_load(&peer->current);

	memset(snapshot, 0, sizeof(*snapshot));
	snapshot->peer = peer;
	snapshot->len = peer_size(1);
	memcpy(snapshot->bytes, peer, snapshot->len);
	memset(&copy->entry, 0, sizeof(copy->entry));
	copy->planned = 0;
	copy->due_slot = 0;
	if (session != NULL)
		memcpy(&snapshot->session, session, sizeof(*session));
}

static void
assert_same(const struct snapshot *before, struct peer *peer)
{
	struct snapshot now;

	assert_ptr_equal(before->peer, peer);
	snapshot_take(&now, peer);
	assert_memory_equal(now.bytes, before->bytes, before->len);
	assert_memory_equal(&now.session, &before->session, sizeof(now.session));
}

static void
reconfigure(struct pair *pair, unsigned site, unsigned added, unsigned changed, unsigned removed,
	unsigned unchanged)
{
	struct reconfigure_counts counts;

	assert_int_equal(pair_reconfigure(pair, site, &counts), 0);
	assert_int_equal(counts.added, added);
	assert_int_equal(counts.changed, changed);
	assert_int_equal(counts.removed, removed);
	assert_int_equal(counts.unchanged, unchanged);
}

static void
assert_said(const struct pair *pair, unsigned site, const char *text)
{
	assert_string_equal(pair->sites[site].said, text);
}

static unsigned
handshakes(const struct pair *pair)
{
	unsigned count = 0;

	for (unsigned i = 0; i < pair->site_count; i++)
		count += wire_count(&pair->wire, 0, i, MESSAGE_INITIATION);
	return count;
}

static void
cf_2_the_same_files_change_nothing(void **state)
{
	struct pair *pair = pair_begin(
		&(const struct pair_options){.keepalive_s = {25}, .preshared = {true, true}});
	struct snapshot before;
	uint64_t sent;

	pair_connect(pair, 0, 1);
	pair_converse(pair, 0, 1);
	pair_advance(pair, 2 * NS_IN_S);
	sent = pair->wire.sent_count;
	snapshot_take(&before, pair_peer(pair, 0, 1));
	reconfigure(pair, 0, 0, 0, 0, 1);
	assert_same(&before, pair_peer(pair, 0, 1));
	assert_said(pair, 0, "");
	pair_settle(pair);
	assert_same(&before, pair_peer(pair, 0, 1));
	assert_int_equal(pair->wire.sent_count, sent);
	pair_converse(pair, 0, 1);
	pair_end(pair);
}

/* With a packet each way between any two changes. */
static void
cf_1_who_stays_loses_nothing_while_others_come_and_go(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.extra_peers = 3});
	uint8_t keys[3][KEY_LEN];

	pair_connect(pair, 0, 1);
	for (unsigned n = 0; n < 3; n++)
		memcpy(keys[n], pair->sites[0].files.peers[1 + n].public_key, KEY_LEN);
	for (unsigned round = 0; round < 300; round++) {
		const uint8_t *key = keys[round % 3];
		struct snapshot before;

		pair_converse(pair, 0, 1);
		snapshot_take(&before, pair_peer(pair, 0, 1));
		pair_file_remove(pair, 0, key);
		reconfigure(pair, 0, 0, 0, 1, 3);
		assert_same(&before, pair_peer(pair, 0, 1));
		if (round % 2 == 0)
			pair_converse(pair, 0, 1);
		pair_file_allow(pair_file_add(pair, 0, key), round % 5 ? "10.7.0.0/16" : "");
		for (unsigned n = 0; n < 3; n++)
			if (n != round % 3)
				pair_file_allow(pair_file_of(pair, 0, keys[n]), "");
		snapshot_take(&before, pair_peer(pair, 0, 1));
		assert_int_equal(pair_reconfigure(pair, 0, NULL), 0);
		assert_same(&before, pair_peer(pair, 0, 1));
		pair_advance(pair, NS_IN_MS);
	}
	pair_converse(pair, 0, 1);
	assert_int_equal(handshakes(pair), 1);
	assert_int_equal(pair->sites[0].gateway->control.departures.count, 0);
	pair_end(pair);
}

static void
an_added_peer_is_greeted(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 3});
	struct tunnel_config_peer *file;
	const uint8_t *key = pair->sites[2].public_key;

	pair_file_remove(pair, 0, key);
	reconfigure(pair, 0, 0, 0, 1, 1);
	pair_connect(pair, 0, 1);
	file = pair_file_add(pair, 0, key);
	snprintf(file->name, sizeof(file->name), "third");
	snprintf(file->host, sizeof(file->host), "192.0.2.3");
	file->port = PAIR_PORT;
	pair_file_allow(file, "10.0.2.9 fd00:0:0:2::/64");
	reconfigure(pair, 0, 1, 0, 0, 1);
	assert_said(pair, 0, "+ third 10.0.2.9, fd00:0:0:2::/64 192.0.2.3:4567\n");
	pair_advance(pair, 100 * NS_IN_MS);
	assert_int_equal(pair_sessions(pair, 0, 2), 1);
	pair_converse(pair, 0, 2);
	pair_converse(pair, 0, 1);
	assert_int_equal(handshakes(pair), 2);
	pair_end(pair);
}

static void
hs_24_a_removed_peer_is_a_stranger(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	struct message_initiation initiation;
	struct message_initiation again;
	struct puppet puppet;
	uint64_t sent;

	puppet_init(&puppet, pair, 1);
	puppet_connect(&puppet);
	pair_advance(pair, NS_IN_S);
	puppet_initiation(&puppet, NULL, &again);
	pair_file_remove(pair, 0, pair->sites[1].public_key);
	reconfigure(pair, 0, 0, 0, 1, 0);
	sent = pair->wire.sent_count;
	/* Its data, its handshakes, and ours for it, one packet of each. */
	puppet_data(&puppet, NULL, 0);
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_IN_UNKNOWN_INDEX, 1);
	puppet_initiation(&puppet, NULL, &initiation);
	puppet_send(&puppet, &initiation, sizeof(initiation));
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_HANDSHAKE_UNKNOWN_PEER, 1);
	pair_send(pair, 0, 1, 1);
	pair_advance(pair, 700 * NS_IN_S);
	pair_dropped(pair, 0, DROP_OUT_NO_PEER, 1);
	assert_int_equal(pair->wire.sent_count, sent);
	assert_int_equal(index_count(tunnel_indices(pair_tunnel(pair, 0))), 0);
	assert_int_equal(pair->sites[0].gateway->control.departures.count, 0);

	/* Back again it starts from nothing: also a stamp from before is news. */
	pair_file_allow(pair_file_add(pair, 0, pair->sites[1].public_key), "10.0.1.0/24");
	reconfigure(pair, 0, 1, 0, 0, 0);
	assert_int_equal(pair_peer(pair, 0, 1)->handshake_rx_bytes, 0);
	puppet_send(&puppet, &again, sizeof(again));
	pair_settle(pair);
	assert_int_equal(wire_count(&pair->wire, sent, 0, MESSAGE_RESPONSE), 1);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
hs_12_a_new_peer_of_low_order_is_sent_nothing(void **state)
{
	static const uint8_t key[KEY_LEN] = {1};
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	struct tunnel_config_peer *file = pair_file_add(pair, 0, key);

	snprintf(file->host, sizeof(file->host), "192.0.2.2");
	file->port = PAIR_PORT;
	file->persistent_keepalive_s = 1;
	reconfigure(pair, 0, 1, 0, 0, 1);
	pair_advance(pair, 30 * NS_IN_S);
	assert_int_equal(pair->wire.sent_count, 0);
	pair->drops_unchecked = true;
	pair_end(pair);
}

static void
cf_7_a_preshared_key_counts_from_the_next_handshake(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	pair_connect(pair, 0, 1);
	for (unsigned i = 0; i < 2; i++)
		memset(pair->sites[i].files.peers[0].preshared_key, 9, KEY_LEN);
	snprintf(pair->sites[0].files.peers[0].name, TUNNEL_CONFIG_NAME_MAX, "b");
	reconfigure(pair, 0, 0, 1, 0, 0);
	/* The key is told neither in Base64 nor in hexadecimal. */
	assert_null(strstr(pair->sites[0].said, "CQkJ"));
	assert_null(strstr(pair->sites[0].said, "0909"));
	assert_non_null(strstr(pair->sites[0].said, "~ b preshared key\n"));
	pair_converse(pair, 0, 1);
	assert_int_equal(handshakes(pair), 1);
	/* The other side has not heard of it: the answer is not authentic to it. */
	pair_advance(pair, 6 * NS_IN_S);
	pair_initiate(pair, 1, 0);
	pair_settle(pair);
	pair_dropped(pair, 1, DROP_HANDSHAKE_AUTH, 1);
	pair_converse(pair, 0, 1);
	reconfigure(pair, 1, 0, 1, 0, 0);
	pair_advance(pair, 6 * NS_IN_S);
	assert_int_equal(pair_sessions(pair, 1, 0), 2);
	pair_converse(pair, 0, 1);
	pair_end(pair);
}

static void
cf_7_a_preshared_key_counts_for_an_answer_that_is_awaited(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	pair_initiate(pair, 1, 0);
	gateway_step(pair->sites[1].gateway);
	for (unsigned i = 0; i < 2; i++) {
		memset(pair->sites[i].files.peers[0].preshared_key, 9, KEY_LEN);
		reconfigure(pair, i, 0, 1, 0, 0);
	}
	pair_settle(pair);
	assert_int_equal(handshakes(pair), 1);
	pair_converse(pair, 0, 1);
	pair_end(pair);
}

static void
tm_18_a_keepalive_turned_on_is_sent_at_once(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	uint16_t *keepalive_s = &pair->sites[0].files.peers[0].persistent_keepalive_s;
	uint64_t sent;

	pair_connect(pair, 0, 1);
	pair_advance(pair, 20 * NS_IN_S);
	sent = pair->wire.sent_count;
	*keepalive_s = 25;
	reconfigure(pair, 0, 0, 1, 0, 0);
	pair_settle(pair);
	assert_int_equal(pair->wire.sent_count, sent + 1);
	pair_advance(pair, 26 * NS_IN_S);
	assert_int_equal(pair->wire.sent_count, sent + 2);
	*keepalive_s = 10;
	reconfigure(pair, 0, 0, 1, 0, 0);
	pair_settle(pair);
	assert_int_equal(pair->wire.sent_count, sent + 2);
	*keepalive_s = 0;
	reconfigure(pair, 0, 0, 1, 0, 0);
	pair_advance(pair, 60 * NS_IN_S);
	assert_int_equal(pair->wire.sent_count, sent + 2);
	assert_int_equal(handshakes(pair), 1);
	pair_end(pair);
}

/* Site 0 becomes somebody else, who is known at site 1 from the start. */
static void
cf_3_a_new_private_key_is_used_at_once(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 3});
	uint8_t private_key[KEY_LEN];
	uint8_t public_key[KEY_LEN];
	struct session *old;
	struct peer *peer;
	uint64_t sent;

	pair_connect(pair, 0, 1);
	pair_converse(pair, 0, 1);
	memcpy(private_key, pair->sites[0].private_key, KEY_LEN);
	private_key[5] ^= 0x55;
	assert_int_equal(x25519_public(public_key, private_key), 0);
	pair_file_allow(pair_file_add(pair, 1, public_key), "10.3.0.0/16");
	reconfigure(pair, 1, 1, 0, 0, 2);

	peer = pair_peer(pair, 0, 1);
	old = atomic_load(&peer->current);
	sent = pair->wire.sent_count;
	memcpy(pair->sites[0].files.private_key, private_key, KEY_LEN);
	reconfigure(pair, 0, 0, 0, 0, 2);
	assert_said(pair, 0, "~ private key\n");
	assert_memory_equal(pair_tunnel(pair, 0)->identity.public_key, public_key, KEY_LEN);
	/* Sealed with the old keys nothing is sent any more, but what comes is taken. */
	assert_null(peer_send_session(peer, pair_now_ns(pair)));
	assert_true(session_receivable(old, pair_now_ns(pair)));
	pair_send(pair, 1, 0, 77);
	gateway_step(pair->sites[1].gateway);
	wire_move(&pair->wire);
	pair_send(pair, 0, 1, 78);
	pair_advance(pair, NS_IN_S);
	assert_int_equal(pair_received(pair, 0, pair->sites[0].received_count - 1)->number, 77);
	/* The handshake is that of the new key: site 2 does not know it, site 1 answers. */
	assert_int_equal(wire_count(&pair->wire, sent, 0, MESSAGE_INITIATION), 2);
	assert_int_equal(wire_count(&pair->wire, sent, 1, MESSAGE_RESPONSE), 1);
	assert_non_null(peer_send_session(peer, pair_now_ns(pair)));
	pair_dropped(pair, 2, DROP_HANDSHAKE_UNKNOWN_PEER, 1);
	/* What waited went to the new one, whose prefixes are others. */
	pair_dropped(pair, 1, DROP_IN_SOURCE, 1);
	pair_end(pair);
}

static void
cf_3_who_has_the_new_key_is_removed(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 3});

	pair_connect(pair, 0, 1);
	pair_connect(pair, 0, 2);
	memcpy(pair->sites[0].files.private_key, pair->sites[1].private_key, KEY_LEN);
	/* The section stays in the file, and is the own entry from now on. */
	reconfigure(pair, 0, 0, 0, 1, 1);
	assert_int_equal(pair_tunnel(pair, 0)->peer_count, 1);
	assert_null(key_table_find(pair_tunnel(pair, 0)->keys, pair->sites[1].public_key));
	pair->drops_unchecked = true;
	pair_advance(pair, NS_IN_S);
	pair_end(pair);
}

static void
hs_25_without_a_private_key_there_are_no_handshakes(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	uint64_t sent;

	pair_connect(pair, 0, 1);
	memset(pair->sites[0].files.private_key, 0, KEY_LEN);
	reconfigure(pair, 0, 0, 0, 0, 1);
	assert_false(pair_tunnel(pair, 0)->identity.present);
	sent = pair->wire.sent_count;
	pair->drops_unchecked = true;
	pair_send(pair, 0, 1, 1);
	pair_advance(pair, 6 * NS_IN_S);
	pair_initiate(pair, 1, 0);
	pair_settle(pair);
	assert_int_equal(wire_count(&pair->wire, sent, 0, MESSAGE_INITIATION), 0);
	assert_int_equal(wire_count(&pair->wire, sent, 0, MESSAGE_RESPONSE), 0);
	/* And it comes back. */
	memcpy(pair->sites[0].files.private_key, pair->sites[0].private_key, KEY_LEN);
	reconfigure(pair, 0, 0, 0, 0, 1);
	pair_advance(pair, 6 * NS_IN_S);
	pair_converse(pair, 0, 1);
	pair_end(pair);
}

/* A new key must not make an initiation acceptable that was accepted, or refused, before. */
static void
stamps_outlive_a_new_private_key(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	uint8_t newest[MESSAGE_TIMESTAMP_LEN];
	struct puppet puppet;
	struct peer *peer;

	puppet_init(&puppet, pair, 1);
	puppet_connect(&puppet);
	peer = pair_peer(pair, 0, 1);
	memcpy(newest, peer->handshake.latest_timestamp, sizeof(newest));
	pair->sites[0].files.private_key[5] ^= 0x55;
	reconfigure(pair, 0, 0, 0, 0, 1);
	assert_memory_equal(peer->handshake.latest_timestamp, newest, sizeof(newest));
	pair->drops_unchecked = true;
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
expect_sends_to(struct pair *pair, const char *to, uint16_t from_port)
{
	const struct wire_frame *frame;
	char text[ENDPOINT_TEXT_MAX];

	pair_send(pair, 0, 1, 1);
	pair_settle(pair);
	frame = wire_last(&pair->wire, 0, MESSAGE_DATA);
	assert_string_equal(endpoint_format(&frame->outer.destination, text), to);
	assert_int_equal(frame->outer.source.port, from_port);
}

static void
cf_8_an_endpoint_is_changed_under_a_session(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});
	struct tunnel_config_peer *file = &pair->sites[0].files.peers[0];
	struct puppet puppet;
	struct session *session;

	puppet_init(&puppet, pair, 1);
	puppet_connect(&puppet);
	session = atomic_load(&pair_peer(pair, 0, 1)->current);
	snprintf(file->host, sizeof(file->host), "2001:db8::77");
	file->port = 99;
	snprintf(file->name, sizeof(file->name), "b");
	reconfigure(pair, 0, 0, 1, 0, 0);
	assert_non_null(
		strstr(pair->sites[0].said, "~ b endpoint 192.0.2.2:4567 → [2001:db8::77]:99\n"));
	assert_int_equal(pair_peer(pair, 0, 1)->source.family, ADDRESS_NONE);
	expect_sends_to(pair, "[2001:db8::77]:99", PAIR_PORT);
	assert_ptr_equal(atomic_load(&pair_peer(pair, 0, 1)->current), session);
	/* The peer speaks from where it is, and that counts again. */
	puppet_data(&puppet, NULL, 0);
	pair_settle(pair);
	expect_sends_to(pair, "192.0.2.2:4567", PAIR_PORT);
	/* The files name what they named: the one that was learnt stays. */
	reconfigure(pair, 0, 0, 0, 0, 1);
	expect_sends_to(pair, "192.0.2.2:4567", PAIR_PORT);
	/* They name none any more: likewise. */
	file->host[0] = '\0';
	reconfigure(pair, 0, 0, 1, 0, 0);
	expect_sends_to(pair, "192.0.2.2:4567", PAIR_PORT);
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_INITIATION), 0);
	puppet_fini(&puppet);
	pair_end(pair);
}

static void
a_changed_endpoint_is_tried_if_there_is_no_session(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct tunnel_config_peer *file = &pair->sites[0].files.peers[0];

	snprintf(file->host, sizeof(file->host), "2001:db8::2");
	reconfigure(pair, 0, 0, 1, 0, 0);
	pair_settle(pair);
	assert_int_equal(wire_count(&pair->wire, 0, 0, MESSAGE_INITIATION), 1);
	pair_converse(pair, 0, 1);
	assert_int_equal(wire_last(&pair->wire, 0, MESSAGE_DATA)->outer.destination.address.family,
		ADDRESS_IPV6);
	pair_end(pair);
}

static void
ro_10_the_listen_port_changes_under_a_session(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct session *session;
	char text[ENDPOINT_TEXT_MAX];

	pair_connect(pair, 0, 1);
	pair_converse(pair, 0, 1);
	session = atomic_load(&pair_peer(pair, 0, 1)->current);
	pair->sites[0].files.listen_port = 4568;
	reconfigure(pair, 0, 0, 0, 0, 1);
	assert_said(pair, 0, "~ listen port 4567 → 4568\n");
	assert_int_equal(pair_peer(pair, 0, 1)->source.family, ADDRESS_NONE);
	/* What still comes to the old one is not ours any more. */
	pair_send(pair, 1, 0, 5);
	pair_settle(pair);
	assert_int_equal(pair->sites[0].gateway->lanes[0].lane->rx_other, 1);
	/* A keepalive has told the peer. */
	endpoint_format(&pair_peer(pair, 1, 0)->endpoint, text);
	assert_string_equal(text, "192.0.2.1:4568");
	expect_sends_to(pair, "192.0.2.2:4567", 4568);
	pair_converse(pair, 0, 1);
	assert_ptr_equal(atomic_load(&pair_peer(pair, 0, 1)->current), session);
	assert_int_equal(handshakes(pair), 1);
	pair_end(pair);
}

static void
a_listen_port_of_0_is_any_that_is_free(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	uint16_t port;

	pair_connect(pair, 0, 1);
	pair->sites[0].files.listen_port = 0;
	reconfigure(pair, 0, 0, 0, 0, 1);
	port = pair_tunnel(pair, 0)->listen_port;
	assert_true(port != 0 && port != PAIR_PORT);
	expect_sends_to(pair, "192.0.2.2:4567", port);
	pair_converse(pair, 0, 1);
	pair_end(pair);
}

static void
names_and_mtu_change_alone(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct tunnel_config *files = &pair->sites[0].files;
	struct session *session;

	pair_connect(pair, 0, 1);
	session = atomic_load(&pair_peer(pair, 0, 1)->current);
	snprintf(files->peers[0].name, TUNNEL_CONFIG_NAME_MAX, "b");
	reconfigure(pair, 0, 0, 1, 0, 0);
	assert_string_equal(pair_peer(pair, 0, 1)->name, "b");
	snprintf(files->peers[0].name, TUNNEL_CONFIG_NAME_MAX, "c");
	files->mtu = 1300;
	reconfigure(pair, 0, 0, 1, 0, 0);
	assert_said(pair, 0, "~ MTU 1420 → 1300\n~ c name b → c\n");
	management_refresh(pair->sites[0].gateway->management);
	assert_int_equal(atomic_load(&pair_tunnel(pair, 0)->mtu), 1300);
	files->mtu = 0;
	reconfigure(pair, 0, 0, 0, 0, 1);
	management_refresh(pair->sites[0].gateway->management);
	assert_int_equal(atomic_load(&pair_tunnel(pair, 0)->mtu), 1420);
	assert_ptr_equal(atomic_load(&pair_peer(pair, 0, 1)->current), session);
	files->mtu = 9000;
	assert_int_equal(pair_reconfigure(pair, 0, NULL), -EINVAL);
	assert_non_null(strstr(pair->sites[0].said, "MTU = 9000 does not fit"));
	pair_end(pair);
}

/* Site 2 gets one of the two prefixes of site 1. */
static void
ai_5_a_prefix_moves_and_nothing_else_with_it(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 3});
	struct tunnel *tunnel = pair_tunnel(pair, 0);
	struct tunnel_config *files = &pair->sites[0].files;
	const uint8_t moved[4] = {10, 0, 1, 9};
	const uint8_t kept[4] = {10, 5, 0, 1};
	uint64_t before;

	pair_connect(pair, 0, 1);
	pair_connect(pair, 0, 2);
	pair_file_allow(&files->peers[0], "10.5.0.0/16");
	pair_file_allow(&files->peers[1], "10.0.1.0/24 10.0.2.0/24");
	snprintf(files->peers[0].name, TUNNEL_CONFIG_NAME_MAX, "b");
	snprintf(files->peers[1].name, TUNNEL_CONFIG_NAME_MAX, "c");
	reconfigure(pair, 0, 0, 2, 0, 0);
	assert_non_null(strstr(pair->sites[0].said,
		"~ b allowed-ips 10.0.1.0/24, fd00:0:0:1::/64 → 10.5.0.0/16\n"));
	assert_ptr_equal(tunnel_find_inner(tunnel, 4, moved), pair_peer(pair, 0, 2));
	assert_ptr_equal(tunnel_find_inner(tunnel, 4, kept), pair_peer(pair, 0, 1));
	/* Out: to the new owner. */
	before = pair->sites[2].received_count;
	pair_send(pair, 0, 1, 4);
	pair_settle(pair);
	assert_int_equal(pair->sites[2].received_count, before + 1);
	/* In: from the new owner alone. */
	pair_send(pair, 1, 0, 5);
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_IN_SOURCE, 1);
	assert_int_equal(handshakes(pair), 2);
	pair_end(pair);
}

/* Site 2 gets an address out of the prefix of site 1: that one alone changes hands. */
static void
ai_4_a_more_specific_prefix_goes_to_another_peer(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 3});
	struct tunnel_config *files = &pair->sites[0].files;
	uint8_t packet[60];
	uint64_t before;

	pair_connect(pair, 0, 1);
	pair_connect(pair, 0, 2);
	pair_file_allow(&files->peers[1], "10.0.2.0/24 10.0.1.9/32");
	reconfigure(pair, 0, 0, 1, 0, 1);
	pair_send(pair, 1, 0, 5);
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_IN_SOURCE, 1);
	before = pair->sites[2].received_count;
	pair_send(pair, 0, 1, 6);
	pair_settle(pair);
	assert_int_equal(pair->sites[2].received_count, before + 1);
	/* The rest of it stays where it was, both ways. */
	before = pair->sites[0].received_count;
	pair_packet_make(packet, 4, sizeof(packet), 1, 0, 7);
	packet[15] = 8;
	packet[11]++; /* of the checksum: the address is less by one */
	assert_true(pair_send_bytes(pair, 1, packet, sizeof(packet)));
	pair_settle(pair);
	assert_int_equal(pair->sites[0].received_count, before + 1);
	/* And comes back when the specific one goes. */
	pair_file_allow(&files->peers[1], "10.0.2.0/24");
	reconfigure(pair, 0, 0, 1, 0, 1);
	pair_converse(pair, 0, 1);
	pair_end(pair);
}

/* The files of A, those of B, those of A again: who is in both lives on as if nothing had been. */
static void
p_9_there_and_back_again_is_the_identity(void **state)
{
	struct pair *pair = pair_begin(
		&(const struct pair_options){.sites = 3, .extra_peers = 20, .keepalive_s = {25}});
	struct tunnel_config *files = &pair->sites[0].files;
	struct snapshot before[2];

	pair_connect(pair, 0, 1);
	pair_connect(pair, 0, 2);
	pair_converse(pair, 0, 1);
	for (unsigned i = 0; i < 2; i++)
		snapshot_take(&before[i], pair_peer(pair, 0, 1 + i));
	/* B: ten others go, and their prefixes to the rest. */
	for (unsigned n = 0; n < 10; n++)
		pair_file_remove(pair, 0, files->peers[2].public_key);
	for (size_t n = 2; n < files->peer_count; n++) {
		char list[64];

		snprintf(list, sizeof(list), "10.1.0.%zu 10.1.0.%zu", n - 2, n + 8);
		pair_file_allow(&files->peers[n], list);
	}
	reconfigure(pair, 0, 0, 10, 10, 2);
	/* A. */
	for (unsigned n = 0; n < 10; n++) {
		uint8_t key[KEY_LEN];
		char list[64];

		assert_int_equal(x25519_public(key, pair->extra_keys[n]), 0);
		snprintf(list, sizeof(list), "10.1.0.%u", n);
		pair_file_allow(pair_file_add(pair, 0, key), list);
		assert_int_equal(x25519_public(key, pair->extra_keys[n + 10]), 0);
		snprintf(list, sizeof(list), "10.1.0.%u", n + 10);
		pair_file_allow(pair_file_of(pair, 0, key), list);
	}
	reconfigure(pair, 0, 10, 10, 0, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_same(&before[i], pair_peer(pair, 0, 1 + i));
	pair_converse(pair, 0, 1);
	pair_converse(pair, 0, 2);
	assert_int_equal(handshakes(pair), 2);
	pair_end(pair);
}

static void
what_cannot_be_changed_is_said_and_the_rest_done(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct pair_site *site = &pair->sites[0];
	const struct log *log = &site->log;
	struct reconfigure_counts counts;
	struct prefix address;
	struct gateway_tunnel_settings settings = {
		.config = &site->files,
		.name = "other",
		.listen_port = 4568,
		.addresses = &address,
		.address_count = 1,
	};

	assert_int_equal(prefix_parse("10.0.0.7/32", &address, NULL), 0);
	site->warnings = 0;
	assert_int_equal(gateway_reconfigure(site->gateway, &settings, 1, true, log, &counts), 0);
	assert_int_equal(site->warnings, 2);
	assert_int_equal(pair_tunnel(pair, 0)->listen_port, PAIR_PORT);
	assert_int_equal(gateway_reconfigure(site->gateway, &settings, 1, false, log, &counts), 0);
	assert_int_equal(site->warnings, 4);
	assert_int_equal(pair_tunnel(pair, 0)->listen_port, 4568);
	assert_string_equal(pair_tunnel(pair, 0)->name, "site0");
	assert_int_equal(
		gateway_reconfigure(site->gateway, &settings, 0, false, log, &counts), -EINVAL);
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cf_2_the_same_files_change_nothing),
		cmocka_unit_test(cf_1_who_stays_loses_nothing_while_others_come_and_go),
		cmocka_unit_test(an_added_peer_is_greeted),
		cmocka_unit_test(hs_24_a_removed_peer_is_a_stranger),
		cmocka_unit_test(hs_12_a_new_peer_of_low_order_is_sent_nothing),
		cmocka_unit_test(cf_7_a_preshared_key_counts_from_the_next_handshake),
		cmocka_unit_test(cf_7_a_preshared_key_counts_for_an_answer_that_is_awaited),
		cmocka_unit_test(tm_18_a_keepalive_turned_on_is_sent_at_once),
		cmocka_unit_test(cf_3_a_new_private_key_is_used_at_once),
		cmocka_unit_test(cf_3_who_has_the_new_key_is_removed),
		cmocka_unit_test(hs_25_without_a_private_key_there_are_no_handshakes),
		cmocka_unit_test(stamps_outlive_a_new_private_key),
		cmocka_unit_test(cf_8_an_endpoint_is_changed_under_a_session),
		cmocka_unit_test(a_changed_endpoint_is_tried_if_there_is_no_session),
		cmocka_unit_test(ro_10_the_listen_port_changes_under_a_session),
		cmocka_unit_test(a_listen_port_of_0_is_any_that_is_free),
		cmocka_unit_test(names_and_mtu_change_alone),
		cmocka_unit_test(ai_5_a_prefix_moves_and_nothing_else_with_it),
		cmocka_unit_test(ai_4_a_more_specific_prefix_goes_to_another_peer),
		cmocka_unit_test(p_9_there_and_back_again_is_the_identity),
		cmocka_unit_test(what_cannot_be_changed_is_said_and_the_rest_done),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
