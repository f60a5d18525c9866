/*
 * The check of type and length of WireGuard's four messages, and the padding rule.
 * On the packet's way: in_receive classifies, out_number pads.
 * Threads: any; no state. Source: WireGuard paper, section 5.4.
 */
#include "wire/message.h"

#include "base/bytes.h"

#define PAD_MULTIPLE 16

enum message_type
message_classify(const uint8_t *payload, size_t len)
{
	/* No message is shorter than an empty data message. */
	if (len < MESSAGE_DATA_OVERHEAD)
		return MESSAGE_INVALID;
	/* As one word, so that a reserved byte that is set makes the type unknown. */
	switch (load_le32(payload)) {
	case MESSAGE_DATA:
		return MESSAGE_DATA;
	case MESSAGE_INITIATION:
		return len == sizeof(struct message_initiation) ? MESSAGE_INITIATION
								: MESSAGE_INVALID;
	case MESSAGE_RESPONSE:
		return len == sizeof(struct message_response) ? MESSAGE_RESPONSE : MESSAGE_INVALID;
	case MESSAGE_COOKIE_REPLY:
		return len == sizeof(struct message_cookie_reply) ? MESSAGE_COOKIE_REPLY
								  : MESSAGE_INVALID;
	default:
		return MESSAGE_INVALID;
	}
}

size_t
message_pad_len(size_t len, size_t mtu)
{
	size_t last = len;
	size_t padded;

	/* Of a packet beyond the MTU, what its last segment would be counts. */
	if (mtu != 0 && last > mtu)
		last %= mtu;
	padded = (last + PAD_MULTIPLE - 1) / PAD_MULTIPLE * PAD_MULTIPLE;
	if (mtu != 0 && padded > mtu)
		padded = mtu;
	return padded - last;
}
