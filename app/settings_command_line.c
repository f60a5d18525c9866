/*
 * Settings from the command line: --NAME VALUE or --NAME=VALUE.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "settings.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
complain_unknown(
	struct settings *settings, const char *before, const char *name, enum option_id end)
{
	const char *nearest = option_nearest(name, settings->command, end);

	if (nearest != NULL)
		settings_complain(settings, "there is no %s%.64s; did you mean %s%s?", before, name,
			before, nearest);
	else
		settings_complain(settings, "there is no %s%.64s; see --help", before, name);
}

/* Takes in one KEY=VALUE of --tunnel. */
static void
take_key(struct settings *settings, unsigned tunnel, const char *key)
{
	const size_t len = strcspn(key, "=");
	const enum option_id id = option_find(key, len);
	char name[64];

	if (key[len] == '\0') {
		settings_complain(
			settings, "--tunnel: \"%.64s\" is not of the form KEY=VALUE", key);
	} else if (id < OPTION_TUNNEL_COUNT) {
		settings_take(settings, tunnel, id, SETTINGS_COMMAND_LINE, 0, key + len + 1);
	} else {
		snprintf(name, sizeof(name), "%.*s", (int)len, key);
		complain_unknown(settings, "--tunnel key ", name, OPTION_TUNNEL_COUNT);
	}
}

/* Takes in the argument of --tunnel, KEY=VALUE[,...]. */
static void
take_tunnel(struct settings *settings, const char *argument)
{
	char *copy = strdup(argument);
	char *next = copy;

	if (settings->tunnel_count == SETTINGS_TUNNELS_MAX) {
		settings_complain(settings, "more than %d tunnels", SETTINGS_TUNNELS_MAX);
	} else if (copy == NULL) {
		settings_no_memory(settings);
	} else {
		for (char *key = strsep(&next, ","); key != NULL; key = strsep(&next, ","))
			take_key(settings, settings->tunnel_count, key);
		settings->tunnel_count++;
	}
	free(copy);
}

static void
take_value(struct settings *settings, enum option_id id, const char *value)
{
	if (id == OPTION_TUNNEL)
		take_tunnel(settings, value);
	else
		settings_take(settings, SETTINGS_OUTSIDE, id == OPTION_DIR ? OPTION_CONFIG_DIR : id,
			SETTINGS_COMMAND_LINE, 0, value);
}

/* An option without an argument has its own name for a value. */
static void
take_flag(struct settings *settings, enum option_id id)
{
	struct setting *setting = &settings->gateway[id];

	if (setting->text == NULL)
		setting->text = strdup(options[id].name);
	if (setting->text == NULL)
		settings_no_memory(settings);
}

/* Takes in a word that stands alone. */
static void
take_operand(struct settings *settings, const char *word)
{
	enum option_id id = 0;

	while (id < OPTION_COUNT &&
		(!options[id].operand || (options[id].commands & settings->command) == 0))
		id++;
	if (id == OPTION_COUNT)
		settings_complain(settings, "\"%.64s\" is not an option; see --help", word);
	else if (settings->gateway[id].text != NULL)
		settings_complain(
			settings, "\"%.64s\" is one %s too many", word, options[id].argument);
	else
		take_value(settings, id, word);
}

/* Whether the word is the option's argument, where that may be missing. */
static bool
is_argument(enum option_id id, const char *word)
{
	char why[OPTION_WHY_MAX];

	return word != NULL && (!options[id].optional || option_check(id, word, why));
}

/* Takes in the option at argv[i], whose value may be the next word. Returns how many it were. */
static int
take_option(struct settings *settings, int i)
{
	const char *name = settings->argv[i] + 2;
	const char *next = i + 1 < settings->argc ? settings->argv[i + 1] : NULL;
	const size_t len = strcspn(name, "=");
	const enum option_id id = option_find(name, len);

	if (id == OPTION_COUNT || (options[id].commands & settings->command) == 0 ||
		options[id].operand) {
		complain_unknown(settings, "--", name, OPTION_COUNT);
		/* What stands behind is its value, no doubt. */
		return next != NULL && next[0] != '-' ? 2 : 1;
	}
	if (options[id].type == OPTION_FLAG && name[len] == '=') {
		settings_complain(settings, "--%s takes no value", options[id].name);
	} else if (options[id].type == OPTION_FLAG) {
		take_flag(settings, id);
	} else if (name[len] == '=') {
		take_value(settings, id, name + len + 1);
	} else if (is_argument(id, next)) {
		take_value(settings, id, next);
		return 2;
	} else if (options[id].optional) {
		take_value(settings, id, options[id].standard);
	} else {
		settings_complain(
			settings, "--%s needs a value: %s", options[id].name, options[id].argument);
	}
	return 1;
}

void
settings_take_command_line(struct settings *settings)
{
	for (int i = 1; i < settings->argc;) {
		if (strncmp(settings->argv[i], "--", 2) == 0)
			i += take_option(settings, i);
		else
			take_operand(settings, settings->argv[i++]);
	}
}
