/*
 * Making tunnels and their peers.
 * On the packet's way: beside it.
 * Threads: control, under its lock.
 */
#include "tunnel/tunnel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Per peer: previous, current and next session, a handshake, and the one that replaces it. */
#define INDICES_PER_PEER 5
#define INDICES_AT_FIRST 256

struct tunnel *
tunnel_create(const struct tunnel_settings *settings)
{
	struct tunnel *tunnel = secret_alloc(sizeof(*tunnel));

	if (tunnel == NULL)
		return NULL;
	snprintf(tunnel->name, sizeof(tunnel->name), "%s", settings->name);
	tunnel->listen_port = settings->listen_port;
	tunnel->lane_count = settings->lane_count;
	tunnel->inner = settings->inner;
	tunnel->inner_bell = settings->inner_bell;
	tunnel->reclaim = settings->reclaim;
	for (unsigned i = 0; i < settings->address_count && i < TUNNEL_ADDRESSES_MAX; i++)
		tunnel->addresses[tunnel->address_count++] = settings->addresses[i];
	atomic_init(&tunnel->mtu, settings->mtu);
	TAILQ_INIT(&tunnel->peers);
	noise_identity_init(&tunnel->identity, settings->private_key);
	cookie_checker_init(&tunnel->checker, tunnel->identity.public_key);
	tunnel->sessions = secret_arena_create(sizeof(struct session));
	tunnel->peers_memory = secret_arena_create(peer_size(settings->lane_count));
	tunnel->keys = key_table_create();
	tunnel->handshakes = handshake_queue_create();
	tunnel->index_room = INDICES_AT_FIRST;
	atomic_init(&tunnel->indices, index_table_create(INDICES_AT_FIRST));
	atomic_init(&tunnel->allowed_ips, allowed_ips_build(NULL, 0));
	if (tunnel->sessions == NULL || tunnel->peers_memory == NULL || tunnel->keys == NULL ||
		tunnel->handshakes == NULL || atomic_load(&tunnel->indices) == NULL ||
		atomic_load(&tunnel->allowed_ips) == NULL) {
		tunnel_destroy(tunnel);
		errno = ENOMEM;
		return NULL;
	}
	return tunnel;
}

/* No lane can hold any of the peer's objects: what waits for reclaim goes with reclaim_fini. */
static void
peer_destroy(struct tunnel *tunnel, struct peer *peer)
{
	peer_erase_sessions(peer);
	peer_erase_handshake(peer);
	/* Cannot fail: it takes no memory to publish none. */
	if (peer_set_encap(peer, NULL) != 0)
		abort();
	for (unsigned i = 0; i < tunnel->lane_count; i++) {
		struct staged *staged = &peer->lanes[i].staged;

		while (staged->first != NULL) {
			struct rte_mbuf *mbuf = staged->first;

			staged->first = mbuf->next;
			mbuf->next = NULL;
			rte_pktmbuf_free(mbuf);
		}
	}
	TAILQ_REMOVE(&tunnel->peers, peer, entry);
	key_table_remove(tunnel->keys, peer->remote.public_key);
	free(peer->allowed_ips);
	secret_give(tunnel->peers_memory, peer);
	tunnel->peer_count--;
}

void
tunnel_destroy(struct tunnel *tunnel)
{
	struct peer *peer;

	if (tunnel == NULL)
		return;
	while ((peer = TAILQ_FIRST(&tunnel->peers)) != NULL)
		peer_destroy(tunnel, peer);
	/* Sessions that wait are given back to their arena, so they must go before it. */
	reclaim_poll(tunnel->reclaim);
	allowed_ips_destroy(atomic_load(&tunnel->allowed_ips));
	index_table_destroy(atomic_load(&tunnel->indices));
	key_table_destroy(tunnel->keys);
	handshake_queue_destroy(tunnel->handshakes);
	secret_arena_destroy(tunnel->peers_memory);
	secret_arena_destroy(tunnel->sessions);
	secret_free(tunnel);
}

/* A table that lanes may still read; the memory to retire it is taken before it is replaced. */
struct retired_table {
	struct reclaim_item reclaim;
	void *table;
	void (*destroy)(void *table);
};

static void
retired_table_free(struct reclaim_item *item)
{
	struct retired_table *retired = (struct retired_table *)item;

	retired->destroy(retired->table);
	free(retired);
}

static void
destroy_allowed_ips(void *table)
{
	allowed_ips_destroy(table);
}

static void
destroy_indices(void *table)
{
	index_table_destroy(table);
}

static int
grow_indices(struct tunnel *tunnel)
{
	struct retired_table *retired = calloc(1, sizeof(*retired));
	struct index_table *grown = index_table_grow(
		tunnel_indices(tunnel), (tunnel->peer_count + 1) * INDICES_PER_PEER * 2);

	if (retired == NULL || grown == NULL) {
		free(retired);
		index_table_destroy(grown);
		return -ENOMEM;
	}
	retired->table = tunnel_indices(tunnel);
	retired->destroy = destroy_indices;
	atomic_store_explicit(&tunnel->indices, grown, memory_order_release);
	reclaim_defer(tunnel->reclaim, &retired->reclaim, retired_table_free);
	return 0;
}

struct peer *
tunnel_add_peer(struct tunnel *tunnel, const uint8_t public_key[NOISE_KEY_LEN],
	const uint8_t preshared_key[NOISE_KEY_LEN], const struct prefix allowed_ips[],
	size_t allowed_ips_count)
{
	struct peer *peer;
	int error;

	if (memcmp(public_key, tunnel->identity.public_key, NOISE_KEY_LEN) == 0) {
		errno = EINVAL;
		return NULL;
	}
	if ((tunnel->peer_count + 1) * INDICES_PER_PEER > tunnel->index_room) {
		error = grow_indices(tunnel);
		if (error != 0) {
			errno = -error;
			return NULL;
		}
		tunnel->index_room = (tunnel->peer_count + 1) * INDICES_PER_PEER * 2;
	}
	peer = secret_take(tunnel->peers_memory);
	if (peer == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	peer->tunnel = tunnel;
	noise_remote_init(&peer->remote, &tunnel->identity, public_key, preshared_key);
	cookie_jar_init(&peer->jar, public_key);
	peer->allowed_ips = calloc(allowed_ips_count + 1, sizeof(*peer->allowed_ips));
	error = peer->allowed_ips == NULL
		? -ENOMEM
		: key_table_insert(tunnel->keys, peer->remote.public_key, peer);
	if (error != 0) {
		free(peer->allowed_ips);
		secret_give(tunnel->peers_memory, peer);
		errno = -error;
		return NULL;
	}
	if (allowed_ips_count > 0)
		memcpy(peer->allowed_ips, allowed_ips, allowed_ips_count * sizeof(*allowed_ips));
	peer->allowed_ips_count = allowed_ips_count;
	TAILQ_INSERT_TAIL(&tunnel->peers, peer, entry);
	tunnel->peer_count++;
	return peer;
}

int
tunnel_publish_allowed_ips(struct tunnel *tunnel)
{
	struct retired_table *retired = calloc(1, sizeof(*retired));
	struct allowed_ips *table = NULL;
	struct allowed_ip *entries;
	struct peer *peer;
	size_t count = 0;

	TAILQ_FOREACH (peer, &tunnel->peers, entry)
		count += peer->allowed_ips_count;
	entries = calloc(count + 1, sizeof(*entries));
	if (entries != NULL) {
		count = 0;
		TAILQ_FOREACH (peer, &tunnel->peers, entry)
			for (size_t i = 0; i < peer->allowed_ips_count; i++)
				entries[count++] = (struct allowed_ip){
					.prefix = peer->allowed_ips[i],
					.owner = peer,
				};
		table = allowed_ips_build(entries, count);
	}
	free(entries);
	if (retired == NULL || table == NULL) {
		free(retired);
		allowed_ips_destroy(table);
		return -ENOMEM;
	}
	retired->table =
		atomic_exchange_explicit(&tunnel->allowed_ips, table, memory_order_acq_rel);
	retired->destroy = destroy_allowed_ips;
	reclaim_defer(tunnel->reclaim, &retired->reclaim, retired_table_free);
	return 0;
}
