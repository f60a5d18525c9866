/*
 * `guardlane wg0`, a name alone: a userspace WireGuard as wg-quick(8) and others know them.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include <stdbool.h>

/*
 * interface_command_meant tells whether the arguments are such a call: the name of an interface,
 * after -f or --foreground or not, that is no mistyped command. main's arguments.
 */
bool interface_command_meant(int argc, char *argv[], bool mistyped);

/*
 * interface_command runs it: in the background, once it is ready, unless it is to stay. All that
 * there is to be set comes from wg(8), and it ends when the interface or its socket is removed.
 * Returns the exit status.
 */
int interface_command(int argc, char *argv[]);
