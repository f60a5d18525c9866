/*
 * Tests of crypto/poly1305_avx512: keys and texts that no AEAD key could be made to give.
 * Black box against the private header; libsodium is the judge.
 * Threads: none.
 */
#include "crypto/poly1305_avx512.h"

#include "base/bytes.h"

#include <sodium.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LEN_MAX 9216
#define ROOM (LEN_MAX + 32)

/* Eight texts with keys, all in one set. */
struct trial {
	uint8_t text[POLY1305_LANES][ROOM];
	uint8_t key[POLY1305_LANES][32];
	_Alignas(64) uint32_t len[POLY1305_LANES];
};

static bool
supported(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512ifma");
}

static int
prepare(void **state)
{
	unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();

	print_message("seed %u\n", seed);
	srand(seed);
	*state = calloc(1, sizeof(struct trial));
	return *state == NULL || sodium_init() < 0 ? -1 : 0;
}

static int
finish(void **state)
{
	free(*state);
	return 0;
}

static void
fill_random(uint8_t *to, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)(rand() >> 8);
}

/* Poly1305 over the text, zeros up to 16 bytes, and the two lengths. */
static void
expected_tag(uint8_t tag[16], const struct trial *trial, unsigned lane)
{
	static uint8_t message[ROOM + 32];
	size_t len = trial->len[lane];
	size_t padded = (len + 15) / 16 * 16;

	memset(message, 0, sizeof(message));
	memcpy(message, trial->text[lane], len);
	store_le64(message + padded + 8, len);
	crypto_onetimeauth_poly1305(tag, message, padded + 16, trial->key[lane]);
}

/* A set and what it points to. */
struct lanes {
	struct chacha20_columns keys[2];
	uint8_t *data[POLY1305_LANES];
	uint64_t low[POLY1305_LANES];
	uint64_t high[POLY1305_LANES];
	struct poly1305_set set;
	uint32_t len[POLY1305_LANES];
	uint32_t total[POLY1305_LANES];
	uint32_t packet[POLY1305_LANES];
};

static void
lanes_init(struct lanes *lanes)
{
	fill_random((uint8_t *)lanes->keys, sizeof(lanes->keys));
	lanes->set = (struct poly1305_set){
		.data = lanes->data,
		.len = lanes->len,
		.total = lanes->total,
		.packet = lanes->packet,
		.keys = lanes->keys,
		.low = lanes->low,
		.high = lanes->high,
	};
}

/* Puts a text, from byte `from` to `to`, into a lane, and its key where packet `packet` has it. */
static void
lane_set(struct lanes *lanes, unsigned lane, const struct trial *trial, unsigned text,
	unsigned packet, uint32_t from, uint32_t to)
{
	lanes->data[lane] = (uint8_t *)(uintptr_t)trial->text[text] + from;
	lanes->len[lane] = to - from;
	lanes->total[lane] = trial->len[text];
	lanes->packet[lane] = packet;
	for (unsigned word = 0; word < 8; word++)
		lanes->keys[packet / 16].word[word][packet % 16] =
			load_le32(trial->key[text] + (size_t)4 * word);
}

static void
expect(const struct lanes *lanes, const struct trial *trial, unsigned count)
{
	for (unsigned lane = 0; lane < count; lane++) {
		uint8_t tag[16];

		expected_tag(tag, trial, lane);
		if (load_le64(tag) != lanes->low[lane] || load_le64(tag + 8) != lanes->high[lane])
			fail_msg("lane %u of %u bytes, %u split before %u blocks", lane,
				trial->len[lane], lanes->set.split, lanes->set.end_blocks);
	}
}

/* Checks all texts, with their keys from lane `first` of 32 on. */
static void
check(const struct trial *trial, unsigned first)
{
	static struct lanes lanes;

	lanes_init(&lanes);
	for (unsigned lane = 0; lane < POLY1305_LANES; lane++)
		lane_set(&lanes, lane, trial, lane, first + lane, 0, trial->len[lane]);
	poly1305_avx512(&lanes.set);
	expect(&lanes, trial, POLY1305_LANES);
}

/* Checks the first four texts, of which the first `split` are split before `end` blocks. */
static void
check_split(const struct trial *trial, unsigned split, uint32_t end)
{
	static struct lanes lanes;

	lanes_init(&lanes);
	for (unsigned text = 0; text < 4; text++) {
		uint32_t blocks = (trial->len[text] + 15) / 16;
		uint32_t before = text < split && blocks > end ? (blocks - end) * 16 : 0;

		lane_set(&lanes, text, trial, text, 14 + text, before, trial->len[text]);
		lane_set(&lanes, 4 + text, trial, text, 14 + text, 0, before);
	}
	lanes.set.split = split;
	lanes.set.end_blocks = end;
	poly1305_avx512(&lanes.set);
	expect(&lanes, trial, 4);
}

/* All-ones and all-zero keys, halves of them, and texts, at lengths around every turn. */
static void
test_extremes(void **state)
{
	struct trial *trial = *state;

	if (!supported())
		skip();
	for (uint32_t len = 0; len <= 2048; len += len < 400 ? 1 : 13) {
		for (unsigned kind = 0; kind < 8; kind++) {
			for (unsigned lane = 0; lane < POLY1305_LANES; lane++) {
				memset(trial->key[lane], lane & 1 ? 0xff : 0, 16);
				memset(trial->key[lane] + 16, lane & 2 ? 0xff : 0, 16);
				memset(trial->text[lane], lane & 4 ? 0xff : 0, len);
				trial->len[lane] = kind & 1 ? len : len * (lane + 1) / 8;
			}
			if (kind & 2)
				memset(trial->key[3], 0xff, 32);
			if (kind & 4)
				fill_random(trial->text[7], len);
			check(trial, kind * 3);
		}
	}
}

/*
 * With r = 1 a text of two blocks sums to 3 * 2^128 + m1 + m2 + 32 * 2^64: a choice of m1 makes
 * that 2^130 - 5 + d, for small d of either sign, and so does the other order.
 */
static void
test_near_modulus(void **state)
{
	struct trial *trial = *state;

	if (!supported())
		skip();
	for (int d = -40; d < 40; d++) {
		for (unsigned lane = 0; lane < POLY1305_LANES; lane++) {
			uint8_t *m1 = trial->text[lane] + (lane & 1 ? 16 : 0);
			uint64_t part = lane & 2 ? 3 : 0;

			memset(trial->text[lane], 0, 32);
			memset(trial->key[lane], 0, 32);
			trial->key[lane][0] = 1;
			if (lane & 4)
				memset(trial->key[lane] + 16, 0xff, 16);
			/* Unsigned, so that a d from 5 on carries out of 2^128 as it should. */
			store_le64(m1, (uint64_t)((int64_t)-5 + d) - part);
			store_le64(m1 + 8, (uint64_t)-32 - (d - 5 - (int)part < 0 ? 1 : 0));
			store_le64(trial->text[lane] + (lane & 1 ? 0 : 16), part);
			trial->len[lane] = 32;
		}
		check(trial, 0);
	}
}

static void
test_random(void **state)
{
	struct trial *trial = *state;

	if (!supported())
		skip();
	for (unsigned round = 0; round < 3000; round++) {
		uint32_t most = rand() % 16 == 0 ? LEN_MAX : rand() % 4 == 0 ? 1500 : 300;

		for (unsigned lane = 0; lane < POLY1305_LANES; lane++) {
			trial->len[lane] = (uint32_t)rand() % (most + 1);
			fill_random(trial->key[lane], 32);
			if (round < 500)
				fill_random(trial->text[lane], LEN_MAX);
			else
				trial->text[lane][rand() % LEN_MAX] ^= 0xff;
		}
		check(trial, round % 25);
	}
}

static void
test_split(void **state)
{
	struct trial *trial = *state;

	if (!supported())
		skip();
	for (unsigned round = 0; round < 2000; round++) {
		uint32_t most = rand() % 8 == 0 ? LEN_MAX : 1600;

		for (unsigned lane = 0; lane < 4; lane++) {
			trial->len[lane] = (uint32_t)rand() % (most + 1);
			fill_random(trial->key[lane], 32);
			memset(trial->key[lane], 0xff, rand() % 4 == 0 ? 32 : 0);
			trial->text[lane][rand() % LEN_MAX] ^= 0xff;
		}
		check_split(trial, (unsigned)rand() % 5, 1 + (uint32_t)rand() % (most / 20));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_near_modulus),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_split),
	};

	return cmocka_run_group_tests(tests, prepare, finish);
}
