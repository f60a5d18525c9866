/*
 * What the program says, to stderr or to whoever asked.
 * On the packet's way: nowhere.
 * Threads: any.
 */
#pragma once

#include "guardlane.h"

/* say writes a line to the log, unless its level is above the log's. */
void say(const struct gl_log *log, enum gl_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* say_stderr is a log of that level to stderr: "guardlane: LEVEL: LINE". */
struct gl_log say_stderr(enum gl_log_level level);
