/*
 * The status as OpenMetrics text, or in the older format of Prometheus, 0.0.4, which more programs
 * read. The metrics are described in docs/metrics.md.
 * On the packet's way: nowhere.
 * Threads: main. Source: OpenMetrics 1.0.
 */
#pragma once

#include "guardlane.h"
#include "plan.h"

#include <stdio.h>

enum metrics_format {
	METRICS_OPENMETRICS,
	METRICS_PLAIN, /* no units, no "# EOF"; an info is a gauge */
	METRICS_FORMAT_COUNT
};

/* What is not the gateway's: what the program itself knows. */
struct metrics_head {
	unsigned generation;
	const struct plan *plan; /* its tunnels are the status's, in the same order */
};

/* metrics_text_type returns the content type of HTTP. */
const char *metrics_text_type(enum metrics_format format);

/*
 * metrics_text_print writes one exposition. `status` is NULL while clustering is off. A peer's
 * drops are left out for reasons that there were none of.
 */
void metrics_text_print(const struct gl_status *status, const struct metrics_head *head,
	enum metrics_format format, FILE *out);
