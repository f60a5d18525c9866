/*
 * Lists of CPUs.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "cpus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int
cpus_parse(const char *list, cpu_set_t *cpus)
{
	const char *at = list;

	CPU_ZERO(cpus);
	for (;;) {
		char *end;
		unsigned long first = strtoul(at, &end, 10);
		unsigned long last = first;

		if (end == at || *at < '0' || *at > '9')
			return -EINVAL;
		if (*end == '-') {
			at = end + 1;
			last = strtoul(at, &end, 10);
			if (end == at || *at < '0' || *at > '9')
				return -EINVAL;
		}
		if (last < first || last >= CPU_SETSIZE)
			return -EINVAL;
		for (; first <= last; first++)
			CPU_SET(first, cpus);
		if (*end == '\0')
			return 0;
		if (*end != ',')
			return -EINVAL;
		at = end + 1;
	}
}

int
cpus_last(cpu_set_t *cpus)
{
	cpu_set_t allowed;
	int last = CPU_SETSIZE - 1;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return -errno;
	while (last > 0 && !CPU_ISSET(last, &allowed))
		last--;
	CPU_ZERO(cpus);
	CPU_SET(last, cpus);
	return 0;
}

int
cpus_forbidden(const cpu_set_t *cpus)
{
	cpu_set_t allowed;

	CPU_ZERO(&allowed);
	sched_getaffinity(0, sizeof(allowed), &allowed);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, cpus) && !CPU_ISSET(cpu, &allowed))
			return cpu;
	return -1;
}

const char *
cpus_format(const cpu_set_t *cpus, char *list, size_t size)
{
	size_t len = 0;

	list[0] = '\0';
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		const int first = cpu;

		if (!CPU_ISSET(cpu, cpus))
			continue;
		while (cpu + 1 < CPU_SETSIZE && CPU_ISSET(cpu + 1, cpus))
			cpu++;
		if (len < size)
			len += (size_t)snprintf(
				list + len, size - len, "%s%d", len > 0 ? "," : "", first);
		if (cpu > first && len < size)
			len += (size_t)snprintf(list + len, size - len, "-%d", cpu);
	}
	return list;
}
