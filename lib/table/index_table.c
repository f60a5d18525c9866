/*
 * Receiver indices: the writer's side; what lanes call is in the header.
 * On the packet's way: nowhere.
 * Threads: one writer (the control side's lock).
 */
#include "table/index_table.h"

#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define SLOTS_MIN 16
#define SLOTS_MAX (UINT64_C(1) << 32)
#define SLOTS_PER_ENTRY 4

/* What the writer knows of a slot. The session itself is in the lanes' array. */
struct index_entry {
	void *peer; /* of a handshake; NULL for a session */
	uint32_t index;
	bool used;
};

static struct index_table *
table_with_slots(uint64_t slots)
{
	struct index_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->mask = (uint32_t)(slots - 1);
	table->sessions = calloc(slots, sizeof(table->sessions[0]));
	table->entries = calloc(slots, sizeof(table->entries[0]));
	if (!table->sessions || !table->entries) {
		index_table_destroy(table);
		return NULL;
	}
	return table;
}

struct index_table *
index_table_create(size_t entries)
{
	uint64_t slots = SLOTS_MIN;

	if (entries > SLOTS_MAX / SLOTS_PER_ENTRY)
		return NULL;
	while (slots < entries * SLOTS_PER_ENTRY)
		slots *= 2;
	return table_with_slots(slots);
}

/*
 * Slots are low bits, so entries that have slots of their own keep them apart in a table with at
 * least as many.
 */
struct index_table *
index_table_grow(const struct index_table *table, size_t entries)
{
	size_t old_slots = (size_t)table->mask + 1;
	size_t old_entries = old_slots / SLOTS_PER_ENTRY;
	struct index_table *grown =
		index_table_create(entries > old_entries ? entries : old_entries);

	if (!grown)
		return NULL;
	for (size_t i = 0; i < old_slots; i++) {
		const struct index_entry *entry = &table->entries[i];
		uint32_t slot = entry->index & grown->mask;

		if (!entry->used)
			continue;
		grown->entries[slot] = *entry;
		atomic_init(&grown->sessions[slot],
			atomic_load_explicit(&table->sessions[i], memory_order_relaxed));
	}
	grown->count = table->count;
	return grown;
}

void
index_table_destroy(struct index_table *table)
{
	if (!table)
		return;
	free(table->entries);
	free(table->sessions);
	free(table);
}

/*
 * Drawing again when the slot is taken leaves the index uniform over all that could be free: no
 * bit of it tells of the others in the table. At a load of a quarter it takes 4/3 draws.
 */
int
index_take(struct index_table *table, void *peer, uint32_t *index)
{
	struct index_entry *entry;
	uint32_t drawn;

	if (table->count >= ((size_t)table->mask + 1) / SLOTS_PER_ENTRY)
		return -ENOSPC;
	do {
		int rc = random_fill(&drawn, sizeof(drawn));

		if (rc)
			return rc;
		entry = &table->entries[drawn & table->mask];
	} while (entry->used);

	*entry = (struct index_entry){.peer = peer, .index = drawn, .used = true};
	table->count++;
	*index = drawn;
	return 0;
}

static struct index_entry *
entry_of(const struct index_table *table, uint32_t index)
{
	struct index_entry *entry = &table->entries[index & table->mask];

	return entry->used && entry->index == index ? entry : NULL;
}

void
index_set_session(struct index_table *table, uint32_t index, void *session)
{
	struct index_entry *entry = entry_of(table, index);

	assert(entry);
	entry->peer = NULL;
	atomic_store_explicit(&table->sessions[index & table->mask], session, memory_order_release);
}

void
index_give(struct index_table *table, uint32_t index)
{
	struct index_entry *entry = entry_of(table, index);

	if (!entry)
		return;
	atomic_store_explicit(&table->sessions[index & table->mask], NULL, memory_order_relaxed);
	*entry = (struct index_entry){0};
	table->count--;
}

void *
index_find_peer(const struct index_table *table, uint32_t index)
{
	const struct index_entry *entry = entry_of(table, index);

	return entry ? entry->peer : NULL;
}

size_t
index_count(const struct index_table *table)
{
	return table->count;
}
