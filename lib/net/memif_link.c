/*
 * Agreeing on regions and rings.
 * On the packet's way: beside it.
 * Threads: management.
 */
#include "net/memif_link.h"

#include <rte_common.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct memif_link_ring *
rings_create(uint16_t count)
{
	struct memif_link_ring *rings = calloc(count, sizeof(*rings));

	for (uint16_t i = 0; rings != NULL && i < count; i++)
		rings[i].event = -1;
	return rings;
}

struct memif_link *
memif_link_create(bool client, uint16_t ring_max)
{
	struct memif_link *link = calloc(1, sizeof(*link));

	if (link == NULL)
		return NULL;
	link->client = client;
	link->ring_max = ring_max;
	link->memory = -1;
	link->rx = rings_create(ring_max);
	link->tx = rings_create(ring_max);
	if (link->rx == NULL || link->tx == NULL) {
		memif_link_destroy(link);
		return NULL;
	}
	return link;
}

static void
rings_destroy(struct memif_link_ring *rings, uint16_t count)
{
	for (uint16_t i = 0; rings != NULL && i < count; i++)
		if (rings[i].event >= 0)
			close(rings[i].event);
	free(rings);
}

void
memif_link_destroy(struct memif_link *link)
{
	if (link == NULL)
		return;
	rings_destroy(link->rx, link->ring_max);
	rings_destroy(link->tx, link->ring_max);
	for (unsigned i = 0; i < link->region_count; i++)
		memif_region_unmap(&link->regions[i]);
	if (link->memory >= 0)
		close(link->memory);
	free(link);
}

static uint64_t
ring_len(uint8_t size_log2)
{
	return sizeof(struct memif_shared_ring) + (sizeof(struct memif_descriptor) << size_log2);
}

/* Lays one ring of ours out, number `index` over both ways. */
static int
lay_out(struct memif_link *link, struct memif_link_ring *made, unsigned index, unsigned count,
	uint32_t buffer_len)
{
	const uint64_t offset = index * ring_len(link->size_log2);
	const uint64_t buffers = RTE_ALIGN_CEIL(count * ring_len(link->size_log2), 64) +
		((uint64_t)index * buffer_len << link->size_log2);
	uint8_t *data = link->regions[0].data;

	made->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (made->event < 0)
		return -errno;
	made->offset = (uint32_t)offset;
	made->size_log2 = link->size_log2;
	made->ring = (struct memif_ring){
		.shared = (struct memif_shared_ring *)(void *)(data + offset),
		.regions = link->regions,
		.region_count = 1,
		.buffers = data + buffers,
		.buffer_offset = (uint32_t)buffers,
		.buffer_len = buffer_len,
		.size = (uint16_t)(1U << link->size_log2),
	};
	made->ring.shared->cookie = MEMIF_COOKIE;
	return 0;
}

int
memif_link_build(struct memif_link *link, uint16_t rx_count, uint16_t tx_count, uint8_t size_log2,
	uint32_t buffer_len)
{
	const unsigned count = (unsigned)rx_count + tx_count;
	const uint64_t len = RTE_ALIGN_CEIL(count * ring_len(size_log2), 64) +
		((uint64_t)count * buffer_len << size_log2);
	int error;

	/* Offsets have 32 bits. */
	if (len > UINT32_MAX)
		return -E2BIG;
	error = memif_region_make(len, &link->regions[0], &link->memory);
	if (error != 0)
		return error;
	link->region_count = 1;
	link->rx_count = rx_count;
	link->tx_count = tx_count;
	link->size_log2 = size_log2;
	for (unsigned i = 0; i < count && error == 0; i++)
		error = lay_out(link, i < tx_count ? &link->tx[i] : &link->rx[i - tx_count], i,
			count, buffer_len);
	return error;
}

int
memif_link_add_region(
	struct memif_link *link, const struct memif_add_region *add, int memory, const char **why)
{
	uint64_t total = 0;
	int error;

	if (memory < 0) {
		*why = "a region comes without its memory";
		return -EBADMSG;
	}
	if (add->index != link->region_count || link->region_count == MEMIF_REGIONS_MAX) {
		*why = "regions are not numbered from 0 on, or are too many";
		return -EBADMSG;
	}
	for (unsigned i = 0; i < link->region_count; i++)
		total += link->regions[i].len;
	if (add->len > MEMIF_REGIONS_LEN_MAX - total) {
		*why = "its memory is too large";
		return -E2BIG;
	}
	error = memif_region_map(memory, add->len, &link->regions[link->region_count], why);
	if (error == 0)
		link->region_count++;
	return error;
}

/* Whether the ring lies within a region there is, and may be worked on there. */
static bool
lies_within(const struct memif_link *link, const struct memif_add_ring *add)
{
	const uint64_t end = add->offset + ring_len(add->size_log2);

	return add->region < link->region_count && end <= link->regions[add->region].len &&
		add->offset % _Alignof(uint64_t) == 0;
}

int
memif_link_add_ring(
	struct memif_link *link, const struct memif_add_ring *add, int event, const char **why)
{
	const bool to_server = (add->flags & MEMIF_RING_TO_SERVER) != 0;
	struct memif_link_ring *rings = to_server ? link->rx : link->tx;
	uint16_t *count = to_server ? &link->rx_count : &link->tx_count;
	struct memif_link_ring *added;

	if (add->index != *count || *count == link->ring_max)
		*why = "rings are not numbered from 0 on, or are too many";
	else if (event < 0)
		*why = "a ring comes without its eventfd";
	else if (add->size_log2 < MEMIF_SIZE_LOG2_MIN || add->size_log2 > MEMIF_SIZE_LOG2_MAX)
		*why = "a ring is too large or too small";
	else if (!lies_within(link, add))
		*why = "a ring is not within its region";
	else
		*why = NULL;
	if (*why != NULL) {
		if (event >= 0)
			close(event);
		return -EBADMSG;
	}
	added = &rings[(*count)++];
	*added = (struct memif_link_ring){
		.region = add->region,
		.offset = add->offset,
		.size_log2 = add->size_log2,
		.event = event,
		.ring =
			{
				.shared = (struct memif_shared_ring *)(void
						*)(link->regions[add->region].data + add->offset),
				.regions = link->regions,
				.size = (uint16_t)(1U << add->size_log2),
			},
	};
	return 0;
}

/*
 * A client's rings were checked to be there; whether it takes them for rings it says by a cookie.
 */
static bool
start_theirs(struct memif_link *link, struct memif_link_ring *rings, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct memif_ring *ring = &rings[i].ring;

		ring->region_count = link->region_count;
		if (__atomic_load_n(&ring->shared->cookie, __ATOMIC_RELAXED) != MEMIF_COOKIE)
			return false;
		__atomic_store_n(&ring->shared->tail, 0, __ATOMIC_RELEASE);
	}
	return true;
}

int
memif_link_start(struct memif_link *link, const char **why)
{
	if (link->rx_count == 0 || link->tx_count == 0) {
		*why = "there is no ring each way";
		return -EBADMSG;
	}
	if (!link->client &&
		(!start_theirs(link, link->rx, link->rx_count) ||
			!start_theirs(link, link->tx, link->tx_count))) {
		*why = "a ring is none (its cookie is wrong)";
		return -EBADMSG;
	}
	for (unsigned i = 0; i < link->rx_count; i++) {
		memif_ring_ask_event(&link->rx[i].ring, false);
		if (link->client)
			memif_ring_offer(&link->rx[i].ring);
	}
	return 0;
}

bool
memif_link_broken(const struct memif_link *link)
{
	bool broken = false;

	for (unsigned i = 0; i < link->rx_count; i++)
		broken |= atomic_load_explicit(&link->rx[i].ring.broken, memory_order_relaxed);
	for (unsigned i = 0; i < link->tx_count; i++)
		broken |= atomic_load_explicit(&link->tx[i].ring.broken, memory_order_relaxed);
	return broken;
}
