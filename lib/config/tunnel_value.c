/*
 * The values of settings in the two files.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#include "config/tunnel_parse.h"

#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void
claim_add(struct tunnel_parse *parse, const struct prefix *prefix, unsigned line)
{
	if (parse->claim_count == parse->claim_room) {
		size_t room = parse->claim_room ? 2 * parse->claim_room : 64;
		struct tunnel_claim *claims = realloc(parse->claims, room * sizeof(*claims));

		if (!claims) {
			parse->no_memory = true;
			return;
		}
		parse->claims = claims;
		parse->claim_room = room;
	}
	parse->claims[parse->claim_count++] = (struct tunnel_claim){
		.prefix = *prefix,
		.peer = (uint32_t)(parse->config->peer_count - 1),
		.line = line,
	};
}

static void
note_quick(struct tunnel_parse *parse, const char *name, unsigned line)
{
	size_t len = strlen(parse->quick);

	if (!parse->quick_line)
		parse->quick_line = line;
	/* Its names are distinct but for one inside the other, which none of wg-quick's is. */
	if (!strstr(parse->quick, name))
		(void)snprintf(parse->quick + len, sizeof(parse->quick) - len, "%s%s",
			len ? ", " : "", name);
}

static void
parse_private_key(struct tunnel_parse *parse, const char *value, unsigned line)
{
	struct tunnel_config *config = parse->config;

	parse->has_private_key = true;
	if (!key_from_base64(config->private_key, value))
		tunnel_parse_fault(parse, line,
			"PrivateKey is not a key in base64 (44 characters, the last a =); make "
			"one with wg genkey");
	else if (secret_is_zero(config->private_key, KEY_LEN))
		tunnel_parse_fault(parse, line, "PrivateKey is all zeros; make one with wg genkey");
	if (parse->path == config->public_path &&
		(!config->private_path || strcmp(config->public_path, config->private_path) != 0))
		tunnel_parse_warn(parse, line,
			"PrivateKey in the file that all instances share; move it to %s, and make "
			"a new one if this file was copied",
			config->private_path ? config->private_path : "vpn-private.conf");
}

static void
parse_public_key(struct tunnel_parse *parse, const char *value, unsigned line)
{
	struct tunnel_config_peer *peer = tunnel_parse_peer(parse);

	if (!key_from_base64(peer->public_key, value)) {
		tunnel_parse_fault(parse, line,
			"PublicKey is not a key in base64 (44 characters, the last a =); take it "
			"from wg pubkey");
	} else if (key_is_low_order(peer->public_key)) {
		/* Zeros: not to be compared with those of others. */
		memset(peer->public_key, 0, KEY_LEN);
		tunnel_parse_fault(parse, line,
			"PublicKey is one of the few that no private key has; take it from wg "
			"pubkey");
	}
}

static void
parse_allowed_ips(struct tunnel_parse *parse, const char *value, unsigned line)
{
	const char *next = *value ? value : NULL;

	if (!next)
		tunnel_parse_warn(parse, line,
			"AllowedIPs with nothing behind: wg(8) refuses the file for it; remove the "
			"line, or add an address");
	for (unsigned entry = 1; next; entry++) {
		char text[PREFIX_TEXT_MAX];
		size_t len = strcspn(next, ",");
		struct prefix prefix;
		bool host_bits = false;

		(void)snprintf(text, sizeof(text), "%.*s",
			(int)(len < sizeof(text) ? len : sizeof(text)), next);
		next = next[len] ? next + len + 1 : NULL;
		if (len >= sizeof(text) || prefix_parse(text, &prefix, &host_bits) != 0) {
			tunnel_parse_fault(parse, line,
				"AllowedIPs: entry %u is not ADDRESS or ADDRESS/LENGTH, as "
				"10.8.3.2/32 or fd00::2/128",
				entry);
			continue;
		}
		if (host_bits)
			tunnel_parse_warn(parse, line,
				"AllowedIPs: entry %u has host bits; it is read as %s", entry,
				prefix_format(&prefix, text));
		claim_add(parse, &prefix, line);
	}
}

static void
parse_endpoint(struct tunnel_parse *parse, const char *value, unsigned line)
{
	struct tunnel_config_peer *peer = tunnel_parse_peer(parse);

	/* Lint looks at the one that counts; wg(8) at each. */
	if (peer->endpoint_line != 0 && strchr(peer->host, '%') != NULL)
		tunnel_parse_warn(parse, peer->endpoint_line,
			"Endpoint [%s]:%u names an interface, and where there is none of that "
			"name, wg(8) refuses the file; remove it, a later one counts",
			peer->host, (unsigned)peer->port);
	peer->endpoint_line = line;
	switch (wg_endpoint(value, peer->host, sizeof(peer->host), &peer->port)) {
	case WG_ENDPOINT_FINE:
		break;
	case WG_ENDPOINT_NO_BRACKETS:
		tunnel_parse_warn(parse, line,
			"Endpoint: an IPv6 address needs brackets; read as [%s]:%u", peer->host,
			(unsigned)peer->port);
		break;
	case WG_ENDPOINT_NO_PORT:
		tunnel_parse_fault(
			parse, line, "Endpoint has no port; write HOST:PORT or [IPV6]:PORT");
		break;
	case WG_ENDPOINT_BAD_PORT:
		tunnel_parse_fault(
			parse, line, "Endpoint: the port must be a number from 1 to 65535");
		break;
	case WG_ENDPOINT_BAD_HOST:
		tunnel_parse_fault(
			parse, line, "Endpoint: the host is neither an address nor a host name");
		break;
	}
}

/* Reads a number into *number, with "off" for 0 if `off_too`; else says what it should have been.
 */
static void
parse_number(struct tunnel_parse *parse, const struct wg_name *name, const struct wg_line *line,
	uint32_t *number)
{
	bool mark = name->key == WG_FWMARK, keepalive = name->key == WG_KEEPALIVE;
	bool mtu = name->key == WG_MTU;
	uint32_t min = mark || keepalive ? 0 : mtu ? TUNNEL_CONFIG_MTU_MIN : 1;
	uint32_t max = mark ? UINT32_MAX : mtu ? TUNNEL_CONFIG_MTU_MAX : UINT16_MAX;
	uint32_t value = 0;

	if (((mark || keepalive) && strcasecmp(line->value, "off") == 0) ||
		(wg_number(line->value, mark, max, &value) && value >= min))
		*number = value;
	else
		tunnel_parse_fault(parse, line->number, "%s must be a number from %u to %u%s",
			name->text, min, max, min ? "" : ", or off");
}

void
tunnel_parse_value(
	struct tunnel_parse *parse, const struct wg_name *name, const struct wg_line *line)
{
	struct tunnel_config *config = parse->config;
	uint32_t number;

	switch (name->key) {
	case WG_PRIVATE_KEY:
		parse_private_key(parse, line->value, line->number);
		break;
	case WG_LISTEN_PORT:
		number = config->listen_port;
		parse_number(parse, name, line, &number);
		config->listen_port = (uint16_t)number;
		break;
	case WG_FWMARK:
		parse_number(parse, name, line, &config->fwmark);
		if (config->fwmark)
			tunnel_parse_warn(parse, line->number,
				"FwMark is not used here; remove it unless another program needs "
				"it");
		break;
	case WG_MTU:
		parse_number(parse, name, line, &config->mtu);
		note_quick(parse, name->text, line->number);
		break;
	case WG_PUBLIC_KEY:
		parse_public_key(parse, line->value, line->number);
		break;
	case WG_PRESHARED_KEY:
		if (!key_from_base64(tunnel_parse_peer(parse)->preshared_key, line->value))
			tunnel_parse_fault(parse, line->number,
				"PresharedKey is not a key in base64 (44 characters, the last a "
				"=); take it from wg genpsk");
		break;
	case WG_ALLOWED_IPS:
		if (!tunnel_parse_peer(parse)->allowed_ips_line)
			tunnel_parse_peer(parse)->allowed_ips_line = line->number;
		parse_allowed_ips(parse, line->value, line->number);
		break;
	case WG_ENDPOINT:
		parse_endpoint(parse, line->value, line->number);
		break;
	case WG_KEEPALIVE:
		number = 0;
		parse_number(parse, name, line, &number);
		tunnel_parse_peer(parse)->persistent_keepalive_s = (uint16_t)number;
		tunnel_parse_peer(parse)->keepalive_line = line->number;
		break;
	case WG_IGNORED:
	case WG_KEY_COUNT:
		note_quick(parse, name->text, line->number);
		break;
	}
}
