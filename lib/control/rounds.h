/*
 * The rounds of the handshake thread: messages that lanes pass on, what they raised, timers.
 * On the packet's way: beside it.
 * Threads: rounds_run is the handshake thread; rounds_do is control, under its lock.
 */
#pragma once

#include "control/control.h"

#include <stdatomic.h>

/* Messages that one round takes, so that timers and others get their turn. */
#define ROUNDS_MESSAGES_MAX 32

/*
 * rounds_do takes up to ROUNDS_MESSAGES_MAX messages and what lanes have raised, and looks at the
 * timers that are due. Returns how much it did; *next_ns, unless NULL, is when it must be called
 * again at the latest if nothing is raised.
 */
unsigned rounds_do(struct control *control, uint64_t *next_ns);

/* rounds_run does rounds, each under the lock, until *stop, sleeping on the rings' bell. */
void rounds_run(struct control *control, const _Atomic bool *stop);
