/*
 * What the program says: lines on stderr, heard as well by whoever listens.
 * On the packet's way: nowhere.
 * Threads: any but lanes.
 */
#pragma once

#include "guardlane.h"

/* say writes a line to stderr, "guardlane: error: ...", and to the listener. */
void say(enum gl_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* say_write is say() for a struct gl_log; it needs no context. */
void say_write(void *context, enum gl_log_level level, const char *line);

/*
 * say_listen has `listener` hear, from now on, what the calling thread says, up to the listener's
 * level. NULL: nobody does any more.
 */
void say_listen(const struct gl_log *listener);
