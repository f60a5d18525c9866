/*
 * Regions: the memory that two memif processes share.
 * Private to net. On the packet's way: packets of the pipeline lie in them.
 * Threads: management maps and unmaps; lanes read and write.
 */
#pragma once

#include <stdint.h>

/* All regions of one connection together, in bytes. */
#define MEMIF_REGIONS_LEN_MAX (UINT64_C(4) << 30)

struct memif_region {
	uint8_t *data;
	uint64_t len; /* bytes; 0: there is none */
};

/*
 * memif_region_map maps the other side's memory of `len` bytes at `fd`, which stays the caller's.
 * It must be a memfd that cannot shrink any more, or that we can keep from shrinking: else the
 * other side could have us killed by SIGBUS at any time. Returns 0, or a negative errno and in *why
 * what is wrong with it.
 */
int memif_region_map(int fd, uint64_t len, struct memif_region *region, const char **why)
	__attribute__((warn_unused_result));

/*
 * memif_region_make makes memory of our own to be passed, sealed against any change of its length:
 * *fd, the caller's. Returns 0 or a negative errno.
 */
int memif_region_make(uint64_t len, struct memif_region *region, int *fd)
	__attribute__((warn_unused_result));

/* memif_region_unmap gives it back; no lane may know it any more. */
void memif_region_unmap(struct memif_region *region);
