/*
 * Settings from the environment, GUARDLANE_NAME.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "say.h"
#include "settings.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "GUARDLANE_"
#define NAME_MAX_LEN 64

/* What the variable's name, without the prefix, stands for: log-level for LOG_LEVEL. */
static void
format_name(char name[NAME_MAX_LEN], const char *variable, size_t len)
{
	snprintf(name, NAME_MAX_LEN, "%.*s", (int)len, variable);
	for (char *at = name; *at != '\0'; at++) {
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at - 'A' + 'a');
		else if (*at == '_')
			*at = '-';
	}
}

static void
warn_unknown(struct settings *settings, const char *name, const char *variable, int len)
{
	const char *nearest = option_nearest(name, ~0U, OPTION_SETTING_COUNT);
	char meant[NAME_MAX_LEN] = "";

	if (nearest != NULL)
		snprintf(meant, sizeof(meant), "%s", nearest);
	for (char *at = meant; *at != '\0'; at++)
		*at = (char)(*at == '-' ? '_' : *at - 'a' + 'A');
	say(settings->log, GL_LOG_WARNING, "%.*s in the environment is no setting%s%s%s", len,
		variable, nearest != NULL ? "; did you mean " PREFIX : "", meant,
		nearest != NULL ? "?" : "");
}

void
settings_take_environment(struct settings *settings, bool warn)
{
	for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
		const char *text = *variable;
		const size_t prefix_len = strlen(PREFIX);
		const size_t len = strcspn(text, "=");
		char name[NAME_MAX_LEN];
		enum option_id id;

		/* One that is empty is one that compose passes on without a value. */
		if (strncmp(text, PREFIX, prefix_len) != 0 || text[len] == '\0' ||
			text[len + 1] == '\0')
			continue;
		format_name(name, text + prefix_len, len - prefix_len);
		id = option_find(name, strlen(name));
		if (id >= OPTION_SETTING_COUNT && id != OPTION_GATEWAY_CONF) {
			if (warn)
				warn_unknown(settings, name, text, (int)len);
		} else if ((options[id].commands & settings->command) != 0) {
			settings_take(settings, SETTINGS_OUTSIDE, id, SETTINGS_ENVIRONMENT, 0,
				text + len + 1);
		}
	}
}
