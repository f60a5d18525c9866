/*
 * mac1, mac2 and cookies: cheap proofs that a handshake message is meant for us and that its
 * source address is real.
 * On the packet's way: beside it; handshake messages only.
 * Threads: the caller serialises calls on one object.
 */
#include "proto/cookie.h"
#include "proto/limits.h"
#include "base/bytes.h"
#include "base/random.h"
#include "base/secret.h"
#include "crypto/blake2s.h"
#include "crypto/mac1_batch.h"
#include "crypto/x25519.h"

#include <errno.h>
#include <string.h>

_Static_assert(MESSAGE_MAC_LEN == BLAKE2S_MAC_LEN, "macs are short BLAKE2s macs");
_Static_assert(MAC1_MESSAGE_LEN == sizeof(struct message_initiation) - sizeof(struct message_macs),
	"what mac1_batch() covers");
_Static_assert(MESSAGE_COOKIE_LEN == BLAKE2S_MAC_LEN, "and so are cookies");
_Static_assert(MESSAGE_COOKIE_NONCE_LEN == XAEAD_NONCE_LEN, "cookie nonce");

/* The two macs are the end of both messages: mac1 covers what is before it, mac2 mac1 as well. */
static size_t
mac1_offset(size_t len)
{
	return len - sizeof(struct message_macs);
}

static size_t
mac2_offset(size_t len)
{
	return len - MESSAGE_MAC_LEN;
}

static void
derive_keys(uint8_t mac1_key[32], uint8_t cookie_key[32], const uint8_t public_key[32])
{
	blake2s_hash2(mac1_key, "mac1----", 8, public_key, MESSAGE_KEY_LEN);
	blake2s_hash2(cookie_key, "cookie--", 8, public_key, MESSAGE_KEY_LEN);
}

/* The cookie of a source: a mac of its address and port in network order, under the secret. */
static void
cookie_of(
	uint8_t cookie[MESSAGE_COOKIE_LEN], const uint8_t secret[32], const struct endpoint *source)
{
	uint8_t bytes[sizeof(source->address.bytes) + sizeof(source->port)];
	const size_t len = address_len(&source->address);

	memcpy(bytes, source->address.bytes, len);
	store_be16(bytes + len, source->port);
	blake2s_mac(cookie, secret, 32, bytes, len + sizeof(source->port));
}

static bool
secret_current(const struct cookie_checker *checker, uint64_t now_ns)
{
	return checker->secret_ns != 0 && now_ns < checker->secret_ns + COOKIE_SECRET_AGE_NS;
}

void
cookie_checker_init(struct cookie_checker *checker, const uint8_t own_public_key[32])
{
	memset(checker, 0, sizeof(*checker));
	derive_keys(checker->mac1_key, checker->cookie_key, own_public_key);
}

void
cookie_jar_init(struct cookie_jar *jar, const uint8_t peer_public_key[32])
{
	memset(jar, 0, sizeof(*jar));
	derive_keys(jar->mac1_key, jar->cookie_key, peer_public_key);
}

void
cookie_add_macs(struct cookie_jar *jar, uint8_t *message, size_t len, uint64_t now_ns)
{
	uint8_t *mac1 = message + mac1_offset(len);
	uint8_t *mac2 = message + mac2_offset(len);

	blake2s_mac(mac1, jar->mac1_key, sizeof(jar->mac1_key), message, mac1_offset(len));
	memcpy(jar->last_mac1, mac1, MESSAGE_MAC_LEN);
	jar->have_last_mac1 = true;

	if (jar->cookie_ns != 0 && now_ns < jar->cookie_ns + COOKIE_USE_NS)
		blake2s_mac(mac2, jar->cookie, sizeof(jar->cookie), message, mac2_offset(len));
	else
		memset(mac2, 0, MESSAGE_MAC_LEN);
}

uint64_t
cookie_mac1_valid(const struct cookie_checker *checker, const uint8_t *const messages[], size_t len,
	unsigned count)
{
	uint8_t macs[COOKIE_BATCH_MAX][MESSAGE_MAC_LEN];
	uint64_t valid = 0;

	/* Floods are of initiations: a response is as cheap to make, but buys no Diffie-Hellman. */
	if (len == sizeof(struct message_initiation))
		mac1_batch(macs, checker->mac1_key, messages, count);
	for (unsigned i = 0; i < count; i++) {
		if (len != sizeof(struct message_initiation))
			blake2s_mac(macs[i], checker->mac1_key, sizeof(checker->mac1_key),
				messages[i], mac1_offset(len));
		if (secret_equal(macs[i], messages[i] + mac1_offset(len), MESSAGE_MAC_LEN))
			valid |= UINT64_C(1) << i;
	}
	return valid;
}

bool
cookie_mac2_valid(const struct cookie_checker *checker, const uint8_t *message, size_t len,
	const struct endpoint *source, uint64_t now_ns)
{
	uint8_t mac[MESSAGE_MAC_LEN];
	uint8_t cookie[MESSAGE_COOKIE_LEN];
	bool valid;

	/* Without a current secret no cookie is ours. */
	if (!secret_current(checker, now_ns))
		return false;
	cookie_of(cookie, checker->secret, source);
	blake2s_mac(mac, cookie, sizeof(cookie), message, mac2_offset(len));
	valid = secret_equal(mac, message + mac2_offset(len), sizeof(mac));
	secret_wipe(cookie, sizeof(cookie));
	secret_wipe(mac, sizeof(mac));
	return valid;
}

int
cookie_reply_make(struct cookie_checker *checker, const uint8_t *message, size_t len,
	const struct endpoint *source, uint64_t now_ns, struct message_cookie_reply *reply)
{
	uint8_t fresh[sizeof(checker->secret) + MESSAGE_COOKIE_NONCE_LEN];
	uint8_t cookie[MESSAGE_COOKIE_LEN];
	int status;

	memset(reply, 0, sizeof(*reply));
	/* The nonce, and behind it a secret, for when there is need of one. */
	status = random_fill(
		fresh, secret_current(checker, now_ns) ? MESSAGE_COOKIE_NONCE_LEN : sizeof(fresh));
	if (status < 0)
		return status;
	if (!secret_current(checker, now_ns)) {
		memcpy(checker->secret, fresh + MESSAGE_COOKIE_NONCE_LEN, sizeof(checker->secret));
		checker->secret_ns = now_ns;
	}

	store_le32(reply->type_le32, MESSAGE_COOKIE_REPLY);
	/* The sender index stands at the same place in initiation and response. */
	memcpy(reply->receiver_index_le32, message + 4, sizeof(reply->receiver_index_le32));
	memcpy(reply->nonce, fresh, MESSAGE_COOKIE_NONCE_LEN);
	cookie_of(cookie, checker->secret, source);
	xaead_seal(reply->sealed_cookie, checker->cookie_key, reply->nonce, cookie, sizeof(cookie),
		message + mac1_offset(len), MESSAGE_MAC_LEN);
	secret_wipe(cookie, sizeof(cookie));
	secret_wipe(fresh, sizeof(fresh));
	return 0;
}

int
cookie_reply_accept(
	struct cookie_jar *jar, const struct message_cookie_reply *reply, uint64_t now_ns)
{
	uint8_t cookie[MESSAGE_COOKIE_LEN];

	if (!jar->have_last_mac1)
		return -EINVAL;
	if (xaead_open(cookie, jar->cookie_key, reply->nonce, reply->sealed_cookie,
		    sizeof(reply->sealed_cookie), jar->last_mac1, MESSAGE_MAC_LEN) < 0)
		return -EBADMSG;
	memcpy(jar->cookie, cookie, sizeof(jar->cookie));
	jar->cookie_ns = now_ns;
	jar->have_last_mac1 = false;
	secret_wipe(cookie, sizeof(cookie));
	return 0;
}
