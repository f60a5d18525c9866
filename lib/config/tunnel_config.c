/*
 * The two files of an instance: reading them, and what can be checked only over both.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#include "config/tunnel_config.h"

#include "base/secret.h"
#include "config/text_file.h"
#include "config/tunnel_parse.h"
#include "crypto/x25519.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WHERE_MAX 64

static void
report_no_memory(struct report *report)
{
	report_add(report, REPORT_ERROR, NULL, 0, "out of memory");
}

static void
report_unreadable(struct report *report, const char *path, int rc)
{
	const char *text = strerrordesc_np(-rc);

	if (rc == -EISDIR)
		text = "is a directory. Docker makes one where the file to mount is missing; "
		       "remove the directory, create the file, start again";
	else if (rc == -ENOTSUP)
		text = "is a FIFO, a socket or a device; put a regular file there";
	else if (rc == -EFBIG)
		text = "is larger than 16 MiB, more than a list of peers can be; look what it is";
	else if (rc == -EAGAIN)
		text = "changed while it was read; try again once it is written";
	else if (rc == -EACCES || rc == -EPERM)
		text = "may not be read; see its owner and mode, and those of its directories";
	else if (rc == -ENOMEM)
		text = "out of memory";
	else
		text = text ? text : "cannot be read";
	report_add(report, REPORT_ERROR, path, 0, "%s", text);
}

/* Group members are trusted to write, since a umask of 002 is common, but told of. */
static void
check_private_mode(const struct tunnel_parse *parse, const char *path, unsigned mode)
{
	const enum report_severity severity =
		parse->strict_permissions ? REPORT_ERROR : REPORT_WARNING;

	if (mode & S_IWOTH)
		report_add(parse->report, REPORT_ERROR, path, 0,
			"holds the PrivateKey, and others can write it (mode %04o); chmod 600 %s",
			mode, path);
	else if (mode & (S_IRWXG | S_IRWXO))
		report_add(parse->report, severity, path, 0,
			"holds the PrivateKey, and others can read it (mode %04o); chmod 600 %s",
			mode, path);
}

/* Returns 0, or text_file_read's error, of which nothing has been said yet. */
static int
read_file(struct tunnel_parse *parse, const char *path)
{
	struct text_file file;
	int rc = text_file_read(path, TUNNEL_CONFIG_FILE_MAX, &file);

	if (rc)
		return rc;
	if (file.unlinked)
		report_add(parse->report, REPORT_WARNING, path, 0,
			"was replaced by another file of its name (many editors do that), and this "
			"is the old one, which the container still has; start the container anew "
			"(docker-compose up -d --force-recreate gateway), and in future write into "
			"the file (cp NEW FILE)");
	if (file.byte_order_mark)
		report_add(parse->report, REPORT_WARNING, path, 1,
			"begins with a byte-order mark, for which wg(8) refuses the file; save it "
			"without one");
	tunnel_parse_file(parse, path, &file);
	if (parse->has_private_key)
		check_private_mode(parse, path, file.mode);
	text_file_wipe(&file);
	return 0;
}

/* "line 3", or "vpn-public.conf:3" if that is another file than the message is about. */
static const char *
where(const struct tunnel_config_peer *peer, const char *from, char text[static WHERE_MAX])
{
	const char *slash = strrchr(peer->file, '/');

	if (peer->file == from)
		(void)snprintf(text, WHERE_MAX, "line %u", peer->line);
	else
		(void)snprintf(
			text, WHERE_MAX, "%.40s:%u", slash ? slash + 1 : peer->file, peer->line);
	return text;
}

static int
peer_compare_keys(const void *left, const void *right, void *context)
{
	const struct tunnel_config_peer *peers = context;
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	int order = memcmp(peers[a].public_key, peers[b].public_key, KEY_LEN);

	if (order)
		return order;
	return a < b ? -1 : a > b;
}

/* A key of zeros is one that could not be read. */
static void
check_keys_differ(struct tunnel_parse *parse)
{
	struct tunnel_config_peer *peers = parse->config->peers;
	size_t count = parse->config->peer_count;
	uint32_t *sorted = calloc(count + 1, sizeof(*sorted));
	const struct tunnel_config_peer *first = NULL;
	unsigned told = 0;

	if (!sorted) {
		parse->no_memory = true;
		return;
	}
	for (size_t i = 0; i < count; i++)
		sorted[i] = (uint32_t)i;
	qsort_r(sorted, count, sizeof(*sorted), peer_compare_keys, peers);
	for (size_t i = 0; i < count && told < TUNNEL_PARSE_MESSAGES_MAX; i++) {
		const struct tunnel_config_peer *peer = &peers[sorted[i]];
		char key[KEY_ABBREVIATED_MAX], place[WHERE_MAX];

		if (!first || memcmp(first->public_key, peer->public_key, KEY_LEN) != 0) {
			first = peer;
			continue;
		}
		if (secret_is_zero(peer->public_key, KEY_LEN))
			continue;
		told++;
		report_add(parse->report, REPORT_ERROR, peer->file, peer->line,
			"PublicKey %s is also that of the peer at %s; remove one of the two",
			key_abbreviate(peer->public_key, key), where(first, peer->file, place));
	}
	free(sorted);
}

static int
claim_compare_prefixes(const void *left, const void *right)
{
	const struct tunnel_claim *a = left, *b = right;
	int order = prefix_compare(&a->prefix, &b->prefix);

	if (order)
		return order;
	if (a->peer != b->peer)
		return a->peer < b->peer ? -1 : 1;
	return a->line < b->line ? -1 : a->line > b->line;
}

static int
claim_compare_peers(const void *left, const void *right)
{
	const struct tunnel_claim *a = left, *b = right;

	if (a->peer != b->peer)
		return a->peer < b->peer ? -1 : 1;
	return claim_compare_prefixes(left, right);
}

/* Leaves the claims sorted by prefix, and of one peer's repeated ones the first. */
static void
check_prefixes_differ(struct tunnel_parse *parse)
{
	const struct tunnel_config_peer *peers = parse->config->peers;
	const struct tunnel_claim *first = NULL;
	size_t kept = 0;
	unsigned told = 0;

	if (parse->claim_count)
		qsort(parse->claims, parse->claim_count, sizeof(parse->claims[0]),
			claim_compare_prefixes);
	for (size_t i = 0; i < parse->claim_count; i++) {
		const struct tunnel_claim claim = parse->claims[i];
		const struct tunnel_config_peer *peer = &peers[claim.peer];
		char text[PREFIX_TEXT_MAX], place[WHERE_MAX];

		if (kept && prefix_compare(&parse->claims[kept - 1].prefix, &claim.prefix) == 0 &&
			parse->claims[kept - 1].peer == claim.peer)
			continue;
		parse->claims[kept++] = claim;
		if (!first || prefix_compare(&first->prefix, &claim.prefix) != 0) {
			first = &parse->claims[kept - 1];
			continue;
		}
		if (told++ < TUNNEL_PARSE_MESSAGES_MAX)
			report_add(parse->report, REPORT_ERROR, peer->file, claim.line,
				"AllowedIPs %s is also claimed by the peer at %s; remove it from "
				"one of the two",
				prefix_format(&claim.prefix, text),
				where(&peers[first->peer], peer->file, place));
	}
	parse->claim_count = kept;
}

static bool
give_prefixes_to_peers(struct tunnel_parse *parse)
{
	size_t count;

	if (parse->claim_count)
		qsort(parse->claims, parse->claim_count, sizeof(parse->claims[0]),
			claim_compare_peers);
	for (size_t i = 0; i < parse->claim_count; i += count) {
		struct tunnel_config_peer *peer = &parse->config->peers[parse->claims[i].peer];

		count = 1;
		while (i + count < parse->claim_count &&
			parse->claims[i + count].peer == parse->claims[i].peer)
			count++;
		peer->allowed_ips = calloc(count, sizeof(peer->allowed_ips[0]));
		if (!peer->allowed_ips)
			return false;
		peer->allowed_ips_count = count;
		for (size_t n = 0; n < count; n++)
			peer->allowed_ips[n] = parse->claims[i + n].prefix;
	}
	return true;
}

/* Moves the entry with our own public key, of which there is one at most, out of the peers. */
static bool
set_own_apart(struct tunnel_config *config)
{
	size_t i = 0;

	while (i < config->peer_count &&
		memcmp(config->peers[i].public_key, config->public_key, KEY_LEN) != 0)
		i++;
	if (i == config->peer_count)
		return true;
	config->own = secret_alloc(sizeof(*config->own));
	if (!config->own)
		return false;
	*config->own = config->peers[i];
	config->peer_count--;
	memmove(&config->peers[i], &config->peers[i + 1],
		(config->peer_count - i) * sizeof(config->peers[0]));
	secret_wipe(&config->peers[config->peer_count], sizeof(config->peers[0]));
	return true;
}

/* What is to be done once both files are read without an error. */
static void
complete(struct tunnel_parse *parse)
{
	struct tunnel_config *config = parse->config;

	config->clustering = true;
	if (!config->listen_port)
		config->listen_port = TUNNEL_CONFIG_DEFAULT_PORT;
	if (!give_prefixes_to_peers(parse)) {
		parse->no_memory = true;
		return;
	}
	if (secret_is_zero(config->private_key, KEY_LEN))
		return;
	x25519_clamp(config->private_key);
	if (crypto_init() || x25519_public(config->public_key, config->private_key)) {
		report_add(parse->report, REPORT_ERROR, NULL, 0,
			"the public key cannot be derived: libsodium does not work here");
		return;
	}
	if (!set_own_apart(config))
		parse->no_memory = true;
}

static void
read_private(struct tunnel_parse *parse)
{
	const char *path = parse->config->private_path;
	int rc = 0;

	/* One file may be both. */
	if (strcmp(path, parse->config->public_path) != 0)
		rc = read_file(parse, path);
	if (rc == -ENOENT)
		report_add(parse->report, REPORT_ERROR, path, 0,
			"is missing; write [Interface], ListenPort and PrivateKey (from wg "
			"genkey) into it, chmod 600 it, start again");
	else if (rc)
		report_unreadable(parse->report, path, rc);
	else if (!parse->seen[WG_PRIVATE_KEY].line)
		report_add(parse->report, REPORT_ERROR, path, 0,
			"has no PrivateKey; make one with wg genkey");
}

static void
clear(struct tunnel_config *config)
{
	for (size_t i = 0; i < config->peer_count; i++)
		free(config->peers[i].allowed_ips);
	secret_free(config->peers);
	if (config->own) {
		free(config->own->allowed_ips);
		secret_free(config->own);
	}
	secret_wipe((char *)config + offsetof(struct tunnel_config, private_key),
		sizeof(*config) - offsetof(struct tunnel_config, private_key));
}

/*
 * The table comes first: without one the other file means nothing, and where both have a setting,
 * the one of this instance alone counts.
 */
static void
load(struct tunnel_parse *parse)
{
	struct tunnel_config *config = parse->config;
	size_t errors = parse->report->errors;
	int rc = read_file(parse, config->public_path);

	if (rc && rc != -ENOENT)
		report_unreadable(parse->report, config->public_path, rc);
	if (parse->report->errors == errors && config->peer_count == 0 && !parse->no_memory) {
		clear(config);
		return;
	}
	if (!parse->no_memory && config->private_path)
		read_private(parse);
	if (!parse->no_memory)
		check_keys_differ(parse);
	check_prefixes_differ(parse);
	if (parse->report->errors == errors && !parse->no_memory)
		complete(parse);
}

struct tunnel_config *
tunnel_config_load(const char *private_path, const char *public_path, bool strict_permissions,
	struct report *report)
{
	struct tunnel_config *config = secret_alloc(sizeof(*config));
	struct tunnel_parse parse = {
		.config = config,
		.report = report,
		.strict_permissions = strict_permissions,
	};
	size_t errors = report->errors;

	if (config) {
		config->private_path = private_path ? strdup(private_path) : NULL;
		config->public_path = strdup(public_path);
		parse.no_memory = !config->public_path || (private_path && !config->private_path);
		if (!parse.no_memory)
			load(&parse);
	}
	free(parse.claims);
	if (!config || parse.no_memory)
		report_no_memory(report);
	if (report->errors != errors) {
		tunnel_config_destroy(config);
		return NULL;
	}
	return config;
}

void
tunnel_config_destroy(struct tunnel_config *config)
{
	if (!config)
		return;
	clear(config);
	free(config->private_path);
	free(config->public_path);
	secret_free(config);
}
