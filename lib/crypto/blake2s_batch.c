/*
 * Many short macs at once: the choice of what this CPU does best.
 * On the packet's way: handshakes only, before anything else is done for one.
 * Threads: any; no state.
 */
#include "crypto/blake2s_batch.h"

#include "crypto/blake2s_batch_lanes.h"

#include <sodium.h>

/* With fewer messages the lanes that stay empty cost more than one after the other. */
#define LANES_MIN 2
/* Of the stack below us, what the lanes put there: states, blocks and spilt registers. */
#define STACK_LEN 8192

void
blake2s_batch(uint8_t macs[][BLAKE2S_MAC_LEN], const uint8_t *const keys[], size_t key_len,
	const uint8_t *const messages[], size_t len, unsigned count)
{
	void (*lanes)(uint8_t[][BLAKE2S_MAC_LEN], const struct blake2s_batch_job *) = NULL;
	unsigned lane_count = 1;
	unsigned whole = 0;

	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) {
		lanes = blake2s_batch_avx512;
		lane_count = BLAKE2S_AVX512_LANES;
	} else if (__builtin_cpu_supports("avx2")) {
		lanes = blake2s_batch_avx2;
		lane_count = BLAKE2S_AVX2_LANES;
	}
	if (lanes != NULL) {
		whole = count % lane_count < LANES_MIN ? count - count % lane_count : count;
		if (whole > 0) {
			lanes(macs,
				&(const struct blake2s_batch_job){
					.keys = keys,
					.messages = messages,
					.key_len = key_len,
					.len = len,
					.count = whole,
				});
			sodium_stackzero(STACK_LEN);
		}
	}
	for (unsigned i = whole; i < count; i++)
		blake2s_mac(macs[i], keys[i], key_len, messages[i], len);
}
