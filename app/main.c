/*
 * guardlane: a gateway that terminates WireGuard tunnels on DPDK lcores.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "guardlane.h"
#include "reconfigure_command.h"
#include "run.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*command)(int argc, char *argv[]);
	const char *help;
} commands[] = {
	{"run", run_command, "carry the VPN until a signal ends it"},
	{"reconfigure", reconfigure_command, "have the running gateway take over its files"},
};

static void
usage(FILE *out)
{
	fputs("usage: guardlane COMMAND [OPTION...]\n\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].help);
	fputs("\nguardlane COMMAND --help says more.\n", out);
}

int
main(int argc, char *argv[])
{
	const char *name = argc > 1 ? argv[1] : NULL;

	/* Installed under this name too: it is what operators type. */
	if (argc > 0 && strcmp(basename(argv[0]), "reconfigure") == 0)
		return reconfigure_command(argc, argv);
	if (name == NULL) {
		usage(stderr);
		return 1;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(name, "--version") == 0) {
		printf("guardlane %s\n", gl_version());
		return 0;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].command(argc - 1, argv + 1);
	fprintf(stderr, "guardlane: there is no command \"%s\"\n", name);
	usage(stderr);
	return 1;
}
