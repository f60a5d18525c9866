/*
 * What the host says about itself in /proc, /sys and /dev.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Paths are formatted, and stand below `root`: "" is this host, tests have folders of their own.
 * Each function returns false, and leaves what it would have written, if there is no such file, or
 * nothing in it that fits.
 */

/* host_has tells whether the file is there. */
bool host_has(const char *root, const char *path, ...) __attribute__((format(printf, 2, 3)));

/* host_text reads the first line, as far as there is room. */
bool host_text(const char *root, char *text, size_t size, const char *path, ...)
	__attribute__((format(printf, 4, 5)));

/* host_number reads a number, in decimal. */
bool host_number(const char *root, long *number, const char *path, ...)
	__attribute__((format(printf, 3, 4)));

/* host_cpus reads a list of CPUs; an empty one fits. */
bool host_cpus(const char *root, cpu_set_t *cpus, const char *path, ...)
	__attribute__((format(printf, 3, 4)));

/* host_link reads the last part of what a symbolic link points to. */
bool host_link(const char *root, char *name, size_t size, const char *path, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * host_line reads what stands behind `key`, and blanks and colons behind it, in the first line that
 * begins with it: host_line(root, text, size, "/proc/meminfo", "MemAvailable").
 */
bool host_line(const char *root, char *text, size_t size, const char *path, const char *key);

/*
 * host_holder finds a process that has opened `target`, as /proc/PID/fd shows it ("/dev/vfio/7",
 * "socket:[4711]"), and writes its id and name: "1234 (dpdk-testpmd)".
 */
bool host_holder(const char *root, const char *target, char *who, size_t size);

/* host_hugepages_mib returns how much memory there is in free 2 MiB and 1 GiB pages. */
unsigned long host_hugepages_mib(const char *root);

/* host_node_hugepages_mib is the same of one NUMA node; false if there is no such node. */
bool host_node_hugepages_mib(const char *root, unsigned node, unsigned long *mib);

/* host_isolated tells whether the kernel keeps all of `cpus` free of other work (isolcpus). */
bool host_isolated(const char *root, const cpu_set_t *cpus);
