/*
 * EAL's arguments.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "eal.h"

#include "say.h"

#include <rte_eal.h>
#include <rte_errno.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define LCORES_MAX 4096

/* "0@(0,1,2),1@7,2@8": lcore 0 floats over all that we may use, the lanes sit on theirs. */
static void
format_lcores(char text[LCORES_MAX], const cpu_set_t *lanes)
{
	cpu_set_t allowed;
	int len = snprintf(text, LCORES_MAX, "0@(");
	int lcore = 1;
	const char *comma = "";

	sched_getaffinity(0, sizeof(allowed), &allowed);
	for (int cpu = 0; cpu < CPU_SETSIZE && len < LCORES_MAX; cpu++) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		len += snprintf(text + len, (size_t)(LCORES_MAX - len), "%s%d", comma, cpu);
		comma = ",";
	}
	if (len < LCORES_MAX)
		len += snprintf(text + len, (size_t)(LCORES_MAX - len), ")");
	for (int cpu = 0; cpu < CPU_SETSIZE && len < LCORES_MAX; cpu++)
		if (CPU_ISSET(cpu, lanes))
			len += snprintf(
				text + len, (size_t)(LCORES_MAX - len), ",%d@%d", lcore++, cpu);
}

/* Free hugepages are counted over all NUMA nodes, and not by what a cgroup lets us have. */
static void
say_why_not(int error, unsigned memory_mib, bool hugepages, const struct gl_log *log)
{
	say(log, GL_LOG_ERROR, "DPDK does not start with %u MiB of %s: %s; %s", memory_mib,
		hugepages ? "hugepages" : "memory", rte_strerror(error),
		hugepages ? "they may be on another NUMA node, or more than a cgroup (hugetlb) "
			    "allows: reserve more by sysctl vm.nr_hugepages=N, ask for less by "
			    "--memory, or do without them by --hugepages no"
			  : "ask for less by --memory");
}

int
eal_start(const cpu_set_t *lanes, const struct eal_pci *pci, unsigned memory_mib, bool hugepages,
	const struct gl_log *log)
{
	char lcores[LCORES_MAX];
	char memory[16];
	/* EAL may reorder them, but does not write to the texts. */
	const char *argv[20 + 2 * (1 + SETTINGS_TUNNELS_MAX)];
	int argc = 0;
	int error;

	format_lcores(lcores, lanes);
	snprintf(memory, sizeof(memory), "%u", memory_mib);
	argv[argc++] = "guardlane";
	argv[argc++] = "--lcores";
	argv[argc++] = lcores;
	argv[argc++] = "-m";
	argv[argc++] = memory;
	if (hugepages) {
		argv[argc++] = "--in-memory";
		argv[argc++] = "--single-file-segments";
		/* Never more than was asked for: the rest is the packet processor's. */
		argv[argc++] = "--socket-limit";
		argv[argc++] = memory;
	} else {
		argv[argc++] = "--no-huge";
		argv[argc++] = "--no-shconf";
	}
	/* One for all gateways: none of them keeps anything there. */
	argv[argc++] = "--file-prefix=guardlane";
	argv[argc++] = "--iova-mode=va";
	/* Without any of these it would take all that it has drivers for. */
	if (pci->count == 0)
		argv[argc++] = "--no-pci";
	for (unsigned i = 0; i < pci->count; i++) {
		argv[argc++] = "-a";
		argv[argc++] = pci->devices[i];
	}
	argv[argc++] = "--no-telemetry";
	argv[argc++] = "--log-level=*:error";
	argv[argc] = NULL;
	if (rte_eal_init(argc, (char **)(void *)argv) >= 0)
		return 0;
	error = rte_errno;
	say_why_not(error, memory_mib, hugepages, log);
	return -error;
}

void
eal_stop(void)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", rte_eal_get_runtime_dir());
	rte_eal_cleanup();
	/* EAL leaves it behind, empty. That another gateway may be using it does not matter. */
	rmdir(dir);
}
