/*
 * Capabilities, and what stands in their place.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "preflight.h"

#include "host.h"

#include <linux/capability.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Locked for a tunnel and its sessions; see lib/base/secret.h. */
#define LOCKED_KIB 1024

static uint64_t
capabilities(const struct preflight *preflight)
{
	char text[32];

	if (!host_line(preflight->root, text, sizeof(text), "/proc/self/status", "CapEff"))
		return 0;
	return strtoull(text, NULL, 16);
}

static void
check_capability(
	struct preflight *preflight, unsigned capability, const char *name, const char *what)
{
	if ((capabilities(preflight) >> capability & 1) != 0) {
		preflight_found(preflight, PREFLIGHT_OK, "privileges", "CAP_%s: %s", name, what);
		return;
	}
	preflight_found(preflight, PREFLIGHT_MISSING, "privileges", "no CAP_%s: %s", name, what);
	preflight_remedy(preflight, "run as root; in compose: cap_add: [%s]", name);
}

/* Either will do. */
static void
check_locked(struct preflight *preflight)
{
	char text[64];
	unsigned long bytes = 0;

	if ((capabilities(preflight) >> CAP_IPC_LOCK & 1) != 0)
		return;
	if (host_line(preflight->root, text, sizeof(text), "/proc/self/limits",
		    "Max locked memory")) {
		if (strncmp(text, "unlimited", 9) == 0)
			return;
		bytes = strtoul(text, NULL, 10);
	}
	if (bytes / 1024 >= LOCKED_KIB)
		return;
	preflight_found(preflight, PREFLIGHT_WARNING, "privileges",
		"no CAP_IPC_LOCK, and %lu KiB may be locked in memory: keys may be swapped out",
		bytes / 1024);
	preflight_remedy(preflight,
		"run as root, or after ulimit -l unlimited; in compose: cap_add: [IPC_LOCK]");
}

void
preflight_privileges(struct preflight *preflight)
{
	const struct plan *plan = preflight->plan;
	bool namespaces = false;

	for (unsigned i = 0; i < plan->tunnel_count; i++)
		namespaces |= plan->tunnels[i].netns != NULL;
	if (strncmp(plan->underlay, "af_packet:", 10) == 0)
		check_capability(
			preflight, CAP_NET_RAW, "NET_RAW", "packets of the underlay's interface");
	if (plan->tunnel_count > 0)
		check_capability(
			preflight, CAP_NET_ADMIN, "NET_ADMIN", "host devices, routes, neighbours");
	if (namespaces)
		check_capability(preflight, CAP_SYS_ADMIN, "SYS_ADMIN",
			"host devices in other namespaces (netns)");
	check_locked(preflight);
}
