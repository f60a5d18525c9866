/*
 * Settings out of docker-compose's .env file.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#include "config/dotenv.h"

#include "config/text_file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define DOTENV_FILE_MAX ((size_t)1 << 20)
#define BLANKS " \t\r\v\f"

static char *
skip_blanks(char *text)
{
	return text + strspn(text, BLANKS);
}

/* What is behind `word` at the start of the text, or NULL if it starts otherwise. */
static char *
skip_word(char *text, const char *word)
{
	for (; *word != '\0'; text++, word++)
		if (*text != *word)
			return NULL;
	return text;
}

/* What is behind "NAME =", or NULL if the line is about something else. */
static char *
assigned(char *line, const char *name)
{
	char *exported;

	line = skip_blanks(line);
	exported = skip_word(line, "export");
	if (exported && strspn(exported, BLANKS) > 0)
		line = skip_blanks(exported);
	line = skip_word(line, name);
	if (!line)
		return NULL;
	line = skip_blanks(line);
	return *line == '=' ? skip_blanks(line + 1) : NULL;
}

/* Takes quotes off, or else a comment and the blanks at the end. */
static char *
unquoted(char *value)
{
	char *quote = *value == '"' || *value == '\'' ? strchr(value + 1, *value) : NULL;
	size_t len = strlen(value);

	if (quote) {
		*quote = '\0';
		return value + 1;
	}
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '#' && (i == 0 || strchr(BLANKS, value[i - 1])))
			len = i;
	}
	while (len > 0 && strchr(BLANKS, value[len - 1]))
		len--;
	value[len] = '\0';
	return value;
}

int
dotenv_get(const char *path, const char *name, char *value, size_t size)
{
	struct text_file file;
	const char *found = NULL;
	char *next;
	int rc = text_file_read(path, DOTENV_FILE_MAX, &file);

	if (rc)
		return rc;
	next = file.text;
	while (next < file.text + file.len) {
		size_t len;
		char *text = assigned(text_line(&next, file.text + file.len, &len), name);

		if (text)
			found = unquoted(text);
	}
	if (!found)
		rc = -ENOENT;
	else if (strlen(found) >= size)
		rc = -E2BIG;
	else
		memcpy(value, found, strlen(found) + 1);
	text_file_wipe(&file);
	return rc;
}
