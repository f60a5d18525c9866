/*
 * The list of what reading configuration found wrong.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#include "config/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room doubles at powers of two, so it needs no field. Returns NULL without memory. */
static struct report_entry *
report_room(struct report *report)
{
	struct report_entry *entries = report->entries;
	size_t count = report->count;

	if ((count & (count - 1)) == 0) {
		size_t room = count ? 2 * count : 1;

		entries = realloc(entries, room * sizeof(*entries));
		if (!entries)
			return NULL;
		report->entries = entries;
	}
	return &entries[report->count++];
}

void
report_add(struct report *report, enum report_severity severity, const char *file, unsigned line,
	const char *format, ...)
{
	struct report_entry *entry = report_room(report);
	va_list arguments;

	if (severity == REPORT_ERROR)
		report->errors++;
	if (!entry)
		return;
	*entry = (struct report_entry){
		.severity = severity,
		.file = file ? strdup(file) : NULL,
		.line = line,
	};
	va_start(arguments, format);
	if (vasprintf(&entry->text, format, arguments) < 0)
		entry->text = NULL;
	va_end(arguments);
}

const char *
report_format(const struct report_entry *entry, char *text, size_t size)
{
	const char *severity = entry->severity == REPORT_ERROR ? "error" : "warning";
	const char *what = entry->text ? entry->text : "no memory to say what";

	if (!entry->file)
		(void)snprintf(text, size, "%s: %s", severity, what);
	else if (entry->line == 0)
		(void)snprintf(text, size, "%s: %s: %s", entry->file, severity, what);
	else
		(void)snprintf(
			text, size, "%s:%u: %s: %s", entry->file, entry->line, severity, what);
	return text;
}

void
report_fini(struct report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		free(report->entries[i].file);
		free(report->entries[i].text);
	}
	free(report->entries);
	*report = (struct report){0};
}
