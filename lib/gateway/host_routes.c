/*
 * Which allowed-ips become routes.
 * On the packet's way: nowhere.
 * Threads: management.
 */
#include "gateway/host_routes.h"

#include "tunnel/directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What must stay reachable by the underlay: its own networks, and the peers' endpoints. */
struct outside {
	struct prefix networks[DIRECTORY_LOCALS_MAX];
	size_t network_count;
	struct address *endpoints;
	size_t endpoint_count;
};

/* The tunnels' peers; a peer without an endpoint has an address of no family, in no prefix. */
static size_t
tunnel_endpoints(const struct control *control, struct address to[])
{
	const struct peer *peer;
	size_t count = 0;

	for (unsigned i = 0; i < control->tunnel_count; i++)
		TAILQ_FOREACH (peer, &control->tunnels[i]->peers, entry) {
			if (to != NULL)
				to[count] = peer->endpoint.address;
			count++;
		}
	return count;
}

static int
outside_init(struct outside *outside, const struct tunnel_config *config, struct control *control)
{
	size_t count = 0;
	int error = -ENOMEM;

	control_lock(control);
	outside->network_count =
		nexthops_networks(control->nexthops, outside->networks, DIRECTORY_LOCALS_MAX);
	outside->endpoints = calloc(
		tunnel_endpoints(control, NULL) + config->peer_count + 1, sizeof(struct address));
	if (outside->endpoints != NULL) {
		count = tunnel_endpoints(control, outside->endpoints);
		error = 0;
	}
	control_unlock(control);
	for (size_t i = 0; i < config->peer_count && error == 0; i++)
		if (address_parse(config->peers[i].host, &outside->endpoints[count]) == 0)
			count++;
	outside->endpoint_count = count;
	return error;
}

/* Returns why the prefix must not be routed into the tunnel, or NULL. */
static const char *
refusal(const struct prefix *prefix, const struct outside *outside)
{
	if (prefix->len == 0)
		return "it is a default route";
	for (size_t i = 0; i < outside->network_count; i++)
		if (prefix_contains(prefix, &outside->networks[i].address) ||
			prefix_contains(&outside->networks[i], &prefix->address))
			return "it overlaps a network of the underlay";
	for (size_t i = 0; i < outside->endpoint_count; i++)
		if (prefix_contains(prefix, &outside->endpoints[i]))
			return "it holds a peer's endpoint";
	return NULL;
}

static void
add_route(const struct tun *tun, const struct prefix *prefix, const struct outside *outside,
	const struct log *log)
{
	const char *why = refusal(prefix, outside);
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
			error == -EEXIST ? "another device has it" : strerror(-error));
}

void
host_routes_add(const struct tun *tun, const struct tunnel_config *config, struct control *control)
{
	struct outside outside;

	if (outside_init(&outside, config, control) != 0) {
		log_error(control->log, "%s: no memory to make routes", tun->name);
		return;
	}
	for (size_t i = 0; i < config->peer_count; i++)
		for (size_t k = 0; k < config->peers[i].allowed_ips_count; k++)
			add_route(tun, &config->peers[i].allowed_ips[k], &outside, control->log);
	free(outside.endpoints);
}
