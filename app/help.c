/*
 * Printing the tables of commands and options.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "help.h"

#include "option.h"

#include <stdbool.h>
#include <string.h>

#define TEXT_MAX 512

void
help_program(FILE *out, const struct command commands[], size_t count)
{
	fputs("usage: guardlane COMMAND [OPTION...]\n\n", out);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].help);
	fputs("  help         the options of a command: guardlane help COMMAND\n"
	      "\nguardlane COMMAND --help says more.\n"
	      "\nguardlane [-f] INTERFACE is a WireGuard that wg(8) sets, in the background unless -f,\n"
	      "over UDP sockets: WG_QUICK_USERSPACE_IMPLEMENTATION=guardlane wg-quick up wg0\n",
		out);
}

/* Prints `text` from a column on, broken at blanks before column 78. */
static void
print_wrapped(FILE *out, unsigned column, const char *text)
{
	const size_t width = 78 - column;

	while (*text != '\0') {
		size_t len = strlen(text);

		if (len > width)
			for (len = width; len > 0 && text[len] != ' ';)
				len--;
		fprintf(out, "%*s%.*s\n", (int)column, "", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
}

static void
print_option(FILE *out, const struct option *option)
{
	/* What "auto" means is said by the help. */
	const bool standard = option->standard[0] != '\0' && strcmp(option->standard, "auto") != 0;
	char text[TEXT_MAX];

	fprintf(out, "  %s%s%s%s\n", option->operand ? "" : "--",
		option->operand ? "" : option->name,
		option->operand || option->argument == NULL ? "" : " ",
		option->argument != NULL ? option->argument : "");
	snprintf(text, sizeof(text), "%s%s%s", option->help, standard ? "; default " : "",
		standard ? option->standard : "");
	print_wrapped(out, 8, text);
}

void
help_command(FILE *out, const struct command *command)
{
	const char *operand = "";

	for (enum option_id id = 0; id < OPTION_COUNT; id++)
		if (options[id].operand && (options[id].commands & command->options) != 0)
			operand = options[id].argument;
	fprintf(out, "usage: guardlane %s [OPTION...]%s%s%s\n\nguardlane %s %s.\n", command->name,
		operand[0] != '\0' ? " [" : "", operand, operand[0] != '\0' ? "]" : "",
		command->name, command->help);
	if (command->more != NULL)
		print_wrapped(out, 0, command->more);
	fputs("\nWhere no default is named it is auto.\n\n", out);
	for (enum option_id id = 0; id < OPTION_COUNT; id++)
		if ((options[id].commands & command->options) != 0)
			print_option(out, &options[id]);
}
