/*
 * TCP segments that follow each other, joined into one large packet for a host that takes such.
 * On the packet's way: the host thread, behind in_deliver. Threads: any; no state is shared.
 *
 * A packet that cannot be told to be of another flow closes all groups, and one that cannot be
 * joined its flow's: what comes later may not leave earlier.
 */
#include "wire/coalesce.h"

#include "wire/ip.h"
#include "wire/tcp.h"

#include "base/bytes.h"

#include <string.h>

#define LEN_MAX UINT16_MAX
/* How many groups back a packet's flow is looked for. */
#define LOOK_BACK 16

static void
read_packet(struct coalesce_packet *packet)
{
	struct tcp_packet tcp;

	packet->tcp_at = 0;
	if (!tcp_parse(packet->data, packet->len, &tcp))
		return;
	packet->tcp_at = (uint16_t)tcp.at;
	packet->payload_at = (uint16_t)tcp.payload_at;
}

/* Tells whether two TCP packets are of one flow: addresses and ports. */
static bool
same_flow(const struct coalesce_packet *a, const struct coalesce_packet *b)
{
	const bool v6 = a->data[0] >> 4 == 6;

	return a->data[0] >> 4 == b->data[0] >> 4 &&
		memcmp(a->data + (v6 ? 8 : 12), b->data + (v6 ? 8 : 12), v6 ? 32 : 8) == 0 &&
		memcmp(a->data + a->tcp_at, b->data + b->tcp_at, 4) == 0;
}

/* Tells whether a packet may be joined at all: data and nothing special, all of it right. */
static bool
may_join(const struct coalesce_packet *packet)
{
	const uint8_t *ip = packet->data;
	const uint8_t *tcp = ip + packet->tcp_at;

	if ((tcp[TCP_FLAGS] & ~TCP_PSH) != TCP_ACK || packet->payload_at == packet->len)
		return false;
	if (ip[0] >> 4 == 6)
		return load_be16(ip + 4) + IPV6_HEADER_LEN == packet->len &&
			tcp_checksum_holds(ip, packet->tcp_at, packet->len);
	return ip[0] == 0x45 && load_be16(ip + 2) == packet->len &&
		checksum_sum(ip, IPV4_HEADER_LEN) == UINT16_MAX &&
		tcp_checksum_holds(ip, packet->tcp_at, packet->len);
}

/* Tells whether the IP headers say the same, the identification aside if it means nothing. */
static bool
same_ip(const uint8_t *a, const uint8_t *b, unsigned distance)
{
	if (a[0] >> 4 == 6)
		/* Traffic class and flow label; hop limit. */
		return memcmp(a, b, 4) == 0 && a[7] == b[7];
	if (a[1] != b[1] || a[8] != b[8] || memcmp(a + 6, b + 6, 2) != 0)
		return false;
	return (load_be16(a + 6) & IPV4_DONT_FRAGMENT) != 0 ||
		load_be16(b + 4) == (uint16_t)(load_be16(a + 4) + distance);
}

/* Tells whether the packet goes on where the group ends. */
static bool
goes_on(const struct coalesce_group *group, const struct coalesce_packet *first,
	const struct coalesce_packet *packet)
{
	const uint8_t *a = first->data + first->tcp_at;
	const uint8_t *b = packet->data + packet->tcp_at;
	const uint32_t payload_len = (uint32_t)(packet->len - packet->payload_at);
	const uint32_t options_len =
		(uint32_t)(packet->payload_at - packet->tcp_at - TCP_HEADER_LEN);

	return packet->payload_at == first->payload_at && payload_len <= group->hints.payload_len &&
		group->len + payload_len <= LEN_MAX &&
		load_be32(b + TCP_SEQUENCE) ==
		(uint32_t)(load_be32(a + TCP_SEQUENCE) + group->len - first->payload_at) &&
		memcmp(a + TCP_ACKNOWLEDGMENT, b + TCP_ACKNOWLEDGMENT, 5) == 0 && /* and offset */
		memcmp(a + 14, b + 14, 2) == 0 && /* window */
		memcmp(a + TCP_HEADER_LEN, b + TCP_HEADER_LEN, options_len) == 0 &&
		same_ip(first->data, packet->data, group->count);
}

static void
begin_group(struct coalesce *coalesce, const struct coalesce_packet *packet, unsigned number,
	bool closed)
{
	struct coalesce_group *group = &coalesce->groups[coalesce->count++];

	group->members[0] = (uint8_t)number;
	group->count = 1;
	group->closed = closed;
	group->len = packet->len;
	group->hints = (struct segment_hints){0};
	if (!closed)
		group->hints.payload_len = (uint16_t)(packet->len - packet->payload_at);
}

static bool
is_pushed(const struct coalesce_packet *packet)
{
	return (packet->data[packet->tcp_at + TCP_FLAGS] & TCP_PSH) != 0;
}

/* The flow's open group, or NULL. One that is beyond LOOK_BACK is closed. */
static struct coalesce_group *
open_group(struct coalesce *coalesce, const struct coalesce_packet packets[], unsigned number)
{
	for (unsigned i = coalesce->count; i-- > 0;) {
		struct coalesce_group *group = &coalesce->groups[i];

		if (coalesce->count - i > LOOK_BACK)
			return NULL;
		if (!group->closed && same_flow(&packets[group->members[0]], &packets[number]))
			return group;
	}
	return NULL;
}

static void
place(struct coalesce *coalesce, struct coalesce_packet packets[], unsigned number)
{
	const struct coalesce_packet *packet = &packets[number];
	const uint32_t payload_len = (uint32_t)(packet->len - packet->payload_at);
	struct coalesce_group *group = open_group(coalesce, packets, number);
	const bool joins = may_join(packet);

	if (group == NULL || !joins || !goes_on(group, &packets[group->members[0]], packet)) {
		if (group != NULL)
			group->closed = true;
		begin_group(coalesce, packet, number, !joins || is_pushed(packet));
		return;
	}
	group->members[group->count++] = (uint8_t)number;
	group->len += payload_len;
	group->closed = payload_len < group->hints.payload_len || is_pushed(packet);
}

/* Makes the first packet's headers those of all, its checksum left to the host. */
static void
finish(const struct coalesce_packet packets[], struct coalesce_group *group)
{
	const struct coalesce_packet *first = &packets[group->members[0]];
	uint8_t *tcp = first->data + first->tcp_at;

	if (group->count == 1) {
		group->hints = (struct segment_hints){0};
		return;
	}
	group->hints.tcp = true;
	group->hints.header_len = first->payload_at;
	group->hints.checksum_wanted = true;
	group->hints.checksum_from = first->tcp_at;
	group->hints.checksum_at = (uint16_t)(first->tcp_at + TCP_CHECKSUM);
	if (is_pushed(&packets[group->members[group->count - 1]]))
		tcp[TCP_FLAGS] |= TCP_PSH;
	tcp_set_len(first->data, first->tcp_at, group->len);
	store_be16(tcp + TCP_CHECKSUM,
		checksum_fold(checksum_pseudo(first->data, IP_TCP, group->len - first->tcp_at)));
}

void
coalesce_burst(struct coalesce *coalesce, struct coalesce_packet packets[], unsigned count)
{
	coalesce->count = 0;
	for (unsigned i = 0; i < count; i++) {
		read_packet(&packets[i]);
		if (packets[i].tcp_at != 0) {
			place(coalesce, packets, i);
			continue;
		}
		for (unsigned k = 0; k < coalesce->count; k++)
			coalesce->groups[k].closed = true;
		begin_group(coalesce, &packets[i], i, true);
	}
	for (unsigned i = 0; i < coalesce->count; i++)
		finish(packets, &coalesce->groups[i]);
}

struct iovec
coalesce_payload(const struct coalesce_packet *packet)
{
	return (struct iovec){
		packet->data + packet->payload_at, (size_t)(packet->len - packet->payload_at)};
}
