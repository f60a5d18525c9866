/*
 * Tests of crypto/aead_trial: with backends that do nothing for as many cycles as they are told.
 * Black box against the header.
 * Threads: none.
 *
 * The backends differ by factors, so that no disturbance decides; the trial takes the least of
 * several samples.
 */
#include "crypto/aead_trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WHILE_COLD 20 /* calls, at which the first samples of each cell are */

/* What a batch takes: `batch` and `packet` for each of its packets, `cold` times that at first. */
struct pace {
	uint64_t batch;
	uint64_t packet;
	uint64_t cold;
	uint64_t good; /* what each call returns */
	unsigned calls;
};

static uint64_t
spend(void *context, const struct aead_packet packets[], unsigned count)
{
	struct pace *pace = context;
	const uint64_t begin = __builtin_ia32_rdtsc();
	const uint64_t cycles = (pace->batch + pace->packet * count) *
		(pace->calls++ < WHILE_COLD ? pace->cold : 1);

	(void)packets;
	while (__builtin_ia32_rdtsc() - begin < cycles)
		continue;
	return pace->good;
}

static struct aead_part
part_of(struct pace *pace, bool across)
{
	return (struct aead_part){
		.run = {spend, spend}, .context = pace, .aead = NULL, .across = across};
}

static unsigned
best_of(const struct aead_table *table, enum aead_direction direction, uint32_t len, unsigned count)
{
	return table->best[direction][aead_table_step(len)][count - 1];
}

static void
assert_best(const struct aead_table *table, unsigned count, unsigned best)
{
	for (uint32_t len = 0; len <= AEAD_LEN_MAX; len++) {
		assert_int_equal(best_of(table, AEAD_SEAL, len, count), best);
		assert_int_equal(best_of(table, AEAD_OPEN, len, count), best);
	}
}

/* One takes as long for a batch as for a packet, so it wins when there are enough of them. */
static void
test_each_wins_where_it_is_faster(void **state)
{
	static struct aead_table table;
	struct pace across = {.batch = 20000, .cold = 1, .good = UINT64_MAX};
	struct pace linear = {.packet = 4000, .cold = 1, .good = UINT64_MAX};
	const struct aead_part parts[] = {part_of(&across, true), part_of(&linear, false)};

	(void)state;
	assert_int_equal(aead_trial(parts, 2, &table), 0);
	assert_best(&table, 1, 1);
	assert_best(&table, 2, 1);
	assert_best(&table, 16, 0);
	assert_best(&table, 33, 0);
	assert_best(&table, AEAD_BATCH_MAX, 0);
}

/* What disturbs the first samples of a backend does not make it lose. */
static void
test_a_bad_start_is_made_up_for(void **state)
{
	static struct aead_table table;
	struct pace steady = {.packet = 8000, .cold = 1, .good = UINT64_MAX};
	struct pace cold = {.packet = 2000, .cold = 40, .good = UINT64_MAX};
	const struct aead_part parts[] = {part_of(&steady, false), part_of(&cold, false)};

	(void)state;
	assert_int_equal(aead_trial(parts, 2, &table), 0);
	for (unsigned count = 1; count <= AEAD_BATCH_MAX; count++)
		assert_best(&table, count, 1);
}

static void
test_who_cannot_is_not_chosen(void **state)
{
	static struct aead_table table;
	struct pace fast = {.packet = 100, .cold = 1, .good = 0};
	struct pace slow = {.packet = 4000, .cold = 1, .good = UINT64_MAX};
	const struct aead_part parts[] = {part_of(&fast, true), part_of(&slow, true)};

	(void)state;
	assert_int_equal(aead_trial(parts, 2, &table), 0);
	for (unsigned count = 1; count <= AEAD_BATCH_MAX; count++)
		assert_best(&table, count, 1);
}

/* Of a backend that is slower at everything there are few samples. */
static void
test_who_always_loses_is_soon_out(void **state)
{
	static struct aead_table table;
	struct pace fast = {.packet = 500, .cold = 1, .good = UINT64_MAX};
	struct pace slow = {.packet = 5000, .cold = 1, .good = UINT64_MAX};
	const struct aead_part parts[] = {part_of(&fast, true), part_of(&slow, true)};

	(void)state;
	assert_int_equal(aead_trial(parts, 2, &table), 0);
	assert_best(&table, 1, 0);
	assert_best(&table, AEAD_BATCH_MAX, 0);
	assert_true(slow.calls < fast.calls / 3);
}

static void
test_one_alone(void **state)
{
	static struct aead_table table;
	struct pace pace = {.packet = 100, .cold = 1, .good = UINT64_MAX};
	const struct aead_part part = part_of(&pace, false);

	(void)state;
	assert_int_equal(aead_trial(&part, 1, &table), 0);
	assert_best(&table, 1, 0);
	assert_best(&table, AEAD_BATCH_MAX, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_wins_where_it_is_faster),
		cmocka_unit_test(test_a_bad_start_is_made_up_for),
		cmocka_unit_test(test_who_cannot_is_not_chosen),
		cmocka_unit_test(test_who_always_loses_is_soon_out),
		cmocka_unit_test(test_one_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
