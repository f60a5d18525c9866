/*
 * X25519 (RFC 7748) and the one-packet AEADs of the handshake, by libsodium.
 * On the packet's way: handshakes only.
 * Threads: any; no state, after crypto_init().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define X25519_LEN 32
#define XAEAD_NONCE_LEN 24

/* crypto_init readies libsodium. Returns 0 or -EIO. Any thread, any number of times. */
int crypto_init(void) __attribute__((warn_unused_result));

/* x25519_clamp forces the bits of RFC 7748, section 5, on a private key. */
void x25519_clamp(uint8_t private_key[X25519_LEN]);

/* x25519_public writes the public key of `private_key` (clamped inside). Returns 0 or -EINVAL. */
int x25519_public(uint8_t public_key[X25519_LEN], const uint8_t private_key[X25519_LEN])
	__attribute__((warn_unused_result));

/*
 * x25519 writes the shared secret. Returns 0, or -EINVAL with `shared` zeroed if the result is
 * all zero (low-order public key): the handshake must then stop.
 */
int x25519(uint8_t shared[X25519_LEN], const uint8_t private_key[X25519_LEN],
	const uint8_t public_key[X25519_LEN]) __attribute__((warn_unused_result));

/*
 * handshake_seal encrypts `len` bytes of `text` into len + 16 bytes of `sealed` by
 * ChaCha20-Poly1305 with nonce 0 and `ad`. handshake_open reverses it (`sealed_len` >= 16
 * includes the tag) and returns 0, or -EBADMSG with `text` zeroed.
 */
void handshake_seal(uint8_t *sealed, const uint8_t key[32], const void *text, size_t len,
	const void *ad, size_t ad_len);
int handshake_open(uint8_t *text, const uint8_t key[32], const void *sealed, size_t sealed_len,
	const void *ad, size_t ad_len) __attribute__((warn_unused_result));

/* xaead_seal, xaead_open: the same by XChaCha20-Poly1305 with a 24-byte nonce (cookie replies). */
void xaead_seal(uint8_t *sealed, const uint8_t key[32], const uint8_t nonce[XAEAD_NONCE_LEN],
	const void *text, size_t len, const void *ad, size_t ad_len);
int xaead_open(uint8_t *text, const uint8_t key[32], const uint8_t nonce[XAEAD_NONCE_LEN],
	const void *sealed, size_t sealed_len, const void *ad, size_t ad_len)
	__attribute__((warn_unused_result));
