/*
 * The lines of vpn-public.conf and vpn-private.conf, put together to a tunnel_config.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#pragma once

#include "config/text_file.h"
#include "config/tunnel_config.h"
#include "config/wg_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one kind in one file: what is beyond is counted, not told. */
#define TUNNEL_PARSE_MESSAGES_MAX 1000

/* A prefix of a peer. */
struct tunnel_claim {
	struct prefix prefix;
	uint32_t peer; /* its place in the configuration's peers */
	unsigned line;
};

/* What is known in the middle of reading. Zeroed but for `config` and `report` at the start. */
struct tunnel_parse {
	struct tunnel_config *config;
	struct report *report;
	bool strict_permissions;
	struct tunnel_claim *claims; /* of all peers, in file order; the caller frees them */
	size_t claim_count, claim_room, peer_room;
	bool no_memory;

	/* Where a setting of [Interface] was last seen, over all files. */
	struct {
		const char *path;
		unsigned line; /* 0: not yet */
	} seen[WG_KEY_COUNT];

	/* The file being read. */
	const char *path;
	bool has_private_key;
	bool told_headless, told_nul;
	size_t errors_before, warnings;
	unsigned quick_line; /* of the first setting of wg-quick's; 0: none */
	char quick[160]; /* their names */

	/* The section being read. */
	enum wg_section section;
	bool headless; /* it began without a header */
	bool skipped; /* its name is unknown */
	unsigned seen_in_peer[WG_KEY_COUNT]; /* lines; 0: not yet */

	char name[TUNNEL_CONFIG_NAME_MAX]; /* of a comment, perhaps that of a peer */
	unsigned name_line;
};

/*
 * tunnel_parse_file reads the lines of `text`, which it changes; `path` is one of the
 * configuration's two. Faults go into the report; memory that is short, into no_memory.
 */
void tunnel_parse_file(struct tunnel_parse *parse, const char *path, struct text_file *text);

/* For the files that make up the parser: */

/* tunnel_parse_value takes in the setting `line`, which stands in a section where it belongs. */
void tunnel_parse_value(
	struct tunnel_parse *parse, const struct wg_name *name, const struct wg_line *line);

static inline struct tunnel_config_peer *
tunnel_parse_peer(struct tunnel_parse *parse)
{
	return &parse->config->peers[parse->config->peer_count - 1];
}

#define tunnel_parse_fault(parse, line, ...) \
	report_add((parse)->report, REPORT_ERROR, (parse)->path, line, __VA_ARGS__)

#define tunnel_parse_warn(parse, line, ...) \
	do { \
		if ((parse)->warnings++ < TUNNEL_PARSE_MESSAGES_MAX) \
			report_add((parse)->report, REPORT_WARNING, (parse)->path, line, \
				__VA_ARGS__); \
	} while (0)
