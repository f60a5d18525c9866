/*
 * IP addresses, prefixes and endpoints as values, and their texts.
 * On the packet's way: nowhere; comparison alone is, and it stands in the header.
 * Threads: any; no state.
 */
#include "base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>

/* Reads decimal digits alone, up to `max`; false for anything else, the empty text included. */
static bool
decimal_parse(const char *text, uint32_t max, uint32_t *number)
{
	uint64_t value = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > max)
			return false;
	}
	*number = (uint32_t)value;
	return true;
}

/* Copies `len` bytes from `from` as a text into `to` of `room` bytes; false without room. */
static bool
text_cut(char *to, size_t room, const char *from, size_t len)
{
	if (len >= room)
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

static bool
is_link_local(const struct address *address)
{
	return address->family == ADDRESS_IPV6 && address->bytes[0] == 0xfe &&
		(address->bytes[1] & 0xc0) == 0x80;
}

size_t
address_len(const struct address *address)
{
	switch (address->family) {
	case ADDRESS_IPV4:
		return 4;
	case ADDRESS_IPV6:
		return 16;
	default:
		return 0;
	}
}

unsigned
address_bits(const struct address *address)
{
	return (unsigned)address_len(address) * 8;
}

struct address
address_from_bytes(enum address_family family, const uint8_t *bytes)
{
	struct address address = {.family = (uint8_t)family};

	memcpy(address.bytes, bytes, address_len(&address));
	return address;
}

int
address_parse(const char *text, struct address *address)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		*address = address_from_bytes(ADDRESS_IPV4, bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		*address = address_from_bytes(ADDRESS_IPV6, bytes);
	else
		return -EINVAL;
	return 0;
}

int
prefix_parse(const char *text, struct prefix *prefix, bool *host_bits)
{
	const char *slash = strchr(text, '/');
	char address_text[ADDRESS_TEXT_MAX];
	struct prefix whole;
	struct prefix masked;
	uint32_t len;

	if (!text_cut(address_text, sizeof(address_text), text,
		    slash != NULL ? (size_t)(slash - text) : strlen(text)) ||
		address_parse(address_text, &whole.address) != 0)
		return -EINVAL;
	len = address_bits(&whole.address);
	if (slash != NULL && !decimal_parse(slash + 1, len, &len))
		return -EINVAL;
	whole.len = (uint8_t)len;
	masked = whole;
	prefix_mask(&masked);
	if (host_bits != NULL)
		*host_bits = !address_equal(&masked.address, &whole.address);
	*prefix = masked;
	return 0;
}

void
prefix_mask(struct prefix *prefix)
{
	size_t whole = prefix->len / 8;
	unsigned rest = prefix->len % 8;
	size_t len = address_len(&prefix->address);

	if (whole >= len)
		return;
	prefix->address.bytes[whole] &= (uint8_t)(0xff00 >> rest);
	memset(prefix->address.bytes + whole + 1, 0, len - whole - 1);
}

bool
prefix_contains(const struct prefix *prefix, const struct address *address)
{
	size_t whole = prefix->len / 8;
	unsigned rest = prefix->len % 8;

	if (address->family != prefix->address.family ||
		memcmp(address->bytes, prefix->address.bytes, whole) != 0)
		return false;
	/* With no odd bits there may be no byte `whole` at all. */
	return rest == 0 ||
		((address->bytes[whole] ^ prefix->address.bytes[whole]) >> (8 - rest)) == 0;
}

int
prefix_compare(const struct prefix *a, const struct prefix *b)
{
	int order =
		(a->address.family > b->address.family) - (a->address.family < b->address.family);

	if (order == 0)
		order = memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
	if (order == 0)
		order = (a->len > b->len) - (a->len < b->len);
	return order;
}

/* Reads "V6" or "V6%ZONE"; only a link-local address may have a zone. */
static int
scoped_parse(const char *text, struct endpoint *endpoint)
{
	const char *percent = strchr(text, '%');
	char address_text[ADDRESS_TEXT_MAX];

	if (percent == NULL)
		return address_parse(text, &endpoint->address);
	if (!text_cut(address_text, sizeof(address_text), text, (size_t)(percent - text)) ||
		address_parse(address_text, &endpoint->address) != 0 ||
		!is_link_local(&endpoint->address))
		return -EINVAL;
	endpoint->scope_id = if_nametoindex(percent + 1);
	if (endpoint->scope_id == 0 &&
		(!decimal_parse(percent + 1, UINT32_MAX, &endpoint->scope_id) ||
			endpoint->scope_id == 0))
		return -EINVAL;
	return 0;
}

int
endpoint_parse(const char *text, struct endpoint *endpoint)
{
	const char *colon = strrchr(text, ':');
	bool bracket = text[0] == '[';
	struct endpoint parsed = {0};
	char host[ENDPOINT_TEXT_MAX];
	uint32_t port;
	size_t len;

	if (colon == NULL || !decimal_parse(colon + 1, UINT16_MAX, &port) || port == 0)
		return -EINVAL;
	len = (size_t)(colon - text);
	if (bracket) {
		if (len < 2 || text[len - 1] != ']')
			return -EINVAL;
		text++;
		len -= 2;
	}
	if (!text_cut(host, sizeof(host), text, len) || scoped_parse(host, &parsed) != 0 ||
		(parsed.address.family == ADDRESS_IPV6) != bracket)
		return -EINVAL;
	parsed.port = (uint16_t)port;
	*endpoint = parsed;
	return 0;
}

const char *
address_format(const struct address *address, char text[static ADDRESS_TEXT_MAX])
{
	int family = address->family == ADDRESS_IPV4 ? AF_INET : AF_INET6;

	if (address_len(address) == 0 ||
		inet_ntop(family, address->bytes, text, ADDRESS_TEXT_MAX) == NULL)
		(void)snprintf(text, ADDRESS_TEXT_MAX, "(none)");
	return text;
}

const char *
prefix_format(const struct prefix *prefix, char text[static PREFIX_TEXT_MAX])
{
	char address[ADDRESS_TEXT_MAX];

	if (prefix->address.family == ADDRESS_NONE)
		return address_format(&prefix->address, text);
	(void)snprintf(text, PREFIX_TEXT_MAX, "%s/%u", address_format(&prefix->address, address),
		prefix->len);
	return text;
}

const char *
endpoint_format(const struct endpoint *endpoint, char text[static ENDPOINT_TEXT_MAX])
{
	char address[ADDRESS_TEXT_MAX];

	address_format(&endpoint->address, address);
	if (endpoint->address.family == ADDRESS_NONE)
		(void)snprintf(text, ENDPOINT_TEXT_MAX, "%s", address);
	else if (endpoint->address.family == ADDRESS_IPV4)
		(void)snprintf(text, ENDPOINT_TEXT_MAX, "%s:%u", address, endpoint->port);
	else if (endpoint->scope_id == 0)
		(void)snprintf(text, ENDPOINT_TEXT_MAX, "[%s]:%u", address, endpoint->port);
	else
		(void)snprintf(text, ENDPOINT_TEXT_MAX, "[%s%%%u]:%u", address, endpoint->scope_id,
			endpoint->port);
	return text;
}
