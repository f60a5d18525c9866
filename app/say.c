/*
 * Formatting lines.
 * On the packet's way: nowhere.
 * Threads: any.
 */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>

void
say(const struct gl_log *log, enum gl_log_level level, const char *format, ...)
{
	char line[1024];
	va_list arguments;

	if (level > log->level)
		return;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	log->write(log->context, level, line);
}

static void
write_stderr(void *context, enum gl_log_level level, const char *line)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};

	fprintf(stderr, "guardlane: %s: %s\n", names[level], line);
}

struct gl_log
say_stderr(enum gl_log_level level)
{
	return (struct gl_log){.level = level, .write = write_stderr};
}
