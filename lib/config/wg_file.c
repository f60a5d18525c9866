/*
 * The grammar of wg(8)'s configuration files: lines, names, values.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#include "config/wg_file.h"

#include "base/address.h"
#include "base/nearest.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct wg_name names[] = {
	{"PrivateKey", WG_SECTION_INTERFACE, WG_PRIVATE_KEY},
	{"ListenPort", WG_SECTION_INTERFACE, WG_LISTEN_PORT},
	{"FwMark", WG_SECTION_INTERFACE, WG_FWMARK},
	{"MTU", WG_SECTION_INTERFACE, WG_MTU},
	{"Address", WG_SECTION_INTERFACE, WG_IGNORED},
	{"DNS", WG_SECTION_INTERFACE, WG_IGNORED},
	{"Table", WG_SECTION_INTERFACE, WG_IGNORED},
	{"PreUp", WG_SECTION_INTERFACE, WG_IGNORED},
	{"PostUp", WG_SECTION_INTERFACE, WG_IGNORED},
	{"PreDown", WG_SECTION_INTERFACE, WG_IGNORED},
	{"PostDown", WG_SECTION_INTERFACE, WG_IGNORED},
	{"SaveConfig", WG_SECTION_INTERFACE, WG_IGNORED},
	{"PublicKey", WG_SECTION_PEER, WG_PUBLIC_KEY},
	{"PresharedKey", WG_SECTION_PEER, WG_PRESHARED_KEY},
	{"AllowedIPs", WG_SECTION_PEER, WG_ALLOWED_IPS},
	{"Endpoint", WG_SECTION_PEER, WG_ENDPOINT},
	{"PersistentKeepalive", WG_SECTION_PEER, WG_KEEPALIVE},
};

static const struct wg_name sections[] = {
	{"Interface", WG_SECTION_INTERFACE, WG_KEY_COUNT},
	{"Peer", WG_SECTION_PEER, WG_KEY_COUNT},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* isspace() of the C locale, whichever is set. */
static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t
remove_blanks(char *text, size_t len)
{
	size_t kept = 0;

	for (size_t i = 0; i < len; i++) {
		if (!is_blank(text[i]))
			text[kept++] = text[i];
	}
	text[kept] = '\0';
	return kept;
}

void
wg_file_init(struct wg_file *file, struct text_file *text)
{
	*file = (struct wg_file){.next = text->text, .end = text->text + text->len};
}

bool
wg_file_next(struct wg_file *file, struct wg_line *line)
{
	char *text, *comment, *equals;
	size_t len;

	if (file->next >= file->end)
		return false;
	text = text_line(&file->next, file->end, &len);
	*line = (struct wg_line){.number = ++file->line, .kind = WG_LINE_OTHER};
	if (memchr(text, '\0', len)) {
		line->kind = WG_LINE_NUL;
		return true;
	}
	comment = memchr(text, '#', len);
	if (comment) {
		*comment = '\0';
		line->comment = comment + 1;
		len = (size_t)(comment - text);
	}
	len = remove_blanks(text, len);
	equals = memchr(text, '=', len);
	if (len == 0) {
		line->kind = WG_LINE_EMPTY;
	} else if (text[0] == '[' && text[len - 1] == ']') {
		line->kind = WG_LINE_SECTION;
		line->name = text + 1;
		text[len - 1] = '\0';
	} else if (equals) {
		line->kind = WG_LINE_SETTING;
		*equals = '\0';
		line->name = text;
		line->value = equals + 1;
	}
	return true;
}

static const struct wg_name *
table_find(const struct wg_name *table, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(table[i].text, text) == 0)
			return &table[i];
	}
	return NULL;
}

/* A text of other characters than letters is no mistyped name. */
static const char *
table_nearest(const struct wg_name *table, size_t count, const char *text)
{
	struct nearest nearest = nearest_to(text);

	for (const char *c = text; *c; c++) {
		if ((*c < 'A' || *c > 'Z') && (*c < 'a' || *c > 'z'))
			return NULL;
	}
	for (size_t i = 0; i < count; i++)
		nearest_offer(&nearest, table[i].text);
	return nearest.name;
}

const struct wg_name *
wg_name_find(const char *text)
{
	return table_find(names, COUNT_OF(names), text);
}

const struct wg_name *
wg_section_find(const char *text)
{
	return table_find(sections, COUNT_OF(sections), text);
}

const char *
wg_name_nearest(const char *text)
{
	return table_nearest(names, COUNT_OF(names), text);
}

const char *
wg_section_nearest(const char *text)
{
	return table_nearest(sections, COUNT_OF(sections), text);
}

static char
lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* The value of a digit of either base, or 16. */
static unsigned
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c = lower(c);
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 16;
}

bool
wg_number(const char *text, bool hex_too, uint32_t max, uint32_t *number)
{
	bool hex = hex_too && text[0] == '0' && text[1] == 'x';
	unsigned base = hex ? 16 : 10;
	uint64_t value = 0;

	text += hex ? 2 : 0;
	if (*text == '\0')
		return false;
	for (; *text; text++) {
		unsigned digit = digit_value(*text);

		if (digit >= base)
			return false;
		value = value * base + digit;
		if (value > max)
			return false;
	}
	*number = (uint32_t)value;
	return true;
}

/* An address, its zone left out of the account. */
static bool
is_ipv6(const char *host)
{
	char text[ADDRESS_TEXT_MAX];
	size_t len = strcspn(host, "%");
	struct address address;

	if (len >= sizeof(text) || (host[len] == '%' && host[len + 1] == '\0'))
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	return address_parse(text, &address) == 0 && address.family == ADDRESS_IPV6;
}

/* Digits and dots alone are no name, but an IPv4 address or a typing error. */
static bool
is_name_or_ipv4(const char *host)
{
	struct address address;
	bool numeric = true;

	for (const char *c = host; *c; c++) {
		bool digit = *c >= '0' && *c <= '9';
		bool letter = lower(*c) >= 'a' && lower(*c) <= 'z';

		if (!digit && !letter && *c != '.' && *c != '-' && *c != '_')
			return false;
		numeric = numeric && (digit || *c == '.');
	}
	return numeric ? address_parse(host, &address) == 0 : host[0] != '.' && host[0] != '-';
}

enum wg_endpoint_fault
wg_endpoint(const char *text, char *host, size_t host_size, uint16_t *port)
{
	bool brackets = text[0] == '[';
	const char *begin = text + brackets;
	const char *end = brackets ? strchr(text, ']') : strrchr(text, ':');
	char copy[256];
	size_t len;
	uint32_t number;

	if (!end || end[brackets] != ':')
		return WG_ENDPOINT_NO_PORT;
	len = (size_t)(end - begin);
	if (len == 0 || len >= sizeof(copy) || len >= host_size)
		return WG_ENDPOINT_BAD_HOST;
	memcpy(copy, begin, len);
	copy[len] = '\0';
	if (brackets ? !is_ipv6(copy) : !is_ipv6(copy) && !is_name_or_ipv4(copy))
		return !brackets && is_ipv6(text) ? WG_ENDPOINT_NO_PORT : WG_ENDPOINT_BAD_HOST;
	if (!wg_number(end + brackets + 1, false, UINT16_MAX, &number) || number == 0)
		return WG_ENDPOINT_BAD_PORT;
	memcpy(host, copy, len + 1);
	*port = (uint16_t)number;
	return !brackets && is_ipv6(copy) ? WG_ENDPOINT_NO_BRACKETS : WG_ENDPOINT_FINE;
}

const char *
wg_host_canonical(const char *host, char *text, size_t size)
{
	char plain[ADDRESS_TEXT_MAX], canonical[ADDRESS_TEXT_MAX];
	size_t len = strcspn(host, "%");
	struct address address;

	(void)snprintf(plain, sizeof(plain), "%.*s", (int)len, host);
	if (len < sizeof(plain) && address_parse(plain, &address) == 0) {
		(void)snprintf(text, size, "%s%s", address_format(&address, canonical), host + len);
		return text;
	}
	(void)snprintf(text, size, "%s", host);
	for (char *c = text; *c; c++)
		*c = lower(*c);
	return text;
}
