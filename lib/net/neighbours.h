/*
 * MAC addresses of the neighbours that are needed, as the kernel resolves them (inside net).
 * On the packet's way: nowhere.
 * Threads: that of the next hops.
 */
#pragma once

#include "base/address.h"
#include "base/log.h"
#include "net/netlink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Only neighbours that are found again from time to time are kept; see neighbours_refresh. */
struct neighbours {
	struct netlink *netlink;
	const struct log *log;
	uint32_t ifindex;
	int wanted; /* an eventfd: written when who may has to ask; see neighbours_find */
	void *tree; /* of tsearch(3) */
	size_t count;
	size_t managed_count; /* of them, those that we have had managed by the kernel */
};

/*
 * neighbours_init prepares an empty table for the interface, and removes from the kernel what a
 * killed gateway left there. `wanted` is an eventfd of the caller's, see neighbours_find.
 * neighbours_fini removes our own entries from the kernel and frees.
 */
void neighbours_init(struct neighbours *neighbours, struct netlink *netlink, uint32_t ifindex,
	int wanted, const struct log *log);
void neighbours_fini(struct neighbours *neighbours);

/*
 * neighbours_find gives the MAC of `address` and returns true, or asks for it and returns false.
 * Once found, a neighbour keeps its last MAC also while the kernel cannot reach it. A thread that
 * may not ask (CAP_NET_ADMIN) makes `wanted` readable instead: find it again from one that may.
 */
bool neighbours_find(
	struct neighbours *neighbours, const struct address *address, uint8_t mac[static 6]);

/*
 * neighbours_event takes in one RTM_NEWNEIGH or RTM_DELNEIGH. Returns true if neighbours_find
 * would now answer otherwise, or has to be called so that the kernel is asked again.
 */
bool neighbours_event(struct neighbours *neighbours, const struct nlmsghdr *message);

/* neighbours_resync, when events were lost: the kernel is asked anew about each that is found. */
void neighbours_resync(struct neighbours *neighbours);

/*
 * neighbours_refresh is to be called every ten seconds. Returns true if there is any neighbour:
 * find again all that you need. That keeps those fresh that the kernel does not by itself; what is
 * not found from one refresh to the next but one is given up, in the kernel too.
 */
bool neighbours_refresh(struct neighbours *neighbours);
