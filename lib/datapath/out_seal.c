/*
 * Seals all messages of the batch in one call of the AEAD.
 * On the packet's way: out, 4 of 6. A packet that could not be sealed ends here.
 * Threads: the lane that owns the batch.
 */
#include "datapath/stages.h"

#include "wire/message.h"

void
out_seal(struct lane *lane, struct batch *batch)
{
	struct aead_packet texts[BATCH_MAX];
	uint8_t numbers[BATCH_MAX];
	unsigned count = 0;
	uint64_t sealed;

	for (unsigned r = 0; r < batch->run_count; r++) {
		const struct run *run = &batch->runs[r];

		lane_prefetch_run(lane, run);
		MASK_FOREACH (i, run->mask & batch->live) {
			const struct packet *packet = &batch->packets[i];

			texts[count] = (struct aead_packet){
				.data = packet->data + MESSAGE_DATA_HEADER_LEN,
				.key = run->session->send_key,
				.counter = packet->counter,
				.len = packet->len - MESSAGE_DATA_OVERHEAD,
			};
			numbers[count++] = (uint8_t)i;
		}
	}
	if (count == 0)
		return;
	sealed = aead_seal(lane->settings.aead, texts, count);
	MASK_FOREACH (k, ~sealed & (UINT64_MAX >> (64 - count)))
		batch_drop(lane, batch, numbers[k], batch->packets[numbers[k]].peer, DROP_OUT_SEAL);
}
