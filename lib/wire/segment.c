/*
 * Large TCP packets of a host that leaves their splitting to the device, cut into segments.
 * On the packet's way: the host thread, before out_receive. Threads: any; no state is shared.
 */
#include "wire/segment.h"

#include "wire/ip.h"
#include "wire/tcp.h"

#include "base/bytes.h"

#include <string.h>

static bool
checksum_fits(const struct segment_hints *hints, size_t len)
{
	return !hints->checksum_wanted ||
		(hints->checksum_from < len && hints->checksum_at >= hints->checksum_from &&
			(size_t)hints->checksum_at + 2 <= len);
}

bool
segments_begin(struct segments *segments, const uint8_t *packet, size_t len,
	const struct segment_hints *hints)
{
	struct tcp_packet tcp;

	*segments = (struct segments){.packet = packet, .hints = *hints};
	if (len == 0 || len > SEGMENT_PACKET_MAX || !checksum_fits(hints, len))
		return false;
	segments->len = (uint32_t)len;
	if (!hints->tcp)
		return true;
	if (hints->payload_len == 0 || !tcp_parse(packet, len, &tcp)) {
		segments->len = 0;
		return false;
	}
	segments->tcp_at = tcp.at;
	segments->header_len = tcp.payload_at;
	return true;
}

size_t
segments_next_len(const struct segments *segments)
{
	uint32_t left;

	if (segments->len == 0)
		return 0;
	left = segments->len - segments->header_len - segments->taken;
	if (segments->header_len == 0)
		return left;
	return segments->header_len +
		(left < segments->hints.payload_len ? left : segments->hints.payload_len);
}

/* A packet that is one: at most its checksum is missing. */
static void
take_whole(struct segments *segments, uint8_t *to)
{
	const struct segment_hints *hints = &segments->hints;
	uint16_t sum;

	memcpy(to, segments->packet, segments->len);
	segments->taken = segments->len;
	segments->len = 0;
	if (!hints->checksum_wanted)
		return;
	/* The field holds the pseudo-header's sum. A UDP sum of 0 would say that there is none. */
	sum = (uint16_t)~checksum_sum(
		to + hints->checksum_from, segments->taken - hints->checksum_from);
	store_be16(to + hints->checksum_at, sum == 0 ? UINT16_MAX : sum);
}

void
segments_take(struct segments *segments, uint8_t *to)
{
	const size_t len = segments_next_len(segments);
	const uint32_t header_len = segments->header_len;
	const uint32_t at = segments->taken;
	const size_t payload_len = len - header_len;
	uint8_t *tcp = to + segments->tcp_at;

	if (header_len == 0) {
		take_whole(segments, to);
		return;
	}
	memcpy(to, segments->packet, header_len);
	memcpy(to + header_len, segments->packet + header_len + at, payload_len);
	segments->taken += (uint32_t)payload_len;
	store_be32(tcp + TCP_SEQUENCE, load_be32(tcp + TCP_SEQUENCE) + at);
	if (at > 0)
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
	if (segments->header_len + segments->taken < segments->len)
		tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (to[0] >> 4 == 4)
		store_be16(
			to + 4, (uint16_t)(load_be16(to + 4) + at / segments->hints.payload_len));
	tcp_set_len(to, segments->tcp_at, len);
	tcp_checksum_set(to, segments->tcp_at, len);
	/* That was the last; one without payload is the only one. */
	if (header_len + segments->taken == segments->len)
		segments->len = 0;
}
