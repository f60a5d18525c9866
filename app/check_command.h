/*
 * `guardlane check`: the operator's files, looked at without running anything.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

/* check_command returns the exit status: 0, or 1 if there are errors (--strict: or warnings). */
int check_command(int argc, char *argv[]);
