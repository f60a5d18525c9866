/*
 * The connection to a packet pipeline by memif: who comes, who goes, who is to be refused.
 * On the packet's way: beside it; lanes know the port only.
 * Threads: management; what is said otherwise.
 *
 * A server listens, a client tries again and again, so that it does not matter who starts first,
 * and the other side may go and come back. One is connected at a time; others wait. Whoever leaves,
 * breaks the rules of the rings, or says nothing, is disconnected; the memory that was shared with
 * it is unmapped when no lane can look at it any more.
 */
#pragma once

#include "base/log.h"
#include "net/memif_socket.h"
#include "net/port_memif.h"
#include "tunnel/reclaim.h"
#include "tunnel/rings.h"

#include <stdbool.h>
#include <stdint.h>

struct control;
struct ev_loop;
struct pipeline;

struct pipeline_settings {
	const char *name; /* of the tunnel, for the log */
	const char *path; /* of the control socket; "@NAME": an abstract one */
	struct memif_terms terms; /* copied */
	struct port *port; /* made by port_memif_create; stays the caller's, and outlives it */
};

/*
 * pipeline_create opens the socket of a server; a client begins when the loop runs. Returns 0, or a
 * negative errno with one line in the log.
 */
int pipeline_create(const struct pipeline_settings *settings, struct control *control,
	struct ev_loop *loop, struct pipeline **pipeline) __attribute__((warn_unused_result));

/* pipeline_destroy disconnects; no lane runs. NULL is ignored. */
void pipeline_destroy(struct pipeline *pipeline);

/* What there is to know of a connection. */
struct pipeline_facts {
	bool connected;
	bool client;
	uint32_t id;
	char path[MEMIF_PATH_MAX + 1];
	char peer[MEMIF_NAME_LEN + 1]; /* what the last one called itself, and its interface */
	char interface[MEMIF_NAME_LEN + 1];
	unsigned rx_rings; /* from the pipeline; 0 while not connected */
	unsigned tx_rings;
	unsigned ring_size; /* of the smallest ring, descriptors */
	uint64_t connects; /* how often */
	uint64_t violations; /* disconnected for breaking the rules */
	uint64_t refused; /* connections that never came up */
	uint64_t since_ns; /* boot clock: when it connected, or disconnected; 0: never */
	char why[MEMIF_WHY_MAX]; /* it is not connected; "" before the first time */
};

/* pipeline_facts tells how it stands (any thread, under the control lock). */
void pipeline_facts(const struct pipeline *pipeline, struct pipeline_facts *facts);
