/*
 * Both roles of the handshake.
 * On the packet's way: beside it.
 * Threads: control, under its lock. Source: WireGuard paper 5.4.2 to 5.4.5, 6.
 */
#include "control/handshake.h"

#include "base/bytes.h"
#include "base/random.h"
#include "control/endpoint.h"
#include "control/transmit.h"
#include "proto/tai64n.h"
#include "wire/message.h"
#include "wire/outer.h"

#include <rte_mbuf.h>

#include <errno.h>
#include <string.h>

/* How often a peer whose next hop is not known is tried again by itself. */
#define NEXT_HOP_RETRY_NS NS_IN_S
/* After an initiation that could not be made, packets ask in vain for this long. */
#define FAILED_QUIET_NS NS_IN_S
#define RAISED_ROUND_MAX 64
#define DUE_ROUND_MAX 64
/* How often memory that lanes may hold is looked at while some waits. */
#define RECLAIM_INTERVAL_NS (10 * NS_IN_MS)
/* Longest sleep when lanes ring no bells, and otherwise. */
#define SLEEP_BUSY_NS NS_IN_MS
#define SLEEP_MAX_NS (60 * NS_IN_S)

/* A received handshake message and where it came from. */
struct received {
	struct tunnel *tunnel;
	const struct outer *outer;
	const uint8_t *message;
	size_t len;
	uint64_t now_ns;
};

static uint32_t
random_u32(void)
{
	uint32_t value;

	/* Jitter only: zero will do when the kernel has no random numbers. */
	return random_fill(&value, sizeof(value)) == 0 ? value : 0;
}

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
	due_set(&control->due, peer, due_ns);
}

/* A new index for the handshake of the peer, the old one's freed. Returns 0 or a negative errno. */
static int
renew_index(struct peer *peer, uint32_t *index)
{
	return index_take(tunnel_indices(peer->tunnel), peer, index);
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
	int error = renew_index(peer, &index);

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
			peer->initiate_ns = peer->timers.last_sent_handshake_ns + REKEY_TIMEOUT_NS +
				random_u32() % REKEY_JITTER_NS;
		return;
	}
	if (!endpoint_refresh(control, peer)) {
		peer->initiate_ns = now_ns + NEXT_HOP_RETRY_NS;
		atomic_store_explicit(
			&peer->stamps.quiet_until_ns, peer->initiate_ns, memory_order_relaxed);
		return;
	}
	peer->initiate_ns = 0;
	if (make_initiation(control, peer, &message, now_ns) != 0) {
		peer->control_drops[DROP_HANDSHAKE_INTERNAL]++;
		atomic_store_explicit(&peer->stamps.quiet_until_ns, now_ns + FAILED_QUIET_NS,
			memory_order_relaxed);
		return;
	}
	timers_initiation_sent(&peer->timers, &peer->stamps, now_ns, random_u32());
	transmit_to_peer(control, peer, &message, sizeof(message), OUTER_HANDSHAKE_TOS);
	peer->initiations_sent++;
}

/* Turns the finished handshake into a session in the role's slot. Returns 0 or a negative errno. */
static int
start_session(struct peer *peer, uint64_t now_ns)
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

static void
completed(struct control *control, struct peer *peer)
{
	char key[KEY_ABBREVIATED_MAX];

	timers_handshake_complete(&peer->timers);
	peer->initiate_ns = 0;
	if (peer->latest_handshake_ns == 0)
		log_info(control->log, "peer %s: first handshake complete",
			key_abbreviate(peer->remote.public_key, key));
	peer->latest_handshake_ns = clock_real_ns(control->clock);
}

static int
respond(struct control *control, struct peer *peer, uint64_t now_ns)
{
	struct message_response message;
	uint32_t index;
	int error = renew_index(peer, &index);

	if (error != 0)
		return error;
	error = noise_response_create(&peer->handshake, &peer->remote, index, NULL, &message);
	if (error != 0) {
		index_give(tunnel_indices(peer->tunnel), index);
		return error;
	}
	cookie_add_macs(&peer->jar, (uint8_t *)&message, sizeof(message), now_ns);
	error = start_session(peer, now_ns);
	if (error != 0)
		return error;
	timers_response_sent(&peer->timers, &peer->stamps, now_ns);
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
		(const struct message_initiation *)received->message;
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
		endpoint_set(control, peer, &received->outer->source,
			&received->outer->destination.address);
		peer->handshake_rx_bytes += received->len;
		timers_initiation_received(&peer->timers, &peer->stamps, received->now_ns);
		error = respond(control, peer, received->now_ns);
	}
	if (error != 0)
		count_drop(received, peer, drop_reason_of(error));
	handshake_schedule(control, peer);
}

static void
take_response(struct control *control, const struct received *received)
{
	const struct message_response *message = (const struct message_response *)received->message;
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
		count_drop(received, peer, drop_reason_of(error));
		return;
	}
	endpoint_set(
		control, peer, &received->outer->source, &received->outer->destination.address);
	if (start_session(peer, received->now_ns) != 0) {
		count_drop(received, peer, DROP_HANDSHAKE_INTERNAL);
		return;
	}
	peer->handshake_rx_bytes += received->len;
	completed(control, peer);
	timers_response_received(&peer->timers, &peer->stamps, received->now_ns);
	/* One lane confirms the session to the peer even if it has nothing to send. */
	peer_order_all(peer, control->rings, PEER_FLUSH);
	peer_order(peer, control->rings, 0, PEER_KEEPALIVE);
	handshake_schedule(control, peer);
}

static void
take_cookie_reply(struct control *control, const struct received *received)
{
	const struct message_cookie_reply *message =
		(const struct message_cookie_reply *)received->message;
	const uint32_t index = load_le32(message->receiver_index_le32);
	const struct index_table *indices = tunnel_indices(received->tunnel);
	struct peer *peer = index_find_peer(indices, index);
	const struct session *session = index_find_session(indices, index);

	/* A response that was refused has become a session already. */
	if (peer == NULL && session != NULL && session->local_index == index)
		peer = session->peer;
	if (peer == NULL)
		count_drop(received, NULL, DROP_HANDSHAKE_UNKNOWN_INDEX);
	else if (cookie_reply_accept(&peer->jar, message, received->now_ns) != 0)
		count_drop(received, peer, DROP_HANDSHAKE_STATE);
}

/* The frame was judged by in_receive: it is a handshake message of the right length for us. */
static void
take_message(struct control *control, struct rte_mbuf *mbuf)
{
	const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	const struct directory *directory =
		atomic_load_explicit(&control->directory, memory_order_relaxed);
	struct outer outer;
	struct received received = {.now_ns = clock_boot_ns(control->clock), .outer = &outer};
	enum message_type type;

	if (outer_parse(frame, rte_pktmbuf_data_len(mbuf), &outer) != OUTER_OK)
		return;
	received.tunnel = directory_tunnel(directory, outer.destination.port);
	if (received.tunnel == NULL)
		return;
	received.message = frame + outer.payload_offset;
	received.len = outer.payload_len;
	type = message_classify(received.message, received.len);
	if (type == MESSAGE_COOKIE_REPLY) {
		take_cookie_reply(control, &received);
		return;
	}
	/* Under load is decided here, by the depth of the ring, once cookies are asked for. */
	if (cookie_check(&received.tunnel->checker, received.message, received.len, &outer.source,
		    false, received.now_ns) == COOKIE_INVALID) {
		count_drop(&received, NULL, DROP_HANDSHAKE_MAC);
		return;
	}
	if (type == MESSAGE_INITIATION)
		take_initiation(control, &received);
	else
		take_response(control, &received);
}

static unsigned
take_messages(struct control *control)
{
	void *mbufs[HANDSHAKE_ROUND_MAX];
	unsigned count = rte_ring_dequeue_burst(
		control->rings->handshakes, mbufs, HANDSHAKE_ROUND_MAX, NULL);

	for (unsigned i = 0; i < count; i++) {
		take_message(control, mbufs[i]);
		rte_pktmbuf_free(mbufs[i]);
	}
	return count;
}

static void
take_raised_peer(struct control *control, struct peer *peer)
{
	/* Taken before it is looked at: what is raised meanwhile comes again. */
	const uint32_t bits = atomic_exchange_explicit(&peer->raised, 0, memory_order_acq_rel);

	if (bits & PEER_ROAMED)
		endpoint_roamed(control, peer);
	if ((bits & PEER_CONFIRMED) && peer_promote(peer)) {
		completed(control, peer);
		peer_order_all(peer, control->rings, PEER_FLUSH);
	}
	if (bits & PEER_WANTS_SESSION)
		handshake_initiate(control, peer, false);
	handshake_schedule(control, peer);
}

static unsigned
take_raised(struct control *control)
{
	void *peers[RAISED_ROUND_MAX];
	unsigned count =
		rte_ring_dequeue_burst(control->rings->raised, peers, RAISED_ROUND_MAX, NULL);

	for (unsigned i = 0; i < count; i++)
		take_raised_peer(control, peers[i]);
	return count;
}

static void
do_due(struct control *control, struct peer *peer, uint64_t now_ns)
{
	unsigned actions;

	if (peer->initiate_ns != 0 && now_ns >= peer->initiate_ns) {
		peer->initiate_ns = 0;
		handshake_initiate(control, peer, false);
	}
	actions = timers_due(&peer->timers, &peer->stamps, now_ns, random_u32());
	/* In the order that timers_due() asks for: what is begun now must not be erased. */
	if (actions & TIMERS_ERASE) {
		peer_erase_sessions(peer);
		peer_erase_handshake(peer);
	}
	if (actions & TIMERS_FORGET_SOURCE)
		endpoint_forget_source(control, peer);
	if (actions & TIMERS_GIVE_UP)
		peer_order_all(peer, control->rings, PEER_DROP_STAGED);
	if (actions & TIMERS_INITIATE)
		handshake_initiate(control, peer, true);
	if (actions & TIMERS_KEEPALIVE) {
		const bool again = (actions & TIMERS_KEEPALIVE_AGAIN) != 0;

		peer_order_all(peer, control->rings, PEER_FLUSH);
		peer_order(peer, control->rings, 0,
			PEER_KEEPALIVE | (again ? PEER_KEEPALIVE_AGAIN : 0));
	}
	handshake_schedule(control, peer);
}

static unsigned
do_all_due(struct control *control)
{
	const uint64_t now_ns = clock_boot_ns(control->clock);
	struct peer *peer;
	unsigned count = 0;

	while (count < DUE_ROUND_MAX && (peer = due_first(&control->due)) != NULL &&
		peer->due_ns <= now_ns) {
		do_due(control, peer, now_ns);
		count++;
	}
	return count;
}

unsigned
handshake_round(struct control *control, uint64_t *next_ns)
{
	const struct peer *first;
	unsigned waiting;
	unsigned work = take_raised(control);

	work += take_messages(control);
	work += do_all_due(control);
	waiting = reclaim_poll(control->reclaim);
	if (next_ns != NULL) {
		const uint64_t now_ns = clock_boot_ns(control->clock);

		first = due_first(&control->due);
		*next_ns = first == NULL ? UINT64_MAX : first->due_ns;
		if (waiting > 0 && *next_ns > now_ns + RECLAIM_INTERVAL_NS)
			*next_ns = now_ns + RECLAIM_INTERVAL_NS;
	}
	return work;
}

static uint64_t
sleep_ns(const struct control *control, uint64_t next_ns)
{
	const uint64_t now_ns = clock_boot_ns(control->clock);
	const uint64_t most_ns = control->lanes_busy ? SLEEP_BUSY_NS : SLEEP_MAX_NS;

	if (next_ns <= now_ns)
		return 0;
	return next_ns - now_ns < most_ns ? next_ns - now_ns : most_ns;
}

void
handshake_run(struct control *control, const _Atomic bool *stop)
{
	struct rings *rings = control->rings;
	struct pollfd fd;
	uint64_t next_ns;
	unsigned work;

	while (!atomic_load_explicit(stop, memory_order_relaxed)) {
		control_lock(control);
		work = handshake_round(control, &next_ns);
		control_unlock(control);
		if (work > 0)
			continue;
		bell_sleep_begin(&rings->bell);
		if (!rte_ring_empty(rings->handshakes) || !rte_ring_empty(rings->raised) ||
			atomic_load_explicit(stop, memory_order_relaxed))
			bell_sleep_end(&rings->bell);
		else
			bell_sleep(&rings->bell, &fd, 0, sleep_ns(control, next_ns));
	}
}
