/*
 * A port that is plain UDP sockets of the kernel's: for where nothing better is permitted.
 * On the packet's way: in_receive's and out_transmit's port, when it is one.
 * Threads: a queue belongs to one lane; opening and closing to management, with no lane running.
 */
#pragma once

#include "net/nexthop.h"
#include "net/port.h"
#include "net/udp_sockets.h"

/*
 * port_udp_mtu tells in *mtu the longest IP packet that any interface of this host but loopback
 * carries now; 1,500 if there is none.
 */
void port_udp_mtu(uint16_t *mtu);

/*
 * port_udp_create makes a port over the sockets, which are the caller's and must outlive it, for
 * packets of up to `mtu` bytes with their IP headers. What is received goes into buffers of `pool`.
 * The frames are made up (udp_frame.h). Returns 0, or -ENOMEM with one line in `log`.
 */
int port_udp_create(struct udp_sockets *sockets, uint16_t mtu, struct rte_mempool *pool,
	const struct log *log, struct port **port) __attribute__((warn_unused_result));

/*
 * nexthops_udp_create follows what the kernel knows of the ways to endpoints: there is one, and its
 * MTU, as ICMP has told. Sources that are given are kept while they are the host's; else the kernel
 * chooses, and the answer's source is the zero address. Local addresses and networks are none: all
 * that the sockets bring is for this host. The sockets must outlive it. Returns 0, or a negative
 * errno with one line in `log`.
 */
int nexthops_udp_create(struct udp_sockets *sockets, const struct log *log,
	struct nexthops **nexthops) __attribute__((warn_unused_result));
