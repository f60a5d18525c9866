/*
 * WireGuard's cross-platform userspace API: what wg(8) talks to.
 * On the packet's way: nowhere.
 * Threads: management; Source: wireguard.com/xplatform.
 */
#pragma once

#include "control/management.h"

struct ev_loop;
struct uapi;

#define UAPI_DIR "/var/run/wireguard"

/*
 * uapi_create listens on UAPI_DIR/NAME.sock of the tunnel, mode 0600, in the event loop. A socket
 * file that nobody listens on is replaced; -EADDRINUSE if somebody does. Where the folder is not
 * ours to write to, that is a warning, and *uapi is NULL. Returns 0, or a negative errno with one
 * line in the log.
 */
int uapi_create(struct management *management, struct tunnel *tunnel, struct ev_loop *loop,
	struct uapi **uapi) __attribute__((warn_unused_result));

/* uapi_destroy closes all connections and removes the socket file. NULL is ignored. */
void uapi_destroy(struct uapi *uapi);
