/*
 * Places: whole, the last one in the end, and nothing is sent behind a lane's own by an older way.
 */
#include "tunnel/roaming.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LANES 3
#define ROUNDS 50
/* Writes of each lane in a round; one more of a round's numbers is left for the test. */
#define WRITES 400
#define ROUND_NUMBERS (WRITES + 1)
/* How often control looks for places while lanes write without end. */
#define LOOKS 200000
/* As endpoint_roamed has it: so many places are taken before the lanes are let go. */
#define PLACES_MAX 4

/* Every byte of both endpoints says which lane it is, and which of its places. */
static struct roaming_place
place_of(unsigned lane, uint32_t number)
{
	struct roaming_place place = {
		.remote = {.address.family = ADDRESS_IPV6, .port = (uint16_t)number},
		.local = {.address.family = ADDRESS_IPV6, .port = (uint16_t)(lane + 1)},
	};

	for (unsigned i = 0; i < 16; i++) {
		place.remote.address.bytes[i] = (uint8_t)(number >> (i % 4 * 8));
		place.local.address.bytes[i] = (uint8_t)(lane + number);
	}
	place.remote.scope_id = number;
	place.local.scope_id = number ^ 0x5aa5a55a;
	return place;
}

static bool
write_place(struct roaming *roaming, unsigned lane, uint32_t number)
{
	const struct roaming_place place = place_of(lane, number);

	return roaming_write(roaming, &place.remote, &place.local);
}

/* Returns the lane that has written the place, or LANES if none has, not so. */
static unsigned
lane_of(const struct roaming_place *place)
{
	const unsigned lane = place->local.port - 1u;
	const struct roaming_place whole = place_of(lane, place->remote.scope_id);

	return lane < LANES && memcmp(place, &whole, sizeof(whole)) == 0 ? lane : LANES;
}

static void
a_place_is_taken_once(void **state)
{
	struct roaming roaming = {.taken = 0};
	struct roaming_place place;

	assert_false(roaming_pending(&roaming));
	assert_false(roaming_take(&roaming, &place));
	assert_true(write_place(&roaming, 1, 7));
	assert_true(write_place(&roaming, 2, 8));
	assert_true(roaming_pending(&roaming));
	assert_true(roaming_take(&roaming, &place));
	assert_int_equal(lane_of(&place), 2);
	assert_int_equal(place.remote.scope_id, 8);
	assert_false(roaming_take(&roaming, &place));
	assert_true(roaming_pending(&roaming));
	roaming_end(&roaming, false);
	assert_false(roaming_pending(&roaming));
}

/* As if another lane had been stopped in the middle of writing. */
static void
who_meets_a_writer_neither_writes_nor_takes(void **state)
{
	struct roaming roaming = {.taken = 0};
	struct roaming_place place;

	assert_true(write_place(&roaming, 0, 1));
	atomic_fetch_add(&roaming.version, 1);
	assert_false(write_place(&roaming, 1, 2));
	assert_false(roaming_take(&roaming, &place));
	/* What is being written is waited for. */
	roaming_end(&roaming, false);
	assert_true(roaming_pending(&roaming));
	atomic_fetch_add(&roaming.version, 1);
	assert_true(roaming_take(&roaming, &place));
	assert_int_equal(place.remote.scope_id, 1);
	roaming_end(&roaming, false);
	assert_false(roaming_pending(&roaming));
}

/* A peer that moves, lanes that see it move, and control. */
struct field {
	struct roaming roaming;
	_Atomic bool raised; /* as peer.raised has it */
	/* control: version of the place that is the way now; lanes: read. Only grows. */
	_Atomic uint32_t way_version;
	_Atomic unsigned running;
	bool lets_go; /* this round's control publishes what it has after some places */
	uint32_t round;
	uint32_t taken[LANES + 1]; /* control: the newest that was taken of each lane */
	unsigned torn; /* control: places that no lane has written */
	unsigned old; /* control: places taken after newer ones of the same lane */
	struct roaming_place way; /* control: the last place that was taken */
};

struct writer {
	struct field *field;
	unsigned lane;
	pthread_t thread;
	uint32_t last; /* the last number that was written; 0: none */
	unsigned written;
	unsigned overtaken; /* times that an older way was open behind a place of this lane's */
};

static void *
write_round(void *argument)
{
	struct writer *writer = argument;
	struct field *field = writer->field;

	writer->last = 0;
	for (uint32_t i = 1; i <= WRITES; i++) {
		const uint32_t before = atomic_load(&field->roaming.version);
		const uint32_t number = field->round * ROUND_NUMBERS + i;

		if (!write_place(&field->roaming, writer->lane, number))
			continue;
		atomic_store(&field->raised, true);
		writer->last = number;
		writer->written++;
		/* If nothing is waited for, the way is to this place or to a newer one. */
		if (!roaming_pending(&field->roaming) && atomic_load(&field->way_version) <= before)
			writer->overtaken++;
	}
	atomic_fetch_sub(&field->running, 1);
	return NULL;
}

/* As endpoint_roamed does it. Returns how many places it took. */
static unsigned
take_places(struct field *field)
{
	struct roaming_place place;
	unsigned places = 0;

	while ((places < PLACES_MAX || !field->lets_go) && roaming_take(&field->roaming, &place)) {
		const unsigned lane = lane_of(&place);

		field->torn += lane == LANES;
		field->old += place.remote.scope_id <= field->taken[lane];
		field->taken[lane] = place.remote.scope_id;
		field->way = place;
		atomic_store(&field->way_version, field->roaming.taken);
		places++;
	}
	roaming_end(&field->roaming, places == PLACES_MAX && field->lets_go);
	return places;
}

static unsigned
take_raised(struct field *field)
{
	return atomic_exchange(&field->raised, false) ? take_places(field) : 0;
}

static void
start(struct field *field, struct writer writers[LANES], void *(*write)(void *))
{
	for (unsigned lane = 0; lane < LANES; lane++) {
		writers[lane].field = field;
		writers[lane].lane = lane;
		assert_int_equal(
			pthread_create(&writers[lane].thread, NULL, write, &writers[lane]), 0);
	}
}

static void
join(const struct writer writers[LANES])
{
	for (unsigned lane = 0; lane < LANES; lane++)
		assert_int_equal(pthread_join(writers[lane].thread, NULL), 0);
}

/* Returns how many places were taken while, and after, the lanes wrote theirs. */
static unsigned
play_round(struct field *field, struct writer writers[LANES])
{
	unsigned places = 0, count;
	bool over;

	atomic_store(&field->running, LANES);
	start(field, writers, write_round);
	do {
		over = atomic_load(&field->running) == 0;
		count = take_raised(field);
		places += count;
		if (count == 0)
			sched_yield();
	} while (!over || atomic_load(&field->raised));
	join(writers);
	return places;
}

static void
play(bool lets_go)
{
	struct field field = {.lets_go = lets_go};
	struct writer writers[LANES] = {{.written = 0}};
	unsigned places = 0, written = 0;

	for (field.round = 0; field.round < ROUNDS; field.round++) {
		const unsigned taken = play_round(&field, writers);
		unsigned lane;

		/* The last that was written is the last one of its lane, and is the way. */
		assert_true(taken > 0);
		places += taken;
		assert_int_equal(field.torn, 0);
		assert_int_equal(field.old, 0);
		lane = lane_of(&field.way);
		assert_int_equal(field.way.remote.scope_id, writers[lane].last);
		assert_int_equal(field.roaming.taken, atomic_load(&field.roaming.version));
		assert_false(roaming_pending(&field.roaming));
		/* Also when nobody writes beside it. */
		assert_true(write_place(&field.roaming, lane, (field.round + 1) * ROUND_NUMBERS));
		atomic_store(&field.raised, true);
		assert_int_equal(take_raised(&field), 1);
		assert_int_equal(field.way.remote.scope_id, (field.round + 1) * ROUND_NUMBERS);
		assert_false(roaming_pending(&field.roaming));
	}
	for (unsigned lane = 0; lane < LANES; lane++) {
		written += writers[lane].written;
		if (!lets_go)
			assert_int_equal(writers[lane].overtaken, 0);
	}
	/* Each success is a version of its own, and none was taken twice. */
	assert_int_equal(atomic_load(&field.roaming.version), 2 * (written + ROUNDS));
	assert_true(places <= written);
	print_message("%u places written, %u taken\n", written, places);
}

static void *
write_on(void *argument)
{
	struct writer *writer = argument;
	uint32_t number = 0;

	while (atomic_load(&writer->field->running) > 0) {
		if (write_place(&writer->field->roaming, writer->lane, number + 1))
			number++;
		/* About as long as a look takes, so that some succeed. */
		for (unsigned i = 0; i < 100; i++)
			(void)roaming_pending(&writer->field->roaming);
	}
	return NULL;
}

static void
ro_7_no_place_is_torn_while_lanes_write_without_end(void **state)
{
	struct field field = {.running = 1};
	struct writer writers[LANES];

	start(&field, writers, write_on);
	for (unsigned i = 0; i < LOOKS; i++)
		take_places(&field);
	atomic_store(&field.running, 0);
	join(writers);
	assert_int_equal(field.torn, 0);
	assert_int_equal(field.old, 0);
}

static void
ro_7_the_last_place_of_all_lanes_is_the_one_taken(void **state)
{
	play(false);
}

static void
ro_7_nor_is_it_lost_when_the_lanes_are_let_go(void **state)
{
	play(true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_place_is_taken_once),
		cmocka_unit_test(who_meets_a_writer_neither_writes_nor_takes),
		cmocka_unit_test(ro_7_no_place_is_torn_while_lanes_write_without_end),
		cmocka_unit_test(ro_7_the_last_place_of_all_lanes_is_the_one_taken),
		cmocka_unit_test(ro_7_nor_is_it_lost_when_the_lanes_are_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
