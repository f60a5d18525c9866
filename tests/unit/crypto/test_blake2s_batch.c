/*
 * Tests of crypto/blake2s_batch: against blake2s_mac, which has RFC 7693's vectors, at
 * every count and many lengths.
 * Black box against the header.
 * Threads: none.
 */
#include "crypto/blake2s_batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT_MAX 70
#define LEN_MAX 132
#define CANARY 0xca

static void
fill_random(uint8_t *to, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)(rand() >> 8);
}

static int
seed(void **state)
{
	unsigned value = (unsigned)time(NULL) ^ (unsigned)getpid();

	(void)state;
	print_message("seed %u\n", value);
	srand(value);
	return 0;
}

/* One batch of random messages under keys of `key_len` bytes, `shared` or one for each. */
static void
one_batch(unsigned count, size_t len, size_t key_len, bool shared)
{
	static uint8_t room[COUNT_MAX][LEN_MAX + 64];
	uint8_t macs[COUNT_MAX + 1][BLAKE2S_MAC_LEN];
	uint8_t own_keys[COUNT_MAX][BLAKE2S_LEN];
	const uint8_t *messages[COUNT_MAX];
	const uint8_t *keys[COUNT_MAX];

	fill_random(&room[0][0], sizeof(room));
	fill_random(&own_keys[0][0], sizeof(own_keys));
	for (unsigned i = 0; i < COUNT_MAX; i++) {
		messages[i] = room[i] + rand() % 64;
		keys[i] = own_keys[shared ? 0 : i];
	}
	memset(macs, CANARY, sizeof(macs));
	blake2s_batch(macs, keys, key_len, messages, len, count);
	for (unsigned i = 0; i <= COUNT_MAX; i++) {
		uint8_t expected[BLAKE2S_MAC_LEN];

		memset(expected, CANARY, sizeof(expected));
		if (i < count)
			blake2s_mac(expected, keys[i], key_len, messages[i], len);
		assert_memory_equal(macs[i], expected, sizeof(expected));
	}
}

/* Every count, so that full and partly filled lanes and single messages all come up. */
static void
test_counts(void **state)
{
	(void)state;
	for (unsigned count = 0; count <= COUNT_MAX; count++) {
		one_batch(count, 116, 32, true);
		one_batch(count, 132, 16, false);
	}
}

/* Every length of message and key: the last block is full, or of one byte, or any. */
static void
test_lengths(void **state)
{
	(void)state;
	for (size_t len = 1; len <= LEN_MAX; len++)
		one_batch(17, len, 1 + len % BLAKE2S_LEN, len % 2 == 0);
}

/* Buffers of the exact size, so that AddressSanitizer sees what is read beyond. */
static void
test_exact_buffers(void **state)
{
	static const size_t lens[] = {6, 18, 60, 76, 116, 132};

	(void)state;
	for (unsigned n = 0; n < sizeof(lens) / sizeof(lens[0]); n++) {
		uint8_t macs[16][BLAKE2S_MAC_LEN];
		uint8_t expected[BLAKE2S_MAC_LEN];
		uint8_t *messages[16];
		uint8_t *keys[16];

		for (unsigned i = 0; i < 16; i++) {
			messages[i] = malloc(lens[n]);
			keys[i] = malloc(16);
			assert_non_null(messages[i]);
			assert_non_null(keys[i]);
			fill_random(messages[i], lens[n]);
			fill_random(keys[i], 16);
		}
		blake2s_batch(macs, (const uint8_t *const *)keys, 16,
			(const uint8_t *const *)messages, lens[n], 16);
		for (unsigned i = 0; i < 16; i++) {
			blake2s_mac(expected, keys[i], 16, messages[i], lens[n]);
			assert_memory_equal(macs[i], expected, sizeof(expected));
			free(messages[i]);
			free(keys[i]);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_exact_buffers),
	};

	return cmocka_run_group_tests(tests, seed, NULL);
}
