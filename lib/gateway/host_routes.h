/*
 * Routes of the host towards the peers of a tunnel.
 * On the packet's way: nowhere; they lead the instance's own packets to the host device.
 * Threads: management.
 */
#pragma once

#include "config/tunnel_config.h"
#include "net/nexthop.h"
#include "net/tun.h"

/*
 * host_routes_add routes each allowed-ips of the configuration to the device, but for those that
 * would cut the gateway off from its own underlay: default routes, and prefixes that hold a peer's
 * endpoint or an address of the underlay. Those are named in a warning.
 */
void host_routes_add(const struct tun *tun, const struct tunnel_config *config,
	const struct nexthops *nexthops, const struct log *log);
