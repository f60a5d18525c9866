/*
 * Ports at whose other end is the caller of the lane.
 * On the packet's way: either end of it, where the host application has the lane in its hands.
 * Threads: a queue belongs to one lane, and its caller is that lane's thread.
 */
#include "net/port_caller.h"

#include <rte_common.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct caller_queue {
	struct rte_mbuf **given;
	struct rte_mbuf **taken; /* NULL: nobody takes now */
	uint16_t given_count;
	uint16_t taken_count;
	uint16_t taken_room;
	uint16_t waiting_count;
	struct rte_mbuf *waiting[PORT_CALLER_WAITING];
} __rte_cache_aligned;

struct port_caller {
	struct port port;
	port_caller_transmit *transmit;
	void *context;
	struct caller_queue *queues;
};

static struct caller_queue *
queue_of(const struct port *port, uint16_t queue)
{
	return &((const struct port_caller *)port)->queues[queue];
}

/* In order, so that what overlaps may be moved to the front. */
static void
copy(struct rte_mbuf *to[], struct rte_mbuf *const from[], uint16_t count)
{
	for (uint16_t i = 0; i < count; i++)
		to[i] = from[i];
}

static uint16_t
caller_receive(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count)
{
	struct caller_queue *of = queue_of(port, queue);
	const uint16_t taken = RTE_MIN(count, of->given_count);

	if (taken == 0)
		return 0;
	copy(mbufs, of->given, taken);
	of->given += taken;
	of->given_count = (uint16_t)(of->given_count - taken);
	return taken;
}

/* Those who wait are few and rare, and are given first when somebody takes again. */
static uint16_t
wait_for_take(struct caller_queue *of, struct rte_mbuf *mbufs[], uint16_t count)
{
	const uint16_t room = (uint16_t)(PORT_CALLER_WAITING - of->waiting_count);
	const uint16_t put = RTE_MIN(count, room);

	copy(of->waiting + of->waiting_count, mbufs, put);
	of->waiting_count = (uint16_t)(of->waiting_count + put);
	return put;
}

static uint16_t
caller_transmit(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count)
{
	struct caller_queue *of = queue_of(port, queue);
	uint16_t put;

	if (of->taken == NULL)
		return wait_for_take(of, mbufs, count);
	put = (uint16_t)RTE_MIN(count, of->taken_room - of->taken_count);
	copy(of->taken + of->taken_count, mbufs, put);
	of->taken_count = (uint16_t)(of->taken_count + put);
	return put;
}

static uint16_t
transmit_at_once(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count)
{
	const struct port_caller *self = (const struct port_caller *)port;

	return self->transmit(self->context, queue, mbufs, count);
}

static void
caller_close(struct port *port)
{
	struct port_caller *self = (struct port_caller *)port;

	for (uint16_t queue = 0; queue < port->queue_count; queue++)
		rte_pktmbuf_free_bulk(
			self->queues[queue].waiting, self->queues[queue].waiting_count);
	free(self->queues);
	free(self);
}

static const struct port_ops taken_ops = {
	.receive = caller_receive,
	.transmit = caller_transmit,
	.close = caller_close,
};

static const struct port_ops transmitted_ops = {
	.receive = caller_receive,
	.transmit = transmit_at_once,
	.close = caller_close,
};

int
port_caller_create(const char *name, uint16_t queue_count, port_caller_transmit *transmit,
	void *context, struct port **port)
{
	struct port_caller *self = calloc(1, sizeof(*self));
	const size_t len = queue_count * sizeof(struct caller_queue);

	if (self == NULL)
		return -ENOMEM;
	self->queues = aligned_alloc(RTE_CACHE_LINE_SIZE, len);
	if (self->queues == NULL) {
		free(self);
		return -ENOMEM;
	}
	memset(self->queues, 0, len);
	self->port.ops = transmit != NULL ? &transmitted_ops : &taken_ops;
	self->port.queue_count = queue_count;
	snprintf(self->port.name, sizeof(self->port.name), "%s", name);
	self->transmit = transmit;
	self->context = context;
	*port = &self->port;
	return 0;
}

bool
port_is_caller(const struct port *port)
{
	return port->ops == &taken_ops || port->ops == &transmitted_ops;
}

void
port_caller_give(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count)
{
	struct caller_queue *of = queue_of(port, queue);

	of->given = mbufs;
	of->given_count = count;
}

uint16_t
port_caller_left(const struct port *port, uint16_t queue)
{
	return queue_of(port, queue)->given_count;
}

uint16_t
port_caller_take(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t room,
	uint16_t reserved)
{
	struct caller_queue *of = queue_of(port, queue);
	const uint16_t spare = (uint16_t)(room > reserved ? room - reserved : 0);
	const uint16_t ready = RTE_MIN(spare, of->waiting_count);

	of->taken = mbufs;
	of->taken_room = room;
	of->taken_count = ready;
	if (ready == 0)
		return 0;
	copy(mbufs, of->waiting, ready);
	of->waiting_count = (uint16_t)(of->waiting_count - ready);
	copy(of->waiting, of->waiting + ready, of->waiting_count);
	return ready;
}

uint16_t
port_caller_taken(struct port *port, uint16_t queue)
{
	struct caller_queue *of = queue_of(port, queue);

	of->taken = NULL;
	return of->taken_count;
}
