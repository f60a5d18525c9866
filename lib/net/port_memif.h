/*
 * A port that is one end of a memif: another process on this host, the packet pipeline, is at the
 * other one, if it is there at all.
 * On the packet's way: in_deliver and out_receive, as the pipeline's port.
 * Threads: a queue belongs to one lane; connecting to management, while lanes run.
 */
#pragma once

#include "net/memif_channel.h"
#include "net/port.h"

/* Packets that a lane without a ring of its own may hand to one that has, waiting. */
#define PORT_MEMIF_HANDED_DEPTH 512

struct port_memif_settings {
	const char *name;
	uint16_t queue_count;
	struct rte_mempool *pool; /* for what is received */
	bool ethernet;
	uint16_t mtu;
	uint8_t mac[6]; /* if `ethernet` */
};

/* port_memif_create makes the port, with nobody at its other end. Returns 0 or -ENOMEM. */
int port_memif_create(const struct port_memif_settings *settings, struct port **port)
	__attribute__((warn_unused_result));

/*
 * port_memif_connect has lanes work on the link from now on; the port had none. It takes the link
 * over until port_memif_disconnect, which returns it, or NULL: it is to be given to
 * port_memif_release once no lane can know it any more (a grace period of RCU).
 */
void port_memif_connect(struct port *port, struct memif_link *link);
struct memif_link *port_memif_disconnect(struct port *port);
void port_memif_release(struct port *port, struct memif_link *link);

/* port_memif_link returns the link that lanes work on, or NULL. Management. */
const struct memif_link *port_memif_link(const struct port *port);

/* What one queue has carried. */
struct port_memif_counters {
	struct memif_ring_counters rx; /* from the other end */
	struct memif_ring_counters tx;
	uint64_t handed; /* to another lane's ring */
	uint64_t handed_dropped; /* of those, for which that ring had no room in the end */
};

/* port_memif_counters reads them (any thread). */
void
port_memif_counters(const struct port *port, uint16_t queue, struct port_memif_counters *counters);
