/*
 * What is odd about a configuration: the own entry, keys, and how findings are told.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#include "config/lint.h"

#include "base/secret.h"
#include "config/lint_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEPALIVE_MIN_S 5

bool
lint_knows_us(const struct lint *lint)
{
	return !secret_is_zero(lint->config->public_key, KEY_LEN);
}

const char *
lint_place(const struct lint *lint, const struct tunnel_config_peer *entry, const char *file,
	char text[static LINT_PLACE_MAX])
{
	const char *what = entry == lint->config->own ? "our own entry" : "the peer";
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): who asks for a place has an entry */
	const char *slash = strrchr(entry->file, '/');

	if (strcmp(entry->file, file) == 0)
		(void)snprintf(text, LINT_PLACE_MAX, "%s at line %u", what, entry->line);
	else
		(void)snprintf(text, LINT_PLACE_MAX, "%s at %.30s:%u", what,
			slash ? slash + 1 : entry->file, entry->line);
	return text;
}

void
lint_kind_begin(struct lint *lint)
{
	lint->of_kind = 0;
}

void
lint_kind_end(struct lint *lint, const char *what)
{
	if (lint->of_kind > LINT_KIND_MAX)
		report_add(lint->report, REPORT_WARNING, lint->config->public_path, 0,
			"%zu more %s", lint->of_kind - LINT_KIND_MAX, what);
}

void
lint_no_memory(struct lint *lint)
{
	report_add(lint->report, REPORT_WARNING, lint->config->public_path, 0,
		"not all could be checked: out of memory");
}

static bool
allows(const struct tunnel_config_peer *entry, const struct address *address, unsigned len_min)
{
	for (size_t i = 0; i < entry->allowed_ips_count; i++) {
		if (entry->allowed_ips[i].len >= len_min &&
			prefix_contains(&entry->allowed_ips[i], address))
			return true;
	}
	return false;
}

/* The other entry that has exactly our VPN address, or NULL. */
static const struct tunnel_config_peer *
with_our_address(const struct lint *lint)
{
	const struct prefix *ours = lint->facts->vpn_address;

	for (size_t i = 0; ours && i < lint->config->peer_count; i++) {
		if (allows(&lint->config->peers[i], &ours->address, address_bits(&ours->address)))
			return &lint->config->peers[i];
	}
	return NULL;
}

static void
lint_own_missing(struct lint *lint)
{
	const struct prefix *ours = lint->facts->vpn_address;
	const struct tunnel_config_peer *other = with_our_address(lint);
	char key[KEY_BASE64_LEN + 1], address[ADDRESS_TEXT_MAX] = "OUR-VPN-ADDRESS";

	key_to_base64(lint->config->public_key, key);
	if (ours)
		address_format(&ours->address, address);
	if (other) {
		lint_warn(lint, other, other->allowed_ips_line,
			"this peer has our VPN address, %s, and no entry of this file has our "
			"public key. If this is meant to be our own entry, put PublicKey = %s "
			"into it, on all instances",
			address, key);
		return;
	}
	lint->found++;
	report_add(lint->report, REPORT_WARNING, lint->config->public_path, 0,
		"our own entry is missing: the other instances do not know us. Add to it, on all "
		"instances: [Peer], PublicKey = %s, AllowedIPs = %s, Endpoint = OUR-ADDRESS:%u",
		key, address, (unsigned)lint_listen_port(lint));
}

static void
lint_own_address(struct lint *lint)
{
	const struct tunnel_config_peer *own = lint->config->own;
	const struct prefix *ours = lint->facts->vpn_address;
	const struct tunnel_config_peer *other;
	char address[ADDRESS_TEXT_MAX], allowed[PREFIX_TEXT_MAX] = "none";
	char whose[LINT_PLACE_MAX + 16] = "", place[LINT_PLACE_MAX];

	if (!ours || allows(own, &ours->address, 0))
		return;
	other = with_our_address(lint);
	if (other)
		(void)snprintf(whose, sizeof(whose), ", but that of %s",
			lint_place(lint, other, own->file, place));
	if (own->allowed_ips_count)
		prefix_format(&own->allowed_ips[0], allowed);
	lint_warn(lint, own, own->allowed_ips_line,
		"the VPN address %s (MITIGATOR_VPN_ADDRESS) is not among the AllowedIPs of our own "
		"entry (%s%s)%s: the other instances will not take packets from it; correct one of "
		"the two",
		address_format(&ours->address, address), allowed,
		own->allowed_ips_count > 1 ? ", ..." : "", whose);
}

/* The first and last address of an IPv4 network belong to no host. */
static void
lint_vpn_address(struct lint *lint)
{
	const struct prefix *ours = lint->facts->vpn_address;
	uint32_t host = 0, mask;
	char text[PREFIX_TEXT_MAX];

	if (!ours || ours->address.family != ADDRESS_IPV4 || ours->len > 30)
		return;
	mask = UINT32_MAX >> ours->len;
	for (unsigned i = 0; i < 4; i++)
		host = host << 8 | ours->address.bytes[i];
	host &= mask;
	if (host != 0 && host != mask)
		return;
	lint->found++;
	report_add(lint->report, REPORT_WARNING, NULL, 0,
		"the VPN address %s (MITIGATOR_VPN_ADDRESS) is the %s address of its own network; "
		"give this instance another, or the right mask",
		prefix_format(ours, text), host ? "broadcast" : "first, the network's");
}

static void
lint_leaked_key(struct lint *lint)
{
	for (size_t i = 0; i < lint->config->peer_count; i++) {
		const struct tunnel_config_peer *peer = &lint->config->peers[i];

		if (secret_equal(peer->public_key, lint->config->private_key, KEY_LEN))
			lint_warn(lint, peer, 0,
				"the PublicKey of this peer is our own PrivateKey, and whoever has "
				"this file can pass for us. Make a new one (wg genkey) and put what "
				"wg pubkey makes of it here, on all instances");
	}
}

/* Each side takes the key out of the other's entry: in one file for all, all must be the same. */
static void
lint_preshared_keys(struct lint *lint)
{
	const struct tunnel_config_peer *first = lint->config->own;
	char place[LINT_PLACE_MAX];

	if (!first && (lint_knows_us(lint) || lint->entry_count == 0))
		return;
	first = first ? first : lint->entries[0];
	lint_kind_begin(lint);
	for (size_t i = 0; i < lint->config->peer_count; i++) {
		const struct tunnel_config_peer *peer = &lint->config->peers[i];

		if (!secret_equal(peer->preshared_key, first->preshared_key, KEY_LEN))
			lint_warn(lint, peer, 0,
				"its PresharedKey is not that of %s, and no handshake between the "
				"two can succeed, since each takes the key from the other's entry; "
				"give all entries the same one, or none",
				lint_place(lint, first, peer->file, place));
	}
	lint_kind_end(lint, "peers with another PresharedKey");
}

static void
lint_keepalives(struct lint *lint)
{
	lint_kind_begin(lint);
	for (size_t i = 0; i < lint->entry_count; i++) {
		const struct tunnel_config_peer *entry = lint->entries[i];

		if (entry->persistent_keepalive_s &&
			entry->persistent_keepalive_s < KEEPALIVE_MIN_S)
			lint_warn(lint, entry, entry->keepalive_line,
				"PersistentKeepalive of %u s is needless load; 25 keeps any NAT "
				"open",
				(unsigned)entry->persistent_keepalive_s);
	}
	lint_kind_end(lint, "short PersistentKeepalives");
}

static int
compare_claims(const void *left, const void *right)
{
	const struct lint_claim *a = left, *b = right;

	return prefix_compare(&a->prefix, &b->prefix);
}

const struct lint_claim *
lint_claim_around(const struct lint *lint, const struct address *address)
{
	for (unsigned len = address_bits(address); len > 0; len--) {
		struct lint_claim wanted = {.prefix = {.address = *address, .len = (uint8_t)len}};
		const struct lint_claim *found;

		prefix_mask(&wanted.prefix);
		found = bsearch(
			&wanted, lint->claims, lint->claim_count, sizeof(wanted), compare_claims);
		if (found)
			return found;
	}
	return NULL;
}

/* Fills in what the kinds look at; false without memory. */
static bool
prepare(struct lint *lint)
{
	const struct tunnel_config *config = lint->config;
	size_t count = 0;

	lint->entries = calloc(config->peer_count + 1, sizeof(const struct tunnel_config_peer *));
	if (!lint->entries)
		return false;
	for (size_t i = 0; i < config->peer_count; i++)
		lint->entries[lint->entry_count++] = &config->peers[i];
	if (config->own)
		lint->entries[lint->entry_count++] = config->own;
	for (size_t i = 0; i < lint->entry_count; i++)
		count += lint->entries[i]->allowed_ips_count;
	lint->claims = calloc(count + 1, sizeof(*lint->claims));
	if (!lint->claims)
		return false;
	for (size_t i = 0; i < lint->entry_count; i++) {
		for (size_t k = 0; k < lint->entries[i]->allowed_ips_count; k++)
			lint->claims[lint->claim_count++] = (struct lint_claim){
				.prefix = lint->entries[i]->allowed_ips[k],
				.entry = lint->entries[i],
			};
	}
	qsort(lint->claims, lint->claim_count, sizeof(*lint->claims), compare_claims);
	if (lint->facts->vpn_address) {
		lint->network = *lint->facts->vpn_address;
		prefix_mask(&lint->network);
	}
	return true;
}

/* By line, so that they can be gone through with the file; what is about no line comes first. */
static void
sort_findings(struct report *report, size_t from)
{
	for (size_t i = from + 1; i < report->count; i++) {
		const struct report_entry entry = report->entries[i];
		size_t at = i;

		for (; at > from && report->entries[at - 1].line > entry.line; at--)
			report->entries[at] = report->entries[at - 1];
		report->entries[at] = entry;
	}
}

size_t
lint_config(
	const struct tunnel_config *config, const struct lint_facts *facts, struct report *report)
{
	struct lint lint = {.config = config, .facts = facts, .report = report};
	const size_t before = report->count;

	if (!config->clustering)
		return 0;
	if (prepare(&lint)) {
		lint_vpn_address(&lint);
		if (config->own)
			lint_own_address(&lint);
		else if (lint_knows_us(&lint))
			lint_own_missing(&lint);
		if (lint_knows_us(&lint))
			lint_leaked_key(&lint);
		lint_allowed_ips(&lint);
		lint_endpoints(&lint);
		lint_preshared_keys(&lint);
		lint_keepalives(&lint);
	} else {
		lint_no_memory(&lint);
	}
	free(lint.claims);
	free(lint.entries);
	sort_findings(report, before);
	return lint.found;
}
