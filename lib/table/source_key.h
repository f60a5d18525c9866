/*
 * What tables tell the senders of messages by: the IPv4 address, or the /64 of an IPv6 address.
 * On the packet's way: beside it. Private to table.
 * Threads: any; no state.
 */
#pragma once

#include "base/address.h"

#include <sodium.h>

#include <string.h>

#define SOURCE_KEY_SECRET_LEN crypto_shorthash_KEYBYTES

struct source_key {
	uint8_t family; /* enum address_family */
	uint8_t bytes[8]; /* an IPv4 address has 4 */
};

_Static_assert(sizeof(struct source_key) == 9, "no padding is hashed");

static inline struct source_key
source_key_of(const struct address *source)
{
	struct source_key key = {.family = source->family};

	memcpy(key.bytes, source->bytes, source->family == ADDRESS_IPV4 ? 4 : sizeof(key.bytes));
	return key;
}

/* source_key_hash hashes under a secret, by SipHash, so that nobody outside can aim. */
static inline uint64_t
source_key_hash(const struct source_key *key, const uint8_t secret[SOURCE_KEY_SECRET_LEN])
{
	uint64_t hash;

	_Static_assert(crypto_shorthash_BYTES == sizeof(hash), "SipHash has 64 bits");
	crypto_shorthash((unsigned char *)&hash, (const unsigned char *)key, sizeof(*key), secret);
	return hash;
}
