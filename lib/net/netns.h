/*
 * Other network namespaces: a host device may live in one.
 * On the packet's way: nowhere.
 * Threads: main, management.
 */
#pragma once

/*
 * netns_open opens a network namespace: a NAME of ip-netns(8), or, with a slash in it, a path such
 * as /proc/PID/ns/net. Returns the descriptor or a negative errno.
 */
int netns_open(const char *name) __attribute__((warn_unused_result));

/*
 * netns_call returns what call(context) returns in the namespace `netns`; -1 is our own. The call
 * is made on a thread of its own, so that the caller cannot be left in there. Or a negative errno:
 * -EPERM without CAP_SYS_ADMIN.
 */
int netns_call(int netns, int (*call)(void *context), void *context)
	__attribute__((warn_unused_result));
