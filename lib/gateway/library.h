/*
 * What is behind the names of guardlane.h, for the files that implement it.
 * On the packet's way: nowhere.
 * Threads: as guardlane.h says.
 */
#pragma once

#include "config/tunnel_config.h"
#include "gateway/gateway.h"
#include "guardlane.h"

struct gl_config {
	struct tunnel_config *config;
};

struct gl_gateway {
	struct gateway *gateway;
	struct gl_log sink;
	struct log log; /* over `sink` */
	struct rte_mempool *pool;
	bool pool_is_hosts;
	struct rte_mempool *host_pool;
	struct rte_mempool *control_pool;
};

/* What an underlay is, opened in this order, and taken over by the gateway. */
struct library_underlay {
	struct hold *hold; /* NULL: the kernel's stack need not be kept from answering */
	struct port *port;
	struct nexthops *nexthops;
};

/*
 * library_host_underlay fills *underlay for a host application that receives and transmits itself.
 * Returns 0, or a negative errno said to `log`; what has been opened till then is the caller's.
 */
int library_host_underlay(const struct gl_underlay *settings, unsigned lane_count,
	const struct log *log, struct library_underlay *underlay)
	__attribute__((warn_unused_result));

/*
 * library_udp_underlay fills *underlay with sockets of the kernel's, which receive into `pool`, in
 * whose buffers there is room for packets of library_udp_room() bytes. Returns 0, or a negative
 * errno said to the log; what has been opened till then is the caller's.
 */
unsigned library_udp_room(void);
int library_udp_underlay(uint16_t queue_count, struct rte_mempool *pool, const struct log *log,
	struct library_underlay *underlay) __attribute__((warn_unused_result));

/* library_log returns a log that writes to the caller's sink, which must outlive it. */
struct log library_log(const struct gl_log *sink);

/*
 * library_tunnel makes *inner, and *address that it points to, of what the caller says of a tunnel.
 * Returns 0, or -EINVAL said to `log`.
 */
int library_tunnel(const struct gl_tunnel_settings *settings, const struct log *log,
	struct gateway_tunnel_settings *inner, struct prefix *address)
	__attribute__((warn_unused_result));

/*
 * library_vpn_address reads "10.8.3.1" (of a /24; IPv6: a /64) or "10.8.3.1/16" and leaves the host
 * bits as they are. Returns 0 or -EINVAL.
 */
int library_vpn_address(const char *text, struct prefix *address);
