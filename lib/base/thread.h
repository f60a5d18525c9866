/*
 * Telling the host application of the threads that the library starts.
 * On the packet's way: nowhere.
 * Threads: each tells of itself.
 */
#pragma once

#include <stddef.h>

/* Those of guardlane.h's enum gl_thread, in its order. */
enum thread_kind {
	THREAD_HANDSHAKE,
	THREAD_HOST,
	THREAD_MANAGEMENT,
	THREAD_LOOKUP,
};

/* Constant; what it points to outlives the process's last thread. All zero: nobody is told. */
struct thread_hook {
	void (*started)(void *context, unsigned kind);
	void *context;
};

/* thread_started is the first thing that a thread of the library calls. */
static inline void
thread_started(const struct thread_hook *hook, enum thread_kind kind)
{
	if (hook->started != NULL)
		hook->started(hook->context, kind);
}
