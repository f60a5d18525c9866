/*
 * Tunnels: one WireGuard interface each, with its key, port and peers.
 * On the packet's way: told apart by UDP destination port (in), by inner port (out).
 * Threads: see each field. "control" means under the control side's lock.
 */
#pragma once

#include "base/address.h"
#include "net/port.h"
#include "proto/cookie.h"
#include "proto/noise.h"
#include "table/allowed_ips.h"
#include "table/index_table.h"
#include "table/key_table.h"
#include "tunnel/handshake_queue.h"
#include "tunnel/peer.h"
#include "tunnel/reclaim.h"

#include <stdatomic.h>
#include <stdint.h>

#define TUNNEL_NAME_MAX 16
/* Inner addresses of the tunnel itself. */
#define TUNNEL_ADDRESSES_MAX 4
/* Header and tag, UDP and IPv6 around an inner packet: what the inner MTU is less by. */
#define TUNNEL_OVERHEAD 80
/* Inner MTUs: what every link that carries IPv6 has, and what the AEAD takes. */
#define TUNNEL_MTU_MIN 1280
#define TUNNEL_MTU_MAX 9216

/* tunnel_mtu returns the inner MTU over an underlay of `underlay_mtu`, both in bytes. */
static inline uint32_t
tunnel_mtu(uint32_t underlay_mtu)
{
	if (underlay_mtu < TUNNEL_MTU_MIN + TUNNEL_OVERHEAD)
		return TUNNEL_MTU_MIN;
	if (underlay_mtu > TUNNEL_MTU_MAX + TUNNEL_OVERHEAD)
		return TUNNEL_MTU_MAX;
	return underlay_mtu - TUNNEL_OVERHEAD;
}

struct tunnel {
	/* management: writes before the tunnel is shared; any: reads. */
	char name[TUNNEL_NAME_MAX];
	uint16_t listen_port;
	unsigned lane_count;
	struct port *inner; /* what inner packets come from and go to; one queue a lane */
	struct bell *inner_bell; /* of the thread at its other end; NULL if it needs none */
	struct reclaim *reclaim;
	struct prefix addresses[TUNNEL_ADDRESSES_MAX]; /* host bits kept */
	unsigned address_count;
	/* control: writes; lane: reads. */
	_Atomic uint32_t mtu; /* inner, bytes */
	_Atomic(struct index_table *) indices;
	_Atomic(struct allowed_ips *) allowed_ips; /* owners are peers */

	/* control, all that follows */
	struct noise_identity identity;
	struct cookie_checker checker;
	struct handshake_queue *handshakes; /* messages that wait for the handshake thread */
	struct key_table *keys;
	struct secret_arena *sessions;
	struct secret_arena *peers_memory;
	TAILQ_HEAD(tunnel_peers, peer) peers;
	unsigned peer_count;
	unsigned index_room; /* entries that `indices` was made for */
	uint32_t drops[DROP_COUNT]; /* of handshakes that no peer can be named for */
};

/* What a new tunnel is made from. */
struct tunnel_settings {
	const char *name;
	uint16_t listen_port;
	const uint8_t *private_key; /* 32 bytes */
	const struct prefix *addresses;
	unsigned address_count;
	uint32_t mtu;
	unsigned lane_count;
	struct port *inner; /* stays the caller's */
	struct bell *inner_bell; /* of the thread at its other end; NULL if it needs none */
	struct reclaim *reclaim;
};

/*
 * tunnel_create makes a tunnel without peers. Returns NULL with errno set. tunnel_destroy wipes and
 * frees it with its peers; no lane may know it any more. NULL is ignored.
 */
struct tunnel *tunnel_create(const struct tunnel_settings *settings);
void tunnel_destroy(struct tunnel *tunnel);

/*
 * tunnel_add_peer makes a peer and enters its key. The allowed-ips are taken over by
 * tunnel_publish_allowed_ips(). Returns NULL with errno set: EEXIST, EINVAL for our own key.
 */
struct peer *tunnel_add_peer(struct tunnel *tunnel, const uint8_t public_key[NOISE_KEY_LEN],
	const uint8_t preshared_key[NOISE_KEY_LEN], const struct prefix allowed_ips[],
	size_t allowed_ips_count);

/* tunnel_publish_allowed_ips rebuilds the table from all peers and swaps it. 0 or -ENOMEM. */
int tunnel_publish_allowed_ips(struct tunnel *tunnel) __attribute__((warn_unused_result));

/* tunnel_indices returns the index table; for control, which alone replaces it. */
static inline struct index_table *
tunnel_indices(struct tunnel *tunnel)
{
	return atomic_load_explicit(&tunnel->indices, memory_order_relaxed);
}

/* tunnel_find_inner returns the peer of an inner address of 4 or 16 bytes, or NULL. Lanes. */
static inline struct peer *
tunnel_find_inner(struct tunnel *tunnel, uint8_t version, const uint8_t *address)
{
	const struct allowed_ips *table =
		atomic_load_explicit(&tunnel->allowed_ips, memory_order_acquire);

	return version == 4 ? allowed_ips_find4(table, address) : allowed_ips_find6(table, address);
}
