/*
 * Finds the peer of each inner packet by its destination, and the peer's session.
 * On the packet's way: out, 2 of 6. Packets without a session are staged, and those whose peer is
 * about to get a new way.
 * Threads: the lane that owns the batch.
 */
#include "datapath/stages.h"

#include "wire/inner.h"

#include <string.h>

/* The last destination that was looked up, and whose it is: neighbours mostly share it. */
struct destination_memo {
	uint8_t bytes[16];
	uint8_t version; /* 0: nothing yet */
	struct peer *peer;
};

static struct peer *
destination_peer(struct destination_memo *memo, const struct packet *packet)
{
	const bool v4 = packet->version == 4;
	const size_t len = v4 ? 4 : 16;
	const uint8_t *destination = packet->data + (v4 ? 16 : 24);

	if (memo->version == packet->version && memcmp(memo->bytes, destination, len) == 0)
		return memo->peer;
	memcpy(memo->bytes, destination, len);
	memo->version = packet->version;
	memo->peer = tunnel_find_inner(packet->tunnel, packet->version, destination);
	return memo->peer;
}

/* Whether the packet may go to the peer at all; refuses it if not. */
static bool
passable(struct lane *lane, struct batch *batch, unsigned i, struct peer *peer)
{
	const struct packet *packet = &batch->packets[i];

	if (peer == NULL) {
		out_refuse(lane, batch, i, NULL, DROP_OUT_NO_PEER, ICMP_HOST_UNREACHABLE);
		return false;
	}
	if (atomic_load_explicit(&peer->encap, memory_order_acquire) == NULL) {
		out_refuse(lane, batch, i, peer, DROP_OUT_NO_ENDPOINT, ICMP_HOST_UNREACHABLE);
		return false;
	}
	if (packet->len > atomic_load_explicit(&packet->tunnel->mtu, memory_order_relaxed)) {
		out_refuse(lane, batch, i, peer, DROP_OUT_TOO_BIG, ICMP_TOO_BIG);
		return false;
	}
	return true;
}

void
out_peer(struct lane *lane, struct batch *batch)
{
	struct destination_memo memo = {.version = 0};

	MASK_FOREACH (i, batch->live) {
		struct packet *packet = &batch->packets[i];
		struct session *session;
		struct peer *peer = destination_peer(&memo, packet);

		if (!passable(lane, batch, (unsigned)i, peer))
			continue;
		packet->peer = peer;
		session = peer_send_session(peer, batch->now_ns);
		if (session == NULL)
			lane_want_session(lane, peer, batch->now_ns);
		/* Behind packets that wait, so that none overtakes them. */
		if (session == NULL || peer_send_waits(peer) ||
			peer->lanes[lane->settings.id].staged.count > 0)
			out_stage(lane, batch, (unsigned)i, peer);
		else
			batch_join(batch, (unsigned)i, session);
	}
}
