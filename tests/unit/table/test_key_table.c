/*
 * Tests of the table of public keys.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "table/key_table.h"

#include "base/random.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#define COUNT 3000

static uint8_t keys[COUNT][32];

static void
enters_finds_and_removes(void **state)
{
	struct key_table *table = key_table_create();
	uint8_t copy[32];
	int peer, other;

	assert_non_null(table);
	memcpy(copy, keys[0], 32);
	assert_null(key_table_find(table, keys[0]));
	assert_null(key_table_remove(table, keys[0]));
	assert_int_equal(key_table_insert(table, keys[0], &peer), 0);
	assert_int_equal(key_table_insert(table, copy, &other), -EEXIST);
	assert_ptr_equal(key_table_find(table, copy), &peer);
	copy[31] ^= 0x80;
	assert_null(key_table_find(table, copy));
	copy[31] ^= 0x80;
	assert_ptr_equal(key_table_remove(table, copy), &peer);
	assert_null(key_table_find(table, keys[0]));
	assert_int_equal(key_table_insert(table, keys[0], &other), 0);
	assert_ptr_equal(key_table_find(table, keys[0]), &other);
	key_table_destroy(table);
	key_table_destroy(NULL);
}

/* Keys in and out at random; the twin is one flag per key. */
static void
random_insertions_and_removals(void **state)
{
	struct key_table *table = key_table_create();
	static bool present[COUNT];
	static uint32_t draws[100000];

	assert_int_equal(random_fill(draws, sizeof(draws)), 0);
	print_message("first draw %#x\n", (unsigned)draws[0]);
	for (size_t i = 0; i < sizeof(draws) / sizeof(draws[0]); i++) {
		unsigned n = draws[i] % COUNT;
		/* Fills in the first half, empties in the second. */
		bool insert = draws[i] >> 16 & (i < 50000 ? 3 : 1);

		if (insert) {
			int rc = key_table_insert(table, keys[n], keys[n]);

			assert_int_equal(rc, present[n] ? -EEXIST : 0);
		} else {
			assert_ptr_equal(
				key_table_remove(table, keys[n]), present[n] ? keys[n] : NULL);
		}
		present[n] = insert;
		if (i % 5000 == 0) {
			for (unsigned k = 0; k < COUNT; k++)
				assert_ptr_equal(key_table_find(table, keys[k]),
					present[k] ? keys[k] : NULL);
		}
	}
	for (unsigned k = 0; k < COUNT; k++)
		assert_ptr_equal(key_table_remove(table, keys[k]), present[k] ? keys[k] : NULL);
	key_table_destroy(table);
}

static void
reserve_takes_the_memory(void **state)
{
	struct key_table *table = key_table_create();

	assert_int_equal(key_table_insert(table, keys[0], keys[0]), 0);
	assert_int_equal(key_table_reserve(table, SIZE_MAX), -ENOMEM);
	assert_int_equal(key_table_reserve(table, SIZE_MAX / 64), -ENOMEM);
	assert_ptr_equal(key_table_find(table, keys[0]), keys[0]);
	assert_int_equal(key_table_reserve(table, COUNT), 0);
	assert_int_equal(key_table_reserve(table, 0), 0);
	assert_ptr_equal(key_table_find(table, keys[0]), keys[0]);
	for (unsigned k = 1; k < COUNT; k++)
		assert_int_equal(key_table_insert(table, keys[k], keys[k]), 0);
	for (unsigned k = 0; k < COUNT; k++)
		assert_ptr_equal(key_table_find(table, keys[k]), keys[k]);
	key_table_destroy(table);
}

static int
make_keys(void **state)
{
	return random_fill(keys, sizeof(keys));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enters_finds_and_removes),
		cmocka_unit_test(random_insertions_and_removals),
		cmocka_unit_test(reserve_takes_the_memory),
	};

	return cmocka_run_group_tests_name("key_table", tests, make_keys, NULL);
}
