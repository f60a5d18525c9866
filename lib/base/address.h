/*
 * IP addresses, prefixes and endpoints as values, and their texts.
 * On the packet's way: endpoints are compared on every received run.
 * Threads: any; no state.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum address_family {
	ADDRESS_NONE = 0, /* all bytes zero: no address */
	ADDRESS_IPV4 = 4,
	ADDRESS_IPV6 = 6,
};

/* An IP address; network byte order; the 12 last bytes of an IPv4 address are zero. */
struct address {
	uint8_t bytes[16];
	uint8_t family; /* enum address_family */
};

/* An address and the count of its leading bits that matter; the others are zero. */
struct prefix {
	struct address address;
	uint8_t len; /* bits: 0..32 or 0..128 */
};

/* A UDP endpoint. Padding-free, so that it may be compared and hashed as bytes. */
struct endpoint {
	struct address address;
	uint8_t pad; /* zero */
	uint16_t port; /* host byte order; 0 if there is none */
	uint32_t scope_id; /* interface index of a link-local address, else 0 */
};

_Static_assert(sizeof(struct address) == 17, "address is packed by itself");
_Static_assert(sizeof(struct endpoint) == 24, "endpoint has no padding");

/* Room for any text below, with its terminating zero. */
#define ADDRESS_TEXT_MAX 46
#define PREFIX_TEXT_MAX 50
#define ENDPOINT_TEXT_MAX 66

static inline bool
address_equal(const struct address *a, const struct address *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline bool
endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* address_len returns the length of the address in bytes: 4, 16, or 0 for ADDRESS_NONE. */
size_t address_len(const struct address *address);

/* address_bits returns the length of the address in bits: 32, 128, or 0 for ADDRESS_NONE. */
unsigned address_bits(const struct address *address);

/* address_from_bytes makes an address of `family` from its 4 or 16 bytes in network order. */
struct address address_from_bytes(enum address_family family, const uint8_t *bytes);

/*
 * address_parse reads a numeric IPv4 or IPv6 address, without mask, zone or brackets, that fills
 * `text` wholly. Returns 0, or -EINVAL and leaves *address alone.
 */
int address_parse(const char *text, struct address *address) __attribute__((warn_unused_result));

/*
 * prefix_parse reads "ADDRESS" or "ADDRESS/LEN" (LEN in plain decimal; without it the whole
 * address counts) and clears the host bits; *host_bits, unless NULL, tells whether any was set.
 * Returns 0, or -EINVAL and leaves *prefix alone.
 */
int prefix_parse(const char *text, struct prefix *prefix, bool *host_bits)
	__attribute__((warn_unused_result));

/* prefix_mask clears the bits of `prefix->address` behind `prefix->len`. */
void prefix_mask(struct prefix *prefix);

/* prefix_contains tells whether `address` is of the prefix's family and within it. */
bool prefix_contains(const struct prefix *prefix, const struct address *address);

/* prefix_compare orders by family, address bytes, length; 0 if equal. For qsort and bsearch. */
int prefix_compare(const struct prefix *a, const struct prefix *b);

/*
 * endpoint_parse reads a numeric "A.B.C.D:PORT" or "[V6]:PORT" or "[V6%ZONE]:PORT" (ZONE an
 * interface name or number) with PORT 1..65535. Returns 0, or -EINVAL and leaves *endpoint alone.
 */
int endpoint_parse(const char *text, struct endpoint *endpoint) __attribute__((warn_unused_result));

/*
 * address_format, prefix_format and endpoint_format write the canonical text (RFC 5952 for IPv6;
 * "(none)" for no address; prefixes always with "/LEN") into `text`, which must have the room
 * named above, and return it.
 */
const char *address_format(const struct address *address, char text[static ADDRESS_TEXT_MAX]);
const char *prefix_format(const struct prefix *prefix, char text[static PREFIX_TEXT_MAX]);
const char *endpoint_format(const struct endpoint *endpoint, char text[static ENDPOINT_TEXT_MAX]);
