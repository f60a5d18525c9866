/*
 * Where things are when nobody says: the operator's files, the VPN address, CPUs, memory.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "options.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>

#define PLACES_VPN_ADDRESS_MAX 64

struct places {
	char private_conf[PATH_MAX];
	char public_conf[PATH_MAX];
	char dotenv[PATH_MAX];
};

/* places_find decides on the files. Returns 0, or -ENAMETOOLONG having said to `log` so. */
int places_find(struct places *places, const struct tunnel_options *options,
	const struct gl_log *log) __attribute__((warn_unused_result));

/*
 * places_vpn_address finds our address in the VPN: as given, else in the environment, else in .env.
 * The environment is one for all tunnels, so for a `further` one its own .env goes before. Returns
 * 0, or -ENOENT or -E2BIG having said to `log` where it was looked for.
 */
int places_vpn_address(const struct places *places, const struct tunnel_options *options,
	bool further, char address[PLACES_VPN_ADDRESS_MAX], const struct gl_log *log)
	__attribute__((warn_unused_result));

/*
 * places_cpus reads a list such as "2-3,10" into *cpus. Each must be one that this process may use.
 * NULL gives the last of those. Returns 0, or -EINVAL having said to `log` what is wrong.
 */
int places_cpus(const char *list, cpu_set_t *cpus, const struct gl_log *log)
	__attribute__((warn_unused_result));

/* places_isolated tells whether the kernel keeps all of `cpus` free for us (isolcpus). */
bool places_isolated(const cpu_set_t *cpus);

/* places_hugepages_mib returns how much memory there is in free 2 MiB and 1 GiB pages. */
unsigned long places_hugepages_mib(void);
