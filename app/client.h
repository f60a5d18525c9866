/*
 * The other end of the control socket: how a command asks the running gateway.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "guardlane.h"

#include <stdio.h>

/* Room for the path of a control socket, as much as a struct sockaddr_un has. */
#define CLIENT_PATH_MAX 108

/* client_path writes the path of the control socket of the gateway whose first tunnel is NAME. */
void client_path(const char *name, char path[CLIENT_PATH_MAX]);

/*
 * client_find writes the path of the control socket that is meant: `control` if it is given, else
 * that of the gateway called `name`, else, with neither, that of the one gateway that runs here.
 * Returns 0, or a negative errno having said what to do; `command` is the one to be given a name.
 */
int client_find(const char *control, const char *name, const char *command,
	const struct gl_log *log, char path[CLIENT_PATH_MAX]) __attribute__((warn_unused_result));

/*
 * client_ask sends the request there and writes the lines of the answer to `out` and `err` as they
 * come. Returns the answer's exit status, or a negative errno having said what is wrong.
 */
int client_ask(const char *path, const char *request, FILE *out, FILE *err,
	const struct gl_log *log) __attribute__((warn_unused_result));
