/*
 * Tests of TAI64N stamps.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "proto/tai64n.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "seed.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#define GRAIN_NS (UINT64_C(1) << 24)
#define HOUR_NS (3600 * NS_IN_S)

static const uint8_t none[MESSAGE_TIMESTAMP_LEN];

/* Nanoseconds since 1970 of a stamp, which must be a valid one. */
static uint64_t
stamp_ns(const uint8_t stamp[MESSAGE_TIMESTAMP_LEN])
{
	const uint32_t ns = load_be32(stamp + 8);

	assert_true(ns < NS_IN_S);
	assert_int_equal(ns % GRAIN_NS, 0);
	return (load_be64(stamp) - UINT64_C(0x400000000000000a)) * NS_IN_S + ns;
}

static void
known_stamp(void **context)
{
	static const uint8_t expected[] = {0x40, 0, 0, 0, 0x65, 0x53, 0xf1, 0x0a, 0x07, 0, 0, 0};
	uint8_t stamp[MESSAGE_TIMESTAMP_LEN];

	tai64n_make(stamp, 1700000000 * NS_IN_S + 123456789, none);
	assert_memory_equal(stamp, expected, sizeof(stamp));
}

static void
rounded_down(void **context)
{
	uint8_t stamp[MESSAGE_TIMESTAMP_LEN];

	tai64n_make(stamp, 5 * NS_IN_S + GRAIN_NS - 1, none);
	assert_int_equal(stamp_ns(stamp), 5 * NS_IN_S);
	tai64n_make(stamp, 5 * NS_IN_S + GRAIN_NS, none);
	assert_int_equal(stamp_ns(stamp), 5 * NS_IN_S + GRAIN_NS);
	tai64n_make(stamp, 6 * NS_IN_S - 1, none);
	assert_int_equal(stamp_ns(stamp), 5 * NS_IN_S + 59 * GRAIN_NS);
}

/* HS-8: the clock goes back by an hour; stamps go on. */
static void
hs_8_clock_jumps_back(void **context)
{
	uint8_t last[MESSAGE_TIMESTAMP_LEN];
	uint8_t next[MESSAGE_TIMESTAMP_LEN];
	uint64_t now_ns = 1700000000 * NS_IN_S;

	tai64n_make(last, now_ns, none);
	now_ns -= HOUR_NS;
	for (unsigned i = 0; i < 1000; i++) {
		const uint64_t before_ns = stamp_ns(last);

		tai64n_make(next, now_ns, last);
		assert_true(tai64n_compare(next, last) > 0);
		assert_in_range(stamp_ns(next), before_ns + GRAIN_NS, before_ns + 2 * GRAIN_NS - 1);
		memcpy(last, next, sizeof(last));
	}
	/* Back in step with the clock once it has caught up. */
	now_ns += 2 * HOUR_NS;
	tai64n_make(last, now_ns, last);
	assert_int_equal(stamp_ns(last), now_ns);
}

/* P-12, with the stamp made in place. */
static void
p_12_always_later(void **context)
{
	uint64_t random = seed_new();
	uint64_t now_ns = 1700000000 * NS_IN_S;
	uint8_t stamp[MESSAGE_TIMESTAMP_LEN] = {0};

	for (unsigned i = 0; i < 100000; i++) {
		uint8_t last[MESSAGE_TIMESTAMP_LEN];

		memcpy(last, stamp, sizeof(last));
		now_ns += seed_below(&random, 40000000) - 10000000;
		tai64n_make(stamp, now_ns, stamp);
		assert_true(tai64n_compare(stamp, last) > 0);
		assert_true(tai64n_compare(last, stamp) < 0);
		assert_true(stamp_ns(stamp) + GRAIN_NS > now_ns);
		assert_true(i == 0 || stamp_ns(stamp) >= stamp_ns(last) + GRAIN_NS);
	}
}

static void
compare_is_by_seconds_first(void **context)
{
	uint8_t a[MESSAGE_TIMESTAMP_LEN];
	uint8_t b[MESSAGE_TIMESTAMP_LEN];

	tai64n_make(a, 255 * NS_IN_S + 900000000, none);
	tai64n_make(b, 256 * NS_IN_S, none);
	assert_true(tai64n_compare(a, b) < 0);
	assert_true(tai64n_compare(b, a) > 0);
	assert_int_equal(tai64n_compare(a, a), 0);
}

static void
a_stamp_tells_its_time(void **context)
{
	uint8_t stamp[MESSAGE_TIMESTAMP_LEN];

	tai64n_make(stamp, 1700000000 * NS_IN_S + 16777216, none);
	assert_int_equal(tai64n_real_ns(stamp), 1700000000 * NS_IN_S + 16777216);
	assert_int_equal(tai64n_real_ns(none), 0);
	memset(stamp, 0xff, sizeof(stamp));
	assert_int_equal(tai64n_real_ns(stamp), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_stamp),
		cmocka_unit_test(rounded_down),
		cmocka_unit_test(hs_8_clock_jumps_back),
		cmocka_unit_test(p_12_always_later),
		cmocka_unit_test(compare_is_by_seconds_first),
		cmocka_unit_test(a_stamp_tells_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
