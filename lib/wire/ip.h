/*
 * What the files of wire share about IP: numbers, extension headers, the Internet checksum.
 * Private to wire. On the packet's way: wherever headers are read or written.
 * Threads: any; no state. Sources: RFC 791, 8200, 4302, 1071, 4443 (2.3).
 */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IPV4_HEADER_LEN 20
#define IPV6_HEADER_LEN 40
#define UDP_HEADER_LEN 8
#define ICMP_HEADER_LEN 8
#define IPV4_DONT_FRAGMENT 0x4000
/* More fragments, or an offset: either makes a packet a fragment. */
#define IPV4_FRAGMENT_MASK 0x3fff
#define IPV4_OFFSET_MASK 0x1fff
#define IPV6_FRAGMENT_HEADER_LEN 8
/* The offset in the 16 bits behind next header and a reserved byte. */
#define IPV6_OFFSET_MASK 0xfff8
/* How long a chain of extension headers we follow. */
#define IPV6_EXTENSIONS_MAX 8

enum ip_protocol {
	IP_HOP_BY_HOP = 0,
	IP_ICMP = 1,
	IP_TCP = 6,
	IP_UDP = 17,
	IP_ROUTING = 43,
	IP_FRAGMENT = 44,
	IP_AUTHENTICATION = 51,
	IP_ICMPV6 = 58,
	IP_DESTINATION_OPTIONS = 60,
};

/* Folds a sum of words of 16, 32, 48 or 64 bits to 16 bits; 0 only if all were 0. */
static inline uint16_t
checksum_fold(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)((sum & UINT16_MAX) + (sum >> 16));
}

/*
 * Returns the one's complement sum of the 16-bit big-endian words of `len` bytes at `data`, an odd
 * last byte padded with zero. Such a sum may be made of words of any width, and in either byte
 * order if only the result is swapped (RFC 1071): so 8 bytes are taken at a time.
 */
static inline uint16_t
checksum_sum(const uint8_t *data, size_t len)
{
	/* Two, since a chain of additions with carry is as long as its latency. */
	unsigned __int128 even = 0;
	unsigned __int128 odd = 0;

	for (; len >= 32; data += 32, len -= 32) {
		even += load_le64(data);
		odd += load_le64(data + 8);
		even += load_le64(data + 16);
		odd += load_le64(data + 24);
	}
	for (; len >= 8; data += 8, len -= 8)
		even += load_le64(data);
	if (len > 0) {
		uint8_t rest[8] = {0};

		memcpy(rest, data, len);
		even += load_le64(rest);
	}
	even += odd;
	/* The upper half counts carries, of which there are fewer than 2^60. */
	even = (uint64_t)even + (even >> 64);
	even = (uint64_t)even + (even >> 64);
	return __builtin_bswap16(checksum_fold((uint64_t)even));
}

/*
 * Returns the sum, not folded, of the pseudo-header of the IPv4 or IPv6 packet at `packet`: both
 * addresses, the `len` bytes behind its headers, and the protocol (RFC 9293, 3.1; 8200, 8.1).
 */
static inline uint64_t
checksum_pseudo(const uint8_t *packet, uint8_t protocol, size_t len)
{
	const bool v6 = packet[0] >> 4 == 6;

	return (uint64_t)checksum_sum(packet + (v6 ? 8 : 12), v6 ? 32 : 8) + len + protocol;
}

/*
 * Returns the checksum of the `len` bytes of `protocol` at offset `at` of the packet, with its
 * pseudo-header: what belongs into its field if that is 0 now; 0 if the right one is there.
 */
static inline uint16_t
checksum_above_ip(const uint8_t *packet, size_t at, uint8_t protocol, size_t len)
{
	return (uint16_t)~checksum_fold(
		checksum_pseudo(packet, protocol, len) + checksum_sum(packet + at, len));
}

/* The same of the ICMPv6 message of `len` bytes behind the IPv6 header (RFC 4443, 2.3). */
static inline uint16_t
checksum_icmpv6(const uint8_t *packet, size_t len)
{
	return checksum_above_ip(packet, IPV6_HEADER_LEN, IP_ICMPV6, len);
}
