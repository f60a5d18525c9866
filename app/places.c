/*
 * Finding files and hugepages.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "places.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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

unsigned long
places_hugepages_mib(void)
{
	static const struct {
		const char *path;
		unsigned long mib;
	} kinds[] = {
		{"/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", 2},
		{"/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", 1024},
	};
	unsigned long total = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		FILE *file = fopen(kinds[i].path, "re");
		unsigned long free_pages = 0;

		if (file == NULL)
			continue;
		if (fscanf(file, "%lu", &free_pages) == 1)
			total += free_pages * kinds[i].mib;
		fclose(file);
	}
	return total;
}
