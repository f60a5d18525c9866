/*
 * Slots, way and counters of a peer.
 * On the packet's way: beside it.
 * Threads: control, under its lock.
 */
#include "tunnel/peer.h"

#include "tunnel/tunnel.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void
peer_order(struct peer *peer, struct rings *rings, unsigned lane, uint32_t bits)
{
	struct peer_lane *part = &peer->lanes[lane];

	if (atomic_fetch_or_explicit(&part->orders, bits, memory_order_acq_rel) == 0)
		rte_ring_enqueue(rings->lanes[lane].ordered, peer);
	bell_ring(&rings->lanes[lane].bell);
}

void
peer_order_all(struct peer *peer, struct rings *rings, uint32_t bits)
{
	for (unsigned lane = 0; lane < rings->lane_count; lane++)
		peer_order(peer, rings, lane, bits);
}

void
peer_order_keepalive(struct peer *peer, struct rings *rings, uint32_t also)
{
	peer_order(peer, rings, 0, PEER_KEEPALIVE | also);
	for (unsigned lane = 1; lane < rings->lane_count; lane++)
		peer_order(peer, rings, lane, PEER_FLUSH);
}

static struct session *
slot_take(_Atomic(struct session *) *slot)
{
	return atomic_exchange_explicit(slot, NULL, memory_order_acq_rel);
}

static void
session_drop(struct peer *peer, struct session *session)
{
	if (session == NULL)
		return;
	index_give(tunnel_indices(peer->tunnel), session->local_index);
	session_retire(session, peer->tunnel->reclaim);
}

static void
set_previous(struct peer *peer, struct session *session)
{
	session_drop(peer, peer->previous);
	peer->previous = session;
}

void
peer_install_initiator(struct peer *peer, struct session *session)
{
	struct session *next;
	struct session *current;

	peer_promote(peer);
	next = slot_take(&peer->next);
	current = atomic_exchange_explicit(&peer->current, session, memory_order_acq_rel);
	if (next != NULL) {
		set_previous(peer, next);
		session_drop(peer, current);
	} else {
		set_previous(peer, current);
	}
}

void
peer_install_responder(struct peer *peer, struct session *session)
{
	peer_promote(peer);
	session_drop(peer, atomic_exchange_explicit(&peer->next, session, memory_order_acq_rel));
	set_previous(peer, NULL);
}

bool
peer_promote(struct peer *peer)
{
	struct session *next = atomic_load_explicit(&peer->next, memory_order_relaxed);
	struct session *current;

	if (next == NULL || !atomic_load_explicit(&next->confirmed, memory_order_acquire))
		return false;
	/* In this order: a lane that looks in between finds the session in one slot at least. */
	current = atomic_exchange_explicit(&peer->current, next, memory_order_acq_rel);
	atomic_store_explicit(&peer->next, NULL, memory_order_release);
	set_previous(peer, current);
	return true;
}

void
peer_erase_sessions(struct peer *peer)
{
	session_drop(peer, slot_take(&peer->next));
	session_drop(peer, slot_take(&peer->current));
	set_previous(peer, NULL);
}

void
peer_erase_handshake(struct peer *peer)
{
	if (peer->handshake.state == NOISE_INITIATION_CREATED)
		index_give(tunnel_indices(peer->tunnel), peer->handshake.local_index);
	noise_handshake_erase(&peer->handshake);
}

static void
encap_free(struct reclaim_item *item)
{
	free((char *)item - offsetof(struct encap, reclaim));
}

int
encaps_reserve(struct encap **spare, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct encap *encap = malloc(sizeof(*encap));

		if (encap == NULL)
			return -ENOMEM;
		encap->spare = *spare;
		*spare = encap;
	}
	return 0;
}

/* From the list if there is one: nobody else knows that memory. */
static struct encap *
encap_take(struct encap **spare)
{
	struct encap *encap = *spare;

	if (encap == NULL)
		return malloc(sizeof(*encap));
	*spare = encap->spare;
	return encap;
}

void
encaps_release(struct encap **spare)
{
	while (*spare != NULL)
		free(encap_take(spare));
}

int
peer_set_encap(struct peer *peer, const struct encap *encap)
{
	struct encap *copy = NULL;
	struct encap *old;

	if (encap != NULL) {
		copy = encap_take(&peer->tunnel->spare_encaps);
		if (copy == NULL)
			return -ENOMEM;
		*copy = *encap;
	}
	old = atomic_exchange_explicit(&peer->encap, copy, memory_order_acq_rel);
	if (old != NULL)
		reclaim_defer(peer->tunnel->reclaim, &old->reclaim, encap_free);
	return 0;
}

static void
free_staged(struct staged *staged)
{
	while (staged->first != NULL) {
		struct rte_mbuf *mbuf = staged->first;

		staged->first = mbuf->next;
		mbuf->next = NULL;
		rte_pktmbuf_free(mbuf);
	}
}

void
peer_discard(struct peer *peer)
{
	for (unsigned lane = 0; lane < peer->tunnel->lane_count; lane++)
		free_staged(&peer->lanes[lane].staged);
	free(peer->allowed_ips);
	free(peer->configured);
	secret_give(peer->tunnel->peers_memory, peer);
}

void
peer_totals_read(const struct peer *peer, struct peer_totals *totals)
{
	memset(totals, 0, sizeof(*totals));
	totals->rx_bytes = peer->handshake_rx_bytes;
	totals->tx_bytes = peer->handshake_tx_bytes;
	for (unsigned reason = 0; reason < DROP_COUNT; reason++)
		totals->drops[reason] = peer->control_drops[reason];
	for (unsigned i = 0; i < peer->tunnel->lane_count; i++) {
		const struct peer_lane *lane = &peer->lanes[i];

		totals->rx_packets += __atomic_load_n(&lane->rx_packets, __ATOMIC_RELAXED);
		totals->rx_bytes += __atomic_load_n(&lane->rx_bytes, __ATOMIC_RELAXED);
		totals->tx_packets += __atomic_load_n(&lane->tx_packets, __ATOMIC_RELAXED);
		totals->tx_bytes += __atomic_load_n(&lane->tx_bytes, __ATOMIC_RELAXED);
		totals->rx_keepalives += __atomic_load_n(&lane->rx_keepalives, __ATOMIC_RELAXED);
		totals->tx_keepalives += __atomic_load_n(&lane->tx_keepalives, __ATOMIC_RELAXED);
		for (unsigned reason = 0; reason < DROP_PACKET_COUNT; reason++)
			totals->drops[reason] +=
				__atomic_load_n(&lane->drops[reason], __ATOMIC_RELAXED);
	}
}
