/*
 * Metrics over HTTP, for Prometheus and whatever reads OpenMetrics.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "guardlane.h"
#include "instance.h"

struct metrics;

/*
 * metrics_create listens on `listen`, "ADDRESS:PORT" or "[ADDRESS]:PORT", and answers GET and HEAD
 * of /metrics. Whoever can connect may read: names, addresses and public keys of peers, and no
 * secrets. Few connections at once, each cut off after some seconds without progress, and one
 * snapshot a second at most, whatever is asked. Returns 0, or a negative errno having said to `log`
 * what is wrong; `instance` outlives it.
 */
int metrics_create(const char *listen, const struct instance *instance, const struct gl_log *log,
	struct metrics **metrics) __attribute__((warn_unused_result));

/* metrics_fd is readable when metrics_process() has something to do; it never waits. */
int metrics_fd(const struct metrics *metrics);
void metrics_process(struct metrics *metrics);

/* NULL is ignored. */
void metrics_destroy(struct metrics *metrics);
