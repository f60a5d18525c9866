/*
 * Messages of memif's control socket, with the descriptors that they carry.
 * Private to net. On the packet's way: nowhere.
 * Threads: management.
 */
#pragma once

#include "net/memif.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * memif_message_send sends it, and with it `passed` unless that is -1, which stays the caller's.
 * Never waits: -EAGAIN if the other side does not read. Returns 0 or a negative errno.
 */
int memif_message_send(int fd, const struct memif_message *message, int passed)
	__attribute__((warn_unused_result));

/*
 * memif_message_receive takes the next message and, if one came with it, a descriptor: *passed, the
 * caller's from then on, else -1. Never waits. Returns 0, -EAGAIN if there is none, -ECONNRESET if
 * the other side has closed, -EBADMSG for what is none (length, several descriptors), or another
 * negative errno.
 */
int memif_message_receive(int fd, struct memif_message *message, int *passed)
	__attribute__((warn_unused_result));

/*
 * memif_text copies a text of the other side's, of which only `len` bytes may be looked at, and
 * replaces what is not printable.
 */
void memif_text(char *to, size_t size, const char *from, size_t len);
