/*
 * The AEAD backend by libsodium: one packet at a time, on any CPU.
 * On the packet's way: behind aead_seal and aead_open.
 * Threads: one context per thread.
 */
#include "crypto/aead_backend.h"

#include "base/bytes.h"

#include <sodium.h>

#include <errno.h>
#include <stdlib.h>

#define NONCE_LEN crypto_aead_chacha20poly1305_ietf_NPUBBYTES

struct aead_sodium {
	uint8_t nonce[NONCE_LEN]; /* the 4 first bytes stay zero */
};

static bool
sodium_supported(void)
{
	return true;
}

static void *
sodium_create(void)
{
	return calloc(1, sizeof(struct aead_sodium));
}

static void
sodium_destroy(void *context)
{
	free(context);
}

static uint64_t
sodium_seal(void *context, const struct aead_packet packets[], unsigned count)
{
	struct aead_sodium *sodium = context;
	uint64_t sealed = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct aead_packet *packet = &packets[i];

		store_le64(sodium->nonce + 4, packet->counter);
		if (crypto_aead_chacha20poly1305_ietf_encrypt_detached(packet->data,
			    packet->data + packet->len, NULL, packet->data, packet->len, NULL, 0,
			    NULL, sodium->nonce, packet->key) == 0)
			sealed |= UINT64_C(1) << i;
	}
	return sealed;
}

static uint64_t
sodium_open(void *context, const struct aead_packet packets[], unsigned count)
{
	struct aead_sodium *sodium = context;
	uint64_t authentic = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct aead_packet *packet = &packets[i];

		store_le64(sodium->nonce + 4, packet->counter);
		if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(packet->data, NULL,
			    packet->data, packet->len, packet->data + packet->len, NULL, 0,
			    sodium->nonce, packet->key) == 0)
			authentic |= UINT64_C(1) << i;
	}
	return authentic;
}

const struct aead_backend aead_backend_sodium = {
	.name = "sodium",
	.supported = sodium_supported,
	.create = sodium_create,
	.destroy = sodium_destroy,
	.seal = sodium_seal,
	.open = sodium_open,
};
