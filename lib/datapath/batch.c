/*
 * Grouping the packets of a batch into runs, and dropping them.
 * On the packet's way: every stage.
 * Threads: the lane that owns the batch.
 */
#include "datapath/batch.h"

#include "datapath/lane.h"

#include <string.h>

void
batch_begin(struct batch *batch, uint64_t now_ns)
{
	batch->live = 0;
	batch->now_ns = now_ns;
	batch->count = 0;
	batch->run_count = 0;
}

static void
run_start(struct batch *batch, unsigned slot, unsigned i, struct session *session)
{
	batch->run_slots[slot] = (uint8_t)(batch->run_count + 1);
	batch->runs[batch->run_count++] = (struct run){
		.mask = UINT64_C(1) << i,
		.session = session,
		.peer = session->peer,
	};
}

void
batch_join(struct batch *batch, unsigned i, struct session *session)
{
	unsigned slot = session->local_index % BATCH_RUN_SLOTS;

	if (batch->run_count == 0) {
		memset(batch->run_slots, 0, sizeof(batch->run_slots));
	} else if (batch->runs[batch->run_count - 1].session == session) {
		batch->runs[batch->run_count - 1].mask |= UINT64_C(1) << i;
		return;
	}
	/* Ends: of 128 slots at most 64 are taken. */
	while (batch->run_slots[slot] != 0) {
		struct run *run = &batch->runs[batch->run_slots[slot] - 1];

		if (run->session == session) {
			run->mask |= UINT64_C(1) << i;
			return;
		}
		slot = (slot + 1) % BATCH_RUN_SLOTS;
	}
	run_start(batch, slot, i, session);
}

void
batch_drop(struct lane *lane, struct batch *batch, unsigned i, struct peer *peer,
	enum drop_reason reason)
{
	batch->live &= ~(UINT64_C(1) << i);
	lane_count_drop(lane, peer, reason);
	rte_pktmbuf_free(batch->packets[i].mbuf);
}

void
batch_drop_mask(struct lane *lane, struct batch *batch, uint64_t mask, struct peer *peer,
	enum drop_reason reason)
{
	MASK_FOREACH (i, mask)
		batch_drop(lane, batch, (unsigned)i, peer, reason);
}
