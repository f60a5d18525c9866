/*
 * Handshakes: answers the messages that lanes pass on, initiates when sessions are wanted, and does
 * what the timers say.
 * On the packet's way: beside it; takes messages from in_receive, gives sessions to the lanes.
 * Threads: the handshake thread runs handshake_run; the rest is control, under its lock.
 */
#pragma once

#include "control/control.h"

#include <stdatomic.h>

/* Messages that one round takes, so that timers and others get their turn. */
#define HANDSHAKE_ROUND_MAX 32

/*
 * handshake_round takes up to HANDSHAKE_ROUND_MAX messages and all that lanes have raised, and
 * looks at the timers that are due. Returns how much it did; *next_ns, unless NULL, is when it must
 * be called again at the latest if nothing is raised.
 */
unsigned handshake_round(struct control *control, uint64_t *next_ns);

/* handshake_run does rounds, each under the lock, until *stop, sleeping on the rings' bell. */
void handshake_run(struct control *control, const _Atomic bool *stop);

/*
 * handshake_initiate sends an initiation to the peer, unless one was sent less than
 * REKEY_TIMEOUT_NS ago. A `retry` leaves the count of attempts alone. Without a next hop it is
 * tried again when there is one.
 */
void handshake_initiate(struct control *control, struct peer *peer, bool retry);

/* handshake_schedule puts the peer's next due time into control->due, after any event. */
void handshake_schedule(struct control *control, struct peer *peer);
