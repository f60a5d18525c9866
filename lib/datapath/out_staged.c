/*
 * Packets that wait for a session, the peer's new way or a neighbour on it, and the orders of
 * control: send them, keep alive, give up.
 * On the packet's way: between out_peer and out_number, for as long as a handshake takes.
 * Threads: the lane that owns the batch.
 */
#include "datapath/stages.h"

#include "wire/inner.h"

static struct rte_mbuf *
staged_take(struct lane *lane, struct staged *staged)
{
	struct rte_mbuf *mbuf = staged->first;

	if (mbuf == NULL)
		return NULL;
	staged->first = mbuf->next;
	mbuf->next = NULL;
	staged->count--;
	lane->staged_count--;
	return mbuf;
}

static void
staged_put(struct lane *lane, struct staged *staged, struct rte_mbuf *mbuf)
{
	if (staged->first == NULL)
		staged->first = mbuf;
	else
		staged->last->next = mbuf;
	staged->last = mbuf;
	staged->count++;
	lane->staged_count++;
}

static void
staged_drop_oldest(struct lane *lane, struct peer *peer, enum drop_reason reason)
{
	lane_count_drop(lane, peer, reason);
	rte_pktmbuf_free(staged_take(lane, &peer->lanes[lane->settings.id].staged));
}

void
out_stage(struct lane *lane, struct batch *batch, unsigned i, struct peer *peer)
{
	struct peer_lane *part = &peer->lanes[lane->settings.id];
	struct packet *packet = &batch->packets[i];
	struct rte_mbuf *mbuf = packet->mbuf;

	if (packet->version == 0) {
		/* A keepalive has nothing to wait with. */
		batch_end(batch, i);
		return;
	}
	if (part->staged.count >= lane->settings.staged_peer_max) {
		staged_drop_oldest(lane, peer, DROP_OUT_STAGED_FULL);
	} else if (lane->staged_count >= lane->settings.staged_max) {
		/* Others fill the lane's share: the peer may trade its own oldest only. */
		if (part->staged.count == 0) {
			batch_drop(lane, batch, i, peer, DROP_OUT_STAGED_FULL);
			return;
		}
		staged_drop_oldest(lane, peer, DROP_OUT_STAGED_FULL);
	}
	batch->live &= ~(UINT64_C(1) << i);
	mbuf->data_off = (uint16_t)(packet->data - (uint8_t *)mbuf->buf_addr);
	mbuf->data_len = (uint16_t)packet->len;
	mbuf->pkt_len = packet->len;
	staged_put(lane, &part->staged, mbuf);
}

/* The packet was a good one when it was staged. */
static void
join_staged(struct batch *batch, struct rte_mbuf *mbuf, struct peer *peer, struct session *session)
{
	const unsigned i = batch->count;
	struct packet *packet = batch_add(batch, mbuf);
	struct inner inner;

	packet->tunnel = peer->tunnel;
	packet->peer = peer;
	packet->data = rte_pktmbuf_mtod(mbuf, uint8_t *);
	packet->len = rte_pktmbuf_data_len(mbuf);
	packet->version = 0;
	packet->tos = 0;
	if (inner_parse(packet->data, packet->len, &inner)) {
		packet->version = inner.version;
		packet->tos = inner_ecn_encap(inner.tos);
	}
	batch_join(batch, i, session);
}

/* Returns whether anything was sent; packets stay staged if there is no session, or no way yet. */
static bool
flush(struct lane *lane, struct batch *batch, struct peer *peer)
{
	struct staged *staged = &peer->lanes[lane->settings.id].staged;
	bool sent = false;

	while (staged->count > 0 && !peer_send_waits(peer)) {
		struct session *session;

		batch_begin(batch, clock_boot_ns(lane->settings.clock));
		session = peer_send_session(peer, batch->now_ns);
		if (session == NULL) {
			lane_want_session(lane, peer, batch->now_ns);
			break;
		}
		while (staged->count > 0 && batch->count < BATCH_MAX)
			join_staged(batch, staged_take(lane, staged), peer, session);
		out_way(lane, batch);
		sent = true;
		/* The last counters went to others: what is staged now waits for a new session. */
		if (atomic_load_explicit(&session->send_closed, memory_order_relaxed))
			break;
	}
	return sent;
}

static void
keepalive(struct lane *lane, struct batch *batch, struct peer *peer)
{
	struct session *session;
	struct rte_mbuf *mbuf;

	batch_begin(batch, clock_boot_ns(lane->settings.clock));
	session = peer_send_session(peer, batch->now_ns);
	if (session == NULL) {
		lane_want_session(lane, peer, batch->now_ns);
		return;
	}
	mbuf = rte_pktmbuf_alloc(lane->settings.pool);
	if (mbuf == NULL) {
		lane_count_drop(lane, peer, DROP_OUT_NO_BUFFER);
		return;
	}
	join_staged(batch, mbuf, peer, session);
	out_way(lane, batch);
}

static void
carry_out(struct lane *lane, struct batch *batch, struct peer *peer, uint32_t orders)
{
	struct staged *staged = &peer->lanes[lane->settings.id].staged;

	if (orders & (PEER_DROP_STAGED | PEER_FORGET))
		while (staged->count > 0)
			staged_drop_oldest(lane, peer,
				orders & PEER_FORGET ? DROP_OUT_NO_PEER : DROP_OUT_GAVE_UP);
	if (orders & PEER_FORGET)
		return;
	if (!flush(lane, batch, peer) && (orders & PEER_KEEPALIVE) && staged->count == 0)
		keepalive(lane, batch, peer);
	if (orders & PEER_KEEPALIVE_AGAIN)
		stamps_owe_keepalive(&peer->stamps, clock_boot_ns(lane->settings.clock));
}

unsigned
out_ordered(struct lane *lane, struct batch *batch)
{
	struct rte_ring *ring = lane->settings.rings->lanes[lane->settings.id].ordered;
	void *peers[LANE_BURST];
	unsigned left;
	unsigned count = rte_ring_dequeue_burst(ring, peers, LANE_BURST, &left);

	if (count + left > lane->ordered_most)
		lane->ordered_most = count + left;
	for (unsigned k = 0; k < count; k++) {
		/* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): by the ring */
		struct peer *peer = peers[k];
		/* Taken before they are carried out: what is ordered meanwhile comes again. */
		const uint32_t orders = atomic_exchange_explicit(
			&peer->lanes[lane->settings.id].orders, 0, memory_order_acq_rel);

		carry_out(lane, batch, peer, orders);
	}
	return count;
}
