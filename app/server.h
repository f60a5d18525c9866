/*
 * What the main thread does while the gateway runs: it waits for signals and for commands over the
 * control socket, and carries them out, one after the other.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "instance.h"
#include "vigil.h"

struct server;

/*
 * server_create blocks SIGTERM, SIGINT and SIGHUP, which are the server's from now on: before any
 * other thread is made, so that they all come to it. It listens for commands at once, and where it
 * cannot says so and goes without. Returns 0, or a negative errno having said why.
 */
int server_create(struct instance *instance, struct server **server)
	__attribute__((warn_unused_result));

/*
 * server_run returns when a signal has ended it, or when what the vigil watches over is gone, if
 * there is one (else NULL).
 */
void server_run(struct server *server, struct vigil *vigil);

/* NULL is ignored. */
void server_destroy(struct server *server);
