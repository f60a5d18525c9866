/*
 * Many short macs at once: BLAKE2s (RFC 7693) with a message in each 32-bit lane.
 * On the packet's way: handshakes only. Included by each file that has lanes of its own.
 * Threads: any; no state.
 *
 * Before the inclusion there are: LANES, their number; the type `vector`, a 32-bit word of each;
 * all(), add(), xor2(), xor3() and rotate(), to the right, of such words; and load(), which makes
 * `block` of the first `len` of the 64 bytes at each of LANES rows, and zeros.
 */
#include "base/bytes.h"

#include "crypto/blake2s_schedule.h"
#include "crypto/blake2s_batch_lanes.h"

#include <stdbool.h>
#include <string.h>

/* RFC 7693, 3.1. */
static inline __attribute__((always_inline)) void
mix(vector v[16], const uint8_t word[4], vector x, vector y)
{
	vector a = v[word[0]];
	vector b = v[word[1]];
	vector c = v[word[2]];
	vector d = v[word[3]];

	a = add(add(a, x), b);
	d = rotate(xor2(d, a), 16);
	c = add(c, d);
	b = rotate(xor2(b, c), 12);
	a = add(add(a, y), b);
	d = rotate(xor2(d, a), 8);
	c = add(c, d);
	b = rotate(xor2(b, c), 7);
	v[word[0]] = a;
	v[word[1]] = b;
	v[word[2]] = c;
	v[word[3]] = d;
}

/* RFC 7693, 3.2: `total` bytes up to and with this block; `last` is 0, or all ones. */
static void
compress(vector state[8], const vector block[16], uint32_t total, uint32_t last)
{
	vector v[16];

	for (unsigned i = 0; i < 8; i++) {
		v[i] = state[i];
		v[8 + i] = all(blake2s_initial[i]);
	}
	v[12] = xor2(v[12], all(total));
	v[14] = xor2(v[14], all(last));
#pragma GCC unroll 10
	for (unsigned round = 0; round < BLAKE2S_ROUNDS; round++)
#pragma GCC unroll 8
		for (unsigned i = 0; i < 8; i++)
			mix(v, blake2s_mixed[i], block[blake2s_schedule[round][2 * i]],
				block[blake2s_schedule[round][2 * i + 1]]);
	for (unsigned i = 0; i < 8; i++)
		state[i] = xor3(state[i], v[i], v[8 + i]);
}

/* The state of BLAKE2s with a key in it, `job->keys[from]` and on. */
static void
lanes_key(vector state[8], const struct blake2s_batch_job *job, unsigned from)
{
	const uint8_t *rows[LANES];
	vector block[16];

	/* Lanes without a message have the first one's. */
	for (unsigned i = 0; i < LANES; i++)
		rows[i] = job->keys[from + i < job->count ? from + i : from];
	for (unsigned i = 0; i < 8; i++)
		state[i] = all(blake2s_initial[i]);
	state[0] = xor2(state[0], all(BLAKE2S_MAC_PARAMETERS ^ (uint32_t)job->key_len << 8));
	load(block, rows, (unsigned)job->key_len);
	compress(state, block, BLAKE2S_BLOCK_LEN, 0);
}

/* The macs of messages `from` and on, as many as there are lanes; `keyed` has their keys in it. */
static void
lanes_mac(uint8_t macs[][BLAKE2S_MAC_LEN], const vector keyed[8],
	const struct blake2s_batch_job *job, unsigned from)
{
	const unsigned count = job->count - from < LANES ? job->count - from : LANES;
	_Alignas(64) uint32_t words[BLAKE2S_MAC_LEN / 4][LANES];
	const uint8_t *rows[LANES];
	vector state[8];
	vector block[16];
	size_t done = 0;

	memcpy(state, keyed, sizeof(state));
	for (unsigned i = 0; i < LANES; i++)
		rows[i] = job->messages[from + (i < count ? i : 0)];
	while (done < job->len) {
		const size_t rest = job->len - done;
		const unsigned len =
			(unsigned)(rest < BLAKE2S_BLOCK_LEN ? rest : BLAKE2S_BLOCK_LEN);

		load(block, rows, len);
		done += len;
		compress(state, block, (uint32_t)(BLAKE2S_BLOCK_LEN + done),
			done == job->len ? UINT32_MAX : 0);
		for (unsigned i = 0; i < LANES; i++)
			rows[i] += len;
	}
	memcpy(words, state, sizeof(words));
	for (unsigned lane = 0; lane < count; lane++)
		for (unsigned i = 0; i < BLAKE2S_MAC_LEN / 4; i++)
			store_le32(&macs[from + lane][4 * i], words[i][lane]);
}

static bool
one_key(const struct blake2s_batch_job *job)
{
	for (unsigned i = 1; i < job->count; i++)
		if (job->keys[i] != job->keys[0])
			return false;
	return true;
}

/* blake2s_batch_avx512 or blake2s_batch_avx2. */
static inline void
batch_mac(uint8_t macs[][BLAKE2S_MAC_LEN], const struct blake2s_batch_job *job)
{
	const bool once = one_key(job);
	vector keyed[8];

	for (unsigned from = 0; from < job->count; from += LANES) {
		if (from == 0 || !once)
			lanes_key(keyed, job, from);
		lanes_mac(macs, keyed, job, from);
	}
}
