/*
 * Poly1305 (RFC 8439, 2.5), as ChaCha20-Poly1305 uses it, over packets in the lanes of AVX-512.
 * On the packet's way: inside the AEAD backend avx512. Private to crypto.
 * Threads: any; no state. The CPU must have AVX-512 F, BW, VL and IFMA.
 */
#pragma once

#include "crypto/chacha20_avx512.h"

#define POLY1305_LANES 8
#define POLY1305_PREFETCH 4 /* lines that a text is asked for ahead of their use */

/*
 * The texts of one set of lanes, and their tags. A long text may be split in two, its end in lane
 * i < `split` and what is before it in lane 4 + i; all ends that have anything before them are
 * `end_blocks` blocks of 16 bytes, the last of which may not be full.
 */
struct poly1305_set {
	uint8_t *const *data; /* 8 of each; not looked at where the length is 0 */
	const uint32_t *len; /* bytes, 0..AEAD_LEN_MAX */
	const uint32_t *total; /* of the whole text */
	const uint32_t *packet; /* lane in `keys`, 0..31; NULL if they are first, first + 1 ... */
	unsigned first; /* a multiple of 8 */
	const struct chacha20_columns
		*keys; /* two, block 0 of 32 packets: words 0..7 are r and s */
	uint64_t *low; /* results: the tags' first 8 bytes as little-endian integers */
	uint64_t *high; /* and their last 8; of no meaning in lanes 4 + i */
	unsigned split; /* 0..4 */
	unsigned end_blocks; /* if `split` is not 0 */
};

/*
 * poly1305_avx512 makes the tags of the texts: each padded to 16 bytes with zeros, and the two
 * lengths, of no associated data and of the text, behind it. It takes the time of the longest.
 */
void poly1305_avx512(const struct poly1305_set *set);
