/*
 * Where things are when nobody says: the operator's files and variables.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "guardlane.h"

#include <limits.h>

/* The operator's own variables, in the environment or in docker-compose's .env. */
#define PLACES_VPN_ADDRESS "MITIGATOR_VPN_ADDRESS"
#define PLACES_DATA_PLANE_PORT "DATA_PLANE_VPN_PORT"
#define PLACES_DATA_PLANE_DEVICE "DATA_PLANE_VPN_DEVICE"

/* Each path may be cut: then the file is not there. "auto" is what was not said. */

/*
 * places_files writes the paths of the private and the public file. In a container they are mounted
 * as /srv/private.conf and /srv/public.conf.
 */
void places_files(const char *config_dir, char private_conf[PATH_MAX], char public_conf[PATH_MAX]);

/* places_gateway_conf writes the path of gateway.conf, which need not be there. */
void places_gateway_conf(const char *config_dir, char path[PATH_MAX]);

/* places_dotenv writes the path of docker-compose's .env. */
void places_dotenv(const char *config_dir, char path[PATH_MAX]);
