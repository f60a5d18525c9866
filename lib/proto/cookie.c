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
#include "crypto/blake2s_batch.h"
#include "crypto/x25519.h"

#include <errno.h>
#include <string.h>

_Static_assert(MESSAGE_MAC_LEN == BLAKE2S_MAC_LEN, "macs are short BLAKE2s macs");
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

/* What a source's cookie is a mac of: its address and port in network order. */
#define SOURCE_LEN_MAX (sizeof(struct address) + sizeof(uint16_t))

/* Those of a mask, packed: entry k is about message number[k]. */
struct chosen {
	unsigned count;
	uint8_t number[COOKIE_BATCH_MAX];
	uint8_t cookies[COOKIE_BATCH_MAX][MESSAGE_COOKIE_LEN];
};

/* Sources of one family are macs of one length: IPv4's first, then IPv6's. */
static void
cookies_of(struct chosen *chosen, const struct cookie_checker *checker,
	const struct cookie_messages *batch, uint64_t of)
{
	static const uint8_t families[] = {ADDRESS_IPV4, ADDRESS_IPV6};
	uint8_t bytes[COOKIE_BATCH_MAX][SOURCE_LEN_MAX];
	const uint8_t *rows[COOKIE_BATCH_MAX];
	const uint8_t *secrets[COOKIE_BATCH_MAX];

	chosen->count = 0;
	for (unsigned f = 0; f < sizeof(families); f++) {
		const unsigned first = chosen->count;
		size_t len = 0;

		for (uint64_t rest = of; rest != 0; rest &= rest - 1) {
			const unsigned i = (unsigned)__builtin_ctzll(rest);
			const struct endpoint *source = batch->sources[i];
			const unsigned k = chosen->count;

			if (source->address.family != families[f])
				continue;
			len = address_len(&source->address);
			memcpy(bytes[k], source->address.bytes, len);
			store_be16(bytes[k] + len, source->port);
			rows[k] = bytes[k];
			secrets[k] = checker->secret;
			chosen->number[chosen->count++] = (uint8_t)i;
		}
		blake2s_batch(&chosen->cookies[first], &secrets[first], sizeof(checker->secret),
			&rows[first], len + sizeof(uint16_t), chosen->count - first);
	}
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
cookie_mac1_valid(const struct cookie_checker *checker, const struct cookie_messages *batch)
{
	uint8_t macs[COOKIE_BATCH_MAX][MESSAGE_MAC_LEN];
	const uint8_t *keys[COOKIE_BATCH_MAX];
	uint64_t valid = 0;

	for (unsigned i = 0; i < batch->count; i++)
		keys[i] = checker->mac1_key;
	blake2s_batch(macs, keys, sizeof(checker->mac1_key), batch->messages,
		mac1_offset(batch->len), batch->count);
	for (unsigned i = 0; i < batch->count; i++)
		if (secret_equal(
			    macs[i], batch->messages[i] + mac1_offset(batch->len), MESSAGE_MAC_LEN))
			valid |= UINT64_C(1) << i;
	return valid;
}

/* Those of the mask that have something where mac2 is. */
static uint64_t
with_mac2(const struct cookie_messages *batch, uint64_t of)
{
	uint64_t with = 0;

	for (uint64_t rest = of; rest != 0; rest &= rest - 1) {
		const unsigned i = (unsigned)__builtin_ctzll(rest);

		if (message_has_mac2(batch->messages[i], batch->len))
			with |= UINT64_C(1) << i;
	}
	return with;
}

uint64_t
cookie_mac2_valid(const struct cookie_checker *checker, const struct cookie_messages *batch,
	uint64_t of, uint64_t now_ns)
{
	uint8_t macs[COOKIE_BATCH_MAX][MESSAGE_MAC_LEN];
	const uint8_t *messages[COOKIE_BATCH_MAX];
	const uint8_t *keys[COOKIE_BATCH_MAX];
	struct chosen chosen;
	uint64_t valid = 0;

	of = with_mac2(batch, of);
	/* Without a current secret no cookie is ours. */
	if (of == 0 || !secret_current(checker, now_ns))
		return 0;
	cookies_of(&chosen, checker, batch, of);
	for (unsigned k = 0; k < chosen.count; k++) {
		messages[k] = batch->messages[chosen.number[k]];
		keys[k] = chosen.cookies[k];
	}
	blake2s_batch(
		macs, keys, MESSAGE_COOKIE_LEN, messages, mac2_offset(batch->len), chosen.count);
	for (unsigned k = 0; k < chosen.count; k++)
		if (secret_equal(macs[k], messages[k] + mac2_offset(batch->len), MESSAGE_MAC_LEN))
			valid |= UINT64_C(1) << chosen.number[k];
	secret_wipe(&chosen, sizeof(chosen));
	secret_wipe(macs, sizeof(macs));
	return valid;
}

/* A secret for cookies, if the last one is too old. */
static int
renew_secret(struct cookie_checker *checker, uint64_t now_ns)
{
	int status;

	if (secret_current(checker, now_ns))
		return 0;
	status = random_fill(checker->secret, sizeof(checker->secret));
	checker->secret_ns = status == 0 ? now_ns : 0;
	return status;
}

int
cookie_replies_make(struct cookie_checker *checker, const struct cookie_messages *batch,
	uint64_t of, uint64_t now_ns, struct message_cookie_reply replies[])
{
	uint8_t nonces[COOKIE_BATCH_MAX][MESSAGE_COOKIE_NONCE_LEN];
	struct chosen chosen;
	int status = renew_secret(checker, now_ns);

	/* One call for all nonces: it costs as much as two replies. */
	if (status == 0)
		status = random_fill(
			nonces, (size_t)__builtin_popcountll(of) * MESSAGE_COOKIE_NONCE_LEN);
	if (status != 0)
		return status;
	cookies_of(&chosen, checker, batch, of);
	for (unsigned k = 0; k < chosen.count; k++) {
		const uint8_t *message = batch->messages[chosen.number[k]];
		struct message_cookie_reply *reply = &replies[chosen.number[k]];

		store_le32(reply->type_le32, MESSAGE_COOKIE_REPLY);
		/* The sender index stands at the same place in initiation and response. */
		memcpy(reply->receiver_index_le32, message + 4, sizeof(reply->receiver_index_le32));
		memcpy(reply->nonce, nonces[k], sizeof(reply->nonce));
		xaead_seal(reply->sealed_cookie, checker->cookie_key, reply->nonce,
			chosen.cookies[k], MESSAGE_COOKIE_LEN, message + mac1_offset(batch->len),
			MESSAGE_MAC_LEN);
	}
	secret_wipe(&chosen, sizeof(chosen));
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
