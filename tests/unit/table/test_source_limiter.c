/*
 * Tests of the rate limit of sources.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "table/source_limiter.h"

#include "addresses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define START (1000 * NS_IN_S)
/* As the numbers of the header have it. */
#define INTERVAL_NS (50 * NS_IN_MS)

static unsigned
allowed(struct source_limiter *limiter, const char *source, unsigned tries, uint64_t now_ns)
{
	const struct address address = address_of(source);
	unsigned count = 0;

	for (unsigned i = 0; i < tries; i++)
		count += source_limiter_allow(limiter, &address, now_ns);
	return count;
}

/* The kernel's own test of its limiter: a burst, then what time gives back, never more. */
static void
ck_10_a_burst_and_then_20_a_second(void **state)
{
	struct source_limiter *limiter = source_limiter_create();
	uint64_t now_ns = START;

	assert_non_null(limiter);
	assert_int_equal(allowed(limiter, "192.0.2.1", 30, now_ns), SOURCE_LIMITER_BURST);
	now_ns += INTERVAL_NS - 1;
	assert_int_equal(allowed(limiter, "192.0.2.1", 30, now_ns), 0);
	now_ns += 1;
	assert_int_equal(allowed(limiter, "192.0.2.1", 30, now_ns), 1);
	now_ns += 2 * INTERVAL_NS;
	assert_int_equal(allowed(limiter, "192.0.2.1", 30, now_ns), 2);
	/* Within the time after which it is forgotten, and beyond. */
	now_ns += NS_IN_S - 1;
	assert_int_equal(allowed(limiter, "192.0.2.1", 30, now_ns), SOURCE_LIMITER_BURST);
	now_ns += 100 * NS_IN_S;
	assert_int_equal(allowed(limiter, "192.0.2.1", 30, now_ns), SOURCE_LIMITER_BURST);
	source_limiter_destroy(limiter);
}

static void
ck_10_sources_are_ipv4_addresses_and_ipv6_64s(void **state)
{
	struct source_limiter *limiter = source_limiter_create();

	assert_non_null(limiter);
	assert_int_equal(allowed(limiter, "192.0.2.1", 9, START), SOURCE_LIMITER_BURST);
	assert_int_equal(allowed(limiter, "192.0.2.2", 9, START), SOURCE_LIMITER_BURST);
	assert_int_equal(allowed(limiter, "2001:db8:0:1::1", 3, START), 3);
	assert_int_equal(allowed(limiter, "2001:db8:0:1:ffff::2", 9, START), 2);
	assert_int_equal(allowed(limiter, "2001:db8:0:2::1", 9, START), SOURCE_LIMITER_BURST);
	/* The same bytes in the other family are another source. */
	assert_int_equal(allowed(limiter, "c000:201::", 9, START), SOURCE_LIMITER_BURST);
	assert_int_equal(source_limiter_count(limiter), 5);
	source_limiter_destroy(limiter);
}

static void
ck_11_full_refuses_and_recovers(void **state)
{
	struct source_limiter *limiter = source_limiter_create();
	struct address source;

	assert_non_null(limiter);
	for (uint32_t n = 0; n < SOURCE_LIMITER_SOURCES_MAX; n++) {
		source = numbered(n);
		assert_true(source_limiter_allow(limiter, &source, START));
	}
	assert_int_equal(source_limiter_count(limiter), SOURCE_LIMITER_SOURCES_MAX);
	source = numbered(SOURCE_LIMITER_SOURCES_MAX);
	assert_false(source_limiter_allow(limiter, &source, START + NS_IN_S - 1));
	/* Those that are known are not refused for it. */
	source = numbered(7);
	assert_true(source_limiter_allow(limiter, &source, START + NS_IN_S - 1));
	source = numbered(SOURCE_LIMITER_SOURCES_MAX);
	assert_true(source_limiter_allow(limiter, &source, START + NS_IN_S));
	assert_true(source_limiter_count(limiter) <= SOURCE_LIMITER_SOURCES_MAX);
	/* The silent ones go, a few with each call; those heard of last stay. */
	for (uint32_t n = 0; n < SOURCE_LIMITER_SOURCES_MAX; n++) {
		source = numbered(SOURCE_LIMITER_SOURCES_MAX + 1);
		assert_int_equal(source_limiter_allow(limiter, &source, START + NS_IN_S + n),
			n < SOURCE_LIMITER_BURST);
	}
	assert_int_equal(source_limiter_count(limiter), 3);
	source_limiter_destroy(limiter);
}

/* What the limiter must do, without a thought for memory or time. */
struct twin {
	bool known;
	uint64_t tokens_ns;
	uint64_t filled_ns;
};

#define TWINS 300

static bool
twin_allow(struct twin *twin, uint64_t now_ns)
{
	const uint64_t full_ns = SOURCE_LIMITER_BURST * INTERVAL_NS;

	if (!twin->known)
		*twin = (struct twin){.known = true, .tokens_ns = full_ns, .filled_ns = now_ns};
	twin->tokens_ns += now_ns - twin->filled_ns;
	twin->filled_ns = now_ns;
	if (twin->tokens_ns > full_ns)
		twin->tokens_ns = full_ns;
	if (twin->tokens_ns < INTERVAL_NS)
		return false;
	twin->tokens_ns -= INTERVAL_NS;
	return true;
}

static void
as_a_naive_twin(void **state)
{
	const char *given = getenv("TEST_SEED");
	unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 0) : 20261127;
	struct source_limiter *limiter = source_limiter_create();
	struct twin twins[TWINS] = {{.known = false}};
	uint64_t now_ns = START;

	print_message("seed %u\n", seed);
	assert_non_null(limiter);
	for (unsigned step = 0; step < 200000; step++) {
		const uint32_t n = (uint32_t)rand_r(&seed) % TWINS;
		const struct address source = numbered(n);

		now_ns += (uint64_t)rand_r(&seed) % (3 * NS_IN_MS);
		if (rand_r(&seed) % 5000 == 0)
			now_ns += 2 * NS_IN_S;
		assert_int_equal(source_limiter_allow(limiter, &source, now_ns),
			twin_allow(&twins[n], now_ns));
	}
	source_limiter_destroy(limiter);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ck_10_a_burst_and_then_20_a_second),
		cmocka_unit_test(ck_10_sources_are_ipv4_addresses_and_ipv6_64s),
		cmocka_unit_test(ck_11_full_refuses_and_recovers),
		cmocka_unit_test(as_a_naive_twin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
