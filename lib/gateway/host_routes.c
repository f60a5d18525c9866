/*
 * Which allowed-ips become routes, and which were.
 * On the packet's way: nowhere.
 * Threads: that which adds or changes tunnels.
 */
#include "gateway/host_routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct host_route {
	struct prefix prefix;
	bool made; /* there is a route of ours */
	bool refused; /* and if not: it was said why */
};

/* What must stay reachable by the underlay: its own networks, and the peers' endpoints. */
struct outside {
	struct prefix networks[DIRECTORY_LOCALS_MAX];
	size_t network_count;
	struct address *endpoints;
	size_t endpoint_count;
};

/* The one in use and the one configured. Where there is none, no prefix holds its address. */
static void
add_endpoints(struct outside *outside, const struct peer *peer)
{
	struct endpoint configured = {.port = 0};

	if (peer->configured == NULL || endpoint_parse(peer->configured, &configured) != 0)
		configured = peer->endpoint;
	outside->endpoints[outside->endpoint_count++] = peer->endpoint.address;
	outside->endpoints[outside->endpoint_count++] = configured.address;
}

static int
outside_init(struct outside *outside, const struct control *control)
{
	const struct peer *peer;
	size_t count = 0;

	for (unsigned i = 0; i < control->tunnel_count; i++)
		count += control->tunnels[i]->peer_count;
	outside->endpoints = calloc(2 * count + 1, sizeof(struct address));
	if (outside->endpoints == NULL)
		return -ENOMEM;
	outside->endpoint_count = 0;
	outside->network_count =
		nexthops_networks(control->nexthops, outside->networks, DIRECTORY_LOCALS_MAX);
	for (unsigned i = 0; i < control->tunnel_count; i++)
		TAILQ_FOREACH (peer, &control->tunnels[i]->peers, entry)
			add_endpoints(outside, peer);
	return 0;
}

static int
compare_routes(const void *left, const void *right)
{
	const struct host_route *a = left, *b = right;

	return prefix_compare(&a->prefix, &b->prefix);
}

/* Lists the peers' allowed-ips, by prefix. */
static int
list_routes(struct host_routes *routes, const struct tunnel *tunnel)
{
	const struct peer *peer;
	size_t count = 0;

	TAILQ_FOREACH (peer, &tunnel->peers, entry)
		count += peer->allowed_ips_count;
	*routes = (struct host_routes){.routes = calloc(count + 1, sizeof(struct host_route))};
	if (routes->routes == NULL)
		return -ENOMEM;
	TAILQ_FOREACH (peer, &tunnel->peers, entry)
		for (size_t i = 0; i < peer->allowed_ips_count; i++)
			routes->routes[routes->count++].prefix = peer->allowed_ips[i];
	qsort(routes->routes, routes->count, sizeof(routes->routes[0]), compare_routes);
	return 0;
}

static struct host_route *
find(const struct host_routes *routes, const struct host_route *like)
{
	if (routes->count == 0)
		return NULL;
	return bsearch(
		like, routes->routes, routes->count, sizeof(routes->routes[0]), compare_routes);
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
take_back(const struct tun *tun, const struct host_route *route, const struct log *log)
{
	const int error = tun_route_remove(tun, &route->prefix);
	char text[PREFIX_TEXT_MAX];

	if (error != 0)
		log_warning(log, "%s: cannot remove the route to %s: %s", tun->name,
			prefix_format(&route->prefix, text), strerror(-error));
}

static void
make(const struct tun *tun, struct host_route *route, const struct log *log)
{
	const int error = tun_route_add(tun, &route->prefix);
	char text[PREFIX_TEXT_MAX];

	route->made = error == 0;
	if (error != 0)
		log_warning(log, "%s: cannot add the route to %s: %s", tun->name,
			prefix_format(&route->prefix, text),
			error == -EEXIST ? "another device has it" : strerror(-error));
}

/* `before` is what was known of the same prefix, or NULL. */
static void
update(const struct tun *tun, struct host_route *route, const struct host_route *before,
	const struct outside *outside, const struct log *log)
{
	const char *why = refusal(&route->prefix, outside);
	const bool made = before != NULL && before->made;
	char text[PREFIX_TEXT_MAX];

	route->made = made && why == NULL;
	route->refused = why != NULL;
	if (why == NULL && !made)
		make(tun, route, log);
	if (why == NULL)
		return;
	if (made)
		take_back(tun, route, log);
	if (before == NULL || !before->refused)
		log_warning(log, "%s: no route to %s is made: %s; add one yourself if it is wanted",
			tun->name, prefix_format(&route->prefix, text), why);
}

void
host_routes_update(struct host_routes *routes, const struct tun *tun, const struct tunnel *tunnel,
	struct control *control, const struct log *log)
{
	struct outside outside;
	struct host_routes now;
	int error;

	control_lock(control);
	error = outside_init(&outside, control);
	if (error == 0) {
		error = list_routes(&now, tunnel);
		if (error != 0)
			free(outside.endpoints);
	}
	control_unlock(control);
	if (error != 0) {
		log_error(log, "%s: no memory to make routes", tun->name);
		return;
	}
	for (size_t i = 0; i < routes->count; i++)
		if (routes->routes[i].made && find(&now, &routes->routes[i]) == NULL)
			take_back(tun, &routes->routes[i], log);
	for (size_t i = 0; i < now.count; i++)
		update(tun, &now.routes[i], find(routes, &now.routes[i]), &outside, log);
	free(outside.endpoints);
	host_routes_fini(routes);
	*routes = now;
}

void
host_routes_fini(struct host_routes *routes)
{
	free(routes->routes);
	*routes = (struct host_routes){.count = 0};
}
