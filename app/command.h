/*
 * The commands of the program: one file each, and one table of them in main.c.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include <stddef.h>

struct command {
	const char *name;
	unsigned options; /* its bit of enum option_command */
	const char *help; /* in one line */
	const char *more; /* or NULL */
	/* Returns the exit status; argv[0] is the command's name. --help never gets here. */
	int (*run)(int argc, char *argv[]);
};
