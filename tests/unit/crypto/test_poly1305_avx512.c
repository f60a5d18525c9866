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

static void
check(const struct trial *trial, unsigned first_lane)
{
	static struct chacha20_columns keys;
	_Alignas(64) uint64_t low[POLY1305_LANES];
	_Alignas(64) uint64_t high[POLY1305_LANES];
	uint8_t *data[POLY1305_LANES];
	struct poly1305_set set = {.data = data,
		.len = trial->len,
		.keys = &keys,
		.first_lane = first_lane,
		.low = low,
		.high = high};

	fill_random((uint8_t *)&keys, sizeof(keys));
	for (unsigned lane = 0; lane < POLY1305_LANES; lane++) {
		data[lane] = (uint8_t *)(uintptr_t)trial->text[lane];
		for (unsigned word = 0; word < 8; word++)
			keys.word[word][first_lane + lane] =
				load_le32(trial->key[lane] + (size_t)4 * word);
	}
	poly1305_avx512(&set);
	for (unsigned lane = 0; lane < POLY1305_LANES; lane++) {
		uint8_t tag[16];

		expected_tag(tag, trial, lane);
		if (load_le64(tag) != low[lane] || load_le64(tag + 8) != high[lane])
			fail_msg("lane %u of %u bytes", lane, trial->len[lane]);
	}
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
			check(trial, kind & 1 ? 8 : 0);
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
		check(trial, round % 2 * 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_near_modulus),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, prepare, finish);
}
