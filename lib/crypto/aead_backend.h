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
 * create_like() may be NULL; else it is create(), but takes over what the other context found out.
 */
struct aead_backend {
	const char *name;
	bool across; /* works across packets: fewer cycles for each if there are more of them */
	bool (*supported)(void);
	void *(*create)(void);
	void *(*create_like)(const void *context);
	void (*destroy)(void *context);
	uint64_t (*seal)(void *context, const struct aead_packet packets[], unsigned count);
	uint64_t (*open)(void *context, const struct aead_packet packets[], unsigned count);
};

extern const struct aead_backend aead_backend_auto;
extern const struct aead_backend aead_backend_avx2;
extern const struct aead_backend aead_backend_avx512;
extern const struct aead_backend aead_backend_ipsec_mb;
extern const struct aead_backend aead_backend_sodium;

/* All of them, "auto" first, then by the speed that is to be expected; ends with NULL. */
extern const struct aead_backend *const aead_backend_list[];

/* aead_auto_choice is aead_choice on a context of aead_backend_auto. */
const char *aead_auto_choice(const void *context, bool open, uint32_t len, unsigned count);

/*
 * aead_tags_equal returns the mask of the packets, among the `count` whose numbers are in `order`,
 * behind which their tag lies: tags[i] is that of packets[i]. In time that depends on `count` only.
 * It is a function of its own so that a test can say that its result is no secret.
 */
uint64_t aead_tags_equal(const uint8_t tags[][AEAD_TAG_LEN], const struct aead_packet packets[],
	const uint8_t order[], unsigned count);

/* aead_backend_of returns the backend of `aead`, and its context in `context`, for aead_auto. */
const struct aead_backend *aead_backend_of(const struct aead *aead, void **context);

/* aead_create_backend is aead_create with the backend itself; for aead_create and for tests. */
struct aead *aead_create_backend(const struct aead_backend *backend);
