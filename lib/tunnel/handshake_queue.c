/*
 * The rings of handshake messages.
 * On the packet's way: beside it.
 * Threads: control, under its lock.
 */
#include "tunnel/handshake_queue.h"

#include <stdlib.h>

struct handshake_queue *
handshake_queue_create(void)
{
	/* Memory of messages that never wait is never touched. */
	return calloc(1, sizeof(struct handshake_queue));
}

void
handshake_queue_destroy(struct handshake_queue *queue)
{
	free(queue);
}

bool
handshake_queue_put(struct handshake_queue *queue, enum handshake_line line,
	const struct handshake_message *message, uint64_t now_ns)
{
	const unsigned first = queue->lines[line].first;
	const unsigned count = queue->lines[line].count;

	if (count == HANDSHAKE_QUEUE_LINE)
		return false;
	queue->lines[line].messages[(first + count) % HANDSHAKE_QUEUE_LINE] = *message;
	queue->lines[line].count++;
	queue->count++;
	if (queue->count >= HANDSHAKE_QUEUE_LOADED)
		queue->loaded_until_ns = now_ns + HANDSHAKE_QUEUE_HOLD_NS;
	return true;
}

bool
handshake_queue_take(struct handshake_queue *queue, struct handshake_message *message)
{
	unsigned line = queue->turn;

	if (queue->count == 0)
		return false;
	while (queue->lines[line].count == 0)
		line = (line + 1) % HANDSHAKE_LINE_COUNT;
	*message = queue->lines[line].messages[queue->lines[line].first];
	queue->lines[line].first = (queue->lines[line].first + 1) % HANDSHAKE_QUEUE_LINE;
	queue->lines[line].count--;
	queue->count--;
	queue->turn = (line + 1) % HANDSHAKE_LINE_COUNT;
	return true;
}
