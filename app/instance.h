/*
 * What runs: the plan in force and its gateway. Clustering off is a state of it, not an error: then
 * there is no gateway. EAL is started with the first gateway, and stays for the next ones.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "guardlane.h"
#include "plan.h"
#include "settings.h"

#include <stdbool.h>

struct instance;

/*
 * instance_create plans what the settings say, which it takes over, also on failure; nothing runs
 * yet. Returns 0, or a negative errno having said to `log` what is wrong.
 */
int instance_create(struct settings *settings, const struct gl_log *log, struct instance **instance)
	__attribute__((warn_unused_result));

/* instance_destroy ends the gateway and gives back what EAL took. NULL is ignored. */
void instance_destroy(struct instance *instance);

/*
 * instance_start runs the plan that it was created with: a gateway, or nothing if there is no peer
 * table. Returns 0, or a negative errno having said why not to `log`.
 */
int instance_start(struct instance *instance, const struct gl_log *log)
	__attribute__((warn_unused_result));

/*
 * instance_replace ends what runs, and runs `plan` instead, which it takes over together with the
 * settings that it was made of. Lanes and memory stay those that EAL was started with. Returns 0,
 * or a negative errno having said why to `log`: then nothing runs.
 */
int instance_replace(struct instance *instance, struct plan *plan, struct settings *settings,
	const struct gl_log *log) __attribute__((warn_unused_result));

/*
 * instance_keeps tells whether a setting stays as it is even if what runs is replaced: for as long
 * as the process lives.
 */
bool instance_keeps(const struct instance *instance, const char *setting);

/*
 * instance_change makes the tunnels that run into those of `plan`, of which there must be the same,
 * as gl_gateway_reconfigure does it. Their host devices and VPN addresses stay.
 */
int instance_change(struct instance *instance, const struct plan *plan, bool dry_run,
	const struct gl_log *log, struct gl_changes *changes) __attribute__((warn_unused_result));

/* NULL while clustering is off. */
struct gl_gateway *instance_gateway(const struct instance *instance);

/* What is in force. */
const struct plan *instance_plan(const struct instance *instance);
const struct settings *instance_settings(const struct instance *instance);

/*
 * Configurations applied: 1 after start, 1 more with each reconfigure that changed something, which
 * tells so by instance_next_generation().
 */
unsigned instance_generation(const struct instance *instance);
void instance_next_generation(struct instance *instance);
