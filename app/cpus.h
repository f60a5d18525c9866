/*
 * CPUs: lists of them, and which are ours.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include <sched.h>
#include <stddef.h>

/* cpus_parse reads a list such as "2-3,10" into *cpus. Returns 0, or -EINVAL if it is none. */
int cpus_parse(const char *list, cpu_set_t *cpus) __attribute__((warn_unused_result));

/* cpus_last gives the last CPU that this process may use. Returns 0 or a negative errno. */
int cpus_last(cpu_set_t *cpus) __attribute__((warn_unused_result));

/* cpus_forbidden returns the first of `cpus` that this process may not use, or -1. */
int cpus_forbidden(const cpu_set_t *cpus);

/* cpus_format writes such a list; one that is longer than there is room is cut. Returns `list`. */
const char *cpus_format(const cpu_set_t *cpus, char *list, size_t size);
