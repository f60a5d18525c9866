/*
 * Takes a burst of inner packets from a tunnel's host device or pipeline.
 * On the packet's way: out, 1 of 6. What is no IP packet ends here.
 * Threads: the lane that owns the batch.
 */
#include "datapath/framing.h"
#include "datapath/stages.h"

#include "wire/inner.h"
#include "wire/message.h"

#include <rte_prefetch.h>

#define PREFETCH_AHEAD 4

/* Room for padding and tag behind, and for data header and outer headers before. */
static bool
has_room(const struct rte_mbuf *mbuf)
{
	return mbuf->nb_segs == 1 && rte_mbuf_refcnt_read(mbuf) == 1 &&
		rte_pktmbuf_headroom(mbuf) >= MESSAGE_DATA_HEADER_LEN + OUTER_HEADER_MAX &&
		rte_pktmbuf_tailroom(mbuf) >= MESSAGE_TAG_LEN + 15;
}

static void
take(struct lane *lane, struct batch *batch, struct rte_mbuf *mbuf, struct tunnel *tunnel)
{
	const unsigned i = batch->count;
	struct packet *packet = batch_add(batch, mbuf);
	struct inner inner;

	packet->tunnel = tunnel;
	packet->peer = NULL;
	packet->data = rte_pktmbuf_mtod(mbuf, uint8_t *);
	if (!has_room(mbuf)) {
		batch_drop(lane, batch, i, NULL, DROP_OUT_SEGMENTED);
		return;
	}
	if (!inner_parse(packet->data, rte_pktmbuf_data_len(mbuf), &inner)) {
		batch_drop(lane, batch, i, NULL, DROP_OUT_INNER);
		return;
	}
	packet->len = inner.len;
	packet->version = inner.version;
	packet->tos = inner_ecn_encap(inner.tos);
}

/* Takes the packet out of its frame; false if the frame is done with. */
static bool
unframed(struct lane *lane, struct batch *batch, struct rte_mbuf *mbuf, struct tunnel *tunnel)
{
	switch (framing_strip(batch->inner, tunnel, mbuf)) {
	case FRAMING_PACKET:
		return true;
	case FRAMING_ANSWER:
		if (port_transmit(batch->inner, (uint16_t)lane->settings.id, &mbuf, 1) != 1)
			rte_pktmbuf_free(mbuf);
		lane_wake_inner(lane, tunnel, batch->inner);
		return false;
	case FRAMING_OTHER:
		break;
	}
	lane_count_drop(lane, NULL, DROP_OUT_FRAME);
	rte_pktmbuf_free(mbuf);
	return false;
}

void
out_receive(struct lane *lane, struct batch *batch, struct tunnel *tunnel, struct port *port)
{
	struct rte_mbuf *mbufs[LANE_BURST];
	unsigned count;

	batch_begin(batch, 0);
	batch->inner = port;
	count = port_receive(port, (uint16_t)lane->settings.id, mbufs, LANE_BURST);
	if (count == 0)
		return;
	lane->out_bursts++;
	lane->out_packets += count;
	batch->now_ns = clock_boot_ns(lane->settings.clock);
	for (unsigned i = 0; i < count && i < PREFETCH_AHEAD; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	for (unsigned i = 0; i < count; i++) {
		if (i + PREFETCH_AHEAD < count)
			rte_prefetch0(rte_pktmbuf_mtod(mbufs[i + PREFETCH_AHEAD], void *));
		if (!port->ethernet || unframed(lane, batch, mbufs[i], tunnel))
			take(lane, batch, mbufs[i], tunnel);
	}
}
