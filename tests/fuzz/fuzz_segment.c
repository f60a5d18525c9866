/*
 * Fuzz target: a burst of packets out of tunnels, joined for the host; and a packet of the host,
 * cut into segments.
 * Threads: one.
 *
 * The input: for cutting, a byte with three flags, and payload length, sum's begin and place in two
 * bytes each, then the packet. For joining, a byte with the highest bit, then packets, each behind
 * two bytes with its length.
 */
#include "demand.h"

#include "wire/coalesce.h"
#include "wire/segment.h"

#include "base/bytes.h"

#include <string.h>

#define PACKET_MAX 4096
#define HINTS_LEN 7

static void
cut(const uint8_t *data, size_t len)
{
	const struct segment_hints hints = {.tcp = (data[0] & 1) != 0,
		.checksum_wanted = (data[0] & 2) != 0,
		.payload_len = load_be16(data + 1),
		.checksum_from = load_be16(data + 3),
		.checksum_at = load_be16(data + 5)};
	const size_t packet_len = len - HINTS_LEN;
	uint8_t *packet = malloc(packet_len);
	struct segments segments;
	size_t next;

	demand(packet != NULL || packet_len == 0, "memory");
	if (packet_len > 0)
		memcpy(packet, data + HINTS_LEN, packet_len);
	if (!segments_begin(&segments, packet, packet_len, &hints))
		demand(segments_next_len(&segments) == 0, "segments of nothing");
	for (size_t count = 0; (next = segments_next_len(&segments)) > 0; count++) {
		uint8_t *part = malloc(next);

		demand(part != NULL, "memory");
		demand(next <= packet_len && count < packet_len, "more than there was");
		segments_take(&segments, part);
		free(part);
	}
	free(packet);
}

static void
join(const uint8_t *data, size_t len)
{
	static struct coalesce coalesce;
	struct coalesce_packet packets[COALESCE_MAX];
	uint8_t seen[COALESCE_MAX] = {0};
	unsigned count = 0;

	while (len > 2 && count < COALESCE_MAX) {
		const size_t packet_len = 1 + load_be16(data) % (len - 2);

		packets[count].data = malloc(packet_len);
		demand(packets[count].data != NULL, "memory");
		memcpy(packets[count].data, data + 2, packet_len);
		packets[count++].len = (uint16_t)packet_len;
		data += 2 + packet_len;
		len -= 2 + packet_len;
	}
	coalesce_burst(&coalesce, packets, count);
	for (unsigned i = 0; i < coalesce.count; i++) {
		const struct coalesce_group *group = &coalesce.groups[i];
		size_t total = packets[group->members[0]].len;

		demand(i == 0 || group->members[0] > group[-1].members[0], "one goes by another");
		for (unsigned k = 0; k < group->count; k++) {
			demand(group->members[k] < count && seen[group->members[k]]++ == 0,
				"a packet twice");
			if (k > 0)
				total += coalesce_payload(&packets[group->members[k]]).iov_len;
		}
		demand(total == group->len && total <= UINT16_MAX, "a length that is wrong");
	}
	for (unsigned i = 0; i < count; i++) {
		demand(seen[i] == 1, "a packet is lost");
		free(packets[i].data);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len > PACKET_MAX || len < HINTS_LEN)
		return 0;
	if (data[0] & 0x80)
		join(data + 1, len - 1);
	else
		cut(data, len);
	return 0;
}
