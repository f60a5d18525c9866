/*
 * Where a peer has last sent from, while that is not yet the way to it: a seqlock, written over by
 * whatever comes later, so that the last packet decides, however fast the peer moves.
 * On the packet's way: in_accept; out_peer and out_staged ask whether to wait.
 * Threads: any lane writes, control reads.
 */
#pragma once

#include "base/address.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct roaming_place {
	struct endpoint remote;
	struct endpoint local;
};

#define ROAMING_WORDS (sizeof(struct roaming_place) / sizeof(uint64_t))

/* Zeroed is a peer that has not moved. */
struct roaming {
	_Atomic uint32_t version; /* lanes: odd while one of them writes */
	uint32_t taken; /* control: the version that it took last */
	/* control: the version that is not waited for any more; lanes: read */
	_Atomic uint32_t published;
	/* lanes; a struct roaming_place, in pieces that control may look at meanwhile. */
	_Atomic uint64_t words[ROAMING_WORDS];
};

/*
 * roaming_write leaves a place, over the one before. Returns whether it did: if not, another lane
 * is writing at this very moment, and what it writes is as new. Lanes; wait-free. The caller raises
 * the peer afterwards, if it did.
 */
bool roaming_write(struct roaming *roaming, const struct endpoint *remote,
	const struct endpoint *local) __attribute__((warn_unused_result));

/*
 * roaming_take copies the place that was written last; false if it was taken before, or is being
 * written: then the peer will be raised again. Control.
 */
bool roaming_take(struct roaming *roaming, struct roaming_place *place)
	__attribute__((warn_unused_result));

/*
 * roaming_end tells lanes that the way to the place is published. If there is a newer one they go
 * on waiting for that, unless `let_go`. Control.
 */
void roaming_end(struct roaming *roaming, bool let_go);

/*
 * roaming_pending tells whether there is a place that is not yet published. If not, the way that
 * the caller reads next is at least as new as any place that it has written itself. Lanes.
 *
 * By two versions and no flag: one that is cleared and set again, because a newer place has come
 * meanwhile, would for a moment let packets go by the older way.
 */
static inline bool
roaming_pending(const struct roaming *roaming)
{
	const uint32_t version = atomic_load_explicit(&roaming->version, memory_order_acquire);

	return version != atomic_load_explicit(&roaming->published, memory_order_acquire);
}
