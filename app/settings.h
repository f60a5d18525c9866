/*
 * The settings in force, and where each came from: the command line goes above the environment
 * (GUARDLANE_NAME), that above gateway.conf, that above what is found out ("auto").
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "guardlane.h"
#include "option.h"

#include <limits.h>
#include <stdbool.h>

#define SETTINGS_TUNNELS_MAX 8

/* Lower ones give way to higher ones; the operator's own variables are what "auto" finds. */
enum settings_source {
	SETTINGS_STANDARD,
	SETTINGS_DOTENV, /* MITIGATOR_VPN_ADDRESS, DATA_PLANE_VPN_*, in .env */
	SETTINGS_OPERATOR, /* the same in the environment */
	SETTINGS_FILE, /* gateway.conf */
	SETTINGS_ENVIRONMENT,
	SETTINGS_COMMAND_LINE,
};

struct setting {
	char *text; /* NULL: nobody has said */
	enum settings_source source;
	unsigned line; /* of gateway.conf */
};

struct settings {
	/* Of the gateway, and what was said of tunnels outside of --tunnel and tunnels:. */
	struct setting gateway[OPTION_COUNT];
	struct setting tunnels[SETTINGS_TUNNELS_MAX][OPTION_TUNNEL_COUNT];
	unsigned tunnel_count;
	char gateway_conf[PATH_MAX]; /* the file that was read; "" if there is none */
	bool interface; /* a name alone: there are no files, the tunnel is wg(8)'s to set */
	unsigned tunnels_line; /* where it lists tunnels; 0: it does not */
	/* What they were loaded from; argv is the caller's. */
	unsigned command;
	int argc;
	char **argv;
	/* While they are loaded. */
	const struct gl_log *log;
	unsigned errors;
};

/*
 * settings_load makes the settings of `command` (one of enum option_command) from all sources;
 * argv[0] is not looked at. All that is wrong in any of them is said to `log`, with its place and
 * what to do. Returns 0, or -EINVAL or -ENOMEM. settings_fini frees them, also after an error.
 */
int settings_load(struct settings *settings, unsigned command, int argc, char *argv[],
	const struct gl_log *log) __attribute__((warn_unused_result));
void settings_fini(struct settings *settings);

/* settings_reload loads what `from` was loaded from, as it is by now, into `to`. */
int settings_reload(const struct settings *from, struct settings *to, const struct gl_log *log)
	__attribute__((warn_unused_result));

/*
 * settings_arguments takes command line and environment only: for a command that asks a running
 * gateway, whose files may be wrong just now. Nothing is found out: "auto" stays.
 */
int settings_arguments(struct settings *settings, unsigned command, int argc, char *argv[],
	const struct gl_log *log) __attribute__((warn_unused_result));

/*
 * settings_text is the value of an option of the gateway, settings_tunnel_text of one of a tunnel:
 * never NULL, checked by option_check, and "auto" only if it is for others to find out.
 */
const char *settings_text(const struct settings *settings, enum option_id id);
const char *
settings_tunnel_text(const struct settings *settings, unsigned tunnel, enum option_id id);

/* settings_given is such a value, but NULL if nobody has said, or has said "auto". */
const char *settings_given(const struct settings *settings, enum option_id id);

/* settings_number is such a value as a number; 0 if it is "auto". */
unsigned long settings_number(const char *text);

/* settings_log_level is the value of log-level. */
enum gl_log_level settings_log_level(const struct settings *settings);

/* settings_flag tells whether an option without argument was given. */
bool settings_flag(const struct settings *settings, enum option_id id);

#define SETTINGS_WHERE_MAX (PATH_MAX + 64)

/*
 * settings_where writes where a value came from, to be put before it: "--lanes", "GUARDLANE_LANES",
 * "/srv/gateway.conf:3: lanes", "/srv/mitigator/.env: MITIGATOR_VPN_ADDRESS". Returns `where`.
 */
const char *settings_where(const struct settings *settings, unsigned tunnel, enum option_id id,
	char where[SETTINGS_WHERE_MAX]);

/*
 * settings_compare calls `differs` for each setting whose value is another in `to`; `live` ones are
 * taken over by reconfigure, the others need down and up. Names of further tunnels' settings tell
 * whose: "listen-port of tun:wg1".
 */
void settings_compare(const struct settings *from, const struct settings *to,
	void (*differs)(
		void *context, const char *name, bool live, const char *from, const char *to),
	void *context);

/* For the files that make up the loader: */

#define SETTINGS_OUTSIDE SETTINGS_TUNNELS_MAX /* in place of a tunnel: said outside of one */

/*
 * settings_take takes in what one source says, unless a higher one has spoken. A value that is none
 * is said.
 */
void settings_take(struct settings *settings, unsigned tunnel, enum option_id id,
	enum settings_source source, unsigned line, const char *text);

/* settings_complain says an error, and counts it. */
void settings_complain(struct settings *settings, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* settings_no_memory says that. */
void settings_no_memory(struct settings *settings);

/* The sources. */
void settings_take_command_line(struct settings *settings);
void settings_take_environment(struct settings *settings, bool warn);
void settings_take_found(struct settings *settings);
