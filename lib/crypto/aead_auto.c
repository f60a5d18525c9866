/*
 * The AEAD backend "auto": of the others, for each batch, the one that is fastest on this CPU.
 * On the packet's way: behind aead_seal and aead_open.
 * Threads: one context per thread.
 *
 * Which one that is depends on the packets' number and length: a backend that works across packets
 * needs some of them to win, and longer packets leave less to be won. It is measured when the first
 * context is made, about 10 ms, and kept as a table; aead_create_like() copies that.
 */
#include "crypto/aead_backend.h"

#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BACKENDS_MAX 8
#define STEP 64 /* bytes by which lengths are told apart */
#define STEPS (AEAD_LEN_MAX / STEP + 2)
#define ROUNDS 3
#define ROOM (80U << 10)
/* What works on one packet after the other is measured with one and with so many. */
#define LINEAR_COUNT 8
/* From that many packets a backend that is that much slower than the best is out of the race. */
#define HOPELESS_COUNT 8
#define HOPELESS(cycles, best) ((cycles) > (best) / 4 * 5)
#define FAR (UINT64_MAX >> 32)

enum direction { SEAL, OPEN, DIRECTIONS };

/* Lengths that are measured: closer where one backend overtakes another. */
static const uint16_t lens[] = {
	0, 64, 128, 192, 256, 384, 512, 640, 768, 1024, 1280, 1424, 2048, 4096, 8960};
/* Numbers of packets that are measured. */
static const uint8_t counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 48};

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

/* The packets that are measured with. */
struct trial {
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

/* The fewest cycles that the batch took. What is opened has just been sealed. */
static uint64_t
measure(const struct part *part, enum direction direction, struct trial *trial, uint32_t len,
	unsigned count)
{
	struct aead_packet packets[AEAD_BATCH_MAX];
	uint64_t least = FAR;

	for (unsigned i = 0; i < count; i++)
		packets[i] = (struct aead_packet){
			trial->room + (size_t)i * (len + STEP), trial->key, i, len};
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t cycles;

		if (direction == OPEN && run(part, SEAL, packets, count) == 0)
			return FAR;
		cycles = __builtin_ia32_rdtsc();
		if (run(part, direction, packets, count) == 0)
			return FAR;
		cycles = __builtin_ia32_rdtsc() - cycles;
		if (cycles < least)
			least = cycles;
	}
	return least;
}

/* A backend's cycles for the batches of one length; 0 where not measured. */
struct series {
	uint64_t cycles[COUNTS];
};

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
	if (below == above)
		return series->cycles[below] * count / counts[below];
	if (counts[above] < count)
		return series->cycles[above] * count / counts[above];
	return series->cycles[below] +
		(series->cycles[above] - series->cycles[below]) * (count - counts[below]) /
		(counts[above] - counts[below]);
}

/* The backend that needs the fewest cycles, of those that were measured. */
static unsigned
best_at(const struct series series[], unsigned backends, unsigned count)
{
	unsigned best = 0;

	for (unsigned i = 1; i < backends; i++)
		if (series_at(&series[i], count) < series_at(&series[best], count))
			best = i;
	return best;
}

/* Fills the table for one direction and the lengths about lens[which]. */
static void
choose(struct aead_auto *self, enum direction direction, unsigned which, struct trial *trial)
{
	struct series series[BACKENDS_MAX] = {0};
	bool hopeless[BACKENDS_MAX] = {false};

	for (unsigned k = 0; k < COUNTS; k++) {
		const unsigned count = counts[k];

		if (count * ((size_t)lens[which] + STEP) > ROOM)
			break;
		for (unsigned i = 0; i < self->count; i++)
			if (!hopeless[i] &&
				(self->parts[i].across || count == 1 || count == LINEAR_COUNT))
				series[i].cycles[k] = measure(
					&self->parts[i], direction, trial, lens[which], count);
		for (unsigned i = 0; i < self->count && count >= HOPELESS_COUNT; i++)
			hopeless[i] |= HOPELESS(series_at(&series[i], count),
				series_at(&series[best_at(series, self->count, count)], count));
	}
	for (unsigned count = 1; count <= AEAD_BATCH_MAX; count++) {
		const unsigned best = best_at(series, self->count, count);
		const unsigned end = which + 1 < LENS ? step_first(which + 1) : STEPS;

		for (unsigned step = step_first(which); step < end; step++)
			self->choice.best[direction][step][count - 1] = (uint8_t)best;
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
	for (unsigned class = 0; class < LENS; class ++) {
		choose(self, SEAL, class, trial);
		choose(self, OPEN, class, trial);
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
	const uint8_t first = best[step_of(packets[0].len)][count - 1];
	uint8_t backend[AEAD_BATCH_MAX];
	unsigned chosen[BACKENDS_MAX] = {0};
	uint64_t good = 0;
	unsigned differ = 0;

	for (unsigned i = 0; i < count; i++) {
		backend[i] = best[step_of(packets[i].len)][count - 1];
		chosen[backend[i]]++;
		differ |= backend[i] ^ first;
	}
	if (differ == 0)
		return run(&self->parts[first], direction, packets, count);
	for (unsigned i = 0; i < count; i++)
		backend[i] = best[step_of(packets[i].len)][chosen[backend[i]] - 1];
	memset(chosen, 0, sizeof(chosen));
	for (unsigned i = 0; i < count; i++)
		chosen[backend[i]]++;
	for (unsigned which = 0; which < self->count; which++)
		if (chosen[which] != 0)
			good |= run_some(self, direction, packets, backend, count, which);
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
