/*
 * Lanes: dedicated lcores that carry packets both ways, run to completion.
 * On the packet's way: a lane is who walks it; the stages are in stages.h.
 * Threads: a lane belongs to its lcore; counters are read by control.
 */
#pragma once

#include "base/clock.h"
#include "crypto/aead.h"
#include "datapath/batch.h"
#include "net/port.h"
#include "table/known_sources.h"
#include "tunnel/directory.h"
#include "tunnel/drop.h"
#include "tunnel/reclaim.h"
#include "tunnel/rings.h"
#include "tunnel/sources.h"

#include <rte_mbuf_dyn.h>
#include <rte_mempool.h>
#include <rte_prefetch.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LANE_BURST 64
/* ICMP errors of one lane: this many at once, and one more for each interval. */
#define LANE_ICMP_BURST 50
#define LANE_ICMP_INTERVAL_NS (10 * NS_IN_MS)
/* Naps of an idle lane that polls adaptively: the longest, which is also the added latency. */
#define LANE_NAP_MAX_NS NS_IN_MS

/* What a lane is made from; all of it outlives the lane. */
struct lane_settings {
	unsigned id; /* 0 and up: also the queue on every port, and the lane's part of a peer */
	bool busy; /* never sleep, and never enter the kernel to wake others */
	struct port *underlay;
	struct rings *rings;
	struct known_sources *known; /* where peers are */
	struct reclaim *reclaim;
	_Atomic(struct directory *) *directory;
	struct rte_mempool *pool; /* for packets of our own */
	struct aead *aead; /* this lane's */
	const struct clock *clock;
	unsigned staged_max; /* packets that wait for sessions, over all peers */
	unsigned staged_peer_max; /* and of one peer: this lane's share of STAGED_MAX */
};

struct lane {
	struct lane_settings settings;
	const struct directory *directory; /* of this round */
	unsigned staged_count;
	/* The caller of lane_round sets these, before it. */
	uint16_t burst; /* frames to be received in a round; 1 to LANE_BURST */
	int origin_offset; /* of the field for struct origin in inner packets' mbufs; < 0: none */
	struct rte_mbuf **others; /* room for frames that are not for us; NULL: they are freed */
	uint16_t other_count; /* how many have been put there */
	bool wake_control; /* something was put into rings->handshakes or rings->raised */
	bool wake_inner; /* something was put into an inner port */
	unsigned icmp_tokens;
	uint64_t icmp_refill_ns;
	unsigned work; /* what the last round took from anywhere */
	uint64_t round_ns; /* boot clock: when it began; 0: there was none yet */
	/* lane: writes; control: reads */
	uint64_t rounds;
	uint64_t busy_rounds;
	uint64_t busy_ns; /* spent in rounds that had work to do */
	uint64_t total_ns; /* in all rounds, and the naps between them */
	uint64_t rx_frames; /* from the underlay port */
	uint64_t rx_bursts; /* that brought them */
	uint64_t rx_other; /* frames that are not for us */
	uint64_t out_packets; /* from inner ports */
	uint64_t out_bursts;
	uint64_t icmp_sent;
	uint32_t ready_most; /* entries that ever waited in the ring */
	uint32_t ordered_most;
	uint64_t drops[DROP_COUNT];
	struct sources fragments;
	struct batch batch;
};

/* lane_init prepares the lane; nothing runs yet. */
void lane_init(struct lane *lane, const struct lane_settings *settings);

/* lane_in carries one burst from the underlay port inwards; returns how many frames it took. */
unsigned lane_in(struct lane *lane);

/* lane_out carries one burst of the tunnel's inner port outwards; returns how many packets. */
unsigned lane_out(struct lane *lane, struct tunnel *tunnel);

/*
 * lane_round does one round: in, out for every tunnel, frames of control, orders; then reports
 * quiescent and wakes who got work. Returns how many packets it took from anywhere. The lane must
 * be online (reclaim_online).
 */
unsigned lane_round(struct lane *lane);

/*
 * lane_send carries packets out that wait at the tunnel's inner port, between two rounds, until
 * there are none. The lane must be online.
 */
void lane_send(struct lane *lane, struct tunnel *tunnel);

/* lane_run rounds until *stop, from the calling thread, sleeping when idle unless busy. */
void lane_run(struct lane *lane, const _Atomic bool *stop);

/* lane_count_drop counts one drop, for the lane and, unless NULL, for the peer. */
static inline void
lane_count_drop(struct lane *lane, struct peer *peer, enum drop_reason reason)
{
	lane->drops[reason]++;
	if (peer != NULL)
		peer->lanes[lane->settings.id].drops[reason]++;
}

/* lane_write_origin writes where an inner packet comes from into its mbuf's field. */
static inline void
lane_write_origin(const struct lane *lane, struct rte_mbuf *mbuf, const struct tunnel *tunnel,
	uint32_t peer_number)
{
	*RTE_MBUF_DYNFIELD(mbuf, lane->origin_offset, struct origin *) = (struct origin){
		.peer = peer_number,
		.tunnel = tunnel->number,
	};
}

/* lane_wake_inner has whoever is at the other end of an inner port woken after the round. */
static inline void
lane_wake_inner(struct lane *lane, const struct tunnel *tunnel, const struct port *port)
{
	/* The host thread may sleep; a pipeline's port says itself when somebody does. */
	if (port == tunnel->inner || atomic_load_explicit(&port->wants_kick, memory_order_relaxed))
		lane->wake_inner = true;
}

/* lane_want_session asks the handshake thread for a session of the peer, if that makes sense. */
static inline void
lane_want_session(struct lane *lane, struct peer *peer, uint64_t now_ns)
{
	if (!stamps_wanted(&peer->stamps, now_ns))
		return;
	peer_raise(peer, lane->settings.rings, PEER_WANTS_SESSION);
	lane->wake_control = true;
}

/*
 * lane_prefetch_run asks for what the stages behind the AEAD will touch of a run's peer, so that it
 * comes in while the AEAD works: way, stamps, counters. Measured with 1,000 peers and packets of
 * 1,424 bytes, in cycles a packet: 1,799 -> 1,554 in, 1,584 -> 1,439 out.
 */
static inline void
lane_prefetch_run(const struct lane *lane, const struct run *run)
{
	const struct peer *peer = run->peer;
	const struct encap *encap = atomic_load_explicit(&peer->encap, memory_order_acquire);

	if (encap != NULL) {
		rte_prefetch1(encap);
		rte_prefetch1(&encap->header.checksum);
	}
	rte_prefetch1(&peer->stamps);
	rte_prefetch1(&peer->lanes[lane->settings.id]);
}
