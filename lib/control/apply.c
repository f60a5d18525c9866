/*
 * Filling a new tunnel.
 * On the packet's way: nowhere.
 * Threads: management.
 */
#include "control/apply.h"

#include "control/endpoint.h"
#include "control/handshake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int
set_way(struct control *control, struct resolver *resolver, struct peer *peer,
	const struct tunnel_config_peer *config, uint16_t port, uint64_t initiate_ns)
{
	struct endpoint endpoint = {.port = port};

	if (config->host[0] == '\0')
		return 0;
	if (address_parse(config->host, &endpoint.address) != 0)
		return resolver_add(resolver, peer->tunnel, config->public_key, config->host, port);
	peer->initiate_ns = initiate_ns;
	endpoint_set(control, peer, &endpoint, NULL);
	return 0;
}

static int
add_peer(struct control *control, struct resolver *resolver, struct tunnel *tunnel,
	const struct tunnel_config_peer *config, uint16_t peer_port, uint64_t initiate_ns)
{
	struct peer *peer = tunnel_add_peer(tunnel, config->public_key, config->preshared_key,
		config->allowed_ips, config->allowed_ips_count);
	int error;

	if (peer == NULL)
		return -errno;
	snprintf(peer->name, sizeof(peer->name), "%s", config->name);
	peer->persistent_keepalive_s = config->persistent_keepalive_s;
	error = set_way(control, resolver, peer, config, peer_port != 0 ? peer_port : config->port,
		initiate_ns);
	if (error != 0)
		return error;
	timers_interval(&peer->timers, &peer->stamps, config->persistent_keepalive_s,
		clock_boot_ns(control->clock));
	handshake_schedule(control, peer);
	return 0;
}

int
apply_config(struct control *control, struct resolver *resolver, struct tunnel *tunnel,
	const struct tunnel_config *config, uint16_t peer_port)
{
	const uint64_t now_ns = clock_boot_ns(control->clock);
	int error;

	control_lock(control);
	error = due_reserve(&control->due, control->due.count + (unsigned)config->peer_count);
	for (size_t i = 0; i < config->peer_count && error == 0; i++)
		error = add_peer(control, resolver, tunnel, &config->peers[i], peer_port,
			now_ns + APPLY_SPREAD_NS * i / config->peer_count);
	if (error == 0)
		error = tunnel_publish_allowed_ips(tunnel);
	control_unlock(control);
	if (error != 0)
		log_error(control->log, "%s: cannot set up its peers: %s", tunnel->name,
			strerror(-error));
	return error;
}
