/*
 * What a backend of crypto/aead supplies. Private to crypto.
 * On the packet's way: behind aead_seal and aead_open.
 * Threads: as aead.h.
 */
#pragma once

#include "crypto/aead.h"

#include <stdbool.h>

/*
 * One backend. supported() looks at the CPU; create() returns a context, or NULL with errno set:
 * ENOMEM, ENOTSUP, or EILSEQ if the library under it failed its own test. seal and open are
 * aead_seal and aead_open on that context. Backends see counts of 1..AEAD_BATCH_MAX only.
 */
struct aead_backend {
	const char *name;
	bool (*supported)(void);
	void *(*create)(void);
	void (*destroy)(void *context);
	uint64_t (*seal)(void *context, const struct aead_packet packets[], unsigned count);
	uint64_t (*open)(void *context, const struct aead_packet packets[], unsigned count);
};

extern const struct aead_backend aead_backend_avx512;
extern const struct aead_backend aead_backend_ipsec_mb;
extern const struct aead_backend aead_backend_sodium;

/* aead_create_backend is aead_create with the backend itself; for aead_create and for tests. */
struct aead *aead_create_backend(const struct aead_backend *backend);
