/*
 * The AEAD backend by intel-ipsec-mb: its burst interface, or for one packet that of single jobs,
 * which is 1 to 3 % faster then; without checks of each job's fields. Long packets go through its
 * direct calls where those are faster.
 * On the packet's way: behind aead_seal and aead_open.
 * Threads: one context, with a manager of its own, per thread.
 */
#include "crypto/aead_backend.h"

#include "base/bytes.h"
#include "base/secret.h"

#include <intel-ipsec-mb.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONCE_LEN 12
/*
 * From this length on (1.3, AVX-512) a job takes 0.7 to 1.2 times the cycles of direct calls: on
 * one machine the more to open what leaves 512 to 900 bytes over from blocks of 1,024, on another
 * the more to seal anything. So a context tries, by what is left over in steps of 64 bytes.
 */
#define DIRECT_LEN_LEAST 1536
#define TRIAL_LEN 2048 /* and up to a block more */
#define TRIAL_STEP 64
#define TRIAL_STEPS 16
#define TRIAL_ROUNDS 3
/* In a row, as in use: the CPU must learn their branches. */
#define TRIAL_PACKETS 5
/* Registers and stack are cleared of key material; the library checked itself when made. */
#define FEATURES_NEEDED \
	(IMB_FEATURE_SAFE_DATA | IMB_FEATURE_SAFE_PARAM | IMB_FEATURE_SELF_TEST | \
		IMB_FEATURE_SELF_TEST_PASS)

_Static_assert(AEAD_BATCH_MAX <= IMB_MAX_BURST_SIZE, "a batch is one burst");

struct aead_ipsec_mb {
	IMB_MGR *manager;
	/* By struct direction.open: bits of what goes by direct calls, by step. */
	uint16_t direct[2];
	uint8_t nonces[AEAD_BATCH_MAX][16]; /* 12 bytes used; the 4 first ones stay zero */
	uint8_t tags[AEAD_BATCH_MAX][AEAD_TAG_LEN]; /* as computed, when opening */
	IMB_JOB *jobs[AEAD_BATCH_MAX];
};

/* All that makes sealing another thing than opening. */
struct direction {
	bool open;
	IMB_CIPHER_DIRECTION direction;
	IMB_CHAIN_ORDER order;
};

static const struct direction sealing = {false, IMB_DIR_ENCRYPT, IMB_ORDER_CIPHER_HASH};
static const struct direction opening = {true, IMB_DIR_DECRYPT, IMB_ORDER_HASH_CIPHER};

static bool
ipsec_mb_supported(void)
{
	return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
}

static void
ipsec_mb_destroy(void *context)
{
	struct aead_ipsec_mb *mb = context;

	if (mb->manager != NULL)
		free_mb_mgr(mb->manager);
	secret_wipe(mb, sizeof(*mb));
	free(mb);
}

static inline void
job_fill(IMB_JOB *job, const struct aead_packet *packet, const struct direction *direction,
	const uint8_t nonce[NONCE_LEN], uint8_t *tag, unsigned number)
{
	job->enc_keys = packet->key;
	job->dec_keys = packet->key;
	job->key_len_in_bytes = AEAD_KEY_LEN;
	job->src = packet->data;
	job->dst = packet->data;
	job->cipher_start_src_offset_in_bytes = 0;
	job->msg_len_to_cipher_in_bytes = packet->len;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = packet->len;
	job->iv = nonce;
	job->iv_len_in_bytes = NONCE_LEN;
	job->auth_tag_output = tag;
	job->auth_tag_output_len_in_bytes = AEAD_TAG_LEN;
	job->u.CHACHA20_POLY1305.aad = NULL;
	job->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->cipher_direction = direction->direction;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->chain_order = direction->order;
	job->user_data = (void *)(uintptr_t)number;
	/* So that the "completed" of the job that lay here before cannot be taken for ours. */
	job->status = IMB_STATUS_BEING_PROCESSED;
}

/* The packets whose jobs are among the `done` first of mb->jobs, in any order, and succeeded. */
static inline uint64_t
jobs_completed(const struct aead_ipsec_mb *mb, uint32_t done)
{
	uint64_t completed = 0;

	for (uint32_t i = 0; i < done; i++)
		if (mb->jobs[i]->status == IMB_STATUS_COMPLETED)
			completed |= UINT64_C(1) << (uintptr_t)mb->jobs[i]->user_data;
	return completed;
}

/*
 * Runs the batch and returns the mask of the completed packets. A tag goes behind its packet, or,
 * if `tags` is set, to mb->tags. The manager is empty before and after: flushing ends only when
 * there is nothing more, so no job of this batch can come back in a later one.
 */
static inline uint64_t
run(struct aead_ipsec_mb *mb, const struct aead_packet packets[], unsigned count,
	const struct direction *direction, bool tags)
{
	uint32_t given = IMB_GET_NEXT_BURST(mb->manager, count, mb->jobs);
	uint64_t completed;
	uint32_t done;

	for (uint32_t i = 0; i < given; i++) {
		uint8_t *tag = tags ? mb->tags[i] : packets[i].data + packets[i].len;

		store_le64(mb->nonces[i] + 4, packets[i].counter);
		job_fill(mb->jobs[i], &packets[i], direction, mb->nonces[i], tag, i);
	}
	done = IMB_SUBMIT_BURST_NOCHECK(mb->manager, given, mb->jobs);
	completed = jobs_completed(mb, done);
	while (done < given) {
		uint32_t more = IMB_FLUSH_BURST(mb->manager, given - done, mb->jobs);

		if (more == 0)
			break;
		completed |= jobs_completed(mb, more);
		done += more;
	}
	return completed;
}

/* run() with packet `number` of a batch alone; returns whether it was completed. */
static inline bool
run_one(struct aead_ipsec_mb *mb, const struct aead_packet *packet,
	const struct direction *direction, uint8_t *tag, unsigned number)
{
	IMB_JOB *job = IMB_GET_NEXT_JOB(mb->manager);

	store_le64(mb->nonces[number] + 4, packet->counter);
	job_fill(job, packet, direction, mb->nonces[number], tag, number);
	job = IMB_SUBMIT_JOB_NOCHECK(mb->manager);
	if (job == NULL)
		job = IMB_FLUSH_JOB(mb->manager);
	return job != NULL && job->status == IMB_STATUS_COMPLETED;
}

/* The same by direct calls, which cannot fail. */
static bool
run_directly(struct aead_ipsec_mb *mb, const struct aead_packet *packet,
	const struct direction *direction, uint8_t *tag, unsigned number)
{
	IMB_MGR *manager = mb->manager;
	struct chacha20_poly1305_context_data state;
	uint8_t *data = packet->data;

	store_le64(mb->nonces[number] + 4, packet->counter);
	IMB_CHACHA20_POLY1305_INIT(manager, packet->key, &state, mb->nonces[number], NULL, 0);
	if (direction->open) {
		IMB_CHACHA20_POLY1305_DEC_UPDATE(
			manager, packet->key, &state, data, data, packet->len);
		IMB_CHACHA20_POLY1305_DEC_FINALIZE(manager, &state, tag, AEAD_TAG_LEN);
	} else {
		IMB_CHACHA20_POLY1305_ENC_UPDATE(
			manager, packet->key, &state, data, data, packet->len);
		IMB_CHACHA20_POLY1305_ENC_FINALIZE(manager, &state, tag, AEAD_TAG_LEN);
	}
	secret_wipe(&state, sizeof(state));
	return true;
}

static inline bool
goes_directly(const struct aead_ipsec_mb *mb, uint32_t len, const struct direction *direction)
{
	return len >= DIRECT_LEN_LEAST &&
		(mb->direct[direction->open] >> (len / TRIAL_STEP % TRIAL_STEPS) & 1);
}

/* One by one. */
static uint64_t
run_long(struct aead_ipsec_mb *mb, const struct aead_packet packets[], unsigned count,
	const struct direction *direction, bool tags)
{
	uint64_t completed = 0;

	for (unsigned i = 0; i < count; i++) {
		uint8_t *tag = tags ? mb->tags[i] : packets[i].data + packets[i].len;
		const bool done = goes_directly(mb, packets[i].len, direction)
			? run_directly(mb, &packets[i], direction, tag, i)
			: run_one(mb, &packets[i], direction, tag, i);

		completed |= (uint64_t)done << i;
	}
	return completed;
}

static inline uint64_t
run_any(struct aead_ipsec_mb *mb, const struct aead_packet packets[], unsigned count,
	const struct direction *direction, bool tags)
{
	uint32_t longest = 0;

	for (unsigned i = 0; i < count; i++)
		longest = packets[i].len > longest ? packets[i].len : longest;
	return count == 1 || goes_directly(mb, longest, direction)
		? run_long(mb, packets, count, direction, tags)
		: run(mb, packets, count, direction, tags);
}

static uint64_t
cycles_of(struct aead_ipsec_mb *mb, const struct aead_packet *packet,
	const struct direction *direction, bool directly)
{
	const uint64_t begin = __builtin_ia32_rdtsc();

	for (unsigned i = 0; i < TRIAL_PACKETS; i++)
		(void)(directly ? run_directly(mb, packet, direction, mb->tags[0], 0)
				: run_one(mb, packet, direction, mb->tags[0], 0));
	return __builtin_ia32_rdtsc() - begin;
}

static bool
direct_is_faster(struct aead_ipsec_mb *mb, const struct aead_packet *packet,
	const struct direction *direction)
{
	uint64_t least[2] = {UINT64_MAX, UINT64_MAX};

	for (unsigned i = 0; i < 2 * TRIAL_ROUNDS; i++) {
		const uint64_t cycles = cycles_of(mb, packet, direction, i % 2);

		if (cycles < least[i % 2])
			least[i % 2] = cycles;
	}
	return least[1] < least[0];
}

/* Finds out what goes by direct calls, in some 1.5 million cycles. Returns 0 or -ENOMEM. */
static int
try_direct(struct aead_ipsec_mb *mb)
{
	static const uint8_t key[AEAD_KEY_LEN];
	struct aead_packet packet = {
		calloc(1, TRIAL_LEN + TRIAL_STEP * TRIAL_STEPS), key, 0, TRIAL_LEN};

	if (packet.data == NULL)
		return -ENOMEM;
	for (unsigned step = 0; step < TRIAL_STEPS; step++, packet.len += TRIAL_STEP) {
		mb->direct[0] |= (uint16_t)(direct_is_faster(mb, &packet, &sealing) << step);
		mb->direct[1] |= (uint16_t)(direct_is_faster(mb, &packet, &opening) << step);
	}
	free(packet.data);
	return 0;
}

/* Without what is found out. */
static struct aead_ipsec_mb *
create(void)
{
	struct aead_ipsec_mb *mb = calloc(1, sizeof(*mb));

	if (mb == NULL)
		return NULL;
	mb->manager = alloc_mb_mgr(0);
	if (mb->manager == NULL) {
		errno = ENOMEM;
		goto fail;
	}
	init_mb_mgr_auto(mb->manager, NULL);
	if (imb_get_errno(mb->manager) != 0) {
		errno = ENOTSUP;
		goto fail;
	}
	if ((mb->manager->features & FEATURES_NEEDED) != FEATURES_NEEDED) {
		errno = EILSEQ;
		goto fail;
	}
	return mb;

fail:;
	int error = errno;

	ipsec_mb_destroy(mb);
	errno = error;
	return NULL;
}

static void *
ipsec_mb_create(void)
{
	struct aead_ipsec_mb *mb = create();

	if (mb != NULL && try_direct(mb) != 0) {
		ipsec_mb_destroy(mb);
		errno = ENOMEM;
		return NULL;
	}
	return mb;
}

static void *
ipsec_mb_create_like(const void *context)
{
	const struct aead_ipsec_mb *other = context;
	struct aead_ipsec_mb *mb = create();

	if (mb != NULL)
		memcpy(mb->direct, other->direct, sizeof(mb->direct));
	return mb;
}

static uint64_t
ipsec_mb_seal(void *context, const struct aead_packet packets[], unsigned count)
{
	return run_any(context, packets, count, &sealing, false);
}

/* In time that does not depend on where the tags differ. */
static inline bool
tag_equal(const uint8_t *a, const uint8_t *b)
{
	return ((load_le64(a) ^ load_le64(b)) | (load_le64(a + 8) ^ load_le64(b + 8))) == 0;
}

static uint64_t
ipsec_mb_open(void *context, const struct aead_packet packets[], unsigned count)
{
	struct aead_ipsec_mb *mb = context;
	uint64_t authentic = run_any(mb, packets, count, &opening, true);

	/* The library never compares: "completed" means only that it has computed a tag. */
	for (unsigned i = 0; i < count; i++) {
		if (tag_equal(mb->tags[i], packets[i].data + packets[i].len))
			continue;
		authentic &= ~(UINT64_C(1) << i);
		/* With the right tag of a forged text somebody could make it authentic. */
		secret_wipe(mb->tags[i], AEAD_TAG_LEN);
		/* It has been decrypted all the same. */
		secret_wipe(packets[i].data, packets[i].len);
	}
	return authentic;
}

const struct aead_backend aead_backend_ipsec_mb = {
	.name = "ipsec-mb",
	.supported = ipsec_mb_supported,
	.create = ipsec_mb_create,
	.create_like = ipsec_mb_create_like,
	.destroy = ipsec_mb_destroy,
	.seal = ipsec_mb_seal,
	.open = ipsec_mb_open,
};
