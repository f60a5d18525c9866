/*
 * A table of sixteen addresses under a version counter.
 * On the packet's way: in_receive, for fragments.
 * Threads: one writer, any reader.
 */
#include "tunnel/sources.h"

#define READ_TRIES_MAX 64

_Static_assert((SOURCES_MAX & (SOURCES_MAX - 1)) == 0, "a hash is cut by a mask");

/* Not keyed: who collides on purpose gains a place in this table. */
static unsigned
place_of(const struct address *address)
{
	uint64_t words[2];
	uint64_t hash;

	memcpy(words, address->bytes, sizeof(words));
	hash = (words[0] ^ words[1] * 31) * UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned)(hash >> 32) & (SOURCES_MAX - 1);
}

void
sources_note(struct sources *sources, const struct address *address, uint32_t len, uint64_t now_ns)
{
	struct source *entry = &sources->entries[place_of(address)];
	const uint32_t version = atomic_load_explicit(&sources->version, memory_order_relaxed);

	atomic_store_explicit(&sources->version, version + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	if (!address_equal(&entry->address, address))
		*entry = (struct source){.address = *address};
	entry->count++;
	if (len > entry->len_max)
		entry->len_max = len;
	entry->last_ns = now_ns;
	atomic_store_explicit(&sources->version, version + 2, memory_order_release);
}

void
sources_read(const struct sources *sources, struct source entries[SOURCES_MAX])
{
	for (unsigned tries = 0; tries < READ_TRIES_MAX; tries++) {
		const uint32_t before =
			atomic_load_explicit(&sources->version, memory_order_acquire);

		memcpy(entries, sources->entries, sizeof(sources->entries));
		atomic_thread_fence(memory_order_acquire);
		if (before % 2 == 0 &&
			before == atomic_load_explicit(&sources->version, memory_order_relaxed))
			return;
	}
	memset(entries, 0, sizeof(sources->entries));
}
