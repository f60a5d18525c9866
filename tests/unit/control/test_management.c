/*
 * Changes that the kernel reports: the first is acted on at once, many in a row are gathered.
 */
#include "control/management.h"

#include "pair.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 3000

/* Next hops that change whenever the test says so, and count how often they are asked. */
struct busy {
	struct nexthops nexthops;
	_Atomic unsigned processed;
	_Atomic unsigned refreshed; /* each refresh asks once for the local addresses */
};

static int
busy_process(struct nexthops *nexthops)
{
	struct busy *self = (struct busy *)nexthops;
	uint64_t events;

	assert_int_equal(read(nexthops->fd, &events, sizeof(events)), sizeof(events));
	atomic_fetch_add(&self->processed, 1);
	return 1;
}

static size_t
busy_local(const struct nexthops *nexthops, struct address addresses[], size_t max)
{
	struct busy *self = (struct busy *)nexthops;

	atomic_fetch_add(&self->refreshed, 1);
	return 0;
}

static const struct nexthops_ops busy_ops = {.process = busy_process, .local = busy_local};

struct bed {
	struct pair *pair;
	struct control *control;
	struct nexthops *real;
	struct busy busy;
	struct management *management;
	pthread_t thread;
};

static void *
run(void *argument)
{
	management_run(argument);
	return NULL;
}

static void
begin(struct bed *bed)
{
	memset(bed, 0, sizeof(*bed));
	bed->pair = pair_begin(&(const struct pair_options){.sites = 2});
	bed->control = &bed->pair->sites[0].gateway->control;
	bed->real = bed->control->nexthops;
	bed->busy.nexthops = (struct nexthops){.ops = &busy_ops, .fd = eventfd(0, EFD_NONBLOCK)};
	bed->control->nexthops = &bed->busy.nexthops;
	bed->management = management_create(bed->control, NULL);
	assert_non_null(bed->management);
	assert_int_equal(pthread_create(&bed->thread, NULL, run, bed->management), 0);
}

static void
end(struct bed *bed)
{
	management_stop(bed->management);
	pthread_join(bed->thread, NULL);
	management_destroy(bed->management);
	close(bed->busy.nexthops.fd);
	bed->control->nexthops = bed->real;
	pair_end(bed->pair);
}

/* Reports a change, and waits until it has been taken in. */
static void
change(struct bed *bed)
{
	const unsigned before = atomic_load(&bed->busy.processed);
	const uint64_t one = 1;

	assert_int_equal(write(bed->busy.nexthops.fd, &one, sizeof(one)), sizeof(one));
	for (unsigned i = 0; i < PATIENCE_MS && atomic_load(&bed->busy.processed) == before; i++)
		usleep(1000);
	assert_int_equal(atomic_load(&bed->busy.processed), before + 1);
}

static bool
refreshed_within(struct bed *bed, unsigned count, unsigned wait_ms)
{
	for (unsigned i = 0; i < wait_ms && atomic_load(&bed->busy.refreshed) < count; i++)
		usleep(1000);
	return atomic_load(&bed->busy.refreshed) >= count;
}

static void
many_changes_are_gathered_and_the_last_one_counts(void **state)
{
	struct bed bed;
	unsigned refreshed;

	begin(&bed);
	for (unsigned i = 0; i < 100; i++)
		change(&bed);
	/* However long that took, it was not one refresh each; and what came last is acted on. */
	refreshed = atomic_load(&bed.busy.refreshed);
	assert_in_range(refreshed, 1, 50);
	assert_true(refreshed_within(&bed, refreshed + 1, PATIENCE_MS));
	usleep(200000);
	assert_int_equal(atomic_load(&bed.busy.refreshed), refreshed + 1);
	/* Once quiet, the next one need not wait. */
	change(&bed);
	assert_true(refreshed_within(&bed, refreshed + 2, PATIENCE_MS));
	end(&bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_changes_are_gathered_and_the_last_one_counts),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
