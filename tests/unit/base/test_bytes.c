/*
 * Tests of base/bytes: each width and order, at odd addresses, without touching neighbours.
 * Black box against the header.
 * Threads: none.
 */
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint8_t digits[8] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};

static void
test_load(void **state)
{
	uint8_t buffer[16];

	(void)state;
	for (size_t at = 0; at < 8; at++) {
		memcpy(buffer + at, digits, 8);
		assert_int_equal(load_le16(buffer + at), 0x2301);
		assert_int_equal(load_be16(buffer + at), 0x0123);
		assert_int_equal(load_le32(buffer + at), 0x67452301);
		assert_int_equal(load_be32(buffer + at), 0x01234567);
		assert_true(load_le64(buffer + at) == UINT64_C(0xefcdab8967452301));
		assert_true(load_be64(buffer + at) == UINT64_C(0x0123456789abcdef));
	}
}

static void
expect(const uint8_t buffer[18], size_t at, size_t len)
{
	for (size_t i = 0; i < 18; i++)
		assert_int_equal(buffer[i], i >= at && i < at + len ? digits[i - at] : 0x5a);
}

#define CHECK_STORE(store, value, len) \
	do { \
		memset(buffer, 0x5a, sizeof(buffer)); \
		store(buffer + at, value); \
		expect(buffer, at, len); \
	} while (0)

static void
test_store(void **state)
{
	uint8_t buffer[18];

	(void)state;
	for (size_t at = 1; at < 9; at++) {
		CHECK_STORE(store_le16, 0x2301, 2);
		CHECK_STORE(store_be16, 0x0123, 2);
		CHECK_STORE(store_le32, 0x67452301, 4);
		CHECK_STORE(store_be32, 0x01234567, 4);
		CHECK_STORE(store_le64, UINT64_C(0xefcdab8967452301), 8);
		CHECK_STORE(store_be64, UINT64_C(0x0123456789abcdef), 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
