/*
 * mac1 of many initiations at once: the choice of what this CPU does best.
 * On the packet's way: handshakes only, before anything else is done for one.
 * Threads: any; no state.
 */
#include "crypto/mac1_batch.h"

#include "crypto/mac1_batch_lanes.h"

#include <stdbool.h>

/* With fewer messages the lanes that stay empty cost more than one after the other. */
#define LANES_MIN 4

static bool
avx512_supported(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}

void
mac1_batch(uint8_t macs[][BLAKE2S_MAC_LEN], const uint8_t key[BLAKE2S_LEN],
	const uint8_t *const messages[], unsigned count)
{
	unsigned done = 0;

	if (avx512_supported()) {
		while (count - done >= LANES_MIN) {
			unsigned some = count - done;

			if (some > MAC1_AVX512_LANES)
				some = MAC1_AVX512_LANES;
			mac1_batch_avx512(&macs[done], key, &messages[done], some);
			done += some;
		}
	}
	for (; done < count; done++)
		blake2s_mac(macs[done], key, BLAKE2S_LEN, messages[done], MAC1_MESSAGE_LEN);
}
