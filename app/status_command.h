/*
 * `guardlane status`: asks the running gateway how it is, and prints that.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

/*
 * status_command is the command. Returns 0 if a gateway answers, also one whose clustering is off,
 * and 1 if none does.
 */
int status_command(int argc, char *argv[]);
