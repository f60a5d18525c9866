/*
 * Handshakes, both roles: answers the messages that lanes pass on, and initiates.
 * On the packet's way: beside it; takes messages from in_receive, gives sessions to the lanes.
 * Threads: control, under its lock; mostly the handshake thread (rounds.h).
 */
#pragma once

#include "control/control.h"

struct rte_mbuf;

/*
 * handshake_take deals with one message, a whole frame that in_receive has judged: of the right
 * length, for a tunnel of ours. The buffer stays the caller's.
 */
void handshake_take(struct control *control, struct rte_mbuf *mbuf);

/*
 * handshake_initiate sends an initiation to the peer, unless a handshake message went to it less
 * than REKEY_TIMEOUT_NS ago. A `retry` leaves the count of attempts alone. Without a next hop it is
 * tried again every second, and as soon as there is one; packets that wait for it are dropped
 * after 90 s.
 */
void handshake_initiate(struct control *control, struct peer *peer, bool retry);

/* handshake_confirmed moves the slots if the peer has confirmed its next session. */
void handshake_confirmed(struct control *control, struct peer *peer);

/* handshake_next_hop_ready sends what could not be sent for want of a next hop. */
void handshake_next_hop_ready(struct control *control, struct peer *peer);

/* handshake_schedule puts the peer's next due time into control->due, after any event. */
void handshake_schedule(struct control *control, struct peer *peer);
