/*
 * The socket by which the two sides of a memif find each other.
 * Private to net, and to who watches it. On the packet's way: nowhere.
 * Threads: management.
 */
#pragma once

#include <stdbool.h>

/* Longest path of a socket: what fits a socket's address; "@NAME" is an abstract one. */
#define MEMIF_PATH_MAX 107

/*
 * memif_socket_listen opens the server's socket, which only its owner may connect to. What a server
 * left behind that is not there any more is removed first. Returns the socket, -EADDRINUSE if
 * somebody listens there already, or another negative errno. memif_socket_close closes and removes
 * it.
 */
int memif_socket_listen(const char *path) __attribute__((warn_unused_result));
void memif_socket_close(int fd, const char *path);

/* memif_socket_accept returns the next client's socket, or a negative errno. */
int memif_socket_accept(int fd) __attribute__((warn_unused_result));

/*
 * memif_socket_connect connects to a server. Never waits. Returns the socket, or a negative errno:
 * -ENOENT and -ECONNREFUSED if there is no server, -EAGAIN if it has too many to wait for.
 */
int memif_socket_connect(const char *path) __attribute__((warn_unused_result));
