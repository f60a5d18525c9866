/*
 * Making frames and giving them to lane 0.
 * On the packet's way: joins it at the underlay port.
 * Threads: control, under its lock.
 */
#include "control/transmit.h"

#include <rte_mbuf.h>

#include <string.h>

/* Puts the message under the header and into the lane's ring. Returns DROP_COUNT, or why not. */
static enum drop_reason
transmit(struct control *control, const struct outer_header *header, const void *message,
	size_t len, uint8_t tos)
{
	struct rings_lane *lane = &control->rings->lanes[0];
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(control->pool);
	uint8_t *payload;

	if (mbuf == NULL)
		return DROP_OUT_NO_BUFFER;
	/* A buffer of our pool has room for any handshake message. */
	payload = (uint8_t *)rte_pktmbuf_append(mbuf, (uint16_t)(header->len + len)) + header->len;
	memcpy(payload, message, len);
	outer_header_write(header, payload, (uint16_t)len, tos);
	if (rte_ring_enqueue(lane->ready, mbuf) != 0) {
		rte_pktmbuf_free(mbuf);
		return DROP_OUT_TRANSMIT_FULL;
	}
	bell_ring(&lane->bell);
	return DROP_COUNT;
}

void
transmit_to_peer(
	struct control *control, struct peer *peer, const void *message, size_t len, uint8_t tos)
{
	const struct encap *encap = atomic_load_explicit(&peer->encap, memory_order_relaxed);
	enum drop_reason reason = encap == NULL ? DROP_OUT_NO_ENDPOINT : encap->obstacle;

	if (reason == DROP_COUNT)
		reason = transmit(control, &encap->header, message, len, tos);
	if (reason == DROP_COUNT)
		peer->handshake_tx_bytes += len;
	else
		peer->control_drops[reason]++;
}

unsigned
transmit_back_room(const struct control *control)
{
	const unsigned free = rte_mempool_avail_count(control->pool);
	const unsigned kept = control->pool->size / 2;

	return free > kept ? free - kept : 0;
}

void
transmit_back(struct control *control, const uint8_t *frame, const struct outer *outer,
	const void *message, size_t len)
{
	struct outer_header header;

	/* An Ethernet frame begins with the destination's address, and then the source's. */
	outer_header_make(
		&header, frame + ETHERNET_MAC_LEN, frame, &outer->destination, &outer->source);
	(void)transmit(control, &header, message, len, 0);
}
