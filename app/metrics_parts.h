/*
 * What the files that write metrics share. Private to them.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "metrics_text.h"

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

/* metrics_pipeline writes the families of packet pipelines. */
void metrics_pipeline(const struct exposition *e);
