/*
 * Settings that are found out: what "auto" means by the tunnel's role and the operator's own
 * variables, in the environment or docker-compose's .env.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "client.h"
#include "places.h"
#include "say.h"
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 128

static bool
is_auto(const struct settings *settings, unsigned tunnel, enum option_id id)
{
	return strcmp(settings_tunnel_text(settings, tunnel, id), "auto") == 0;
}

/*
 * Looks the operator's variable up: in the environment, then in the tunnel's .env. The environment
 * is one for all tunnels, so one with a folder of its own asks its .env first.
 */
static enum settings_source
look_up(struct settings *settings, unsigned tunnel, const char *name, char value[VALUE_MAX])
{
	const char *dir = settings_tunnel_text(settings, tunnel, OPTION_CONFIG_DIR);
	const bool own_first = tunnel > 0 &&
		strcmp(dir, settings_tunnel_text(settings, 0, OPTION_CONFIG_DIR)) != 0;
	const char *text = getenv(name);
	char dotenv[PATH_MAX];
	int error;

	places_dotenv(dir, dotenv);
	error = gl_dotenv_get(dotenv, name, value, VALUE_MAX);
	if (error == -E2BIG)
		settings_complain(settings, "%s: %s is too long", dotenv, name);
	if (error != 0 || value[0] == '\0' || (!own_first && text != NULL && text[0] != '\0')) {
		if (text == NULL || text[0] == '\0')
			return SETTINGS_STANDARD;
		snprintf(value, VALUE_MAX, "%s", text);
		return SETTINGS_OPERATOR;
	}
	return SETTINGS_DOTENV;
}

/* Takes the value of a variable, or, without it, the standard, unless it is said elsewhere. */
static void
find(struct settings *settings, unsigned tunnel, enum option_id id, const char *variable,
	const char *form, const char *standard)
{
	char value[VALUE_MAX];
	char text[VALUE_MAX + 8];
	char why[OPTION_WHY_MAX];
	enum settings_source source = SETTINGS_STANDARD;
	struct setting *setting = &settings->tunnels[tunnel][id];

	if (!is_auto(settings, tunnel, id))
		return;
	if (variable != NULL)
		source = look_up(settings, tunnel, variable, value);
	if (source == SETTINGS_STANDARD && standard == NULL)
		return;
	snprintf(text, sizeof(text), form, source == SETTINGS_STANDARD ? standard : value);
	/* Without clustering nobody needs it, so it is no error yet. */
	if (id == OPTION_VPN_ADDRESS && !option_check(id, text, why)) {
		say(settings->log, GL_LOG_WARNING, "%s \"%s\" %s", variable, text, why);
		return;
	}
	/* It was "auto", whoever said so. */
	setting->source = SETTINGS_STANDARD;
	settings_take(settings, tunnel, id, source, 0, text);
}

static void
find_control(struct settings *settings)
{
	const char *host = settings_tunnel_text(settings, 0, OPTION_HOST);
	char path[CLIENT_PATH_MAX];

	if (strcmp(settings_text(settings, OPTION_CONTROL), "auto") != 0)
		return;
	client_path(strchr(host, ':') + 1, path);
	settings->gateway[OPTION_CONTROL].source = SETTINGS_STANDARD;
	settings_take(settings, SETTINGS_OUTSIDE, OPTION_CONTROL, SETTINGS_STANDARD, 0, path);
}

void
settings_take_found(struct settings *settings)
{
	for (unsigned i = 0; i < settings->tunnel_count; i++) {
		const bool dataplane =
			strcmp(settings_tunnel_text(settings, i, OPTION_ROLE), "dataplane") == 0;
		const char *port = dataplane ? PLACES_DATA_PLANE_PORT : NULL;
		const char *device = dataplane ? PLACES_DATA_PLANE_DEVICE : NULL;

		find(settings, i, OPTION_VPN_ADDRESS, PLACES_VPN_ADDRESS, "%s", NULL);
		find(settings, i, OPTION_LISTEN_PORT, port, "%s", dataplane ? "4568" : NULL);
		find(settings, i, OPTION_PEER_PORT, port, "%s", dataplane ? "4568" : NULL);
		find(settings, i, OPTION_HOST, device, "tun:%s", "wg0");
	}
	find_control(settings);
}
