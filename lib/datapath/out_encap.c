/*
 * Puts the peer's ready-made outer header before each message.
 * On the packet's way: out, 5 of 6. Message in, frame out.
 * Threads: the lane that owns the batch.
 */
#include "datapath/stages.h"

static void
encap_packet(struct packet *packet, const struct outer_header *header)
{
	struct rte_mbuf *mbuf = packet->mbuf;

	outer_header_write(header, packet->data, (uint16_t)packet->len, packet->tos);
	packet->data -= header->len;
	packet->len += header->len;
	mbuf->data_off = (uint16_t)(packet->data - (uint8_t *)mbuf->buf_addr);
	mbuf->data_len = (uint16_t)packet->len;
	mbuf->pkt_len = packet->len;
	mbuf->ol_flags = 0;
}

void
out_encap(struct lane *lane, struct batch *batch)
{
	for (unsigned r = 0; r < batch->run_count; r++) {
		const struct run *run = &batch->runs[r];
		const uint64_t mask = run->mask & batch->live;
		const struct encap *encap =
			atomic_load_explicit(&run->peer->encap, memory_order_acquire);
		const enum drop_reason obstacle =
			encap == NULL ? DROP_OUT_NO_ENDPOINT : encap->obstacle;

		if (obstacle != DROP_COUNT) {
			batch_drop_mask(lane, batch, mask, run->peer, obstacle);
			continue;
		}
		MASK_FOREACH (i, mask)
			encap_packet(&batch->packets[i], &encap->header);
	}
}
