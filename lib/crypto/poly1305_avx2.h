/*
 * Poly1305 (RFC 8439, 2.5 and 2.8) by AVX2 over up to eight messages at a time.
 * On the packet's way: inside the AEAD backend "avx2".
 * Threads: any; no state. Needs a CPU with AVX2.
 */
#pragma once

#include <stdint.h>

#define POLY1305_AVX2_LANES 8
#define POLY1305_KEY_LEN 32
#define POLY1305_TAG_LEN 16

/*
 * One message: `len` bytes of ciphertext at `data`, any alignment; the one-time key, r and s; and
 * where the tag goes, which may be right behind the text.
 */
struct poly1305_message {
	const uint8_t *data;
	const uint8_t *key;
	uint8_t *tag;
	uint32_t len;
};

/*
 * poly1305_avx2 writes the tags of `count` (1..POLY1305_AVX2_LANES) messages as the AEAD of RFC
 * 8439 defines them without associated data: over the text, zeros up to a multiple of 16, and the
 * lengths. It is fastest if they are about equally long. Vector registers are zero on return.
 */
void poly1305_avx2(const struct poly1305_message messages[], unsigned count);
