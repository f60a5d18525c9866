/*
 * gateway.conf: settings as "key: value" lines of YAML, and a list `tunnels:` of maps of them.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "settings.h"

#include <stddef.h>

/* Bytes of the file beyond which it is refused. */
#define GATEWAY_CONF_MAX 65536

/*
 * gateway_conf_read takes in the file that --gateway-conf or GUARDLANE_GATEWAY_CONF names, which
 * must be there; else gateway.conf in the folder of the operator's files, if it is there. Sets
 * settings->gateway_conf. All that is wrong is said, as "FILE:LINE: what, and what to do".
 */
void gateway_conf_read(struct settings *settings);

/*
 * gateway_conf_parse takes in the text of such a file: one document of YAML, a map of the options'
 * names to single values, once each, and `tunnels`, a list of maps of the options of a tunnel. No
 * other nesting, no anchors, no tags. Messages name the file as settings->gateway_conf.
 */
void gateway_conf_parse(struct settings *settings, const char *text, size_t len);
