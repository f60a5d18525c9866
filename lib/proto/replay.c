/*
 * The replay window of a session: which counters were seen, advanced without locks.
 * On the packet's way: in_accept, after the AEAD has said yes.
 * Threads: any number of lanes at once; every counter is accepted once over all of them.
 *
 * Why no counter is accepted twice, by any number of threads: a block changes by compare-and-swap
 * of number and bits together, and in two ways only: a higher number with fresh bits, or the same
 * number with more bits. So a block's number never falls, and a bit, once set, stands as long as
 * the number does. The counter c = 64 n + b is accepted by exactly one step: from a state in which
 * the number is below n, or is n with bit b clear, to one in which it is n with bit b set. No later
 * state is again of the first kind, so this step happens at most once. This does not lean on
 * `newest`, which may lag behind the blocks while another thread is between its two writes.
 *
 * Why no counter within the window is refused unseen: a block is taken over by a number that is
 * higher by 128 or more, and the least counter of that block is 64 * 128 - 63 = 8129 or more above
 * any counter of the old one, which thus is out of the window of a counter already accepted.
 */
#include "proto/replay.h"
#include "proto/limits.h"

#include <stdbool.h>

_Static_assert((REPLAY_BLOCKS & (REPLAY_BLOCKS - 1)) == 0, "the ring's length is a power of two");
_Static_assert(REPLAY_WINDOW == (REPLAY_BLOCKS - 1) * REPLAY_BLOCK_BITS, "window and ring");
_Static_assert(sizeof(struct replay_block) == 16, "changed by one compare-and-swap");

/* The first block of which not every counter is below REJECT_AFTER_MESSAGES. */
#define REJECT_NUMBER (REJECT_AFTER_MESSAGES / REPLAY_BLOCK_BITS)

static uint64_t
bit_of(uint64_t counter)
{
	return UINT64_C(1) << (counter % REPLAY_BLOCK_BITS);
}

/* The position of the highest bit of `seen`; 0 if there is none. */
static unsigned
highest_bit(uint64_t seen)
{
	return 63 - (unsigned)__builtin_clzll(seen | 1);
}

/* The counters of block `number` that the window and the limit admit, as bits. */
static uint64_t
admitted(const struct replay *replay, uint64_t number)
{
	const uint64_t newest = __atomic_load_n(&replay->newest, __ATOMIC_RELAXED);
	uint64_t bits = UINT64_MAX;

	/* Less than 127 blocks behind: at most 64 * 126 + 63 = 8127 counters. */
	if (__builtin_expect(number + REPLAY_BLOCKS - 1 > newest && number < REJECT_NUMBER, 1))
		return bits;
	if (number > REJECT_NUMBER || number + REPLAY_BLOCKS - 1 < newest)
		return 0;
	if (number == REJECT_NUMBER)
		bits = bit_of(REJECT_AFTER_MESSAGES) - 1;
	/* The oldest block: what is no lower in it than the newest counter is in its own. */
	if (number + REPLAY_BLOCKS - 1 == newest)
		bits &= UINT64_MAX << (replay_newest(replay) % REPLAY_BLOCK_BITS);
	return bits;
}

/*
 * Adds the bits `wanted` of the counters of block `number` and returns those that were not there.
 * The first look at the block is two loads, number first. If another thread changes it between
 * them the compare-and-swap fails; or, where there is none, the bits seen are those of this number
 * or of a higher one, and then nothing of `wanted` may be accepted any more.
 */
static uint64_t
block_add(struct replay_block *block, uint64_t number, uint64_t wanted)
{
	unsigned __int128 __attribute__((may_alias)) *both = (void *)block;
	uint64_t held = __atomic_load_n(&block->number, __ATOMIC_ACQUIRE);
	uint64_t seen = __atomic_load_n(&block->seen, __ATOMIC_RELAXED);

	while (held <= number) {
		const uint64_t before = held == number ? seen : 0;
		const unsigned __int128 from = (unsigned __int128)seen << 64 | held;
		const unsigned __int128 to = (unsigned __int128)(before | wanted) << 64 | number;

		if ((wanted & ~before) == 0)
			return 0;
		const unsigned __int128 found = __sync_val_compare_and_swap(both, from, to);
		if (found == from)
			return wanted & ~before;
		held = (uint64_t)found;
		seen = (uint64_t)(found >> 64);
	}
	return 0;
}

static void
newest_advance(struct replay *replay, uint64_t number)
{
	uint64_t newest = __atomic_load_n(&replay->newest, __ATOMIC_RELAXED);

	while (newest < number) {
		if (__atomic_compare_exchange_n(&replay->newest, &newest, number, true,
			    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return;
	}
}

/* The mask of those of `count` counters that own a bit of `fresh`; the first of equals owns it. */
static uint64_t
owners(const uint64_t counters[], unsigned count, uint64_t fresh)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < count && fresh != 0; i++) {
		if (fresh & bit_of(counters[i]))
			mask |= UINT64_C(1) << i;
		fresh &= ~bit_of(counters[i]);
	}
	return mask;
}

uint64_t
replay_accept(struct replay *replay, const uint64_t counters[], unsigned count)
{
	uint64_t accepted = 0;
	unsigned first = 0;

	while (first < count) {
		const uint64_t number = counters[first] / REPLAY_BLOCK_BITS;
		uint64_t wanted = 0;
		unsigned end = first;

		do {
			wanted |= bit_of(counters[end++]);
		} while (end < count && counters[end] / REPLAY_BLOCK_BITS == number);

		/*
		 * What the window admits is settled before the run: its own counters, all of one
		 * block, cannot put each other out of the window.
		 */
		const unsigned run = end - first;
		uint64_t fresh = wanted & admitted(replay, number);
		if (fresh != 0)
			fresh = block_add(&replay->blocks[number % REPLAY_BLOCKS], number, fresh);
		if (fresh != 0)
			newest_advance(replay, number);
		if (__builtin_expect((unsigned)__builtin_popcountll(fresh) == run, 1))
			accepted |= UINT64_MAX >> (64 - run) << first;
		else
			accepted |= owners(&counters[first], run, fresh) << first;
		first = end;
	}
	return accepted;
}

uint64_t
replay_newest(const struct replay *replay)
{
	const uint64_t newest = __atomic_load_n(&replay->newest, __ATOMIC_ACQUIRE);
	const struct replay_block *block = &replay->blocks[newest % REPLAY_BLOCKS];
	uint64_t number;
	uint64_t seen;

	/* Numbers only grow: bits read between two equal numbers are of that number. */
	do {
		number = __atomic_load_n(&block->number, __ATOMIC_ACQUIRE);
		seen = __atomic_load_n(&block->seen, __ATOMIC_ACQUIRE);
	} while (number != __atomic_load_n(&block->number, __ATOMIC_RELAXED));
	return number * REPLAY_BLOCK_BITS + highest_bit(seen);
}
