/*
 * Names of endpoints: looked up off every thread that has other work, until they resolve.
 * On the packet's way: nowhere.
 * Threads: management; each lookup is a detached thread that touches nothing but its own memory.
 */
#pragma once

#include "control/control.h"

struct ev_loop;
struct resolver;

/* Lookups under way at once; the others wait their turn. */
#define RESOLVER_LOOKUPS_MAX 8
/* Pause after a name that did not resolve: the first, doubled each time up to the longest. */
#define RESOLVER_RETRY_S 2.0
#define RESOLVER_RETRY_MAX_S 60.0

/* resolver_create returns NULL without memory or descriptors. */
struct resolver *resolver_create(struct control *control, struct ev_loop *loop);

/* resolver_destroy abandons the lookups under way without waiting for them. NULL is ignored. */
void resolver_destroy(struct resolver *resolver);

/*
 * resolver_add has `host`, a name, looked up for the peer of `public_key` in the tunnel; when it
 * resolves, the peer's endpoint is set to the first address and `port`, and a handshake is begun.
 * Returns 0 or -ENOMEM.
 */
int resolver_add(struct resolver *resolver, struct tunnel *tunnel, const uint8_t public_key[32],
	const char *host, uint16_t port) __attribute__((warn_unused_result));
