/*
 * The control socket: where commands reach the running gateway. A client sends one line, is sent
 * one answer (answer.h), and the connection ends. There are a few clients at most, none of them is
 * ever waited for, and one that does nothing is closed.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "answer.h"

/* At most, of a request, its newline included. */
#define CONTROL_SOCKET_REQUEST_MAX 256

struct control_socket;

struct control_socket_settings {
	/* Of the socket's file: mode 0600, in a folder of mode 0755 that is made if missing. */
	const char *path;
	/* Answers a request, which has no newline. */
	void (*answer)(void *context, const char *request, struct answer *answer);
	void *context;
	unsigned idle_s; /* a client that neither sends nor takes anything for so long is closed */
};

/*
 * control_socket_create listens. A file that a dead gateway has left there is replaced, one on
 * which somebody listens is not. Clients of another user than root and ours are turned away.
 * Returns 0, or a negative errno: -EADDRINUSE if somebody listens there, -EEXIST if the file is no
 * socket.
 */
int control_socket_create(const struct control_socket_settings *settings,
	struct control_socket **control_socket) __attribute__((warn_unused_result));

/* control_socket_destroy closes all and removes the file. NULL is ignored. */
void control_socket_destroy(struct control_socket *control_socket);

/* control_socket_fd is readable when there is something for control_socket_process to do. */
int control_socket_fd(const struct control_socket *control_socket);
void control_socket_process(struct control_socket *control_socket);
