/*
 * The lines of vpn-public.conf and vpn-private.conf, put together to a tunnel_config.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#include "config/tunnel_parse.h"

#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

static bool
peers_make_room(struct tunnel_parse *parse)
{
	struct tunnel_config *config = parse->config;
	size_t room = parse->peer_room ? 2 * parse->peer_room : 16;
	struct tunnel_config_peer *peers;

	if (config->peer_count < parse->peer_room)
		return true;
	peers = secret_alloc(room * sizeof(*peers));
	if (!peers) {
		parse->no_memory = true;
		return false;
	}
	if (config->peers) {
		memcpy(peers, config->peers, config->peer_count * sizeof(*peers));
		secret_free(config->peers);
	}
	config->peers = peers;
	parse->peer_room = room;
	return true;
}

static void
close_section(struct tunnel_parse *parse)
{
	if (parse->section == WG_SECTION_PEER && !parse->seen_in_peer[WG_PUBLIC_KEY])
		tunnel_parse_fault(parse, tunnel_parse_peer(parse)->line,
			"this [Peer] has no PublicKey; add it, or remove the section");
	parse->section = WG_SECTION_NONE;
}

static void
open_section(struct tunnel_parse *parse, enum wg_section section, unsigned line, bool headless)
{
	struct tunnel_config_peer *peer;

	close_section(parse);
	parse->headless = headless;
	parse->skipped = false;
	if (section == WG_SECTION_PEER) {
		if (!peers_make_room(parse))
			return;
		parse->config->peer_count++;
		peer = tunnel_parse_peer(parse);
		peer->file = parse->path;
		peer->line = line;
		if (parse->name_line != 0 && parse->name_line + 1 == line)
			memcpy(peer->name, parse->name, sizeof(peer->name));
		memset(parse->seen_in_peer, 0, sizeof(parse->seen_in_peer));
	}
	parse->section = section;
	if (headless && !parse->told_headless) {
		parse->told_headless = true;
		tunnel_parse_warn(parse, line,
			"no section header above this line; it is read as part of [%s]. Put "
			"[Interface] above PrivateKey and ListenPort, and [Peer] above each "
			"PublicKey: wg(8) refuses the file without",
			section == WG_SECTION_PEER ? "Peer" : "Interface");
	}
}

static void
parse_section(struct tunnel_parse *parse, const struct wg_line *line)
{
	const struct wg_name *section = wg_section_find(line->name);
	const char *nearest;

	if (section) {
		open_section(parse, section->section, line->number, false);
		return;
	}
	nearest = wg_section_nearest(line->name);
	close_section(parse);
	parse->skipped = true;
	if (nearest)
		tunnel_parse_fault(parse, line->number, "unknown section [%s]; did you mean [%s]?",
			line->name, nearest);
	else
		tunnel_parse_fault(
			parse, line->number, "unknown section; there are [Interface] and [Peer]");
}

/* Opens the section that a setting without a header means; whether there is one that fits. */
static bool
setting_has_place(struct tunnel_parse *parse, const struct wg_name *name, unsigned line)
{
	bool free_to_open = parse->section == WG_SECTION_NONE || parse->headless;
	bool next_peer = name->key == WG_PUBLIC_KEY && parse->headless;

	if (parse->section == name->section && !next_peer)
		return true;
	if (free_to_open && (name->section == WG_SECTION_INTERFACE || name->key == WG_PUBLIC_KEY)) {
		open_section(parse, name->section, line, true);
		return parse->section == name->section;
	}
	if (free_to_open)
		tunnel_parse_fault(parse, line,
			"%s belongs to a peer, and none has begun; put [Peer] and its PublicKey "
			"above",
			name->text);
	else if (name->section == WG_SECTION_PEER)
		tunnel_parse_fault(parse, line,
			"%s belongs into a [Peer] section; put [Peer] above the peer", name->text);
	else
		tunnel_parse_fault(parse, line,
			"%s belongs into the [Interface] section; move it there", name->text);
	return false;
}

/* Scalars may repeat, the last one counts. Notes where this one stands. */
static void
note_repetition(struct tunnel_parse *parse, const struct wg_name *name, unsigned line)
{
	const char *path = parse->seen[name->key].path;
	unsigned earlier = parse->seen[name->key].line;

	if (name->key == WG_ALLOWED_IPS || name->key == WG_IGNORED)
		return;
	if (name->section == WG_SECTION_PEER) {
		path = parse->path;
		earlier = parse->seen_in_peer[name->key];
		parse->seen_in_peer[name->key] = line;
	} else {
		parse->seen[name->key].path = parse->path;
		parse->seen[name->key].line = line;
	}
	if (!earlier)
		return;
	if (name->key == WG_PUBLIC_KEY)
		tunnel_parse_warn(parse, line,
			"a second PublicKey in one section; it counts, the one at line %u does "
			"not. If it is another peer's, put [Peer] above it",
			earlier);
	else if (path == parse->path)
		tunnel_parse_warn(parse, line,
			"%s again; this one counts, the one at line %u does not", name->text,
			earlier);
	else
		tunnel_parse_warn(parse, line,
			"%s again; this one counts, the one at %s:%u does not", name->text, path,
			earlier);
}

static void
parse_setting(struct tunnel_parse *parse, const struct wg_line *line)
{
	const struct wg_name *name = wg_name_find(line->name);
	const char *nearest;

	if (!name) {
		nearest = wg_name_nearest(line->name);
		if (nearest)
			tunnel_parse_fault(parse, line->number,
				"unknown key \"%s\"; did you mean %s?", line->name, nearest);
		else
			tunnel_parse_fault(parse, line->number,
				"unknown key; [Interface] has PrivateKey, ListenPort, [Peer] has "
				"PublicKey, PresharedKey, AllowedIPs, Endpoint, "
				"PersistentKeepalive");
		return;
	}
	if (parse->skipped || !setting_has_place(parse, name, line->number))
		return;
	note_repetition(parse, name, line->number);
	tunnel_parse_value(parse, name, line);
}

/* The length of the UTF-8 character at `text`, or 0 if there is none that can be shown. */
static size_t
character_len(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;
	size_t len = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;

	if (c[0] < 0x20 || c[0] == 0x7f || c[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Overlong, surrogates, beyond the last plane; and U+0080 to U+009f, controls. */
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
		(c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f) ||
		(c[0] == 0xc2 && c[1] < 0xa0))
		return 0;
	return len;
}

/*
 * A comment is perhaps the name of the peer below it. One with '=' or '[' is rather a setting or
 * header that was commented out; a key may be in it, and names are shown.
 */
static void
note_name(struct tunnel_parse *parse, const struct wg_line *line)
{
	const char *comment = line->comment;
	size_t len = 0;

	parse->name_line = 0;
	if (!comment || strpbrk(comment, "=["))
		return;
	comment += strspn(comment, "# \t\r");
	memset(parse->name, 0, sizeof(parse->name));
	while (*comment) {
		size_t character = character_len(comment);

		if (len + (character ? character : 1) >= sizeof(parse->name))
			break;
		if (*comment == '\t' || *comment == '\r')
			parse->name[len++] = ' ';
		else if (character == 0)
			parse->name[len++] = '?';
		else
			len = (size_t)((char *)mempcpy(parse->name + len, comment, character) -
				parse->name);
		comment += character ? character : 1;
	}
	while (len > 0 && parse->name[len - 1] == ' ')
		parse->name[--len] = '\0';
	parse->name_line = line->number;
}

static void
parse_line(struct tunnel_parse *parse, const struct wg_line *line)
{
	switch (line->kind) {
	case WG_LINE_EMPTY:
		note_name(parse, line);
		break;
	case WG_LINE_SECTION:
		parse_section(parse, line);
		break;
	case WG_LINE_SETTING:
		parse_setting(parse, line);
		break;
	case WG_LINE_OTHER:
		tunnel_parse_fault(parse, line->number,
			"neither [SECTION] nor NAME = VALUE; correct it, or put # in front");
		break;
	case WG_LINE_NUL:
		/* Once: in UTF-16 it is every line. */
		if (!parse->told_nul)
			tunnel_parse_fault(parse, line->number,
				"a zero byte: not plain text; save the file as UTF-8");
		parse->told_nul = true;
		break;
	}
}

void
tunnel_parse_file(struct tunnel_parse *parse, const char *path, struct text_file *text)
{
	struct wg_file file;
	struct wg_line line;

	parse->path = path;
	parse->has_private_key = parse->told_headless = parse->told_nul = false;
	parse->skipped = parse->headless = false;
	parse->errors_before = parse->report->errors;
	parse->warnings = 0;
	parse->quick_line = parse->name_line = 0;
	parse->quick[0] = '\0';
	wg_file_init(&file, text);
	while (!parse->no_memory && wg_file_next(&file, &line)) {
		parse_line(parse, &line);
		if (parse->report->errors - parse->errors_before >= TUNNEL_PARSE_MESSAGES_MAX) {
			tunnel_parse_fault(
				parse, line.number, "too many errors; the rest was not read");
			break;
		}
	}
	close_section(parse);
	if (parse->warnings > TUNNEL_PARSE_MESSAGES_MAX)
		report_add(parse->report, REPORT_WARNING, path, 0, "%zu more warnings not shown",
			parse->warnings - TUNNEL_PARSE_MESSAGES_MAX);
	if (parse->quick_line)
		report_add(parse->report, REPORT_WARNING, path, parse->quick_line,
			"wg(8) refuses the file for its keys of wg-quick: %s. Here only MTU is "
			"used; remove what is not needed",
			parse->quick);
}
