/*
 * BLAKE2s (RFC 7693), its keyed form, and the HMAC and HKDF that Noise builds on it.
 * On the packet's way: handshakes only.
 * Threads: any; no state. Sources: WireGuard paper 5.4, Noise 4.3, RFC 2104, 5869.
 */
#include "crypto/blake2s.h"

#include "base/secret.h"

#include <blake2.h>

#include <assert.h>
#include <string.h>

#define HMAC_BLOCK_LEN 64

/* libb2 fails only for lengths of output or key that it does not have; ours are constants. */
static void
checked(int result)
{
	assert(result == 0);
	(void)result;
}

/* Hashes `prefix`, which may be NULL, and the pieces. */
static void
hash_pieces(uint8_t hash[BLAKE2S_LEN], const uint8_t *prefix, const struct blake2s_piece pieces[],
	size_t count)
{
	blake2s_state state;

	checked(blake2s_init(&state, BLAKE2S_LEN));
	if (prefix != NULL)
		checked(blake2s_update(&state, prefix, HMAC_BLOCK_LEN));
	for (size_t i = 0; i < count; i++)
		checked(blake2s_update(&state, pieces[i].data, pieces[i].len));
	checked(blake2s_final(&state, hash, BLAKE2S_LEN));
	secret_wipe(&state, sizeof(state));
}

void
blake2s_hash(uint8_t hash[BLAKE2S_LEN], const struct blake2s_piece pieces[], size_t count)
{
	hash_pieces(hash, NULL, pieces, count);
}

void
blake2s_hash2(uint8_t hash[BLAKE2S_LEN], const void *a, size_t a_len, const void *b, size_t b_len)
{
	hash_pieces(hash, NULL, (struct blake2s_piece[]){{a, a_len}, {b, b_len}}, 2);
}

void
blake2s_mac(
	uint8_t mac[BLAKE2S_MAC_LEN], const void *key, size_t key_len, const void *data, size_t len)
{
	blake2s_state state;

	checked(blake2s_init_key(&state, BLAKE2S_MAC_LEN, key, key_len));
	checked(blake2s_update(&state, data, len));
	checked(blake2s_final(&state, mac, BLAKE2S_MAC_LEN));
	secret_wipe(&state, sizeof(state));
}

/* HMAC over pieces; `mac` may be one of them. */
static void
hmac_pieces(uint8_t mac[BLAKE2S_LEN], const void *key, size_t key_len,
	const struct blake2s_piece pieces[], size_t count)
{
	uint8_t pad[HMAC_BLOCK_LEN] = {0};
	uint8_t inner[BLAKE2S_LEN];

	if (key_len > HMAC_BLOCK_LEN)
		blake2s_hash(pad, &(struct blake2s_piece){key, key_len}, 1);
	else if (key_len > 0)
		memcpy(pad, key, key_len);
	for (size_t i = 0; i < HMAC_BLOCK_LEN; i++)
		pad[i] ^= 0x36;
	hash_pieces(inner, pad, pieces, count);
	for (size_t i = 0; i < HMAC_BLOCK_LEN; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	hash_pieces(mac, pad, &(struct blake2s_piece){inner, sizeof(inner)}, 1);
	secret_wipe(pad, sizeof(pad));
	secret_wipe(inner, sizeof(inner));
}

void
blake2s_hmac(
	uint8_t mac[BLAKE2S_LEN], const void *key, size_t key_len, const void *data, size_t len)
{
	hmac_pieces(mac, key, key_len, &(struct blake2s_piece){data, len}, 1);
}

void
blake2s_kdf(uint8_t *const outputs[], unsigned count, const uint8_t chaining_key[BLAKE2S_LEN],
	const void *input, size_t len)
{
	uint8_t prk[BLAKE2S_LEN];
	uint8_t t[BLAKE2S_LEN];

	/* Everything that an output may overwrite has been read once `prk` is there. */
	blake2s_hmac(prk, chaining_key, BLAKE2S_LEN, input, len);
	for (unsigned i = 0; i < count; i++) {
		const uint8_t number = (uint8_t)(i + 1);
		const struct blake2s_piece pieces[] = {{t, i > 0 ? sizeof(t) : 0}, {&number, 1}};

		hmac_pieces(t, prk, sizeof(prk), pieces, 2);
		memcpy(outputs[i], t, sizeof(t));
	}
	secret_wipe(prk, sizeof(prk));
	secret_wipe(t, sizeof(t));
	/* libb2 leaves its output on the stack, too. What is no secret now takes its place. */
	hmac_pieces(t, prk, sizeof(prk), NULL, 0);
}
