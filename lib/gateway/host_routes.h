/*
 * Routes of the host towards the peers of a tunnel.
 * On the packet's way: nowhere; they lead the instance's own packets to the host device.
 * Threads: that which adds or changes tunnels.
 */
#pragma once

#include "control/control.h"
#include "net/tun.h"

struct host_route;

/* The routes of one tunnel; zeroed memory is none. */
struct host_routes {
	struct host_route *routes; /* by prefix; also those that may not be */
	size_t count;
};

/*
 * host_routes_update routes each allowed-ips of the tunnel's peers to the device, and takes back
 * what it routed before and is not theirs any more. Never routed is what would cut the gateway off
 * from its own underlay: default routes, prefixes that overlap a network of the underlay in either
 * direction, and prefixes that hold the endpoint of a peer of any tunnel, in use or configured (as
 * far as it is known: a name may not be resolved yet). Those are named in a warning, once. What
 * goes wrong is said to `log`. Takes the control lock.
 */
void host_routes_update(struct host_routes *routes, const struct tun *tun,
	const struct tunnel *tunnel, struct control *control, const struct log *log);

/* host_routes_fini frees the list; the routes go with the device. */
void host_routes_fini(struct host_routes *routes);
