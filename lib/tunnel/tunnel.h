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
#include "tunnel/host_match.h"
#include "tunnel/peer.h"
#include "tunnel/reclaim.h"
#include "tunnel/sources.h"
#include "tunnel/unknown_keys.h"

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
	unsigned number; /* of the gateway's tunnels, from 0 */
	unsigned lane_count;
	struct port
		*inner; /* the host's: what inner packets come from and go to; one queue a lane */
	struct bell *inner_bell; /* of the thread at its other end; NULL if it needs none */
	struct port *pipeline; /* NULL: none; else all but what host_match names goes there */
	struct host_match host_match;
	bool fixed_endpoints; /* peers whose endpoint the configuration names do not roam */
	struct reclaim *reclaim;
	struct prefix addresses[TUNNEL_ADDRESSES_MAX]; /* host bits kept */
	unsigned address_count;
	/* control: writes; lane: reads. */
	_Atomic uint32_t mtu; /* inner, bytes */
	_Atomic(struct index_table *) indices;
	_Atomic(struct allowed_ips *) allowed_ips; /* owners are peers */

	/* control, all that follows */
	uint16_t listen_port; /* what lanes go by is in the directory */
	uint32_t fwmark; /* for the kernel's routing, where the kernel sends; else only shown */
	uint32_t fixed_mtu; /* inner, from the configuration; 0: follows the underlay's */
	struct noise_identity identity;
	struct cookie_checker checker;
	struct handshake_queue *handshakes; /* messages that wait for the handshake thread */
	struct key_table *keys;
	struct secret_arena *sessions;
	struct secret_arena *peers_memory;
	TAILQ_HEAD(tunnel_peers, peer) peers;
	unsigned peer_count;
	unsigned index_room; /* entries that `indices` was made for */
	struct encap *spare_encaps; /* for ways that must not fail for want of memory */
	uint64_t drops[DROP_COUNT]; /* of handshakes that no peer can be named for */
	uint32_t last_number; /* of its peers, those that are gone included */
	uint64_t peers_version; /* grows with each peer that comes or goes */
	struct unknown_keys unknown_keys;
	struct sources wrong_keys; /* who sends handshake messages that are not for our key */
};

/* What a new tunnel is made from. */
struct tunnel_settings {
	const char *name;
	unsigned number;
	uint16_t listen_port;
	const uint8_t *private_key; /* 32 bytes */
	const struct prefix *addresses;
	unsigned address_count;
	uint32_t mtu; /* to begin with */
	uint32_t fixed_mtu; /* 0: follows the underlay's */
	bool fixed_endpoints; /* peers whose endpoint the configuration names do not roam */
	unsigned lane_count;
	struct port *inner; /* stays the caller's */
	struct bell *inner_bell; /* of the thread at its other end; NULL if it needs none */
	struct port *pipeline; /* NULL: none; stays the caller's */
	const struct host_match *host_match; /* copied; NULL: nothing */
	struct reclaim *reclaim;
};

/*
 * tunnel_create makes a tunnel without peers. Returns NULL with errno set. tunnel_destroy wipes and
 * frees it with its peers; no lane may know it any more. NULL is ignored.
 */
struct tunnel *tunnel_create(const struct tunnel_settings *settings);
void tunnel_destroy(struct tunnel *tunnel);

/*
 * tunnel_reserve makes room for `peer_count` peers in all, in what tunnel_enter_peer and their
 * handshakes fill. Room stays; nothing else changes. Returns 0 or -ENOMEM. Control.
 */
int tunnel_reserve(struct tunnel *tunnel, unsigned peer_count) __attribute__((warn_unused_result));

/*
 * tunnel_make_peer makes a peer that nobody knows yet, for a tunnel that is or will be `identity`;
 * NULL without memory. Costs an X25519 and needs no lock. tunnel_enter_peer makes it one of the
 * tunnel's, and cannot fail: the room is reserved, and the key is not there. Control.
 */
struct peer *tunnel_make_peer(struct tunnel *tunnel, const struct noise_identity *identity,
	const uint8_t public_key[NOISE_KEY_LEN], const uint8_t preshared_key[NOISE_KEY_LEN]);
void tunnel_enter_peer(struct tunnel *tunnel, struct peer *peer);

/*
 * tunnel_leave_peer takes the peer out of the tunnel's keys and list, and adds the drops that
 * control has counted for it to the tunnel's. Control.
 */
void tunnel_leave_peer(struct tunnel *tunnel, struct peer *peer);

/*
 * A table of allowed-ips that is to be, owners peers, with the memory to let go of the one that it
 * takes the place of. tunnel_table_make: NULL without memory. tunnel_table_swap publishes it: lanes
 * find by the old table or by the new one, never by anything else. Control. tunnel_table_destroy
 * frees one that was not published; NULL is ignored.
 */
struct tunnel_table;
struct tunnel_table *tunnel_table_make(const struct allowed_ip entries[], size_t count);
void tunnel_table_swap(struct tunnel *tunnel, struct tunnel_table *table);
void tunnel_table_destroy(struct tunnel_table *table);

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
