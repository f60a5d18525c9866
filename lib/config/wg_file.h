/*
 * The grammar of wg(8)'s configuration files: lines, names, values.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#pragma once

#include "config/text_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wg_section {
	WG_SECTION_NONE,
	WG_SECTION_INTERFACE,
	WG_SECTION_PEER,
};

enum wg_key {
	WG_PRIVATE_KEY,
	WG_LISTEN_PORT,
	WG_FWMARK,
	WG_MTU,
	WG_IGNORED, /* of wg-quick, with no meaning here */
	WG_PUBLIC_KEY,
	WG_PRESHARED_KEY,
	WG_ALLOWED_IPS,
	WG_ENDPOINT,
	WG_KEEPALIVE,
	WG_KEY_COUNT,
};

/* A name that a file may hold, as its documentation spells it. */
struct wg_name {
	const char *text;
	enum wg_section section;
	enum wg_key key;
};

enum wg_line_kind {
	WG_LINE_EMPTY, /* blanks and a comment at most */
	WG_LINE_SECTION, /* "[name]" */
	WG_LINE_SETTING, /* "name=value" */
	WG_LINE_OTHER,
	WG_LINE_NUL, /* holds a zero byte */
};

/* All texts lie in the file's own memory and end with a zero. */
struct wg_line {
	unsigned number; /* from 1 */
	enum wg_line_kind kind;
	const char *name; /* of a section (without brackets) or setting */
	const char *value; /* of a setting */
	const char *comment; /* behind the first '#', blanks and all; NULL if there is none */
};

struct wg_file {
	char *next, *end;
	unsigned line;
};

/* wg_file_init starts to read `text`, whose memory it will change. */
void wg_file_init(struct wg_file *file, struct text_file *text);

/* wg_file_next reads one line; false at the end. Blanks inside a line are taken out. */
bool wg_file_next(struct wg_file *file, struct wg_line *line);

/*
 * wg_name_find returns the key's or (wg_section_find) section's name that is `text` in either case,
 * or NULL. wg_name_nearest and wg_section_nearest return what `text` was probably meant to be, or
 * NULL if it is unlike all of them: then it may be anything, part of a secret key even, and must
 * not be shown.
 */
const struct wg_name *wg_name_find(const char *text);
const struct wg_name *wg_section_find(const char *text);
const char *wg_name_nearest(const char *text);
const char *wg_section_nearest(const char *text);

/* wg_number reads decimal digits (with `hex_too`: or hexadecimal ones after 0x) up to `max`. */
bool wg_number(const char *text, bool hex_too, uint32_t max, uint32_t *number);

enum wg_endpoint_fault {
	WG_ENDPOINT_FINE,
	WG_ENDPOINT_NO_BRACKETS, /* read all the same: an IPv6 address and a port */
	WG_ENDPOINT_NO_PORT,
	WG_ENDPOINT_BAD_PORT,
	WG_ENDPOINT_BAD_HOST,
};

/*
 * wg_endpoint splits "host:port" or "[ipv6]:port". The host, without brackets, is a numeric address
 * (IPv6 with a zone perhaps) or has the form of a name; the port is 1 to 65535. After a fault
 * other than WG_ENDPOINT_NO_BRACKETS, host and port are as before.
 */
enum wg_endpoint_fault wg_endpoint(const char *text, char *host, size_t host_size, uint16_t *port);

/*
 * wg_host_canonical writes a host of wg_endpoint() so that one address, or one name, has one text
 * however it was spelled: RFC 5952's form, small letters; a zone as it is. `size` bytes are
 * enough for any host that fits into so many. Returns `text`.
 */
const char *wg_host_canonical(const char *host, char *text, size_t size);
