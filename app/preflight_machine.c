/*
 * CPU, kernel, memory and lanes.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "preflight.h"

#include "cpus.h"
#include "host.h"

#include <stdio.h>
#include <string.h>

/* Debian 10's: the oldest that guardlane is meant for. */
#define KERNEL_MAJOR 4
#define KERNEL_MINOR 19

#define NODES_MAX 64

/* Whether a word is one of a list with blanks between them. */
static bool
has_word(const char *list, const char *word)
{
	const size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)) != NULL; at += len)
		if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

static void
check_cpu(struct preflight *preflight)
{
	char flags[4096];

	if (!host_line(preflight->root, flags, sizeof(flags), "/proc/cpuinfo", "flags")) {
		preflight_found(preflight, PREFLIGHT_WARNING, "cpu",
			"/proc/cpuinfo does not say what it can: guardlane is for x86-64");
		return;
	}
	if (!has_word(flags, "sse4_2")) {
		preflight_found(
			preflight, PREFLIGHT_MISSING, "cpu", "it has no SSE4.2, which DPDK needs");
		preflight_remedy(preflight,
			"in a virtual machine, show it the host's CPU (qemu: -cpu host)");
	} else if (has_word(flags, "avx512ifma") && has_word(flags, "avx512vl") &&
		has_word(flags, "avx512bw")) {
		preflight_found(
			preflight, PREFLIGHT_OK, "cpu", "AVX-512 with IFMA: the fastest AEAD");
	} else if (has_word(flags, "avx2")) {
		preflight_found(preflight, PREFLIGHT_OK, "cpu", "AVX2, and no AVX-512 with IFMA");
	} else {
		preflight_found(preflight, PREFLIGHT_WARNING, "cpu",
			"it has no AVX2: opening and sealing take several times as long");
		preflight_remedy(preflight,
			"in a virtual machine, show it the host's CPU (qemu: -cpu host)");
	}
}

static void
check_kernel(struct preflight *preflight)
{
	char release[64];
	unsigned major;
	unsigned minor;

	if (!host_text(preflight->root, release, sizeof(release), "/proc/sys/kernel/osrelease") ||
		sscanf(release, "%u.%u", &major, &minor) != 2)
		return;
	if (major > KERNEL_MAJOR || (major == KERNEL_MAJOR && minor >= KERNEL_MINOR)) {
		preflight_found(preflight, PREFLIGHT_OK, "kernel", "%s", release);
		return;
	}
	preflight_found(preflight, PREFLIGHT_WARNING, "kernel",
		"%s is older than %u.%u, the oldest that guardlane is meant for", release,
		KERNEL_MAJOR, KERNEL_MINOR);
	preflight_remedy(preflight, "update the kernel (Debian 10, Ubuntu 20.04 or newer)");
}

static void
check_memory(struct preflight *preflight)
{
	const unsigned wanted = preflight->plan->memory_mib;
	char text[64];
	unsigned long kib;

	if (!host_line(preflight->root, text, sizeof(text), "/proc/meminfo", "MemAvailable") ||
		sscanf(text, "%lu", &kib) != 1)
		return;
	if (kib / 1024 >= wanted) {
		preflight_found(preflight, PREFLIGHT_OK, "memory",
			"%lu MiB are available, %u are wanted", kib / 1024, wanted);
		return;
	}
	preflight_found(preflight, PREFLIGHT_MISSING, "memory",
		"%lu MiB are available, %u are wanted", kib / 1024, wanted);
	preflight_remedy(preflight, "end what takes it, or ask for less by --memory");
}

/* What the lanes of one node need, as DPDK shares memory out: by how many of them it has. */
static bool
node_lacks(struct preflight *preflight, unsigned node)
{
	const struct plan *plan = preflight->plan;
	const unsigned lanes = (unsigned)CPU_COUNT(&plan->cpus);
	unsigned long free_mib;
	unsigned long wanted;
	long have = 0;
	cpu_set_t cpus;

	if (!host_node_hugepages_mib(preflight->root, node, &free_mib) ||
		!host_cpus(preflight->root, &cpus, "/sys/devices/system/node/node%u/cpulist", node))
		return false;
	CPU_AND(&cpus, &cpus, &plan->cpus);
	wanted = ((unsigned long)plan->memory_mib * (unsigned)CPU_COUNT(&cpus) + lanes - 1) / lanes;
	if (free_mib >= wanted)
		return false;
	(void)host_number(preflight->root, &have,
		"/sys/devices/system/node/node%u/hugepages/hugepages-2048kB/nr_hugepages", node);
	preflight_found(preflight, PREFLIGHT_WARNING, "hugepages",
		"%lu MiB are free at NUMA node %u, whose lanes want %lu: without them it is slower",
		free_mib, node, wanted);
	preflight_remedy(preflight,
		"echo %lu >/sys/devices/system/node/node%u/hugepages/hugepages-2048kB/nr_hugepages",
		(unsigned long)have + (wanted - free_mib + 1) / 2, node);
	return true;
}

static void
check_hugepages(struct preflight *preflight)
{
	bool lacks = false;

	if (!preflight->plan->hugepages) {
		preflight_found(preflight, PREFLIGHT_OK, "hugepages", "not wanted (hugepages: no)");
		return;
	}
	if (!host_has(preflight->root, "/sys/kernel/mm/hugepages")) {
		preflight_found(preflight, PREFLIGHT_WARNING, "hugepages",
			"this kernel has none: without them it is slower");
		return;
	}
	for (unsigned node = 0; node < NODES_MAX; node++)
		lacks |= node_lacks(preflight, node);
	if (!lacks)
		preflight_found(preflight, PREFLIGHT_OK, "hugepages",
			"%lu MiB are free, %u are wanted", host_hugepages_mib(preflight->root),
			preflight->plan->memory_mib);
}

static void
check_lanes(struct preflight *preflight)
{
	const cpu_set_t *cpus = &preflight->plan->cpus;
	const char *word = CPU_COUNT(cpus) == 1 ? "CPU" : "CPUs";
	char list[64];

	cpus_format(cpus, list, sizeof(list));
	if (host_isolated(preflight->root, cpus)) {
		preflight_found(preflight, PREFLIGHT_OK, "lanes", "%s %s, kept free of other work",
			word, list);
		return;
	}
	preflight_found(preflight, PREFLIGHT_WARNING, "lanes",
		"%s %s, which other work may take: packets then wait for it", word, list);
	preflight_remedy(preflight,
		"boot with isolcpus=%s nohz_full=%s rcu_nocbs=%s on the kernel's command line",
		list, list, list);
}

void
preflight_machine(struct preflight *preflight)
{
	check_cpu(preflight);
	check_kernel(preflight);
	check_memory(preflight);
	check_hugepages(preflight);
	check_lanes(preflight);
}
