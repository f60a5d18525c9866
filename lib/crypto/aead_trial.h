/*
 * Which backend is the fastest for which batches on this CPU, by trying them. Private to crypto.
 * On the packet's way: fills the table that aead_auto looks at.
 * Threads: any; no state is shared.
 */
#pragma once

#include "crypto/aead.h"

#include <stdbool.h>

#define AEAD_PARTS_MAX 8
#define AEAD_TABLE_STEP 64 /* bytes by which lengths are told apart */
#define AEAD_TABLE_STEPS (AEAD_LEN_MAX / AEAD_TABLE_STEP + 2)

enum aead_direction { AEAD_SEAL, AEAD_OPEN, AEAD_DIRECTIONS };

/* One of the backends, with what a batch needs at hand: its calls by direction, and its context. */
struct aead_part {
	uint64_t (*run[AEAD_DIRECTIONS])(void *, const struct aead_packet[], unsigned);
	void *context;
	struct aead *aead;
	bool across; /* as in struct aead_backend */
};

/*
 * The number of the part that is best, by direction, length in steps, rounded up, and count of
 * packets less one. Large, but a batch of equal lengths looks at one byte.
 */
struct aead_table {
	uint8_t best[AEAD_DIRECTIONS][AEAD_TABLE_STEPS][AEAD_BATCH_MAX];
};

static inline unsigned
aead_table_step(uint32_t len)
{
	return (len + AEAD_TABLE_STEP - 1) / AEAD_TABLE_STEP;
}

/*
 * aead_trial measures the `count` (1..AEAD_PARTS_MAX) parts and fills the table: some 7 ms of this
 * thread's time. Who is not faster than one before it in the list is not chosen. Returns 0, or
 * -ENOMEM.
 */
int aead_trial(const struct aead_part parts[], unsigned count, struct aead_table *table);
