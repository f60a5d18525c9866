/*
 * ICMP errors that the gateway sends to the sender of an inner packet that it cannot carry.
 * On the packet's way: out_peer.
 * Threads: any; no state. Sources: RFC 792, 1191, 1812 (4.3.2), 4443.
 */
#pragma once

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum icmp_error {
	ICMP_HOST_UNREACHABLE, /* v4 type 3 code 1; v6 type 1 code 3 */
	ICMP_TOO_BIG, /* v4 type 3 code 4; v6 type 2 code 0 */
};

/* Longest errors: IPv4 576 bytes in all, IPv6 1280. */
#define ICMP_ERROR_MAX 1280
/* Headers that an error puts before the quoted packet: IPv6 40 + ICMPv6 8. */
#define ICMP_ERROR_HEADER_MAX 48

/*
 * icmp_error_allowed tells whether an error may be sent about the inner packet of `len` bytes at
 * `packet` (checked by inner_parse): not about ICMP errors, non-first fragments, or packets whose
 * source or destination is multicast, broadcast, unspecified or loopback.
 */
bool icmp_error_allowed(const uint8_t *packet, size_t len) __attribute__((warn_unused_result));

/*
 * icmp_error_make turns the inner packet of `len` bytes at `packet` (checked by inner_parse and
 * icmp_error_allowed) into an error about itself, from `from` (same family as the packet) to its
 * source. The error's headers are written to the bytes BEFORE `packet` (28 for IPv4, 48 for IPv6);
 * the quoted packet is cut. `mtu` is used by ICMP_TOO_BIG only. Returns the length of the error in
 * bytes; it starts 28 or 48 bytes before `packet`.
 */
size_t icmp_error_make(uint8_t *packet, size_t len, enum icmp_error error,
	const struct address *from, uint32_t mtu);
