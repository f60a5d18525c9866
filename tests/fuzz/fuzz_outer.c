/*
 * Fuzz target: the headers around a message: any frame is parsed; one that is taken is wrapped
 * anew, and must be read as the same.
 * Threads: one.
 *
 * The input: a byte for what the header checksum shall be (odd: put right, so that what is behind
 * it is reached), then a frame.
 */
#include "demand.h"

#include "wire/ip.h"
#include "wire/message.h"
#include "wire/outer.h"

#include <string.h>

#define FRAME_MAX 4096

/* Where an IPv4 header is, behind up to two tags, its checksum is made right. */
static void
repair(uint8_t *frame, size_t len)
{
	size_t at = ETHERNET_HEADER_LEN;
	size_t header_len;

	while (len >= at && at < ETHERNET_HEADER_LEN + 8 &&
		(load_be16(frame + at - 2) == 0x8100 || load_be16(frame + at - 2) == 0x88a8))
		at += 4;
	if (len < at + IPV4_HEADER_LEN || load_be16(frame + at - 2) != 0x0800)
		return;
	header_len = (size_t)(frame[at] & 0xf) * 4;
	if (header_len < IPV4_HEADER_LEN || header_len > len - at)
		return;
	store_be16(frame + at + 10, 0);
	store_be16(frame + at + 10, (uint16_t)~checksum_sum(frame + at, header_len));
}

/* What may be a source, and what must be set. */
static void
check_endpoints(const struct outer *outer)
{
	static const struct address zero = {.family = ADDRESS_IPV4};

	demand(outer->source.address.family == outer->destination.address.family,
		"two families in one packet");
	demand(outer->source.address.family == ADDRESS_IPV4 ||
			outer->source.address.family == ADDRESS_IPV6,
		"a family that is none");
	demand(!address_equal(&outer->source.address, &zero), "the zero address as a source");
	demand(outer->source.address.bytes[0] != 0xff ||
			outer->source.address.family == ADDRESS_IPV4,
		"a multicast source");
}

/* The payload under a header of our own making. */
static void
wrap_again(const uint8_t *frame, const struct outer *outer)
{
	static const uint8_t macs[2][ETHERNET_MAC_LEN] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	struct outer_header header;
	struct outer again;
	uint8_t *made;

	if (outer->destination.port == 0)
		return;
	outer_header_make(&header, macs[0], macs[1], &outer->source, &outer->destination);
	made = malloc(header.len + (size_t)outer->payload_len);
	demand(made != NULL, "memory");
	if (outer->payload_len > 0)
		memcpy(made + header.len, frame + outer->payload_offset, outer->payload_len);
	outer_header_write(&header, made + header.len, outer->payload_len, outer->tos);
	demand(outer_parse(made, header.len + (size_t)outer->payload_len, &again) == OUTER_OK,
		"a frame of our own is not taken");
	demand(endpoint_equal(&again.source, &outer->source) &&
			endpoint_equal(&again.destination, &outer->destination) &&
			again.payload_offset == header.len &&
			again.payload_len == outer->payload_len && again.tos == outer->tos,
		"a frame of our own is read as another");
	free(made);
}

static void
check_message(const uint8_t *payload, size_t len)
{
	const enum message_type type = message_classify(payload, len);

	demand(type != MESSAGE_INITIATION || len == sizeof(struct message_initiation),
		"an initiation of a wrong length");
	demand(type != MESSAGE_RESPONSE || len == sizeof(struct message_response),
		"a response of a wrong length");
	demand(type != MESSAGE_COOKIE_REPLY || len == sizeof(struct message_cookie_reply),
		"a cookie reply of a wrong length");
	demand(type != MESSAGE_DATA || len >= MESSAGE_DATA_OVERHEAD, "data that are too short");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct outer outer;
	uint8_t *frame;

	if (len == 0 || len > FRAME_MAX)
		return 0;
	/* Memory of exactly the frame's size, so that reading beyond it is seen. */
	frame = malloc(--len);
	demand(frame != NULL, "memory");
	memcpy(frame, data + 1, len);
	if (data[0] & 1)
		repair(frame, len);
	switch (outer_parse(frame, len, &outer)) {
	case OUTER_OK:
		demand((size_t)outer.payload_offset + outer.payload_len <= len,
			"a payload beyond the frame");
		demand(outer.source.port != 0, "a source port that nobody can answer");
		check_endpoints(&outer);
		check_message(frame + outer.payload_offset, outer.payload_len);
		wrap_again(frame, &outer);
		break;
	case OUTER_FRAGMENT:
		demand(outer.payload_len <= len, "a fragment beyond the frame");
		check_endpoints(&outer);
		break;
	case OUTER_OTHER:
	case OUTER_MALFORMED:
		break;
	}
	free(frame);
	return 0;
}
