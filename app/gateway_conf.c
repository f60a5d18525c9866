/*
 * Reading gateway.conf by libyaml's events.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "gateway_conf.h"

#include "places.h"
#include "say.h"

#include <yaml.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TUNNELS "tunnels"
/* A file that is none of ours is not to fill the screen. */
#define ERRORS_MAX 50
/* What is skipped may be nested so deep. libyaml takes time by the square of the depth. */
#define DEPTH_MAX 8

struct reader {
	struct settings *settings;
	yaml_parser_t parser;
	yaml_event_t event; /* the present one; none when `ended` */
	bool ended; /* by the end of the file, or because there is no going on */
};

/* Lines in which the keys of one map stand; 0: not yet. */
struct seen {
	unsigned options[OPTION_SETTING_COUNT];
	unsigned tunnels;
};

static unsigned
line_of(const struct reader *reader)
{
	return (unsigned)reader->event.start_mark.line + 1;
}

#define complain_at(reader, line, format, ...) \
	settings_complain((reader)->settings, "%s:%u: " format, (reader)->settings->gateway_conf, \
		line, ##__VA_ARGS__)

#define complain(reader, ...) complain_at(reader, line_of(reader), __VA_ARGS__)

/* --- Events -------------------------------------------------------------------------------- */

static void
end(struct reader *reader)
{
	if (!reader->ended)
		yaml_event_delete(&reader->event);
	reader->ended = true;
}

static void
complain_of_syntax(const struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;

	/* The characters are checked ahead of the lines. */
	if (parser->error == YAML_MEMORY_ERROR)
		settings_no_memory(reader->settings);
	else if (parser->error == YAML_READER_ERROR)
		settings_complain(reader->settings, "%s: is not text: %s, at byte %zu",
			reader->settings->gateway_conf, parser->problem, parser->problem_offset);
	else
		complain_at(reader, (unsigned)parser->problem_mark.line + 1,
			"is not \"key: value\": %s", parser->problem);
}

/* What hides a value from who reads the file has no place in it. */
static void
complain_of_marks(const struct reader *reader)
{
	const yaml_event_t *event = &reader->event;
	const yaml_char_t *anchor = NULL;
	const yaml_char_t *tag = NULL;

	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	}
	if (event->type == YAML_ALIAS_EVENT || anchor != NULL)
		complain(
			reader, "anchors and aliases (& and *) are not taken; write the value out");
	else if (tag != NULL)
		complain(reader, "tags (!) are not taken; write the value alone");
}

/* Goes on to the next event; ends the reader where there is none to be had. */
static void
advance(struct reader *reader)
{
	if (reader->ended)
		return;
	yaml_event_delete(&reader->event);
	if (reader->settings->errors >= ERRORS_MAX) {
		settings_complain(reader->settings, "%s: there is more; these are the first %u",
			reader->settings->gateway_conf, ERRORS_MAX);
		reader->ended = true;
	} else if (yaml_parser_parse(&reader->parser, &reader->event) == 0) {
		complain_of_syntax(reader);
		reader->ended = true;
	} else {
		complain_of_marks(reader);
	}
}

/* Whether the present event is of that type; never after the end. */
static bool
at(const struct reader *reader, yaml_event_type_t type)
{
	return !reader->ended && reader->event.type == type;
}

/* Goes on behind the present value, whatever it is. */
static void
skip(struct reader *reader)
{
	unsigned depth = 0;

	while (!reader->ended) {
		if (at(reader, YAML_SEQUENCE_START_EVENT) || at(reader, YAML_MAPPING_START_EVENT))
			depth++;
		else if (at(reader, YAML_SEQUENCE_END_EVENT) || at(reader, YAML_MAPPING_END_EVENT))
			depth--;
		if (depth > DEPTH_MAX) {
			complain(reader, "is nested too deep; values stand alone");
			end(reader);
		}
		advance(reader);
		if (depth == 0)
			return;
	}
}

/* --- Maps ---------------------------------------------------------------------------------- */

/* Takes in the value of an option, which is the present event, and goes on behind it. */
static void
read_value(struct reader *reader, unsigned tunnel, enum option_id id, unsigned line)
{
	const char *text = (const char *)reader->event.data.scalar.value;

	if (!at(reader, YAML_SCALAR_EVENT)) {
		if (!reader->ended && !at(reader, YAML_ALIAS_EVENT))
			complain(reader, "%s takes a single value: %s", options[id].name,
				options[id].argument);
	} else if (text[0] == '\0') {
		complain_at(reader, line, "%s has no value; write %s, or leave the line out",
			options[id].name, options[id].standard);
	} else if (strlen(text) != reader->event.data.scalar.length) {
		complain(reader, "%s holds a zero byte", options[id].name);
	} else {
		settings_take(reader->settings, tunnel, id, SETTINGS_FILE, line, text);
	}
	skip(reader);
}

static void
complain_unknown(const struct reader *reader, unsigned tunnel, const char *key)
{
	const enum option_id limit =
		tunnel == SETTINGS_OUTSIDE ? OPTION_SETTING_COUNT : OPTION_TUNNEL_COUNT;
	const char *nearest = option_nearest(key, OPTION_OF_RUN, limit);
	static const char *const lists[] = {TUNNELS};

	if (nearest == NULL && tunnel == SETTINGS_OUTSIDE)
		nearest = gl_nearest(key, lists, 1);
	if (nearest != NULL)
		complain(reader, "unknown key \"%.64s\"; did you mean %s?", key, nearest);
	else
		complain(reader, "unknown key \"%.64s\"; gateway.conf(5) lists them", key);
}

/* What an entry of `tunnels` may say, or the whole file. The present event is the key. */
static enum option_id
find_key(const struct reader *reader, unsigned tunnel, const char *key)
{
	const enum option_id id = option_find(key, strlen(key));

	if (id < OPTION_TUNNEL_COUNT || (id < OPTION_SETTING_COUNT && tunnel == SETTINGS_OUTSIDE))
		return id;
	if (id < OPTION_SETTING_COUNT)
		complain(reader, "%s is no setting of a tunnel; write it outside of " TUNNELS, key);
	else
		complain_unknown(reader, tunnel, key);
	return OPTION_COUNT;
}

static bool
is_repeated(const struct reader *reader, const char *key, unsigned *seen)
{
	if (*seen != 0) {
		complain(reader, "%s stands in line %u already; remove one of the two", key, *seen);
		return true;
	}
	*seen = line_of(reader);
	return false;
}

static void read_tunnels(struct reader *reader);

/* Reads one key and its value. */
static void
read_pair(struct reader *reader, unsigned tunnel, struct seen *seen)
{
	const unsigned line = line_of(reader);
	char key[128];
	enum option_id id = OPTION_COUNT;
	bool list = false;

	if (at(reader, YAML_SCALAR_EVENT)) {
		snprintf(key, sizeof(key), "%s", (const char *)reader->event.data.scalar.value);
		list = tunnel == SETTINGS_OUTSIDE && strcmp(key, TUNNELS) == 0;
		if (list)
			list = !is_repeated(reader, key, &seen->tunnels);
		else
			id = find_key(reader, tunnel, key);
		if (id < OPTION_SETTING_COUNT && is_repeated(reader, key, &seen->options[id]))
			id = OPTION_COUNT;
	} else if (!at(reader, YAML_ALIAS_EVENT)) {
		complain(reader, "a key is a single word");
	}
	skip(reader);
	if (list)
		read_tunnels(reader);
	else if (id < OPTION_SETTING_COUNT)
		read_value(reader, tunnel, id, line);
	else
		skip(reader);
}

/* Reads a map, whose start is the present event. */
static void
read_map(struct reader *reader, unsigned tunnel, struct seen *seen)
{
	*seen = (struct seen){0};
	advance(reader);
	while (!reader->ended && !at(reader, YAML_MAPPING_END_EVENT))
		read_pair(reader, tunnel, seen);
	advance(reader);
}

/* Nested two deep at most: a map inside `tunnels` has no such key. */
static void
read_tunnels(struct reader *reader)
{
	struct settings *settings = reader->settings;
	struct seen seen;
	bool empty;
	unsigned count = 0;

	if (!at(reader, YAML_SEQUENCE_START_EVENT)) {
		if (!reader->ended)
			complain(reader, TUNNELS " is a list: \"- key: value\" for each tunnel");
		skip(reader);
		return;
	}
	settings->tunnels_line = line_of(reader);
	if (settings->tunnel_count > 1)
		complain(reader, "both " TUNNELS " and --tunnel are given; write them all here");
	advance(reader);
	empty = at(reader, YAML_SEQUENCE_END_EVENT);
	while (!reader->ended && !at(reader, YAML_SEQUENCE_END_EVENT)) {
		if (count == SETTINGS_TUNNELS_MAX) {
			complain(reader, "more than %d tunnels", SETTINGS_TUNNELS_MAX);
			end(reader);
		} else if (at(reader, YAML_MAPPING_START_EVENT)) {
			read_map(reader, count++, &seen);
		} else {
			complain(reader, "a tunnel is a map: \"- key: value\"");
			skip(reader);
		}
	}
	if (empty)
		complain(reader, TUNNELS " is empty; write \"- key: value\", or leave it out");
	settings->tunnel_count = count > 0 ? count : 1;
	advance(reader);
}

/* With a list of tunnels, what is said outside of it is for all of them, or means nobody. */
static void
check_outside(const struct reader *reader, const struct seen *seen)
{
	for (enum option_id id = 0; id < OPTION_TUNNEL_COUNT; id++)
		if (seen->tunnels != 0 && seen->options[id] != 0 && !options[id].shared)
			complain_at(reader, seen->options[id],
				"%s is of one tunnel; write it into an entry of " TUNNELS,
				options[id].name);
}

static void
read_document(struct reader *reader)
{
	struct seen seen;

	advance(reader); /* STREAM-START: yaml_event_delete takes the zeroed event before it */
	advance(reader);
	if (at(reader, YAML_DOCUMENT_START_EVENT)) {
		advance(reader);
		if (at(reader, YAML_MAPPING_START_EVENT)) {
			read_map(reader, SETTINGS_OUTSIDE, &seen);
			check_outside(reader, &seen);
		} else {
			if (!at(reader, YAML_SCALAR_EVENT) || reader->event.data.scalar.length > 0)
				if (!reader->ended)
					complain(reader, "is not of the form \"key: value\"");
			skip(reader);
		}
		advance(reader); /* DOCUMENT-END */
	}
	if (at(reader, YAML_DOCUMENT_START_EVENT))
		complain(reader, "a second document begins; there is to be one");
	end(reader);
}

void
gateway_conf_parse(struct settings *settings, const char *text, size_t len)
{
	struct reader reader = {.settings = settings};

	if (yaml_parser_initialize(&reader.parser) == 0) {
		settings_no_memory(settings);
		return;
	}
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, len);
	read_document(&reader);
	yaml_parser_delete(&reader.parser);
}

/* --- The file ------------------------------------------------------------------------------ */

/* Reads up to `size` bytes; returns how many, or a negative errno. */
static ssize_t
read_full(int fd, char *to, size_t size)
{
	size_t len = 0;

	while (len < size) {
		const ssize_t got = read(fd, to + len, size - len);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			break;
		len += got > 0 ? (size_t)got : 0;
	}
	return (ssize_t)len;
}

static void
read_open_file(struct settings *settings, int fd)
{
	const char *path = settings->gateway_conf;
	static char text[GATEWAY_CONF_MAX + 1];
	struct stat status;
	ssize_t len;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		settings_complain(settings, "%s: is no regular file; put one there", path);
		return;
	}
	if (status.st_nlink == 0)
		say(settings->log, GL_LOG_WARNING,
			"%s: was replaced by another file of its name, and this is the old one, "
			"which the container still has; start the container anew "
			"(docker-compose up -d --force-recreate gateway), and in future write into "
			"the file (cp NEW FILE)",
			path);
	len = read_full(fd, text, sizeof(text));
	if (len < 0)
		settings_complain(settings, "%s: cannot be read: %s", path, strerror((int)-len));
	else if (len > GATEWAY_CONF_MAX)
		settings_complain(settings,
			"%s: is larger than %d bytes, more than settings can be; look what it is",
			path, GATEWAY_CONF_MAX);
	else
		gateway_conf_parse(settings, text, (size_t)len);
}

void
gateway_conf_read(struct settings *settings)
{
	const char *given = settings_text(settings, OPTION_GATEWAY_CONF);
	const bool found = strcmp(given, "auto") == 0;
	char *path = settings->gateway_conf;
	int fd;

	if (found)
		places_gateway_conf(settings_text(settings, OPTION_CONFIG_DIR), path);
	else
		snprintf(path, PATH_MAX, "%s", given);
	/* Without O_NONBLOCK opening a FIFO waits for its writer. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0) {
		read_open_file(settings, fd);
		close(fd);
		return;
	}
	if (!found || (errno != ENOENT && errno != ENOTDIR))
		settings_complain(settings, "%s: cannot be opened: %s", path, strerror(errno));
	path[0] = '\0';
}
