/*
 * What the program says.
 * On the packet's way: nowhere.
 * Threads: any but lanes.
 */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>

/* Of a thread: what others say meanwhile is no answer to whoever asked this one. */
static _Thread_local const struct gl_log *heard_by;

void
say_listen(const struct gl_log *listener)
{
	heard_by = listener;
}

void
say_write(void *context, enum gl_log_level level, const char *line)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};

	fprintf(stderr, "guardlane: %s: %s\n", names[level], line);
	if (heard_by != NULL && level <= heard_by->level)
		heard_by->write(heard_by->context, level, line);
}

void
say(enum gl_log_level level, const char *format, ...)
{
	char line[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	say_write(NULL, level, line);
}
