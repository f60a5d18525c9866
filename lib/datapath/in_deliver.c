/*
 * Delivers inner packets, in order of arrival, to the inner port of their tunnel.
 * On the packet's way: in, 5 of 5.
 * Threads: the lane that owns the batch.
 */
#include "datapath/stages.h"

/* Leaves in the buffer the inner packet alone: no outer headers, no padding, no tag. */
static void
trim(const struct lane *lane, struct packet *packet)
{
	struct rte_mbuf *mbuf = packet->mbuf;

	mbuf->data_off = (uint16_t)(packet->data - (uint8_t *)mbuf->buf_addr);
	mbuf->data_len = (uint16_t)packet->len;
	mbuf->pkt_len = packet->len;
	mbuf->ol_flags = 0;
	mbuf->packet_type = 0;
	if (lane->origin_offset >= 0)
		lane_write_origin(lane, mbuf, packet->tunnel, packet->peer->number);
}

static uint64_t
deliver_to(struct lane *lane, struct batch *batch, struct tunnel *tunnel, uint64_t waiting)
{
	struct rte_mbuf *mbufs[BATCH_MAX];
	uint8_t numbers[BATCH_MAX];
	unsigned count = 0;
	unsigned taken;
	uint64_t mine = 0;

	MASK_FOREACH (i, waiting) {
		struct packet *packet = &batch->packets[i];

		if (packet->tunnel != tunnel)
			continue;
		trim(lane, packet);
		mine |= UINT64_C(1) << i;
		numbers[count] = (uint8_t)i;
		mbufs[count++] = packet->mbuf;
	}
	taken = port_transmit(tunnel->inner, (uint16_t)lane->settings.id, mbufs, (uint16_t)count);
	lane->wake_inner = true;
	for (unsigned k = taken; k < count; k++)
		batch_drop(lane, batch, numbers[k], NULL, DROP_IN_DELIVER_FULL);
	return waiting & ~mine;
}

void
in_deliver(struct lane *lane, struct batch *batch)
{
	uint64_t waiting = batch->live;

	while (waiting != 0) {
		struct packet *first = &batch->packets[__builtin_ctzll(waiting)];

		waiting = deliver_to(lane, batch, first->tunnel, waiting);
	}
}
