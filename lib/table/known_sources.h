/*
 * Where peers are: the addresses whose handshake messages get a share of their own, so that
 * strangers cannot crowd them out.
 * On the packet's way: in_receive, for handshake messages; beside it, when they are admitted.
 * Threads: one writer at a time (control); any number of readers, lanes among them.
 *
 * A source is an IPv4 address or an IPv6 /64. It proves nothing: who spoofs a peer's address is
 * taken for known as well, up to KNOWN_SOURCES_WINDOW_MAX messages in a window, and so is one of
 * many thousand strangers by chance. What is known gets a share; it is let off nothing.
 *
 * Bounded, made at once, and never emptied: where a peer once was stays known until another one
 * takes its place.
 */
#pragma once

#include "base/address.h"

#include <stdbool.h>
#include <stdint.h>

/* Of one source: so many messages in each window of 2^KNOWN_SOURCES_WINDOW_SHIFT ns (17 ms). */
#define KNOWN_SOURCES_WINDOW_SHIFT 24
#define KNOWN_SOURCES_WINDOW_MAX 32

struct known_sources;

/*
 * known_sources_create takes all the memory that it will ever have, half a MiB. Returns NULL with
 * errno set: ENOMEM, or the random generator's for the hash key. known_sources_destroy: NULL is
 * ignored.
 */
struct known_sources *known_sources_create(void);
void known_sources_destroy(struct known_sources *known);

/* known_sources_note makes the source of `address` known. Control. */
void known_sources_note(struct known_sources *known, const struct address *address);

/* known_sources_has tells whether it is. */
bool known_sources_has(const struct known_sources *known, const struct address *address);

/*
 * known_sources_allow tells whether it is, and has sent no more than its share in this window, and
 * counts one message. Lanes that count at the same instant may lose a count. Wait-free.
 */
bool
known_sources_allow(struct known_sources *known, const struct address *address, uint64_t now_ns);
