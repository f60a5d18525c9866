/*
 * Connections to a tunnel's UAPI socket: requests in, answers out.
 * On the packet's way: nowhere.
 * Threads: management; changes and locks something for whole requests only, never while a client
 * reads or writes.
 */
#pragma once

#include "control/management.h"

#include <sys/queue.h>

/* At once; who comes then takes the place of the one that has been silent longest. */
#define UAPI_CLIENTS_MAX 16
/*
 * How long a request may take to come whole, from the connection or the last answer on, and an
 * answer to be taken further. Then the client is closed.
 */
#define UAPI_PATIENCE_S 10.0

struct ev_loop;
struct uapi_client;

/* All clients of one socket. */
struct uapi_clients {
	struct management *management;
	struct tunnel *tunnel;
	struct ev_loop *loop;
	TAILQ_HEAD(uapi_client_list, uapi_client) list; /* the longest silent first */
	unsigned count;
	double patience_s; /* UAPI_PATIENCE_S at first */
};

void uapi_clients_init(struct uapi_clients *clients, struct management *management,
	struct tunnel *tunnel, struct ev_loop *loop);

/* uapi_clients_fini closes all connections. */
void uapi_clients_fini(struct uapi_clients *clients);

/* uapi_clients_add takes over `fd`, a connected stream that does not block. */
void uapi_clients_add(struct uapi_clients *clients, int fd);
