/*
 * One place under a seqlock whose writers do not wait for each other.
 * On the packet's way: in_accept.
 * Threads: any lane writes, control reads.
 */
#include "tunnel/roaming.h"

#include <string.h>

_Static_assert(sizeof(struct roaming_place) % sizeof(uint64_t) == 0, "a place is whole words");

bool
roaming_write(struct roaming *roaming, const struct endpoint *remote, const struct endpoint *local)
{
	const struct roaming_place place = {.remote = *remote, .local = *local};
	uint32_t version = atomic_load_explicit(&roaming->version, memory_order_relaxed);
	uint64_t words[ROAMING_WORDS];

	if (version % 2 != 0 ||
		!atomic_compare_exchange_strong_explicit(&roaming->version, &version, version + 1,
			memory_order_acquire, memory_order_relaxed))
		return false;
	atomic_thread_fence(memory_order_release);
	memcpy(words, &place, sizeof(words));
	for (unsigned i = 0; i < ROAMING_WORDS; i++)
		atomic_store_explicit(&roaming->words[i], words[i], memory_order_relaxed);
	atomic_store_explicit(&roaming->version, version + 2, memory_order_release);
	return true;
}

bool
roaming_take(struct roaming *roaming, struct roaming_place *place)
{
	const uint32_t version = atomic_load_explicit(&roaming->version, memory_order_acquire);
	uint64_t words[ROAMING_WORDS];

	if (version % 2 != 0 || version == roaming->taken)
		return false;
	for (unsigned i = 0; i < ROAMING_WORDS; i++)
		words[i] = atomic_load_explicit(&roaming->words[i], memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&roaming->version, memory_order_relaxed) != version)
		return false;
	memcpy(place, words, sizeof(*place));
	roaming->taken = version;
	return true;
}

void
roaming_end(struct roaming *roaming, bool let_go)
{
	const uint32_t version = let_go
		? atomic_load_explicit(&roaming->version, memory_order_relaxed)
		: roaming->taken;

	/* Released: who finds this version finds the way as well. */
	atomic_store_explicit(&roaming->published, version, memory_order_release);
}
