/*
 * `guardlane run`: from options to a running gateway, until a signal ends it.
 * On the packet's way: nowhere.
 * Threads: main; lanes run on EAL's lcores.
 */
#pragma once

/* run_command returns the exit status: 0, or 1 having said on stderr what is wrong. */
int run_command(int argc, char *argv[]);
