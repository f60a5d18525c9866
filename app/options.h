/*
 * The options of `guardlane run`: two tables, which make the parser, --tunnel and --help.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "guardlane.h"

#include <stdbool.h>
#include <stddef.h>

#define OPTIONS_TUNNELS_MAX 8

/* What was asked for one tunnel. Texts point into argv; NULL where not given. */
struct tunnel_options {
	const char *config_dir;
	const char *private_conf;
	const char *public_conf;
	const char *vpn_address;
	const char *host;
	const char *listen_port;
	const char *peer_port;
};

/* What was asked for. tunnels[0] is what the options themselves say, the others are --tunnel's. */
struct options {
	struct tunnel_options tunnels[OPTIONS_TUNNELS_MAX];
	unsigned tunnel_count;
	const char *underlay;
	const char *underlay_interface;
	const char *lanes;
	const char *poll;
	const char *memory;
	const char *hugepages;
	const char *aead;
	const char *log_level;
	bool help;
	bool version;
};

/* options_parse reads argv[1] and up. Returns 0, or -EINVAL having said to `log` what is wrong. */
int options_parse(struct options *options, int argc, char *argv[], const struct gl_log *log)
	__attribute__((warn_unused_result));

/* options_help prints the tables to stdout. */
void options_help(void);
