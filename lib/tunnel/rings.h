/*
 * The rings between lanes and the control side. All bounded.
 * On the packet's way: handshake messages leave it here, frames of our own join it here.
 * Threads: see each field.
 */
#pragma once

#include "tunnel/bell.h"

#include <rte_ring.h>

/*
 * Handshake messages have a ring by what they show before anything is computed for them: whether
 * they come from where a peer is (table/known_sources.h), and whether they have a mac2. Either can
 * be made up; but who floods one ring leaves room in the others.
 */
enum rings_share {
	RINGS_STRANGERS = 0,
	RINGS_MAC2 = 1 << 0,
	RINGS_KNOWN = 1 << 1,
	RINGS_SHARE_COUNT = 1 << 2,
};

/* Those that wait for the handshake thread in one ring, and in all. */
#define RINGS_SHARE_DEPTH 1024
#define RINGS_HANDSHAKE_DEPTH (RINGS_SHARE_COUNT * RINGS_SHARE_DEPTH)
/* Frames of our own that wait for a lane. */
#define RINGS_READY_DEPTH 1024

struct rings_lane {
	/* control: puts peers with peer_lane.orders set; lane: takes. Never full: rings_init. */
	struct rte_ring *ordered;
	/* control: puts whole frames (mbufs); lane: transmits them on the underlay. */
	struct rte_ring *ready;
	struct bell bell; /* the lane sleeps on it */
};

struct rings {
	/* lanes: put messages (mbufs, data at the outer frame); control: takes. Full: dropped. */
	struct rte_ring *handshakes[RINGS_SHARE_COUNT]; /* by bits of enum rings_share */
	/* lanes: put peers with peer.raised set; control: takes. Never full: see rings_init. */
	struct rte_ring *raised;
	struct bell bell; /* the handshake thread sleeps on it */
	unsigned lane_count;
	unsigned peers_max; /* that there is room for, those that depart included */
	struct rings_lane *lanes;
};

/*
 * rings_init makes the rings for `lane_count` lanes and at most `peers_max` peers in all. A peer is
 * put into `raised`, or into one lane's `ordered`, only when it is not in there (its mask of what
 * is asked for was empty), so rings with room for all peers never fill. Returns 0 or a negative
 * errno.
 */
int rings_init(struct rings *rings, const char *name, unsigned lane_count, unsigned peers_max)
	__attribute__((warn_unused_result));

/* rings_handshake_count returns how many messages wait for the handshake thread. Any thread. */
static inline unsigned
rings_handshake_count(const struct rings *rings)
{
	unsigned count = 0;

	for (unsigned share = 0; share < RINGS_SHARE_COUNT; share++)
		count += rte_ring_count(rings->handshakes[share]);
	return count;
}

/* rings_fini frees the rings and the mbufs that wait in them. No lane may run. */
void rings_fini(struct rings *rings);
