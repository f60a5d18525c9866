/*
 * Endpoints of peers: where to send, by which next hop; the outer header that lanes use.
 * On the packet's way: beside it; makes what out_encap writes.
 * Threads: control, under its lock.
 */
#pragma once

#include "control/control.h"

/*
 * endpoint_set makes `remote` the peer's endpoint, and `local` (NULL: the route's choice) the
 * address to send from, and publishes the way there. Returns whether packets can be sent.
 */
bool endpoint_set(struct control *control, struct peer *peer, const struct endpoint *remote,
	const struct address *local);

/*
 * endpoint_learn is told where an authentic handshake message came from, and which address of ours
 * it was for: that is where the peer is from now on, unless its endpoint is fixed and elsewhere.
 * Returns whether packets can be sent to where it is.
 */
bool endpoint_learn(struct control *control, struct peer *peer, const struct endpoint *remote,
	const struct address *local);

/* endpoint_forget_source drops the local address that was kept; the route chooses again. */
void endpoint_forget_source(struct control *control, struct peer *peer);

/*
 * endpoint_refresh asks for the next hop again and publishes the way if it has changed. Returns
 * whether packets can be sent. For a neighbour that a new way wants they wait until
 * peer->resolve_until_ns, when this must be called again.
 */
bool endpoint_refresh(struct control *control, struct peer *peer);

/* endpoint_roamed takes over where lanes have last seen the peer, from peer->roaming. */
void endpoint_roamed(struct control *control, struct peer *peer);
