/*
 * Outer headers: Ethernet, IPv4 or IPv6, UDP around a message.
 * On the packet's way: in_receive parses them, out_encap writes them from a template.
 * Threads: any; no state. Sources: RFC 791, 8200, 768, 6040, 6935.
 */
#include "wire/outer.h"

#include "wire/ip.h"

#define VLAN_TAG_LEN 4
#define VLAN_TAGS_MAX 2

#define OUTER_IPV4_LEN (ETHERNET_HEADER_LEN + IPV4_HEADER_LEN + UDP_HEADER_LEN)
#define OUTER_IPV6_LEN (ETHERNET_HEADER_LEN + IPV6_HEADER_LEN + UDP_HEADER_LEN)

_Static_assert(OUTER_IPV6_LEN == OUTER_HEADER_MAX, "the longest header");

/* Where the IP packet that is being read lies in the frame. */
struct extent {
	size_t at; /* next byte to read */
	size_t end; /* of the IP packet, by its own length; never beyond the frame */
};

/* Reads the UDP header at `extent->at`; the addresses and the TOS are the caller's. */
static inline enum outer_verdict
parse_udp(const uint8_t *frame, const struct extent *extent, bool checksum_required,
	struct outer *outer)
{
	const uint8_t *udp = frame + extent->at;
	size_t present = extent->end - extent->at;
	size_t len;

	if (present < UDP_HEADER_LEN)
		return OUTER_MALFORMED;
	len = load_be16(udp + 4);
	if (len < UDP_HEADER_LEN || len > present)
		return OUTER_MALFORMED;
	if (checksum_required && load_be16(udp + 6) == 0)
		return OUTER_MALFORMED;
	/* Nobody could be answered there, and an endpoint with port 0 is one that is not known. */
	if (load_be16(udp) == 0)
		return OUTER_MALFORMED;
	outer->source.port = load_be16(udp);
	outer->destination.port = load_be16(udp + 2);
	outer->payload_offset = (uint16_t)(extent->at + UDP_HEADER_LEN);
	outer->payload_len = (uint16_t)(len - UDP_HEADER_LEN);
	return OUTER_OK;
}

/* Tells whether the header with all its options sums up as it must. */
static inline bool
ipv4_checksum_good(const uint8_t *ip, size_t header_len)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < IPV4_HEADER_LEN; i += 4)
		sum += load_le32(ip + i);
	for (size_t i = IPV4_HEADER_LEN; i < header_len; i += 4)
		sum += load_le32(ip + i);
	return checksum_fold(sum) == UINT16_MAX;
}

/* Multicast, broadcast and zero cannot be the source of anything that is answered. */
static inline bool
ipv4_source_usable(uint32_t source)
{
	return source != 0 && source != UINT32_MAX && source >> 28 != 0xe;
}

static inline enum outer_verdict
parse_ipv4(const uint8_t *frame, size_t at, size_t len, struct outer *outer)
{
	const uint8_t *ip = frame + at;
	struct extent extent;
	size_t header_len;
	size_t total_len;

	if (len - at < IPV4_HEADER_LEN || ip[0] >> 4 != 4)
		return OUTER_MALFORMED;
	header_len = (size_t)(ip[0] & 0xf) * 4;
	total_len = load_be16(ip + 2);
	if (header_len < IPV4_HEADER_LEN || header_len > total_len || total_len > len - at)
		return OUTER_MALFORMED;
	if (!ipv4_checksum_good(ip, header_len))
		return OUTER_MALFORMED;
	if (ip[9] != IP_UDP)
		return OUTER_OTHER;
	if (!ipv4_source_usable(load_be32(ip + 12)))
		return OUTER_MALFORMED;
	*outer = (struct outer){.tos = ip[1]};
	outer->source.address.family = ADDRESS_IPV4;
	memcpy(outer->source.address.bytes, ip + 12, 4);
	outer->destination.address.family = ADDRESS_IPV4;
	memcpy(outer->destination.address.bytes, ip + 16, 4);
	if (load_be16(ip + 6) & IPV4_FRAGMENT_MASK) {
		outer->payload_len = (uint16_t)total_len;
		return OUTER_FRAGMENT;
	}
	extent = (struct extent){.at = at + header_len, .end = at + total_len};
	return parse_udp(frame, &extent, false, outer);
}

/*
 * Follows extension headers from `next`, of which none is read beyond the extent. OUTER_OK leaves
 * the extent at a UDP header.
 */
static enum outer_verdict
skip_ipv6_extensions(const uint8_t *frame, uint8_t next, struct extent *extent)
{
	for (unsigned count = 0; count <= IPV6_EXTENSIONS_MAX; count++) {
		const uint8_t *header = frame + extent->at;
		size_t present = extent->end - extent->at;
		size_t header_len;

		if (next == IP_UDP)
			return OUTER_OK;
		if (next != IP_HOP_BY_HOP && next != IP_ROUTING && next != IP_FRAGMENT &&
			next != IP_DESTINATION_OPTIONS)
			return OUTER_OTHER;
		if (present < 8)
			return OUTER_MALFORMED;
		if (next == IP_FRAGMENT) {
			/* Behind destination options there may yet be UDP, in another fragment. */
			next = header[0];
			return next == IP_UDP || next == IP_DESTINATION_OPTIONS ? OUTER_FRAGMENT
										: OUTER_OTHER;
		}
		header_len = ((size_t)header[1] + 1) * 8;
		if (header_len > present)
			return OUTER_MALFORMED;
		/* With segments left we are a hop, not the destination. */
		if (next == IP_ROUTING && header[3] != 0)
			return OUTER_OTHER;
		next = header[0];
		extent->at += header_len;
	}
	return OUTER_OTHER;
}

static inline bool
ipv6_source_usable(const uint8_t source[16])
{
	return source[0] != 0xff && (load_le64(source) | load_le64(source + 8)) != 0;
}

static inline enum outer_verdict
parse_ipv6(const uint8_t *frame, size_t at, size_t len, struct outer *outer)
{
	const uint8_t *ip = frame + at;
	enum outer_verdict verdict;
	struct extent extent;
	size_t payload_len;

	if (len - at < IPV6_HEADER_LEN || ip[0] >> 4 != 6)
		return OUTER_MALFORMED;
	payload_len = load_be16(ip + 4);
	if (payload_len > len - at - IPV6_HEADER_LEN)
		return OUTER_MALFORMED;
	extent.at = at + IPV6_HEADER_LEN;
	extent.end = extent.at + payload_len;
	verdict = skip_ipv6_extensions(frame, ip[6], &extent);
	if (verdict != OUTER_OK && verdict != OUTER_FRAGMENT)
		return verdict;
	/* Only now: neighbour discovery rightly comes from the zero address. */
	if (!ipv6_source_usable(ip + 8))
		return OUTER_MALFORMED;
	*outer = (struct outer){.tos = (uint8_t)(load_be16(ip) >> 4)};
	outer->source.address.family = ADDRESS_IPV6;
	memcpy(outer->source.address.bytes, ip + 8, 16);
	outer->destination.address.family = ADDRESS_IPV6;
	memcpy(outer->destination.address.bytes, ip + 24, 16);
	if (verdict == OUTER_FRAGMENT) {
		outer->payload_len = (uint16_t)(IPV6_HEADER_LEN + payload_len);
		return verdict;
	}
	return parse_udp(frame, &extent, true, outer);
}

enum outer_verdict
outer_parse(const uint8_t *frame, size_t len, struct outer *outer)
{
	size_t at = ETHERNET_HEADER_LEN;
	uint16_t type;

	if (len < ETHERNET_HEADER_LEN)
		return OUTER_MALFORMED;
	type = load_be16(frame + at - 2);
	if (type == ETHERTYPE_IPV4)
		return parse_ipv4(frame, at, len, outer);
	for (unsigned tags = 0; type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ; tags++) {
		if (tags == VLAN_TAGS_MAX)
			return OUTER_OTHER;
		at += VLAN_TAG_LEN;
		if (len < at)
			return OUTER_MALFORMED;
		type = load_be16(frame + at - 2);
	}
	if (type == ETHERTYPE_IPV6)
		return parse_ipv6(frame, at, len, outer);
	if (type == ETHERTYPE_IPV4)
		return parse_ipv4(frame, at, len, outer);
	return OUTER_OTHER;
}

static void
make_ipv4(struct outer_header *header, const struct endpoint *source,
	const struct endpoint *destination)
{
	uint8_t *ip = header->bytes + ETHERNET_HEADER_LEN;

	store_be16(ip - 2, ETHERTYPE_IPV4);
	ip[0] = 0x45;
	store_be16(ip + 6, IPV4_DONT_FRAGMENT);
	ip[8] = OUTER_HOP_LIMIT;
	ip[9] = IP_UDP;
	memcpy(ip + 12, source->address.bytes, 4);
	memcpy(ip + 16, destination->address.bytes, 4);
	header->len = OUTER_IPV4_LEN;
	header->checksum = checksum_sum(ip, IPV4_HEADER_LEN);
}

static void
make_ipv6(struct outer_header *header, const struct endpoint *source,
	const struct endpoint *destination)
{
	uint8_t *ip = header->bytes + ETHERNET_HEADER_LEN;

	store_be16(ip - 2, ETHERTYPE_IPV6);
	ip[0] = 0x60;
	ip[6] = IP_UDP;
	ip[7] = OUTER_HOP_LIMIT;
	memcpy(ip + 8, source->address.bytes, 16);
	memcpy(ip + 24, destination->address.bytes, 16);
	header->len = OUTER_IPV6_LEN;
	header->checksum =
		(uint32_t)checksum_sum(ip + 8, 32) + IP_UDP + source->port + destination->port;
}

void
outer_header_make(struct outer_header *header, const uint8_t destination_mac[ETHERNET_MAC_LEN],
	const uint8_t source_mac[ETHERNET_MAC_LEN], const struct endpoint *source,
	const struct endpoint *destination)
{
	uint8_t *udp;

	*header = (struct outer_header){
		.ip_offset = ETHERNET_HEADER_LEN, .family = source->address.family};
	memcpy(header->bytes, destination_mac, ETHERNET_MAC_LEN);
	memcpy(header->bytes + ETHERNET_MAC_LEN, source_mac, ETHERNET_MAC_LEN);
	if (header->family == ADDRESS_IPV4)
		make_ipv4(header, source, destination);
	else
		make_ipv6(header, source, destination);
	udp = header->bytes + header->len - UDP_HEADER_LEN;
	store_be16(udp, source->port);
	store_be16(udp + 2, destination->port);
}

static inline void
write_ipv4(const struct outer_header *header, uint8_t *payload, uint16_t payload_len, uint8_t tos)
{
	uint8_t *udp = payload - UDP_HEADER_LEN;
	uint8_t *ip = udp - IPV4_HEADER_LEN;
	uint16_t udp_len = (uint16_t)(payload_len + UDP_HEADER_LEN);
	uint16_t total_len = (uint16_t)(udp_len + IPV4_HEADER_LEN);
	/* Below 2^18, so that two folds do; TOS is the low byte of its word. */
	uint32_t sum = header->checksum + total_len + tos;

	memcpy(payload - OUTER_IPV4_LEN, header->bytes, OUTER_IPV4_LEN);
	ip[1] = tos;
	store_be16(ip + 2, total_len);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	store_be16(ip + 10, (uint16_t)~sum);
	store_be16(udp + 4, udp_len);
}

static inline void
write_ipv6(const struct outer_header *header, uint8_t *payload, uint16_t payload_len, uint8_t tos)
{
	uint8_t *udp = payload - UDP_HEADER_LEN;
	uint8_t *ip = udp - IPV6_HEADER_LEN;
	uint16_t udp_len = (uint16_t)(payload_len + UDP_HEADER_LEN);
	/* The length counts twice: in the pseudo-header and in the UDP header. */
	uint16_t sum = checksum_fold((uint64_t)header->checksum + udp_len + udp_len +
		checksum_sum(payload, payload_len));

	memcpy(payload - OUTER_IPV6_LEN, header->bytes, OUTER_IPV6_LEN);
	store_be16(ip, (uint16_t)(0x6000 | tos << 4));
	store_be16(ip + 4, udp_len);
	store_be16(udp + 4, udp_len);
	/* Zero would say that there is no checksum; all ones is the same number. */
	store_be16(udp + 6, sum != UINT16_MAX ? (uint16_t)~sum : UINT16_MAX);
}

void
outer_header_write(
	const struct outer_header *header, uint8_t *payload, uint16_t payload_len, uint8_t tos)
{
	if (header->family == ADDRESS_IPV4)
		write_ipv4(header, payload, payload_len, tos);
	else
		write_ipv6(header, payload, payload_len, tos);
}
