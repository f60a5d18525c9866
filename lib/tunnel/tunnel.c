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
	tunnel->number = settings->number;
	tunnel->inner = settings->inner;
	tunnel->inner_bell = settings->inner_bell;
	tunnel->pipeline = settings->pipeline;
	if (settings->host_match != NULL)
		tunnel->host_match = *settings->host_match;
	tunnel->reclaim = settings->reclaim;
	tunnel->fixed_mtu = settings->fixed_mtu;
	tunnel->fixed_endpoints = settings->fixed_endpoints;
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
	tunnel_leave_peer(tunnel, peer);
	peer_discard(peer);
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

/* A table that lanes may still read, or will; the memory to retire it comes with it. */
struct tunnel_table {
	struct reclaim_item reclaim;
	void *table;
	void (*destroy)(void *table);
};

static void
table_free(struct reclaim_item *item)
{
	struct tunnel_table *retired = (struct tunnel_table *)item;

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
reserve_indices(struct tunnel *tunnel, unsigned peer_count)
{
	const unsigned room = peer_count * INDICES_PER_PEER * 2;
	struct tunnel_table *retired;
	struct index_table *grown;

	if (peer_count * INDICES_PER_PEER <= tunnel->index_room)
		return 0;
	retired = calloc(1, sizeof(*retired));
	grown = index_table_grow(tunnel_indices(tunnel), room);
	if (retired == NULL || grown == NULL) {
		free(retired);
		index_table_destroy(grown);
		return -ENOMEM;
	}
	retired->table = tunnel_indices(tunnel);
	retired->destroy = destroy_indices;
	atomic_store_explicit(&tunnel->indices, grown, memory_order_release);
	reclaim_defer(tunnel->reclaim, &retired->reclaim, table_free);
	tunnel->index_room = room;
	return 0;
}

int
tunnel_reserve(struct tunnel *tunnel, unsigned peer_count)
{
	const int error = key_table_reserve(tunnel->keys, peer_count);

	return error != 0 ? error : reserve_indices(tunnel, peer_count);
}

struct peer *
tunnel_make_peer(struct tunnel *tunnel, const struct noise_identity *identity,
	const uint8_t public_key[NOISE_KEY_LEN], const uint8_t preshared_key[NOISE_KEY_LEN])
{
	struct peer *peer = secret_take(tunnel->peers_memory);

	if (peer == NULL)
		return NULL;
	peer->tunnel = tunnel;
	noise_remote_init(&peer->remote, identity, public_key, preshared_key);
	cookie_jar_init(&peer->jar, public_key);
	return peer;
}

void
tunnel_enter_peer(struct tunnel *tunnel, struct peer *peer)
{
	/* A key that is there, or no room, would be a mistake of the caller's. */
	if (key_table_insert(tunnel->keys, peer->remote.public_key, peer) != 0)
		abort();
	unknown_keys_forget(&tunnel->unknown_keys, peer->remote.public_key);
	peer->number = ++tunnel->last_number;
	TAILQ_INSERT_TAIL(&tunnel->peers, peer, entry);
	tunnel->peer_count++;
	tunnel->peers_version++;
}

void
tunnel_leave_peer(struct tunnel *tunnel, struct peer *peer)
{
	TAILQ_REMOVE(&tunnel->peers, peer, entry);
	key_table_remove(tunnel->keys, peer->remote.public_key);
	tunnel->peer_count--;
	tunnel->peers_version++;
	for (unsigned reason = 0; reason < DROP_COUNT; reason++)
		tunnel->drops[reason] += peer->control_drops[reason];
}

struct tunnel_table *
tunnel_table_make(const struct allowed_ip entries[], size_t count)
{
	struct tunnel_table *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return NULL;
	made->table = allowed_ips_build(entries, count);
	made->destroy = destroy_allowed_ips;
	if (made->table != NULL)
		return made;
	free(made);
	return NULL;
}

void
tunnel_table_swap(struct tunnel *tunnel, struct tunnel_table *table)
{
	table->table =
		atomic_exchange_explicit(&tunnel->allowed_ips, table->table, memory_order_acq_rel);
	reclaim_defer(tunnel->reclaim, &table->reclaim, table_free);
}

void
tunnel_table_destroy(struct tunnel_table *table)
{
	if (table != NULL)
		table_free(&table->reclaim);
}
