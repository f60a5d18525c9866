/*
 * `guardlane preflight`.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

/* preflight_command returns the exit status: 0, or 1 if something is missing. */
int preflight_command(int argc, char *argv[]);
