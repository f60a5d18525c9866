/*
 * Finding files.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "places.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CONTAINER_DIR "/srv"
#define HOST_DIR "/srv/mitigator"

static bool
is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool
is_auto(const char *text)
{
	return strcmp(text, "auto") == 0;
}

static const char *
folder(const char *config_dir)
{
	return is_auto(config_dir) ? HOST_DIR : config_dir;
}

void
places_files(const char *config_dir, char private_conf[PATH_MAX], char public_conf[PATH_MAX])
{
	const char *dir = folder(config_dir);
	const char *prefix = "vpn-";

	if (is_auto(config_dir) &&
		(is_there(CONTAINER_DIR "/private.conf") ||
			is_there(CONTAINER_DIR "/public.conf"))) {
		dir = CONTAINER_DIR;
		prefix = "";
	}
	snprintf(private_conf, PATH_MAX, "%s/%sprivate.conf", dir, prefix);
	snprintf(public_conf, PATH_MAX, "%s/%spublic.conf", dir, prefix);
}

void
places_gateway_conf(const char *config_dir, char path[PATH_MAX])
{
	const bool mounted = is_auto(config_dir) && is_there(CONTAINER_DIR "/gateway.conf");

	snprintf(path, PATH_MAX, "%s/gateway.conf", mounted ? CONTAINER_DIR : folder(config_dir));
}

void
places_dotenv(const char *config_dir, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/.env", folder(config_dir));
}
