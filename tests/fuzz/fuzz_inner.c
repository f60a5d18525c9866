/*
 * Fuzz target: an inner packet, as it comes out of a tunnel or off the host: its header, its ECN,
 * its flow, and the ICMP error about it.
 * Threads: one.
 *
 * The input: a byte with the outer ECN (two bits) and the error to be made (one bit), then the
 * packet with its padding.
 */
#include "demand.h"

#include "wire/icmp.h"
#include "wire/inner.h"
#include "wire/ip.h"

#include <string.h>

#define PACKET_MAX 4096

static void
check_header(const uint8_t *packet, size_t len, const struct inner *inner)
{
	const size_t header_len =
		inner->version == 4 ? (size_t)(packet[0] & 0xf) * 4 : IPV6_HEADER_LEN;

	demand(inner->version == 4 || inner->version == 6, "a version that is none");
	demand(inner->len <= len && inner->len >= header_len, "a length that cannot be");
	demand(inner->source >= packet && inner->destination > inner->source &&
			inner->destination + (inner->version == 4 ? 4 : 16) <= packet + header_len,
		"addresses outside of the header");
}

/* Nothing but the ECN field changes, and a checksum that was right is right again. */
static void
check_ecn(uint8_t *packet, size_t len, const struct inner *inner, uint8_t outer_tos)
{
	const bool v4 = inner->version == 4;
	const size_t header_len = v4 ? (size_t)(packet[0] & 0xf) * 4 : IPV6_HEADER_LEN;
	const bool good = v4 && checksum_sum(packet, header_len) == UINT16_MAX;
	uint8_t *before = malloc(len);
	struct inner after;

	demand(before != NULL, "memory");
	memcpy(before, packet, len);
	inner_ecn_decap(packet, outer_tos);
	demand(inner_parse(packet, len, &after) && after.len == inner->len,
		"ECN makes another packet of it");
	demand((after.tos & ~3) == (inner->tos & ~3), "ECN changes the DSCP");
	demand((inner->tos & 3) != 0 || after.tos == inner->tos, "ECN where there was none");
	demand((inner->tos & 3) == 0 || (outer_tos & 3) != 3 || (after.tos & 3) == 3,
		"a congestion mark is lost");
	demand(!good || checksum_sum(packet, header_len) == UINT16_MAX, "a wrong checksum");
	if (v4) {
		before[1] = packet[1];
		memcpy(before + 10, packet + 10, 2);
	} else {
		before[1] = (uint8_t)((before[1] & 0xcf) | (packet[1] & 0x30));
	}
	demand(memcmp(before, packet, len) == 0, "ECN changes what it must not");
	free(before);
}

/* The error goes to the packet's sender, is a packet itself, and none is made about it. */
static void
check_error(uint8_t *packet, const struct inner *inner, enum icmp_error kind)
{
	const struct address from = {
		.family = inner->version == 4 ? ADDRESS_IPV4 : ADDRESS_IPV6, .bytes = {10, 1}};
	const size_t headers_len = inner->version == 4 ? 28 : 48;
	const size_t address_len = inner->version == 4 ? 4 : 16;
	uint8_t source[16];
	uint8_t *error = packet - headers_len;
	struct inner made;
	size_t len;

	memcpy(source, inner->source, address_len);
	len = icmp_error_make(packet, inner->len, kind, &from, 1280);
	demand(len >= headers_len && len <= headers_len + inner->len && len <= ICMP_ERROR_MAX,
		"an error of a length that cannot be");
	demand(inner_parse(error, len, &made) && made.len == len, "an error that is no packet");
	demand(memcmp(made.destination, source, address_len) == 0, "an error to somebody else");
	demand(memcmp(made.source, from.bytes, address_len) == 0, "an error from somebody else");
	demand(!icmp_error_allowed(error, len), "an error about an error");
	if (made.version == 4)
		demand(checksum_sum(error, IPV4_HEADER_LEN) == UINT16_MAX &&
				checksum_sum(error + IPV4_HEADER_LEN, len - IPV4_HEADER_LEN) ==
					UINT16_MAX,
			"an error with a wrong checksum");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct inner inner;
	uint8_t *memory;
	uint8_t *packet;

	if (len == 0 || len > PACKET_MAX)
		return 0;
	len--;
	/* Before it there is room for the error's headers, and behind it nothing. */
	memory = malloc(ICMP_ERROR_HEADER_MAX + len);
	demand(memory != NULL, "memory");
	packet = memory + ICMP_ERROR_HEADER_MAX;
	memcpy(packet, data + 1, len);
	if (inner_parse(packet, len, &inner)) {
		check_header(packet, len, &inner);
		demand(inner_flow_hash(packet, &inner) == inner_flow_hash(packet, &inner),
			"a flow with two hashes");
		demand(inner_ecn_encap(inner.tos) <= 2, "more than ECN goes outside");
		check_ecn(packet, len, &inner, data[0]);
		demand(inner_parse(packet, len, &inner), "it is a packet no more");
		if (icmp_error_allowed(packet, inner.len))
			check_error(
				packet, &inner, data[0] & 4 ? ICMP_TOO_BIG : ICMP_HOST_UNREACHABLE);
	}
	free(memory);
	return 0;
}
