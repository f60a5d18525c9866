/*
 * A binary heap of peers.
 * On the packet's way: nowhere.
 * Threads: control, under its lock.
 */
#include "control/due.h"

#include <errno.h>
#include <stdlib.h>

int
due_reserve(struct due *due, unsigned count)
{
	struct peer **peers;

	if (count <= due->room)
		return 0;
	peers = realloc(due->peers, (count + 1) * sizeof(struct peer *));
	if (peers == NULL)
		return -ENOMEM;
	due->peers = peers;
	due->room = count;
	return 0;
}

void
due_fini(struct due *due)
{
	free(due->peers);
	*due = (struct due){.count = 0};
}

static void
put(struct due *due, unsigned slot, struct peer *peer)
{
	due->peers[slot] = peer;
	peer->due_slot = slot;
}

static void
sift_up(struct due *due, unsigned slot, struct peer *peer)
{
	for (; slot > 1 && due->peers[slot / 2]->due_ns > peer->due_ns; slot /= 2)
		put(due, slot, due->peers[slot / 2]);
	put(due, slot, peer);
}

static void
sift_down(struct due *due, unsigned slot, struct peer *peer)
{
	unsigned child;

	while ((child = slot * 2) <= due->count) {
		if (child < due->count && due->peers[child + 1]->due_ns < due->peers[child]->due_ns)
			child++;
		if (due->peers[child]->due_ns >= peer->due_ns)
			break;
		put(due, slot, due->peers[child]);
		slot = child;
	}
	put(due, slot, peer);
}

void
due_set(struct due *due, struct peer *peer, uint64_t due_ns)
{
	const uint64_t before_ns = peer->due_ns;

	peer->due_ns = due_ns;
	if (peer->due_slot == 0)
		sift_up(due, ++due->count, peer);
	else if (due_ns < before_ns)
		sift_up(due, peer->due_slot, peer);
	else
		sift_down(due, peer->due_slot, peer);
}

void
due_remove(struct due *due, struct peer *peer)
{
	const unsigned slot = peer->due_slot;
	struct peer *last;

	if (slot == 0)
		return;
	peer->due_slot = 0;
	last = due->peers[due->count--];
	if (last == peer)
		return;
	if (slot > 1 && due->peers[slot / 2]->due_ns > last->due_ns)
		sift_up(due, slot, last);
	else
		sift_down(due, slot, last);
}

struct peer *
due_first(const struct due *due)
{
	return due->count == 0 ? NULL : due->peers[1];
}
