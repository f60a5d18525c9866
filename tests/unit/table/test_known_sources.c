/*
 * Tests of known sources: who is known, how much of the share one of them gets, and that as many
 * as a gateway can have fit in.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "table/known_sources.h"

#include "addresses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define START (UINT64_C(1000) << KNOWN_SOURCES_WINDOW_SHIFT)
#define WINDOW_NS (UINT64_C(1) << KNOWN_SOURCES_WINDOW_SHIFT)

static unsigned
allowed(struct known_sources *known, const char *source, unsigned tries, uint64_t now_ns)
{
	const struct address address = address_of(source);
	unsigned count = 0;

	for (unsigned i = 0; i < tries; i++)
		count += known_sources_allow(known, &address, now_ns);
	return count;
}

static void
known_by_ipv4_address_and_ipv6_64(void **state)
{
	static const char *const texts[] = {"192.0.2.1", "2001:db8::1"};
	struct known_sources *known = known_sources_create();

	assert_non_null(known);
	for (unsigned i = 0; i < 2; i++) {
		const struct address address = address_of(texts[i]);

		assert_false(known_sources_has(known, &address));
		assert_int_equal(allowed(known, texts[i], 1, START), 0);
		known_sources_note(known, &address);
		known_sources_note(known, &address);
		assert_true(known_sources_has(known, &address));
	}
	assert_int_equal(allowed(known, "2001:db8::ffff:2", 1, START), 1);
	assert_int_equal(allowed(known, "2001:db8:0:1::1", 1, START), 0);
	assert_int_equal(allowed(known, "192.0.2.2", 1, START), 0);
	known_sources_destroy(known);
}

/* Each has its own share, and a new one with the next window. */
static void
a_share_for_each_window(void **state)
{
	struct known_sources *known = known_sources_create();
	const struct address one = address_of("192.0.2.1");
	const struct address other = address_of("192.0.2.2");

	assert_non_null(known);
	known_sources_note(known, &one);
	known_sources_note(known, &other);
	for (unsigned i = 0; i < 3; i++) {
		const uint64_t now_ns = START + i * WINDOW_NS;

		assert_int_equal(
			allowed(known, "192.0.2.1", 1000, now_ns), KNOWN_SOURCES_WINDOW_MAX);
		assert_int_equal(allowed(known, "192.0.2.1", 1000, now_ns + WINDOW_NS - 1), 0);
		assert_int_equal(allowed(known, "192.0.2.2", 1, now_ns + WINDOW_NS - 1), 1);
	}
	/* Who has had its share is known all the same. */
	assert_true(known_sources_has(known, &one));
	known_sources_destroy(known);
}

/* 65,536 peers at addresses of their own: all but a few in 1,000; and few strangers seem known. */
static void
as_many_as_peers(void **state)
{
	struct known_sources *known = known_sources_create();
	unsigned lost = 0;
	unsigned strangers = 0;

	assert_non_null(known);
	for (uint32_t i = 0; i < 65536; i++) {
		const struct address address = numbered(i);

		known_sources_note(known, &address);
	}
	for (uint32_t i = 0; i < 65536; i++) {
		const struct address address = numbered(i);
		const struct address stranger = numbered(i + 65536);

		lost += !known_sources_has(known, &address);
		strangers += known_sources_has(known, &stranger);
	}
	assert_in_range(lost, 0, 655);
	assert_in_range(strangers, 0, 65);
	/* The last that came is always there, whoever had to go for it. */
	for (uint32_t i = 65536; i < 500000; i++) {
		const struct address address = numbered(i);

		known_sources_note(known, &address);
		assert_true(known_sources_has(known, &address));
	}
	known_sources_destroy(known);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_by_ipv4_address_and_ipv6_64),
		cmocka_unit_test(a_share_for_each_window),
		cmocka_unit_test(as_many_as_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
