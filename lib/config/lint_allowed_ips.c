/*
 * What is odd about AllowedIPs.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#include "config/lint_parts.h"

static void
lint_none(struct lint *lint)
{
	lint_kind_begin(lint);
	for (size_t i = 0; i < lint->config->peer_count; i++) {
		const struct tunnel_config_peer *peer = &lint->config->peers[i];

		if (peer->allowed_ips_count == 0)
			lint_warn(lint, peer, peer->allowed_ips_line,
				"no AllowedIPs: no packet can go to this peer or come from it; add "
				"its VPN address");
	}
	lint_kind_end(lint, "peers without AllowedIPs");
}

static bool
overlaps(const struct prefix *a, const struct prefix *b)
{
	return prefix_contains(a, &b->address) || prefix_contains(b, &a->address);
}

/* A peer may have networks behind it: only one that has nothing in the VPN is odd. */
static bool
is_outside(const struct tunnel_config_peer *entry, const struct prefix *network)
{
	for (size_t i = 0; i < entry->allowed_ips_count; i++) {
		if (overlaps(&entry->allowed_ips[i], network))
			return false;
	}
	return entry->allowed_ips_count > 0;
}

static void
lint_outside(struct lint *lint)
{
	char network[PREFIX_TEXT_MAX], first[PREFIX_TEXT_MAX], address[ADDRESS_TEXT_MAX];

	if (!lint->facts->vpn_address)
		return;
	prefix_format(&lint->network, network);
	address_format(&lint->facts->vpn_address->address, address);
	lint_kind_begin(lint);
	for (size_t i = 0; i < lint->config->peer_count; i++) {
		const struct tunnel_config_peer *peer = &lint->config->peers[i];

		if (is_outside(peer, &lint->network))
			lint_warn(lint, peer, peer->allowed_ips_line,
				"AllowedIPs %s%s: outside the VPN's network, %s. Correct it, or, if "
				"it is right, give our VPN address a mask that takes it in "
				"(MITIGATOR_VPN_ADDRESS=%s/LENGTH)",
				prefix_format(&peer->allowed_ips[0], first),
				peer->allowed_ips_count > 1 ? ", ..." : "", network, address);
	}
	lint_kind_end(lint, "peers outside the VPN's network");
}

/* What lies in a prefix follows it in the order of prefixes, without a gap. */
static void
lint_nested(struct lint *lint)
{
	const struct lint_claim *claims = lint->claims;
	char wide[PREFIX_TEXT_MAX], narrow[PREFIX_TEXT_MAX], place[LINT_PLACE_MAX];

	lint_kind_begin(lint);
	for (size_t i = 0; i < lint->claim_count; i++) {
		const struct tunnel_config_peer *entry = claims[i].entry;
		const struct lint_claim *first = NULL;
		size_t inside = 0;

		for (size_t k = i + 1; k < lint->claim_count; k++) {
			if (!prefix_contains(&claims[i].prefix, &claims[k].prefix.address))
				break;
			if (claims[k].entry == entry)
				continue;
			first = first ? first : &claims[k];
			inside++;
		}
		if (first)
			lint_warn(lint, entry, entry->allowed_ips_line,
				"AllowedIPs %s is around %zu of other peers, the first %s of %s: "
				"the longer prefix wins, and this peer has only what is left. "
				"Narrow it if that is not meant",
				prefix_format(&claims[i].prefix, wide), inside,
				prefix_format(&first->prefix, narrow),
				lint_place(lint, first->entry, entry->file, place));
	}
	lint_kind_end(lint, "AllowedIPs around those of other peers");
}

void
lint_allowed_ips(struct lint *lint)
{
	lint_none(lint);
	lint_outside(lint);
	lint_nested(lint);
}
