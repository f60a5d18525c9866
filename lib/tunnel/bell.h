/*
 * A bell wakes a thread that sleeps because its rings were empty, and costs next to nothing while
 * it is awake.
 * On the packet's way: at the end of a lane's round.
 * Threads: one sleeper, any number of ringers.
 */
#pragma once

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct bell {
	int fd; /* eventfd */
	_Atomic bool asleep; /* sleeper: writes; ringers: read and clear */
};

/* bell_init makes a bell. Returns 0 or a negative errno. */
int bell_init(struct bell *bell) __attribute__((warn_unused_result));
void bell_fini(struct bell *bell);

/*
 * bell_ring wakes the sleeper if it sleeps. Call it after having put work into the sleeper's ring.
 * Enters the kernel only if there is somebody to wake.
 */
void bell_ring(struct bell *bell);

/*
 * bell_sleep_begin announces the sleep; the sleeper then looks at its rings once more, and either
 * sleeps by bell_sleep() or, having found work, calls bell_sleep_end(). No wake-up is lost: the
 * announcement is ordered before that look, and a ringer's work before its look at the bell.
 */
void bell_sleep_begin(struct bell *bell);
void bell_sleep_end(struct bell *bell);

/*
 * bell_sleep sleeps until the bell is rung, one of the `count` further descriptors in fds[1] and up
 * is ready, or `timeout_ns` has passed (UINT64_MAX: no limit); then ends the sleep. fds[0] is the
 * bell's own; revents of the others are filled. Returns whether any further descriptor is ready.
 */
bool bell_sleep(struct bell *bell, struct pollfd fds[], unsigned count, uint64_t timeout_ns);
