/*
 * The status as JSON: what the control socket answers, and `guardlane status --json` prints. The
 * members are described in docs/status.md.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "guardlane.h"
#include "instance.h"

#include <jansson.h>

/* What is not the gateway's: what the program itself knows. */
struct status_head {
	unsigned generation;
	const struct plan *plan; /* its tunnels are the status's, in the same order */
};

/* status_json returns the text, malloc'd; NULL without memory. */
char *status_json(const struct instance *instance);

/*
 * status_json_make makes the document; `status` is NULL while clustering is off. NULL without
 * memory. The caller gives it back by json_decref().
 */
json_t *status_json_make(const struct gl_status *status, const struct status_head *head);
