/*
 * Poly1305 (RFC 8439, 2.5), as ChaCha20-Poly1305 uses it, over packets in the lanes of AVX-512.
 * On the packet's way: inside the AEAD backend avx512. Private to crypto.
 * Threads: any; no state. The CPU must have AVX-512 F, BW, VL and IFMA.
 */
#pragma once

#include "crypto/chacha20_avx512.h"

#define POLY1305_LANES 8

/* The packets of one set of lanes. */
struct poly1305_set {
	uint8_t *const *data; /* 8 pointers; readable even where the length is 0 */
	const uint32_t *len; /* 8 lengths in bytes, 0..AEAD_LEN_MAX; aligned to 32 */
	const struct chacha20_columns *keys; /* block 0 of 16 lanes: r and s are words 0..7 */
	unsigned first_lane; /* in keys: 0 or 8 */
	uint64_t *low; /* 8 results: the tags' first 8 bytes as little-endian integers; by 64 */
	uint64_t *high; /* and their last 8 bytes */
};

/*
 * poly1305_avx512 makes the tags of 8 texts: each padded to 16 bytes with zeros, and the two
 * lengths, of no associated data and of the text, behind it. It takes the time of the longest.
 */
void poly1305_avx512(const struct poly1305_set *set);
