/*
 * Writing numbers and breaking lines.
 * On the packet's way: nowhere.
 * Threads: any; no state.
 */
#include "status_text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#define LINE_MAX_LEN 1024
/* A terminal of fewer columns breaks the lines itself. */
#define WIDTH_LEAST 20

void
status_text_duration(double s, char *text, size_t size)
{
	const unsigned long whole = s < 0 ? 0 : (unsigned long)s;

	if (whole < 120)
		snprintf(text, size, "%lu s", whole);
	else if (whole < 7200)
		snprintf(text, size, "%lu min", whole / 60);
	else if (whole < 2 * 86400)
		snprintf(text, size, "%lu h %lu min", whole / 3600, whole % 3600 / 60);
	else
		snprintf(text, size, "%lu d %lu h", whole / 86400, whole % 86400 / 3600);
}

void
status_text_bytes(double bytes, char *text, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	unsigned unit = 0;

	/* What would be rounded to 1024.0 is 1.0 of the next one. */
	while (bytes >= 1023.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, size, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

static bool
begins_character(char byte)
{
	return ((unsigned char)byte & 0xc0) != 0x80;
}

unsigned
status_text_width(const char *text)
{
	unsigned width = 0;

	for (; *text != '\0'; text++)
		width += begins_character(*text);
	return width;
}

/* The bytes of the first `width` characters, or of all if there are fewer. */
static size_t
bytes_of(const char *text, unsigned width)
{
	size_t len = 0;

	while (text[len] != '\0') {
		if (begins_character(text[len]) && width-- == 0)
			break;
		len++;
	}
	return len;
}

void
status_text_cut(const char *text, unsigned width, char *cut, size_t size)
{
	if (status_text_width(text) <= width || width == 0)
		snprintf(cut, size, "%s", text);
	else
		snprintf(cut, size, "%.*s…", (int)bytes_of(text, width - 1), text);
}

void
status_text_wrap(FILE *out, unsigned width, unsigned indent, const char *format, ...)
{
	char line[LINE_MAX_LEN];
	const char *rest = line;
	unsigned indented = 0;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	while (width >= WIDTH_LEAST && status_text_width(rest) + indented > width) {
		size_t len = bytes_of(rest, width - indented);

		/* At the last blank that is not of the indentation, or, without one, anywhere. */
		if (rest[len] != ' ')
			for (size_t at = len; at > indent; at--)
				if (rest[at - 1] == ' ') {
					len = at - 1;
					break;
				}
		fprintf(out, "%*s%.*s\n", (int)indented, "", (int)len, rest);
		rest += len;
		rest += strspn(rest, " ");
		indented = indent;
	}
	if (*rest != '\0')
		fprintf(out, "%*s%s\n", (int)indented, "", rest);
}
