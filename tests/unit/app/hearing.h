/*
 * For the tests of settings: a directory of their own, and what is said while they are loaded.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#pragma once

#include "settings.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Settings, and what was said about them, a line each. */
struct hearing {
	struct settings settings;
	struct gl_log log;
	char text[16384];
	int error;
};

static inline int
enter_directory(void **state)
{
	static char path[] = "/tmp/guardlane-test-XXXXXX";

	*state = path;
	return mkdtemp(path) ? chdir(path) : -1;
}

/* No test finds files of another. */
static inline int
clear(void **state)
{
	unlink("gateway.conf");
	unlink(".env");
	return 0;
}

static inline int
leave_directory(void **state)
{
	clear(state);
	return chdir("/") | rmdir(*state);
}

static inline void
write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static inline void
hear(void *context, enum gl_log_level level, const char *line)
{
	struct hearing *hearing = context;
	const size_t len = strlen(hearing->text);

	snprintf(hearing->text + len, sizeof(hearing->text) - len, "%s\n", line);
}

/* Loads what `guardlane run` would, with this folder for config-dir; argv ends with NULL. */
static inline void
load_argv(struct hearing *hearing, const char *argv[])
{
	int argc = 0;

	*hearing =
		(struct hearing){.log = {.level = GL_LOG_INFO, .write = hear, .context = hearing}};
	while (argv[argc] != NULL)
		argc++;
	hearing->error = settings_load(
		&hearing->settings, OPTION_OF_RUN, argc, (char **)(void *)argv, &hearing->log);
}

#define load(hearing, ...) \
	load_argv(hearing, (const char *[]){"run", "--config-dir=.", __VA_ARGS__, NULL})

static inline void
forget(struct hearing *hearing)
{
	settings_fini(&hearing->settings);
	hearing->text[0] = '\0';
}

static inline void
assert_heard(const struct hearing *hearing, const char *text)
{
	assert_string_equal(hearing->text, text);
}

static inline void
assert_tunnel_setting(const struct hearing *hearing, unsigned tunnel, enum option_id id,
	const char *text, const char *origin)
{
	char where[SETTINGS_WHERE_MAX];

	assert_string_equal(id < OPTION_TUNNEL_COUNT
			? settings_tunnel_text(&hearing->settings, tunnel, id)
			: settings_text(&hearing->settings, id),
		text);
	assert_string_equal(settings_where(&hearing->settings, tunnel, id, where), origin);
}

static inline void
assert_setting(
	const struct hearing *hearing, enum option_id id, const char *text, const char *origin)
{
	assert_tunnel_setting(hearing, 0, id, text, origin);
}
