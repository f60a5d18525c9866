/*
 * ChaCha20-Poly1305 (RFC 8439) over a batch of packets, a key for each.
 * On the packet's way: in_open and out_seal.
 * Threads: one struct aead per thread; no locks, no allocation after creation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AEAD_KEY_LEN 32
#define AEAD_TAG_LEN 16
#define AEAD_BATCH_MAX 64
#define AEAD_LEN_MAX 9216

/*
 * One packet: `len` bytes of text at `data` (0..AEAD_LEN_MAX, any alignment), handled in place,
 * and 16 bytes of tag right behind it at data + len. The nonce is 4 zero bytes and `counter` in
 * little-endian; there is no associated data. `key` points to 32 bytes.
 */
struct aead_packet {
	uint8_t *data;
	const uint8_t *key;
	uint64_t counter;
	uint32_t len;
};

struct aead;

/*
 * aead_create makes a context that uses the backend of the given name: "avx512", "avx2",
 * "ipsec-mb", "sodium", or "auto" (NULL likewise), which takes for each batch, or each part of it,
 * the one that is fastest on this CPU for such packets, as measured now: that takes some 7 ms. The
 * new context has passed aead_self_test(). Returns NULL with errno set: EINVAL unknown name,
 * ENOTSUP this CPU lacks what the backend needs, EILSEQ the self test failed, ENOMEM.
 */
struct aead *aead_create(const char *name);

/*
 * aead_create_like makes another context, for another thread, with the backend of `aead`, and, if
 * that is "auto", what it has measured. It only reads `aead`. Errors as from aead_create.
 */
struct aead *aead_create_like(const struct aead *aead);

/* aead_destroy frees the context. NULL is ignored. */
void aead_destroy(struct aead *aead);

/* aead_name returns the name of the backend in use. */
const char *aead_name(const struct aead *aead);

/*
 * aead_choice returns the name of the backend that seals, or opens, a batch of `count`
 * (1..AEAD_BATCH_MAX) packets of `len` (0..AEAD_LEN_MAX) bytes: other than aead_name for "auto".
 */
const char *aead_choice(const struct aead *aead, bool open, uint32_t len, unsigned count);

/* aead_backends returns the NULL-terminated names that aead_create knows, "auto" first. */
const char *const *aead_backends(void);

/*
 * aead_seal encrypts `count` (0..AEAD_BATCH_MAX) packets in place and writes their tags. Returns
 * the mask of those sealed (bit i for packets[i]); a packet whose bit is clear must not be sent:
 * its bytes are undefined.
 */
uint64_t aead_seal(struct aead *aead, const struct aead_packet packets[], unsigned count)
	__attribute__((warn_unused_result));

/*
 * aead_open checks the tags of `count` (0..AEAD_BATCH_MAX) packets, in constant time, and decrypts
 * in place. Returns the mask of the authentic ones; where a bit is clear the text is left as it was
 * or zeros, never plaintext.
 */
uint64_t aead_open(struct aead *aead, const struct aead_packet packets[], unsigned count)
	__attribute__((warn_unused_result));

/*
 * aead_self_test seals known packets, opens them, and offers forged ones (each byte of tag and
 * text changed once) through the very calls above. Returns 0, or -EILSEQ if one answer is wrong.
 */
int aead_self_test(struct aead *aead) __attribute__((warn_unused_result));
