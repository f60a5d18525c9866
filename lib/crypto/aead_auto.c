/*
 * The AEAD backend "auto": of the others, for each batch, the one that is fastest on this CPU.
 * On the packet's way: behind aead_seal and aead_open.
 * Threads: one context per thread.
 *
 * Which one that is depends on the packets' number and length: a backend that works across packets
 * needs some of them to win, and longer packets leave less to be won. It is measured when the first
 * context is made, some 10 ms, and kept as a table; aead_create_like() copies that.
 *
 * So that noise does not choose: all backends take turns in each cell of the table, the cells are
 * gone through in sweeps, so that what disturbs for some time disturbs few samples of each, and
 * the least one counts. A backend that is far from the best one of a cell is measured there no
 * more; most sweeps are short.
 */
#include "crypto/aead_backend.h"

#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BACKENDS_MAX 8
#define STEP 64 /* bytes by which lengths are told apart */
#define STEPS (AEAD_LEN_MAX / STEP + 2)
#define SWEEPS 8
/*
 * Small batches are measured several in a row, as many as are about so many bytes or at most so
 * many packets: a CPU's TSC may be coarse. The one before them is not: it waits for code that
 * others have driven out of the first cache, for up to ten times its own time.
 */
#define RUN_LEN 2048
#define RUN_MAX 8
#define SMALL_MAX 8
/* Longer batches than that, in bytes, are not measured: they go where shorter ones go. */
#define BATCH_LEN_MAX (40U << 10)
#define ROOM (2 * BATCH_LEN_MAX)
/* What works on one packet after the other is not measured with more. */
#define LINEAR_COUNT_MAX SMALL_MAX
/* By less than that nobody beats who is earlier in the list. */
#define BEATS(cycles, best) ((cycles) < (best) - (best) / 64)

enum direction { SEAL, OPEN, DIRECTIONS };

/* Lengths that are measured: closer where one backend overtakes another. */
static const uint16_t lens[] = {
	0, 64, 128, 192, 256, 384, 512, 640, 768, 1024, 1424, 2048, 4096, 8960};
/* Numbers of packets that are measured. */
static const uint8_t counts[] = {1, 2, 3, 4, 6, 8, 12, 16, 32};

#define LENS (sizeof(lens) / sizeof(lens[0]))
#define COUNTS (sizeof(counts) / sizeof(counts[0]))

/*
 * The number of a backend, by direction, length in steps, rounded up, and count of packets. Large,
 * but a batch of equal lengths looks at one byte.
 */
struct choice {
	uint8_t best[DIRECTIONS][STEPS][AEAD_BATCH_MAX];
};

/* One of the others, with what a batch needs at hand: its calls by direction, and its context. */
struct part {
	uint64_t (*run[DIRECTIONS])(void *, const struct aead_packet[], unsigned);
	void *context;
	struct aead *aead;
	bool across; /* as in struct aead_backend */
};

struct aead_auto {
	struct part parts[BACKENDS_MAX];
	unsigned count;
	struct choice choice;
};

/* The least cycles of a backend's batches of one length and direction; 0 where not measured. */
struct series {
	uint32_t cycles[COUNTS];
};

/* What is measured, and the packets for it. */
struct trial {
	struct series series[DIRECTIONS][LENS][BACKENDS_MAX];
	uint8_t key[AEAD_KEY_LEN];
	uint8_t room[ROOM];
};

static bool
auto_supported(void)
{
	return true;
}

static void
auto_destroy(void *context)
{
	struct aead_auto *self = context;

	for (unsigned i = 0; i < self->count; i++)
		aead_destroy(self->parts[i].aead);
	secret_wipe(self, sizeof(*self));
	free(self);
}

static void
part_init(struct part *part, struct aead *aead)
{
	const struct aead_backend *backend = aead_backend_of(aead, &part->context);

	part->run[SEAL] = backend->seal;
	part->run[OPEN] = backend->open;
	part->across = backend->across;
	part->aead = aead;
}

/* Each context has passed its own self test: auto's would not reach all of them. */
static struct aead_auto *
auto_create_parts(void)
{
	struct aead_auto *self = calloc(1, sizeof(*self));
	int error;

	if (self == NULL)
		return NULL;
	for (const struct aead_backend *const *backend = aead_backend_list; *backend != NULL;
		backend++) {
		struct aead *aead;

		if (*backend == &aead_backend_auto)
			continue;
		aead = aead_create_backend(*backend);
		/* A CPU may lack something; a backend that gives wrong answers is an alarm. */
		if (aead == NULL && errno == ENOTSUP)
			continue;
		if (aead == NULL || self->count == BACKENDS_MAX) {
			error = aead == NULL ? errno : ENOMEM;
			aead_destroy(aead);
			auto_destroy(self);
			errno = error;
			return NULL;
		}
		part_init(&self->parts[self->count++], aead);
	}
	return self;
}

static inline unsigned
step_of(uint32_t len)
{
	return (len + STEP - 1) / STEP;
}

/* The first step that is nearer to lens[i] than to the length before it. */
static unsigned
step_first(unsigned i)
{
	return i == 0 ? 0 : ((unsigned)lens[i - 1] + lens[i]) / 2 / STEP + 1;
}

static inline uint64_t
run(const struct part *part, enum direction direction, const struct aead_packet packets[],
	unsigned count)
{
	return part->run[direction](part->context, packets, count);
}

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
run_count(uint32_t len, unsigned count)
{
	const unsigned packets = len * RUN_MAX <= RUN_LEN ? RUN_MAX : RUN_LEN / len;

	return packets > count ? packets / count : 1;
}

/* The cycles of a batch, of one measurement; what is opened has just been sealed. */
static uint32_t
measure(const struct part *part, enum direction direction, struct trial *trial, uint32_t len,
	unsigned count)
{
	struct aead_packet packets[AEAD_BATCH_MAX];
	const unsigned batches = run_count(len, count);
	const unsigned first = count <= SMALL_MAX ? count : 0;
	const unsigned end = first + batches * count;
	uint64_t good = UINT64_MAX;
	uint64_t cycles;

	for (unsigned i = 0; i < end; i++)
		packets[i] = (struct aead_packet){
			trial->room + (size_t)i * (len + STEP), trial->key, i, len};
	for (unsigned i = 0; direction == OPEN && i < end; i += count)
		good &= run(part, SEAL, packets + i, count);
	if (first > 0)
		good &= run(part, direction, packets, count);
	cycles = cycles_now();
	for (unsigned i = first; i < end; i += count)
		good &= run(part, direction, packets + i, count);
	cycles = (cycles_now() - cycles) / batches;
	/* A backend that cannot is not chosen. */
	return good != 0 && cycles < UINT32_MAX ? (uint32_t)cycles : UINT32_MAX;
}

/*
 * Whether a backend with these cycles need not be measured once more. After one sweep an interrupt
 * may have made the difference, unless it is large; hardly after two.
 */
static inline bool
far(uint32_t cycles, uint32_t best, unsigned sweep)
{
	if (sweep < 2)
		return sweep == 1 && cycles / 3 > best;
	return cycles > best / 4 * 5;
}

/* Every backend once more in the cell of lens[l] and counts[c], but for those that are far off. */
static void
measure_cell(struct aead_auto *self, enum direction direction, unsigned l, unsigned c,
	unsigned sweep, struct trial *trial)
{
	struct series *series = trial->series[direction][l];
	uint32_t best = UINT32_MAX;
	unsigned near = 0;
	bool skip[BACKENDS_MAX];

	for (unsigned i = 0; i < self->count; i++)
		if (series[i].cycles[c] != 0 && series[i].cycles[c] < best)
			best = series[i].cycles[c];
	for (unsigned i = 0; i < self->count; i++) {
		skip[i] = (!self->parts[i].across && counts[c] > LINEAR_COUNT_MAX) ||
			far(series[i].cycles[c], best, sweep);
		near += !skip[i];
	}
	if (sweep > 0 && near < 2)
		return;
	for (unsigned i = 0; i < self->count; i++) {
		uint32_t cycles;

		if (skip[i])
			continue;
		cycles = measure(&self->parts[i], direction, trial, lens[l], counts[c]);
		if (series[i].cycles[c] == 0 || cycles < series[i].cycles[c])
			series[i].cycles[c] = cycles;
	}
}

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

static uint8_t
best_at(const struct series series[], unsigned backends, unsigned count)
{
	unsigned best = 0;

	for (unsigned i = 1; i < backends; i++)
		if (BEATS(series_at(&series[i], count), series_at(&series[best], count)))
			best = i;
	return (uint8_t)best;
}

/* Fills the table for one direction and the lengths about lens[l]. */
static void
choose(struct aead_auto *self, enum direction direction, unsigned l, struct trial *trial)
{
	const unsigned end = l + 1 < LENS ? step_first(l + 1) : STEPS;

	for (unsigned i = 0; i < self->count; i++)
		series_smooth(&trial->series[direction][l][i]);
	for (unsigned count = 1; count <= AEAD_BATCH_MAX; count++) {
		const uint8_t best = best_at(trial->series[direction][l], self->count, count);

		for (unsigned step = step_first(l); step < end; step++)
			self->choice.best[direction][step][count - 1] = best;
	}
}

static void
measure_all(struct aead_auto *self, struct trial *trial)
{
	for (unsigned sweep = 0; sweep < SWEEPS; sweep++)
		for (unsigned l = 0; l < LENS; l++)
			for (unsigned c = 0; c < COUNTS; c++) {
				if (counts[c] * ((size_t)lens[l] + STEP) > BATCH_LEN_MAX)
					break;
				measure_cell(self, SEAL, l, c, sweep, trial);
				measure_cell(self, OPEN, l, c, sweep, trial);
			}
}

static void *
auto_create(void)
{
	struct aead_auto *self = auto_create_parts();
	struct trial *trial;

	if (self == NULL)
		return NULL;
	trial = calloc(1, sizeof(*trial));
	if (trial == NULL) {
		auto_destroy(self);
		errno = ENOMEM;
		return NULL;
	}
	measure_all(self, trial);
	for (unsigned l = 0; l < LENS; l++) {
		choose(self, SEAL, l, trial);
		choose(self, OPEN, l, trial);
	}
	free(trial);
	return self;
}

static void *
auto_create_like(const void *context)
{
	const struct aead_auto *other = context;
	struct aead_auto *self = auto_create_parts();

	if (self != NULL)
		self->choice = other->choice;
	return self;
}

const char *
aead_auto_choice(const void *context, bool open, uint32_t len, unsigned count)
{
	const struct aead_auto *self = context;

	return aead_name(
		self->parts[self->choice.best[open ? OPEN : SEAL][step_of(len)][count - 1]].aead);
}

/* Runs those packets of the batch whose backend is number `which`, as one batch. */
static uint64_t
run_some(struct aead_auto *self, enum direction direction, const struct aead_packet packets[],
	const uint8_t backend[], unsigned count, unsigned which)
{
	struct aead_packet some[AEAD_BATCH_MAX];
	uint8_t number[AEAD_BATCH_MAX];
	unsigned some_count = 0;
	uint64_t good;
	uint64_t all_good = 0;

	some[0] = packets[0];
	for (unsigned i = 0; i < count; i++) {
		/* Written even if it is not one of them: no branch to mispredict. */
		some[some_count] = packets[i];
		number[some_count] = (uint8_t)i;
		some_count += backend[i] == which;
	}
	good = run(&self->parts[which], direction, some, some_count);
	for (unsigned i = 0; i < some_count; i++)
		all_good |= (good >> i & 1) << number[i];
	return all_good;
}

/*
 * Packets of several lengths: each goes to the backend that is best for its length, if the others
 * that go there too are enough of a batch; if not, to the one that is best for so few.
 */
static uint64_t
run_mixed(struct aead_auto *self, enum direction direction, const struct aead_packet packets[],
	unsigned count)
{
	const uint8_t(*best)[AEAD_BATCH_MAX] = self->choice.best[direction];
	uint8_t backend[AEAD_BATCH_MAX] = {0};
	uint8_t chosen[BACKENDS_MAX] = {0};
	uint64_t good = 0;
	unsigned differ = 0;
	unsigned used = 0;

	for (unsigned i = 0; i < count; i++) {
		backend[i] = best[step_of(packets[i].len)][count - 1];
		chosen[backend[i]]++;
		differ |= backend[i] ^ backend[0];
	}
	if (differ != 0) {
		differ = 0;
		for (unsigned i = 0; i < count; i++) {
			backend[i] = best[step_of(packets[i].len)][chosen[backend[i]] - 1];
			used |= 1U << backend[i];
			differ |= backend[i] ^ backend[0];
		}
	}
	if (differ == 0)
		return run(&self->parts[backend[0]], direction, packets, count);
	for (; used != 0; used &= used - 1)
		good |= run_some(
			self, direction, packets, backend, count, (unsigned)__builtin_ctz(used));
	return good;
}

static inline uint64_t
auto_run(struct aead_auto *self, enum direction direction, const struct aead_packet packets[],
	unsigned count)
{
	const uint32_t len = packets[0].len;
	unsigned same = 1;

	while (same < count && packets[same].len == len)
		same++;
	if (same < count)
		return run_mixed(self, direction, packets, count);
	return run(&self->parts[self->choice.best[direction][step_of(len)][count - 1]], direction,
		packets, count);
}

static uint64_t
auto_seal(void *context, const struct aead_packet packets[], unsigned count)
{
	return auto_run(context, SEAL, packets, count);
}

static uint64_t
auto_open(void *context, const struct aead_packet packets[], unsigned count)
{
	return auto_run(context, OPEN, packets, count);
}

const struct aead_backend aead_backend_auto = {
	.name = "auto",
	.supported = auto_supported,
	.create = auto_create,
	.create_like = auto_create_like,
	.destroy = auto_destroy,
	.seal = auto_seal,
	.open = auto_open,
};
