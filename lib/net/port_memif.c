/*
 * Lanes and the rings of a memif.
 * On the packet's way: in_deliver and out_receive, as the pipeline's port.
 * Threads: a queue belongs to one lane; the link is management's, under RCU.
 */
#include "net/port_memif.h"

#include <rte_common.h>
#include <rte_ring.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HANDED_BURST 64

struct memif_queue {
	/* lane of the queue: puts; lane whose ring it shares: takes. NULL for queue 0. */
	struct rte_ring *handed;
	/* lane of the queue: writes; any: reads. */
	struct port_memif_counters counters;
	bool dozing; /* lane: the other end is to raise an event */
	_Atomic bool wants_event; /* lane: sets; who kicks: clears */
} __attribute__((aligned(RTE_CACHE_LINE_SIZE)));

struct port_memif {
	struct port port;
	_Atomic(struct memif_link *) link; /* management: writes; lanes: read, under RCU */
	pthread_mutex_t kicking; /* who kicks, and management that releases; never a lane */
	struct rte_mempool *pool;
	struct memif_queue *queues;
};

static struct memif_link *
link_of(struct port_memif *self)
{
	return atomic_load_explicit(&self->link, memory_order_acquire);
}

static unsigned
send_on(struct port_memif *self, struct memif_link *link, uint16_t queue, struct rte_mbuf *mbufs[],
	unsigned count)
{
	struct memif_queue *own = &self->queues[queue];
	bool event;
	const unsigned sent =
		memif_ring_transmit(&link->tx[queue].ring, mbufs, count, &own->counters.tx, &event);

	if (event) {
		atomic_store_explicit(&own->wants_event, true, memory_order_relaxed);
		atomic_store_explicit(&self->port.wants_kick, true, memory_order_release);
	}
	return sent;
}

/*
 * Sends what lanes without a ring handed to this one; its own, too: what it had handed over itself
 * when another end was there, with fewer rings.
 */
static void
send_handed(struct port_memif *self, struct memif_link *link, uint16_t queue)
{
	for (unsigned other = queue; other < self->port.queue_count; other += link->tx_count) {
		struct rte_ring *handed = self->queues[other].handed;
		struct rte_mbuf *mbufs[HANDED_BURST];
		unsigned count;
		unsigned sent;

		if (handed == NULL || rte_ring_empty(handed))
			continue;
		count = rte_ring_sc_dequeue_burst(handed, (void **)mbufs, HANDED_BURST, NULL);
		sent = send_on(self, link, queue, mbufs, count);
		self->queues[queue].counters.handed_dropped += count - sent;
		rte_pktmbuf_free_bulk(mbufs + sent, count - sent);
	}
}

static uint16_t
memif_receive(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count)
{
	struct port_memif *self = (struct port_memif *)port;
	struct memif_queue *own = &self->queues[queue];
	struct memif_link *link = link_of(self);

	if (link == NULL)
		return 0;
	if (queue < link->tx_count)
		send_handed(self, link, queue);
	if (queue >= link->rx_count)
		return 0;
	if (own->dozing) {
		memif_ring_ask_event(&link->rx[queue].ring, false);
		own->dozing = false;
	}
	return (uint16_t)memif_ring_receive(
		&link->rx[queue].ring, self->pool, mbufs, count, &own->counters.rx);
}

static uint16_t
memif_transmit(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count)
{
	struct port_memif *self = (struct port_memif *)port;
	struct memif_link *link = link_of(self);
	unsigned handed;

	if (link == NULL)
		return 0;
	if (queue < link->tx_count)
		return (uint16_t)send_on(self, link, queue, mbufs, count);
	handed = rte_ring_sp_enqueue_burst(
		self->queues[queue].handed, (void *const *)mbufs, count, NULL);
	self->queues[queue].counters.handed += handed;
	return (uint16_t)handed;
}

static bool
memif_doze(struct port *port, uint16_t queue)
{
	struct port_memif *self = (struct port_memif *)port;
	struct memif_link *link = link_of(self);

	if (link == NULL || queue >= link->rx_count)
		return false;
	self->queues[queue].dozing = true;
	memif_ring_ask_event(&link->rx[queue].ring, true);
	return memif_ring_pending(&link->rx[queue].ring);
}

/* The other side could have had it wait for room: then nothing has to be written. */
static void
raise_event(int fd)
{
	const uint64_t one = 1;
	struct pollfd room = {.fd = fd, .events = POLLOUT};

	if (poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0 &&
		write(fd, &one, sizeof(one)) < 0)
		return;
}

static void
memif_kick(struct port *port)
{
	struct port_memif *self = (struct port_memif *)port;
	const struct memif_link *link;

	if (!atomic_exchange_explicit(&port->wants_kick, false, memory_order_acquire))
		return;
	pthread_mutex_lock(&self->kicking);
	link = link_of(self);
	for (unsigned i = 0; link != NULL && i < link->tx_count; i++)
		if (atomic_exchange_explicit(
			    &self->queues[i].wants_event, false, memory_order_relaxed))
			raise_event(link->tx[i].event);
	pthread_mutex_unlock(&self->kicking);
}

static void
memif_close(struct port *port)
{
	struct port_memif *self = (struct port_memif *)port;

	memif_link_destroy(port_memif_disconnect(port));
	for (uint16_t i = 0; self->queues != NULL && i < port->queue_count; i++) {
		void *mbuf;

		if (self->queues[i].handed == NULL)
			continue;
		while (rte_ring_sc_dequeue(self->queues[i].handed, &mbuf) == 0)
			rte_pktmbuf_free(mbuf);
		rte_ring_free(self->queues[i].handed);
	}
	pthread_mutex_destroy(&self->kicking);
	free(self->queues);
	free(self);
}

static const struct port_ops memif_ops = {
	.receive = memif_receive,
	.transmit = memif_transmit,
	.close = memif_close,
	.doze = memif_doze,
	.kick = memif_kick,
};

static bool
make_handed(struct port_memif *self)
{
	char name[RTE_RING_NAMESIZE];

	for (unsigned i = 1; i < self->port.queue_count; i++) {
		snprintf(name, sizeof(name), "memif%x_%u", (unsigned)((uintptr_t)self >> 4), i);
		self->queues[i].handed = rte_ring_create(name, PORT_MEMIF_HANDED_DEPTH,
			SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
		if (self->queues[i].handed == NULL)
			return false;
	}
	return true;
}

int
port_memif_create(const struct port_memif_settings *settings, struct port **port)
{
	struct port_memif *self = calloc(1, sizeof(*self));

	if (self == NULL)
		return -ENOMEM;
	pthread_mutex_init(&self->kicking, NULL);
	self->port.ops = &memif_ops;
	self->port.queue_count = settings->queue_count;
	self->port.ethernet = settings->ethernet;
	self->port.mtu = settings->mtu;
	self->port.neighbour = PORT_NO_MAC;
	snprintf(self->port.name, sizeof(self->port.name), "%s", settings->name);
	memcpy(self->port.mac, settings->mac, sizeof(self->port.mac));
	self->pool = settings->pool;
	self->queues =
		aligned_alloc(RTE_CACHE_LINE_SIZE, settings->queue_count * sizeof(*self->queues));
	if (self->queues != NULL)
		memset(self->queues, 0, settings->queue_count * sizeof(*self->queues));
	if (self->queues == NULL || !make_handed(self)) {
		memif_close(&self->port);
		return -ENOMEM;
	}
	*port = &self->port;
	return 0;
}

void
port_memif_connect(struct port *port, struct memif_link *link)
{
	struct port_memif *self = (struct port_memif *)port;

	/* What was at the other end before may have had another one. */
	if (!port->neighbour_given)
		atomic_store_explicit(&port->neighbour, PORT_NO_MAC, memory_order_relaxed);
	atomic_store_explicit(&self->link, link, memory_order_release);
	atomic_store_explicit(&port->up, true, memory_order_relaxed);
}

struct memif_link *
port_memif_disconnect(struct port *port)
{
	struct port_memif *self = (struct port_memif *)port;

	atomic_store_explicit(&port->up, false, memory_order_relaxed);
	return atomic_exchange_explicit(&self->link, NULL, memory_order_acq_rel);
}

void
port_memif_release(struct port *port, struct memif_link *link)
{
	struct port_memif *self = (struct port_memif *)port;

	/* Who kicks holds this while it works on a link. */
	pthread_mutex_lock(&self->kicking);
	memif_link_destroy(link);
	pthread_mutex_unlock(&self->kicking);
}

const struct memif_link *
port_memif_link(const struct port *port)
{
	const struct port_memif *self = (const struct port_memif *)port;

	return atomic_load_explicit(&self->link, memory_order_relaxed);
}

void
port_memif_counters(const struct port *port, uint16_t queue, struct port_memif_counters *counters)
{
	*counters = ((const struct port_memif *)port)->queues[queue].counters;
}
