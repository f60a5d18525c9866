/*
 * What the tests of wire share: a slow checksum, and copies whose end ASan watches.
 * Independent of lib/wire/ip.h on purpose.
 * Threads: none.
 */
#pragma once

#include "base/bytes.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The sum of 16-bit words, one by one, as RFC 1071 describes it; 0xffff if a checksum is right. */
static inline uint16_t
slow_sum(uint16_t start, const uint8_t *data, size_t len)
{
	uint32_t sum = start;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
		while (sum > 0xffff)
			sum = sum - 0x10000 + 1;
	}
	return (uint16_t)sum;
}

/* The sum of an IPv6 pseudo-header for `len` bytes of `protocol` in the packet at `ip`. */
static inline uint16_t
slow_pseudo_sum(const uint8_t *ip, size_t len, uint8_t protocol)
{
	uint8_t tail[8] = {0};

	store_be32(tail, (uint32_t)len);
	tail[7] = protocol;
	return slow_sum(slow_sum(0, ip + 8, 32), tail, 8);
}

/* Returns a heap copy of exactly `len` bytes, to be freed by the caller. */
static inline uint8_t *
exact_copy(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	if (copy == NULL)
		abort();
	memcpy(copy, data, len);
	return copy;
}
