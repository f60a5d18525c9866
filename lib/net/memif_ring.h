/*
 * Rings of memif: packets between buffers of ours and memory that another process writes at will.
 * Private to net. On the packet's way: in_deliver and out_receive, with a pipeline by memif.
 * Threads: a ring belongs to one lane; management makes it, and looks at `broken`.
 *
 * Nothing in that memory is believed. A descriptor is copied once, and only the copy is checked and
 * used. Each packet is copied once, out of or into its buffer, and checked behind that: to hand
 * lanes the shared memory itself would let the other side change packets behind every check.
 */
#pragma once

#include "net/memif.h"
#include "net/memif_region.h"

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Sizes of a ring, as powers of two of descriptors. The burst that a lane takes fits the least. */
#define MEMIF_SIZE_LOG2_MIN 1
#define MEMIF_SIZE_LOG2_MAX 14
/* Descriptors that one packet may be spread over: jumbo frames in buffers of 1 KiB and less. */
#define MEMIF_CHAIN_MAX 16
/* Descriptors that are looked at in a row. */
#define MEMIF_RING_BURST 64

/* What a ring has counted. Its lane: writes; any: reads. */
struct memif_ring_counters {
	uint64_t packets;
	uint64_t bytes;
	uint64_t bad; /* receive: outside the regions, empty, endless; transmit: in pieces */
	uint64_t too_long; /* receive: longer than a buffer has room for */
	uint64_t no_buffer; /* receive: how often there was none, and packets stayed in the ring */
};

struct memif_ring {
	struct memif_shared_ring *shared;
	const struct memif_region *regions; /* of the connection */
	unsigned region_count;
	/* The memory is ours, then it is known where buffers are: this one is the first. */
	uint8_t *buffers; /* NULL: the memory is the other side's */
	uint32_t buffer_offset; /* of `buffers` in region 0 */
	uint32_t buffer_len;
	uint16_t size; /* descriptors, a power of two */
	uint16_t next; /* the descriptor that is ours to take, or to fill, next */
	_Atomic bool broken; /* the other side's index cannot be: nothing is carried any more */
};

/*
 * memif_ring_receive takes up to `count` packets off the ring into buffers from `pool`, each into
 * one, and returns how many. What is no packet is counted and left out.
 */
unsigned memif_ring_receive(struct memif_ring *ring, struct rte_mempool *pool,
	struct rte_mbuf *mbufs[], unsigned count, struct memif_ring_counters *counters);

/*
 * memif_ring_transmit puts packets on the ring, and frees the buffers of those: the first n, which
 * it returns. *event: the other side sleeps, and is to be woken.
 */
unsigned memif_ring_transmit(struct memif_ring *ring, struct rte_mbuf *mbufs[], unsigned count,
	struct memif_ring_counters *counters, bool *event);

/*
 * memif_ring_ask_event tells the other side whether to raise an event when it puts packets on a
 * ring that we receive on. memif_ring_pending tells whether there are any: after having asked, look
 * again.
 */
void memif_ring_ask_event(struct memif_ring *ring, bool ask);
bool memif_ring_pending(const struct memif_ring *ring);

/* memif_ring_offer begins a ring of our own memory that we receive on: all buffers are free. */
void memif_ring_offer(struct memif_ring *ring);
