/*
 * The kernel's answers to "which way to this destination?", kept until routes change (inside net).
 * On the packet's way: nowhere.
 * Threads: that of the next hops.
 */
#pragma once

#include "base/address.h"
#include "net/netlink.h"

#include <stdbool.h>
#include <stdint.h>

enum route_kind {
	ROUTE_UNICAST,
	ROUTE_NONE, /* no route, or one that forbids */
	ROUTE_LOCAL, /* to this host, or multicast or broadcast */
};

/* One answer. All but `kind` are valid if there is a route. */
struct route {
	enum route_kind kind;
	uint32_t ifindex; /* by which it leaves */
	struct address via; /* the neighbour: the gateway or the destination itself */
	struct address source; /* ADDRESS_NONE if the host has none to offer */
	uint32_t mtu; /* the route's own; 0 if it has none */
};

/*
 * route_ask asks the kernel. `out_ifindex`, unless 0, is the only interface allowed (link-local
 * destinations); `source`, unless NULL, must be an address of this host; `mark` is that of the
 * packets. Returns 0, or a negative errno if no answer was to be had (ROUTE_NONE is an answer).
 */
int route_ask(struct netlink *netlink, const struct address *destination, uint32_t out_ifindex,
	const struct address *source, uint32_t mark, struct route *route)
	__attribute__((warn_unused_result));

/* Answers by question. */
struct routes {
	void *tree; /* of tsearch(3) */
	size_t count;
	bool failed; /* an answer was not to be had: ask again after a while */
};

/*
 * routes_find is route_ask for questions that may have been asked before. What could not be asked
 * is ROUTE_NONE, not kept, and sets `failed`.
 */
struct route routes_find(struct routes *routes, struct netlink *netlink,
	const struct address *destination, uint32_t out_ifindex, const struct address *source);

/* routes_forget empties it. */
void routes_forget(struct routes *routes);
