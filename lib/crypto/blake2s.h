/*
 * BLAKE2s (RFC 7693), its keyed form, and the HMAC and HKDF that Noise builds on it.
 * On the packet's way: handshakes only.
 * Threads: any; no state. Sources: WireGuard paper 5.4, Noise 4.3, RFC 2104, 5869.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define BLAKE2S_LEN 32
#define BLAKE2S_MAC_LEN 16

/* A piece of a message that is hashed from several. */
struct blake2s_piece {
	const void *data;
	size_t len;
};

/* blake2s_hash writes HASH(data[0] || ... || data[count-1]), 32 bytes, unkeyed. */
void blake2s_hash(uint8_t hash[BLAKE2S_LEN], const struct blake2s_piece pieces[], size_t count);

/* blake2s_hash2 writes HASH(a || b). `hash` may be `a` or `b`. */
void
blake2s_hash2(uint8_t hash[BLAKE2S_LEN], const void *a, size_t a_len, const void *b, size_t b_len);

/* blake2s_mac writes the keyed hash with a 16-byte output (a parameter, not a cut); key 1..32. */
void blake2s_mac(uint8_t mac[BLAKE2S_MAC_LEN], const void *key, size_t key_len, const void *data,
	size_t len);

/* blake2s_hmac writes HMAC-BLAKE2s-256 (block 64 bytes) of `data` under `key` of any length. */
void blake2s_hmac(
	uint8_t mac[BLAKE2S_LEN], const void *key, size_t key_len, const void *data, size_t len);

/*
 * blake2s_kdf writes the first `count` (1..3) of t1 = HMAC(prk, 1), t2 = HMAC(prk, t1 || 2),
 * t3 = HMAC(prk, t2 || 3) with prk = HMAC(chaining_key, input). outputs[i] is 32 bytes and may be
 * `chaining_key` itself. Temporaries are wiped.
 */
void blake2s_kdf(uint8_t *const outputs[], unsigned count, const uint8_t chaining_key[BLAKE2S_LEN],
	const void *input, size_t len);
