/*
 * Settings: what is in force.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "settings.h"

#include "gateway_conf.h"
#include "places.h"
#include "say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
settings_complain(struct settings *settings, const char *format, ...)
{
	char line[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	say(settings->log, GL_LOG_ERROR, "%s", line);
	settings->errors++;
}

void
settings_no_memory(struct settings *settings)
{
	settings_complain(settings, "no memory for the settings");
}

static struct setting *
setting_of(struct settings *settings, unsigned tunnel, enum option_id id)
{
	return tunnel == SETTINGS_OUTSIDE ? &settings->gateway[id] : &settings->tunnels[tunnel][id];
}

static void
setting_replace(struct settings *settings, struct setting *setting, enum settings_source source,
	unsigned line, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL) {
		settings_no_memory(settings);
		return;
	}
	free(setting->text);
	*setting = (struct setting){.text = copy, .source = source, .line = line};
}

/* GUARDLANE_LOG_LEVEL of log-level. */
static void
format_variable(char *to, size_t size, const char *name)
{
	size_t len = (size_t)snprintf(to, size, "GUARDLANE_%s", name);

	for (size_t i = 0; i < len && i < size; i++) {
		if (to[i] >= 'a' && to[i] <= 'z')
			to[i] = (char)(to[i] - 'a' + 'A');
		else if (to[i] == '-')
			to[i] = '_';
	}
}

static const char *
operator_variable(enum option_id id)
{
	if (id == OPTION_VPN_ADDRESS)
		return PLACES_VPN_ADDRESS;
	return id == OPTION_HOST ? PLACES_DATA_PLANE_DEVICE : PLACES_DATA_PLANE_PORT;
}

static void
format_where(const struct settings *settings, unsigned tunnel, enum option_id id,
	enum settings_source source, unsigned line, char where[SETTINGS_WHERE_MAX])
{
	const char *name = options[id].name;
	char dotenv[PATH_MAX];

	switch (source) {
	case SETTINGS_DOTENV:
		places_dotenv(settings_tunnel_text(settings, tunnel, OPTION_CONFIG_DIR), dotenv);
		snprintf(where, SETTINGS_WHERE_MAX, "%s: %s", dotenv, operator_variable(id));
		break;
	case SETTINGS_OPERATOR:
		snprintf(where, SETTINGS_WHERE_MAX, "%s", operator_variable(id));
		break;
	case SETTINGS_FILE:
		snprintf(
			where, SETTINGS_WHERE_MAX, "%s:%u: %s", settings->gateway_conf, line, name);
		break;
	case SETTINGS_ENVIRONMENT:
		format_variable(where, SETTINGS_WHERE_MAX, name);
		break;
	case SETTINGS_STANDARD:
	case SETTINGS_COMMAND_LINE:
		snprintf(where, SETTINGS_WHERE_MAX, "--%s%s",
			tunnel > 0 && tunnel != SETTINGS_OUTSIDE ? "tunnel: " : "", name);
		break;
	}
}

const char *
settings_where(const struct settings *settings, unsigned tunnel, enum option_id id,
	char where[SETTINGS_WHERE_MAX])
{
	const struct setting *setting =
		id < OPTION_TUNNEL_COUNT ? &settings->tunnels[tunnel][id] : &settings->gateway[id];

	format_where(settings, tunnel, id, setting->source, setting->line, where);
	return where;
}

void
settings_take(struct settings *settings, unsigned tunnel, enum option_id id,
	enum settings_source source, unsigned line, const char *text)
{
	struct setting *setting = setting_of(settings, tunnel, id);
	char where[SETTINGS_WHERE_MAX];
	char why[OPTION_WHY_MAX];

	if (!option_check(id, text, why)) {
		format_where(settings, tunnel, id, source, line, where);
		settings_complain(settings, "%s \"%.200s\" %s", where, text, why);
		return;
	}
	if (setting->text == NULL || source >= setting->source)
		setting_replace(settings, setting, source, line, text);
}

/* What is said outside of tunnels is the first one's, or, of some options, everyone's. */
static void
settings_distribute(struct settings *settings)
{
	for (unsigned tunnel = 0; tunnel < settings->tunnel_count; tunnel++) {
		for (enum option_id id = 0; id < OPTION_TUNNEL_COUNT; id++) {
			const struct setting *outside = &settings->gateway[id];
			struct setting *own = &settings->tunnels[tunnel][id];

			if (outside->text == NULL || (tunnel > 0 && !options[id].shared))
				continue;
			if (own->text == NULL || outside->source > own->source)
				setting_replace(settings, own, outside->source, outside->line,
					outside->text);
		}
	}
}

static int
settings_result(const struct settings *settings)
{
	return settings->errors == 0 ? 0 : -EINVAL;
}

int
settings_arguments(struct settings *settings, unsigned command, int argc, char *argv[],
	const struct gl_log *log)
{
	*settings = (struct settings){
		.tunnel_count = 1,
		.command = command,
		.argc = argc,
		.argv = argv,
		.log = log,
	};
	settings_take_command_line(settings);
	settings_take_environment(settings, false);
	settings_distribute(settings);
	return settings_result(settings);
}

int
settings_load(struct settings *settings, unsigned command, int argc, char *argv[],
	const struct gl_log *log)
{
	*settings = (struct settings){
		.tunnel_count = 1,
		.command = command,
		.argc = argc,
		.argv = argv,
		.log = log,
	};
	settings_take_command_line(settings);
	settings_take_environment(settings, true);
	gateway_conf_read(settings);
	settings_distribute(settings);
	if (settings->errors == 0)
		settings_take_found(settings);
	return settings_result(settings);
}

int
settings_reload(const struct settings *from, struct settings *to, const struct gl_log *log)
{
	return settings_load(to, from->command, from->argc, from->argv, log);
}

void
settings_fini(struct settings *settings)
{
	for (enum option_id id = 0; id < OPTION_COUNT; id++)
		free(settings->gateway[id].text);
	for (unsigned tunnel = 0; tunnel < SETTINGS_TUNNELS_MAX; tunnel++)
		for (enum option_id id = 0; id < OPTION_TUNNEL_COUNT; id++)
			free(settings->tunnels[tunnel][id].text);
	*settings = (struct settings){0};
}

const char *
settings_text(const struct settings *settings, enum option_id id)
{
	const char *text = settings->gateway[id].text;

	return text != NULL ? text : options[id].standard;
}

const char *
settings_tunnel_text(const struct settings *settings, unsigned tunnel, enum option_id id)
{
	const char *text = settings->tunnels[tunnel][id].text;

	return text != NULL ? text : options[id].standard;
}

const char *
settings_given(const struct settings *settings, enum option_id id)
{
	const char *text = settings->gateway[id].text;

	return text == NULL || strcmp(text, "auto") == 0 ? NULL : text;
}

unsigned long
settings_number(const char *text)
{
	return strtoul(text, NULL, 10);
}

enum gl_log_level
settings_log_level(const struct settings *settings)
{
	static const char *const names[] = {"error", "warning", "info"};
	const char *text = settings_text(settings, OPTION_LOG_LEVEL);

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0)
			return (enum gl_log_level)i;
	return GL_LOG_DEBUG;
}

bool
settings_flag(const struct settings *settings, enum option_id id)
{
	return settings->gateway[id].text != NULL;
}

void
settings_compare(const struct settings *from, const struct settings *to,
	void (*differs)(
		void *context, const char *name, bool live, const char *from, const char *to),
	void *context)
{
	char counts[2][16];

	for (enum option_id id = OPTION_TUNNEL_COUNT; id < OPTION_SETTING_COUNT; id++) {
		const char *a = settings_text(from, id);
		const char *b = settings_text(to, id);

		if (strcmp(a, b) != 0)
			differs(context, options[id].name, options[id].live, a, b);
	}
	if (from->tunnel_count != to->tunnel_count) {
		snprintf(counts[0], sizeof(counts[0]), "%u", from->tunnel_count);
		snprintf(counts[1], sizeof(counts[1]), "%u", to->tunnel_count);
		differs(context, "number of tunnels", false, counts[0], counts[1]);
	}
	for (unsigned i = 0; i < from->tunnel_count && i < to->tunnel_count; i++) {
		for (enum option_id id = 0; id < OPTION_TUNNEL_COUNT; id++) {
			const char *a = settings_tunnel_text(from, i, id);
			const char *b = settings_tunnel_text(to, i, id);
			char name[96];

			if (strcmp(a, b) == 0)
				continue;
			snprintf(name, sizeof(name), i == 0 ? "%s" : "%s of %s", options[id].name,
				settings_tunnel_text(from, i, OPTION_HOST));
			differs(context, name, options[id].live, a, b);
		}
	}
}
