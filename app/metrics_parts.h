/*
 * What the files that write metrics share. Private to them.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "metrics_text.h"

#include <stddef.h>
#include <stdio.h>

struct exposition {
	const struct gl_status *status;
	const struct metrics_head *head;
	enum metrics_format format;
	FILE *out;
};

/* metrics_family begins a family of samples, which must stand together; `unit` may be NULL. */
void metrics_family(const struct exposition *e, const char *name, const char *type,
	const char *unit, const char *help);

/* A counter of something that a tunnel has one of, or one for each lane. */
struct metrics_counter {
	const char *name;
	const char *help;
	size_t offset; /* of a uint64_t in it */
};

/*
 * metrics_counter_sample writes the counter's sample of `object`, which is the tunnel's, or, if
 * lane >= 0, that lane's of the tunnel.
 */
void metrics_counter_sample(const struct exposition *e, const struct metrics_counter *counter,
	const struct gl_status_tunnel *tunnel, int lane, const void *object);

/* metrics_pipeline writes the families of packet pipelines. */
void metrics_pipeline(const struct exposition *e);
