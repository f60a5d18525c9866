/*
 * Targets: what a tunnel shall be, however somebody came to want it: read from the two files, or
 * made from what runs and the operations of a UAPI request.
 * On the packet's way: nowhere.
 * Threads: that of whoever changes the configuration; no lock but what target_from_tunnel says.
 */
#pragma once

#include "config/tunnel_config.h"
#include "tunnel/tunnel.h"

#include <sys/queue.h>

/* "HOST:PORT", "[V6]:PORT" or "[V6%ZONE]:PORT"; HOST a name or an address. */
#define TARGET_ENDPOINT_MAX (TUNNEL_CONFIG_HOST_MAX + 9)

/*
 * What becomes of the endpoint of a peer that runs. That of a new peer is simply set, and a name is
 * looked up for as long as it takes. Whoever gets another endpoint gets it at once: the source
 * address that was kept is forgotten. The session stays, and without one a handshake is begun.
 */
enum target_endpoint {
	/* The one in use stays, also if it was learnt: what UAPI does not mention. */
	TARGET_ENDPOINT_KEEP,
	/*
	 * The files': compared with what the files, or a request, named before. If that was the
	 * same the one in use stays, though the peer may have roamed. Naming none any more ("")
	 * leaves the one in use as well. A new name is looked up, and the one in use serves until
	 * it resolves.
	 */
	TARGET_ENDPOINT_FILE,
	/* UAPI's: compared with the one in use, which undoes roaming. Numeric only. */
	TARGET_ENDPOINT_SET,
};

/* One peer; all but the key may be changed in place. Holds a secret. */
struct target_peer {
	uint8_t public_key[KEY_LEN];
	uint8_t preshared_key[KEY_LEN]; /* zeros: none */
	/*
	 * The peer that runs under this key, if one does, stays and is changed. Otherwise it goes,
	 * with its sessions, stamps and counters, and a new one takes its place.
	 */
	bool kept;
	enum target_endpoint endpoint_rule;
	char endpoint[TARGET_ENDPOINT_MAX]; /* "" : none; not looked at if KEEP */
	uint16_t persistent_keepalive_s; /* 0: off */
	char name[PEER_NAME_MAX];
	/* Of target_settle: sorted by prefix_compare. */
	struct prefix *allowed_ips;
	size_t allowed_ips_count;
	/* The target's own. */
	size_t forgotten; /* claims before this one do not count */
	bool out; /* removed, or ourselves */
	TAILQ_ENTRY(target_peer) entry;
};

TAILQ_HEAD(target_peers, target_peer);

struct target_claim;
struct secret_arena;

/* A tunnel; all but peers and claims may be changed in place. Holds secrets. */
struct target {
	struct noise_identity identity; /* noise_identity_init(); absent: no handshake in or out */
	uint16_t listen_port; /* 0: any that is free */
	uint32_t fwmark; /* for the kernel's routing, where the kernel sends; else only shown */
	uint32_t mtu; /* inner, bytes; 0: follows the underlay's */
	/* Handshakes are begun with new peers, and with all if the key changes, within a second. */
	bool initiate;
	struct target_peers peers; /* in order of their making */
	size_t peer_count;
	struct secret_arena *memory; /* of the peers */
	struct target_peers out; /* those removed, for claims to point to */
	struct key_table *keys; /* of the peers */
	struct target_claim *claims; /* in order of their making: later ones count more */
	size_t claim_count;
	size_t claim_room;
};

/*
 * target_from_config makes a target of the files: kept peers, endpoints by their rule, `initiate`.
 * The port of every endpoint is `peer_port` unless that is 0. The own entry is not among the peers.
 *
 * target_from_tunnel makes one that is what runs: kept peers whose endpoints stay. The caller has
 * begun a reconfiguration (reconfigure.h), so that nobody changes the tunnel meanwhile.
 *
 * Both return 0 or -ENOMEM, and then there is nothing to be undone. target_fini wipes and frees.
 */
int target_from_config(struct target *target, const struct tunnel_config *config,
	uint16_t peer_port) __attribute__((warn_unused_result));
int target_from_tunnel(struct target *target, const struct tunnel *tunnel)
	__attribute__((warn_unused_result));
void target_fini(struct target *target);

/* target_find returns the peer of the key, or NULL. */
struct target_peer *target_find(const struct target *target, const uint8_t public_key[KEY_LEN]);

/*
 * target_add_peer adds a peer, not kept, without allowed-ips; the key must not be there. Returns
 * NULL without memory.
 */
struct target_peer *target_add_peer(struct target *target, const uint8_t public_key[KEY_LEN]);

/* target_remove_peer and target_remove_peers remove one peer, or all, with their allowed-ips. */
void target_remove_peer(struct target *target, struct target_peer *peer);
void target_remove_peers(struct target *target);

/*
 * target_allow gives the prefix (host bits clear) to the peer, and takes it from whoever had it.
 * target_disallow takes it from the peer, if it has just this one. Both return 0 or -ENOMEM.
 * target_disallow_all takes all from the peer.
 */
int target_allow(struct target *target, struct target_peer *peer, const struct prefix *prefix)
	__attribute__((warn_unused_result));
int target_disallow(struct target *target, struct target_peer *peer, const struct prefix *prefix)
	__attribute__((warn_unused_result));
void target_disallow_all(struct target *target, struct target_peer *peer);

/*
 * target_settle works out who has which prefix in the end, and fills the peers' allowed_ips. A peer
 * with our own public key is left out from now on, as if it had never been named: one list can so
 * be given to all. Returns 0 or -ENOMEM. Nothing may be changed after it.
 */
int target_settle(struct target *target) __attribute__((warn_unused_result));
