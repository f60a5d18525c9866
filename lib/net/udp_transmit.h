/*
 * From frames to the kernel's UDP sockets (inside net only).
 * On the packet's way: where it ends, at a port of the kind udp.
 * Threads: the lane of the queue.
 */
#pragma once

#include "net/udp_sockets.h"

#include <rte_mbuf.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct udp_transmitter {
	struct udp_sockets *sockets;
	/* Lanes. The kernel takes runs of packets as one (UDP_SEGMENT), as far as is known. */
	_Atomic bool segments;
};

/* udp_transmitter_init makes one over the sockets. */
void udp_transmitter_init(struct udp_transmitter *transmitter, struct udp_sockets *sockets);

/*
 * udp_transmitter_give is port_transmit on the queue. Packets of one way and length that follow one
 * another, the last perhaps shorter, leave as one, for the kernel or the NIC to take apart. What
 * the kernel will not send, whatever time it is given, counts as handed over, and into *refused.
 */
uint16_t udp_transmitter_give(struct udp_transmitter *transmitter, uint16_t queue,
	struct rte_mbuf *mbufs[], uint16_t count, uint16_t *refused);
