/*
 * Packets between buffers of ours and a memif's rings.
 * On the packet's way: in_deliver and out_receive, with a pipeline by memif.
 * Threads: the lane that the ring belongs to.
 */
#include "net/memif_ring.h"

#include <rte_memcpy.h>
#include <rte_prefetch.h>

#include <string.h>

/* The index that the other side writes of a ring that we receive on, or transmit on. */
static uint16_t
their_index(const struct memif_ring *ring)
{
	const struct memif_shared_ring *shared = ring->shared;

	return __atomic_load_n(
		ring->buffers != NULL ? &shared->tail : &shared->head, __ATOMIC_ACQUIRE);
}

static void
break_ring(struct memif_ring *ring)
{
	atomic_store_explicit(&ring->broken, true, memory_order_relaxed);
}

static bool
is_broken(const struct memif_ring *ring)
{
	return atomic_load_explicit(&ring->broken, memory_order_relaxed);
}

/* One look at the descriptor, by two loads that the compiler does not repeat. */
static struct memif_descriptor
copy_descriptor(const struct memif_shared_ring *shared, unsigned slot)
{
	const volatile uint64_t *from = (const volatile uint64_t *)&shared->descriptors[slot];
	const uint64_t words[2] = {from[0], from[1]};
	struct memif_descriptor descriptor;

	memcpy(&descriptor, words, sizeof(descriptor));
	return descriptor;
}

/* Returns where the descriptor's `len` bytes are, or NULL if they are not within its region. */
static uint8_t *
locate(const struct memif_ring *ring, unsigned slot, const struct memif_descriptor *descriptor)
{
	const struct memif_region *region;

	if (ring->buffers != NULL)
		return descriptor->len <= ring->buffer_len
			? ring->buffers + (size_t)slot * ring->buffer_len
			: NULL;
	if (descriptor->region >= ring->region_count)
		return NULL;
	region = &ring->regions[descriptor->region];
	if (descriptor->offset > region->len || descriptor->len > region->len - descriptor->offset)
		return NULL;
	return region->data + descriptor->offset;
}

/* --- Receiving -------------------------------------------------------------------------------- */

/* What lies in the descriptors of a burst, checked. */
struct memif_piece {
	const uint8_t *data; /* NULL: not within its region */
	uint32_t len;
	bool more; /* the packet goes on in the next piece */
};

/* Copies and checks descriptors, and has what they point to come in meanwhile. */
static unsigned
look(const struct memif_ring *ring, unsigned count, struct memif_piece pieces[MEMIF_RING_BURST])
{
	for (unsigned i = 0; i < count; i++) {
		const unsigned slot = (uint16_t)(ring->next + i) & (ring->size - 1U);
		const struct memif_descriptor descriptor = copy_descriptor(ring->shared, slot);
		const uint8_t *data = locate(ring, slot, &descriptor);

		if (data != NULL)
			rte_prefetch0(data);
		pieces[i] = (struct memif_piece){
			.data = data,
			.len = descriptor.len,
			.more = (descriptor.flags & MEMIF_DESCRIPTOR_NEXT) != 0,
		};
	}
	return count;
}

/* The number of pieces of the packet that begins here; 0: its end is not among them. */
static unsigned
chain_len(const struct memif_piece pieces[], unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (!pieces[i].more)
			return i + 1;
	return 0;
}

/* Whether the packet was copied; else it is counted why not. */
static bool
copy_in(struct rte_mbuf *mbuf, const struct memif_piece pieces[], unsigned count,
	struct memif_ring_counters *counters)
{
	const uint32_t room = rte_pktmbuf_tailroom(mbuf);
	uint8_t *to = rte_pktmbuf_mtod(mbuf, uint8_t *);
	uint32_t len = 0;

	for (unsigned i = 0; i < count; i++) {
		if (pieces[i].data == NULL) {
			counters->bad++;
			return false;
		}
		if (pieces[i].len > room - len) {
			counters->too_long++;
			return false;
		}
		rte_memcpy(to + len, pieces[i].data, pieces[i].len);
		len += pieces[i].len;
	}
	if (len == 0) {
		counters->bad++;
		return false;
	}
	mbuf->data_len = (uint16_t)len;
	mbuf->pkt_len = len;
	counters->packets++;
	counters->bytes += len;
	return true;
}

/*
 * DPDK's driver, as a client, sets this flag where a packet goes on and never takes it away: once
 * the ring has wrapped, packets after long ones would run into each other.
 */
static void
clear_chains(struct memif_ring *ring, const struct memif_piece pieces[], unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (pieces[i].more)
			ring->shared->descriptors[(ring->next + i) & (ring->size - 1U)].flags = 0;
}

/* Gives the descriptors up to `next` back. */
static void
give_back(struct memif_ring *ring, uint16_t next)
{
	struct memif_shared_ring *shared = ring->shared;

	if (ring->buffers == NULL) {
		ring->next = next;
		__atomic_store_n(&shared->tail, next, __ATOMIC_RELEASE);
		return;
	}
	for (; ring->next != next; ring->next++) {
		const unsigned slot = ring->next & (ring->size - 1U);

		shared->descriptors[slot] = (struct memif_descriptor){
			.len = ring->buffer_len,
			.offset = ring->buffer_offset + slot * ring->buffer_len,
		};
	}
	__atomic_store_n(&shared->head, (uint16_t)(next + ring->size), __ATOMIC_RELEASE);
}

void
memif_ring_offer(struct memif_ring *ring)
{
	ring->next = (uint16_t)(0 - ring->size);
	give_back(ring, 0);
}

unsigned
memif_ring_receive(struct memif_ring *ring, struct rte_mempool *pool, struct rte_mbuf *mbufs[],
	unsigned count, struct memif_ring_counters *counters)
{
	struct memif_piece pieces[MEMIF_RING_BURST];
	const uint16_t available = (uint16_t)(their_index(ring) - ring->next);
	const unsigned looked = RTE_MIN(available, MEMIF_RING_BURST);
	const unsigned most = RTE_MIN(looked, count);
	unsigned at = 0;
	unsigned made = 0;

	if (available == 0 || is_broken(ring))
		return 0;
	if (available > ring->size) {
		break_ring(ring);
		return 0;
	}
	if (rte_pktmbuf_alloc_bulk(pool, mbufs, most) != 0) {
		counters->no_buffer++;
		return 0;
	}
	look(ring, looked, pieces);
	while (at < looked && made < most) {
		unsigned len = chain_len(pieces + at, looked - at);

		if (len == 0 && looked - at < MEMIF_CHAIN_MAX && looked < available)
			break; /* the rest was not looked at: next time */
		if (len == 0 || len > MEMIF_CHAIN_MAX) {
			/* Packets are put on a ring whole, and are never so long. */
			counters->bad++;
			at += len == 0 ? looked - at : len;
			continue;
		}
		made += copy_in(mbufs[made], pieces + at, len, counters);
		at += len;
	}
	clear_chains(ring, pieces, at);
	give_back(ring, (uint16_t)(ring->next + at));
	if (made < most)
		rte_pktmbuf_free_bulk(mbufs + made, most - made);
	return made;
}

/* --- Transmitting ----------------------------------------------------------------------------- */

/* Descriptors that there are to fill; more than the ring has is what cannot be. */
static unsigned
free_descriptors(const struct memif_ring *ring)
{
	const uint16_t theirs = their_index(ring);
	const uint16_t used = (uint16_t)(ring->next - theirs);

	if (ring->buffers == NULL)
		return (uint16_t)(theirs - ring->next);
	return used <= ring->size ? (unsigned)(ring->size - used) : UINT16_MAX;
}

/* Copies the next part of a packet into the descriptor `at`; returns its length, or 0. */
static uint32_t
fill(struct memif_ring *ring, uint16_t at, const uint8_t *from, uint32_t len)
{
	const unsigned slot = at & (ring->size - 1U);
	struct memif_descriptor *shared = &ring->shared->descriptors[slot];
	struct memif_descriptor descriptor = {
		.len = ring->buffer_len,
		.offset = ring->buffer_offset + slot * ring->buffer_len,
	};
	uint8_t *to;

	if (ring->buffers == NULL)
		descriptor = copy_descriptor(ring->shared, slot);
	to = locate(ring, slot, &descriptor);
	if (to == NULL || descriptor.len == 0)
		return 0;
	if (descriptor.len < len)
		len = descriptor.len;
	rte_memcpy(to, from, len);
	if (ring->buffers != NULL) {
		shared->region = 0;
		shared->offset = descriptor.offset;
	}
	shared->len = len;
	shared->flags = 0;
	return len;
}

/* Puts a packet on the ring from its next descriptor on; returns how many it took, 0 if too few. */
static unsigned
copy_out(struct memif_ring *ring, const struct rte_mbuf *mbuf, unsigned free)
{
	const uint8_t *data = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	uint32_t left = rte_pktmbuf_data_len(mbuf);
	unsigned used = 0;

	while (left > 0) {
		const uint16_t at = (uint16_t)(ring->next + used);
		uint32_t len;

		if (used == free || used == MEMIF_CHAIN_MAX)
			return 0;
		len = fill(ring, at, data, left);
		if (len == 0) {
			break_ring(ring);
			return 0;
		}
		data += len;
		left -= len;
		used++;
		if (left > 0)
			ring->shared->descriptors[at & (ring->size - 1U)].flags =
				MEMIF_DESCRIPTOR_NEXT;
	}
	return used;
}

static void
publish(struct memif_ring *ring, bool *event)
{
	struct memif_shared_ring *shared = ring->shared;

	__atomic_store_n(ring->buffers != NULL ? &shared->head : &shared->tail, ring->next,
		__ATOMIC_RELEASE);
	/* Orders the packets before the look, as who falls asleep does the other way round. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*event = (__atomic_load_n(&shared->flags, __ATOMIC_RELAXED) & MEMIF_RING_NO_EVENT) == 0;
}

unsigned
memif_ring_transmit(struct memif_ring *ring, struct rte_mbuf *mbufs[], unsigned count,
	struct memif_ring_counters *counters, bool *event)
{
	unsigned free = free_descriptors(ring);
	unsigned sent = 0;

	*event = false;
	if (count == 0 || is_broken(ring))
		return 0;
	if (free > ring->size) {
		break_ring(ring);
		return 0;
	}
	for (; sent < count; sent++) {
		const struct rte_mbuf *mbuf = mbufs[sent];
		unsigned used;

		if (mbuf->nb_segs != 1 || rte_pktmbuf_data_len(mbuf) == 0) {
			counters->bad++;
			continue;
		}
		used = copy_out(ring, mbuf, free);
		if (used == 0)
			break;
		ring->next = (uint16_t)(ring->next + used);
		free -= used;
		counters->packets++;
		counters->bytes += rte_pktmbuf_data_len(mbuf);
	}
	if (sent == 0)
		return 0;
	publish(ring, event);
	rte_pktmbuf_free_bulk(mbufs, sent);
	return sent;
}

/* --- Events ----------------------------------------------------------------------------------- */

void
memif_ring_ask_event(struct memif_ring *ring, bool ask)
{
	__atomic_store_n(&ring->shared->flags, ask ? 0 : MEMIF_RING_NO_EVENT, __ATOMIC_RELAXED);
	if (ask)
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool
memif_ring_pending(const struct memif_ring *ring)
{
	return !is_broken(ring) && their_index(ring) != ring->next;
}
