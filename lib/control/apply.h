/*
 * From a checked configuration to the peers of a tunnel.
 * On the packet's way: nowhere.
 * Threads: management; takes the control lock.
 */
#pragma once

#include "config/tunnel_config.h"
#include "control/control.h"
#include "control/resolver.h"

/* Initiations at start are spread over this time. */
#define APPLY_SPREAD_NS NS_IN_S

/*
 * apply_config gives a tunnel without peers all those of `config`, publishes their allowed-ips, and
 * has an initiation sent to each that has an endpoint, spread over APPLY_SPREAD_NS. Endpoints'
 * ports are `peer_port` unless that is 0. Returns 0, or a negative errno with one line in the log;
 * the tunnel is then good for destruction only.
 */
int apply_config(struct control *control, struct resolver *resolver, struct tunnel *tunnel,
	const struct tunnel_config *config, uint16_t peer_port) __attribute__((warn_unused_result));
