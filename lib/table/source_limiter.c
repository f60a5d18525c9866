/*
 * Token buckets, hashed by source under a secret key (SipHash), in order of their last use.
 * On the packet's way: beside it.
 * Threads: the caller serialises calls on one object.
 */
#include "table/source_limiter.h"

#include "base/random.h"
#include "table/source_key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A bucket holds time: each message costs some, and it fills as time passes. */
#define COST_NS (NS_IN_S / SOURCE_LIMITER_PER_SECOND)
#define FULL_NS (SOURCE_LIMITER_BURST * COST_NS)
#define CHAINS (2 * SOURCE_LIMITER_SOURCES_MAX)
/* Sources that one call forgets at most, so that each call costs as much as another. */
#define FORGET_MAX 4
/* No source: sources are numbered from 1. */
#define NONE 0

struct source {
	struct source_key key;
	uint64_t filled_ns; /* when `tokens_ns` was right: its last use */
	uint64_t tokens_ns;
	uint32_t chain_next; /* in its chain, or among the free ones */
	uint32_t older, newer; /* by last use */
};

struct source_limiter {
	uint8_t hash_key[SOURCE_KEY_SECRET_LEN];
	uint32_t oldest, newest;
	uint32_t free;
	uint32_t unused; /* from here on none was ever used: their memory is untouched */
	size_t count;
	uint32_t chains[CHAINS];
	struct source sources[SOURCE_LIMITER_SOURCES_MAX + 1];
};

static uint32_t *
chain_of(struct source_limiter *limiter, const struct source_key *key)
{
	return &limiter->chains[source_key_hash(key, limiter->hash_key) % CHAINS];
}

static void
unlink_by_use(struct source_limiter *limiter, uint32_t number)
{
	const struct source *source = &limiter->sources[number];

	*(source->older == NONE ? &limiter->oldest : &limiter->sources[source->older].newer) =
		source->newer;
	*(source->newer == NONE ? &limiter->newest : &limiter->sources[source->newer].older) =
		source->older;
}

static void
link_newest(struct source_limiter *limiter, uint32_t number)
{
	struct source *source = &limiter->sources[number];

	source->older = limiter->newest;
	source->newer = NONE;
	*(limiter->newest == NONE ? &limiter->oldest : &limiter->sources[limiter->newest].newer) =
		number;
	limiter->newest = number;
}

static void
forget(struct source_limiter *limiter, uint32_t number)
{
	struct source *source = &limiter->sources[number];
	uint32_t *link = chain_of(limiter, &source->key);

	while (*link != number)
		link = &limiter->sources[*link].chain_next;
	*link = source->chain_next;
	unlink_by_use(limiter, number);
	source->chain_next = limiter->free;
	limiter->free = number;
	limiter->count--;
}

static void
forget_silent(struct source_limiter *limiter, uint64_t now_ns)
{
	for (unsigned i = 0; i < FORGET_MAX && limiter->oldest != NONE; i++) {
		if (now_ns - limiter->sources[limiter->oldest].filled_ns < SOURCE_LIMITER_FORGET_NS)
			return;
		forget(limiter, limiter->oldest);
	}
}

/* A number that is free, or NONE. */
static uint32_t
take_number(struct source_limiter *limiter)
{
	const uint32_t number = limiter->free;

	if (number != NONE)
		limiter->free = limiter->sources[number].chain_next;
	else if (limiter->unused <= SOURCE_LIMITER_SOURCES_MAX)
		return limiter->unused++;
	return number;
}

/* The source's number, new with a full bucket if it was not there; NONE if there is no room. */
static uint32_t
find(struct source_limiter *limiter, const struct address *address, uint64_t now_ns)
{
	const struct source_key key = source_key_of(address);
	uint32_t *chain = chain_of(limiter, &key);
	uint32_t number = *chain;

	while (number != NONE && memcmp(&limiter->sources[number].key, &key, sizeof(key)) != 0)
		number = limiter->sources[number].chain_next;
	if (number != NONE) {
		unlink_by_use(limiter, number);
	} else {
		number = take_number(limiter);
		if (number == NONE)
			return NONE;
		limiter->sources[number] = (struct source){
			.key = key,
			.filled_ns = now_ns,
			.tokens_ns = FULL_NS,
			.chain_next = *chain,
		};
		*chain = number;
		limiter->count++;
	}
	link_newest(limiter, number);
	return number;
}

struct source_limiter *
source_limiter_create(void)
{
	struct source_limiter *limiter = calloc(1, sizeof(*limiter));
	int error = limiter == NULL ? -ENOMEM
				    : random_fill(limiter->hash_key, sizeof(limiter->hash_key));

	if (error != 0) {
		free(limiter);
		errno = -error;
		return NULL;
	}
	limiter->unused = NONE + 1;
	return limiter;
}

void
source_limiter_destroy(struct source_limiter *limiter)
{
	free(limiter);
}

bool
source_limiter_allow(struct source_limiter *limiter, const struct address *source, uint64_t now_ns)
{
	struct source *found;
	uint32_t number;

	forget_silent(limiter, now_ns);
	number = find(limiter, source, now_ns);
	if (number == NONE)
		return false;
	found = &limiter->sources[number];
	found->tokens_ns += now_ns - found->filled_ns;
	if (found->tokens_ns > FULL_NS)
		found->tokens_ns = FULL_NS;
	found->filled_ns = now_ns;
	if (found->tokens_ns < COST_NS)
		return false;
	found->tokens_ns -= COST_NS;
	return true;
}

size_t
source_limiter_count(const struct source_limiter *limiter)
{
	return limiter->count;
}
