/*
 * The rounds of the handshake thread: messages that lanes pass on, what they raised, timers.
 * On the packet's way: beside it.
 * Threads: rounds_run is the handshake thread; rounds_do is control, under its lock.
 */
#pragma once

#include "control/control.h"

#include <stdatomic.h>

/*
 * Messages that one round takes out of the queues, so that timers and others get their turn; and
 * when a tunnel is under load, so that the lanes' rings are emptied before a flood fills them
 * again: one of a stranger and one from a known source, which take 0.25 ms.
 */
#define ROUNDS_MESSAGES_MAX 32
#define ROUNDS_LOADED_MAX 2

/*
 * rounds_do takes what lanes have raised, admits the messages that they passed on, deals with up to
 * ROUNDS_MESSAGES_MAX of those admitted, and looks at the timers that are due. Returns how much it
 * did; *next_ns, unless NULL, is when it must be called again at the latest if nothing is raised.
 */
unsigned rounds_do(struct control *control, uint64_t *next_ns);

/* rounds_run does rounds, each under the lock, until *stop, sleeping on the rings' bell. */
void rounds_run(struct control *control, const _Atomic bool *stop);
