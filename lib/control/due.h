/*
 * Peers in order of when their timers must be looked at: a binary heap.
 * On the packet's way: nowhere.
 * Threads: control, under its lock.
 */
#pragma once

#include "tunnel/peer.h"

#include <stdint.h>

/* Zeroed memory is an empty heap. A peer's place is in peer.due_slot (0: not in the heap). */
struct due {
	struct peer **peers; /* peers[1] is the earliest */
	unsigned count;
	unsigned room;
};

/* due_reserve takes the memory for `count` peers. Returns 0 or -ENOMEM. */
int due_reserve(struct due *due, unsigned count) __attribute__((warn_unused_result));
void due_fini(struct due *due);

/* due_set puts the peer in at `due_ns`, or moves it there; the room must have been reserved. */
void due_set(struct due *due, struct peer *peer, uint64_t due_ns);

/* due_remove takes the peer out if it is in. */
void due_remove(struct due *due, struct peer *peer);

/* due_first returns the earliest peer, or NULL. */
struct peer *due_first(const struct due *due);
