/*
 * Rules by protocol, port and prefix.
 * On the packet's way: in_deliver.
 * Threads: any; no state.
 */
#include "tunnel/host_match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Longest rule: protocol, port and an IPv6 prefix. */
#define RULE_TEXT_MAX (PREFIX_TEXT_MAX + 16)

static const struct {
	const char *name;
	uint8_t protocol;
	bool ports;
} protocols[] = {{"icmp", 1, false}, {"tcp", 6, true}, {"udp", 17, true}};

static bool
parse_port(const char *text, uint16_t *port)
{
	char *end;
	const unsigned long number = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || number == 0 || number > UINT16_MAX)
		return false;
	*port = (uint16_t)number;
	return true;
}

/* "tcp/22", "icmp": returns whether it is a protocol, with a port if one may follow. */
static bool
parse_service(const char *text, struct host_match_rule *rule)
{
	const size_t len = strcspn(text, "/");

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (strlen(protocols[i].name) != len || memcmp(text, protocols[i].name, len) != 0)
			continue;
		rule->protocol = protocols[i].protocol;
		return text[len] == '\0' ||
			(protocols[i].ports && parse_port(text + len + 1, &rule->port));
	}
	return false;
}

static bool
parse_rule(char *text, struct host_match_rule *rule)
{
	char *at = strchr(text, '@');

	*rule = (struct host_match_rule){.protocol = 0};
	if (at == NULL)
		return parse_service(text, rule) ||
			prefix_parse(text, &rule->destination, NULL) == 0;
	*at = '\0';
	return parse_service(text, rule) && prefix_parse(at + 1, &rule->destination, NULL) == 0;
}

int
host_match_parse(const char *text, struct host_match *match, const char **bad, size_t *bad_len)
{
	static const char separators[] = ", ";

	*match = (struct host_match){.count = 0};
	if (strcmp(text, "none") == 0)
		return 0;
	for (text += strspn(text, separators); *text != '\0'; text += strspn(text, separators)) {
		const size_t len = strcspn(text, separators);
		char rule[RULE_TEXT_MAX];

		*bad = text;
		*bad_len = len;
		if (len >= sizeof(rule) || match->count == HOST_MATCH_RULES_MAX)
			return -EINVAL;
		memcpy(rule, text, len);
		rule[len] = '\0';
		if (!parse_rule(rule, &match->rules[match->count]))
			return -EINVAL;
		match->count++;
		text += len;
	}
	*bad = text;
	*bad_len = 0;
	return match->count > 0 ? 0 : -EINVAL;
}

bool
host_match_holds(const struct host_match *match, const uint8_t *packet, const struct inner *inner)
{
	const struct inner_service service = inner_service_of(packet, inner);
	const struct address destination = address_from_bytes(
		inner->version == 4 ? ADDRESS_IPV4 : ADDRESS_IPV6, inner->destination);

	for (unsigned i = 0; i < match->count; i++) {
		const struct host_match_rule *rule = &match->rules[i];

		if ((rule->protocol == 0 || rule->protocol == service.protocol) &&
			(rule->port == 0 || rule->port == service.port) &&
			(rule->destination.address.family == ADDRESS_NONE ||
				prefix_contains(&rule->destination, &destination)))
			return true;
	}
	return false;
}
