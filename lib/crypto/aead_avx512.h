/*
 * ChaCha20-Poly1305 across packets by AVX-512 (F, BW, VL and IFMA): the work of the backend.
 * On the packet's way: behind aead_seal and aead_open. Private to crypto.
 * Threads: one context per thread. The caller has made sure that the CPU can run it.
 */
#pragma once

#include "crypto/aead.h"

struct aead_avx512;

/* aead_avx512_create returns a context, or NULL without memory. Destroying wipes it. */
struct aead_avx512 *aead_avx512_create(void);
void aead_avx512_destroy(struct aead_avx512 *avx512);

/*
 * aead_avx512_seal and aead_avx512_open are aead_seal and aead_open for 1..AEAD_BATCH_MAX packets.
 * The text of a packet that is not authentic stays as it came. Nothing secret is left in the
 * context, in vector registers or on the stack.
 */
uint64_t
aead_avx512_seal(struct aead_avx512 *avx512, const struct aead_packet packets[], unsigned count);
uint64_t
aead_avx512_open(struct aead_avx512 *avx512, const struct aead_packet packets[], unsigned count);
