/*
 * Both roles of the handshake.
 * On the packet's way: beside it.
 * Threads: control, under its lock. Source: WireGuard paper 5.4.2 to 5.4.5, 6.
 */
#include "control/handshake.h"

#include "base/bytes.h"
#include "base/random.h"
#include "control/endpoint.h"
#include "control/signs.h"
#include "control/transmit.h"
#include "proto/tai64n.h"
#include "wire/message.h"
#include "wire/outer.h"

#include <errno.h>
#include <string.h>

/* How often a peer whose next hop is not known is tried again by itself. */
#define NEXT_HOP_RETRY_NS NS_IN_S
/* After an initiation that could not be made, packets ask in vain for this long. */
#define FAILED_QUIET_NS NS_IN_S
/* How long packets wait for a peer that cannot be sent to: as long as for one that is silent. */
#define UNREACHABLE_MAX_NS (HANDSHAKE_ATTEMPTS_MAX * REKEY_TIMEOUT_NS)

/* A received handshake message, and for which tunnel. */
struct received {
	struct tunnel *tunnel;
	const struct handshake_message *message;
	uint64_t now_ns;
};

static void
count_drop(const struct received *received, struct peer *peer, enum drop_reason reason)
{
	if (peer != NULL)
		peer->control_drops[reason]++;
	else
		received->tunnel->drops[reason]++;
}

void
handshake_schedule(struct control *control, struct peer *peer)
{
	uint64_t due_ns =
		timers_next_ns(&peer->timers, &peer->stamps, clock_boot_ns(control->clock));

	if (peer->initiate_ns != 0 && peer->initiate_ns < due_ns)
		due_ns = peer->initiate_ns;
	if (peer->resolve_until_ns != 0 && peer->resolve_until_ns < due_ns)
		due_ns = peer->resolve_until_ns;
	due_set(&control->due, peer, due_ns);
}

static int
make_initiation(struct control *control, struct peer *peer, struct message_initiation *message,
	uint64_t now_ns)
{
	struct tunnel *tunnel = peer->tunnel;
	uint8_t stamp[MESSAGE_TIMESTAMP_LEN];
	struct noise_handshake *handshake = &peer->handshake;
	const bool had_index = handshake->state == NOISE_INITIATION_CREATED;
	const uint32_t old_index = handshake->local_index;
	uint32_t index;
	int error = index_take(tunnel_indices(peer->tunnel), peer, &index);

	if (error != 0)
		return error;
	tai64n_make(stamp, clock_real_ns(control->clock), peer->last_timestamp);
	error = noise_initiation_create(
		handshake, &tunnel->identity, &peer->remote, index, stamp, NULL, message);
	if (error != 0) {
		index_give(tunnel_indices(tunnel), index);
		return error;
	}
	if (had_index)
		index_give(tunnel_indices(tunnel), old_index);
	memcpy(peer->last_timestamp, stamp, sizeof(stamp));
	cookie_add_macs(&peer->jar, (uint8_t *)message, sizeof(*message), now_ns);
	return 0;
}

static void
quiet_until(struct peer *peer, uint64_t when_ns)
{
	atomic_store_explicit(&peer->stamps.quiet_until_ns, when_ns, memory_order_relaxed);
}

/* Has the initiation tried again then, by itself; until then packets ask for it in vain. */
static void
initiate_later(struct peer *peer, uint64_t when_ns)
{
	peer->initiate_ns = when_ns;
	peer->initiate_retry = true;
}

/* Nothing can be sent to the peer. It is tried on, but packets do not wait for ever. */
static void
next_hop_missing(struct control *control, struct peer *peer, uint64_t now_ns)
{
	if (peer->unreachable_ns == 0)
		peer->unreachable_ns = now_ns;
	if (now_ns - peer->unreachable_ns >= UNREACHABLE_MAX_NS) {
		peer->unreachable_ns = now_ns;
		peer_order_all(peer, control->rings, PEER_DROP_STAGED);
	}
	initiate_later(peer, now_ns + NEXT_HOP_RETRY_NS);
	quiet_until(peer, peer->initiate_ns);
}

void
handshake_initiate(struct control *control, struct peer *peer, bool retry)
{
	const uint64_t now_ns = clock_boot_ns(control->clock);
	struct message_initiation message;

	if (!retry)
		timers_initiation_wanted(&peer->timers);
	if (peer->endpoint.port == 0)
		return;
	if (!timers_may_initiate(&peer->timers, now_ns)) {
		/*
		 * A retry meets the guard when a response went out since: initiations crossed, and
		 * neither side can use its answer. T1 does not come again by itself, so the retry
		 * is made up for, with jitter anew, lest both sides cross for ever.
		 */
		if (retry)
			initiate_later(peer,
				peer->timers.last_sent_handshake_ns + REKEY_TIMEOUT_NS +
					random_jitter() % REKEY_JITTER_NS);
		return;
	}
	if (!endpoint_refresh(control, peer)) {
		next_hop_missing(control, peer, now_ns);
		return;
	}
	peer->initiate_ns = 0;
	peer->unreachable_ns = 0;
	if (make_initiation(control, peer, &message, now_ns) != 0) {
		peer->control_drops[DROP_HANDSHAKE_INTERNAL]++;
		/* A key of low order never gets better; all else may. */
		if (!secret_is_zero(peer->remote.static_static, NOISE_KEY_LEN))
			initiate_later(peer, now_ns + FAILED_QUIET_NS);
		quiet_until(peer, now_ns + FAILED_QUIET_NS);
		return;
	}
	timers_initiation_sent(&peer->timers, &peer->stamps, now_ns, random_jitter());
	signs_initiation_sent(peer, now_ns);
	transmit_to_peer(control, peer, &message, sizeof(message), OUTER_HANDSHAKE_TOS);
	peer->initiations_sent++;
}

static void
completed(struct control *control, struct peer *peer)
{
	char key[KEY_ABBREVIATED_MAX];

	timers_handshake_complete(&peer->timers);
	signs_completed(peer, clock_boot_ns(control->clock));
	peer->initiate_ns = 0;
	peer->unreachable_ns = 0;
	if (peer->latest_handshake_ns == 0)
		log_info(control->log, "peer %s: first handshake complete",
			key_abbreviate(peer->remote.public_key, key));
	peer->latest_handshake_ns = clock_real_ns(control->clock);
}

void
handshake_confirmed(struct control *control, struct peer *peer)
{
	if (!peer_promote(peer))
		return;
	completed(control, peer);
	peer_order_all(peer, control->rings, PEER_FLUSH);
}

/* Turns the finished handshake into a session in the role's slot. Returns 0 or a negative errno. */
static int
start_session(struct control *control, struct peer *peer, uint64_t now_ns)
{
	struct noise_session_keys keys;
	struct session *session;
	int error = noise_session_derive(&peer->handshake, &keys);

	if (error != 0)
		return error;
	session = session_create(peer->tunnel->sessions, peer, &keys, now_ns);
	if (session == NULL) {
		index_give(tunnel_indices(peer->tunnel), keys.local_index);
		secret_wipe(&keys, sizeof(keys));
		return -ENOMEM;
	}
	/* A lane may have confirmed the session that is moved now: that must not be lost. */
	handshake_confirmed(control, peer);
	/* Slots first: no lane may see a session of this index that no slot owns. */
	if (keys.initiator)
		peer_install_initiator(peer, session);
	else
		peer_install_responder(peer, session);
	index_set_session(tunnel_indices(peer->tunnel), keys.local_index, session);
	timers_session_derived(&peer->timers, now_ns);
	secret_wipe(&keys, sizeof(keys));
	return 0;
}

static int
respond(struct control *control, struct peer *peer, uint64_t now_ns)
{
	struct message_response message;
	uint32_t index;
	int error = index_take(tunnel_indices(peer->tunnel), peer, &index);

	if (error != 0)
		return error;
	error = noise_response_create(&peer->handshake, &peer->remote, index, NULL, &message);
	if (error != 0) {
		index_give(tunnel_indices(peer->tunnel), index);
		return error;
	}
	cookie_add_macs(&peer->jar, (uint8_t *)&message, sizeof(message), now_ns);
	error = start_session(control, peer, now_ns);
	if (error != 0)
		return error;
	timers_response_sent(&peer->timers, &peer->stamps, now_ns);
	signs_response_sent(peer);
	transmit_to_peer(control, peer, &message, sizeof(message), OUTER_HANDSHAKE_TOS);
	return 0;
}

static enum drop_reason
drop_reason_of(int error)
{
	switch (error) {
	case -EALREADY:
		return DROP_HANDSHAKE_OLD;
	case -EAGAIN:
		return DROP_HANDSHAKE_FLOOD;
	case -EBADMSG:
	case -EINVAL:
		return DROP_HANDSHAKE_AUTH;
	default:
		return DROP_HANDSHAKE_INTERNAL;
	}
}

static void
take_initiation(struct control *control, const struct received *received)
{
	const struct message_initiation *message =
		(const struct message_initiation *)received->message->bytes;
	struct tunnel *tunnel = received->tunnel;
	struct noise_opened opened;
	struct peer *peer;
	bool had_index;
	uint32_t old_index;
	int error = noise_initiation_open(&opened, &tunnel->identity, message);

	if (error != 0) {
		count_drop(received, NULL, DROP_HANDSHAKE_AUTH);
		return;
	}
	peer = key_table_find(tunnel->keys, opened.static_key);
	if (peer == NULL) {
		unknown_keys_note(&tunnel->unknown_keys, opened.static_key,
			&received->message->source, received->now_ns);
		secret_wipe(&opened, sizeof(opened));
		count_drop(received, NULL, DROP_HANDSHAKE_UNKNOWN_PEER);
		return;
	}
	/* Accepting overwrites a handshake of our own that is under way, and so frees its index. */
	had_index = peer->handshake.state == NOISE_INITIATION_CREATED;
	old_index = peer->handshake.local_index;
	error = noise_initiation_accept(&peer->handshake, &opened, &peer->remote, received->now_ns);
	if (error == 0) {
		if (had_index)
			index_give(tunnel_indices(tunnel), old_index);
		signs_initiation_accepted(peer);
		peer->handshake_rx_bytes += received->message->len;
		timers_initiation_received(&peer->timers, &peer->stamps, received->now_ns);
		/* Without a next hop the answer waits for it: see handshake_next_hop_ready. */
		if (endpoint_learn(control, peer, &received->message->source,
			    &received->message->destination.address))
			error = respond(control, peer, received->now_ns);
		handshake_schedule(control, peer);
	}
	if (error == -EALREADY)
		signs_initiation_old(peer, opened.refused_timestamp, clock_real_ns(control->clock));
	if (error != 0)
		count_drop(received, peer, drop_reason_of(error));
}

void
handshake_next_hop_ready(struct control *control, struct peer *peer)
{
	const uint64_t now_ns = clock_boot_ns(control->clock);

	if (peer->handshake.state == NOISE_INITIATION_CONSUMED &&
		now_ns - peer->handshake.last_consumed_ns < REKEY_TIMEOUT_NS) {
		if (respond(control, peer, now_ns) != 0)
			peer->control_drops[DROP_HANDSHAKE_INTERNAL]++;
	} else if (peer->unreachable_ns != 0) {
		handshake_initiate(control, peer, peer->initiate_retry);
	} else {
		return;
	}
	handshake_schedule(control, peer);
}

static void
take_response(struct control *control, const struct received *received)
{
	const struct message_response *message =
		(const struct message_response *)received->message->bytes;
	const uint32_t index = load_le32(message->receiver_index_le32);
	struct tunnel *tunnel = received->tunnel;
	struct peer *peer = index_find_peer(tunnel_indices(tunnel), index);
	int error;

	if (peer == NULL || peer->handshake.local_index != index) {
		count_drop(received, NULL, DROP_HANDSHAKE_UNKNOWN_INDEX);
		return;
	}
	error = noise_response_accept(&peer->handshake, &tunnel->identity, &peer->remote, message);
	if (error == -EINVAL) {
		count_drop(received, peer, DROP_HANDSHAKE_STATE);
		return;
	}
	if (error != 0) {
		signs_response_unauthentic(peer);
		count_drop(received, peer, drop_reason_of(error));
		return;
	}
	endpoint_learn(
		control, peer, &received->message->source, &received->message->destination.address);
	if (start_session(control, peer, received->now_ns) != 0) {
		count_drop(received, peer, DROP_HANDSHAKE_INTERNAL);
		return;
	}
	peer->handshake_rx_bytes += received->message->len;
	completed(control, peer);
	timers_response_received(&peer->timers, &peer->stamps, received->now_ns);
	/* One lane confirms the session to the peer even if it has nothing to send. */
	peer_order_keepalive(peer, control->rings, 0);
	handshake_schedule(control, peer);
}

void
handshake_take_cookie(
	struct control *control, struct tunnel *tunnel, const struct message_cookie_reply *message)
{
	const uint64_t now_ns = clock_boot_ns(control->clock);
	const uint32_t index = load_le32(message->receiver_index_le32);
	const struct index_table *indices = tunnel_indices(tunnel);
	struct peer *peer = index_find_peer(indices, index);
	const struct session *session = index_find_session(indices, index);

	/* A response that was refused has become a session already. */
	if (peer == NULL && session != NULL && session->local_index == index)
		peer = session->peer;
	if (peer == NULL)
		tunnel->drops[DROP_HANDSHAKE_UNKNOWN_INDEX]++;
	else if (cookie_reply_accept(&peer->jar, message, now_ns) != 0)
		peer->control_drops[DROP_HANDSHAKE_STATE]++;
}

void
handshake_take(
	struct control *control, struct tunnel *tunnel, const struct handshake_message *message)
{
	const struct received received = {
		.tunnel = tunnel,
		.message = message,
		.now_ns = clock_boot_ns(control->clock),
	};

	if (message->len == sizeof(struct message_initiation))
		take_initiation(control, &received);
	else
		take_response(control, &received);
}
