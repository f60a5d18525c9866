/*
 * What reading configuration found wrong: lines of file:line, severity and text.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum report_severity {
	REPORT_WARNING,
	REPORT_ERROR,
};

struct report_entry {
	enum report_severity severity;
	char *file; /* as the caller named it; NULL if about no file */
	unsigned line; /* from 1; 0 if about the whole file */
	char *text; /* what is wrong and what to do; no secrets, never the line's content */
};

/* Zeroed memory is an empty report. Owns its texts. */
struct report {
	struct report_entry *entries;
	size_t count;
	size_t errors; /* how many of them are errors */
};

/* report_add appends an entry; without memory it is counted but its text is lost. */
void report_add(struct report *report, enum report_severity severity, const char *file,
	unsigned line, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* report_format writes "file:line: error: text" (as far as it applies) and returns `text`. */
const char *report_format(const struct report_entry *entry, char *text, size_t size);

/* report_fini frees what the report owns and empties it. */
void report_fini(struct report *report);
