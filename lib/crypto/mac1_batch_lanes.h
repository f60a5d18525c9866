/*
 * What mac1_batch has for particular CPUs. Private to crypto.
 * On the packet's way: handshakes only.
 * Threads: any; no state.
 */
#pragma once

#include "crypto/mac1_batch.h"

#define MAC1_AVX512_LANES 16
#define MAC1_AVX2_LANES 8

/*
 * mac1_batch_avx512 is mac1_batch, in the time of a multiple of MAC1_AVX512_LANES messages. The
 * CPU must have AVX-512 F and BW. mac1_batch_avx2 likewise, and must have AVX2.
 */
void mac1_batch_avx512(uint8_t macs[][BLAKE2S_MAC_LEN], const uint8_t key[BLAKE2S_LEN],
	const uint8_t *const messages[], unsigned count);
void mac1_batch_avx2(uint8_t macs[][BLAKE2S_MAC_LEN], const uint8_t key[BLAKE2S_LEN],
	const uint8_t *const messages[], unsigned count);
