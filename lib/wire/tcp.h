/*
 * TCP segments in IP packets, as far as splitting and joining them needs. Private to wire.
 * On the packet's way: the host thread. Threads: any; no state. Sources: RFC 9293, 791, 8200.
 */
#pragma once

#include "wire/ip.h"

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Offsets in the TCP header. */
#define TCP_SEQUENCE 4
#define TCP_ACKNOWLEDGMENT 8
#define TCP_DATA_OFFSET 12
#define TCP_FLAGS 13
#define TCP_CHECKSUM 16
#define TCP_HEADER_LEN 20

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20
#define TCP_ECE 0x40
#define TCP_CWR 0x80

/* Offsets in bytes from the IP header. */
struct tcp_packet {
	uint32_t at;
	uint32_t payload_at;
};

/*
 * Finds the TCP header of the `len` bytes at `packet`, which are an IP packet and nothing behind
 * it: directly behind an IPv4 header, no fragment, or behind an IPv6 header. The length that the
 * IP header gives is not looked at.
 */
static inline bool
tcp_parse(const uint8_t *packet, size_t len, struct tcp_packet *tcp)
{
	size_t at = IPV6_HEADER_LEN;
	size_t header_len;

	if (len < IPV4_HEADER_LEN)
		return false;
	if (packet[0] >> 4 == 4) {
		at = (size_t)(packet[0] & 0x0f) * 4;
		if (at < IPV4_HEADER_LEN || packet[9] != IP_TCP ||
			(load_be16(packet + 6) & IPV4_FRAGMENT_MASK) != 0)
			return false;
	} else if (packet[0] >> 4 != 6 || packet[6] != IP_TCP) {
		return false;
	}
	if (len < at + TCP_HEADER_LEN)
		return false;
	header_len = (size_t)(packet[at + TCP_DATA_OFFSET] >> 4) * 4;
	*tcp = (struct tcp_packet){(uint32_t)at, (uint32_t)(at + header_len)};
	return header_len >= TCP_HEADER_LEN && len >= at + header_len;
}

/* Writes the lengths of a packet of `len` bytes in all into its IP header, and IPv4's checksum. */
static inline void
tcp_set_len(uint8_t *packet, size_t at, size_t len)
{
	if (packet[0] >> 4 == 6) {
		store_be16(packet + 4, (uint16_t)(len - IPV6_HEADER_LEN));
		return;
	}
	store_be16(packet + 2, (uint16_t)len);
	store_be16(packet + 10, 0);
	store_be16(packet + 10, (uint16_t)~checksum_sum(packet, at));
}

/* Writes the checksum of the whole segment. */
static inline void
tcp_checksum_set(uint8_t *packet, size_t at, size_t len)
{
	store_be16(packet + at + TCP_CHECKSUM, 0);
	store_be16(packet + at + TCP_CHECKSUM, checksum_above_ip(packet, at, IP_TCP, len - at));
}

/* Tells whether the segment's checksum is right. */
static inline bool
tcp_checksum_holds(const uint8_t *packet, size_t at, size_t len)
{
	return checksum_above_ip(packet, at, IP_TCP, len - at) == 0;
}
