/*
 * `guardlane reconfigure`, and `reconfigure` alone: has the running gateway take over its files.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

/* reconfigure_command returns the exit status: 0, or 1 having said what is wrong. */
int reconfigure_command(int argc, char *argv[]);
