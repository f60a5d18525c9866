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

/* Addresses that must stay reachable by the underlay: its own, and the peers' endpoints. */
struct outside {
	struct address *addresses;
	size_t local_count; /* the first ones are local */
	size_t count;
};

static int
outside_init(struct outside *outside, const struct tunnel_config *config,
	const struct nexthops *nexthops)
{
	outside->addresses =
		calloc(DIRECTORY_LOCALS_MAX + config->peer_count, sizeof(struct address));
	if (outside->addresses == NULL)
		return -ENOMEM;
	outside->local_count = nexthops_local(nexthops, outside->addresses, DIRECTORY_LOCALS_MAX);
	outside->count = outside->local_count;
	for (size_t i = 0; i < config->peer_count; i++)
		if (address_parse(config->peers[i].host, &outside->addresses[outside->count]) == 0)
			outside->count++;
	return 0;
}

/* Returns why the prefix must not be routed into the tunnel, or NULL. */
static const char *
refusal(const struct prefix *prefix, const struct outside *outside)
{
	if (prefix->len == 0)
		return "it is a default route";
	for (size_t i = 0; i < outside->count; i++)
		if (prefix_contains(prefix, &outside->addresses[i]))
			return i < outside->local_count ? "it holds an address of the underlay"
							: "it holds a peer's endpoint";
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
host_routes_add(const struct tun *tun, const struct tunnel_config *config,
	const struct nexthops *nexthops, const struct log *log)
{
	struct outside outside;

	if (outside_init(&outside, config, nexthops) != 0) {
		log_error(log, "%s: no memory to make routes", tun->name);
		return;
	}
	for (size_t i = 0; i < config->peer_count; i++)
		for (size_t k = 0; k < config->peers[i].allowed_ips_count; k++)
			add_route(tun, &config->peers[i].allowed_ips[k], &outside, log);
	free(outside.addresses);
}
