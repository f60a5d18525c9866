/*
 * Links: the regions and rings of one connection, as the two sides agreed on them.
 * Private to net. On the packet's way: what the memif port's lanes work on.
 * Threads: management makes it, and destroys it when no lane can know it any more; a ring belongs
 * to the lane of its number.
 */
#pragma once

#include "net/memif.h"
#include "net/memif_region.h"
#include "net/memif_ring.h"

#include <stdbool.h>
#include <stdint.h>

#define MEMIF_REGIONS_MAX 16

/* A ring with its eventfd, which is written to wake who receives on it. */
struct memif_link_ring {
	struct memif_ring ring;
	uint16_t region;
	uint32_t offset;
	uint8_t size_log2;
	int event;
};

struct memif_link {
	bool client; /* the memory is ours */
	uint8_t size_log2; /* of rings of our own */
	uint16_t rx_count; /* rings that we receive on */
	uint16_t tx_count;
	uint16_t ring_max; /* room for so many each way */
	struct memif_link_ring *rx;
	struct memif_link_ring *tx;
	struct memif_region regions[MEMIF_REGIONS_MAX];
	unsigned region_count;
	int memory; /* memfd of a client's region; else -1 */
	char peer[MEMIF_NAME_LEN + 1]; /* what the other side calls itself, and its interface */
	char interface[MEMIF_NAME_LEN + 1];
};

/* memif_link_create makes one without regions and rings; NULL without memory. */
struct memif_link *memif_link_create(bool client, uint16_t ring_max);

/* memif_link_destroy unmaps and closes everything. NULL is ignored. */
void memif_link_destroy(struct memif_link *link);

/*
 * memif_link_build makes a client's region with `rx_count` and `tx_count` rings of 2^size_log2
 * buffers of `buffer_len` bytes each. Returns 0 or a negative errno.
 */
int memif_link_build(struct memif_link *link, uint16_t rx_count, uint16_t tx_count,
	uint8_t size_log2, uint32_t buffer_len) __attribute__((warn_unused_result));

/*
 * memif_link_add_region and memif_link_add_ring take what a client adds. `event` becomes the
 * link's, also on failure; `memory` stays the caller's. They return 0, or a negative errno and in
 * *why what is wrong.
 */
int memif_link_add_region(struct memif_link *link, const struct memif_add_region *add, int memory,
	const char **why) __attribute__((warn_unused_result));
int memif_link_add_ring(struct memif_link *link, const struct memif_add_ring *add, int event,
	const char **why) __attribute__((warn_unused_result));

/*
 * memif_link_start has the rings begin, the other side having said that it is connected, or about
 * to hear it. Returns 0, or -EBADMSG and in *why what is wrong with what a client added.
 */
int memif_link_start(struct memif_link *link, const char **why) __attribute__((warn_unused_result));

/* memif_link_broken tells whether an index of the other side's was none that can be. */
bool memif_link_broken(const struct memif_link *link);
