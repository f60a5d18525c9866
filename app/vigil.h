/*
 * Watching for the removal of an interface, or of the socket by which wg(8) reaches it: either is
 * how one ends a userspace WireGuard.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include <stdbool.h>

struct vigil;

/*
 * vigil_begin watches over the interface and its UAPI socket, which are there. Returns NULL with
 * errno set; ENOENT if one of them is not there.
 */
struct vigil *vigil_begin(const char *interface);

/* vigil_end: NULL is ignored. */
void vigil_end(struct vigil *vigil);

/* vigil_fd is readable when something has happened; vigil_gone then tells what is gone, or NULL. */
int vigil_fd(const struct vigil *vigil);
const char *vigil_gone(struct vigil *vigil);
