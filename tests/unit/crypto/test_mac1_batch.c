/*
 * Tests of crypto/mac1_batch: against blake2s_mac, which has RFC 7693's vectors, at every count.
 * Black box against the header.
 * Threads: none.
 */
#include "crypto/mac1_batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT_MAX 70
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

/* Every count, so that full and partly filled lanes and single messages all come up. */
static void
test_counts(void **state)
{
	static uint8_t room[COUNT_MAX][MAC1_MESSAGE_LEN + 64];
	uint8_t macs[COUNT_MAX + 1][BLAKE2S_MAC_LEN];
	const uint8_t *messages[COUNT_MAX];
	uint8_t key[BLAKE2S_LEN];

	(void)state;
	for (unsigned count = 0; count <= COUNT_MAX; count++) {
		fill_random(&room[0][0], sizeof(room));
		fill_random(key, sizeof(key));
		for (unsigned i = 0; i < COUNT_MAX; i++)
			messages[i] = room[i] + rand() % 64;
		memset(macs, CANARY, sizeof(macs));
		mac1_batch(macs, key, messages, count);
		for (unsigned i = 0; i <= COUNT_MAX; i++) {
			uint8_t expected[BLAKE2S_MAC_LEN];

			memset(expected, CANARY, sizeof(expected));
			if (i < count)
				blake2s_mac(
					expected, key, sizeof(key), messages[i], MAC1_MESSAGE_LEN);
			assert_memory_equal(macs[i], expected, sizeof(expected));
		}
	}
}

/* Buffers of the exact size, so that AddressSanitizer sees what is read beyond. */
static void
test_exact_buffers(void **state)
{
	uint8_t macs[16][BLAKE2S_MAC_LEN];
	const uint8_t key[BLAKE2S_LEN] = {1};
	uint8_t *messages[16];
	uint8_t expected[BLAKE2S_MAC_LEN];

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		messages[i] = malloc(MAC1_MESSAGE_LEN);
		assert_non_null(messages[i]);
		memset(messages[i], (int)i, MAC1_MESSAGE_LEN);
	}
	mac1_batch(macs, key, (const uint8_t *const *)messages, 16);
	for (unsigned i = 0; i < 16; i++) {
		blake2s_mac(expected, key, sizeof(key), messages[i], MAC1_MESSAGE_LEN);
		assert_memory_equal(macs[i], expected, sizeof(expected));
		free(messages[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_exact_buffers),
	};

	return cmocka_run_group_tests(tests, seed, NULL);
}
