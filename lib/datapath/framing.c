/*
 * Ethernet around inner packets, where the pipeline's port carries it.
 * On the packet's way: at the end of in_deliver, at the beginning of out_receive.
 * Threads: the lane that has the packets.
 */
#include "datapath/framing.h"

#include "base/bytes.h"
#include "wire/neighbour.h"

#include <string.h>

#define MAC_MASK (UINT64_MAX >> 16)
/* In the lowest bit of the first byte: it names a group, broadcast among them. */
#define MAC_GROUP 1

void
framing_add(const struct port *port, struct rte_mbuf *mbufs[], unsigned count)
{
	/* No MAC is all ones, and so is broadcast. */
	const uint64_t to = atomic_load_explicit(&port->neighbour, memory_order_relaxed);

	_Static_assert((PORT_NO_MAC & MAC_MASK) == MAC_MASK, "without a MAC it is broadcast");
	for (unsigned i = 0; i < count; i++) {
		const uint8_t version = *rte_pktmbuf_mtod(mbufs[i], const uint8_t *) >> 4;
		uint8_t *header = (uint8_t *)rte_pktmbuf_prepend(mbufs[i], ETHERNET_HEADER_LEN);

		memcpy(header, &to, ETHERNET_MAC_LEN);
		memcpy(header + ETHERNET_MAC_LEN, port->mac, ETHERNET_MAC_LEN);
		store_be16(header + ETHERNET_TYPE_OFFSET,
			version == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
	}
}

static void
learn(struct port *port, const uint8_t source[ETHERNET_MAC_LEN])
{
	const uint64_t mac = port_mac_number(source);

	if (port->neighbour_given ||
		atomic_load_explicit(&port->neighbour, memory_order_relaxed) == mac ||
		(source[0] & MAC_GROUP) != 0 || mac == 0 || mac == port_mac_number(port->mac))
		return;
	atomic_store_explicit(&port->neighbour, mac, memory_order_relaxed);
}

/* Whether the address is behind us: a peer's, or our own. */
static bool
is_ours(struct tunnel *tunnel, const struct neighbour_question *question)
{
	for (unsigned i = 0; i < tunnel->address_count; i++) {
		const struct address *own = &tunnel->addresses[i].address;

		if (own->family == question->version &&
			memcmp(own->bytes, question->target, address_len(own)) == 0)
			return true;
	}
	return tunnel_find_inner(tunnel, question->version, question->target) != NULL;
}

static bool
answered(struct port *port, struct tunnel *tunnel, struct rte_mbuf *mbuf)
{
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	struct neighbour_question question;
	size_t len;

	if (!neighbour_question_parse(frame, rte_pktmbuf_data_len(mbuf), &question) ||
		!is_ours(tunnel, &question) ||
		rte_pktmbuf_data_len(mbuf) + rte_pktmbuf_tailroom(mbuf) < NEIGHBOUR_ANSWER_MAX)
		return false;
	len = neighbour_answer_make(frame, &question, port->mac);
	mbuf->data_len = (uint16_t)len;
	mbuf->pkt_len = (uint32_t)len;
	return true;
}

enum framing_verdict
framing_strip(struct port *port, struct tunnel *tunnel, struct rte_mbuf *mbuf)
{
	const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	uint16_t type;

	if (mbuf->nb_segs != 1 || rte_pktmbuf_data_len(mbuf) <= ETHERNET_HEADER_LEN)
		return FRAMING_OTHER;
	/* To a group there speak also those that want nothing of us, such as another interface. */
	if ((frame[0] & MAC_GROUP) == 0)
		learn(port, frame + ETHERNET_MAC_LEN);
	type = load_be16(frame + ETHERNET_TYPE_OFFSET);
	/* Of IPv6, only what cannot be carried anyway can be a question: to a group, or to us. */
	if (type != ETHERTYPE_IPV4 && answered(port, tunnel, mbuf)) {
		/* Who asked is now whom the frame is for. */
		learn(port, frame);
		return FRAMING_ANSWER;
	}
	if (type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6)
		return FRAMING_OTHER;
	rte_pktmbuf_adj(mbuf, ETHERNET_HEADER_LEN);
	return FRAMING_PACKET;
}
