/*
 * ChaCha20-Poly1305 (RFC 8439) over a batch of packets: the choice of a backend.
 * On the packet's way: in_open and out_seal.
 * Threads: one struct aead per thread.
 */
#include "crypto/aead.h"

#include "crypto/aead_backend.h"
#include "crypto/x25519.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct aead {
	const struct aead_backend *backend;
	void *context;
};

/* Fastest first. */
static const struct aead_backend *const backends[] = {
        &aead_backend_avx512,
        &aead_backend_ipsec_mb,
        &aead_backend_sodium,
};

#define BACKEND_COUNT (sizeof(backends) / sizeof(backends[0]))

static const char *const backend_names[] = {"auto", "avx512", "ipsec-mb", "sodium", NULL};

_Static_assert(sizeof(backend_names) / sizeof(backend_names[0]) == BACKEND_COUNT + 2,
        "each backend has its name in the list");

struct aead *
aead_create_backend(const struct aead_backend *backend)
{
	struct aead *aead;
	int error = ENOTSUP;

	if (crypto_init() != 0 || !backend->supported())
		goto fail;
	error = ENOMEM;
	aead = calloc(1, sizeof(*aead));
	if (aead == NULL)
		goto fail;
	aead->backend = backend;
	aead->context = backend->create();
	if (aead->context == NULL) {
		error = errno;
		goto fail_aead;
	}
	if (aead_self_test(aead) == 0)
		return aead;
	error = EILSEQ;
	backend->destroy(aead->context);
fail_aead:
	free(aead);
fail:
	errno = error;
	return NULL;
}

struct aead *
aead_create(const char *name)
{
	bool any = name == NULL || strcmp(name, backend_names[0]) == 0;

	for (size_t i = 0; i < BACKEND_COUNT; i++) {
		struct aead *aead;

		if (!any && strcmp(name, backends[i]->name) != 0)
			continue;
		aead = aead_create_backend(backends[i]);
		/* A CPU may lack something; a backend that gives wrong answers is an alarm. */
		if (aead != NULL || !any || errno != ENOTSUP)
			return aead;
	}
	errno = any ? ENOTSUP : EINVAL;
	return NULL;
}

void
aead_destroy(struct aead *aead)
{
	if (aead == NULL)
		return;
	aead->backend->destroy(aead->context);
	free(aead);
}

const char *
aead_name(const struct aead *aead)
{
	return aead->backend->name;
}

const char *const *
aead_backends(void)
{
	return backend_names;
}

/* A count that is out of range seals and opens nothing; no bit beyond `count` is ever set. */
static inline uint64_t
batch_mask(unsigned count)
{
	if (count == 0 || count > AEAD_BATCH_MAX)
		return 0;
	return UINT64_MAX >> (AEAD_BATCH_MAX - count);
}

_Static_assert(AEAD_BATCH_MAX == 64, "a batch is the bits of one word");

uint64_t
aead_seal(struct aead *aead, const struct aead_packet packets[], unsigned count)
{
	uint64_t mask = batch_mask(count);

	return mask != 0 ? aead->backend->seal(aead->context, packets, count) & mask : 0;
}

uint64_t
aead_open(struct aead *aead, const struct aead_packet packets[], unsigned count)
{
	uint64_t mask = batch_mask(count);

	return mask != 0 ? aead->backend->open(aead->context, packets, count) & mask : 0;
}
