/*
 * Tests of receiver indices.
 * On the packet's way: nowhere.
 * Threads: one; two in readers_see_whole_sessions.
 */
#include "table/index_table.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

static int peers[4];

static uint32_t
take(struct index_table *table, void *peer)
{
	uint32_t index = 0;

	assert_int_equal(index_take(table, peer, &index), 0);
	return index;
}

static void
an_entry_is_a_handshake_then_a_session(void **state)
{
	struct index_table *table = index_table_create(10);
	int session;
	uint32_t index;

	assert_non_null(table);
	assert_int_equal(index_count(table), 0);
	index = take(table, &peers[0]);
	assert_int_equal(index_count(table), 1);
	assert_ptr_equal(index_find_peer(table, index), &peers[0]);
	assert_null(index_find_session(table, index));

	index_set_session(table, index, &session);
	assert_int_equal(index_count(table), 1);
	assert_null(index_find_peer(table, index));
	index_prefetch(table, index);
	assert_ptr_equal(index_find_session(table, index), &session);

	index_give(table, index);
	assert_int_equal(index_count(table), 0);
	assert_null(index_find_peer(table, index));
	assert_null(index_find_session(table, index));
	index_table_destroy(table);
	index_table_destroy(NULL);
}

/* The whole number counts for handshakes; sessions are found by the low bits alone. */
static void
other_indices_of_the_slot(void **state)
{
	struct index_table *table = index_table_create(10);
	uint32_t index = take(table, &peers[1]);
	int session;

	assert_null(index_find_peer(table, index ^ 0x80000000));
	index_give(table, index ^ 0x80000000);
	assert_int_equal(index_count(table), 1);
	index_set_session(table, index, &session);
	assert_ptr_equal(index_find_session(table, index ^ 0x80000000), &session);
	index_give(table, index);
	index_give(table, index);
	assert_int_equal(index_count(table), 0);
	index_table_destroy(table);
}

static void
room_is_what_was_asked_for_and_then_full(void **state)
{
	const size_t sizes[] = {0, 1, 5, 16, 100, 1000};

	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct index_table *table = index_table_create(sizes[s]);
		uint32_t first = 0, index = 12345;
		size_t taken = 0;

		while (index_take(table, &peers[0], &index) == 0) {
			if (taken++ == 0)
				first = index;
		}
		assert_true(taken >= sizes[s] && taken <= 2 * sizes[s] + 16);
		assert_int_equal(index_count(table), taken);
		assert_int_equal(index_take(table, &peers[0], &index), -ENOSPC);
		index_give(table, first);
		(void)take(table, &peers[1]);
		assert_int_equal(index_take(table, &peers[0], &index), -ENOSPC);
		index_table_destroy(table);
	}
	assert_null(index_table_create(SIZE_MAX));
	assert_null(index_table_create(SIZE_MAX / 4 + 2));
}

static void
growing_keeps_the_entries(void **state)
{
	enum { COUNT = 500 };
	struct index_table *table = index_table_create(COUNT), *grown;
	uint32_t indices[COUNT];
	static int sessions[COUNT];

	for (unsigned i = 0; i < COUNT; i++) {
		indices[i] = take(table, &peers[i % 4]);
		if (i % 2)
			index_set_session(table, indices[i], &sessions[i]);
	}
	/* More room; and less, which keeps at least what there is. */
	for (size_t entries = 20000; entries; entries = entries == 20000 ? 1 : 0) {
		grown = index_table_grow(table, entries);
		assert_non_null(grown);
		assert_int_equal(index_count(grown), COUNT);
		for (unsigned i = 0; i < COUNT; i++) {
			assert_ptr_equal(
				index_find_peer(grown, indices[i]), i % 2 ? NULL : &peers[i % 4]);
			assert_ptr_equal(
				index_find_session(grown, indices[i]), i % 2 ? &sessions[i] : NULL);
			/* The old one stays valid. */
			assert_ptr_equal(
				index_find_session(table, indices[i]), i % 2 ? &sessions[i] : NULL);
		}
		for (size_t i = COUNT; i < entries; i++)
			(void)take(grown, &peers[0]);
		for (unsigned i = 0; i < COUNT; i++)
			index_give(grown, indices[i]);
		assert_int_equal(index_count(grown), entries > COUNT ? entries - COUNT : 0);
		index_table_destroy(grown);
	}
	assert_null(index_table_grow(table, SIZE_MAX));
	index_table_destroy(table);
}

/*
 * Every bit is set half the time, and every value of the high and of the low byte comes equally
 * often: chi square over 255 degrees has mean 255 and deviation 22.6. The bounds are 7 deviations
 * away, so that chance alone fails this once in 10^9 runs or less.
 */
static void
hs_27_defect_18_indices_are_random(void **state)
{
	enum { COUNT = 1 << 16 };
	struct index_table *table = index_table_create(COUNT);
	static unsigned low[256], high[256];
	unsigned ones[32] = {0}, sequential = 0;
	uint32_t last = 0;
	double chi_low = 0, chi_high = 0, mean = COUNT / 256.0;

	for (unsigned i = 0; i < COUNT; i++) {
		uint32_t index = take(table, &peers[0]);

		low[index & 0xff]++;
		high[index >> 24]++;
		for (unsigned bit = 0; bit < 32; bit++)
			ones[bit] += index >> bit & 1;
		sequential += index - last < 256;
		last = index;
	}
	for (unsigned i = 0; i < 256; i++) {
		chi_low += (low[i] - mean) * (low[i] - mean) / mean;
		chi_high += (high[i] - mean) * (high[i] - mean) / mean;
	}
	/* Low bits are drawn without putting back, which makes them a little more even. */
	assert_true(chi_low > 80 && chi_low < 415);
	assert_true(chi_high > 97 && chi_high < 415);
	for (unsigned bit = 0; bit < 32; bit++)
		assert_in_range(ones[bit], COUNT / 2 - 7 * 128, COUNT / 2 + 7 * 128);
	assert_true(sequential < 10);
	index_table_destroy(table);
}

struct session {
	uint32_t index;
	uint64_t written[7];
};

struct race {
	struct index_table *table;
	atomic_bool stop;
	uint32_t indices[64];
	struct session sessions[64];
	unsigned torn;
	atomic_ulong seen;
};

static void *
read_sessions(void *context)
{
	struct race *race = context;

	while (!atomic_load(&race->stop)) {
		for (unsigned i = 0; i < 64; i++) {
			const struct session *session =
				index_find_session(race->table, race->indices[i]);

			if (!session || session->index != race->indices[i])
				continue;
			atomic_fetch_add(&race->seen, 1);
			for (unsigned w = 0; w < 7; w++)
				race->torn += session->written[w] != race->indices[i];
		}
	}
	return NULL;
}

static void
readers_see_whole_sessions(void **state)
{
	static struct race race;
	pthread_t reader;

	race.table = index_table_create(64);
	for (unsigned i = 0; i < 64; i++)
		race.indices[i] = take(race.table, &peers[0]);
	assert_int_equal(pthread_create(&reader, NULL, read_sessions, &race), 0);
	for (unsigned i = 0; i < 64; i++) {
		struct session *session = &race.sessions[i];

		for (unsigned w = 0; w < 7; w++)
			session->written[w] = race.indices[i];
		session->index = race.indices[i];
		index_set_session(race.table, race.indices[i], session);
	}
	while (atomic_load(&race.seen) == 0)
		;
	/* Slots empty and fill again, under other indices, while the reader looks at them. */
	for (unsigned round = 0; round < 20000; round++) {
		index_give(race.table, race.indices[32 + round % 32]);
		uint32_t index = take(race.table, &peers[1]);

		index_give(race.table, index);
	}
	atomic_store(&race.stop, true);
	assert_int_equal(pthread_join(reader, NULL), 0);
	assert_int_equal(race.torn, 0);
	assert_int_equal(index_count(race.table), 32);
	for (unsigned i = 0; i < 32; i++)
		assert_ptr_equal(
			index_find_session(race.table, race.indices[i]), &race.sessions[i]);
	index_table_destroy(race.table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_is_a_handshake_then_a_session),
		cmocka_unit_test(other_indices_of_the_slot),
		cmocka_unit_test(room_is_what_was_asked_for_and_then_full),
		cmocka_unit_test(growing_keeps_the_entries),
		cmocka_unit_test(hs_27_defect_18_indices_are_random),
		cmocka_unit_test(readers_see_whole_sessions),
	};

	return cmocka_run_group_tests_name("index_table", tests, NULL, NULL);
}
