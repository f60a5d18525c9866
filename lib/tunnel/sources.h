/*
 * Sources: from which addresses something came that cannot be used, counted in a small table.
 * On the packet's way: in_receive, for fragments; beside it, for handshakes for another key.
 * Threads: one writer (a lane, or control); any reader.
 */
#pragma once

#include "base/address.h"

#include <stdatomic.h>
#include <stdint.h>

/* A power of two. Senders are free to make addresses up: a bound, and no more. */
#define SOURCES_MAX 16

struct source {
	uint64_t count; /* 0: there is none */
	uint64_t last_ns; /* boot clock */
	uint32_t len_max; /* of what came from it, in bytes */
	struct address address;
};

#define SOURCE_WORDS ((sizeof(struct source) + 7) / 8)

/* Each address has one place, by a hash, and takes it from whichever had it. Zeroed is empty. */
struct sources {
	_Atomic uint32_t version; /* writer: odd while it writes */
	/* writer; each is a struct source, in pieces that a reader may look at meanwhile. */
	_Atomic uint64_t words[SOURCES_MAX][SOURCE_WORDS];
};

/* sources_note counts `len` bytes that came from `address` at `now_ns`. The writer; wait-free. */
void
sources_note(struct sources *sources, const struct address *address, uint32_t len, uint64_t now_ns);

/*
 * sources_read copies the entries as they were at one moment; all zero if the writer was too busy
 * to get hold of such a moment.
 */
void sources_read(const struct sources *sources, struct source entries[SOURCES_MAX]);
