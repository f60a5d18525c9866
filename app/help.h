/*
 * --help, of the program and of each command.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "command.h"

#include <stdio.h>

/* help_program lists the commands. */
void help_program(FILE *out, const struct command commands[], size_t count);

/* help_command prints what the command is for, and the options that it knows. */
void help_command(FILE *out, const struct command *command);
