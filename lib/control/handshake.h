/*
 * Handshakes, both roles: answers the messages that were admitted, and initiates.
 * On the packet's way: beside it; gives sessions to the lanes.
 * Threads: control, under its lock; mostly the handshake thread (rounds.h).
 */
#pragma once

#include "control/control.h"

/*
 * handshake_take deals with an initiation or response of the right length, whose mac1 is right and
 * that was admitted (admission.h).
 */
void handshake_take(
	struct control *control, struct tunnel *tunnel, const struct handshake_message *message);

/* handshake_take_cookie keeps the cookie of a reply to a message of ours; no timer moves for it. */
void handshake_take_cookie(
	struct control *control, struct tunnel *tunnel, const struct message_cookie_reply *message);

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
