/*
 * The directory: what a lane must know to tell what a received packet is for.
 * On the packet's way: in_receive, and the round over all tunnels' inner ports.
 * Threads: immutable, replaced as a whole under RCU; control makes it, lanes read it.
 */
#pragma once

#include "base/address.h"
#include "tunnel/reclaim.h"
#include "tunnel/tunnel.h"

#define DIRECTORY_TUNNELS_MAX 8
#define DIRECTORY_LOCALS_MAX 64

struct directory {
	unsigned tunnel_count;
	struct tunnel *tunnels[DIRECTORY_TUNNELS_MAX];
	uint16_t ports[DIRECTORY_TUNNELS_MAX]; /* of the tunnels, host byte order */
	unsigned local_count;
	struct address locals[DIRECTORY_LOCALS_MAX]; /* the underlay's own addresses */
	/* The kernel has received: all that comes is for this host, and may come from it. */
	bool sockets;
	struct reclaim_item reclaim;
};

/* directory_tunnel returns the tunnel that listens on the port, or NULL. */
static inline struct tunnel *
directory_tunnel(const struct directory *directory, uint16_t port)
{
	for (unsigned i = 0; i < directory->tunnel_count; i++)
		if (directory->ports[i] == port)
			return directory->tunnels[i];
	return NULL;
}

/* directory_is_local tells whether the address is one of the underlay's own. */
static inline bool
directory_is_local(const struct directory *directory, const struct address *address)
{
	for (unsigned i = 0; i < directory->local_count; i++)
		if (address_equal(&directory->locals[i], address))
			return true;
	return false;
}
