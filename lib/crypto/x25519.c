/*
 * X25519 (RFC 7748) and the one-packet AEADs of the handshake, by libsodium.
 * On the packet's way: handshakes only.
 * Threads: any; no state, after crypto_init().
 */
#include "crypto/x25519.h"

#include "base/secret.h"

#include <sodium.h>

#include <errno.h>

#define TAG_LEN 16

_Static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == TAG_LEN, "tag");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == TAG_LEN, "tag");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == XAEAD_NONCE_LEN, "nonce");
_Static_assert(crypto_scalarmult_curve25519_BYTES == X25519_LEN, "point");

static const uint8_t zero_nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

int
crypto_init(void)
{
	return sodium_init() < 0 ? -EIO : 0;
}

void
x25519_clamp(uint8_t private_key[X25519_LEN])
{
	private_key[0] &= 0xf8;
	private_key[31] = (private_key[31] & 0x7f) | 0x40;
}

int
x25519_public(uint8_t public_key[X25519_LEN], const uint8_t private_key[X25519_LEN])
{
	return crypto_scalarmult_curve25519_base(public_key, private_key) == 0 ? 0 : -EINVAL;
}

int
x25519(uint8_t shared[X25519_LEN], const uint8_t private_key[X25519_LEN],
	const uint8_t public_key[X25519_LEN])
{
	/* libsodium refuses low-order points; that the result is not zero is the rule itself. */
	if (crypto_scalarmult_curve25519(shared, private_key, public_key) == 0 &&
		!secret_is_zero(shared, X25519_LEN))
		return 0;
	secret_wipe(shared, X25519_LEN);
	return -EINVAL;
}

void
handshake_seal(uint8_t *sealed, const uint8_t key[32], const void *text, size_t len, const void *ad,
	size_t ad_len)
{
	/* Fails only beyond 256 GiB, by not returning. */
	(void)crypto_aead_chacha20poly1305_ietf_encrypt(
		sealed, NULL, text, len, ad, ad_len, NULL, zero_nonce, key);
}

int
handshake_open(uint8_t *text, const uint8_t key[32], const void *sealed, size_t sealed_len,
	const void *ad, size_t ad_len)
{
	if (sealed_len < TAG_LEN)
		return -EBADMSG;
	if (crypto_aead_chacha20poly1305_ietf_decrypt(
		    text, NULL, NULL, sealed, sealed_len, ad, ad_len, zero_nonce, key) == 0)
		return 0;
	secret_wipe(text, sealed_len - TAG_LEN);
	return -EBADMSG;
}

void
xaead_seal(uint8_t *sealed, const uint8_t key[32], const uint8_t nonce[XAEAD_NONCE_LEN],
	const void *text, size_t len, const void *ad, size_t ad_len)
{
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(
		sealed, NULL, text, len, ad, ad_len, NULL, nonce, key);
}

int
xaead_open(uint8_t *text, const uint8_t key[32], const uint8_t nonce[XAEAD_NONCE_LEN],
	const void *sealed, size_t sealed_len, const void *ad, size_t ad_len)
{
	if (sealed_len < TAG_LEN)
		return -EBADMSG;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(
		    text, NULL, NULL, sealed, sealed_len, ad, ad_len, nonce, key) == 0)
		return 0;
	secret_wipe(text, sealed_len - TAG_LEN);
	return -EBADMSG;
}
