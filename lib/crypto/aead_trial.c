/*
 * Which backend is the fastest for which batches on this CPU, by trying them.
 * On the packet's way: fills the table that aead_auto looks at.
 * Threads: any; no state is shared.
 *
 * The cells of the trial are some lengths and numbers of packets, closer where one backend
 * overtakes another; the table is filled by the nearest length, and on the line between two
 * numbers. Noise may only add cycles, so the least count; and so that noise does not choose:
 * - Backends take turns in each cell, and all cells are gone through in sweeps: what disturbs for
 *   some time disturbs few samples of each.
 * - Who is slower than another one in every round of a short heat is out. It takes a disturbance in
 *   all of them to throw out one that should be in.
 * - A cell is left when nobody else can win it: a backend takes no longer there than it was seen to
 *   take for more packets or for longer ones. So one sample does not decide.
 */
#include "crypto/aead_trial.h"

#include <errno.h>
#include <stdlib.h>

#define SWEEPS 5
#define SWEEPS_LEAST 2 /* of every cell */
/*
 * Small batches are measured several in a row, as many as are about so many bytes or at most so
 * many packets: a CPU's TSC may be coarse.
 */
#define RUN_LEN 2048
#define RUN_MAX 8
/*
 * They are not measured at once: first they wait for code and data that others have driven out of
 * the first cache, for up to ten times their own time.
 */
#define SMALL_MAX 8
/* Longer batches than that, in bytes, are not measured: they go where shorter ones go. */
#define BATCH_LEN_MAX (72U << 10)
/* What works on one packet after the other is not measured with more. */
#define LINEAR_COUNT_MAX SMALL_MAX
#define HEAT_ROUNDS 2

/* By less than that nobody beats who is earlier in the list. */
#define BEATS(cycles, best) ((cycles) < (best) - (best) / 64)
/* By less than that a backend may still win. */
#define NEAR(cycles, best) ((cycles) < (best) + (best) / 4)
/* By more than that a backend loses the heat. */
#define OUT(cycles, best) ((cycles) > (uint64_t)(best) + (best) / 16)

static const uint16_t lens[] = {0, 64, 128, 256, 384, 512, 768, 1024, 1424, 2048, 4096, 8960};
static const uint8_t counts[] = {1, 2, 3, 4, 6, 8, 16, 32};

#define LENS (sizeof(lens) / sizeof(lens[0]))
#define COUNTS (sizeof(counts) / sizeof(counts[0]))

/* What the heat is run over: numbers in lens and counts. */
static const struct {
	uint8_t len;
	uint8_t count;
} heat[] = {{1, 0}, {1, 5}, {5, 0}, {5, 5}, {7, 0}, {7, 5}};

/* The least cycles of a backend's batches of one length and direction; 0 where not measured. */
struct series {
	uint32_t cycles[COUNTS];
};

struct trial {
	struct series series[AEAD_DIRECTIONS][LENS][AEAD_PARTS_MAX];
	const struct aead_part *parts;
	unsigned count;
	bool out[AEAD_PARTS_MAX];
	uint8_t key[AEAD_KEY_LEN];
	uint8_t room[BATCH_LEN_MAX];
};

/* --- Measuring -------------------------------------------------------------------------------- */

static inline uint64_t
cycles_now(void)
{
	uint64_t now;

	__builtin_ia32_lfence();
	now = __builtin_ia32_rdtsc();
	__builtin_ia32_lfence();
	return now;
}

/* Batches in a row that are measured. */
static inline unsigned
batches_of(uint32_t len, unsigned count)
{
	const unsigned packets = len * RUN_MAX <= RUN_LEN ? RUN_MAX : RUN_LEN / len;

	return packets > count ? packets / count : 1;
}

/* Runs `batches` of `count` packets; returns the cycles of one, UINT32_MAX if all of one failed. */
static uint32_t
run(const struct aead_part *part, enum aead_direction direction, const struct aead_packet packets[],
	unsigned batches, unsigned count)
{
	const uint64_t begin = cycles_now();
	uint64_t good = UINT64_MAX;
	uint64_t cycles;

	for (unsigned i = 0; i < batches; i++)
		good &= part->run[direction](part->context, packets + (size_t)i * count, count);
	/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): one at least */
	cycles = (cycles_now() - begin) / batches;
	return good != 0 && cycles < UINT32_MAX ? (uint32_t)cycles : UINT32_MAX;
}

static void
note(uint32_t *least, uint32_t cycles)
{
	if (*least == 0 || cycles < *least)
		*least = cycles;
}

/* One sample of a backend in the cell of lens[l] and counts[c], sealing and then opening that. */
static void
sample(struct trial *trial, unsigned which, unsigned l, unsigned c)
{
	const struct aead_part *part = &trial->parts[which];
	const unsigned count = counts[c];
	const unsigned batches = batches_of(lens[l], count);
	struct aead_packet packets[AEAD_BATCH_MAX];
	uint32_t cycles[AEAD_DIRECTIONS];

	for (unsigned i = 0; i < batches * count; i++)
		packets[i] = (struct aead_packet){
			trial->room + (size_t)i * ((size_t)lens[l] + AEAD_TABLE_STEP), trial->key,
			i, lens[l]};
	if (count <= SMALL_MAX)
		(void)run(part, AEAD_SEAL, packets, batches, count);
	cycles[AEAD_SEAL] = run(part, AEAD_SEAL, packets, batches, count);
	if (count <= SMALL_MAX) {
		(void)run(part, AEAD_OPEN, packets, 1, count);
		(void)run(part, AEAD_SEAL, packets, 1, count);
	}
	cycles[AEAD_OPEN] = run(part, AEAD_OPEN, packets, batches, count);
	for (unsigned i = 0; i < AEAD_DIRECTIONS; i++)
		note(&trial->series[i][l][which].cycles[c], cycles[i]);
}

/* --- What the samples say --------------------------------------------------------------------- */

/*
 * A batch's cycles, by those of the nearest counts that were measured: on the line between them,
 * or, beyond the last one, per packet as there.
 */
static uint64_t
series_at(const struct series *series, unsigned count)
{
	unsigned below = 0;
	unsigned above = 0;

	for (unsigned i = 0; i < COUNTS; i++) {
		if (series->cycles[i] == 0)
			continue;
		below = counts[i] <= count ? i : below;
		above = i;
		if (counts[i] >= count)
			break;
	}
	if (below == above || counts[above] < count)
		return (uint64_t)series->cycles[above] * count / counts[above];
	return series->cycles[below] +
		((uint64_t)series->cycles[above] - series->cycles[below]) *
		(count - counts[below]) / (counts[above] - counts[below]);
}

/* More packets do not take less time: what says so was disturbed. */
static void
series_smooth(struct series *series)
{
	uint32_t least = UINT32_MAX;

	for (unsigned i = COUNTS; i-- > 0;) {
		if (series->cycles[i] == 0)
			continue;
		if (series->cycles[i] > least)
			series->cycles[i] = least;
		least = series->cycles[i];
	}
}

/* The least that the backend may turn out to take in a cell: it took no longer for more. */
static uint64_t
at_least(const struct trial *trial, enum aead_direction direction, unsigned which, unsigned l,
	unsigned c)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = l; i < LENS; i++) {
		const uint64_t cycles = series_at(&trial->series[direction][i][which], counts[c]);

		least = cycles < least ? cycles : least;
	}
	for (unsigned i = c; i < COUNTS; i++) {
		const uint64_t cycles = series_at(&trial->series[direction][l][which], counts[i]);

		least = cycles < least ? cycles : least;
	}
	return least;
}

static uint8_t
best_at(const struct trial *trial, enum aead_direction direction, unsigned l, unsigned count)
{
	const struct series *series = trial->series[direction][l];
	unsigned best = AEAD_PARTS_MAX;

	for (unsigned i = 0; i < trial->count; i++)
		if (!trial->out[i] &&
			(best == AEAD_PARTS_MAX ||
				BEATS(series_at(&series[i], count),
					series_at(&series[best], count))))
			best = i;
	return (uint8_t)best;
}

/* --- The trial -------------------------------------------------------------------------------- */

static bool
heat_lost_to(const struct trial *trial, unsigned loser, unsigned winner)
{
	for (unsigned i = 0; i < sizeof(heat) / sizeof(heat[0]); i++)
		for (unsigned direction = 0; direction < AEAD_DIRECTIONS; direction++) {
			const struct series *series = trial->series[direction][heat[i].len];

			if (!OUT(series[loser].cycles[heat[i].count],
				    series[winner].cycles[heat[i].count]))
				return false;
		}
	return true;
}

static void
run_heat(struct trial *trial)
{
	for (unsigned round = 0; round < HEAT_ROUNDS; round++)
		for (unsigned i = 0; i < sizeof(heat) / sizeof(heat[0]); i++)
			for (unsigned which = 0; which < trial->count; which++)
				sample(trial, which, heat[i].len, heat[i].count);
	for (unsigned loser = 0; loser < trial->count; loser++)
		for (unsigned winner = 0; winner < trial->count; winner++)
			trial->out[loser] |= winner != loser && heat_lost_to(trial, loser, winner);
}

/* Tells whether only one backend can win the cell, whatever other samples may say. */
static bool
is_won(const struct trial *trial, unsigned l, unsigned c)
{
	for (unsigned direction = 0; direction < AEAD_DIRECTIONS; direction++) {
		const uint8_t best = best_at(trial, direction, l, counts[c]);
		const uint64_t cycles = series_at(&trial->series[direction][l][best], counts[c]);

		for (unsigned i = 0; i < trial->count; i++)
			if (i != best && !trial->out[i] &&
				NEAR(at_least(trial, direction, i, l, c), cycles))
				return false;
	}
	return true;
}

static void
sweep(struct trial *trial, unsigned number)
{
	for (unsigned l = 0; l < LENS; l++)
		for (unsigned c = 0; c < COUNTS; c++) {
			if (counts[c] * ((size_t)lens[l] + AEAD_TABLE_STEP) > BATCH_LEN_MAX)
				break;
			if (number >= SWEEPS_LEAST && is_won(trial, l, c))
				continue;
			for (unsigned i = 0; i < trial->count; i++)
				if (!trial->out[i] &&
					(trial->parts[i].across || counts[c] <= LINEAR_COUNT_MAX))
					sample(trial, i, l, c);
		}
}

/* The first step that is nearer to lens[l] than to the length before it. */
static unsigned
step_first(unsigned l)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.*): within lens */
	return l == 0 ? 0 : ((unsigned)lens[l - 1] + lens[l]) / 2 / AEAD_TABLE_STEP + 1;
}

/* Fills the table for one direction and the lengths about lens[l]. */
static void
fill(struct trial *trial, enum aead_direction direction, unsigned l, struct aead_table *table)
{
	const unsigned end = l + 1 < LENS ? step_first(l + 1) : AEAD_TABLE_STEPS;

	for (unsigned i = 0; i < trial->count; i++)
		series_smooth(&trial->series[direction][l][i]);
	for (unsigned count = 1; count <= AEAD_BATCH_MAX; count++) {
		const uint8_t best = best_at(trial, direction, l, count);

		for (unsigned step = step_first(l); step < end; step++)
			table->best[direction][step][count - 1] = best;
	}
}

int
aead_trial(const struct aead_part parts[], unsigned count, struct aead_table *table)
{
	struct trial *trial = calloc(1, sizeof(*trial));

	if (trial == NULL)
		return -ENOMEM;
	trial->parts = parts;
	trial->count = count;
	run_heat(trial);
	for (unsigned i = 0; i < SWEEPS; i++)
		sweep(trial, i);
	for (unsigned l = 0; l < LENS; l++) {
		fill(trial, AEAD_SEAL, l, table);
		fill(trial, AEAD_OPEN, l, table);
	}
	free(trial);
	return 0;
}
