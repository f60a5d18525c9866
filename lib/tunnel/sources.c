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

static void
load(_Atomic uint64_t const from[static SOURCE_WORDS], struct source *entry)
{
	uint64_t words[SOURCE_WORDS] = {0};

	for (unsigned i = 0; i < SOURCE_WORDS; i++)
		words[i] = atomic_load_explicit(&from[i], memory_order_relaxed);
	memcpy(entry, words, sizeof(*entry));
}

static void
store(_Atomic uint64_t to[static SOURCE_WORDS], const struct source *entry)
{
	uint64_t words[SOURCE_WORDS] = {0};

	memcpy(words, entry, sizeof(*entry));
	for (unsigned i = 0; i < SOURCE_WORDS; i++)
		atomic_store_explicit(&to[i], words[i], memory_order_relaxed);
}

void
sources_note(struct sources *sources, const struct address *address, uint32_t len, uint64_t now_ns)
{
	_Atomic uint64_t *const words = sources->words[place_of(address)];
	const uint32_t version = atomic_load_explicit(&sources->version, memory_order_relaxed);
	struct source entry;

	load(words, &entry);
	if (!address_equal(&entry.address, address))
		entry = (struct source){.address = *address};
	entry.count++;
	if (len > entry.len_max)
		entry.len_max = len;
	entry.last_ns = now_ns;

	atomic_store_explicit(&sources->version, version + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	store(words, &entry);
	atomic_store_explicit(&sources->version, version + 2, memory_order_release);
}

void
sources_read(const struct sources *sources, struct source entries[SOURCES_MAX])
{
	for (unsigned tries = 0; tries < READ_TRIES_MAX; tries++) {
		const uint32_t before =
			atomic_load_explicit(&sources->version, memory_order_acquire);

		for (unsigned i = 0; i < SOURCES_MAX; i++)
			load(sources->words[i], &entries[i]);
		atomic_thread_fence(memory_order_acquire);
		if (before % 2 == 0 &&
			before == atomic_load_explicit(&sources->version, memory_order_relaxed))
			return;
	}
	memset(entries, 0, SOURCES_MAX * sizeof(entries[0]));
}
