/*
 * Which allowed-ips become routes.
 * On the packet's way: nowhere.
 * Threads: management.
 */
#include "gateway/host_routes.h"

#include "tunnel/directory.h"

#include <string.h>

/* Returns why the prefix must not be routed into the tunnel, or NULL. */
static const char *
refusal(const struct prefix *prefix, const struct tunnel_config *config,
	const struct nexthops *nexthops)
{
	struct address locals[DIRECTORY_LOCALS_MAX];
	const size_t local_count = nexthops_local(nexthops, locals, DIRECTORY_LOCALS_MAX);

	if (prefix->len == 0)
		return "it is a default route";
	for (size_t i = 0; i < local_count; i++)
		if (prefix_contains(prefix, &locals[i]))
			return "it holds an address of the underlay";
	for (size_t i = 0; i < config->peer_count; i++) {
		struct address endpoint;

		if (address_parse(config->peers[i].host, &endpoint) == 0 &&
			prefix_contains(prefix, &endpoint))
			return "it holds a peer's endpoint";
	}
	return NULL;
}

static void
add_route(const struct tun *tun, const struct prefix *prefix, const struct tunnel_config *config,
	const struct nexthops *nexthops, const struct log *log)
{
	const char *why = refusal(prefix, config, nexthops);
	char text[PREFIX_TEXT_MAX];
	int error;

	prefix_format(prefix, text);
	if (why != NULL) {
		log_warning(log, "%s: no route to %s is made: %s; add one yourself if it is wanted",
			tun->name, text, why);
		return;
	}
	error = tun_route_add(tun, prefix);
	if (error != 0)
		log_warning(log, "%s: cannot add the route to %s: %s", tun->name, text,
			strerror(-error));
}

void
host_routes_add(const struct tun *tun, const struct tunnel_config *config,
	const struct nexthops *nexthops, const struct log *log)
{
	for (size_t i = 0; i < config->peer_count; i++)
		for (size_t k = 0; k < config->peers[i].allowed_ips_count; k++)
			add_route(tun, &config->peers[i].allowed_ips[k], config, nexthops, log);
}
