/*
 * The kernel's UDP sockets of a port of the kind udp: for each UDP port of a tunnel one in each
 * family, for each queue.
 * On the packet's way: under the port (inside net only).
 * Threads: opening and closing to management; in between they are the queue's lane's.
 */
#pragma once

#include "net/hold.h"

#include <rte_common.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Of each tunnel the present port and, while it moves, the next one. */
#define UDP_PORTS_MAX 16

enum udp_family { UDP_IPV4, UDP_IPV6, UDP_FAMILY_COUNT };

struct udp_port {
	_Atomic bool open; /* management: writes; lanes: read; the rest is valid if so */
	uint16_t port;
	uint32_t mark;
	int (*fds)[UDP_FAMILY_COUNT]; /* [queue]; -1 where the host has no such family */
};

struct udp_queue {
	_Atomic unsigned passes; /* lane: writes; management: reads; odd while it is among them */
	int readable; /* epoll, of the queue's sockets */
} __rte_cache_aligned;

struct udp_sockets {
	struct hold hold; /* by which ports are opened and closed */
	const struct log *log;
	uint16_t queue_count;
	int erroneous; /* epoll, of sockets of which there are errors to be heard */
	struct udp_port ports[UDP_PORTS_MAX];
	struct udp_queue *queues;
};

/*
 * udp_sockets_create makes them, of no port as yet. Returns 0, or a negative errno with one line in
 * `log`. hold_destroy() of `hold` ends them, when no lane runs any more.
 */
int udp_sockets_create(uint16_t queue_count, const struct log *log, struct udp_sockets **sockets)
	__attribute__((warn_unused_result));

/*
 * udp_sockets_enter, udp_sockets_leave: between the two a lane uses sockets of ports that it finds
 * open; they are not closed as long.
 */
static inline void
udp_sockets_enter(struct udp_sockets *sockets, uint16_t queue)
{
	_Atomic unsigned *passes = &sockets->queues[queue].passes;

	atomic_store_explicit(passes, atomic_load_explicit(passes, memory_order_relaxed) + 1,
		memory_order_relaxed);
	/* Before any look at `open`: whoever closes looks at the two the other way round. */
	atomic_thread_fence(memory_order_seq_cst);
}

static inline void
udp_sockets_leave(struct udp_sockets *sockets, uint16_t queue)
{
	_Atomic unsigned *passes = &sockets->queues[queue].passes;

	atomic_store_explicit(passes, atomic_load_explicit(passes, memory_order_relaxed) + 1,
		memory_order_release);
}

/* udp_sockets_find returns the open port of that number, or NULL. */
static inline struct udp_port *
udp_sockets_find(struct udp_sockets *sockets, uint16_t number)
{
	for (unsigned i = 0; i < UDP_PORTS_MAX; i++) {
		struct udp_port *port = &sockets->ports[i];

		if (atomic_load_explicit(&port->open, memory_order_acquire) && port->port == number)
			return port;
	}
	return NULL;
}

/*
 * udp_sockets_hear takes what ICMP and the kernel have reported of packets that were sent. Returns
 * whether a way may have another MTU now. Management.
 */
bool udp_sockets_hear(struct udp_sockets *sockets);
