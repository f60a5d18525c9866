/*
 * Inner packets: the plain IPv4 and IPv6 packets inside a tunnel, and their ECN.
 * On the packet's way: in_accept and out_receive.
 * Threads: any; no state. Sources: RFC 791, 8200, 6040 (as the Linux driver does it).
 */
#include "wire/inner.h"

#include "wire/ip.h"

#define ECN_MASK 3
#define ECN_NOT_ECT 0
#define ECN_ECT1 1
#define ECN_ECT0 2
#define ECN_CE 3

bool
inner_parse(const uint8_t *packet, size_t len, struct inner *inner)
{
	if (len < IPV4_HEADER_LEN)
		return false;
	if (packet[0] >> 4 == 4) {
		size_t header_len = (size_t)(packet[0] & 0xf) * 4;
		size_t total_len = load_be16(packet + 2);

		if (header_len < IPV4_HEADER_LEN || header_len > total_len || total_len > len)
			return false;
		*inner = (struct inner){.version = 4,
			.tos = packet[1],
			.len = (uint16_t)total_len,
			.source = packet + 12,
			.destination = packet + 16};
		return true;
	}
	if (packet[0] >> 4 == 6 && len >= IPV6_HEADER_LEN) {
		size_t total_len = (size_t)load_be16(packet + 4) + IPV6_HEADER_LEN;

		if (total_len > len || total_len > UINT16_MAX)
			return false;
		*inner = (struct inner){.version = 6,
			.tos = (uint8_t)(load_be16(packet) >> 4),
			.len = (uint16_t)total_len,
			.source = packet + 8,
			.destination = packet + 24};
		return true;
	}
	return false;
}

uint8_t
inner_ecn_encap(uint8_t inner_tos)
{
	uint8_t ecn = inner_tos & ECN_MASK;

	return ecn == ECN_CE ? ECN_ECT0 : ecn;
}

/* Writes the ECN field of an IPv4 header and repairs its checksum (RFC 1624, equation 3). */
static void
ipv4_set_ecn(uint8_t *packet, uint8_t ecn)
{
	uint16_t before = load_be16(packet);
	uint16_t after = (uint16_t)((before & ~ECN_MASK) | ecn);
	uint32_t sum = (uint32_t)(uint16_t)~load_be16(packet + 10) + (uint16_t)~before + after;

	store_be16(packet, after);
	store_be16(packet + 10, (uint16_t)~checksum_fold(sum));
}

void
inner_ecn_decap(uint8_t *packet, uint8_t outer_tos)
{
	bool v4 = packet[0] >> 4 == 4;
	/* In IPv6 the traffic class straddles the two first bytes. */
	uint8_t inner_ecn = (v4 ? packet[1] : packet[1] >> 4) & ECN_MASK;
	uint8_t outer_ecn = outer_tos & ECN_MASK;
	uint8_t ecn = inner_ecn;

	if (inner_ecn != ECN_NOT_ECT && outer_ecn == ECN_CE)
		ecn = ECN_CE;
	else if (inner_ecn == ECN_ECT0 && outer_ecn == ECN_ECT1)
		ecn = ECN_ECT1;
	if (ecn == inner_ecn)
		return;
	if (v4)
		ipv4_set_ecn(packet, ecn);
	else
		packet[1] = (uint8_t)((packet[1] & ~(ECN_MASK << 4)) | ecn << 4);
}

/* The ports as one word, or 0 if the packet has none that every packet of its flow shows. */
static uint32_t
flow_ports(const uint8_t *packet, const struct inner *inner)
{
	size_t header_len = IPV6_HEADER_LEN;
	uint8_t protocol = packet[6];

	if (inner->version == 4) {
		header_len = (size_t)(packet[0] & 0xf) * 4;
		protocol = packet[9];
		if (load_be16(packet + 6) & IPV4_FRAGMENT_MASK)
			return 0;
	}
	if ((protocol != IP_TCP && protocol != IP_UDP) || header_len + 4 > inner->len)
		return 0;
	return load_le32(packet + header_len);
}

uint32_t
inner_flow_hash(const uint8_t *packet, const struct inner *inner)
{
	/* Odd constants with well spread bits (fractions of the golden ratio and of pi). */
	const uint64_t k1 = UINT64_C(0x9e3779b97f4a7c15);
	const uint64_t k2 = UINT64_C(0x243f6a8885a308d3);
	uint64_t hash = flow_ports(packet, inner) * k2;

	if (inner->version == 4) {
		/* Source and destination lie side by side. */
		hash ^= load_le64(inner->source);
	} else {
		for (size_t i = 0; i < 32; i += 8) {
			hash = (hash ^ load_le64(inner->source + i)) * k1;
			hash ^= hash >> 32;
		}
	}
	/* The upper half of a product depends on all bits; the lower one does not. */
	hash *= k1;
	hash ^= hash >> 32;
	hash *= k2;
	return (uint32_t)(hash >> 32);
}

struct inner_service
inner_service_of(const uint8_t *packet, const struct inner *inner)
{
	struct inner_service service = {.protocol = packet[6]};
	size_t header_len = IPV6_HEADER_LEN;
	bool later = false;

	if (inner->version == 4) {
		service.protocol = packet[9];
		header_len = (size_t)(packet[0] & 0xf) * 4;
		later = (load_be16(packet + 6) & IPV4_OFFSET_MASK) != 0;
	}
	if (service.protocol == IP_ICMPV6)
		service.protocol = IP_ICMP;
	else if ((service.protocol == IP_TCP || service.protocol == IP_UDP) && !later &&
		header_len + 4 <= inner->len)
		service.port = load_be16(packet + header_len + 2);
	return service;
}
