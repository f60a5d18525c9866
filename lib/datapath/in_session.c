/*
 * Finds the session of each data message by its receiver index, and groups them into runs.
 * On the packet's way: in, 2 of 5.
 * Threads: the lane that owns the batch.
 */
#include "datapath/stages.h"

#include "base/bytes.h"
#include "wire/message.h"

#include <rte_prefetch.h>

#include <stddef.h>

void
in_session(struct lane *lane, struct batch *batch)
{
	struct session *sessions[BATCH_MAX];
	uint32_t indices[BATCH_MAX];
	const unsigned count = batch->count;

	for (unsigned i = 0; i < count; i++) {
		const struct packet *packet = &batch->packets[i];
		const struct message_data *message = (const struct message_data *)packet->data;

		indices[i] = load_le32(message->receiver_index_le32);
		index_prefetch(atomic_load_explicit(&packet->tunnel->indices, memory_order_acquire),
			indices[i]);
	}
	for (unsigned i = 0; i < count; i++) {
		const struct packet *packet = &batch->packets[i];

		sessions[i] = index_find_session(
			atomic_load_explicit(&packet->tunnel->indices, memory_order_acquire),
			indices[i]);
		if (sessions[i] != NULL) {
			rte_prefetch0(sessions[i]);
			rte_prefetch0(sessions[i]->receive_key);
		}
	}
	for (unsigned i = 0; i < count; i++) {
		struct packet *packet = &batch->packets[i];
		struct session *session = sessions[i];

		/* Two tunnels may have the same index: each has a table of its own. */
		if (session == NULL || session->local_index != indices[i]) {
			batch_drop(lane, batch, i, NULL, DROP_IN_UNKNOWN_INDEX);
			continue;
		}
		packet->counter =
			load_le64(packet->data + offsetof(struct message_data, counter_le64));
		if (!session_receivable(session, batch->now_ns) ||
			packet->counter >= REJECT_AFTER_MESSAGES) {
			batch_drop(lane, batch, i, session->peer, DROP_IN_EXPIRED);
			continue;
		}
		batch_join(batch, i, session);
	}
}
