/*
 * Reconfiguring what runs: the settings and both files are loaded anew, checked whole, and then
 * taken over, or nothing is changed.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "answer.h"
#include "instance.h"

#include <stdbool.h>

/*
 * reconfigure brings the instance to what settings and files say now. What there is to say goes to
 * the log and into the answer: each change on a line of its own and how many peers are as they
 * were, or what is wrong and that nothing was changed. With dry_run it only says so. Returns the
 * exit status.
 */
int reconfigure(struct instance *instance, bool dry_run, struct answer *answer);
