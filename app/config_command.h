/*
 * `guardlane config`: what is in force, and where each value came from, as a gateway.conf.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

/* config_command returns the exit status: 0, or 1 having said on stderr what is wrong. */
int config_command(int argc, char *argv[]);
