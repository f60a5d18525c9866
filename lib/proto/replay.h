/*
 * The replay window of a session: which counters were seen, advanced without locks.
 * On the packet's way: in_accept, after the AEAD has said yes.
 * Threads: any number of lanes at once; every counter is accepted once over all of them.
 * Source: RFC 6479's idea (a ring of words), WireGuard paper 5.4.6.
 */
#pragma once

#include <stdint.h>

/* A counter is accepted if it is at most this far behind the newest one. */
#define REPLAY_WINDOW 8128
#define REPLAY_BLOCK_BITS 64
#define REPLAY_BLOCKS 128 /* x 64 = 8192: the window and the block that is being filled */

/*
 * The bits of 64 counters and the number (counter / 64) of the block that they stand for, changed
 * together by a 16-byte compare-and-swap: a bit can never be credited to another round of the ring.
 */
struct replay_block {
	uint64_t number;
	uint64_t seen;
} __attribute__((aligned(16)));

/* Zeroed memory is an empty window. */
struct replay {
	struct replay_block blocks[REPLAY_BLOCKS];
	/*
	 * The number of the block with the highest counter accepted; atomic; only grows. Not that
	 * counter itself: so it is written once in 64 counters, and a burst dirties one line.
	 */
	uint64_t newest;
};

/*
 * replay_accept marks `count` (0..64) counters of authentic packets as seen, in order, and returns
 * the mask of those that were new: bit i for counters[i]. A counter is refused if it was seen
 * before (also earlier in the same call), if it is more than REPLAY_WINDOW behind the newest, or if
 * it is REJECT_AFTER_MESSAGES or more. Neighbours in one block of 64 share one compare-and-swap.
 */
uint64_t replay_accept(struct replay *replay, const uint64_t counters[], unsigned count)
	__attribute__((warn_unused_result));

/* replay_newest returns the highest counter accepted so far (0 also if none). */
uint64_t replay_newest(const struct replay *replay);

/* replay_prefetch asks for the words that replay_accept will touch for `counter`. */
static inline void
replay_prefetch(const struct replay *replay, uint64_t counter)
{
	__builtin_prefetch(&replay->blocks[counter / REPLAY_BLOCK_BITS % REPLAY_BLOCKS], 1);
	__builtin_prefetch(&replay->newest, 1);
}
