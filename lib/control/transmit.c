/*
 * Making frames and giving them to lane 0.
 * On the packet's way: joins it at the underlay port.
 * Threads: control, under its lock.
 */
#include "control/transmit.h"

#include <rte_mbuf.h>

#include <string.h>

void
transmit_to_peer(
	struct control *control, struct peer *peer, const void *message, size_t len, uint8_t tos)
{
	const struct encap *encap = atomic_load_explicit(&peer->encap, memory_order_relaxed);
	struct rings_lane *lane = &control->rings->lanes[0];
	struct rte_mbuf *mbuf;
	uint8_t *payload;

	if (encap == NULL || encap->obstacle != DROP_COUNT) {
		peer->control_drops[encap == NULL ? DROP_OUT_NO_ENDPOINT : encap->obstacle]++;
		return;
	}
	mbuf = rte_pktmbuf_alloc(control->pool);
	if (mbuf == NULL) {
		peer->control_drops[DROP_OUT_NO_BUFFER]++;
		return;
	}
	/* A buffer of our pool has room for any handshake message. */
	payload = (uint8_t *)rte_pktmbuf_append(mbuf, (uint16_t)(encap->header.len + len)) +
		encap->header.len;
	memcpy(payload, message, len);
	outer_header_write(&encap->header, payload, (uint16_t)len, tos);
	if (rte_ring_enqueue(lane->ready, mbuf) != 0) {
		rte_pktmbuf_free(mbuf);
		peer->control_drops[DROP_OUT_TRANSMIT_FULL]++;
		return;
	}
	peer->handshake_tx_bytes += len;
	bell_ring(&lane->bell);
}
