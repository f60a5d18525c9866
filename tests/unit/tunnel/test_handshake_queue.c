/*
 * Tests of the queue of handshake messages and of what it says of the load.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "tunnel/handshake_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define START (1000 * NS_IN_S)

static bool
put(struct handshake_queue *queue, enum handshake_line line, unsigned number, uint64_t now_ns)
{
	struct handshake_message message = {.len = (uint16_t)number};

	memset(message.bytes, (int)number, sizeof(message.bytes));
	message.source.port = (uint16_t)number;
	return handshake_queue_put(queue, line, &message, now_ns);
}

static void
take(struct handshake_queue *queue, unsigned number)
{
	struct handshake_message message;

	assert_true(handshake_queue_take(queue, &message));
	assert_int_equal(message.len, number);
	assert_int_equal(message.source.port, number);
	assert_int_equal(message.bytes[sizeof(message.bytes) - 1], number % 256);
}

static void
in_order_and_bounded(void **state)
{
	struct handshake_queue *queue = handshake_queue_create();
	struct handshake_message message;

	assert_non_null(queue);
	assert_false(handshake_queue_take(queue, &message));
	for (unsigned round = 0; round < 3; round++) {
		/* Begins elsewhere in the ring each time. */
		for (unsigned i = 0; i < 1000; i++) {
			assert_true(put(queue, HANDSHAKE_STRANGERS, i, START));
			take(queue, i);
		}
		for (unsigned i = 0; i < HANDSHAKE_QUEUE_LINE; i++)
			assert_true(put(queue, HANDSHAKE_STRANGERS, i, START));
		assert_false(put(queue, HANDSHAKE_STRANGERS, 9999, START));
		for (unsigned i = 0; i < HANDSHAKE_QUEUE_LINE; i++)
			take(queue, i);
		assert_false(handshake_queue_take(queue, &message));
	}
	handshake_queue_destroy(queue);
}

/* Strangers that fill their line leave the other one alone, and it does not wait for theirs. */
static void
lines_take_turns(void **state)
{
	struct handshake_queue *queue = handshake_queue_create();
	struct handshake_message message;

	assert_non_null(queue);
	for (unsigned i = 0; i < HANDSHAKE_QUEUE_LINE; i++)
		assert_true(put(queue, HANDSHAKE_STRANGERS, i, START));
	assert_false(put(queue, HANDSHAKE_STRANGERS, 9999, START));
	for (unsigned i = 0; i < 3; i++)
		assert_true(put(queue, HANDSHAKE_KNOWN, 5000 + i, START));
	assert_int_equal(queue->count, HANDSHAKE_QUEUE_LINE + 3);
	for (unsigned i = 0; i < 3; i++) {
		take(queue, i);
		take(queue, 5000 + i);
	}
	for (unsigned i = 3; i < HANDSHAKE_QUEUE_LINE; i++)
		take(queue, i);
	assert_false(handshake_queue_take(queue, &message));
	assert_int_equal(queue->count, 0);
	handshake_queue_destroy(queue);
}

/* CK-9: an eighth of the depth is load, and it lasts a second longer than the queue is so deep. */
static void
ck_9_load_has_a_hold(void **state)
{
	struct handshake_queue *queue = handshake_queue_create();
	struct handshake_message message;

	assert_non_null(queue);
	for (unsigned i = 1; i < HANDSHAKE_QUEUE_LOADED; i++)
		assert_true(put(queue, HANDSHAKE_STRANGERS, i, START));
	assert_false(handshake_queue_under_load(queue, START));
	assert_true(put(queue, HANDSHAKE_KNOWN, HANDSHAKE_QUEUE_LOADED, START));
	assert_true(handshake_queue_under_load(queue, START));
	/* As long as it is so deep it is loaded, whatever the time. */
	assert_true(handshake_queue_under_load(queue, START + 10 * NS_IN_S));
	assert_true(handshake_queue_take(queue, &message));
	assert_true(handshake_queue_under_load(queue, START + NS_IN_S - 1));
	assert_false(handshake_queue_under_load(queue, START + NS_IN_S));
	handshake_queue_destroy(queue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order_and_bounded),
		cmocka_unit_test(lines_take_turns),
		cmocka_unit_test(ck_9_load_has_a_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
