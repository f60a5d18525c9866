/*
 * Bells: no wake-up is lost, and nobody is woken for nothing.
 */
#include "tunnel/bell.h"

#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#define ITEMS 100000

static bool
rung(const struct bell *bell)
{
	struct pollfd fd = {.fd = bell->fd, .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

static void
ringing_costs_nothing_while_awake(void **state)
{
	struct bell bell;

	assert_int_equal(bell_init(&bell), 0);
	bell_ring(&bell);
	assert_false(rung(&bell));
	bell_sleep_begin(&bell);
	bell_sleep_end(&bell);
	bell_ring(&bell);
	assert_false(rung(&bell));
	bell_fini(&bell);
}

static void
a_ring_between_announcement_and_sleep_is_not_lost(void **state)
{
	struct bell bell;
	struct pollfd fd;

	assert_int_equal(bell_init(&bell), 0);
	bell_sleep_begin(&bell);
	bell_ring(&bell);
	bell_ring(&bell);
	assert_true(rung(&bell));
	/* Without limit: it would never return. */
	assert_false(bell_sleep(&bell, &fd, 0, UINT64_MAX));
	/* And the ring is used up. */
	assert_false(rung(&bell));
	bell_fini(&bell);
}

static void
sleep_ends_in_time_and_tells_of_others(void **state)
{
	struct bell bell;
	struct pollfd fds[2];
	int ends[2];

	assert_int_equal(bell_init(&bell), 0);
	assert_int_equal(pipe(ends), 0);
	fds[1] = (struct pollfd){.fd = ends[0], .events = POLLIN};
	bell_sleep_begin(&bell);
	assert_false(bell_sleep(&bell, fds, 1, NS_IN_MS));
	assert_int_equal(fds[1].revents, 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	bell_sleep_begin(&bell);
	assert_true(bell_sleep(&bell, fds, 1, UINT64_MAX));
	assert_int_equal(fds[1].revents, POLLIN);
	close(ends[0]);
	close(ends[1]);
	bell_fini(&bell);
}

/* A ring of one place between two threads; each waits for the other by its bell. */
struct exchange {
	struct bell bell;
	_Atomic unsigned produced;
	_Atomic unsigned consumed;
};

static void *
consume(void *argument)
{
	struct exchange *exchange = argument;
	unsigned consumed = 0;
	struct pollfd fd;

	while (consumed < ITEMS) {
		if (atomic_load(&exchange->produced) > consumed) {
			atomic_store(&exchange->consumed, ++consumed);
			continue;
		}
		bell_sleep_begin(&exchange->bell);
		if (atomic_load(&exchange->produced) > consumed)
			bell_sleep_end(&exchange->bell);
		else
			/* No limit: one wake-up lost, and the test hangs. */
			bell_sleep(&exchange->bell, &fd, 0, UINT64_MAX);
	}
	return NULL;
}

static void
no_wake_up_is_lost_between_two_threads(void **state)
{
	struct exchange exchange = {.produced = 0};
	pthread_t consumer;

	assert_int_equal(bell_init(&exchange.bell), 0);
	assert_int_equal(pthread_create(&consumer, NULL, consume, &exchange), 0);
	for (unsigned i = 1; i <= ITEMS; i++) {
		atomic_store(&exchange.produced, i);
		bell_ring(&exchange.bell);
		/* Now and then let it fall asleep first. */
		if (i % 64 == 0)
			while (atomic_load(&exchange.consumed) < i)
				;
		if (i % 1024 == 0)
			usleep(100);
	}
	assert_int_equal(pthread_join(consumer, NULL), 0);
	assert_int_equal(atomic_load(&exchange.consumed), ITEMS);
	bell_fini(&exchange.bell);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ringing_costs_nothing_while_awake),
		cmocka_unit_test(a_ring_between_announcement_and_sleep_is_not_lost),
		cmocka_unit_test(sleep_ends_in_time_and_tells_of_others),
		cmocka_unit_test(no_wake_up_is_lost_between_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
