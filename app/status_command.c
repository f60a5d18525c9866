/*
 * Asking, and asking again.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "status_command.h"

#include "client.h"
#include "firewall.h"
#include "option.h"
#include "say.h"
#include "settings.h"
#include "status_table.h"

#include <jansson.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* To the upper left corner; and from the cursor on everything away. */
#define TERMINAL_HOME "\033[H"
#define TERMINAL_CLEAR_LINE "\033[K"
#define TERMINAL_CLEAR_REST "\033[J"

/* Returns the gateway's answer, malloc'd, or NULL having said why there is none. */
static char *
ask(const char *path, const struct gl_log *log)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int status;

	if (out == NULL) {
		say(log, GL_LOG_ERROR, "no memory for the answer");
		return NULL;
	}
	status = client_ask(path, "status", out, stderr, log);
	if (fclose(out) == 0 && status == 0)
		return text;
	free(text);
	return NULL;
}

static json_t *
parse_answer(const char *text, const struct gl_log *log)
{
	json_error_t error;
	json_t *document = json_loads(text, 0, &error);

	if (document == NULL)
		say(log, GL_LOG_ERROR, "what the gateway answers cannot be read: %s", error.text);
	return document;
}

/* The gateway must not wait for the tools that this takes. */
static json_t *
make_warnings(const json_t *document)
{
	const json_t *tunnels = json_object_get(document, "tunnels");
	json_t *warnings = json_array();
	const json_t *tunnel;
	size_t i;

	json_array_foreach(tunnels, i, tunnel)
	{
		const json_int_t port = json_integer_value(json_object_get(tunnel, "listen_port"));
		char where[FIREWALL_WHERE_MAX];

		if (firewall_mentions((uint16_t)port, where))
			json_array_append_new(warnings,
				json_sprintf("this host's firewall mentions UDP port %d (%s), but "
					     "packets on the underlay go past it",
					(int)port, where));
	}
	return warnings;
}

static struct winsize
terminal_size(void)
{
	struct winsize size = {.ws_col = 0};

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
		return (struct winsize){.ws_col = 0};
	return size;
}

/* On a terminal the lines go over those of before, and what does not fit is left out. */
static void
print_in_place(const char *text, unsigned rows)
{
	unsigned line = 0;

	if (rows == 0) {
		printf("%s\n", text);
		return;
	}
	fputs(TERMINAL_HOME, stdout);
	while (*text != '\0' && line + 1 < rows) {
		const size_t len = strcspn(text, "\n");

		printf("%.*s" TERMINAL_CLEAR_LINE "\n", (int)len, text);
		text += len + (text[len] == '\n');
		line++;
	}
	fputs(TERMINAL_CLEAR_REST, stdout);
}

static int
print_table(const json_t *now, const json_t *before, bool again)
{
	const struct winsize size = terminal_size();
	const double uptime_s = json_number_value(json_object_get(now, "uptime_s"));
	const struct status_view view = {
		.now = now,
		.before = before,
		.interval_s = uptime_s - json_number_value(json_object_get(before, "uptime_s")),
		.width = size.ws_col,
	};
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return 1;
	status_table_print(&view, out);
	if (fclose(out) != 0)
		return 1;
	if (again)
		print_in_place(text, size.ws_row);
	else
		fputs(text, stdout);
	free(text);
	return fflush(stdout) == 0 ? 0 : 1;
}

/* A gateway that began anew has nothing to compare with. */
static bool
same_life(const json_t *before, const json_t *now)
{
	return before != NULL &&
		json_number_value(json_object_get(before, "uptime_s")) <
		json_number_value(json_object_get(now, "uptime_s"));
}

static int
watch(const char *path, unsigned interval_s, const struct gl_log *log)
{
	const struct timespec interval = {.tv_sec = interval_s};
	json_t *before = NULL;
	json_t *warnings = NULL;
	int status = 0;

	while (status == 0) {
		char *text = ask(path, log);
		json_t *now = text != NULL ? parse_answer(text, log) : NULL;

		free(text);
		if (now == NULL) {
			status = 1;
			break;
		}
		if (warnings == NULL) {
			warnings = make_warnings(now);
			if (isatty(STDOUT_FILENO))
				fputs(TERMINAL_HOME TERMINAL_CLEAR_REST, stdout);
		}
		json_object_set(now, "warnings", warnings);
		status = print_table(now, same_life(before, now) ? before : NULL, true);
		json_decref(before);
		before = now;
		nanosleep(&interval, NULL);
	}
	json_decref(before);
	json_decref(warnings);
	return status;
}

static int
once(const char *path, bool as_json, const struct gl_log *log)
{
	char *text = ask(path, log);
	json_t *document = NULL;
	int status = 1;

	if (text != NULL && as_json) {
		status = fputs(text, stdout) >= 0 && fflush(stdout) == 0 ? 0 : 1;
	} else if (text != NULL) {
		document = parse_answer(text, log);
		json_object_set_new(document, "warnings", make_warnings(document));
		status = document != NULL ? print_table(document, NULL, false) : 1;
	}
	json_decref(document);
	free(text);
	return status;
}

static int
show(const char *path, const struct settings *settings, const struct gl_log *log)
{
	const char *watch_s = settings_given(settings, OPTION_WATCH);
	const bool as_json = settings_flag(settings, OPTION_JSON);

	if (as_json && watch_s != NULL) {
		say(log, GL_LOG_ERROR, "--json and --watch do not go together; leave one out");
		return 1;
	}
	if (watch_s != NULL)
		return watch(path, (unsigned)settings_number(watch_s), log);
	return once(path, as_json, log);
}

int
status_command(int argc, char *argv[])
{
	const struct gl_log log = say_stderr(GL_LOG_INFO);
	struct settings settings;
	char path[CLIENT_PATH_MAX];
	int status = settings_arguments(&settings, OPTION_OF_STATUS, argc, argv, &log);

	if (status == 0)
		status = client_find(settings_given(&settings, OPTION_CONTROL),
			settings_given(&settings, OPTION_NAME), "status", &log, path);
	if (status == 0)
		status = show(path, &settings, &log);
	settings_fini(&settings);
	return status == 0 ? 0 : 1;
}
