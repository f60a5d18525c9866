/*
 * For the files that make up lint: what they look at, and how they tell what they find.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#pragma once

#include "config/lint.h"

#include <stdbool.h>

#define LINT_PLACE_MAX 64

/* A prefix and whose it is. */
struct lint_claim {
	struct prefix prefix;
	const struct tunnel_config_peer *entry;
};

struct lint {
	const struct tunnel_config *config;
	const struct lint_facts *facts;
	struct report *report;
	/* The peers, and at last the own entry if there is one: to the others it is a peer. */
	const struct tunnel_config_peer **entries;
	size_t entry_count;
	struct lint_claim *claims; /* all AllowedIPs, sorted by prefix_compare */
	size_t claim_count;
	struct prefix network; /* of the VPN; no family if it is not known */
	size_t found;
	size_t of_kind; /* since lint_kind_begin() */
};

/* The kinds. */
void lint_allowed_ips(struct lint *lint);
void lint_endpoints(struct lint *lint);

static inline uint16_t
lint_listen_port(const struct lint *lint)
{
	return lint->facts->listen_port ? lint->facts->listen_port : lint->config->listen_port;
}

/* lint_knows_us tells whether there is a private key, by which the own entry is known. */
bool lint_knows_us(const struct lint *lint);

/* lint_place writes "the peer at line 3", or "our own entry at line 3", seen from `file`. */
const char *lint_place(const struct lint *lint, const struct tunnel_config_peer *entry,
	const char *file, char text[static LINT_PLACE_MAX]);

/* lint_warn appends a finding at the entry's `line` (0: where its section starts). */
#define lint_warn(lint, entry, line_or_0, ...) \
	do { \
		(lint)->found++; \
		if ((lint)->of_kind++ < LINT_KIND_MAX) \
			report_add((lint)->report, REPORT_WARNING, (entry)->file, \
				(line_or_0) ? (line_or_0) : (entry)->line, __VA_ARGS__); \
	} while (0)

/* Around the findings of a kind. `what` is what there is more of: "peers without AllowedIPs". */
void lint_kind_begin(struct lint *lint);
void lint_kind_end(struct lint *lint, const char *what);

void lint_no_memory(struct lint *lint);

/* lint_claim_around returns the longest prefix around the address, or NULL; no default route. */
const struct lint_claim *lint_claim_around(const struct lint *lint, const struct address *address);
