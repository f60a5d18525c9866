/*
 * ChaCha20 (RFC 8439, 2.4) by AVX2: eight blocks at a time, of any packets and keys.
 * On the packet's way: inside the AEAD backend "avx2".
 * Threads: any; no state. Needs a CPU with AVX2.
 */
#pragma once

#include <stdint.h>

#define CHACHA20_BLOCK_LEN 64
#define CHACHA20_AVX2_LANES 8

/*
 * One block of keystream and what it is for: the first `len` (0..CHACHA20_BLOCK_LEN) bytes at
 * `data` are XORed with it. The four first members are words 12 to 15 of ChaCha20's state, as they
 * lie there. `key` points to 32 bytes and must be valid even if `len` is 0.
 */
struct chacha20_block {
	uint32_t number; /* 0 makes the key of Poly1305, 1 is the first of the text */
	uint32_t zero;
	uint64_t counter;
	const uint8_t *key;
	uint8_t *data;
	uint32_t len;
};

/*
 * chacha20_avx2 does `count` blocks, a multiple of CHACHA20_AVX2_LANES; no two may overlap in
 * `data`. Vector registers are zero on return, but for the stack see stack_wipe() in
 * crypto/aead_avx2.c.
 */
void chacha20_avx2(const struct chacha20_block blocks[], unsigned count);

/*
 * chacha20_avx2_use does one block whose keystream was made before, by an XOR into zeros; of
 * `block`, `data` and `len` are looked at.
 */
void
chacha20_avx2_use(const struct chacha20_block *block, const uint8_t keystream[CHACHA20_BLOCK_LEN]);
