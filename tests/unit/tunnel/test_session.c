/*
 * Sessions: ages, limits, and counters that nobody gets twice.
 */
#include "tunnel/session.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BIRTH_NS (1000 * NS_IN_S)

static struct session *
session_new(bool initiator)
{
	struct session *session = aligned_alloc(64, sizeof(*session));

	assert_non_null(session);
	memset(session, 0, sizeof(*session));
	session->birth_ns = BIRTH_NS;
	session->initiator = initiator;
	atomic_store(&session->confirmed, initiator);
	return session;
}

static void
session_lives_for_180_s(void **state)
{
	struct session *session = session_new(true);

	assert_true(session_alive(session, BIRTH_NS));
	assert_true(session_alive(session, BIRTH_NS + 180 * NS_IN_S - 1));
	assert_false(session_alive(session, BIRTH_NS + 180 * NS_IN_S));
	/* A burst whose time was read before the session was made. */
	assert_true(session_alive(session, BIRTH_NS - 1));
	assert_false(session_wants_rekey_after_send(session, BIRTH_NS - 1));
	assert_false(session_wants_rekey_after_receive(session, BIRTH_NS - 1));
	free(session);
}

static void
responder_may_send_only_when_confirmed(void **state)
{
	struct session *session = session_new(false);

	assert_false(session_sendable(session, BIRTH_NS));
	atomic_store(&session->confirmed, true);
	assert_true(session_sendable(session, BIRTH_NS));
	atomic_store(&session->send_closed, true);
	assert_false(session_sendable(session, BIRTH_NS));
	free(session);
}

static void
only_the_initiator_rekeys_by_age(void **state)
{
	struct session *ours = session_new(true);
	struct session *theirs = session_new(false);

	assert_false(session_wants_rekey_after_send(ours, BIRTH_NS + 120 * NS_IN_S - 1));
	assert_true(session_wants_rekey_after_send(ours, BIRTH_NS + 120 * NS_IN_S));
	assert_false(session_wants_rekey_after_send(theirs, BIRTH_NS + 179 * NS_IN_S));
	assert_false(session_wants_rekey_after_receive(ours, BIRTH_NS + 165 * NS_IN_S - 1));
	assert_true(session_wants_rekey_after_receive(ours, BIRTH_NS + 165 * NS_IN_S));
	/* Once in its life. */
	assert_false(session_wants_rekey_after_receive(ours, BIRTH_NS + 166 * NS_IN_S));
	assert_false(session_wants_rekey_after_receive(theirs, BIRTH_NS + 170 * NS_IN_S));
	free(ours);
	free(theirs);
}

static void
both_rekey_by_count(void **state)
{
	for (unsigned initiator = 0; initiator < 2; initiator++) {
		struct session *session = session_new(initiator != 0);

		atomic_store(&session->send_counter, REKEY_AFTER_MESSAGES);
		assert_false(session_wants_rekey_after_send(session, BIRTH_NS));
		atomic_store(&session->send_counter, REKEY_AFTER_MESSAGES + 1);
		assert_true(session_wants_rekey_after_send(session, BIRTH_NS));
		free(session);
	}
}

static void
p_2_defect_15_defect_16_counters_end_before_the_limit(void **state)
{
	struct session *session = session_new(true);
	uint64_t first = 0;

	atomic_store(&session->send_counter, REJECT_AFTER_MESSAGES - 64);
	assert_true(session_reserve(session, 63, &first));
	assert_true(first == REJECT_AFTER_MESSAGES - 64);
	assert_true(session_reserve(session, 1, &first));
	assert_true(first == REJECT_AFTER_MESSAGES - 1);
	assert_false(session_reserve(session, 1, &first));
	assert_false(session_sendable(session, BIRTH_NS));
	/* A run that would reach the limit with its last packet gets none at all. */
	atomic_store(&session->send_counter, REJECT_AFTER_MESSAGES - 3);
	assert_false(session_reserve(session, 4, &first));
	atomic_store(&session->send_counter, REJECT_AFTER_MESSAGES - 3);
	assert_true(session_reserve(session, 3, &first));
	/* However often it is asked, the counter does not wrap. */
	for (unsigned i = 0; i < 100000; i++)
		assert_false(session_reserve(session, 64, &first));
	assert_true(atomic_load(&session->send_counter) >= REJECT_AFTER_MESSAGES);
	free(session);
}

#define THREADS 4
#define LAST 400000

struct taker {
	struct session *session;
	uint8_t *taken; /* by counter above the start */
	uint64_t start;
};

static void *
take_until_closed(void *argument)
{
	struct taker *taker = argument;
	unsigned count = 1;
	uint64_t first;

	while (session_reserve(taker->session, count, &first)) {
		for (uint64_t c = first; c < first + count; c++)
			__atomic_add_fetch(&taker->taken[c - taker->start], 1, __ATOMIC_RELAXED);
		count = count % 64 + 1;
	}
	return NULL;
}

static void
p_2_defect_18_no_two_threads_get_the_same_counter(void **state)
{
	struct session *session = session_new(true);
	struct taker taker = {.session = session, .start = REJECT_AFTER_MESSAGES - LAST};
	pthread_t threads[THREADS];

	taker.taken = calloc(LAST, 1);
	assert_non_null(taker.taken);
	atomic_store(&session->send_counter, taker.start);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_until_closed, &taker), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	/* All were taken once, but for the last few, which no count fitted into. */
	for (unsigned i = 0; i < LAST; i++)
		assert_int_equal(taker.taken[i], i < LAST - 64 * THREADS ? 1 : taker.taken[i] != 0);
	free(taker.taken);
	free(session);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_lives_for_180_s),
		cmocka_unit_test(responder_may_send_only_when_confirmed),
		cmocka_unit_test(only_the_initiator_rekeys_by_age),
		cmocka_unit_test(both_rekey_by_count),
		cmocka_unit_test(p_2_defect_15_defect_16_counters_end_before_the_limit),
		cmocka_unit_test(p_2_defect_18_no_two_threads_get_the_same_counter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
