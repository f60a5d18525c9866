/*
 * The rivals of bench_aead.
 * On the packet's way: nowhere; for perf/.
 * Threads: one.
 */
#include "aead_rivals.h"

#include "base/bytes.h"

#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sodium.h>

#include <stdio.h>
#include <stdlib.h>

#define NONCE_LEN 12

struct mb {
	IMB_MGR *manager;
	uint8_t nonces[AEAD_BATCH_MAX][16];
	uint8_t tags[AEAD_BATCH_MAX][AEAD_TAG_LEN];
	IMB_JOB *jobs[AEAD_BATCH_MAX];
};

struct evp {
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *context[2]; /* sealing, opening */
	const uint8_t *key[2]; /* that the context has now */
};

static uint64_t
mask_of(unsigned count)
{
	return UINT64_MAX >> (AEAD_BATCH_MAX - count);
}

static uint8_t *
mb_prepare(struct mb *mb, const struct aead_packet *packet, unsigned i, bool open)
{
	store_le64(mb->nonces[i] + 4, packet->counter);
	return open ? mb->tags[i] : packet->data + packet->len;
}

static uint64_t
mb_finish(struct mb *mb, const struct aead_packet packets[], unsigned count, bool open)
{
	uint64_t good = 0;

	if (!open)
		return mask_of(count);
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *tag = packets[i].data + packets[i].len;
		const uint64_t differ = (load_le64(tag) ^ load_le64(mb->tags[i])) |
			(load_le64(tag + 8) ^ load_le64(mb->tags[i] + 8));

		good |= (uint64_t)(differ == 0) << i;
	}
	return good;
}

static void
mb_fill(struct mb *mb, IMB_JOB *job, const struct aead_packet *packet, unsigned i, bool open)
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
	job->auth_tag_output = mb_prepare(mb, packet, i, open);
	job->auth_tag_output_len_in_bytes = AEAD_TAG_LEN;
	job->iv = mb->nonces[i];
	job->iv_len_in_bytes = NONCE_LEN;
	job->u.CHACHA20_POLY1305.aad = NULL;
	job->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->cipher_direction = open ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT;
	job->chain_order = open ? IMB_ORDER_HASH_CIPHER : IMB_ORDER_CIPHER_HASH;
}

/* inlined for each pair of constants */
static inline __attribute__((always_inline)) uint64_t
mb_job(struct mb *mb, const struct aead_packet packets[], unsigned count, bool open, bool check)
{
	for (unsigned i = 0; i < count; i++) {
		IMB_JOB *job = IMB_GET_NEXT_JOB(mb->manager);

		mb_fill(mb, job, &packets[i], i, open);
		(void)(check ? IMB_SUBMIT_JOB(mb->manager) : IMB_SUBMIT_JOB_NOCHECK(mb->manager));
	}
	while (IMB_FLUSH_JOB(mb->manager) != NULL)
		continue;
	return mb_finish(mb, packets, count, open);
}

static inline __attribute__((always_inline)) uint64_t
mb_burst(struct mb *mb, const struct aead_packet packets[], unsigned count, bool open, bool check)
{
	uint32_t done = 0;

	if (IMB_GET_NEXT_BURST(mb->manager, count, mb->jobs) != count)
		return 0;
	for (unsigned i = 0; i < count; i++)
		mb_fill(mb, mb->jobs[i], &packets[i], i, open);
	done = check ? IMB_SUBMIT_BURST(mb->manager, count, mb->jobs)
		     : IMB_SUBMIT_BURST_NOCHECK(mb->manager, count, mb->jobs);
	while (done < count)
		done += IMB_FLUSH_BURST(mb->manager, count - done, mb->jobs);
	return mb_finish(mb, packets, count, open);
}

static inline __attribute__((always_inline)) uint64_t
mb_direct(struct mb *mb, const struct aead_packet packets[], unsigned count, bool open)
{
	IMB_MGR *manager = mb->manager;

	for (unsigned i = 0; i < count; i++) {
		const struct aead_packet *packet = &packets[i];
		struct chacha20_poly1305_context_data state;
		uint8_t *tag = mb_prepare(mb, packet, i, open);

		IMB_CHACHA20_POLY1305_INIT(manager, packet->key, &state, mb->nonces[i], NULL, 0);
		if (open) {
			IMB_CHACHA20_POLY1305_DEC_UPDATE(manager, packet->key, &state, packet->data,
				packet->data, packet->len);
			IMB_CHACHA20_POLY1305_DEC_FINALIZE(manager, &state, tag, AEAD_TAG_LEN);
		} else {
			IMB_CHACHA20_POLY1305_ENC_UPDATE(manager, packet->key, &state, packet->data,
				packet->data, packet->len);
			IMB_CHACHA20_POLY1305_ENC_FINALIZE(manager, &state, tag, AEAD_TAG_LEN);
		}
	}
	return mb_finish(mb, packets, count, open);
}

#define MB_CALL(name, call) \
	static uint64_t name(void *mb, const struct aead_packet packets[], unsigned count) \
	{ \
		return call; \
	}

MB_CALL(job_seal, mb_job(mb, packets, count, false, true))
MB_CALL(job_open, mb_job(mb, packets, count, true, true))
MB_CALL(job_nocheck_seal, mb_job(mb, packets, count, false, false))
MB_CALL(job_nocheck_open, mb_job(mb, packets, count, true, false))
MB_CALL(burst_seal, mb_burst(mb, packets, count, false, true))
MB_CALL(burst_open, mb_burst(mb, packets, count, true, true))
MB_CALL(burst_nocheck_seal, mb_burst(mb, packets, count, false, false))
MB_CALL(burst_nocheck_open, mb_burst(mb, packets, count, true, false))
MB_CALL(direct_seal, mb_direct(mb, packets, count, false))
MB_CALL(direct_open, mb_direct(mb, packets, count, true))

/* A context keeps its key, so that equal keys in a row cost OpenSSL no second set-up. */
static bool
evp_begin(struct evp *evp, const struct aead_packet *packet, bool open)
{
	const uint8_t *key = evp->key[open] == packet->key ? NULL : packet->key;
	uint8_t nonce[NONCE_LEN] = {0};

	store_le64(nonce + 4, packet->counter);
	evp->key[open] = packet->key;
	return EVP_CipherInit_ex(evp->context[open], NULL, NULL, key, nonce, open ? 0 : 1) == 1;
}

static uint64_t
evp_seal(void *context, const struct aead_packet packets[], unsigned count)
{
	struct evp *evp = context;
	EVP_CIPHER_CTX *sealing = evp->context[0];
	uint64_t good = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct aead_packet *packet = &packets[i];
		uint8_t *end = packet->data + packet->len;
		int len;

		if (evp_begin(evp, packet, false) &&
			EVP_EncryptUpdate(
				sealing, packet->data, &len, packet->data, (int)packet->len) == 1 &&
			EVP_EncryptFinal_ex(sealing, end, &len) == 1 &&
			EVP_CIPHER_CTX_ctrl(sealing, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN, end) == 1)
			good |= UINT64_C(1) << i;
	}
	return good;
}

static uint64_t
evp_open(void *context, const struct aead_packet packets[], unsigned count)
{
	struct evp *evp = context;
	EVP_CIPHER_CTX *opening = evp->context[1];
	uint64_t good = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct aead_packet *packet = &packets[i];
		uint8_t *end = packet->data + packet->len;
		uint8_t rest[AEAD_TAG_LEN];
		int len;

		if (evp_begin(evp, packet, true) &&
			EVP_CIPHER_CTX_ctrl(opening, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN, end) ==
				1 &&
			EVP_DecryptUpdate(
				opening, packet->data, &len, packet->data, (int)packet->len) == 1 &&
			EVP_DecryptFinal_ex(opening, rest, &len) == 1)
			good |= UINT64_C(1) << i;
	}
	return good;
}

static struct mb *
mb_create(bool avx2_only)
{
	struct mb *mb = calloc(1, sizeof(*mb));

	if (mb == NULL)
		return NULL;
	mb->manager = alloc_mb_mgr(0);
	if (mb->manager == NULL)
		goto fail;
	if (avx2_only)
		init_mb_mgr_avx2(mb->manager);
	else
		init_mb_mgr_auto(mb->manager, NULL);
	if (imb_get_errno(mb->manager) == 0)
		return mb;
fail:
	free(mb);
	return NULL;
}

static struct evp *
evp_create(void)
{
	struct evp *evp = calloc(1, sizeof(*evp));

	if (evp == NULL)
		return NULL;
	evp->cipher = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	if (evp->cipher == NULL)
		goto fail;
	for (int open = 0; open < 2; open++) {
		evp->context[open] = EVP_CIPHER_CTX_new();
		if (evp->context[open] == NULL ||
			EVP_CipherInit_ex(evp->context[open], evp->cipher, NULL, NULL, NULL,
				open ? 0 : 1) != 1)
			goto fail;
	}
	return evp;
fail:
	free(evp);
	return NULL;
}

unsigned
rivals_create(struct rival rivals[RIVALS_MAX], bool avx2_only)
{
	struct mb *mb = mb_create(avx2_only);
	struct evp *evp = evp_create();
	const struct rival all[] = {
		{"ipsec-mb", "job", job_seal, job_open, mb},
		{"ipsec-mb", "job-nocheck", job_nocheck_seal, job_nocheck_open, mb},
		{"ipsec-mb", "burst", burst_seal, burst_open, mb},
		{"ipsec-mb", "burst-nocheck", burst_nocheck_seal, burst_nocheck_open, mb},
		{"ipsec-mb", "direct", direct_seal, direct_open, mb},
		{"openssl", "", evp_seal, evp_open, evp},
	};
	const unsigned count = sizeof(all) / sizeof(all[0]);

	_Static_assert(sizeof(all) / sizeof(all[0]) <= RIVALS_MAX, "room for all");
	if (mb == NULL || evp == NULL) {
		free(mb);
		free(evp);
		fprintf(stderr, "bench_aead: cannot make intel-ipsec-mb's or OpenSSL's context\n");
		return 0;
	}
	for (unsigned i = 0; i < count; i++)
		rivals[i] = all[i];
	return count;
}

char *
rivals_versions(void)
{
	char *text = NULL;

	if (asprintf(&text, "intel-ipsec-mb %s, %s, libsodium %s", imb_get_version_str(),
		    OpenSSL_version(OPENSSL_VERSION), sodium_version_string()) < 0)
		return NULL;
	return text;
}
