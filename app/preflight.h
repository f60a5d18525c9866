/*
 * Preflight: what this host lacks for what is planned, and the command that mends it.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "plan.h"

#include <stdbool.h>

enum preflight_verdict {
	PREFLIGHT_OK,
	PREFLIGHT_WARNING, /* it runs, slower or less safely */
	PREFLIGHT_MISSING, /* it does not */
};

struct preflight_finding {
	enum preflight_verdict verdict;
	const char *subject; /* "hugepages"; a constant */
	char text[256];
	char remedy[256]; /* "": there is nothing to do */
};

#define PREFLIGHT_MAX 64

struct preflight {
	const struct plan *plan;
	const char *root; /* see host.h */
	struct preflight_finding findings[PREFLIGHT_MAX];
	unsigned count; /* those that there is no room for are left out */
};

/*
 * preflight_check finds out what the plan needs and whether this host has it; nothing is changed.
 * An underlay that is still to be found ("") is left out.
 */
void preflight_check(struct preflight *preflight, const struct plan *plan, const char *root);

/* preflight_count returns how many findings have that verdict. */
unsigned preflight_count(const struct preflight *preflight, enum preflight_verdict verdict);

/* preflight_found adds a finding without a remedy, which preflight_remedy may give the last one. */
void preflight_found(struct preflight *preflight, enum preflight_verdict verdict,
	const char *subject, const char *text, ...) __attribute__((format(printf, 4, 5)));
void preflight_remedy(struct preflight *preflight, const char *remedy, ...)
	__attribute__((format(printf, 2, 3)));

/* For the files that make it up: each checks one side of the host. */
void preflight_machine(struct preflight *preflight); /* CPU, kernel, memory, lanes */
void preflight_privileges(struct preflight *preflight);
void preflight_underlay(struct preflight *preflight);
void preflight_tunnels(struct preflight *preflight); /* UDP ports, host devices, pipelines */
void preflight_pci(struct preflight *preflight, const char *address);

/*
 * preflight_near says whether a device's NUMA node, as `path` below the root has it, is that of the
 * lanes; nothing where there is one node.
 */
void preflight_near(
	struct preflight *preflight, const char *subject, const char *device, const char *path);
