/*
 * Buckets of one cache line, found by a hash under a secret key (SipHash).
 * On the packet's way: in_receive, for handshake messages.
 * Threads: one writer, any readers.
 */
#include "table/known_sources.h"

#include "base/random.h"
#include "table/source_key.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

/* A power of two. With as many peers as a gateway can have, a bucket is half full. */
#define BUCKETS 8192
#define PLACES 16

/* Of what is there only a part of the hash is kept; 0: the place is free. */
struct bucket {
	_Atomic uint16_t tags[PLACES]; /* control: writes; any: reads */
	/* any: the window that was counted in, and how many, in the lower byte. */
	_Atomic uint16_t used[PLACES];
};

_Static_assert(sizeof(struct bucket) == 64, "one cache line");
_Static_assert(KNOWN_SOURCES_WINDOW_MAX < UINT8_MAX, "a byte counts them");

struct known_sources {
	uint8_t secret[SOURCE_KEY_SECRET_LEN];
	unsigned victim; /* whose place the next one takes where all are taken */
	_Alignas(64) struct bucket buckets[BUCKETS];
};

static uint16_t
tag_of(uint64_t hash)
{
	const uint16_t tag = (uint16_t)(hash >> 48);

	return tag != 0 ? tag : 1;
}

/* The place of `tag` in the bucket, or PLACES. */
static unsigned
place_of(const struct bucket *bucket, uint16_t tag)
{
	unsigned place = 0;

	while (place < PLACES &&
		atomic_load_explicit(&bucket->tags[place], memory_order_relaxed) != tag)
		place++;
	return place;
}

static uint64_t
hash_of(const struct known_sources *known, const struct address *address)
{
	const struct source_key key = source_key_of(address);

	return source_key_hash(&key, known->secret);
}

struct known_sources *
known_sources_create(void)
{
	struct known_sources *known = aligned_alloc(64, sizeof(*known));
	int error = -ENOMEM;

	if (known != NULL) {
		/* All of it, so that no lane is the first to touch a page. */
		memset(known, 0, sizeof(*known));
		error = random_fill(known->secret, sizeof(known->secret));
	}
	if (error != 0) {
		free(known);
		errno = -error;
		return NULL;
	}
	return known;
}

void
known_sources_destroy(struct known_sources *known)
{
	free(known);
}

void
known_sources_note(struct known_sources *known, const struct address *address)
{
	const uint64_t hash = hash_of(known, address);
	struct bucket *bucket = &known->buckets[hash % BUCKETS];
	unsigned place;

	if (place_of(bucket, tag_of(hash)) < PLACES)
		return;
	place = place_of(bucket, 0);
	if (place == PLACES)
		place = known->victim++ % PLACES;
	atomic_store_explicit(&bucket->tags[place], tag_of(hash), memory_order_relaxed);
}

bool
known_sources_has(const struct known_sources *known, const struct address *address)
{
	const uint64_t hash = hash_of(known, address);

	return place_of(&known->buckets[hash % BUCKETS], tag_of(hash)) < PLACES;
}

bool
known_sources_allow(struct known_sources *known, const struct address *address, uint64_t now_ns)
{
	const uint64_t hash = hash_of(known, address);
	struct bucket *bucket = &known->buckets[hash % BUCKETS];
	const unsigned place = place_of(bucket, tag_of(hash));
	const uint16_t window = (uint16_t)((now_ns >> KNOWN_SOURCES_WINDOW_SHIFT) << 8);
	uint16_t used;

	if (place == PLACES)
		return false;
	used = atomic_load_explicit(&bucket->used[place], memory_order_relaxed);
	if ((used & 0xff00) != window)
		used = window;
	if ((used & 0xff) >= KNOWN_SOURCES_WINDOW_MAX)
		return false;
	atomic_store_explicit(&bucket->used[place], (uint16_t)(used + 1), memory_order_relaxed);
	return true;
}
