/*
 * From settings to a running gateway, until a signal, or what it was made for, ends it.
 * On the packet's way: nowhere.
 * Threads: main; lanes run on EAL's lcores.
 */
#pragma once

#include "guardlane.h"
#include "settings.h"

/*
 * run_command is `guardlane run`. Returns the exit status: 0, or 1 having said on stderr what is
 * wrong.
 */
int run_command(int argc, char *argv[]);

/* How a gateway is to be run, beside its settings. */
struct run {
	const char *interface; /* it ends when this one or its UAPI socket is removed; NULL: not */
	void (*ready)(void *context); /* called once it is; or NULL */
	void *context;
};

/*
 * run_settings runs a gateway of the settings, which it takes over, until its end. What is wrong is
 * said to `log`. Returns the exit status.
 */
int run_settings(struct settings *settings, const struct run *run, const struct gl_log *log);
