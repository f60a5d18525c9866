/*
 * Tells the sender of an inner packet that it cannot be carried.
 * On the packet's way: from out_peer back to the inner port.
 * Threads: the lane that owns the batch. Sources: RFC 1812, 4443 (rate limits), 1191, 8201,
 * 7600 (the IPv4 address of who has none).
 */
#include "datapath/framing.h"
#include "datapath/stages.h"

#include "wire/icmp.h"

static bool
take_token(struct lane *lane, uint64_t now_ns)
{
	const uint64_t earned = (now_ns - lane->icmp_refill_ns) / LANE_ICMP_INTERVAL_NS;

	if (earned > 0) {
		lane->icmp_tokens = earned + lane->icmp_tokens > LANE_ICMP_BURST
			? LANE_ICMP_BURST
			: lane->icmp_tokens + (unsigned)earned;
		lane->icmp_refill_ns = now_ns;
	}
	if (lane->icmp_tokens == 0)
		return false;
	lane->icmp_tokens--;
	return true;
}

/* Ours, or what stands for a router that has no address of the family. */
static const struct address *
own_address(const struct tunnel *tunnel, uint8_t version)
{
	static const struct address nobody[] = {
		{.bytes = {192, 0, 0, 8}, .family = ADDRESS_IPV4},
		{.bytes = {0xfe, 0x80, [15] = 8}, .family = ADDRESS_IPV6},
	};

	for (unsigned i = 0; i < tunnel->address_count; i++)
		if (tunnel->addresses[i].address.family == version)
			return &tunnel->addresses[i].address;
	return &nobody[version == 6];
}

/* Returns whether the buffer, an error now, went back to the inner side. */
static bool
answer(struct lane *lane, struct port *port, struct packet *packet, enum icmp_error error)
{
	const struct address *from = own_address(packet->tunnel, packet->version);
	struct rte_mbuf *mbuf = packet->mbuf;
	const unsigned header_len = packet->version == 4 ? 28 : ICMP_ERROR_HEADER_MAX;
	const size_t len = icmp_error_make(packet->data, packet->len, error, from,
		atomic_load_explicit(&packet->tunnel->mtu, memory_order_relaxed));

	mbuf->data_off = (uint16_t)(packet->data - header_len - (uint8_t *)mbuf->buf_addr);
	mbuf->data_len = (uint16_t)len;
	mbuf->pkt_len = (uint32_t)len;
	if (lane->origin_offset >= 0)
		lane_write_origin(lane, mbuf, packet->tunnel, 0);
	if (port->ethernet)
		framing_add(port, &mbuf, 1);
	return port_transmit(port, (uint16_t)lane->settings.id, &mbuf, 1) == 1;
}

void
out_refuse(struct lane *lane, struct batch *batch, unsigned i, struct peer *peer,
	enum drop_reason reason, enum icmp_error error)
{
	struct packet *packet = &batch->packets[i];

	if (!icmp_error_allowed(packet->data, packet->len) || !take_token(lane, batch->now_ns) ||
		!answer(lane, batch->inner, packet, error)) {
		batch_drop(lane, batch, i, peer, reason);
		return;
	}
	/* The buffer went back as the answer; the packet itself is lost all the same. */
	batch->live &= ~(UINT64_C(1) << i);
	lane_count_drop(lane, peer, reason);
	lane->icmp_sent++;
	lane_wake_inner(lane, packet->tunnel, batch->inner);
}
