/*
 * Delivers inner packets, in order of arrival: to the pipeline if their tunnel has one, but for
 * what is the host's; else to the host. On the packet's way: in, 5 of 5. Threads: the lane that
 * owns the batch.
 */
#include "datapath/framing.h"
#include "datapath/stages.h"

#include "wire/inner.h"

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

static struct port *
port_for(const struct packet *packet)
{
	const struct tunnel *tunnel = packet->tunnel;
	struct inner inner;

	if (tunnel->pipeline == NULL)
		return tunnel->inner;
	if (tunnel->host_match.count > 0 && inner_parse(packet->data, packet->len, &inner) &&
		host_match_holds(&tunnel->host_match, packet->data, &inner))
		return tunnel->inner;
	return tunnel->pipeline;
}

static enum drop_reason
why_full(const struct tunnel *tunnel, const struct port *port)
{
	if (port != tunnel->pipeline)
		return DROP_IN_DELIVER_FULL;
	return atomic_load_explicit(&port->up, memory_order_relaxed) ? DROP_IN_PIPELINE_FULL
								     : DROP_IN_NO_PIPELINE;
}

/* Delivers those of the waiting packets that go where the first of them goes; returns the rest. */
static uint64_t
deliver_like_first(
	struct lane *lane, struct batch *batch, struct port *const ports[], uint64_t waiting)
{
	const unsigned first = (unsigned)__builtin_ctzll(waiting);
	struct tunnel *tunnel = batch->packets[first].tunnel;
	struct port *port = ports[first];
	struct rte_mbuf *mbufs[BATCH_MAX];
	uint8_t numbers[BATCH_MAX];
	unsigned count = 0;
	unsigned taken;
	uint64_t mine = 0;

	MASK_FOREACH (i, waiting) {
		struct packet *packet = &batch->packets[i];

		if (packet->tunnel != tunnel || ports[i] != port)
			continue;
		trim(lane, packet);
		mine |= UINT64_C(1) << i;
		numbers[count] = (uint8_t)i;
		mbufs[count++] = packet->mbuf;
	}
	if (port->ethernet)
		framing_add(port, mbufs, count);
	taken = port_transmit(port, (uint16_t)lane->settings.id, mbufs, (uint16_t)count);
	lane_wake_inner(lane, tunnel, port);
	for (unsigned k = taken; k < count; k++)
		batch_drop(lane, batch, numbers[k], NULL, why_full(tunnel, port));
	return waiting & ~mine;
}

void
in_deliver(struct lane *lane, struct batch *batch)
{
	struct port *ports[BATCH_MAX];
	uint64_t waiting = batch->live;

	MASK_FOREACH (i, waiting)
		ports[i] = port_for(&batch->packets[i]);
	while (waiting != 0)
		waiting = deliver_like_first(lane, batch, ports, waiting);
}
