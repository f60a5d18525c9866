/*
 * Collecting the findings.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "preflight.h"

#include "cpus.h"
#include "host.h"

#include <stdarg.h>
#include <stdio.h>

void
preflight_found(struct preflight *preflight, enum preflight_verdict verdict, const char *subject,
	const char *text, ...)
{
	struct preflight_finding *finding = &preflight->findings[preflight->count];
	va_list arguments;

	if (preflight->count == PREFLIGHT_MAX)
		return;
	preflight->count++;
	finding->verdict = verdict;
	finding->subject = subject;
	finding->remedy[0] = '\0';
	va_start(arguments, text);
	vsnprintf(finding->text, sizeof(finding->text), text, arguments);
	va_end(arguments);
}

void
preflight_remedy(struct preflight *preflight, const char *remedy, ...)
{
	struct preflight_finding *finding = &preflight->findings[preflight->count - 1];
	va_list arguments;

	va_start(arguments, remedy);
	vsnprintf(finding->remedy, sizeof(finding->remedy), remedy, arguments);
	va_end(arguments);
}

void
preflight_near(
	struct preflight *preflight, const char *subject, const char *device, const char *path)
{
	long node;
	cpu_set_t near;
	cpu_set_t both;
	char list[256];

	if (!host_has(preflight->root, "/sys/devices/system/node/node1") ||
		!host_number(preflight->root, &node, "%s", path) || node < 0 ||
		!host_cpus(
			preflight->root, &near, "/sys/devices/system/node/node%ld/cpulist", node))
		return;
	CPU_AND(&both, &near, &preflight->plan->cpus);
	if (CPU_EQUAL(&both, &preflight->plan->cpus))
		return;
	preflight_found(preflight, PREFLIGHT_WARNING, subject,
		"%s is at NUMA node %ld, and not all lanes are: each packet crosses between nodes",
		device, node);
	preflight_remedy(preflight, "take lanes from CPUs %s: --lanes",
		cpus_format(&near, list, sizeof(list)));
}

unsigned
preflight_count(const struct preflight *preflight, enum preflight_verdict verdict)
{
	unsigned count = 0;

	for (unsigned i = 0; i < preflight->count; i++)
		count += preflight->findings[i].verdict == verdict;
	return count;
}

void
preflight_check(struct preflight *preflight, const struct plan *plan, const char *root)
{
	preflight->plan = plan;
	preflight->root = root;
	preflight->count = 0;
	preflight_machine(preflight);
	preflight_privileges(preflight);
	preflight_underlay(preflight);
	preflight_tunnels(preflight);
}
