/*
 * Public keys of peers: open addressing, linear probing.
 * On the packet's way: beside it; initiations and configuration.
 * Threads: the control side's, under its lock.
 */
#include "table/key_table.h"

#include "base/random.h"
#include "base/secret.h"

#include <sodium.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_LEN 32
#define SLOTS_MIN 16
/* Slots per entry at the least: unsuccessful searches then look at 2.5 slots. */
#define SLOTS_PER_ENTRY 2

struct slot {
	const uint8_t *key;
	void *peer;
	uint64_t hash;
};

struct key_table {
	struct slot *slots; /* key NULL: free */
	size_t mask; /* slots, less one */
	size_t count;
	uint8_t hash_key[crypto_shorthash_KEYBYTES];
};

static uint64_t
hash_of(const struct key_table *table, const uint8_t key[KEY_LEN])
{
	uint64_t hash;

	_Static_assert(crypto_shorthash_BYTES == sizeof(hash), "SipHash has 64 bits");
	crypto_shorthash((unsigned char *)&hash, key, KEY_LEN, table->hash_key);
	return hash;
}

/* The slot of the key, or the free one where it belongs: there always is a free one. */
static struct slot *
slot_of(const struct key_table *table, const uint8_t key[KEY_LEN], uint64_t hash)
{
	size_t at = hash & table->mask;

	while (table->slots[at].key &&
		(table->slots[at].hash != hash || memcmp(table->slots[at].key, key, KEY_LEN) != 0))
		at = (at + 1) & table->mask;
	return &table->slots[at];
}

struct key_table *
key_table_create(void)
{
	struct key_table *table = calloc(1, sizeof(*table));
	int rc;

	if (!table) {
		errno = ENOMEM;
		return NULL;
	}
	table->mask = SLOTS_MIN - 1;
	table->slots = calloc(SLOTS_MIN, sizeof(table->slots[0]));
	rc = table->slots ? random_fill(table->hash_key, sizeof(table->hash_key)) : -ENOMEM;
	if (rc) {
		key_table_destroy(table);
		errno = -rc;
		return NULL;
	}
	return table;
}

void
key_table_destroy(struct key_table *table)
{
	if (!table)
		return;
	free(table->slots);
	secret_wipe(table, sizeof(*table));
	free(table);
}

int
key_table_reserve(struct key_table *table, size_t count)
{
	size_t old_slots = table->mask + 1, slots = old_slots;
	struct slot *old = table->slots, *new;

	if (count > SIZE_MAX / sizeof(*new) / SLOTS_PER_ENTRY / 2)
		return -ENOMEM;
	while (slots < count * SLOTS_PER_ENTRY)
		slots *= 2;
	if (slots == old_slots)
		return 0;
	new = calloc(slots, sizeof(*new));
	if (!new)
		return -ENOMEM;

	table->slots = new;
	table->mask = slots - 1;
	for (size_t i = 0; i < old_slots; i++) {
		if (old[i].key)
			*slot_of(table, old[i].key, old[i].hash) = old[i];
	}
	free(old);
	return 0;
}

int
key_table_insert(struct key_table *table, const uint8_t *key, void *peer)
{
	uint64_t hash = hash_of(table, key);
	int rc;

	if (slot_of(table, key, hash)->key)
		return -EEXIST;
	rc = key_table_reserve(table, table->count + 1);
	if (rc)
		return rc;
	*slot_of(table, key, hash) = (struct slot){.key = key, .peer = peer, .hash = hash};
	table->count++;
	return 0;
}

void *
key_table_find(const struct key_table *table, const uint8_t key[KEY_LEN])
{
	return slot_of(table, key, hash_of(table, key))->peer;
}

/*
 * Entries behind the gap move up into it, as long as the gap is not in front of the slot where
 * their search begins: so no search ever meets a free slot too early, and no tombstones are needed.
 */
void *
key_table_remove(struct key_table *table, const uint8_t key[KEY_LEN])
{
	struct slot *found = slot_of(table, key, hash_of(table, key));
	size_t gap = (size_t)(found - table->slots), at = gap;
	void *peer = found->peer;

	if (!found->key)
		return NULL;
	for (;;) {
		size_t way, way_to_gap;

		at = (at + 1) & table->mask;
		if (!table->slots[at].key)
			break;
		way = (at - table->slots[at].hash) & table->mask;
		way_to_gap = (at - gap) & table->mask;
		if (way < way_to_gap)
			continue;
		table->slots[gap] = table->slots[at];
		gap = at;
	}
	table->slots[gap] = (struct slot){0};
	table->count--;
	return peer;
}
