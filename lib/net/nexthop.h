/*
 * Next hops: by which addresses and MACs a packet reaches an endpoint from the underlay port.
 * On the packet's way: beside it; out_encap's header templates are made from it.
 * Threads: the control side's, under its lock.
 */
#pragma once

#include "base/address.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nexthop_state {
	NEXTHOP_READY,
	NEXTHOP_RESOLVING, /* the neighbour's MAC is not known; it has been asked for */
	NEXTHOP_NO_ROUTE,
	NEXTHOP_ELSEWHERE, /* the route leaves through another interface than the underlay's */
	NEXTHOP_LOCAL, /* the destination is an address of this host, multicast or broadcast */
};

struct nexthop {
	enum nexthop_state state;
	uint8_t destination_mac[6]; /* valid if READY */
	uint8_t source_mac[6];
	struct address source; /* valid if READY or RESOLVING */
	uint32_t mtu; /* of the path's first hop, in bytes, for IP packets; 0 if not known */
	char elsewhere[16]; /* the other interface's name if ELSEWHERE */
};

struct nexthops;

struct nexthops_ops {
	void (*resolve)(struct nexthops *nexthops, const struct address *destination,
		uint32_t scope_id, const struct address *source, uint32_t mark,
		struct nexthop *nexthop);
	int (*process)(struct nexthops *nexthops);
	size_t (*local)(const struct nexthops *nexthops, struct address addresses[], size_t max);
	size_t (*networks)(const struct nexthops *nexthops, struct prefix networks[], size_t max);
	void (*destroy)(struct nexthops *nexthops);
};

/* A source of next hops; backends embed it as their first member. */
struct nexthops {
	const struct nexthops_ops *ops;
	int fd; /* readable when nexthops_process() has something to do; -1 if never */
	uint32_t ifindex; /* of the underlay's interface; 0 if there is none */
	bool sockets; /* the kernel sends and receives; it knows the ways, and our addresses */
};

/*
 * nexthops_resolve answers for packets to `destination` (scope_id for link-local ones). `source`,
 * unless NULL or no longer ours, is the local address to be kept; otherwise the route's preferred
 * one is taken. `mark` is that of the packets, where the kernel sends them; else it does not
 * matter. If the neighbour is not known it is asked for, and a later nexthops_process() will
 * return 1. May enter the kernel and wait for its answer (tens of microseconds).
 */
static inline void
nexthops_resolve(struct nexthops *nexthops, const struct address *destination, uint32_t scope_id,
	const struct address *source, uint32_t mark, struct nexthop *nexthop)
{
	nexthops->ops->resolve(nexthops, destination, scope_id, source, mark, nexthop);
}

/*
 * nexthops_process takes in what the kernel has reported. Returns 1 if answers may have changed
 * (resolve again what you hold), 0 if not, or a negative errno. Does not wait.
 */
static inline int
nexthops_process(struct nexthops *nexthops)
{
	return nexthops->ops->process(nexthops);
}

/* nexthops_local writes up to `max` addresses of the underlay's interface; returns how many. */
static inline size_t
nexthops_local(const struct nexthops *nexthops, struct address addresses[], size_t max)
{
	return nexthops->ops->local(nexthops, addresses, max);
}

/*
 * nexthops_networks writes up to `max` networks that are on-link at the underlay's interface, by
 * its addresses; returns how many. Host bits are zero; one may be there twice.
 */
static inline size_t
nexthops_networks(const struct nexthops *nexthops, struct prefix networks[], size_t max)
{
	return nexthops->ops->networks(nexthops, networks, max);
}

static inline void
nexthops_destroy(struct nexthops *nexthops)
{
	if (nexthops != NULL)
		nexthops->ops->destroy(nexthops);
}

/*
 * nexthops_netlink_create follows routes, neighbours, addresses and the link of the kernel's
 * interface `iface` by netlink, in the calling thread's network namespace. Neighbours asked for
 * are kept fresh by the kernel (managed entries) where it can, else probed again before they age.
 * A neighbour that stops answering keeps its last MAC until a new one is known. Returns 0, or a
 * negative errno with one line in `log`.
 */
int nexthops_netlink_create(const char *iface, const struct log *log, struct nexthops **nexthops)
	__attribute__((warn_unused_result));

/*
 * nexthops_static_create answers READY for every destination, with the given MACs, MTU and source
 * addresses (one for each family or ADDRESS_NONE). For memory ports. Returns NULL without memory.
 */
struct nexthops *nexthops_static_create(const uint8_t source_mac[6],
	const uint8_t destination_mac[6], const struct address *source4,
	const struct address *source6, uint32_t mtu);

/*
 * nexthop_interface_to finds the interface by which the kernel would route to `destination`.
 * Returns 0 with its name in `iface`, or -ENETUNREACH, or another negative errno.
 */
int nexthop_interface_to(const struct address *destination, char iface[static 16])
	__attribute__((warn_unused_result));
