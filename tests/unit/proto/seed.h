/*
 * Reproducible random numbers for tests: a seed that is printed, and may be given in TEST_SEED.
 * On the packet's way: nowhere.
 * Threads: any; the state is the caller's.
 */
#pragma once

#include "base/random.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline uint64_t
seed_new(void)
{
	const char *given = getenv("TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : 0;

	if (!given && random_fill(&seed, sizeof(seed)) < 0)
		abort();
	printf("TEST_SEED=%#llx\n", (unsigned long long)seed);
	return seed;
}

static inline uint64_t
seed_next(uint64_t *state)
{
	uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 32) * UINT64_C(0xd6e8feb86659fd93);
	mixed = (mixed ^ mixed >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return mixed ^ mixed >> 32;
}

static inline uint64_t
seed_below(uint64_t *state, uint64_t limit)
{
	return seed_next(state) % limit;
}
