/*
 * What is odd about endpoints.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#include "config/lint_parts.h"
#include "config/wg_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of an entry that has one. */
struct lint_endpoint {
	const struct tunnel_config_peer *entry;
	char host[TUNNEL_CONFIG_HOST_MAX]; /* canonical */
	struct address address; /* no family if the host is a name */
	uint16_t port; /* in force */
	char text[TUNNEL_CONFIG_HOST_MAX + 8];
};

static void
read_endpoint(struct lint_endpoint *endpoint, const struct lint *lint,
	const struct tunnel_config_peer *entry)
{
	char plain[TUNNEL_CONFIG_HOST_MAX];

	endpoint->entry = entry;
	endpoint->port = lint->facts->peer_port ? lint->facts->peer_port : entry->port;
	wg_host_canonical(entry->host, endpoint->host, sizeof(endpoint->host));
	(void)snprintf(plain, sizeof(plain), "%s", endpoint->host);
	plain[strcspn(plain, "%")] = '\0';
	if (address_parse(plain, &endpoint->address) != 0)
		endpoint->address = (struct address){.family = ADDRESS_NONE};
	(void)snprintf(endpoint->text, sizeof(endpoint->text),
		endpoint->address.family == ADDRESS_IPV6 ? "[%s]:%u" : "%s:%u", endpoint->host,
		(unsigned)endpoint->port);
}

static bool
is_ours(const struct lint *lint, const struct lint_endpoint *endpoint)
{
	if (endpoint->port != lint_listen_port(lint))
		return false;
	for (size_t i = 0; i < lint->facts->host_address_count; i++) {
		if (address_equal(&lint->facts->host_addresses[i], &endpoint->address))
			return true;
	}
	return false;
}

static bool
is_of_a_host(const struct address *address)
{
	static const uint8_t zeros[15], ones[4] = {255, 255, 255, 255};
	const uint8_t *bytes = address->bytes;

	if (address->family == ADDRESS_IPV4)
		return bytes[0] != 0 && bytes[0] != 127 && (bytes[0] & 0xf0) != 0xe0 &&
			memcmp(bytes, ones, 4) != 0;
	return bytes[0] != 0xff && (memcmp(bytes, zeros, 15) != 0 || bytes[15] > 1);
}

/* Such an interface is one host's, and the file everybody's. */
static void
lint_zones(struct lint *lint, const struct lint_endpoint *endpoints, size_t count)
{
	lint_kind_begin(lint);
	for (size_t i = 0; i < count; i++) {
		if (strchr(endpoints[i].host, '%'))
			lint_warn(lint, endpoints[i].entry, endpoints[i].entry->endpoint_line,
				"Endpoint %s names an interface, and where there is none of that "
				"name, wg(8) refuses the file; give an address that needs none",
				endpoints[i].text);
	}
	lint_kind_end(lint, "endpoints that name an interface");
}

static void
lint_inside(struct lint *lint, const struct lint_endpoint *endpoint)
{
	const struct tunnel_config_peer *entry = endpoint->entry;
	char text[PREFIX_TEXT_MAX], place[LINT_PLACE_MAX];
	const struct lint_claim *around;

	if (prefix_contains(&lint->network, &endpoint->address)) {
		lint_warn(lint, entry, entry->endpoint_line,
			"Endpoint %s is inside the VPN itself (%s), where packets to it would go "
			"round for ever; give the address that the instance has outside",
			endpoint->text, prefix_format(&lint->network, text));
		return;
	}
	around = lint_claim_around(lint, &endpoint->address);
	if (around)
		lint_warn(lint, entry, entry->endpoint_line,
			"Endpoint %s is inside AllowedIPs %s of %s, and where that is routed into "
			"the VPN, packets to it go round for ever; give the address that the "
			"instance has outside, or narrow the AllowedIPs",
			endpoint->text, prefix_format(&around->prefix, text),
			lint_place(lint, around->entry, entry->file, place));
}

static bool
same(const struct lint_endpoint *a, const struct lint_endpoint *b)
{
	return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static void
lint_addresses(struct lint *lint, const struct lint_endpoint *endpoints, size_t count)
{
	const struct tunnel_config_peer *own_entry = lint->config->own;
	/* The own entry is the last one. */
	const struct lint_endpoint *own =
		own_entry && own_entry->host[0] ? &endpoints[count - 1] : NULL;
	char key[KEY_BASE64_LEN + 1];

	lint_kind_begin(lint);
	for (size_t i = 0; i < count; i++) {
		const struct tunnel_config_peer *entry = endpoints[i].entry;

		if (endpoints[i].address.family == ADDRESS_NONE)
			continue;
		if (!is_of_a_host(&endpoints[i].address))
			lint_warn(lint, entry, entry->endpoint_line,
				"Endpoint %s can be no other host; give the address by which the "
				"others reach that instance",
				endpoints[i].text);
		else if (!lint_knows_us(lint) || !is_ours(lint, &endpoints[i]) ||
			(own && same(own, &endpoints[i]))) /* lint_same() tells of that */
			lint_inside(lint, &endpoints[i]);
		else if (own_entry)
			lint_warn(lint, entry, entry->endpoint_line,
				"Endpoint %s is this instance itself; give that of the peer",
				endpoints[i].text);
		else
			lint_warn(lint, entry, entry->endpoint_line,
				"Endpoint %s is this instance itself. If this is meant to be our "
				"own entry, its PublicKey must be %s; else give the peer's",
				endpoints[i].text, key_to_base64(lint->config->public_key, key));
	}
	lint_kind_end(lint, "endpoints with such addresses");
}

static int
compare_endpoints(const void *left, const void *right)
{
	const struct lint_endpoint *const *a = left, *const *b = right;
	int order = strcmp((*a)->host, (*b)->host);

	if (order)
		return order;
	if ((*a)->port != (*b)->port)
		return (*a)->port < (*b)->port ? -1 : 1;
	/* They lie in one array, in the order of the file but for the own entry. */
	if ((*a)->entry->line != (*b)->entry->line)
		return (*a)->entry->line < (*b)->entry->line ? -1 : 1;
	return *a < *b ? -1 : *a > *b;
}

static void
lint_same(struct lint *lint, const struct lint_endpoint *endpoints, size_t count)
{
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
	const struct lint_endpoint **sorted = calloc(count + 1, sizeof(*sorted));
	const struct lint_endpoint *first = NULL;
	char place[LINT_PLACE_MAX];

	if (!sorted) {
		lint_no_memory(lint);
		return;
	}
	for (size_t i = 0; i < count; i++)
		sorted[i] = &endpoints[i];
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
	qsort(sorted, count, sizeof(*sorted), compare_endpoints);
	lint_kind_begin(lint);
	for (size_t i = 0; i < count; i++) {
		const struct tunnel_config_peer *entry = sorted[i]->entry;

		if (!first || !same(first, sorted[i])) {
			first = sorted[i];
			continue;
		}
		lint_warn(lint, entry, entry->endpoint_line,
			"Endpoint %s is also that of %s, and only one instance can be there; "
			"correct one of the two",
			sorted[i]->text, lint_place(lint, first->entry, entry->file, place));
	}
	lint_kind_end(lint, "endpoints that two peers have");
	free(sorted);
}

/* One port that is unlike the others' is rather a typing error than a NAT. */
static void
lint_ports(struct lint *lint, const struct lint_endpoint *endpoints, size_t count)
{
	const struct tunnel_config_peer *own = lint->config->own;
	const unsigned ours = lint_listen_port(lint);
	size_t like_ours = 0;

	lint_kind_begin(lint);
	for (size_t i = 0; i < count; i++) {
		like_ours += endpoints[i].port == ours;
		if (endpoints[i].entry == own && endpoints[i].port != ours)
			lint_warn(lint, own, own->endpoint_line,
				"our own entry's Endpoint has port %u, and we listen on %u: the "
				"others do not reach us, unless a NAT maps the port. Correct one "
				"of the two (ListenPort is in %s)",
				(unsigned)endpoints[i].port, ours, lint->config->private_path);
	}
	for (size_t i = 0; i < count && like_ours >= 2 && like_ours > count - like_ours; i++) {
		if (endpoints[i].entry != own && endpoints[i].port != ours)
			lint_warn(lint, endpoints[i].entry, endpoints[i].entry->endpoint_line,
				"Endpoint has port %u, where most have %u, as ListenPort has. "
				"Correct it, unless a NAT maps the port",
				(unsigned)endpoints[i].port, ours);
	}
	lint_kind_end(lint, "endpoints with another port");
}

/* Whichever of the two has no endpoint to send to waits for the other. */
static void
lint_missing(struct lint *lint)
{
	const struct tunnel_config_peer *first = NULL, *second = NULL;
	char place[LINT_PLACE_MAX];
	size_t missing = 0;

	for (size_t i = 0; i < lint->entry_count; i++) {
		if (lint->entries[i]->host[0])
			continue;
		second = missing == 1 ? lint->entries[i] : second;
		first = missing == 0 ? lint->entries[i] : first;
		missing++;
	}
	lint_kind_begin(lint);
	if (missing > 1)
		lint_warn(lint, first, 0,
			"this peer has no Endpoint, nor has %s (%zu in all): between two such "
			"instances no tunnel comes up, since neither knows where the other is; add "
			"Endpoint = ADDRESS:%u",
			lint_place(lint, second, first->file, place), missing,
			(unsigned)lint_listen_port(lint));
}

void
lint_endpoints(struct lint *lint)
{
	struct lint_endpoint *endpoints = calloc(lint->entry_count + 1, sizeof(*endpoints));
	size_t count = 0;

	lint_missing(lint);
	if (!endpoints) {
		lint_no_memory(lint);
		return;
	}
	for (size_t i = 0; i < lint->entry_count; i++) {
		if (lint->entries[i]->host[0])
			read_endpoint(&endpoints[count++], lint, lint->entries[i]);
	}
	lint_zones(lint, endpoints, count);
	lint_addresses(lint, endpoints, count);
	lint_same(lint, endpoints, count);
	lint_ports(lint, endpoints, count);
	free(endpoints);
}
