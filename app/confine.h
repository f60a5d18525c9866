/*
 * What each thread of the program may do: capabilities, and a filter of system calls.
 * On the packet's way: nowhere.
 * Threads: each confines itself.
 */
#pragma once

#include <stdbool.h>

enum confine_kind {
	CONFINE_MAIN, /* signals, commands, metrics; makes gateways anew */
	CONFINE_MANAGEMENT, /* netlink, UAPI */
	CONFINE_LOOKUP, /* names of endpoints */
	CONFINE_EAL, /* DPDK's interrupts */
	CONFINE_HANDSHAKE,
	CONFINE_HOST, /* the TUNs */
	CONFINE_LANE,
};

/*
 * confine_prepare is called by main before any other thread is there: a system call that a filter
 * forbids is from then on said, and ends the program.
 */
void confine_prepare(void);

/*
 * confine_thread gives up, for the calling thread and for good, all capabilities but those that its
 * kind needs (`namespaces`: also that of entering network namespaces), the way to get new ones, and
 * all system calls but those of its kind. Threads that it makes have no more. Once for each thread;
 * what main has given up, threads that it makes later do not have either. Returns 0 or a negative
 * errno.
 */
int confine_thread(enum confine_kind kind, bool namespaces) __attribute__((warn_unused_result));

/*
 * confine_or_end is the same for threads that nobody waits for: on failure it says so and ends the
 * program. A second call in the same thread does nothing.
 */
void confine_or_end(enum confine_kind kind, bool namespaces);
