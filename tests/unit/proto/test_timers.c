/*
 * Tests of the five timers, one by one, at their boundaries; see test_timers_model.c for all of
 * them at once.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "proto/timers.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#define MS NS_IN_MS
#define S NS_IN_S
#define START (1000 * S)
#define JITTER_MAX (333 * MS + 999999) /* as a random number it is its own jitter */
#define INITIATE (TIMERS_INITIATE | TIMERS_FORGET_SOURCE)

struct peer {
	struct timers timers;
	struct timer_stamps stamps;
};

static unsigned
due(struct peer *peer, uint64_t now_ns)
{
	return timers_due(&peer->timers, &peer->stamps, now_ns, 0);
}

/* Nothing is due 1 ms before `at_ns`, exactly `expected` is 1 ms after it, and that only once. */
static void
assert_due_at(struct peer *peer, uint64_t at_ns, unsigned expected)
{
	assert_int_equal(due(peer, at_ns - MS), 0);
	assert_in_range(timers_next_ns(&peer->timers, &peer->stamps, at_ns - MS), at_ns - MS + 1,
		at_ns + MS);
	assert_int_equal(due(peer, at_ns + MS), expected);
	assert_int_equal(due(peer, at_ns + MS), 0);
}

static void
data_sent(struct peer *peer, uint64_t now_ns)
{
	stamps_sent(&peer->stamps, now_ns);
	stamps_data_sent(&peer->stamps, now_ns);
}

static void
data_received(struct peer *peer, uint64_t now_ns)
{
	stamps_received(&peer->stamps, now_ns);
	stamps_data_received(&peer->stamps, now_ns);
}

static void
initiation_sent(struct peer *peer, uint64_t now_ns, uint32_t random)
{
	timers_initiation_sent(&peer->timers, &peer->stamps, now_ns, random);
}

static void
interval(struct peer *peer, uint16_t interval_s, uint64_t now_ns)
{
	timers_interval(&peer->timers, &peer->stamps, interval_s, now_ns);
}

static void
zeroed_machine_is_stopped(void **context)
{
	struct peer peer = {0};

	assert_int_equal(due(&peer, START), 0);
	assert_true(timers_may_initiate(&peer.timers, 1));
	assert_int_equal(timers_next_ns(&peer.timers, &peer.stamps, START), START + 10 * S);
	assert_int_equal(due(&peer, UINT64_MAX / 2), 0);
}

/* T1 */

static void
tm_1_retransmit_after_5_s_and_jitter(void **context)
{
	struct peer peer = {0};

	initiation_sent(&peer, START, 0);
	assert_due_at(&peer, START + 5 * S, INITIATE);
	initiation_sent(&peer, START, JITTER_MAX);
	assert_due_at(&peer, START + 5 * S + JITTER_MAX, INITIATE);
	initiation_sent(&peer, START, UINT32_MAX);
	assert_due_at(&peer, START + 5 * S + UINT32_MAX % (334 * MS), INITIATE);
}

/* Answers every TIMERS_INITIATE until TIMERS_GIVE_UP; counts initiations; returns the time. */
static uint64_t
initiate_until_given_up(struct peer *peer, uint64_t now_ns, unsigned *sent)
{
	unsigned actions = TIMERS_INITIATE;

	for (*sent = 0; *sent <= 100;
		now_ns = timers_next_ns(&peer->timers, &peer->stamps, now_ns)) {
		if (actions == 0)
			actions = due(peer, now_ns);
		if (actions & TIMERS_GIVE_UP)
			return now_ns;
		if (actions & TIMERS_INITIATE) {
			assert_true(timers_may_initiate(&peer->timers, now_ns));
			initiation_sent(peer, now_ns, JITTER_MAX);
			++*sent;
		}
		actions = 0;
	}
	return 0;
}

static void
tm_1_gives_up_after_20_initiations(void **context)
{
	struct peer peer = {0};
	uint64_t given_up_ns;
	unsigned sent;

	assert_true(stamps_wanted(&peer.stamps, START));
	timers_initiation_wanted(&peer.timers);
	given_up_ns = initiate_until_given_up(&peer, START, &sent);
	assert_int_equal(sent, 20);
	assert_int_equal(given_up_ns, START + 20 * (5 * S + JITTER_MAX));
	/* Then silence, and all is erased 540 s later. */
	assert_due_at(&peer, given_up_ns + 540 * S, TIMERS_ERASE);
	assert_int_equal(due(&peer, given_up_ns + 10000 * S), 0);
}

static void
tm_1_giving_up_stops_the_passive_keepalive(void **context)
{
	struct peer peer = {0};
	unsigned sent;
	uint64_t given_up_ns = initiate_until_given_up(&peer, START, &sent);

	timers_initiation_wanted(&peer.timers);
	peer.timers.attempts = HANDSHAKE_ATTEMPTS_MAX + 1;
	initiation_sent(&peer, given_up_ns, 0);
	data_received(&peer, given_up_ns + S);
	assert_int_equal(due(&peer, given_up_ns + 5 * S), TIMERS_GIVE_UP);
	assert_int_equal(due(&peer, given_up_ns + 12 * S), 0);
}

static void
tm_1_giving_up_leaves_an_armed_erase_alone(void **context)
{
	struct peer peer = {0};
	unsigned sent;

	timers_session_derived(&peer.timers, START);
	initiate_until_given_up(&peer, START, &sent);
	assert_int_equal(sent, 20);
	assert_due_at(&peer, START + 540 * S, TIMERS_ERASE);
}

static void
tm_1_response_ends_it(void **context)
{
	struct peer peer = {0};

	initiation_sent(&peer, START, 0);
	assert_int_equal(due(&peer, START + 5 * S), INITIATE);
	initiation_sent(&peer, START + 5 * S, 0);
	timers_handshake_complete(&peer.timers);
	timers_response_received(&peer.timers, &peer.stamps, START + 6 * S);
	assert_int_equal(due(&peer, START + 500 * S), 0);
	assert_int_equal(peer.timers.attempts, 0);
}

/* A packet every second, which lanes mostly see in the quiet time: the series never ends. */
static void
tm_2_wanted_packets_renew_attempts(void **context)
{
	struct peer peer = {0};
	unsigned sent = 0;

	for (uint64_t now_ns = START; now_ns < START + 1000 * S; now_ns += 100 * MS) {
		unsigned actions = due(&peer, now_ns);

		assert_int_equal(actions & TIMERS_GIVE_UP, 0);
		if ((now_ns - START) % S == 0 && stamps_wanted(&peer.stamps, now_ns)) {
			timers_initiation_wanted(&peer.timers);
			actions |= TIMERS_INITIATE;
		}
		if ((actions & TIMERS_INITIATE) && timers_may_initiate(&peer.timers, now_ns)) {
			initiation_sent(&peer, now_ns, JITTER_MAX);
			sent++;
		}
	}
	assert_in_range(sent, 187, 200);
}

/* One packet in the quiet time after the fifth retry: the count starts again from there. */
static void
tm_2_one_packet_in_the_quiet_time(void **context)
{
	struct peer peer = {0};
	uint64_t now_ns = START;

	initiation_sent(&peer, now_ns, 0);
	for (unsigned i = 0; i < 5; i++) {
		now_ns += 5 * S;
		assert_int_equal(due(&peer, now_ns), INITIATE);
		initiation_sent(&peer, now_ns, 0);
	}
	assert_false(stamps_wanted(&peer.stamps, now_ns + 2 * S));
	/* A response of ours in between must not hide it. */
	timers_response_sent(&peer.timers, &peer.stamps, now_ns + 3 * S);
	assert_int_equal(due(&peer, now_ns + 5 * S), INITIATE);
	assert_int_equal(peer.timers.attempts, 1);
}

/* T2 */

static void
tm_3_passive_keepalive_once(void **context)
{
	struct peer peer = {0};

	data_received(&peer, START);
	assert_due_at(&peer, START + 10 * S, TIMERS_KEEPALIVE);
	stamps_sent(&peer.stamps, START + 10 * S + MS);
	assert_int_equal(due(&peer, START + 100 * S), 0);
}

static void
tm_3_second_data_owes_one_more(void **context)
{
	struct peer peer = {0};

	data_received(&peer, START);
	data_received(&peer, START + 4 * S);
	data_received(&peer, START + 5 * S);
	assert_due_at(&peer, START + 10 * S, TIMERS_KEEPALIVE | TIMERS_KEEPALIVE_AGAIN);
	stamps_sent(&peer.stamps, START + 10 * S);
	stamps_owe_keepalive(&peer.stamps, START + 10 * S);
	assert_due_at(&peer, START + 20 * S, TIMERS_KEEPALIVE);
	stamps_sent(&peer.stamps, START + 20 * S);
	assert_int_equal(due(&peer, START + 100 * S), 0);
}

static void
tm_3_anything_sent_ends_it(void **context)
{
	struct peer peer = {0};

	data_received(&peer, START);
	stamps_sent(&peer.stamps, START + 9 * S);
	assert_int_equal(due(&peer, START + 11 * S), 0);
	data_received(&peer, START + 12 * S);
	timers_response_sent(&peer.timers, &peer.stamps, START + 13 * S);
	data_received(&peer, START + 14 * S);
	initiation_sent(&peer, START + 19 * S, 0);
	assert_int_equal(due(&peer, START + 24 * S - 1), 0);
}

static void
tm_3_empty_packets_start_nothing(void **context)
{
	struct peer peer = {0};

	stamps_received(&peer.stamps, START);
	timers_initiation_received(&peer.timers, &peer.stamps, START + S);
	timers_response_received(&peer.timers, &peer.stamps, START + 2 * S);
	assert_int_equal(due(&peer, START + 1000 * S), 0);
}

/* T3 */

static void
tm_4_data_unanswered(void **context)
{
	struct peer peer = {0};

	/* From the first of them. */
	peer.timers.attempts = 7;
	data_sent(&peer, START);
	data_sent(&peer, START + 8 * S);
	assert_due_at(&peer, START + 15 * S, INITIATE);
	assert_int_equal(peer.timers.attempts, 0);
	assert_int_equal(due(&peer, START + 500 * S), 0);
	data_sent(&peer, START + 500 * S);
	assert_due_at(&peer, START + 515 * S, INITIATE);
}

/* The jitter is drawn once per arming, whatever is given later. */
static void
tm_4_jitter(void **context)
{
	const uint64_t at_ns = START + 15 * S + JITTER_MAX;
	struct peer peer = {0};

	data_sent(&peer, START);
	assert_int_equal(timers_next_ns(&peer.timers, &peer.stamps, START + 6 * S), START + 15 * S);
	assert_int_equal(timers_due(&peer.timers, &peer.stamps, START + 15 * S, JITTER_MAX), 0);
	assert_int_equal(timers_next_ns(&peer.timers, &peer.stamps, START + 15 * S), at_ns);
	assert_int_equal(timers_due(&peer.timers, &peer.stamps, at_ns - 1, 0), 0);
	assert_int_equal(timers_due(&peer.timers, &peer.stamps, at_ns, 0), INITIATE);
}

static void
tm_5_any_answer_ends_it(void **context)
{
	struct peer peer = {0};

	data_sent(&peer, START);
	stamps_received(&peer.stamps, START + 10 * S);
	assert_int_equal(due(&peer, START + 16 * S), 0);
	data_sent(&peer, START + 20 * S);
	timers_initiation_received(&peer.timers, &peer.stamps, START + 21 * S);
	assert_int_equal(due(&peer, START + 36 * S), 0);
	data_sent(&peer, START + 40 * S);
	timers_response_received(&peer.timers, &peer.stamps, START + 41 * S);
	assert_int_equal(due(&peer, START + 56 * S), 0);
	/* Keepalives, ours, wait for no answer. */
	stamps_sent(&peer.stamps, START + 60 * S);
	assert_int_equal(due(&peer, START + 600 * S), 0);
}

/* T4 */

static void
tm_14_erase(void **context)
{
	struct peer peer = {0};

	timers_session_derived(&peer.timers, START - 100 * S);
	timers_session_derived(&peer.timers, START);
	assert_due_at(&peer, START + 540 * S, TIMERS_ERASE);
	assert_int_equal(due(&peer, START + 5000 * S), 0);
}

/* T5 */

static void
tm_16_runs_from_any_traversal(void **context)
{
	struct peer peer = {0};

	interval(&peer, 25, START);
	assert_int_equal(due(&peer, START), TIMERS_KEEPALIVE);
	stamps_sent(&peer.stamps, START);
	assert_int_equal(due(&peer, START + 19 * S), 0);
	data_sent(&peer, START + 20 * S);
	stamps_received(&peer.stamps, START + 20 * S);
	assert_due_at(&peer, START + 45 * S, TIMERS_KEEPALIVE);
	stamps_sent(&peer.stamps, START + 45 * S);
	stamps_received(&peer.stamps, START + 50 * S);
	assert_due_at(&peer, START + 75 * S, TIMERS_KEEPALIVE);
}

/* Late evaluation must not take a busy tunnel for an idle one. */
static void
tm_16_looked_at_late(void **context)
{
	struct peer peer = {0};

	interval(&peer, 1, START);
	assert_int_equal(due(&peer, START), TIMERS_KEEPALIVE);
	for (uint64_t now_ns = START; now_ns < START + 10 * S; now_ns += 300 * MS) {
		stamps_sent(&peer.stamps, now_ns);
		if ((now_ns - START) % (1500 * MS) == 0)
			assert_int_equal(due(&peer, now_ns), 0);
	}
}

static void
tm_16_keepalive_that_could_not_be_sent(void **context)
{
	struct peer peer = {0};

	interval(&peer, 25, START);
	assert_int_equal(due(&peer, START), TIMERS_KEEPALIVE);
	assert_due_at(&peer, START + 25 * S, TIMERS_KEEPALIVE);
}

/* The peer is dead: 20 initiations, the interval, 20 initiations, for ever. */
static void
tm_17_goes_on_after_giving_up(void **context)
{
	struct peer peer = {0};
	uint64_t now_ns = START;
	unsigned sent;

	interval(&peer, 25, START);
	assert_int_equal(due(&peer, START), TIMERS_KEEPALIVE);
	for (unsigned series = 0; series < 5; series++) {
		timers_initiation_wanted(&peer.timers);
		const uint64_t given_up_ns = initiate_until_given_up(&peer, now_ns, &sent);

		assert_int_equal(sent, 20);
		now_ns = given_up_ns - (5 * S + JITTER_MAX) + 25 * S;
		assert_int_equal(due(&peer, now_ns - MS), 0);
		assert_int_equal(due(&peer, now_ns), TIMERS_KEEPALIVE);
	}
}

static void
tm_18_interval_changes(void **context)
{
	struct peer peer = {0};

	stamps_sent(&peer.stamps, START - 5 * S);
	assert_int_equal(due(&peer, START), 0);

	/* 0 to n: at once, even if there is traffic just now. */
	interval(&peer, 25, START);
	stamps_received(&peer.stamps, START + MS / 2);
	assert_int_equal(timers_next_ns(&peer.timers, &peer.stamps, START + MS), START + MS);
	assert_int_equal(due(&peer, START + MS), TIMERS_KEEPALIVE);
	assert_int_equal(due(&peer, START + MS), 0);

	/* n to m: from the next traversal on. */
	stamps_sent(&peer.stamps, START + 2 * S);
	interval(&peer, 10, START + 3 * S);
	assert_due_at(&peer, START + 27 * S, TIMERS_KEEPALIVE);
	stamps_sent(&peer.stamps, START + 28 * S);
	assert_due_at(&peer, START + 38 * S, TIMERS_KEEPALIVE);
	interval(&peer, 30, START + 39 * S);
	assert_due_at(&peer, START + 48 * S + MS, TIMERS_KEEPALIVE);

	/* n to 0: never. 0 to 0 and n to n: nothing at once. */
	stamps_sent(&peer.stamps, START + 49 * S);
	interval(&peer, 0, START + 50 * S);
	interval(&peer, 0, START + 50 * S);
	stamps_sent(&peer.stamps, START + 51 * S);
	assert_int_equal(due(&peer, START + 500 * S), 0);
	interval(&peer, 65535, START + 500 * S);
	assert_int_equal(due(&peer, START + 500 * S), TIMERS_KEEPALIVE);
	interval(&peer, 65535, START + 500 * S);
	assert_due_at(&peer, START + 500 * S + 65535 * S, TIMERS_KEEPALIVE);
}

/* Off and on again before anyone looked: one keepalive; and off again: none. */
static void
tm_18_changes_unseen(void **context)
{
	struct peer peer = {0};

	interval(&peer, 25, START);
	interval(&peer, 20, START);
	assert_int_equal(due(&peer, START), TIMERS_KEEPALIVE);
	interval(&peer, 0, START + S);
	interval(&peer, 25, START + S);
	interval(&peer, 0, START + S);
	assert_int_equal(due(&peer, START + 100 * S), 0);
}

/* Stop */

static void
tm_19_stop(void **context)
{
	struct peer peer = {0};

	interval(&peer, 25, START);
	assert_int_equal(due(&peer, START), TIMERS_KEEPALIVE);
	timers_session_derived(&peer.timers, START);
	data_sent(&peer, START);
	data_received(&peer, START + S);
	data_received(&peer, START + S);
	data_sent(&peer, START + 2 * S);
	data_received(&peer, START + 3 * S);
	initiation_sent(&peer, START + 3 * S, 0);
	assert_false(stamps_wanted(&peer.stamps, START + 4 * S));
	timers_stop(&peer.timers, &peer.stamps);

	assert_int_equal(due(&peer, START + 4 * S), 0);
	assert_int_equal(due(&peer, START + 1000 * S), 0);
	assert_true(timers_may_initiate(&peer.timers, START + 4 * S));
	/* Up again: the interval is still there, no keepalive is owed from before. */
	assert_true(stamps_wanted(&peer.stamps, START + 1001 * S));
	stamps_received(&peer.stamps, START + 1001 * S);
	stamps_data_received(&peer.stamps, START + 1001 * S);
	assert_due_at(&peer, START + 1011 * S, TIMERS_KEEPALIVE);
	assert_due_at(&peer, START + 1026 * S, TIMERS_KEEPALIVE);
}

/* TM-20: ten minutes of suspend, during which the boot clock went on. */
static void
tm_20_everything_overdue_at_once(void **context)
{
	struct peer peer = {0};

	timers_session_derived(&peer.timers, START);
	initiation_sent(&peer, START, 0);
	data_received(&peer, START + S);
	stamps_data_sent(&peer.stamps, START + S);
	assert_int_equal(due(&peer, START + 600 * S), INITIATE | TIMERS_KEEPALIVE | TIMERS_ERASE);
	assert_int_equal(due(&peer, START + 600 * S), 0);
}

/* Spacing */

static void
tm_22_no_initiation_within_5_s(void **context)
{
	struct peer peer = {0};

	timers_response_sent(&peer.timers, &peer.stamps, START);
	assert_false(timers_may_initiate(&peer.timers, START + 5 * S - MS));
	assert_false(stamps_wanted(&peer.stamps, START + 5 * S - MS));
	assert_true(timers_may_initiate(&peer.timers, START + 5 * S));
	assert_true(stamps_wanted(&peer.stamps, START + 5 * S));
	initiation_sent(&peer, START + 10 * S, 0);
	assert_false(timers_may_initiate(&peer.timers, START + 15 * S - 1));
	assert_true(timers_may_initiate(&peer.timers, START + 15 * S));
	timers_allow_initiation(&peer.timers, &peer.stamps);
	assert_true(timers_may_initiate(&peer.timers, START + 10 * S));
	assert_true(stamps_wanted(&peer.stamps, START + 10 * S));
}

/* Lanes ask once per grain, but the first packet after the quiet time always asks. */
static void
wanted_asks_once_per_grain(void **context)
{
	struct peer peer = {0};

	assert_true(stamps_wanted(&peer.stamps, START));
	assert_false(stamps_wanted(&peer.stamps, START + MS - 1));
	assert_true(stamps_wanted(&peer.stamps, START + MS));
	initiation_sent(&peer, START + 10 * MS, 0);
	assert_false(stamps_wanted(&peer.stamps, START + 10 * MS + 5 * S - 1));
	assert_true(stamps_wanted(&peer.stamps, START + 10 * MS + 5 * S));
	assert_false(stamps_wanted(&peer.stamps, START + 10 * MS + 5 * S + 1));
}

static void
stamps_within_the_grain_are_not_written(void **context)
{
	struct peer peer = {0};

	stamps_sent(&peer.stamps, START);
	stamps_received(&peer.stamps, START + MS - 1);
	assert_int_equal(peer.stamps.traversal_ns, START);
	stamps_received(&peer.stamps, START + MS);
	assert_int_equal(peer.stamps.traversal_ns, START + MS);
	/* Another lane's burst began earlier. */
	stamps_sent(&peer.stamps, START);
	assert_int_equal(peer.stamps.traversal_ns, START + MS);
}

/* What lanes can arm after the question must not be due before the answer. */
static void
next_allows_for_what_lanes_arm(void **context)
{
	struct peer peer = {0};

	assert_int_equal(timers_next_ns(&peer.timers, &peer.stamps, START), START + 10 * S);
	interval(&peer, 3, START);
	assert_int_equal(due(&peer, START), TIMERS_KEEPALIVE);
	timers_stop(&peer.timers, &peer.stamps);
	assert_int_equal(timers_next_ns(&peer.timers, &peer.stamps, START), START + 3 * S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeroed_machine_is_stopped),
		cmocka_unit_test(tm_1_retransmit_after_5_s_and_jitter),
		cmocka_unit_test(tm_1_gives_up_after_20_initiations),
		cmocka_unit_test(tm_1_giving_up_stops_the_passive_keepalive),
		cmocka_unit_test(tm_1_giving_up_leaves_an_armed_erase_alone),
		cmocka_unit_test(tm_1_response_ends_it),
		cmocka_unit_test(tm_2_wanted_packets_renew_attempts),
		cmocka_unit_test(tm_2_one_packet_in_the_quiet_time),
		cmocka_unit_test(tm_3_passive_keepalive_once),
		cmocka_unit_test(tm_3_second_data_owes_one_more),
		cmocka_unit_test(tm_3_anything_sent_ends_it),
		cmocka_unit_test(tm_3_empty_packets_start_nothing),
		cmocka_unit_test(tm_4_data_unanswered),
		cmocka_unit_test(tm_4_jitter),
		cmocka_unit_test(tm_5_any_answer_ends_it),
		cmocka_unit_test(tm_14_erase),
		cmocka_unit_test(tm_16_runs_from_any_traversal),
		cmocka_unit_test(tm_16_looked_at_late),
		cmocka_unit_test(tm_16_keepalive_that_could_not_be_sent),
		cmocka_unit_test(tm_17_goes_on_after_giving_up),
		cmocka_unit_test(tm_18_interval_changes),
		cmocka_unit_test(tm_18_changes_unseen),
		cmocka_unit_test(tm_19_stop),
		cmocka_unit_test(tm_20_everything_overdue_at_once),
		cmocka_unit_test(tm_22_no_initiation_within_5_s),
		cmocka_unit_test(wanted_asks_once_per_grain),
		cmocka_unit_test(stamps_within_the_grain_are_not_written),
		cmocka_unit_test(next_allows_for_what_lanes_arm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
