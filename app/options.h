/*
 * The options of `guardlane run`: one table, which makes the parser and --help.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What was asked for. Texts point into argv or the environment; NULL where not given. */
struct options {
	const char *config_dir;
	const char *private_conf;
	const char *public_conf;
	const char *vpn_address;
	const char *underlay;
	const char *underlay_interface;
	const char *host;
	const char *lanes;
	const char *poll;
	const char *memory;
	const char *listen_port;
	const char *peer_port;
	const char *aead;
	const char *log_level;
	bool help;
	bool version;
};

/* options_parse reads argv[1] and up. Returns 0, or -EINVAL having said on stderr what is wrong. */
int options_parse(struct options *options, int argc, char *argv[])
	__attribute__((warn_unused_result));

/* options_help prints the table to stdout. */
void options_help(void);
