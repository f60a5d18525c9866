/*
 * Tests of base/clock: the system's clocks are the two that the header names, in nanoseconds.
 * Black box against the header.
 * Threads: none.
 */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static uint64_t
read_ns(clockid_t id)
{
	struct timespec now;

	assert_int_equal(clock_gettime(id, &now), 0);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void
test_boot(void **state)
{
	uint64_t before = read_ns(CLOCK_BOOTTIME);
	uint64_t now = clock_boot_ns(&clock_system);

	(void)state;
	assert_true(before <= now);
	assert_true(now <= read_ns(CLOCK_BOOTTIME));
}

static void
test_real(void **state)
{
	uint64_t before = read_ns(CLOCK_REALTIME);
	uint64_t now = clock_real_ns(&clock_system);

	/* An hour either way, for a clock that is set while the test runs. */
	(void)state;
	assert_true(now + 3600 * NS_IN_S >= before);
	assert_true(now <= before + 3600 * NS_IN_S);
}

struct owned_clock {
	struct clock clock;
	uint64_t now_ns;
};

static uint64_t
owned_ns(const struct clock *clock)
{
	return ((const struct owned_clock *)(const void *)clock)->now_ns;
}

static void
test_owned(void **state)
{
	struct owned_clock owned = {.clock = {owned_ns, owned_ns}, .now_ns = 5};

	(void)state;
	assert_int_equal(clock_boot_ns(&owned.clock), 5);
	owned.now_ns += 2 * NS_IN_MS;
	assert_int_equal(clock_real_ns(&owned.clock), 2000005);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_boot),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_owned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
