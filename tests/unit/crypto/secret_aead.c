/*
 * No branch and no address of the AEAD depends on a secret: to be run under valgrind, which reports
 * every one that depends on memory marked as undefined. Keys and plaintext are marked so.
 * Usage: secret_aead BACKEND        nothing must be reported
 *        secret_aead --leak         must be reported: shows that reports come
 * Threads: one.
 */
#include "crypto/aead.h"
#include "crypto/aead_backend.h"

#include <valgrind/memcheck.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM (AEAD_LEN_MAX + AEAD_TAG_LEN + 64)

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl*): the linker's --wrap wants these names. */
/* Which packets are authentic is no secret: the sender of a forged one sees what comes of it. */
uint64_t __real_aead_tags_equal(const uint8_t tags[][AEAD_TAG_LEN],
	const struct aead_packet packets[], const uint8_t order[], unsigned count);
uint64_t __wrap_aead_tags_equal(const uint8_t tags[][AEAD_TAG_LEN],
	const struct aead_packet packets[], const uint8_t order[], unsigned count);

uint64_t
__wrap_aead_tags_equal(const uint8_t tags[][AEAD_TAG_LEN], const struct aead_packet packets[],
	const uint8_t order[], unsigned count)
{
	uint64_t equal = __real_aead_tags_equal(tags, packets, order, count);

	(void)VALGRIND_MAKE_MEM_DEFINED(&equal, sizeof(equal));
	return equal;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl*) */

/* Every third packet is forged when it is opened. */
static int
trial(struct aead *aead, unsigned count, uint32_t len, uint8_t *room)
{
	struct aead_packet packets[AEAD_BATCH_MAX];
	uint8_t keys[AEAD_BATCH_MAX][AEAD_KEY_LEN];
	uint64_t expected = 0;
	uint64_t sealed;
	uint64_t opened;

	for (unsigned i = 0; i < count; i++) {
		struct aead_packet *packet = &packets[i];

		/* Equal lengths, or different ones if `len` is odd. */
		packet->len = len % 2 != 0 ? len * (i + 1) % 800 : len;
		packet->data = room + (size_t)i * ROOM + i;
		packet->key = keys[i % 3 == 0 ? 0 : i];
		packet->counter = i;
		memset(packet->data, (int)i, packet->len);
		memset(keys[i], (int)i + 1, AEAD_KEY_LEN);
		(void)VALGRIND_MAKE_MEM_UNDEFINED(packet->data, packet->len);
	}
	(void)VALGRIND_MAKE_MEM_UNDEFINED(keys, sizeof(keys));
	sealed = aead_seal(aead, packets, count);
	for (unsigned i = 0; i < count; i++) {
		/* What is on the wire is no secret. */
		(void)VALGRIND_MAKE_MEM_DEFINED(packets[i].data, packets[i].len + AEAD_TAG_LEN);
		if (i % 3 == 2)
			packets[i].data[packets[i].len] ^= 1;
		else
			expected |= UINT64_C(1) << i;
	}
	opened = aead_open(aead, packets, count);
	return sealed == UINT64_MAX >> (AEAD_BATCH_MAX - count) && opened == expected ? 0 : 1;
}

static int
leak(void)
{
	volatile int secret = 1;

	(void)VALGRIND_MAKE_MEM_UNDEFINED((void *)&secret, sizeof(secret));
	if (secret != 0)
		puts("leaked");
	return 0;
}

int
main(int argc, char *argv[])
{
	static const unsigned counts[] = {1, 2, 7, 8, 9, 33, 64};
	static const uint32_t lens[] = {0, 16, 64, 77, 130, 1024, 1424};
	static uint8_t room[AEAD_BATCH_MAX * ROOM];
	struct aead *aead;
	int wrong = 0;

	if (argc != 2 || !RUNNING_ON_VALGRIND) {
		fprintf(stderr, "usage: valgrind secret_aead BACKEND|--leak\n");
		return 2;
	}
	if (strcmp(argv[1], "--leak") == 0)
		return leak();
	aead = aead_create(argv[1]);
	if (aead == NULL) {
		perror(argv[1]);
		return 77; /* skipped */
	}
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
		for (size_t l = 0; l < sizeof(lens) / sizeof(lens[0]); l++)
			wrong |= trial(aead, counts[c], lens[l], room);
	aead_destroy(aead);
	return wrong;
}
