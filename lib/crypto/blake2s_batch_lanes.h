/*
 * What blake2s_batch has for particular CPUs. Private to crypto.
 * On the packet's way: handshakes only.
 * Threads: any; no state.
 */
#pragma once

#include "crypto/blake2s_batch.h"

#define BLAKE2S_AVX512_LANES 16
#define BLAKE2S_AVX2_LANES 8

/* The arguments of blake2s_batch, but where the macs go. */
struct blake2s_batch_job {
	const uint8_t *const *keys;
	const uint8_t *const *messages;
	size_t key_len;
	size_t len;
	unsigned count;
};

/*
 * blake2s_batch_avx512 is blake2s_batch, in the time of a multiple of BLAKE2S_AVX512_LANES
 * messages; it leaves the stack as it is. The CPU must have AVX-512 F and BW. blake2s_batch_avx2
 * likewise, and must have AVX2.
 */
void blake2s_batch_avx512(uint8_t macs[][BLAKE2S_MAC_LEN], const struct blake2s_batch_job *job);
void blake2s_batch_avx2(uint8_t macs[][BLAKE2S_MAC_LEN], const struct blake2s_batch_job *job);
