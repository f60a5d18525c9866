/*
 * Routes of the host towards the peers of a tunnel.
 * On the packet's way: nowhere; they lead the instance's own packets to the host device.
 * Threads: management.
 */
#pragma once

#include "config/tunnel_config.h"
#include "control/control.h"
#include "net/tun.h"

/*
 * host_routes_add routes each allowed-ips of the configuration to the device, but for those that
 * would cut the gateway off from its own underlay: default routes, prefixes that overlap a network
 * of the underlay in either direction, and prefixes that hold the endpoint of a peer, of this
 * configuration or of the tunnels that are there already (as far as they are known: a name is not
 * resolved yet). Those are named in a warning. Takes the control lock.
 */
void
host_routes_add(const struct tun *tun, const struct tunnel_config *config, struct control *control);
