/*
 * The AEAD backend "auto": of the others, for each batch, the one that is fastest on this CPU.
 * On the packet's way: behind aead_seal and aead_open.
 * Threads: one context per thread.
 *
 * Which one that is depends on the packets' number and length: a backend that works across packets
 * needs some of them to win, and longer packets leave less to be won. A trial says it when the
 * first context is made, and is kept as a table; aead_create_like() copies that.
 */
#include "crypto/aead_backend.h"
#include "crypto/aead_trial.h"

#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>

struct aead_auto {
	struct aead_part parts[AEAD_PARTS_MAX];
	unsigned count;
	struct aead_table table;
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

/*
 * Takes the context in as the next part. If there is none, or no room for it, all are destroyed,
 * and errno says why. Returns whether it did.
 */
static bool
part_add(struct aead_auto *self, struct aead *aead)
{
	const int error = aead == NULL ? errno : ENOMEM;
	const struct aead_backend *backend;
	struct aead_part *part;

	if (aead == NULL || self->count == AEAD_PARTS_MAX) {
		aead_destroy(aead);
		auto_destroy(self);
		errno = error;
		return false;
	}
	part = &self->parts[self->count++];
	backend = aead_backend_of(aead, &part->context);
	part->run[AEAD_SEAL] = backend->seal;
	part->run[AEAD_OPEN] = backend->open;
	part->across = backend->across;
	part->aead = aead;
	return true;
}

/* Each context has passed its own self test: auto's would not reach all of them. */
static struct aead_auto *
auto_create_parts(void)
{
	struct aead_auto *self = calloc(1, sizeof(*self));

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
		if (!part_add(self, aead))
			return NULL;
	}
	return self;
}

static inline uint64_t
run(const struct aead_part *part, enum aead_direction direction, const struct aead_packet packets[],
	unsigned count)
{
	return part->run[direction](part->context, packets, count);
}

static void *
auto_create(void)
{
	struct aead_auto *self = auto_create_parts();

	if (self != NULL && aead_trial(self->parts, self->count, &self->table) != 0) {
		auto_destroy(self);
		errno = ENOMEM;
		return NULL;
	}
	return self;
}

static void *
auto_create_like(const void *context)
{
	const struct aead_auto *other = context;
	struct aead_auto *self = calloc(1, sizeof(*self));

	if (self == NULL)
		return NULL;
	self->table = other->table;
	for (unsigned i = 0; i < other->count; i++)
		if (!part_add(self, aead_create_like(other->parts[i].aead)))
			return NULL;
	return self;
}

const char *
aead_auto_choice(const void *context, bool open, uint32_t len, unsigned count)
{
	const struct aead_auto *self = context;

	return aead_name(self->parts[self->table.best[open ? AEAD_OPEN : AEAD_SEAL]
						     [aead_table_step(len)][count - 1]]
				 .aead);
}

/* Runs the packets of `mask` as one batch; of others it says nothing, whatever a backend says. */
static uint64_t
run_some(const struct aead_part *part, enum aead_direction direction,
	const struct aead_packet packets[], uint64_t mask)
{
	const unsigned first = (unsigned)__builtin_ctzll(mask);
	const unsigned count = (unsigned)__builtin_popcountll(mask);
	struct aead_packet some[AEAD_BATCH_MAX];
	uint64_t left = mask;
	uint64_t good;
	uint64_t good_mask = 0;
	unsigned i = 0;

	/* Neighbours need not be brought together. */
	if (mask >> first == UINT64_MAX >> (AEAD_BATCH_MAX - count))
		return (run(part, direction, packets + first, count) << first) & mask;
	do
		some[i++] = packets[__builtin_ctzll(left)];
	while ((left &= left - 1) != 0);
	good = run(part, direction, some, count);
	for (left = mask; left != 0; left &= left - 1, good >>= 1)
		good_mask |= (good & 1) << __builtin_ctzll(left);
	return good_mask;
}

/*
 * Two packets of different lengths: run_mixed() is too much work for so few. A backend that works
 * across packets has nothing beside most of a packet that is more than twice as long as the other.
 */
static uint64_t
run_two(struct aead_auto *self, enum aead_direction direction, const struct aead_packet packets[])
{
	const uint8_t(*best)[AEAD_BATCH_MAX] = self->table.best[direction];
	const uint8_t *best0 = best[aead_table_step(packets[0].len)];
	const uint8_t *best1 = best[aead_table_step(packets[1].len)];
	const bool alike =
		packets[0].len <= 2 * packets[1].len && packets[1].len <= 2 * packets[0].len;

	if (alike && best0[1] == best1[1])
		return run(&self->parts[best0[1]], direction, packets, 2);
	if (best0[0] == best1[0])
		return run(&self->parts[best0[0]], direction, packets, 2);
	return run_some(&self->parts[best0[0]], direction, packets, 1) |
		run_some(&self->parts[best1[0]], direction, packets, 2);
}

/*
 * Packets of several lengths: each goes to the backend that is best for its length, if the others
 * that go there too are enough of a batch; if not, to the one that is best for so few.
 */
static uint64_t
run_mixed(struct aead_auto *self, enum aead_direction direction, const struct aead_packet packets[],
	unsigned count)
{
	const uint8_t(*best)[AEAD_BATCH_MAX] = self->table.best[direction];
	uint64_t first[AEAD_PARTS_MAX] = {0};
	uint64_t second[AEAD_PARTS_MAX] = {0};
	uint64_t good = 0;

	for (unsigned i = 0; i < count; i++)
		first[best[aead_table_step(packets[i].len)][count - 1]] |= UINT64_C(1) << i;
	for (unsigned which = 0; which < self->count; which++) {
		const unsigned among = (unsigned)__builtin_popcountll(first[which]);

		if (among == count)
			return run(&self->parts[which], direction, packets, count);
		for (uint64_t left = first[which]; left != 0; left &= left - 1) {
			const unsigned i = (unsigned)__builtin_ctzll(left);

			second[best[aead_table_step(packets[i].len)][among - 1]] |= UINT64_C(1)
				<< i;
		}
	}
	for (unsigned which = 0; which < self->count; which++)
		if (second[which] != 0)
			good |= run_some(&self->parts[which], direction, packets, second[which]);
	return good;
}

static inline uint64_t
auto_run(struct aead_auto *self, enum aead_direction direction, const struct aead_packet packets[],
	unsigned count)
{
	const uint32_t len = packets[0].len;
	unsigned same = 1;

	while (same < count && packets[same].len == len)
		same++;
	if (count == 2 && same == 1)
		return run_two(self, direction, packets);
	if (same < count)
		return run_mixed(self, direction, packets, count);
	return run(&self->parts[self->table.best[direction][aead_table_step(len)][count - 1]],
		direction, packets, count);
}

static uint64_t
auto_seal(void *context, const struct aead_packet packets[], unsigned count)
{
	return auto_run(context, AEAD_SEAL, packets, count);
}

static uint64_t
auto_open(void *context, const struct aead_packet packets[], unsigned count)
{
	return auto_run(context, AEAD_OPEN, packets, count);
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
