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

const struct aead_backend *const aead_backend_list[] = {
	&aead_backend_auto,
	&aead_backend_avx512,
	&aead_backend_avx2,
	&aead_backend_ipsec_mb,
	&aead_backend_sodium,
	NULL,
};

static const char *const backend_names[] = {"auto", "avx512", "avx2", "ipsec-mb", "sodium", NULL};

_Static_assert(sizeof(backend_names) == sizeof(aead_backend_list), "each has its name in the list");

/* `like` is a context of the same backend, or NULL. */
static struct aead *
create(const struct aead_backend *backend, const void *like)
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
	aead->context = like != NULL && backend->create_like != NULL ? backend->create_like(like)
								     : backend->create();
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
aead_create_backend(const struct aead_backend *backend)
{
	return create(backend, NULL);
}

struct aead *
aead_create(const char *name)
{
	if (name == NULL)
		name = backend_names[0];
	for (unsigned i = 0; aead_backend_list[i] != NULL; i++)
		if (strcmp(name, aead_backend_list[i]->name) == 0)
			return create(aead_backend_list[i], NULL);
	errno = EINVAL;
	return NULL;
}

struct aead *
aead_create_like(const struct aead *aead)
{
	return create(aead->backend, aead->context);
}

void
aead_destroy(struct aead *aead)
{
	if (aead == NULL)
		return;
	aead->backend->destroy(aead->context);
	free(aead);
}

const struct aead_backend *
aead_backend_of(const struct aead *aead, void **context)
{
	*context = aead->context;
	return aead->backend;
}

const char *
aead_name(const struct aead *aead)
{
	return aead->backend->name;
}

const char *
aead_choice(const struct aead *aead, bool open, uint32_t len, unsigned count)
{
	if (aead->backend == &aead_backend_auto)
		return aead_auto_choice(aead->context, open, len, count);
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
