/*
 * Receiver indices: 32-bit random numbers that name our handshakes and sessions on the wire.
 * On the packet's way: in_session.
 * Threads: one writer (the control side's lock); lanes look sessions up meanwhile.
 *
 * An index is random as a whole, and its low bits are its slot: lookup is one load.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct index_table;

/*
 * index_table_create makes a table with room for at least `entries` indices at a load of at most
 * one quarter. Returns NULL without memory.
 */
struct index_table *index_table_create(size_t entries);

/*
 * index_table_grow returns a new table with the same entries and room for `entries`, or NULL
 * without memory; the old one stays valid for its readers and is destroyed by the caller.
 */
struct index_table *index_table_grow(const struct index_table *table, size_t entries);

/* index_table_destroy frees the table. NULL is ignored. */
void index_table_destroy(struct index_table *table);

/*
 * index_take finds a random free index and enters it for the handshake of `peer`. Returns 0 and
 * sets *index; -ENOSPC if the table holds all it has room for; or the random generator's errno.
 */
int index_take(struct index_table *table, void *peer, uint32_t *index)
	__attribute__((warn_unused_result));

/*
 * index_set_session turns the entry of `index` from a handshake's to a session's, keeping the
 * number; lanes see the whole session that was written before the call (release).
 */
void index_set_session(struct index_table *table, uint32_t index, void *session);

/*
 * index_give frees the entry; lanes may still hold the session until they are quiescent. An index
 * that is not in the table is ignored.
 */
void index_give(struct index_table *table, uint32_t index);

/* index_find_peer returns the peer of a handshake's index, else NULL. Writer only. */
void *index_find_peer(const struct index_table *table, uint32_t index);

/*
 * index_find_session returns the session in the index's slot, or NULL (acquire). The slot is found
 * by the low bits alone: the caller compares the session's own index with the one on the wire.
 * index_prefetch asks for the slot's cache line.
 */
static inline void *index_find_session(const struct index_table *table, uint32_t index);
static inline void index_prefetch(const struct index_table *table, uint32_t index);

/* index_count returns how many entries there are. Writer only. */
size_t index_count(const struct index_table *table);

/* The rest is how it works, for nobody else. What lanes read is dense: a pointer to the slot. */
struct index_entry;

struct index_table {
	_Atomic(void *) *sessions; /* by slot; written by control, read by lanes */
	uint32_t mask; /* slots, less one */
	struct index_entry *entries; /* by slot; control */
	size_t count; /* control */
};

static inline void *
index_find_session(const struct index_table *table, uint32_t index)
{
	return atomic_load_explicit(&table->sessions[index & table->mask], memory_order_acquire);
}

static inline void
index_prefetch(const struct index_table *table, uint32_t index)
{
	__builtin_prefetch(&table->sessions[index & table->mask]);
}
