/*
 * Opens all messages of the batch in one call of the AEAD.
 * On the packet's way: in, 3 of 5. Message in, padded inner packet out; what is not authentic ends.
 * Threads: the lane that owns the batch.
 */
#include "datapath/stages.h"

#include "wire/message.h"

void
in_open(struct lane *lane, struct batch *batch)
{
	struct aead_packet texts[BATCH_MAX];
	struct peer *peers[BATCH_MAX];
	uint8_t numbers[BATCH_MAX];
	unsigned count = 0;
	uint64_t authentic;

	for (unsigned r = 0; r < batch->run_count; r++) {
		const struct run *run = &batch->runs[r];

		lane_prefetch_run(lane, run);
		MASK_FOREACH (i, run->mask) {
			struct packet *packet = &batch->packets[i];

			replay_prefetch(&run->session->replay, packet->counter);
			packet->data += MESSAGE_DATA_HEADER_LEN;
			packet->len -= MESSAGE_DATA_OVERHEAD;
			texts[count] = (struct aead_packet){
				.data = packet->data,
				.key = run->session->receive_key,
				.counter = packet->counter,
				.len = packet->len,
			};
			peers[count] = run->peer;
			numbers[count++] = (uint8_t)i;
		}
	}
	if (count == 0)
		return;
	authentic = aead_open(lane->settings.aead, texts, count);
	MASK_FOREACH (k, ~authentic & (UINT64_MAX >> (64 - count)))
		batch_drop(lane, batch, numbers[k], peers[k], DROP_IN_AUTH);
}
