/*
 * A table of sixteen keys.
 * On the packet's way: beside it.
 * Threads: control, under its lock.
 */
#include "tunnel/unknown_keys.h"

#include <string.h>

void
unknown_keys_note(struct unknown_keys *keys, const uint8_t public_key[KEY_LEN],
	const struct endpoint *source, uint64_t now_ns)
{
	struct unknown_key *place = &keys->entries[0];

	for (unsigned i = 0; i < UNKNOWN_KEYS_MAX; i++) {
		struct unknown_key *entry = &keys->entries[i];

		if (entry->count > 0 && memcmp(entry->public_key, public_key, KEY_LEN) == 0) {
			place = entry;
			break;
		}
		/* A free one was last seen at 0. */
		if (entry->last_ns < place->last_ns)
			place = entry;
	}
	if (place->count == 0 || memcmp(place->public_key, public_key, KEY_LEN) != 0) {
		memcpy(place->public_key, public_key, KEY_LEN);
		place->count = 0;
	}
	place->source = *source;
	place->count++;
	place->last_ns = now_ns;
}

void
unknown_keys_forget(struct unknown_keys *keys, const uint8_t public_key[KEY_LEN])
{
	for (unsigned i = 0; i < UNKNOWN_KEYS_MAX; i++) {
		struct unknown_key *entry = &keys->entries[i];

		if (entry->count > 0 && memcmp(entry->public_key, public_key, KEY_LEN) == 0)
			memset(entry, 0, sizeof(*entry));
	}
}
