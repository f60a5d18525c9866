/*
 * Layouts of WireGuard's four messages, and the check of type and length.
 * On the packet's way: in_receive classifies, out_number writes data headers.
 * Threads: any; no state. Source: WireGuard paper, section 5.4.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* All integers little-endian. The first word is the type and three reserved zero bytes. */
enum message_type {
	MESSAGE_INVALID = 0,
	MESSAGE_INITIATION = 1,
	MESSAGE_RESPONSE = 2,
	MESSAGE_COOKIE_REPLY = 3,
	MESSAGE_DATA = 4,
};

#define MESSAGE_KEY_LEN 32
#define MESSAGE_TAG_LEN 16
#define MESSAGE_TIMESTAMP_LEN 12
#define MESSAGE_MAC_LEN 16
#define MESSAGE_COOKIE_LEN 16
#define MESSAGE_COOKIE_NONCE_LEN 24
#define MESSAGE_DATA_HEADER_LEN 16
/* What a data message has besides the (padded) inner packet: header and tag. */
#define MESSAGE_DATA_OVERHEAD (MESSAGE_DATA_HEADER_LEN + MESSAGE_TAG_LEN)

struct message_macs {
	uint8_t mac1[MESSAGE_MAC_LEN];
	uint8_t mac2[MESSAGE_MAC_LEN];
};

struct message_initiation {
	uint8_t type_le32[4];
	uint8_t sender_index_le32[4];
	uint8_t ephemeral[MESSAGE_KEY_LEN];
	uint8_t sealed_static[MESSAGE_KEY_LEN + MESSAGE_TAG_LEN];
	uint8_t sealed_timestamp[MESSAGE_TIMESTAMP_LEN + MESSAGE_TAG_LEN];
	struct message_macs macs;
};

struct message_response {
	uint8_t type_le32[4];
	uint8_t sender_index_le32[4];
	uint8_t receiver_index_le32[4];
	uint8_t ephemeral[MESSAGE_KEY_LEN];
	uint8_t sealed_empty[MESSAGE_TAG_LEN];
	struct message_macs macs;
};

struct message_cookie_reply {
	uint8_t type_le32[4];
	uint8_t receiver_index_le32[4];
	uint8_t nonce[MESSAGE_COOKIE_NONCE_LEN];
	uint8_t sealed_cookie[MESSAGE_COOKIE_LEN + MESSAGE_TAG_LEN];
};

struct message_data {
	uint8_t type_le32[4];
	uint8_t receiver_index_le32[4];
	uint8_t counter_le64[8];
	uint8_t sealed[]; /* inner packet, padding, tag */
};

_Static_assert(sizeof(struct message_initiation) == 148, "initiation");
_Static_assert(sizeof(struct message_response) == 92, "response");
_Static_assert(sizeof(struct message_cookie_reply) == 64, "cookie reply");
_Static_assert(sizeof(struct message_data) == MESSAGE_DATA_HEADER_LEN, "data header");

/*
 * message_classify returns the type of the UDP payload of `len` bytes at `payload`, or
 * MESSAGE_INVALID unless the type is known, the reserved bytes are zero, and the length is exactly
 * right (initiation 148, response 92, cookie reply 64) or, for data, at least 32.
 */
enum message_type message_classify(const uint8_t *payload, size_t len);

/*
 * message_has_mac2 tells whether the initiation or response of `len` bytes shows a cookie, of
 * whatever worth: a sender without one leaves zeros. Nothing secret is compared.
 */
static inline bool
message_has_mac2(const uint8_t *message, size_t len)
{
	uint64_t words[2];

	memcpy(words, message + len - sizeof(words), sizeof(words));
	return (words[0] | words[1]) != 0;
}

/*
 * message_pad_len returns how many zero bytes are appended to an inner packet of `len` bytes: up
 * to a multiple of 16, never beyond `mtu` (the inner MTU; 0 means no such limit).
 */
size_t message_pad_len(size_t len, size_t mtu);
