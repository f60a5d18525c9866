/*
 * Finding a UDP port in the rules that nft(8) and iptables-save(8) print.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "firewall.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_ROOM 4096

/*
 * Copies the line at *at without its indent and with quoted texts (comments) emptied, and goes on
 * to the next one; false at the end. Of a longer line the rest is left out.
 */
static bool
next_line(const char **at, char line[static LINE_ROOM])
{
	const char *from = *at;
	bool quoted = false;
	size_t len = 0;

	if (*from == '\0')
		return false;
	from += strspn(from, " \t");
	for (; *from != '\0' && *from != '\n'; from++) {
		if (*from == '"')
			quoted = !quoted;
		else if (!quoted && len < LINE_ROOM - 1)
			line[len++] = *from;
	}
	line[len] = '\0';
	*at = *from == '\n' ? from + 1 : from;
	return true;
}

/* "4567", "4000-5000" or (iptables) "4000:5000" at the start of `text`. */
static bool
is_in_range(const char *text, char dash, uint16_t port)
{
	char *end;
	unsigned long first, last;

	if (!isdigit((unsigned char)*text))
		return false;
	first = strtoul(text, &end, 10);
	last = first;
	/* A dot behind it: part of an address. */
	if (*end == dash && isdigit((unsigned char)end[1]))
		last = strtoul(end + 1, &end, 10);
	return *end != '.' && first <= port && port <= last;
}

/* -- nft --------------------------------------------------------------------------------------- */

/*
 * Whether one of the elements in "{ a, b . c : verdict }", which may go over several lines, has the
 * port; in concatenations it is number `component`, from 0.
 */
static bool
is_in_elements(const char *text, unsigned component, uint16_t port)
{
	const char *end = strchr(text, '}');

	text += *text == '{';
	while (text != NULL && end != NULL && text < end) {
		const char *next = memchr(text, ',', (size_t)(end - text));
		const char *at = text + strspn(text, " \t\n");

		for (unsigned i = 0; i < component && at != NULL; i++) {
			at = strstr(at, " . ");
			at = at != NULL && at < end ? at + 3 : NULL;
		}
		if (at != NULL && at < end && is_in_range(at, '-', port))
			return true;
		text = next != NULL ? next + 1 : NULL;
	}
	return false;
}

/* The same for the named set or map in the table whose text begins at `table`. */
static bool
is_in_set(const char *table, const char *name, unsigned component, uint16_t port)
{
	static const char *const kinds[] = {"set", "map"};
	const size_t len = strcspn(name, " ");
	const char *table_end = strstr(table, "\n}");

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char head[LINE_ROOM];
		const char *set, *elements;

		snprintf(head, sizeof(head), "\t%s %.*s {\n", kinds[i], (int)len, name);
		set = strstr(table, head);
		if (set == NULL || (table_end != NULL && set > table_end))
			continue;
		elements = strstr(set, "elements = {");
		if (elements != NULL && elements < strstr(set, "\n\t}"))
			return is_in_elements(strchr(elements, '{'), component, port);
	}
	return false;
}

static unsigned
count_dots(const char *text, const char *end)
{
	unsigned count = 0;

	while ((text = strstr(text, " . ")) != NULL && text < end) {
		count++;
		text += 3;
	}
	return count;
}

/* Whether what stands behind "dport " takes the port in. */
static bool
matches(const char *table, const char *value, unsigned component, uint16_t port)
{
	static const struct {
		const char *text;
		int from, to; /* added to the number: what it takes in; 1 for `to`: all above */
	} operators[] = {{">= ", 0, 1}, {"> ", 1, 1}, {"<= ", 0, 0}, {"< ", 0, -1}};
	long number;

	if (strncmp(value, "!= ", 3) == 0)
		return false;
	for (unsigned i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		const size_t len = strlen(operators[i].text);

		if (strncmp(value, operators[i].text, len) != 0)
			continue;
		number = strtol(value + len, NULL, 10);
		return operators[i].to == 1 ? port >= number + operators[i].from
					    : port <= number + operators[i].to;
	}
	if (strncmp(value, ". ", 2) == 0)
		value += strcspn(value, "{@");
	else if (strncmp(value, "vmap ", 5) == 0 || strncmp(value, "map ", 4) == 0)
		value += strcspn(value, " ") + 1;
	if (*value == '@')
		return is_in_set(table, value + 1, component, port);
	if (*value == '{')
		return is_in_elements(value, component, port);
	return is_in_range(value, '-', port);
}

static bool
nft_rule_matches(const char *table, const char *rule, uint16_t port)
{
	static const char *const heads[] = {"udp dport ", "th dport "};

	/* "meta l4proto tcp th dport": not ours. */
	if (strstr(rule, "tcp") != NULL && strstr(rule, "udp") == NULL)
		return false;
	for (unsigned i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		for (const char *at = rule; (at = strstr(at, heads[i])) != NULL; at++) {
			const char *value = at + strlen(heads[i]);

			if ((at == rule || at[-1] == ' ') &&
				matches(table, value, count_dots(rule, at), port))
				return true;
		}
	}
	return false;
}

bool
firewall_rules_nft(const char *ruleset, uint16_t port, char where[static FIREWALL_WHERE_MAX])
{
	const char *at = ruleset, *table = ruleset, *start = ruleset;
	char line[LINE_ROOM], table_name[64] = "", chain_name[48] = "";

	while (next_line(&at, line)) {
		if (sscanf(line, "table %63[^{\n]", table_name) == 1)
			table = start;
		else if (sscanf(line, "chain %47[^{ \n]", chain_name) != 1 &&
			nft_rule_matches(table, line, port)) {
			/* The table's name ends with the blank before its brace. */
			snprintf(where, FIREWALL_WHERE_MAX, "nft: %s%s", table_name, chain_name);
			return true;
		}
		start = at;
	}
	return false;
}

/* -- iptables ---------------------------------------------------------------------------------- */

static bool
is_in_list(const char *list, uint16_t port)
{
	for (;;) {
		if (is_in_range(list, ':', port))
			return true;
		list += strcspn(list, ", ");
		if (*list != ',')
			return false;
		list++;
	}
}

static bool
iptables_rule_matches(const char *rule, uint16_t port)
{
	static const char *const options[] = {" --dport ", " --dports ", " --ports "};

	if (strstr(rule, " -p udp ") == NULL || strstr(rule, " ! -p udp ") != NULL)
		return false;
	for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		const char *at = strstr(rule, options[i]);

		if (at != NULL && at[-1] != '!' && is_in_list(at + strlen(options[i]), port))
			return true;
	}
	return false;
}

bool
firewall_rules_iptables(const char *ruleset, uint16_t port, char where[static FIREWALL_WHERE_MAX])
{
	char line[LINE_ROOM], table[32] = "", chain[48] = "";

	while (next_line(&ruleset, line)) {
		if (sscanf(line, "*%31[^ \n]", table) == 1 ||
			sscanf(line, "-A %47[^ \n]", chain) != 1)
			continue;
		if (!iptables_rule_matches(line, port))
			continue;
		snprintf(where, FIREWALL_WHERE_MAX, "iptables: %s %s", table, chain);
		return true;
	}
	return false;
}
