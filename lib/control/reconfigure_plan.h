/*
 * Inside of a reconfiguration: what is planned for each tunnel and peer (for reconfigure*.c only).
 * On the packet's way: nowhere.
 * Threads: that of the reconfiguration.
 */
#pragma once

#include "control/reconfigure.h"

/* What changes about a peer: bits. A new one has them all. */
enum peer_change {
	PEER_CHANGE_NEW = 1 << 0,
	PEER_CHANGE_PRESHARED_KEY = 1 << 1,
	PEER_CHANGE_ENDPOINT = 1 << 2,
	PEER_CHANGE_KEEPALIVE = 1 << 3,
	PEER_CHANGE_ALLOWED_IPS = 1 << 4,
	PEER_CHANGE_NAME = 1 << 5,
	PEER_CHANGE_ALL = (1 << 6) - 1,
};

/* A peer that there will be. */
struct peer_plan {
	struct target_peer *target;
	struct peer *peer; /* that runs, or is made and known to nobody yet */
	unsigned changes; /* of enum peer_change */
	/* With PEER_CHANGE_ENDPOINT. */
	struct endpoint endpoint; /* to be set; port 0: none, or a name */
	struct resolver_name *name; /* to be looked up; or NULL */
	char *configured; /* the text to be remembered; NULL: none */
};

struct tunnel_plan {
	struct tunnel *tunnel;
	struct target *target;
	struct peer_plan *peers;
	size_t peer_count;
	size_t new_count;
	size_t endpoint_count; /* of peers that get another endpoint */
	struct peer **removed;
	size_t removed_count;
	bool new_key;
	struct noise_remote *remotes; /* with a new key: of each of `peers`; locked memory */
	struct tunnel_table *table; /* NULL: the allowed-ips stay as they are */
	/* Of reconfigure_ready(). */
	uint16_t listen_port; /* that it will have */
	bool moves; /* that is another one */
	struct encap *spare_encaps;
};

struct reconfigure {
	struct management *management;
	struct control *control;
	const struct log *log;
	struct tunnel_plan plans[DIRECTORY_TUNNELS_MAX];
	unsigned plan_count;
	struct directory *directory; /* NULL: no port changes */
	uint16_t held[DIRECTORY_TUNNELS_MAX]; /* ports that are held for it */
	unsigned held_count;
};

/*
 * tunnel_plan_make compares, and takes all memory that this tunnel alone needs. Returns 0 or
 * -ENOMEM; tunnel_plan_fini frees what was not applied, also after an error.
 */
int tunnel_plan_make(struct tunnel_plan *plan, struct tunnel *tunnel, struct target *target,
	struct management *management) __attribute__((warn_unused_result));
void tunnel_plan_fini(struct tunnel_plan *plan);

/*
 * tunnel_plan_apply makes the tunnel what the plan says, but for listen ports and directory, which
 * are there already. Control lock held.
 */
void tunnel_plan_apply(struct tunnel_plan *plan, struct management *management);
