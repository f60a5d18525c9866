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

/* Locked for a tunnel and its sessions (base/secret.h); and, of af_packet, two rings a lane. */
#define KEYS_KIB 1024
#define RINGS_KIB (32UL << 10)

static uint64_t
capabilities(const struct preflight *preflight)
{
	char text[32];

	if (!host_line(preflight->root, text, sizeof(text), "/proc/self/status", "CapEff"))
		return 0;
	return strtoull(text, NULL, 16);
}

static void
check_capability(struct preflight *preflight, uint64_t held, unsigned capability, const char *name,
	const char *what)
{
	if ((held >> capability & 1) != 0) {
		preflight_found(preflight, PREFLIGHT_OK, "privileges", "CAP_%s: %s", name, what);
		return;
	}
	preflight_found(preflight, PREFLIGHT_MISSING, "privileges", "no CAP_%s: %s", name, what);
	preflight_remedy(preflight, "run as root; in compose: cap_add: [%s]", name);
}

static bool
has_rings(const struct plan *plan)
{
	return strncmp(plan->underlay, "af_packet:", 10) == 0;
}

/* The capability or the limit: either will do. */
static void
check_locked(struct preflight *preflight, uint64_t held)
{
	const unsigned lanes = (unsigned)CPU_COUNT(&preflight->plan->cpus);
	const bool rings = has_rings(preflight->plan);
	char text[64];
	unsigned long bytes = 0;

	if ((held >> CAP_IPC_LOCK & 1) != 0)
		return;
	if (host_line(preflight->root, text, sizeof(text), "/proc/self/limits",
		    "Max locked memory")) {
		if (strncmp(text, "unlimited", 9) == 0)
			return;
		bytes = strtoul(text, NULL, 10);
	}
	if (bytes / 1024 >= KEYS_KIB + (rings ? lanes * RINGS_KIB : 0))
		return;
	preflight_found(preflight, rings ? PREFLIGHT_MISSING : PREFLIGHT_WARNING, "privileges",
		"no CAP_IPC_LOCK, and %lu KiB may be locked in memory: %s", bytes / 1024,
		rings ? "too little for af_packet's rings" : "keys may be swapped out");
	preflight_remedy(preflight,
		"run as root, or after ulimit -l unlimited; in compose: cap_add: [IPC_LOCK]");
}

void
preflight_privileges(struct preflight *preflight)
{
	const struct plan *plan = preflight->plan;
	const uint64_t held = capabilities(preflight);
	bool namespaces = false;

	for (unsigned i = 0; i < plan->tunnel_count; i++)
		namespaces |= plan->tunnels[i].netns != NULL;
	if (has_rings(plan))
		check_capability(preflight, held, CAP_NET_RAW, "NET_RAW",
			"packets of the underlay's interface");
	if (plan->tunnel_count > 0)
		check_capability(preflight, held, CAP_NET_ADMIN, "NET_ADMIN",
			"host devices, routes, neighbours");
	if (namespaces)
		check_capability(preflight, held, CAP_SYS_ADMIN, "SYS_ADMIN",
			"host devices in other namespaces (netns)");
	check_locked(preflight, held);
}
