/*
 * Integers in byte strings of a stated byte order, at any alignment.
 * On the packet's way: everywhere that a header is read or written.
 * Threads: any; no state.
 */
#pragma once

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define BYTES_LOAD_STORE(bits, order) \
	static inline uint##bits##_t load_##order##bits(const void *from) \
	{ \
		uint##bits##_t value; \
		memcpy(&value, from, sizeof(value)); \
		return order##bits##toh(value); \
	} \
	static inline void store_##order##bits(void *to, uint##bits##_t value) \
	{ \
		value = hto##order##bits(value); \
		memcpy(to, &value, sizeof(value)); \
	}

/* load_le32(from), store_be16(to, value) ...: width in bits, order le or be. */
BYTES_LOAD_STORE(16, le)
BYTES_LOAD_STORE(32, le)
BYTES_LOAD_STORE(64, le)
BYTES_LOAD_STORE(16, be)
BYTES_LOAD_STORE(32, be)
BYTES_LOAD_STORE(64, be)

#undef BYTES_LOAD_STORE
