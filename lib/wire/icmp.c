/*
 * ICMP errors that the gateway sends to the sender of an inner packet that it cannot carry.
 * On the packet's way: out_peer.
 * Threads: any; no state. Sources: RFC 792, 1191, 1812 (4.3.2), 4443.
 */
#include "wire/icmp.h"

#include "wire/ip.h"

#define IPV4_ERROR_MAX 576
/* Precedence "internetwork control" (RFC 1812, 4.3.2.5). */
#define ERROR_TOS 0xc0
#define ERROR_TTL 64

#define ICMP_UNREACHABLE 3
#define ICMP_CODE_HOST 1
#define ICMP_CODE_TOO_BIG 4
#define ICMPV6_UNREACHABLE 1
#define ICMPV6_CODE_ADDRESS 3
#define ICMPV6_TOO_BIG 2
/* ICMPv6 types below this one are errors. */
#define ICMPV6_INFORMATIONAL 128
#define ICMPV6_REDIRECT 137

static bool
icmpv4_is_error(uint8_t type)
{
	switch (type) {
	case 3: /* destination unreachable */
	case 4: /* source quench */
	case 5: /* redirect */
	case 11: /* time exceeded */
	case 12: /* parameter problem */
		return true;
	default:
		return false;
	}
}

/* Of one host: not "this" network, loopback, multicast, class E (and in it the broadcast). */
static bool
ipv4_is_host(const uint8_t address[4])
{
	return address[0] != 0 && address[0] != 127 && address[0] < 224;
}

static bool
ipv6_is_host(const uint8_t address[16])
{
	/* Zero and one in the last byte: unspecified and loopback. */
	bool low = load_be64(address) == 0 && load_be64(address + 8) <= 1;

	return address[0] != 0xff && !low;
}

static bool
ipv4_error_allowed(const uint8_t *packet, size_t len)
{
	size_t header_len = (size_t)(packet[0] & 0xf) * 4;

	if (!ipv4_is_host(packet + 12) || !ipv4_is_host(packet + 16))
		return false;
	if (load_be16(packet + 6) & IPV4_OFFSET_MASK)
		return false;
	if (packet[9] != IP_ICMP)
		return true;
	return len > header_len && !icmpv4_is_error(packet[header_len]);
}

/* Where we cannot see what the packet is, we keep silent. */
static bool
ipv6_error_allowed(const uint8_t *packet, size_t len)
{
	uint8_t next = packet[6];
	size_t at = IPV6_HEADER_LEN;

	if (!ipv6_is_host(packet + 8) || !ipv6_is_host(packet + 24))
		return false;
	for (unsigned count = 0; count <= IPV6_EXTENSIONS_MAX; count++) {
		const uint8_t *header = packet + at;
		size_t header_len;

		switch (next) {
		case IP_HOP_BY_HOP:
		case IP_ROUTING:
		case IP_FRAGMENT:
		case IP_AUTHENTICATION:
		case IP_DESTINATION_OPTIONS:
			break;
		case IP_ICMPV6:
			return at < len && header[0] >= ICMPV6_INFORMATIONAL &&
				header[0] != ICMPV6_REDIRECT;
		default:
			return true;
		}
		if (len - at < 8)
			return false;
		header_len = ((size_t)header[1] + 1) * 8;
		if (next == IP_AUTHENTICATION)
			header_len = ((size_t)header[1] + 2) * 4;
		if (next == IP_FRAGMENT) {
			if (load_be16(header + 2) & IPV6_OFFSET_MASK)
				return false;
			header_len = IPV6_FRAGMENT_HEADER_LEN;
		}
		if (header_len > len - at)
			return false;
		next = header[0];
		at += header_len;
	}
	return false;
}

bool
icmp_error_allowed(const uint8_t *packet, size_t len)
{
	return packet[0] >> 4 == 4 ? ipv4_error_allowed(packet, len)
				   : ipv6_error_allowed(packet, len);
}

static size_t
ipv4_error_make(uint8_t *packet, size_t len, enum icmp_error error, const struct address *from,
	uint32_t mtu)
{
	uint8_t *icmp = packet - ICMP_HEADER_LEN;
	uint8_t *ip = icmp - IPV4_HEADER_LEN;
	size_t total_len = len + ICMP_HEADER_LEN + IPV4_HEADER_LEN;

	if (total_len > IPV4_ERROR_MAX)
		total_len = IPV4_ERROR_MAX;
	memset(ip, 0, IPV4_HEADER_LEN + ICMP_HEADER_LEN);
	ip[0] = 0x45;
	ip[1] = ERROR_TOS;
	store_be16(ip + 2, (uint16_t)total_len);
	store_be16(ip + 6, IPV4_DONT_FRAGMENT);
	ip[8] = ERROR_TTL;
	ip[9] = IP_ICMP;
	memcpy(ip + 12, from->bytes, 4);
	memcpy(ip + 16, packet + 12, 4);
	store_be16(ip + 10, (uint16_t)~checksum_sum(ip, IPV4_HEADER_LEN));
	icmp[0] = ICMP_UNREACHABLE;
	icmp[1] = ICMP_CODE_HOST;
	if (error == ICMP_TOO_BIG) {
		icmp[1] = ICMP_CODE_TOO_BIG;
		store_be16(icmp + 6, (uint16_t)(mtu < UINT16_MAX ? mtu : UINT16_MAX));
	}
	store_be16(icmp + 2, (uint16_t)~checksum_sum(icmp, total_len - IPV4_HEADER_LEN));
	return total_len;
}

static size_t
ipv6_error_make(uint8_t *packet, size_t len, enum icmp_error error, const struct address *from,
	uint32_t mtu)
{
	uint8_t *icmp = packet - ICMP_HEADER_LEN;
	uint8_t *ip = icmp - IPV6_HEADER_LEN;
	size_t icmp_len = len + ICMP_HEADER_LEN;

	if (icmp_len > ICMP_ERROR_MAX - IPV6_HEADER_LEN)
		icmp_len = ICMP_ERROR_MAX - IPV6_HEADER_LEN;
	memset(ip, 0, IPV6_HEADER_LEN + ICMP_HEADER_LEN);
	ip[0] = 0x60;
	store_be16(ip + 4, (uint16_t)icmp_len);
	ip[6] = IP_ICMPV6;
	ip[7] = ERROR_TTL;
	memcpy(ip + 8, from->bytes, 16);
	memcpy(ip + 24, packet + 8, 16);
	icmp[0] = ICMPV6_UNREACHABLE;
	icmp[1] = ICMPV6_CODE_ADDRESS;
	if (error == ICMP_TOO_BIG) {
		icmp[0] = ICMPV6_TOO_BIG;
		icmp[1] = 0;
		store_be32(icmp + 4, mtu);
	}
	store_be16(icmp + 2, checksum_icmpv6(ip, icmp_len));
	return icmp_len + IPV6_HEADER_LEN;
}

size_t
icmp_error_make(uint8_t *packet, size_t len, enum icmp_error error, const struct address *from,
	uint32_t mtu)
{
	return packet[0] >> 4 == 4 ? ipv4_error_make(packet, len, error, from, mtu)
				   : ipv6_error_make(packet, len, error, from, mtu);
}
