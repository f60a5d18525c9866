/*
 * The ring of handshake messages.
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
handshake_queue_put(
	struct handshake_queue *queue, const struct handshake_message *message, uint64_t now_ns)
{
	if (queue->count == HANDSHAKE_QUEUE_DEPTH)
		return false;
	queue->messages[(queue->first + queue->count) % HANDSHAKE_QUEUE_DEPTH] = *message;
	queue->count++;
	if (queue->count >= HANDSHAKE_QUEUE_LOADED)
		queue->loaded_until_ns = now_ns + HANDSHAKE_QUEUE_HOLD_NS;
	return true;
}

bool
handshake_queue_take(struct handshake_queue *queue, struct handshake_message *message)
{
	if (queue->count == 0)
		return false;
	*message = queue->messages[queue->first];
	queue->first = (queue->first + 1) % HANDSHAKE_QUEUE_DEPTH;
	queue->count--;
	return true;
}
