/*
 * Snapshots: what status is made from, copied in the lanes' and the control side's own forms.
 * On the packet's way: nowhere.
 * Threads: any that is not a lane; takes the control lock, for a few peers at a time.
 */
#pragma once

#include "gateway/gateway.h"

struct snapshot_peer {
	uint32_t number;
	uint8_t public_key[KEY_LEN];
	char name[PEER_NAME_MAX];
	char *configured_endpoint; /* NULL: none */
	struct endpoint endpoint; /* in force; port 0: not known */
	struct prefix *allowed_ips;
	size_t allowed_ips_count;
	uint16_t persistent_keepalive_s;
	uint32_t path_mtu;
	enum drop_reason obstacle; /* why nothing can be sent; DROP_COUNT if it can */
	bool up; /* there is a session to send on */
	bool initiating;
	uint64_t latest_handshake_ns;
	uint64_t initiations_sent;
	struct peer_signs signs;
	struct peer_totals totals;
	uint32_t control_drops[DROP_COUNT]; /* of the totals' drops, those that no lane counts */
};

struct snapshot_tunnel {
	const struct tunnel *tunnel; /* for what never changes */
	uint16_t listen_port;
	uint32_t mtu;
	uint8_t public_key[KEY_LEN];
	uint64_t drops[DROP_COUNT];
	struct unknown_keys unknown_keys;
	struct source wrong_keys[SOURCES_MAX];
	struct snapshot_peer *peers;
	unsigned peer_count;
};

struct snapshot {
	uint64_t now_ns;
	uint64_t real_ns;
	struct snapshot_tunnel tunnels[DIRECTORY_TUNNELS_MAX];
	unsigned tunnel_count;
	struct source *fragments; /* of all lanes */
	unsigned fragment_count;
};

/*
 * snapshot_take copies what there is of the gateway's peers. Each peer is copied as it is at one
 * moment, all of them within a few milliseconds. Returns 0 or -ENOMEM; snapshot_fini in any case.
 */
int snapshot_take(struct gateway *gateway, struct snapshot *snapshot)
	__attribute__((warn_unused_result));
void snapshot_fini(struct snapshot *snapshot);
