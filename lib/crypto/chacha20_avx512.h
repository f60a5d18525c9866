/*
 * ChaCha20 (RFC 8439) with a block of key stream in each 32-bit lane of AVX-512's registers.
 * On the packet's way: inside the AEAD backend avx512. Private to crypto.
 * Threads: any; no state. The CPU must have AVX-512 F, BW and VL.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CHACHA20_LANES 16
#define CHACHA20_BLOCK_LEN 64

/* What the blocks of 16 lanes are made from, beside their counters: word by word, 16 of each. */
struct chacha20_lanes {
	_Alignas(64) uint32_t key[8][CHACHA20_LANES];
	uint32_t nonce[2][CHACHA20_LANES]; /* the second and third word; the first one is zero */
};

/* The block counters of 16 lanes. */
struct chacha20_counters {
	_Alignas(64) uint32_t lane[CHACHA20_LANES];
};

/* Sixteen blocks of key stream in column form: word w of the block of lane i is word[w][i]. */
struct chacha20_columns {
	_Alignas(64) uint32_t word[16][CHACHA20_LANES];
};

_Static_assert(sizeof(struct chacha20_lanes) == 640 && sizeof(struct chacha20_counters) == 64 &&
		sizeof(struct chacha20_columns) == 1024,
	"the offsets that the assembly knows");

/*
 * Where the key stream of 16 lanes goes: text to be XORed in place. Each `at` points to readable
 * memory, even if there is nothing to do.
 */
struct chacha20_targets {
	_Alignas(64) uint8_t *at[CHACHA20_LANES];
	uint64_t bytes[CHACHA20_LANES]; /* bit i of a lane: byte i from `at` on is text */
	bool full; /* all of them are, and `bytes` has no meaning */
};

/* chacha20_avx512_x32 makes out[0] from a and counters[0], and out[1] from b and counters[1]. */
void chacha20_avx512_x32(const struct chacha20_lanes *a, const struct chacha20_lanes *b,
	const struct chacha20_counters counters[2], struct chacha20_columns out[2]);

/* chacha20_avx512_x16 makes `out`, in a little more than half of the time. */
void chacha20_avx512_x16(const struct chacha20_lanes *lanes,
	const struct chacha20_counters *counters, struct chacha20_columns *out);

/*
 * chacha20_avx512_lanes brings 16 keys, of 32 bytes each, and 16 nonces (4 zero bytes and the
 * counter in little-endian) into the form of lanes.
 */
void chacha20_avx512_lanes(struct chacha20_lanes *lanes, const uint8_t *const keys[CHACHA20_LANES],
	const uint64_t counters[CHACHA20_LANES]);

/*
 * chacha20_avx512_pick makes lane i of `to` a copy of lane packet[i] (0..31) of from[0] and
 * from[1] side by side; `packet` is aligned to 64 bytes.
 */
void chacha20_avx512_pick(struct chacha20_lanes *to, const struct chacha20_lanes from[2],
	const uint32_t packet[CHACHA20_LANES]);

/* chacha20_avx512_xor applies the blocks of 16 lanes to their targets. */
void
chacha20_avx512_xor(const struct chacha20_columns *columns, const struct chacha20_targets *targets);

/*
 * avx512_clear zeros all vector and mask registers, and AVX512_STACK_LINES * 64 bytes of the dead
 * stack below the caller's frame.
 */
void avx512_clear(void);
