/*
 * Which of the handshake messages that lanes pass on get as far as a Diffie-Hellman.
 * On the packet's way: beside it; takes messages from in_receive, fills the tunnels' queues.
 * Threads: control, under its lock; the handshake thread (rounds.h). Source: WireGuard paper 5.4.7.
 *
 * mac1 is checked first, in batches, and a message whose mac1 is wrong is dropped. Then, if its
 * tunnel is under load, mac2: without a valid one the answer is a cookie reply and nothing else;
 * with one the source's rate decides. What is left waits in the tunnel's queue, whose depth is the
 * load. So a flood from addresses that are not the sender's own fills no queue and costs no
 * Diffie-Hellman, and a known peer that answers a cookie finds the queue as good as empty.
 *
 * Whatever strangers may exhaust they have a share of: a ring, a part of each round, of the cookie
 * replies, of the sources whose rate is counted, and of the queue. Known sources have another one.
 */
#pragma once

#include "control/control.h"

/* Messages that one call takes from one of the lanes' rings, so that all else gets its turn. */
#define ADMISSION_SHARE_MAX 512

/*
 * Cookie replies to what came by one ring: this many a second, and this many at once. Who guesses
 * macs, from a peer's own address too, has none of those for messages without one.
 */
#define ADMISSION_COOKIES_PER_SECOND 250000
#define ADMISSION_COOKIES_BURST 512

/*
 * admission_take takes messages from the lanes, up to ADMISSION_SHARE_MAX of each ring, and gives
 * back their buffers. Cookie replies to us are dealt with on the spot. Returns how many it took.
 */
unsigned admission_take(struct control *control);
