/*
 * Fuzz target: a batch of packets made of the input, through every AEAD backend that this CPU has,
 * against libsodium packet by packet.
 * Threads: one.
 *
 * The input: a byte of flags, then for each packet 4 bytes: length (2), its key's number and its
 * alignment in one, and what is forged when it is opened (0: nothing); what follows is text.
 */
#include "crypto/aead.h"

#include "base/bytes.h"

#include <sodium.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKENDS_MAX 8
#define CANARY_LEN 64
#define SLOT (CANARY_LEN + 64 + AEAD_LEN_MAX + AEAD_TAG_LEN + CANARY_LEN)
#define PACKET_INPUT_LEN 4
#define FLAG_LONG 1 /* lengths up to the longest, not only up to 1,023 */

struct fuzz {
	struct aead *aeads[BACKENDS_MAX];
	unsigned aead_count;
	uint8_t keys[4][AEAD_KEY_LEN];
	struct aead_packet packets[AEAD_BATCH_MAX];
	uint8_t forge[AEAD_BATCH_MAX];
	uint8_t text[AEAD_BATCH_MAX][AEAD_LEN_MAX];
	uint8_t sealed[AEAD_BATCH_MAX][AEAD_LEN_MAX + AEAD_TAG_LEN];
	uint8_t slots[AEAD_BATCH_MAX][SLOT];
	unsigned count;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
demand(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "fuzz_aead: %s\n", what);
	abort();
}

static struct fuzz *
fuzz_create(void)
{
	struct fuzz *fuzz = calloc(1, sizeof(*fuzz));

	demand(fuzz != NULL, "memory");
	for (const char *const *name = aead_backends(); *name != NULL; name++) {
		struct aead *aead = aead_create(*name);

		demand(aead != NULL || errno == ENOTSUP, *name);
		if (aead != NULL)
			fuzz->aeads[fuzz->aead_count++] = aead;
	}
	for (unsigned i = 0; i < sizeof(fuzz->keys); i++)
		fuzz->keys[i / AEAD_KEY_LEN][i % AEAD_KEY_LEN] = (uint8_t)(i * 37 + 1);
	return fuzz;
}

static void
batch_make(struct fuzz *fuzz, const uint8_t *data, size_t len)
{
	const uint32_t len_max = data[0] & FLAG_LONG ? AEAD_LEN_MAX : 1023;
	size_t text = 1;

	for (fuzz->count = 0; fuzz->count < AEAD_BATCH_MAX; fuzz->count++) {
		const uint8_t *input = data + 1 + (size_t)fuzz->count * PACKET_INPUT_LEN;
		struct aead_packet *packet = &fuzz->packets[fuzz->count];
		uint8_t nonce[12] = {0};

		if (input + PACKET_INPUT_LEN > data + len)
			break;
		packet->len = load_le16(input) % (len_max + 1);
		packet->key = fuzz->keys[input[2] & 3];
		packet->data = fuzz->slots[fuzz->count] + CANARY_LEN + (input[2] >> 2);
		packet->counter = (uint64_t)load_le32(input) * fuzz->count;
		fuzz->forge[fuzz->count] = input[3];
		for (uint32_t i = 0; i < packet->len; i++)
			fuzz->text[fuzz->count][i] = data[text++ % len];
		store_le64(nonce + 4, packet->counter);
		crypto_aead_chacha20poly1305_ietf_encrypt(fuzz->sealed[fuzz->count], NULL,
			fuzz->text[fuzz->count], packet->len, NULL, 0, NULL, nonce, packet->key);
	}
}

static void
slots_load(struct fuzz *fuzz, int sealed)
{
	for (unsigned i = 0; i < fuzz->count; i++) {
		const struct aead_packet *packet = &fuzz->packets[i];

		memset(fuzz->slots[i], 0xca, SLOT);
		if (sealed)
			memcpy(packet->data, fuzz->sealed[i], packet->len + AEAD_TAG_LEN);
		else
			memcpy(packet->data, fuzz->text[i], packet->len);
	}
}

static void
slot_check(const struct fuzz *fuzz, unsigned i, const uint8_t *expected, size_t len)
{
	const struct aead_packet *packet = &fuzz->packets[i];
	const uint8_t *end = packet->data + packet->len + AEAD_TAG_LEN;

	demand(memcmp(packet->data, expected, len) == 0, "not what libsodium says");
	for (const uint8_t *at = fuzz->slots[i]; at < fuzz->slots[i] + SLOT; at++)
		demand((at >= packet->data && at < end) || *at == 0xca, "a byte beside a packet");
}

static void
backend_try(struct fuzz *fuzz, struct aead *aead)
{
	const uint64_t all = fuzz->count == 0 ? 0 : UINT64_MAX >> (AEAD_BATCH_MAX - fuzz->count);
	uint64_t forged = 0;

	slots_load(fuzz, 0);
	demand(aead_seal(aead, fuzz->packets, fuzz->count) == all, "not all sealed");
	for (unsigned i = 0; i < fuzz->count; i++)
		slot_check(fuzz, i, fuzz->sealed[i], fuzz->packets[i].len + AEAD_TAG_LEN);
	slots_load(fuzz, 1);
	for (unsigned i = 0; i < fuzz->count; i++) {
		struct aead_packet *packet = &fuzz->packets[i];
		const size_t len = packet->len + AEAD_TAG_LEN;

		if (fuzz->forge[i] == 0)
			continue;
		packet->data[(size_t)fuzz->forge[i] * 41 % len] ^= fuzz->forge[i];
		forged |= UINT64_C(1) << i;
	}
	demand(aead_open(aead, fuzz->packets, fuzz->count) == (all & ~forged),
		"opened what is forged, or did not open what is not");
	for (unsigned i = 0; i < fuzz->count; i++) {
		const struct aead_packet *packet = &fuzz->packets[i];

		if ((forged >> i & 1) == 0)
			slot_check(fuzz, i, fuzz->text[i], packet->len);
		else if (packet->len >= 32)
			demand(memcmp(packet->data, fuzz->text[i], packet->len) != 0 ||
					sodium_is_zero(packet->data, packet->len),
				"plaintext of a forged packet");
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct fuzz *fuzz;

	if (fuzz == NULL)
		fuzz = fuzz_create();
	if (len == 0)
		return 0;
	batch_make(fuzz, data, len);
	for (unsigned i = 0; i < fuzz->aead_count; i++)
		backend_try(fuzz, fuzz->aeads[i]);
	return 0;
}
