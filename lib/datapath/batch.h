/*
 * Batches: up to 64 packets, of any sessions, that go through the stages together.
 * On the packet's way: every stage takes one.
 * Threads: a batch belongs to one lane.
 */
#pragma once

#include "base/address.h"
#include "tunnel/drop.h"
#include "tunnel/peer.h"
#include "tunnel/session.h"
#include "tunnel/tunnel.h"
#include "wire/outer.h"

#include <rte_mbuf.h>

#include <stdint.h>

#define BATCH_MAX 64
/* Slots of the little hash from session to run: twice the runs that a batch can have. */
#define BATCH_RUN_SLOTS 128

/* One packet of a batch; its number is its place in order of arrival. */
struct packet {
	struct rte_mbuf *mbuf;
	uint8_t *data; /* in: message until in_open, then inner packet; out: inner, then message */
	uint64_t counter; /* of the session */
	struct tunnel *tunnel;
	struct peer *peer; /* out: from out_peer on; in: from in_accept on */
	uint32_t len; /* bytes at data */
	uint32_t message_len; /* out: of the data message, from out_number on */
	uint8_t tos; /* traffic class: in: received outer; out: outer to be sent */
	uint8_t version; /* out: of the inner packet, 4 or 6; 0 for a keepalive */
	struct outer outer; /* in */
};

/* Where an inner packet comes from, for those who take it from a port of their own. */
struct origin {
	uint32_t peer; /* its number; 0: no peer, we ourselves */
	uint32_t tunnel; /* its number */
};

/* The packets of a batch that share a session. */
struct run {
	uint64_t mask; /* packets by number; those dropped since stay in it */
	struct session *session;
	struct peer *peer;
	unsigned last; /* in: its last packet that was fresh, or 0, from in_accept on */
};

struct batch {
	/* Packets that are still on their way; see batch_drop, batch_end, out_stage. */
	uint64_t live;
	uint64_t now_ns; /* boot clock, read once for the batch */
	struct port *inner; /* out: where its packets came from, and answers go to */
	unsigned count;
	unsigned run_count;
	struct run runs[BATCH_MAX];
	uint8_t run_slots[BATCH_RUN_SLOTS]; /* by low bits of the session's index; run + 1 or 0 */
	struct packet packets[BATCH_MAX];
};

/* NOLINTBEGIN(bugprone-macro-parentheses): i is declared */
/* MASK_FOREACH(i, mask) runs its body for every set bit of a 64-bit mask, lowest first. */
#define MASK_FOREACH(i, mask) \
	for (uint64_t left_##i = (mask), i; \
		left_##i != 0 && (i = (uint64_t)__builtin_ctzll(left_##i), 1); \
		left_##i &= left_##i - 1)
/* NOLINTEND(bugprone-macro-parentheses) */

struct lane;

/* batch_begin empties the batch. */
void batch_begin(struct batch *batch, uint64_t now_ns);

/* batch_add appends a packet, live, and returns it; the batch must have room. */
static inline struct packet *
batch_add(struct batch *batch, struct rte_mbuf *mbuf)
{
	struct packet *packet = &batch->packets[batch->count];

	batch->live |= UINT64_C(1) << batch->count++;
	packet->mbuf = mbuf;
	return packet;
}

/* batch_join puts packet i into the run of `session`, making one if there is none yet. */
void batch_join(struct batch *batch, unsigned i, struct session *session);

/*
 * batch_drop is the only way for a packet to be lost: clears its live bit,
 * counts the reason for the lane and, unless NULL, for the peer, and frees the buffer.
 */
void batch_drop(struct lane *lane, struct batch *batch, unsigned i, struct peer *peer,
	enum drop_reason reason);

/* batch_end ends the way of a packet that has served its purpose (a keepalive): no drop. */
static inline void
batch_end(struct batch *batch, unsigned i)
{
	batch->live &= ~(UINT64_C(1) << i);
	rte_pktmbuf_free(batch->packets[i].mbuf);
}

/* batch_drop_mask drops all packets of `mask`. */
void batch_drop_mask(struct lane *lane, struct batch *batch, uint64_t mask, struct peer *peer,
	enum drop_reason reason);
