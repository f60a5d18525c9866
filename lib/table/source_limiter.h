/*
 * How many handshakes a source address may begin while the gateway is under load.
 * On the packet's way: beside it; initiations and responses with a valid mac2.
 * Threads: the caller serialises calls on one object. Source: the Linux driver's numbers.
 */
#pragma once

#include "base/address.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one source: so many a second, and so many at once. */
#define SOURCE_LIMITER_PER_SECOND 20
#define SOURCE_LIMITER_BURST 5
/* Sources that are remembered, each until it has been silent for so long. */
#define SOURCE_LIMITER_SOURCES_MAX 65536
#define SOURCE_LIMITER_FORGET_NS NS_IN_S

struct source_limiter;

/*
 * source_limiter_create takes all the memory that it will ever have. Returns NULL with errno set:
 * ENOMEM, or the random generator's for the hash key.
 */
struct source_limiter *source_limiter_create(void);

/* source_limiter_destroy frees it. NULL is ignored. */
void source_limiter_destroy(struct source_limiter *limiter);

/*
 * source_limiter_allow tells whether a message from `source` may be dealt with now, and counts it
 * if so. A source is an IPv4 address or an IPv6 /64. A new source is refused while as many as there
 * is room for have been heard of within SOURCE_LIMITER_FORGET_NS.
 */
bool source_limiter_allow(struct source_limiter *limiter, const struct address *source,
	uint64_t now_ns) __attribute__((warn_unused_result));

/* source_limiter_count returns how many sources are remembered. */
size_t source_limiter_count(const struct source_limiter *limiter);
