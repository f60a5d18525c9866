/*
 * Copying peers a few at a time.
 * On the packet's way: nowhere.
 * Threads: any that is not a lane.
 */
#include "gateway/snapshot.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/*
 * Peers that are copied under one hold of the lock: handshakes go on in between. When peers came or
 * went meanwhile the tunnel is copied anew, and after so many tries in one go.
 */
#define SLICE_PEERS 128
#define SLICED_TRIES_MAX 3

static int
copy_peer(struct peer *peer, uint64_t now_ns, struct snapshot_peer *copy)
{
	const struct encap *encap = atomic_load_explicit(&peer->encap, memory_order_relaxed);

	*copy = (struct snapshot_peer){
		.endpoint = peer->endpoint,
		.persistent_keepalive_s = peer->persistent_keepalive_s,
		.path_mtu = peer->path_mtu,
		.obstacle = encap == NULL ? DROP_COUNT : encap->obstacle,
		.up = peer_send_session(peer, now_ns) != NULL,
		.initiating = peer->timers.retransmit_ns != 0,
		.latest_handshake_ns = peer->latest_handshake_ns,
		.initiations_sent = peer->initiations_sent,
		.signs = peer->signs,
	};
	copy->number = peer->number;
	memcpy(copy->public_key, peer->remote.public_key, KEY_LEN);
	memcpy(copy->name, peer->name, sizeof(copy->name));
	peer_totals_read(peer, &copy->totals);
	memcpy(copy->control_drops, peer->control_drops, sizeof(copy->control_drops));
	copy->allowed_ips = malloc((peer->allowed_ips_count + 1) * sizeof(*copy->allowed_ips));
	if (copy->allowed_ips == NULL)
		return -ENOMEM;
	memcpy(copy->allowed_ips, peer->allowed_ips,
		peer->allowed_ips_count * sizeof(*copy->allowed_ips));
	copy->allowed_ips_count = peer->allowed_ips_count;
	if (peer->configured == NULL)
		return 0;
	copy->configured_endpoint = strdup(peer->configured);
	return copy->configured_endpoint == NULL ? -ENOMEM : 0;
}

static void
tunnel_fini(struct snapshot_tunnel *copy)
{
	for (unsigned i = 0; i < copy->peer_count; i++) {
		free(copy->peers[i].allowed_ips);
		free(copy->peers[i].configured_endpoint);
	}
	free(copy->peers);
	copy->peers = NULL;
	copy->peer_count = 0;
}

/* Everything but the peers. */
static void
copy_head(struct tunnel *tunnel, struct snapshot_tunnel *copy)
{
	copy->tunnel = tunnel;
	copy->listen_port = tunnel->listen_port;
	copy->mtu = atomic_load_explicit(&tunnel->mtu, memory_order_relaxed);
	memcpy(copy->public_key, tunnel->identity.public_key, KEY_LEN);
	memcpy(copy->drops, tunnel->drops, sizeof(copy->drops));
	copy->unknown_keys = tunnel->unknown_keys;
	sources_read(&tunnel->wrong_keys, copy->wrong_keys);
}

/* Returns 0, -ENOMEM, or -EAGAIN if peers came or went. */
static int
copy_tunnel(struct control *control, struct tunnel *tunnel, unsigned slice, uint64_t now_ns,
	struct snapshot_tunnel *copy)
{
	uint64_t version;
	unsigned count;
	struct peer *peer;
	int error = 0;

	control_lock(control);
	copy_head(tunnel, copy);
	version = tunnel->peers_version;
	count = tunnel->peer_count;
	copy->peers = calloc(count + 1, sizeof(*copy->peers));
	if (copy->peers == NULL)
		error = -ENOMEM;
	peer = TAILQ_FIRST(&tunnel->peers);
	while (peer != NULL && error == 0) {
		error = copy_peer(peer, now_ns, &copy->peers[copy->peer_count++]);
		peer = TAILQ_NEXT(peer, entry);
		if (copy->peer_count % slice != 0)
			continue;
		control_unlock(control);
		control_lock(control);
		/* As long as it is the same, `peer` has not gone. */
		if (tunnel->peers_version != version)
			error = -EAGAIN;
	}
	control_unlock(control);
	return error;
}

static int
take_tunnel(struct control *control, struct tunnel *tunnel, uint64_t now_ns,
	struct snapshot_tunnel *copy)
{
	int error = -EAGAIN;

	for (unsigned tries = 0; error == -EAGAIN; tries++) {
		tunnel_fini(copy);
		error = copy_tunnel(control, tunnel,
			tries < SLICED_TRIES_MAX ? SLICE_PEERS : UINT_MAX, now_ns, copy);
	}
	return error;
}

/* Entries that are in use, of all lanes. */
static int
take_fragments(const struct gateway *gateway, struct snapshot *snapshot)
{
	const unsigned lane_count = gateway->settings.lane_count;
	struct source entries[SOURCES_MAX];

	snapshot->fragments = calloc((size_t)lane_count * SOURCES_MAX, sizeof(entries[0]));
	if (snapshot->fragments == NULL)
		return -ENOMEM;
	for (unsigned lane = 0; lane < lane_count; lane++) {
		sources_read(&gateway->lanes[lane].lane->fragments, entries);
		for (unsigned i = 0; i < SOURCES_MAX; i++)
			if (entries[i].count > 0)
				snapshot->fragments[snapshot->fragment_count++] = entries[i];
	}
	return 0;
}

int
snapshot_take(struct gateway *gateway, struct snapshot *snapshot)
{
	struct control *control = &gateway->control;
	int error;

	*snapshot = (struct snapshot){
		.now_ns = clock_boot_ns(control->clock),
		.real_ns = clock_real_ns(control->clock),
	};
	error = take_fragments(gateway, snapshot);
	for (unsigned i = 0; i < control->tunnel_count && error == 0; i++) {
		snapshot->tunnel_count++;
		error = take_tunnel(
			control, control->tunnels[i], snapshot->now_ns, &snapshot->tunnels[i]);
	}
	return error;
}

void
snapshot_fini(struct snapshot *snapshot)
{
	for (unsigned i = 0; i < snapshot->tunnel_count; i++)
		tunnel_fini(&snapshot->tunnels[i]);
	free(snapshot->fragments);
	*snapshot = (struct snapshot){.tunnel_count = 0};
}
