/*
 * From the kernel's UDP sockets to frames (inside net only).
 * On the packet's way: where it begins, at a port of the kind udp.
 * Threads: the lane of the queue.
 */
#pragma once

#include "net/udp_sockets.h"

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <stdint.h>

struct udp_receiver;

/* udp_receiver_create makes one for the queue; free() ends it. NULL without memory. */
struct udp_receiver *
udp_receiver_create(struct udp_sockets *sockets, uint16_t queue, struct rte_mempool *pool);

/*
 * udp_receiver_take fills `mbufs` with up to `count` frames of what has come, in its order, and
 * returns how many. What the kernel has joined (UDP_GRO) is taken apart. What is longer than a
 * buffer is dropped. Without buffers it waits for them.
 */
uint16_t udp_receiver_take(struct udp_receiver *receiver, struct rte_mbuf *mbufs[], uint16_t count);
