/*
 * Inner packets: the plain IPv4 and IPv6 packets inside a tunnel, and their ECN.
 * On the packet's way: in_accept and out_receive.
 * Threads: any; no state. Sources: RFC 791, 8200, 6040 (as the Linux driver does it).
 */
#pragma once

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inner {
	uint8_t version; /* 4 or 6 */
	uint8_t tos; /* traffic class */
	uint16_t len; /* of the IP packet in bytes, padding excluded */
	const uint8_t *source; /* 4 or 16 bytes, into the packet */
	const uint8_t *destination;
};

/*
 * inner_parse reads the IP header at `packet` of `len` present bytes, trailing padding included.
 * Returns true and fills *inner if the version is 4 (IHL >= 5, IHL*4 <= total length <= len) or 6
 * (payload length + 40 <= len, computed without wrapping); false otherwise. The IPv4 header
 * checksum is not verified.
 */
bool inner_parse(const uint8_t *packet, size_t len, struct inner *inner)
	__attribute__((warn_unused_result));

/*
 * inner_ecn_encap returns the outer traffic class for data: DSCP 0, and the inner ECN, except that
 * inner CE becomes ECT(0).
 */
uint8_t inner_ecn_encap(uint8_t inner_tos);

/*
 * inner_ecn_decap combines the outer ECN into the inner header at `packet` (already checked by
 * inner_parse): inner not-ECT stays; outer CE makes inner ECT CE; outer ECT(1) makes inner ECT(0)
 * ECT(1). The IPv4 header checksum is updated.
 */
void inner_ecn_decap(uint8_t *packet, uint8_t outer_tos);

/*
 * inner_flow_hash returns a hash of the addresses and, for unfragmented TCP and UDP, the ports of
 * the packet of `inner` at `packet`: equal for all packets of a flow in one direction.
 */
uint32_t inner_flow_hash(const uint8_t *packet, const struct inner *inner);

/* What the packet is for, above IP. */
struct inner_service {
	uint8_t protocol; /* of the header behind the IP header; ICMPv6 shows as ICMP */
	uint16_t port; /* destination port of TCP and UDP; 0: it has none, or is a later fragment */
};

/* inner_service_of reads it off the packet of `inner` at `packet`. */
struct inner_service inner_service_of(const uint8_t *packet, const struct inner *inner);
