/*
 * The AEAD backend for AVX2: eight blocks of ChaCha20 and eight packets of Poly1305 side by side.
 * On the packet's way: behind aead_seal and aead_open.
 * Threads: one context per thread. This file itself is compiled for any CPU.
 *
 * A batch is done in parts of about PART_LEN bytes, so that what ChaCha20 has touched is still in
 * the first cache when Poly1305 comes, or the other way round. Within a part blocks of any packet
 * fill the lanes. When opening, nothing is decrypted before its packet is known to be authentic.
 */
#include "crypto/aead_backend.h"
#include "crypto/chacha20_avx2.h"
#include "crypto/poly1305_avx2.h"

#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PART_LEN (16U << 10)
/* Blocks described before they are done. */
#define BLOCKS_MAX 64
#define SPARE_MAX (CHACHA20_AVX2_LANES - 1)
/*
 * More than is used below run(): 2.7 KiB by poly1305_avx2(), 1.3 by what it calls, and 0.5 here.
 * tests/unit/crypto/test_aead_wipe.c looks for what is left.
 */
#define STACK_LEN 4608

struct aead_avx2 {
	/* The one-time keys of Poly1305. Zeros between calls. */
	uint8_t keys[AEAD_BATCH_MAX][POLY1305_KEY_LEN];
	uint8_t tags[AEAD_BATCH_MAX][AEAD_TAG_LEN]; /* as computed, when opening */
	/* Keystream of the first blocks, made in lanes that keys left over. Zeros between. */
	uint8_t spare[SPARE_MAX][CHACHA20_BLOCK_LEN];
	unsigned spare_count;
	struct chacha20_block blocks[BLOCKS_MAX];
	unsigned block_count;
	uint8_t order[AEAD_BATCH_MAX]; /* numbers of packets, the longest first */
};

static bool
avx2_supported(void)
{
	return __builtin_cpu_supports("avx2") != 0;
}

static void *
avx2_create(void)
{
	struct aead_avx2 *avx2 = aligned_alloc(64, (sizeof(*avx2) + 63) & ~(size_t)63);

	if (avx2 == NULL)
		errno = ENOMEM;
	else
		memset(avx2, 0, sizeof(*avx2));
	return avx2;
}

static void
avx2_destroy(void *context)
{
	secret_wipe(context, sizeof(struct aead_avx2));
	free(context);
}

/* Overwrites what the kernels left on the stack below their caller, whose frame is smaller. */
static __attribute__((noinline)) void
stack_wipe(void)
{
	uint8_t below[STACK_LEN];

	secret_wipe(below, sizeof(below));
}

/* Longest first. A packet's place is the number of packets before it: no branch to mispredict. */
static void
sort(uint8_t order[AEAD_BATCH_MAX], const struct aead_packet packets[], unsigned count)
{
	uint32_t keys[AEAD_BATCH_MAX];
	uint32_t differ = 0;

	for (unsigned i = 0; i < count; i++) {
		keys[i] = packets[i].len << 8 | i;
		differ |= packets[i].len ^ packets[0].len;
		order[i] = (uint8_t)i;
	}
	if (differ == 0)
		return;
	for (unsigned i = 0; i < count; i++) {
		uint32_t place = 0;

		for (unsigned k = 0; k < count; k++)
			place += keys[k] > keys[i];
		order[place] = (uint8_t)i;
	}
}

/* Does the blocks described so far. */
static void
blocks_flush(struct aead_avx2 *avx2)
{
	struct chacha20_block *blocks = avx2->blocks;
	unsigned count = avx2->block_count;

	if (count == 0)
		return;
	while (count % CHACHA20_AVX2_LANES != 0) {
		blocks[count] = blocks[0];
		blocks[count].len = 0;
		count++;
	}
	chacha20_avx2(blocks, count);
	avx2->block_count = 0;
}

static inline void
block_add(struct aead_avx2 *avx2, const struct aead_packet *packet, uint32_t number, uint8_t *data,
	uint32_t len)
{
	avx2->blocks[avx2->block_count++] = (struct chacha20_block){
		.number = number,
		.counter = packet->counter,
		.key = packet->key,
		.data = data,
		.len = len,
	};
	if (avx2->block_count == BLOCKS_MAX)
		blocks_flush(avx2);
}

/* The length of the block of text that begins `at` bytes into the packet. */
static inline uint32_t
text_block_len(const struct aead_packet *packet, uint32_t at)
{
	return packet->len - at < CHACHA20_BLOCK_LEN ? packet->len - at : CHACHA20_BLOCK_LEN;
}

static inline void
text_add(struct aead_avx2 *avx2, const struct aead_packet *packet, uint32_t from)
{
	for (uint32_t at = from; at < packet->len; at += CHACHA20_BLOCK_LEN)
		block_add(avx2, packet, at / CHACHA20_BLOCK_LEN + 1, packet->data + at,
			text_block_len(packet, at));
}

/* Keys i of the part are those of its i-th packet in order. */
static void
keys_add(struct aead_avx2 *avx2, const struct aead_packet packets[], const uint8_t order[],
	unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		block_add(avx2, &packets[order[i]], 0, avx2->keys[i], POLY1305_KEY_LEN);
}

/* The tags go behind the packets, or to avx2->tags if `tags` is set. */
static void
authenticate(struct aead_avx2 *avx2, const struct aead_packet packets[], const uint8_t order[],
	unsigned count, bool tags)
{
	struct poly1305_message messages[POLY1305_AVX2_LANES];

	for (unsigned i = 0; i < count; i++) {
		const struct aead_packet *packet = &packets[order[i]];

		messages[i % POLY1305_AVX2_LANES] = (struct poly1305_message){
			.data = packet->data,
			.key = avx2->keys[i],
			.tag = tags ? avx2->tags[order[i]] : packet->data + packet->len,
			.len = packet->len,
		};
		if ((i + 1) % POLY1305_AVX2_LANES == 0)
			poly1305_avx2(messages, POLY1305_AVX2_LANES);
	}
	if (count % POLY1305_AVX2_LANES != 0)
		poly1305_avx2(messages, count % POLY1305_AVX2_LANES);
}

static void
seal_part(struct aead_avx2 *avx2, const struct aead_packet packets[], const uint8_t order[],
	unsigned count)
{
	keys_add(avx2, packets, order, count);
	for (unsigned i = 0; i < count; i++)
		text_add(avx2, &packets[order[i]], 0);
	blocks_flush(avx2);
	authenticate(avx2, packets, order, count, false);
}

/*
 * Lanes that the keys leave free make keystream for the first blocks of the part's text. It must
 * not touch the text yet.
 */
static void
spare_add(struct aead_avx2 *avx2, const struct aead_packet packets[], const uint8_t order[],
	unsigned count)
{
	avx2->spare_count = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct aead_packet *packet = &packets[order[i]];

		for (uint32_t at = 0; at < packet->len; at += CHACHA20_BLOCK_LEN) {
			if (avx2->block_count % CHACHA20_AVX2_LANES == 0)
				return;
			block_add(avx2, packet, at / CHACHA20_BLOCK_LEN + 1,
				avx2->spare[avx2->spare_count++], CHACHA20_BLOCK_LEN);
		}
	}
}

/* Uses what is left of the spare keystream for the packet; returns where the rest begins. */
static uint32_t
spare_use(struct aead_avx2 *avx2, const struct aead_packet *packet, bool authentic, unsigned *used)
{
	uint32_t at = 0;

	for (; at < packet->len && *used < avx2->spare_count; at += CHACHA20_BLOCK_LEN) {
		const struct chacha20_block block = {
			.data = packet->data + at,
			.len = text_block_len(packet, at),
		};
		const uint8_t *keystream = avx2->spare[(*used)++];

		if (authentic)
			chacha20_avx2_use(&block, keystream);
	}
	return at;
}

static uint64_t
open_part(struct aead_avx2 *avx2, const struct aead_packet packets[], const uint8_t order[],
	unsigned count)
{
	uint64_t authentic;
	unsigned used = 0;

	keys_add(avx2, packets, order, count);
	spare_add(avx2, packets, order, count);
	blocks_flush(avx2);
	authenticate(avx2, packets, order, count, true);
	authentic = aead_tags_equal(avx2->tags, packets, order, count);
	for (unsigned i = 0; i < count; i++) {
		const struct aead_packet *packet = &packets[order[i]];
		const bool equal = authentic >> order[i] & 1;
		const uint32_t from = spare_use(avx2, packet, equal, &used);

		if (equal)
			text_add(avx2, packet, from);
	}
	blocks_flush(avx2);
	memset(avx2->spare, 0, avx2->spare_count * sizeof(avx2->spare[0]));
	return authentic;
}

/* How many packets, at least as many as Poly1305 has lanes, are about PART_LEN bytes. */
static unsigned
part_count(const struct aead_packet packets[], const uint8_t order[], unsigned count)
{
	uint32_t len = 0;
	unsigned i = 0;

	while (i < count && len < PART_LEN) {
		for (unsigned lane = 0; i < count && lane < POLY1305_AVX2_LANES; lane++)
			len += packets[order[i++]].len;
	}
	return i;
}

static inline uint64_t
run(struct aead_avx2 *avx2, const struct aead_packet packets[], unsigned count, bool open)
{
	uint64_t done = 0;
	unsigned at = 0;

	sort(avx2->order, packets, count);
	while (at < count) {
		const uint8_t *order = avx2->order + at;
		const unsigned part = part_count(packets, order, count - at);

		if (open)
			done |= open_part(avx2, packets, order, part);
		else
			seal_part(avx2, packets, order, part);
		secret_wipe(avx2->keys, part * sizeof(avx2->keys[0]));
		at += part;
	}
	/* With the right tag of a forged text somebody could make it authentic. */
	if (open)
		secret_wipe(avx2->tags, count * sizeof(avx2->tags[0]));
	stack_wipe();
	return open ? done : UINT64_MAX;
}

static uint64_t
avx2_seal(void *context, const struct aead_packet packets[], unsigned count)
{
	return run(context, packets, count, false);
}

static uint64_t
avx2_open(void *context, const struct aead_packet packets[], unsigned count)
{
	return run(context, packets, count, true);
}

const struct aead_backend aead_backend_avx2 = {
	.name = "avx2",
	.across = true,
	.supported = avx2_supported,
	.create = avx2_create,
	.destroy = avx2_destroy,
	.seal = avx2_seal,
	.open = avx2_open,
};
