/*
 * Bringing up DPDK's EAL so that it touches nothing but what is ours.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "guardlane.h"
#include "settings.h"

#include <sched.h>
#include <stdbool.h>

/* The PCI devices that are ours, as EAL's -a takes them: the underlay, and one for each tunnel. */
struct eal_pci {
	const char *devices[1 + SETTINGS_TUNNELS_MAX];
	unsigned count;
};

/*
 * eal_start initialises EAL: the main lcore on all CPUs that we may use, one lcore on each of
 * `lanes`; `memory_mib` in hugepages, or, if not `hugepages`, in ordinary ones; of PCI devices
 * `pci` and no others, no shared files, no telemetry. Once in a process: when it fails there is no
 * second try. Returns 0, or a negative errno having said to `log` what is wrong and what to do.
 */
int eal_start(const cpu_set_t *lanes, const struct eal_pci *pci, unsigned memory_mib,
	bool hugepages, const struct gl_log *log) __attribute__((warn_unused_result));

/* eal_stop gives back everything that EAL took. */
void eal_stop(void);
