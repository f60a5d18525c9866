/*
 * Counting what happens in a row.
 * On the packet's way: nowhere.
 * Threads: control, under its lock.
 */
#include "control/signs.h"

#include "proto/tai64n.h"

#include <string.h>

void
signs_initiation_sent(struct peer *peer, uint64_t now_ns)
{
	if (peer->signs.unanswered++ == 0)
		peer->signs.unanswered_ns = now_ns;
}

void
signs_response_sent(struct peer *peer)
{
	peer->signs.unconfirmed++;
}

void
signs_response_unauthentic(struct peer *peer)
{
	peer->signs.unauthentic++;
}

void
signs_initiation_accepted(struct peer *peer)
{
	peer->signs.old = 0;
}

void
signs_initiation_old(
	struct peer *peer, const uint8_t timestamp[MESSAGE_TIMESTAMP_LEN], uint64_t real_ns)
{
	struct peer_signs *signs = &peer->signs;
	const uint64_t stamp_ns = tai64n_real_ns(timestamp);

	if (stamp_ns <= signs->old_stamp_ns)
		return;
	signs->old_stamp_ns = stamp_ns;
	signs->old_came_ns = real_ns;
	signs->old++;
}

void
signs_data_unanswered(struct peer *peer)
{
	peer->signs.data_unanswered = true;
}

/*
 * A peer that gets data answers within 10 s, if only by a keepalive. So when data has stayed
 * unanswered for 15 s, and yet the handshake completes that this asked for, then handshakes alone
 * arrive there, or come back.
 */
static void
note_vain(struct peer *peer)
{
	struct peer_signs *signs = &peer->signs;
	struct peer_totals totals;

	peer_totals_read(peer, &totals);
	if (signs->data_unanswered && totals.rx_packets == signs->vain_received)
		signs->vain++;
	else
		signs->vain = 0;
	signs->data_unanswered = false;
	signs->vain_received = totals.rx_packets;
}

void
signs_completed(struct peer *peer, uint64_t now_ns)
{
	struct peer_signs *signs = &peer->signs;

	note_vain(peer);
	signs->handshakes++;
	signs->completed_ns = now_ns;
	signs->unanswered = 0;
	signs->unauthentic = 0;
	signs->unconfirmed = 0;
	signs->old = 0;
}

void
signs_next_hop(struct peer *peer, const struct nexthop *nexthop, enum drop_reason obstacle,
	uint64_t now_ns)
{
	const struct encap *old = atomic_load_explicit(&peer->encap, memory_order_relaxed);

	if (old == NULL || old->obstacle != obstacle)
		peer->signs.obstacle_ns = now_ns;
	peer->signs.nexthop = (uint8_t)nexthop->state;
	memcpy(peer->signs.elsewhere, nexthop->elsewhere, sizeof(peer->signs.elsewhere));
}
