/*
 * Ports at whose other end is the caller of the lane: it gives packets before a round and takes
 * what the round has brought.
 * On the packet's way: the inner port, or the underlay port, of a lane that is in the hands of the
 * host application.
 * Threads: a queue belongs to one lane, and its caller is that lane's thread.
 */
#pragma once

#include "net/port.h"

/* Packets that may wait for the next take, in each queue: as many ICMP errors as a lane sends. */
#define PORT_CALLER_WAITING 64

/* What becomes of transmitted packets where not the caller takes them; as port_transmit. */
typedef uint16_t
port_caller_transmit(void *context, unsigned queue, struct rte_mbuf *mbufs[], uint16_t count);

/*
 * port_caller_create makes a port of `queue_count` queues. With `transmit` what is transmitted goes
 * there at once; without (NULL), to the caller. `ethernet`, MAC and MTU are for its maker to set.
 * Returns 0 or -ENOMEM.
 */
int port_caller_create(const char *name, uint16_t queue_count, port_caller_transmit *transmit,
	void *context, struct port **port) __attribute__((warn_unused_result));

/* port_is_caller tells whether the port is of this kind. */
bool port_is_caller(const struct port *port);

/*
 * port_caller_give has the next calls of port_receive on the queue give these packets, which are
 * the port's now. The array must stay until port_caller_left has returned 0: that many have not
 * been received yet.
 */
void port_caller_give(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count);
uint16_t port_caller_left(const struct port *port, uint16_t queue);

/*
 * port_caller_take has what is transmitted on the queue written to `mbufs`, up to `room`, until
 * port_caller_taken, which returns how many there are; they are the caller's. Outside of the two a
 * few packets wait, and no more are accepted. These come first, but for `reserved` places that are
 * kept for what is transmitted; port_caller_take returns how many.
 */
uint16_t port_caller_take(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[],
	uint16_t room, uint16_t reserved);
uint16_t port_caller_taken(struct port *port, uint16_t queue);
