/*
 * Sources: each address is counted, no matter how many there are, and a reader sees whole entries.
 */
#include "tunnel/sources.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

static struct address
address_of(uint8_t last)
{
	return (struct address){.bytes = {192, 0, 2, last}, .family = ADDRESS_IPV4};
}

static const struct source *
find(const struct source entries[SOURCES_MAX], const struct address *address)
{
	for (unsigned i = 0; i < SOURCES_MAX; i++)
		if (entries[i].count > 0 && address_equal(&entries[i].address, address))
			return &entries[i];
	return NULL;
}

static void
count_longest_and_last_are_kept(void **state)
{
	struct sources sources = {.version = 0};
	struct source entries[SOURCES_MAX];
	const struct address address = address_of(7);
	const struct source *found;

	sources_read(&sources, entries);
	assert_null(find(entries, &address));
	sources_note(&sources, &address, 1396, 5);
	sources_note(&sources, &address, 124, 9);
	sources_read(&sources, entries);
	found = find(entries, &address);
	assert_non_null(found);
	assert_int_equal(found->count, 2);
	assert_int_equal(found->len_max, 1396);
	assert_int_equal(found->last_ns, 9);
}

static void
a_newcomer_takes_the_place_and_counts_from_one(void **state)
{
	struct sources sources = {.version = 0};
	struct source entries[SOURCES_MAX];
	unsigned found = 0;

	for (unsigned last = 0; last < 256; last++) {
		const struct address address = address_of((uint8_t)last);

		sources_note(&sources, &address, 100, last + 1);
		sources_read(&sources, entries);
		assert_int_equal(find(entries, &address)->count, 1);
	}
	for (unsigned i = 0; i < SOURCES_MAX; i++)
		found += entries[i].count > 0;
	/* The hash spreads neighbours. */
	assert_true(found > SOURCES_MAX / 2);
}

struct writer {
	struct sources sources;
	_Atomic bool stop;
};

static void *
write_on(void *argument)
{
	struct writer *writer = argument;

	for (uint64_t i = 1; !writer->stop; i++) {
		const struct address address = address_of((uint8_t)i);

		sources_note(&writer->sources, &address, (uint32_t)i % 256, i);
	}
	return NULL;
}

/* Each write leaves an entry whose last byte, length and time say the same number. */
static void
a_reader_never_sees_half_an_entry(void **state)
{
	struct writer writer = {.stop = false};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, write_on, &writer), 0);
	for (unsigned reads = 0; reads < 20000; reads++) {
		struct source entries[SOURCES_MAX];

		sources_read(&writer.sources, entries);
		for (unsigned i = 0; i < SOURCES_MAX; i++) {
			if (entries[i].count == 0)
				continue;
			assert_int_equal(entries[i].len_max, entries[i].address.bytes[3]);
			assert_int_equal(entries[i].last_ns % 256, entries[i].len_max);
		}
	}
	writer.stop = true;
	pthread_join(thread, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(count_longest_and_last_are_kept),
		cmocka_unit_test(a_newcomer_takes_the_place_and_counts_from_one),
		cmocka_unit_test(a_reader_never_sees_half_an_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
