/*
 * Believes authentic packets, run by run: only here does anything about a session or peer change.
 * On the packet's way: in, 4 of 5. Padded inner packet in, inner packet out; keepalives end.
 * Threads: the lane that owns the batch. Source: WireGuard paper 5.4.6, 6; PROTOCOL order.
 */
#include "datapath/stages.h"

#include "wire/inner.h"
#include "wire/message.h"

#include <string.h>

/* The last inner source that was looked up, and whose it is: neighbours mostly share it. */
struct source_memo {
	uint8_t bytes[16];
	uint8_t version; /* 0: nothing yet */
	const struct tunnel *tunnel;
	const struct peer *owner;
};

static const struct peer *
source_owner(struct source_memo *memo, struct tunnel *tunnel, const struct inner *inner)
{
	const size_t len = inner->version == 4 ? 4 : 16;

	if (memo->version == inner->version && memo->tunnel == tunnel &&
		memcmp(memo->bytes, inner->source, len) == 0)
		return memo->owner;
	memcpy(memo->bytes, inner->source, len);
	memo->version = inner->version;
	memo->tunnel = tunnel;
	memo->owner = tunnel_find_inner(tunnel, inner->version, inner->source);
	return memo->owner;
}

static void
check_replay(struct lane *lane, struct batch *batch, const struct run *run)
{
	uint64_t counters[BATCH_MAX];
	uint8_t numbers[BATCH_MAX];
	unsigned count = 0;
	uint64_t fresh;

	MASK_FOREACH (i, run->mask & batch->live) {
		counters[count] = batch->packets[i].counter;
		numbers[count++] = (uint8_t)i;
	}
	if (count == 0)
		return;
	fresh = replay_accept(&run->session->replay, counters, count);
	MASK_FOREACH (k, fresh)
		if (counters[k] == REJECT_AFTER_MESSAGES - 1)
			atomic_store_explicit(
				&run->session->receive_closed, true, memory_order_relaxed);
	MASK_FOREACH (k, ~fresh & (UINT64_MAX >> (64 - count)))
		batch_drop(lane, batch, numbers[k], run->peer, DROP_IN_REPLAY);
}

/*
 * The endpoint follows the last packet of the run. Control publishes the new way; until it has,
 * what is to be sent is staged, and whatever comes, from the old place too, says anew where the
 * peer is. Pending is asked first: where nothing is, the way that is read is the newest.
 */
static void
follow_endpoint(struct lane *lane, const struct batch *batch, const struct run *run)
{
	const struct outer *outer = &batch->packets[run->last].outer;
	struct peer *peer = run->peer;
	const bool pending = roaming_pending(&peer->roaming);
	const struct encap *encap = atomic_load_explicit(&peer->encap, memory_order_acquire);

	if (!pending && encap != NULL && endpoint_equal(&encap->remote, &outer->source) &&
		address_equal(&encap->local.address, &outer->destination.address))
		return;
	/* It stays where it is; but the address of ours that it sends to from there counts. */
	if (atomic_load_explicit(&peer->fixed, memory_order_relaxed) &&
		(encap == NULL || !endpoint_equal(&encap->remote, &outer->source)))
		return;
	/* What came later, on another session of the peer's, has said where it is. */
	for (const struct run *other = batch->runs; other < run; other++)
		if (other->peer == peer && other->last > run->last)
			return;
	/* No peer is at an address of ours, whatever its packets say. */
	if (directory_is_local(lane->directory, &outer->source.address))
		return;
	if (!roaming_write(&peer->roaming, &outer->source, &outer->destination))
		return;
	peer_raise(peer, lane->settings.rings, PEER_ROAMED);
	lane->wake_control = true;
}

static void
confirm(struct lane *lane, struct session *session)
{
	if (atomic_load_explicit(&session->confirmed, memory_order_relaxed))
		return;
	if (atomic_exchange_explicit(&session->confirmed, true, memory_order_acq_rel))
		return;
	peer_raise(session->peer, lane->settings.rings, PEER_CONFIRMED);
	lane->wake_control = true;
}

/* What authentic, fresh packets mean for session and peer, whatever is inside them. */
static void
believe(struct lane *lane, struct batch *batch, struct run *run, uint64_t fresh)
{
	struct peer *peer = run->peer;

	run->last = 63 - (unsigned)__builtin_clzll(fresh);
	follow_endpoint(lane, batch, run);
	confirm(lane, run->session);
	stamps_received(&peer->stamps, batch->now_ns);
	if (session_wants_rekey_after_receive(run->session, batch->now_ns))
		lane_want_session(lane, peer, batch->now_ns);
}

/* Returns DROP_COUNT if the packet is to be delivered. */
static enum drop_reason
check_inner(struct packet *packet, const struct peer *peer, struct source_memo *memo)
{
	struct inner inner;

	if (!inner_parse(packet->data, packet->len, &inner))
		return DROP_IN_INNER;
	if (source_owner(memo, packet->tunnel, &inner) != peer)
		return DROP_IN_SOURCE;
	packet->len = inner.len;
	inner_ecn_decap(packet->data, packet->tos);
	return DROP_COUNT;
}

static void
accept_run(struct lane *lane, struct batch *batch, struct run *run, struct source_memo *memo)
{
	struct peer_lane *counters = &run->peer->lanes[lane->settings.id];
	uint64_t fresh;
	uint64_t rx_bytes = 0;
	unsigned rx_packets = 0;
	bool data = false;

	run->last = 0;
	check_replay(lane, batch, run);
	fresh = run->mask & batch->live;
	if (fresh == 0)
		return;
	believe(lane, batch, run, fresh);
	MASK_FOREACH (i, fresh) {
		struct packet *packet = &batch->packets[i];
		const uint32_t message_len = packet->len + MESSAGE_DATA_OVERHEAD;
		enum drop_reason reason;

		if (packet->len == 0) {
			counters->rx_keepalives++;
			batch_end(batch, (unsigned)i);
		} else {
			data = true;
			reason = check_inner(packet, run->peer, memo);
			if (reason != DROP_COUNT) {
				batch_drop(lane, batch, (unsigned)i, run->peer, reason);
				continue;
			}
			packet->peer = run->peer;
		}
		rx_packets++;
		rx_bytes += message_len;
	}
	counters->rx_packets += rx_packets;
	counters->rx_bytes += rx_bytes;
	if (data)
		stamps_data_received(&run->peer->stamps, batch->now_ns);
}

void
in_accept(struct lane *lane, struct batch *batch)
{
	struct source_memo memo = {.version = 0};

	for (unsigned r = 0; r < batch->run_count; r++)
		accept_run(lane, batch, &batch->runs[r], &memo);
}
