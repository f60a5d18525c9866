/*
 * Outer headers: Ethernet, IPv4 or IPv6, UDP around a message.
 * On the packet's way: in_receive parses them, out_encap writes them from a template.
 * Threads: any; no state. Sources: RFC 791, 8200, 768, 6040, 6935.
 */
#pragma once

#include "base/address.h"
#include "wire/ethernet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ethernet + IPv6 + UDP: the longest header that we write. */
#define OUTER_HEADER_MAX 62
#define OUTER_HOP_LIMIT 64
/* DSCP AF41 in the traffic class of initiations and responses. */
#define OUTER_HANDSHAKE_TOS 0x88

/* Why a frame is not a UDP packet that the gateway can use. */
enum outer_verdict {
	OUTER_OK,
	OUTER_OTHER, /* well-formed as far as read, but not UDP over IP: for the exception path */
	OUTER_FRAGMENT, /* a fragment of an IP packet, first or not, unless surely not of UDP */
	OUTER_MALFORMED, /* lengths that contradict each other or the frame, a bad IPv4 checksum,
	                    IPv6 UDP checksum zero, a multicast/broadcast/zero source, source port
	                    0 */
};

/* What the headers of a received UDP packet say. */
struct outer {
	struct endpoint source;
	struct endpoint destination;
	uint16_t payload_offset; /* bytes from the start of the frame */
	uint16_t payload_len; /* UDP length - 8; never beyond what is present */
	uint8_t tos; /* traffic class: DSCP and ECN */
};

/*
 * outer_parse reads the contiguous `len` bytes at `frame`, an Ethernet frame with up to two VLAN
 * tags, IPv4 with options or IPv6 with hop-by-hop, routing and destination options (at most 8
 * extension headers). Trailing bytes behind the IP packet are ignored. On OUTER_OK *outer is
 * filled (scope ids zero); on OUTER_FRAGMENT source and destination addresses are filled, ports
 * are 0, and payload_len is the length of the whole fragment from its IP header on; else it is
 * undefined. Reads no byte beyond `len`. The IPv4 header checksum is verified,
 * a UDP checksum is not (the AEAD and mac1 do better), but UDP checksum 0 over IPv6 is refused.
 */
enum outer_verdict outer_parse(const uint8_t *frame, size_t len, struct outer *outer)
	__attribute__((warn_unused_result));

/*
 * outer_from_loopback tells whether the source is a loopback address, which nothing that comes from
 * a wire has.
 */
static inline bool
outer_from_loopback(const struct outer *outer)
{
	static const uint8_t loopback6[16] = {[15] = 1};
	const struct address *source = &outer->source.address;

	return source->family == ADDRESS_IPV4 ? source->bytes[0] == 127
					      : memcmp(source->bytes, loopback6, 16) == 0;
}

/* A ready-made header for one peer; immutable once made. */
struct outer_header {
	uint8_t bytes[OUTER_HEADER_MAX]; /* lengths and checksums zero */
	uint8_t len; /* 42 or 62 */
	uint8_t ip_offset; /* where the IP header starts: 14 */
	uint8_t family; /* enum address_family */
	/*
	 * One's complement sum of 16-bit words in host order. IPv4: of the IP header without total
	 * length and TOS. IPv6: of the pseudo-header and the UDP header, both without the length.
	 */
	uint32_t checksum;
};

/*
 * outer_header_make fills *header for packets from `source` to `destination` (same family, both
 * ports set). IPv4: DF set, id 0, UDP checksum 0. IPv6: flow label 0. Hop limit OUTER_HOP_LIMIT.
 */
void outer_header_make(struct outer_header *header, const uint8_t destination_mac[ETHERNET_MAC_LEN],
	const uint8_t source_mac[ETHERNET_MAC_LEN], const struct endpoint *source,
	const struct endpoint *destination);

/*
 * outer_header_write copies the header to the `header->len` bytes before `payload` and completes
 * it for `payload_len` bytes of contiguous UDP payload with traffic class `tos`. IPv4 leaves the
 * UDP checksum zero; IPv6 computes it over the payload, never sending 0.
 */
void outer_header_write(
	const struct outer_header *header, uint8_t *payload, uint16_t payload_len, uint8_t tos);
