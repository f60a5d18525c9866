/*
 * Tests of wire/outer, reading: every field, truncation at every length, mutation.
 * Black box against the header.
 * Threads: none.
 */
#include "wire/outer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Asserts, and so comes behind cmocka. */
#include "frame.h"

static void
expect_ok(const struct shape *shape)
{
	struct built built = build(shape);
	struct outer outer;

	assert_int_equal(parse(built.frame, built.len, &outer), OUTER_OK);
	expect_addresses(&built, shape, &outer);
	assert_int_equal(outer.source.port, 51820);
	assert_int_equal(outer.destination.port, 4567);
	assert_int_equal(outer.payload_offset, built.udp + 8);
	assert_int_equal(outer.payload_len, shape->payload_len);
	assert_int_equal(outer.tos, 0x8b);
}

/* Shapes that must be understood. */
static const struct shape good[] = {
	{.payload_len = 32},
	{.payload_len = 0},
	{.payload_len = 1400, .trailer_len = 18},
	{.tags = 1, .payload_len = 32},
	{.tags = 2, .payload_len = 32, .trailer_len = 3},
	{.options_len = 4, .payload_len = 32},
	{.options_len = 40, .tags = 2, .payload_len = 33},
	{.v6 = true, .payload_len = 32},
	{.v6 = true, .payload_len = 0},
	{.v6 = true, .tags = 1, .payload_len = 1400, .trailer_len = 18},
	{.v6 = true, .extensions = {0}, .extension_count = 1, .payload_len = 32},
	{.v6 = true, .extensions = {0, 60, 43, 60}, .extension_count = 4, .payload_len = 32},
	{.v6 = true,
		.tags = 2,
		.extensions = {0, 60, 43, 60, 60, 60, 60, 60},
		.extension_count = 8,
		.payload_len = 32,
		.trailer_len = 5},
};

#define GOOD_COUNT (sizeof(good) / sizeof(good[0]))

static void
tr_17_mf_4_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOOD_COUNT; i++)
		expect_ok(&good[i]);
}

static void
mf_3_defect_24_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOOD_COUNT; i++) {
		struct built built = build(&good[i]);
		struct outer outer;

		for (size_t len = 0; len < built.len; len++)
			assert_int_equal(parse(built.frame, len, &outer),
				len < built.ip_end ? OUTER_MALFORMED : OUTER_OK);
	}
}

static void
test_mutated(void **state)
{
	unsigned seen[4] = {0};

	(void)state;
	for (size_t i = 0; i < GOOD_COUNT; i++) {
		struct built built = build(&good[i]);

		for (size_t at = 0; at < built.udp + 8; at++) {
			uint8_t original = built.frame[at];

			for (unsigned value = 0; value < 256; value++) {
				struct outer outer;
				enum outer_verdict verdict;

				built.frame[at] = (uint8_t)value;
				verdict = parse(built.frame, built.len, &outer);
				assert_in_range(verdict, OUTER_OK, OUTER_MALFORMED);
				seen[verdict]++;
				if (verdict == OUTER_OK)
					assert_true(
						(size_t)outer.payload_offset + outer.payload_len <=
						built.len);
			}
			built.frame[at] = original;
		}
	}
	for (unsigned i = 0; i < 4; i++)
		assert_int_not_equal(seen[i], 0);
}

static void
test_random(void **state)
{
	unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (unsigned round = 0; round < 200000; round++) {
		struct built built = build(&good[(size_t)rand() % GOOD_COUNT]);
		size_t len = (size_t)rand() % (built.len + 1);
		struct outer outer;

		for (int change = rand() % 6; change > 0; change--)
			built.frame[12 + (size_t)rand() % (built.udp - 4)] = (uint8_t)rand();
		if (rand() % 2)
			len = built.len;
		if (rand() % 2 && built.frame[built.ip] >> 4 == 4 && len == built.len)
			fix_ipv4_checksum(&built);
		if (parse(built.frame, len, &outer) == OUTER_OK)
			assert_true((size_t)outer.payload_offset + outer.payload_len <= len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tr_17_mf_4_fields),
		cmocka_unit_test(mf_3_defect_24_truncated),
		cmocka_unit_test(test_mutated),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
