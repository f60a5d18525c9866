/*
 * Changing a gateway that runs, to what its tunnels' files say now.
 * On the packet's way: nowhere.
 * Threads: that of gateway_add_tunnel and gateway_reconfigure; the gateway's own go on meanwhile.
 */
#pragma once

#include "control/reconfigure.h"
#include "gateway/gateway.h"

/*
 * gateway_reconfigure makes the tunnels into what `settings` say, all or nothing: `count` of them,
 * matched by name. What changes is told to `log` line by line, as information; errors as errors,
 * and then nothing has changed. Names of host devices and VPN addresses stay as they are, and a
 * warning says that they wait for a restart. `dry_run`: says it all and does nothing. *counts says
 * how many peers it concerns. Returns 0 or a negative errno.
 */
int gateway_reconfigure(struct gateway *gateway, const struct gateway_tunnel_settings settings[],
	unsigned count, bool dry_run, const struct log *log, struct reconfigure_counts *counts)
	__attribute__((warn_unused_result));

/*
 * gateway_fill_tunnel gives a new tunnel its peers. Returns 0 or a negative errno, said to the
 * gateway's log.
 */
int gateway_fill_tunnel(struct gateway *gateway, struct tunnel *tunnel,
	const struct gateway_tunnel_settings *settings) __attribute__((warn_unused_result));

/*
 * gateway_follow has the routes to the tunnel's host device follow its peers. `gateway` is a struct
 * gateway; for management_follow().
 */
void gateway_follow(void *gateway, const struct tunnel *tunnel, const struct log *log);

/*
 * gateway_check_mtu returns 0 if the configuration's MTU fits the underlay's with what IPv6 outside
 * adds, the most that can be needed; else -EINVAL, said to `log`.
 */
int gateway_check_mtu(const struct gateway *gateway, const struct gateway_tunnel_settings *settings,
	const struct log *log) __attribute__((warn_unused_result));
