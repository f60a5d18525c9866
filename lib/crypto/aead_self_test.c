/*
 * The self test that every AEAD context passes before it sees a packet.
 * On the packet's way: nowhere; at creation, by the very calls that lanes make.
 * Threads: the one that creates the context.
 */
#include "crypto/aead.h"

#include "base/bytes.h"

#include <sodium.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define TRIAL_COUNT 24
/* The sum of trial_lens, and a tag for each. */
#define TRIAL_ROOM (5056 + TRIAL_COUNT * AEAD_TAG_LEN)
#define TRIAL_KEYS 7
/* Every so manyth byte is forged: odd, so that each place in a block has its turn. */
#define FORGED_STEP 5

/* Around the multiples of 16 and 64 at which implementations turn; the last one is a control. */
static const uint16_t trial_lens[TRIAL_COUNT] = {0, 1, 15, 16, 17, 31, 32, 63, 64, 65, 127, 128,
	129, 191, 192, 193, 255, 256, 257, 511, 512, 513, 1424, 64};

/* Messages as an independent implementation sealed them. */
struct known {
	uint8_t key[AEAD_KEY_LEN];
	uint64_t counter;
	uint32_t len;
	uint8_t sealed[32 + AEAD_TAG_LEN];
};

/* The texts of the two longer ones: an IP header, and padding. */
static const uint8_t known_text[32] = {0x45, 0x00, 0x00, 0x1c, 0x00, 0x01, 0x00, 0x00, 0x40, 0x11,
	0x00, 0x00, 0x0a, 0x00, 0x00, 0x01, 0x0a, 0x00, 0x00, 0x02, 0x03, 0xe8, 0x07, 0xd0, 0x00,
	0x08, 0x00, 0x00};

static const struct known known[] = {
	{.key = {0xc5, 0xf3, 0x30, 0xb6, 0xdc, 0x92, 0xc8, 0xbd, 0x41, 0x24, 0x80, 0x07, 0x33, 0xb3,
		 0x3c, 0xd9, 0xd7, 0xe5, 0xdd, 0x2a, 0xc8, 0xc7, 0x82, 0xe1, 0xb5, 0x58, 0xf9, 0xb2,
		 0xb6, 0x08, 0x04, 0xd8},
		.counter = 0,
		.len = 0,
		.sealed = {0xfd, 0x3f, 0xfd, 0xf3, 0x8f, 0x1b, 0xfa, 0xd2, 0x0a, 0x6f, 0xdb, 0x16,
			0x9d, 0x83, 0xd3, 0xd3}},
	{.key = {0xc5, 0xf3, 0x30, 0xb6, 0xdc, 0x92, 0xc8, 0xbd, 0x41, 0x24, 0x80, 0x07, 0x33, 0xb3,
		 0x3c, 0xd9, 0xd7, 0xe5, 0xdd, 0x2a, 0xc8, 0xc7, 0x82, 0xe1, 0xb5, 0x58, 0xf9, 0xb2,
		 0xb6, 0x08, 0x04, 0xd8},
		.counter = 1,
		.len = 32,
		.sealed = {0xd2, 0xb8, 0x60, 0x5b, 0x6b, 0x83, 0x9c, 0xdf, 0xcb, 0xfd, 0x09, 0xc8,
			0x1c, 0x16, 0x7c, 0x48, 0x49, 0x3c, 0x1e, 0x87, 0x86, 0x19, 0x05, 0xcf,
			0x84, 0xad, 0xbd, 0x94, 0x99, 0x32, 0xda, 0xc0, 0x03, 0xa0, 0x93, 0x2d,
			0x06, 0x0b, 0x89, 0xe3, 0x02, 0xee, 0xda, 0x90, 0x2d, 0x9a, 0x7f, 0x28}},
	{.key = {0xdf, 0x0e, 0x53, 0xea, 0xc7, 0x79, 0xa4, 0xc1, 0xab, 0x02, 0x39, 0x07, 0xc8, 0xdd,
		 0xa5, 0x49, 0xef, 0xdb, 0xf8, 0xca, 0x9a, 0x4c, 0xe9, 0x31, 0xba, 0x1d, 0x27, 0xa2,
		 0xa8, 0xbe, 0x73, 0xf9},
		.counter = (UINT64_C(1) << 60) + 5,
		.len = 32,
		.sealed = {0xd9, 0xf2, 0xe5, 0xc0, 0x69, 0xf7, 0xc8, 0x48, 0x47, 0xff, 0x3d, 0x69,
			0x6b, 0xa6, 0x24, 0x75, 0x50, 0xf5, 0x21, 0x93, 0xef, 0x55, 0x8d, 0x95,
			0x0a, 0x25, 0x77, 0x3c, 0xf8, 0xc5, 0xce, 0xbd, 0x37, 0xc4, 0x45, 0x6c,
			0xec, 0x4c, 0x8d, 0x6a, 0xb4, 0x49, 0x15, 0x6b, 0x7e, 0xa5, 0x73, 0x51}},
};

#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

/* Texts, what they must become, and a copy to work on; packet i lies at the same offset in each. */
struct trial {
	uint8_t text[TRIAL_ROOM];
	uint8_t sealed[TRIAL_ROOM];
	uint8_t work[TRIAL_ROOM];
	uint8_t keys[TRIAL_KEYS][AEAD_KEY_LEN];
	struct aead_packet packets[TRIAL_COUNT]; /* in `work` */
};

static bool
known_good(struct aead *aead)
{
	uint8_t work[KNOWN_COUNT][sizeof(known[0].sealed)];
	struct aead_packet packets[KNOWN_COUNT];
	const uint64_t all = (UINT64_C(1) << KNOWN_COUNT) - 1;

	for (size_t i = 0; i < KNOWN_COUNT; i++) {
		packets[i] =
			(struct aead_packet){work[i], known[i].key, known[i].counter, known[i].len};
		memset(work[i], 0, sizeof(work[i]));
		memcpy(work[i], known_text, known[i].len);
	}
	if (aead_seal(aead, packets, KNOWN_COUNT) != all)
		return false;
	for (size_t i = 0; i < KNOWN_COUNT; i++)
		if (memcmp(work[i], known[i].sealed, known[i].len + AEAD_TAG_LEN) != 0)
			return false;
	if (aead_open(aead, packets, KNOWN_COUNT) != all)
		return false;
	for (size_t i = 0; i < KNOWN_COUNT; i++)
		if (memcmp(work[i], known_text, known[i].len) != 0)
			return false;
	return true;
}

/* Lays the trial's packets out and has libsodium say what they become. */
static void
trial_init(struct trial *trial)
{
	size_t at = 0;

	for (size_t i = 0; i < sizeof(trial->keys); i++)
		trial->keys[i / AEAD_KEY_LEN][i % AEAD_KEY_LEN] = (uint8_t)(i * 13 + 1);
	for (size_t i = 0; i < TRIAL_ROOM; i++)
		trial->text[i] = (uint8_t)(i * 31 + i / 251);
	for (size_t i = 0; i < TRIAL_COUNT; i++) {
		struct aead_packet *packet = &trial->packets[i];
		uint8_t nonce[12] = {0};

		packet->data = trial->work + at;
		packet->key = trial->keys[i % TRIAL_KEYS];
		packet->counter = i << (i % 3 * 28);
		packet->len = trial_lens[i];
		store_le64(nonce + 4, packet->counter);
		(void)crypto_aead_chacha20poly1305_ietf_encrypt(trial->sealed + at, NULL,
			trial->text + at, packet->len, NULL, 0, NULL, nonce, packet->key);
		at += packet->len + AEAD_TAG_LEN;
	}
}

/* Where a packet's bytes lie in each of the three arrays. */
static size_t
trial_offset(const struct trial *trial, const struct aead_packet *packet)
{
	return (size_t)(packet->data - trial->work);
}

static bool
trial_good(struct aead *aead, struct trial *trial)
{
	const uint64_t all = (UINT64_C(1) << TRIAL_COUNT) - 1;

	memcpy(trial->work, trial->text, sizeof(trial->work));
	if (aead_seal(aead, trial->packets, TRIAL_COUNT) != all ||
		memcmp(trial->work, trial->sealed, sizeof(trial->work)) != 0)
		return false;
	if (aead_open(aead, trial->packets, TRIAL_COUNT) != all)
		return false;
	for (size_t i = 0; i < TRIAL_COUNT; i++) {
		const struct aead_packet *packet = &trial->packets[i];

		if (memcmp(packet->data, trial->text + trial_offset(trial, packet), packet->len) !=
			0)
			return false;
	}
	return true;
}

/*
 * Offers every packet that has a byte `at`, of text or tag, with that byte changed, and the
 * control packet, which is as it should be and must be the only one that opens.
 */
static bool
forged_refused(struct aead *aead, struct trial *trial, size_t at)
{
	const struct aead_packet *control = &trial->packets[TRIAL_COUNT - 1];
	struct aead_packet offered[TRIAL_COUNT];
	unsigned count = 0;

	for (const struct aead_packet *packet = trial->packets; packet <= control; packet++) {
		size_t len = packet->len + AEAD_TAG_LEN;

		if (packet != control && at >= len)
			continue;
		memcpy(packet->data, trial->sealed + trial_offset(trial, packet), len);
		if (packet != control)
			packet->data[at] ^= (uint8_t)(1U << at % 8);
		offered[count++] = *packet;
	}
	return aead_open(aead, offered, count) == UINT64_C(1) << (count - 1) &&
		memcmp(control->data, trial->text + trial_offset(trial, control), control->len) ==
		0;
}

int
aead_self_test(struct aead *aead)
{
	struct trial trial;
	size_t longest = 0;

	trial_init(&trial);
	if (!known_good(aead) || !trial_good(aead, &trial))
		return -EILSEQ;
	for (size_t i = 0; i < TRIAL_COUNT; i++)
		if (trial_lens[i] > longest)
			longest = trial_lens[i];
	for (size_t at = 0; at < longest + AEAD_TAG_LEN; at += FORGED_STEP)
		if (!forged_refused(aead, &trial, at))
			return -EILSEQ;
	return 0;
}
