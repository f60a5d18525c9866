/*
 * guardlane: a gateway that terminates WireGuard tunnels on DPDK lcores.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "check_command.h"
#include "command.h"
#include "config_command.h"
#include "guardlane.h"
#include "help.h"
#include "interface_command.h"
#include "option.h"
#include "preflight_command.h"
#include "reconfigure_command.h"
#include "run.h"
#include "status_command.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
	{"run", OPTION_OF_RUN, "carries the VPN until a signal ends it", NULL, run_command},
	{"config", OPTION_OF_CONFIG, "prints the settings in force",
		"With the same options, environment and files as run, each value and where it came "
		"from, in the form of a gateway.conf that gives the same.",
		config_command},
	{"reconfigure", OPTION_OF_RECONFIGURE, "has the running gateway take over its files",
		"The settings and both files are loaded anew and checked whole, and what has "
		"changed is applied; sessions of peers that did not change go on. Each change is "
		"printed. On any error nothing is changed.",
		reconfigure_command},
	{"status", OPTION_OF_STATUS, "shows what the running gateway does, and what is wrong",
		"A line for each peer, then what is wrong and what to do about it, then what was "
		"dropped. The exit status is 0 if a gateway answers, also one whose clustering is "
		"off, and 1 if none does.",
		status_command},
	{"check", OPTION_OF_CHECK, "looks at the files without running anything",
		"Each finding is one line, FILE:LINE: what is wrong, and what to do. The last line "
		"has the hash of the peer table, the same on all instances whose tables mean the "
		"same. Needs no root. Exit status: 0, or 1 if there are errors.",
		check_command},
	{"preflight", OPTION_OF_PREFLIGHT, "tells what this host lacks to run",
		"With the same options, environment and files as run: a line for each thing that "
		"is needed, and, where it is missing or could be better, what mends it. Changes "
		"nothing. Exit status: 0, or 1 if something is missing.",
		preflight_command},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

static const char *
nearest_command(const char *name)
{
	const char *names[COMMAND_COUNT];

	for (size_t i = 0; i < COMMAND_COUNT; i++)
		names[i] = commands[i].name;
	return gl_nearest(name, names, COMMAND_COUNT);
}

static int
refuse_command(const char *name)
{
	const char *nearest = nearest_command(name);

	fprintf(stderr, "guardlane: there is no command \"%s\"%s%s%s\n", name,
		nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
		nearest != NULL ? "?" : "");
	if (nearest == NULL)
		help_program(stderr, commands, COMMAND_COUNT);
	return 1;
}

static bool
is_help(const char *argument)
{
	return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

/* `guardlane help [COMMAND]` */
static int
help(const char *name)
{
	const struct command *command = name != NULL ? find_command(name) : NULL;

	if (name != NULL && command == NULL)
		return refuse_command(name);
	if (command != NULL)
		help_command(stdout, command);
	else
		help_program(stdout, commands, COMMAND_COUNT);
	return 0;
}

static int
run(const struct command *command, int argc, char *argv[])
{
	for (int i = 1; i < argc; i++) {
		if (is_help(argv[i]))
			return help(command->name);
		if (strcmp(argv[i], "--version") == 0) {
			puts(gl_version());
			return 0;
		}
	}
	return command->run(argc, argv);
}

int
main(int argc, char *argv[])
{
	const char *name = argc > 1 ? argv[1] : NULL;
	const struct command *command;

	/* Installed under this name too: it is what operators type. */
	if (argc > 0 && strcmp(basename(argv[0]), "reconfigure") == 0)
		return run(find_command("reconfigure"), argc, argv);
	if (name == NULL) {
		help_program(stderr, commands, COMMAND_COUNT);
		return 1;
	}
	if (is_help(name) || strcmp(name, "help") == 0)
		return help(argc > 2 ? argv[2] : NULL);
	if (strcmp(name, "--version") == 0) {
		printf("guardlane %s\n", gl_version());
		return 0;
	}
	command = find_command(name);
	if (command != NULL)
		return run(command, argc - 1, argv + 1);
	if (interface_command_meant(argc, argv, nearest_command(name) != NULL))
		return interface_command(argc, argv);
	return refuse_command(name);
}
