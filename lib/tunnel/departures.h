/*
 * Departures: peers that were removed, until no lane and no ring can know them any more.
 * On the packet's way: beside it.
 * Threads: control, under its lock.
 *
 * A lane can come to know a peer in four ways: by allowed-ips, by a session that an index leads to,
 * by its ring of orders, and by packets that it has staged for the peer. And it may put the peer
 * into the ring `raised`. Who departs goes through three halts:
 *
 * 1. unlinked. Tables and indices do not lead to the peer any more. A lane may be in the middle of
 *    a round and have it from before, or still have it in its ring. When each lane has passed a
 *    quiescent state no lane finds it by a table or an index, so nothing more is staged for it.
 * 2. ordered. Each lane is ordered to forget it: to drop what is staged. A lane takes a peer out of
 *    its ring before it clears the orders, and nobody orders anything for a peer that departs but
 *    this. So a lane without orders for it does not have it in its ring, nor will again. When all
 *    lanes are without, and have passed a quiescent state once more, the order is carried out: no
 *    lane knows the peer, and none will raise it.
 * 3. forgotten. It may have been raised before. As `raised` is filled only by who finds the peer's
 *    mask empty, and emptied before the mask is cleared, a peer whose mask is 0 is not in it. Then
 *    its memory is wiped and free.
 */
#pragma once

#include "tunnel/peer.h"

struct departures {
	struct rings *rings;
	struct reclaim *reclaim;
	TAILQ_HEAD(departing_peers, peer) unlinked, ordered, forgotten; /* each by age */
	unsigned count;
};

/* departures_init prepares it; both are needed as long as it is. */
void departures_init(struct departures *departures, struct rings *rings, struct reclaim *reclaim);

/* departures_fini frees all who still depart; no lane may run any more. */
void departures_fini(struct departures *departures);

/*
 * departures_add has the peer depart. It is out of its tunnel's list, keys and allowed-ips, and out
 * of `due`; this takes its sessions, its handshake, its way and its keys.
 */
void departures_add(struct departures *departures, struct peer *peer);

/* departures_poll moves everybody on who can be; returns how many still depart. */
unsigned departures_poll(struct departures *departures);
