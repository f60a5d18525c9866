/*
 * Ports joined back to back by rings in this process's memory.
 * On the packet's way: either end of it, in the host thread's place, in tests and benches.
 * Threads: each end of a queue has one user; pending by any.
 */
#include "net/port.h"

#include <rte_common.h>
#include <rte_ring.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct memory_pair;

struct port_memory {
	struct port port;
	struct memory_pair *pair;
	struct rte_ring **receive; /* [queue]; the other end's transmit */
	struct rte_ring **transmit;
	uint32_t *most; /* [queue]: the user of `receive` writes; any reads */
};

/* Shared by both ends; freed by the one that closes last. */
struct memory_pair {
	struct port_memory ends[2];
	unsigned open_count;
	struct rte_ring **rings; /* 2 * queue_count: to end 0, then to end 1 */
	uint32_t *most; /* likewise: packets that ever waited in each */
};

static uint16_t
memory_receive(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count)
{
	struct port_memory *self = (struct port_memory *)port;
	unsigned left;
	const unsigned taken =
		rte_ring_sc_dequeue_burst(self->receive[queue], (void **)mbufs, count, &left);

	/* A ring only shrinks here, so that it is fullest before that. */
	if (taken + left > self->most[queue])
		self->most[queue] = taken + left;
	return (uint16_t)taken;
}

static uint16_t
memory_transmit(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count)
{
	struct port_memory *self = (struct port_memory *)port;
	return (uint16_t)rte_ring_sp_enqueue_burst(
		self->transmit[queue], (void *const *)mbufs, count, NULL);
}

static void
ring_free(struct rte_ring *ring)
{
	void *mbuf;
	if (ring == NULL)
		return;
	while (rte_ring_sc_dequeue(ring, &mbuf) == 0)
		rte_pktmbuf_free(mbuf);
	free(ring);
}

static void
pair_free(struct memory_pair *pair)
{
	const size_t ring_count = 2 * (size_t)pair->ends[0].port.queue_count;
	for (size_t i = 0; pair->rings != NULL && i < ring_count; i++)
		ring_free(pair->rings[i]);
	free(pair->rings);
	free(pair->most);
	free(pair);
}

static void
memory_close(struct port *port)
{
	struct port_memory *self = (struct port_memory *)port;
	if (--self->pair->open_count == 0)
		pair_free(self->pair);
}

static const struct port_ops memory_ops = {
	.receive = memory_receive,
	.transmit = memory_transmit,
	.close = memory_close,
};

/* In memory of our own and not by rte_ring_create(): no name to be unique, no memzone. */
static struct rte_ring *
ring_create(unsigned depth)
{
	/* A ring keeps one slot free; the flag makes it take `depth` all the same. */
	ssize_t size = rte_ring_get_memsize(rte_align32pow2(depth + 1));
	if (size < 0)
		return NULL;
	size_t aligned = RTE_ALIGN_CEIL((size_t)size, (size_t)RTE_CACHE_LINE_SIZE);
	struct rte_ring *ring = aligned_alloc(RTE_CACHE_LINE_SIZE, aligned);
	if (ring == NULL)
		return NULL;
	memset(ring, 0, aligned);
	if (rte_ring_init(ring, "memory", depth, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ) !=
		0) {
		free(ring);
		return NULL;
	}
	return ring;
}

static void
end_init(struct memory_pair *pair, unsigned end, const char *name, bool ethernet)
{
	struct port_memory *self = &pair->ends[end];
	const uint16_t queue_count = self->port.queue_count;

	self->port.ops = &memory_ops;
	self->port.ethernet = ethernet;
	self->port.mtu = 1500;
	self->port.up = true;
	self->port.neighbour = PORT_NO_MAC;
	snprintf(self->port.name, sizeof(self->port.name), "%s:%u", name, end);
	self->port.mac[0] = 0x02;
	self->port.mac[5] = (uint8_t)(1 + end);
	self->pair = pair;
	self->receive = pair->rings + (size_t)end * queue_count;
	self->transmit = pair->rings + (size_t)(1 - end) * queue_count;
	self->most = pair->most + (size_t)end * queue_count;
}

int
port_memory_pair(
	const char *name, uint16_t queue_count, unsigned depth, bool ethernet, struct port *ends[2])
{
	const size_t ring_count = 2 * (size_t)queue_count;
	struct memory_pair *pair = calloc(1, sizeof(*pair));

	if (pair == NULL)
		return -ENOMEM;
	pair->open_count = 2;
	pair->ends[0].port.queue_count = pair->ends[1].port.queue_count = queue_count;
	pair->rings = calloc(ring_count, sizeof(struct rte_ring *));
	pair->most = calloc(ring_count, sizeof(*pair->most));
	if (pair->rings == NULL || pair->most == NULL)
		goto fail;
	for (size_t i = 0; i < ring_count; i++) {
		pair->rings[i] = ring_create(depth);
		if (pair->rings[i] == NULL)
			goto fail;
	}
	for (unsigned end = 0; end < 2; end++) {
		end_init(pair, end, name, ethernet);
		ends[end] = &pair->ends[end].port;
	}
	return 0;
fail:
	pair_free(pair);
	return -ENOMEM;
}

unsigned
port_memory_pending(const struct port *port, uint16_t queue)
{
	const struct port_memory *self = (const struct port_memory *)port;
	return rte_ring_count(self->receive[queue]);
}

void
port_memory_depth(const struct port *port, uint16_t queue, struct port_depth *depth)
{
	const struct port_memory *self = (const struct port_memory *)port;

	*depth = (struct port_depth){
		.waiting = rte_ring_count(self->receive[queue]),
		.most = __atomic_load_n(&self->most[queue], __ATOMIC_RELAXED),
		.room = rte_ring_get_capacity(self->receive[queue]),
	};
}
