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

/* One name that a peer waits for. */
struct resolver_name;

/*
 * resolver_name_create makes ready to look up `host`, a name, for the peer of `public_key` in the
 * tunnel; NULL without memory. resolver_name_destroy frees one that was not started; NULL is
 * ignored. Any thread.
 */
struct resolver_name *resolver_name_create(struct resolver *resolver, struct tunnel *tunnel,
	const uint8_t public_key[32], const char *host, uint16_t port);
void resolver_name_destroy(struct resolver_name *name);

/*
 * resolver_start has the name looked up, from the next resolver_wake() on, until it resolves; then
 * the peer's endpoint is set to the first address and the port, and a handshake is begun. If the
 * peer has no endpoint now, one that it is seen at meanwhile stays. It takes the place of what the
 * peer waited for; peer->lookup = 0 gives up. Takes the name over, and cannot fail. Any thread,
 * control lock held.
 */
void resolver_start(struct resolver *resolver, struct resolver_name *name, struct peer *peer);

/* resolver_wake has the loop begin what was started, and drop what nobody waits for. Any thread. */
void resolver_wake(struct resolver *resolver);
