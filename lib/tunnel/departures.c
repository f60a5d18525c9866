/*
 * Departures: three queues, and what a peer waits for in each.
 * On the packet's way: beside it.
 * Threads: control, under its lock.
 */
#include "tunnel/departures.h"

#include "tunnel/tunnel.h"

#include <stdlib.h>

void
departures_init(struct departures *departures, struct rings *rings, struct reclaim *reclaim)
{
	*departures = (struct departures){.rings = rings, .reclaim = reclaim};
	TAILQ_INIT(&departures->unlinked);
	TAILQ_INIT(&departures->ordered);
	TAILQ_INIT(&departures->forgotten);
}

void
departures_add(struct departures *departures, struct peer *peer)
{
	peer_erase_sessions(peer);
	peer_erase_handshake(peer);
	/* Cannot fail: it takes no memory to publish none. */
	if (peer_set_encap(peer, NULL) != 0)
		abort();
	/* Lanes never read these, so they need not wait. */
	secret_wipe(&peer->remote, sizeof(peer->remote));
	secret_wipe(&peer->jar, sizeof(peer->jar));
	peer->departing = true;
	peer->departure_token = reclaim_start(departures->reclaim);
	TAILQ_INSERT_TAIL(&departures->unlinked, peer, entry);
	departures->count++;
}

static void
move(struct peer *peer, struct departing_peers *from, struct departing_peers *to)
{
	TAILQ_REMOVE(from, peer, entry);
	TAILQ_INSERT_TAIL(to, peer, entry);
}

static bool
has_orders(const struct departures *departures, const struct peer *peer)
{
	for (unsigned lane = 0; lane < departures->rings->lane_count; lane++)
		if (atomic_load_explicit(&peer->lanes[lane].orders, memory_order_acquire) != 0)
			return true;
	return false;
}

/*
 * A queue stops at the first who must wait: who came later has a later token, and orders are
 * carried out in the order in which they were given.
 */
unsigned
departures_poll(struct departures *departures)
{
	struct peer *peer;

	while ((peer = TAILQ_FIRST(&departures->unlinked)) != NULL &&
		reclaim_passed(departures->reclaim, peer->departure_token)) {
		peer_order_all(peer, departures->rings, PEER_FORGET);
		move(peer, &departures->unlinked, &departures->ordered);
	}
	while ((peer = TAILQ_FIRST(&departures->ordered)) != NULL &&
		!has_orders(departures, peer)) {
		peer->departure_token = reclaim_start(departures->reclaim);
		move(peer, &departures->ordered, &departures->forgotten);
	}
	while ((peer = TAILQ_FIRST(&departures->forgotten)) != NULL &&
		reclaim_passed(departures->reclaim, peer->departure_token) &&
		atomic_load_explicit(&peer->raised, memory_order_acquire) == 0) {
		TAILQ_REMOVE(&departures->forgotten, peer, entry);
		departures->count--;
		peer_discard(peer);
	}
	return departures->count;
}

static void
discard_all(struct departing_peers *peers)
{
	struct peer *peer;

	while ((peer = TAILQ_FIRST(peers)) != NULL) {
		TAILQ_REMOVE(peers, peer, entry);
		peer_discard(peer);
	}
}

void
departures_fini(struct departures *departures)
{
	discard_all(&departures->unlinked);
	discard_all(&departures->ordered);
	discard_all(&departures->forgotten);
	departures->count = 0;
}
