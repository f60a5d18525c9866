/*
 * What bench_aead measures besides guardlane's own backends: every call of intel-ipsec-mb that does
 * ChaCha20-Poly1305, and OpenSSL.
 * On the packet's way: nowhere; for perf/.
 * Threads: one.
 */
#pragma once

#include "crypto/aead.h"

#include <stdbool.h>

/*
 * One way to seal and open a batch, with the contract of aead_seal and aead_open. Opening includes
 * the comparison of the tags. `call` is which of the family's ways it is, or empty.
 */
struct rival {
	const char *family;
	const char *call;
	uint64_t (*seal)(void *context, const struct aead_packet packets[], unsigned count);
	uint64_t (*open)(void *context, const struct aead_packet packets[], unsigned count);
	void *context;
};

#define RIVALS_MAX 8

/*
 * rivals_create writes them all to `rivals` and returns their number, or 0 with a text on stderr.
 * With `avx2_only`, intel-ipsec-mb does without AVX-512. They are there until the program ends.
 */
unsigned rivals_create(struct rival rivals[RIVALS_MAX], bool avx2_only);

/* rivals_versions returns what the JSON says about the libraries, to be freed by the caller. */
char *rivals_versions(void);
