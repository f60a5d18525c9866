/*
 * Making and emptying the rings between lanes and control.
 * On the packet's way: beside it.
 * Threads: management; no lane runs.
 */
#include "tunnel/rings.h"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* With relaxed tails a preempted producer does not hold the others up. */
static struct rte_ring *
ring_make(const char *name, const char *what, unsigned lane, unsigned room, unsigned flags)
{
	char full[RTE_RING_NAMESIZE];

	snprintf(full, sizeof(full), "%.12s_%s%u", name, what, lane);
	return rte_ring_create(full, room, (int)rte_socket_id(), flags | RING_F_EXACT_SZ);
}

static void
ring_free_mbufs(struct rte_ring *ring)
{
	void *mbuf;

	if (ring == NULL)
		return;
	while (rte_ring_dequeue(ring, &mbuf) == 0)
		rte_pktmbuf_free(mbuf);
	rte_ring_free(ring);
}

int
rings_init(struct rings *rings, const char *name, unsigned lane_count, unsigned peers_max)
{
	const unsigned from_lanes = RING_F_MP_RTS_ENQ | RING_F_SC_DEQ;
	int error;

	*rings = (struct rings){.bell.fd = -1};
	rings->lanes = calloc(lane_count, sizeof(*rings->lanes));
	if (rings->lanes == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < lane_count; i++)
		rings->lanes[i].bell.fd = -1;
	rings->lane_count = lane_count;
	rings->peers_max = peers_max;
	for (unsigned share = 0; share < RINGS_SHARE_COUNT; share++) {
		rings->handshakes[share] =
			ring_make(name, "handshake", share, RINGS_SHARE_DEPTH, from_lanes);
		if (rings->handshakes[share] == NULL)
			goto no_memory;
	}
	rings->raised = ring_make(name, "raised", 0, peers_max, from_lanes);
	if (rings->raised == NULL)
		goto no_memory;
	error = bell_init(&rings->bell);
	if (error != 0)
		goto fail;
	for (unsigned i = 0; i < lane_count; i++) {
		struct rings_lane *lane = &rings->lanes[i];

		lane->ordered =
			ring_make(name, "order", i, peers_max, RING_F_SP_ENQ | RING_F_SC_DEQ);
		lane->ready = ring_make(
			name, "ready", i, RINGS_READY_DEPTH, RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (lane->ordered == NULL || lane->ready == NULL)
			goto no_memory;
		error = bell_init(&lane->bell);
		if (error != 0)
			goto fail;
	}
	return 0;

no_memory:
	error = -ENOMEM;
fail:
	rings_fini(rings);
	return error;
}

void
rings_fini(struct rings *rings)
{
	for (unsigned i = 0; i < rings->lane_count; i++) {
		rte_ring_free(rings->lanes[i].ordered);
		ring_free_mbufs(rings->lanes[i].ready);
		bell_fini(&rings->lanes[i].bell);
	}
	free(rings->lanes);
	for (unsigned share = 0; share < RINGS_SHARE_COUNT; share++)
		ring_free_mbufs(rings->handshakes[share]);
	rte_ring_free(rings->raised);
	bell_fini(&rings->bell);
	*rings = (struct rings){.bell.fd = -1};
}
