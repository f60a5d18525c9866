/*
 * mac1 of many initiations at once: the choice of what this CPU does best.
 * On the packet's way: handshakes only, before anything else is done for one.
 * Threads: any; no state.
 */
#include "crypto/mac1_batch.h"

#include "crypto/mac1_batch_lanes.h"

#include <stddef.h>

/* With fewer messages the lanes that stay empty cost more than one after the other. */
#define LANES_MIN 4

void
mac1_batch(uint8_t macs[][BLAKE2S_MAC_LEN], const uint8_t key[BLAKE2S_LEN],
	const uint8_t *const messages[], unsigned count)
{
	void (*lanes)(uint8_t[][BLAKE2S_MAC_LEN], const uint8_t[BLAKE2S_LEN],
		const uint8_t *const[], unsigned) = NULL;
	unsigned lane_count = 1;
	unsigned whole = 0;

	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) {
		lanes = mac1_batch_avx512;
		lane_count = MAC1_AVX512_LANES;
	} else if (__builtin_cpu_supports("avx2")) {
		lanes = mac1_batch_avx2;
		lane_count = MAC1_AVX2_LANES;
	}
	if (lanes != NULL) {
		whole = count % lane_count < LANES_MIN ? count - count % lane_count : count;
		if (whole > 0)
			lanes(macs, key, messages, whole);
	}
	for (unsigned i = whole; i < count; i++)
		blake2s_mac(macs[i], key, BLAKE2S_LEN, messages[i], MAC1_MESSAGE_LEN);
}
