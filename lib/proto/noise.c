/*
 * Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s as WireGuard uses it: wire fields in, verdict out.
 * On the packet's way: beside it; yields the keys that lanes use.
 * Threads: the caller serialises calls on one object.
 *
 *	<- s
 *	...
 *	-> e, es, s, ss, {timestamp}
 *	<- e, ee, se, psk, {}
 *
 * Everything is computed on a local transcript and written back at the end, when nothing can fail
 * any more. A message that is refused thus leaves no trace.
 */
#include "proto/noise.h"
#include "proto/limits.h"
#include "proto/tai64n.h"
#include "base/bytes.h"
#include "base/random.h"
#include "base/secret.h"
#include "crypto/blake2s.h"
#include "crypto/x25519.h"

#include <errno.h>
#include <string.h>

/* HASH("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s") */
static const uint8_t initial_chaining_key[NOISE_KEY_LEN] = {0x60, 0xe2, 0x6d, 0xae, 0xf3, 0x27,
	0xef, 0xc0, 0x2e, 0xc3, 0x35, 0xe2, 0xa0, 0x25, 0xd2, 0xd0, 0x16, 0xeb, 0x42, 0x06, 0xf8,
	0x72, 0x77, 0xf5, 0x2d, 0x38, 0xd1, 0x98, 0x8b, 0x78, 0xcd, 0x36};

/* HASH(initial_chaining_key || "WireGuard v1 zx2c4 Jason@zx2c4.com") */
static const uint8_t initial_hash[NOISE_KEY_LEN] = {0x22, 0x11, 0xb3, 0x61, 0x08, 0x1a, 0xc5, 0x66,
	0x69, 0x12, 0x43, 0xdb, 0x45, 0x8a, 0xd5, 0x32, 0x2d, 0x9c, 0x6c, 0x66, 0x22, 0x93, 0xe8,
	0xb7, 0x0e, 0xe1, 0x9c, 0x65, 0xba, 0x07, 0x9e, 0xf3};

/* The symmetric state of Noise, section 5.2. Holds secrets. */
struct transcript {
	uint8_t hash[NOISE_KEY_LEN];
	uint8_t chaining_key[NOISE_KEY_LEN];
	uint8_t key[NOISE_KEY_LEN]; /* for the next seal or open */
};

/* A key pair made for one handshake. Holds secrets. */
struct ephemeral {
	uint8_t private_key[NOISE_KEY_LEN];
	uint8_t public_key[NOISE_KEY_LEN];
};

static void
mix_hash(struct transcript *transcript, const void *data, size_t len)
{
	blake2s_hash2(transcript->hash, transcript->hash, NOISE_KEY_LEN, data, len);
}

/* KDF1: a new chaining key, as where no sealed field follows. */
static void
mix_chaining_key(struct transcript *transcript, const uint8_t input[NOISE_KEY_LEN])
{
	uint8_t *const outputs[] = {transcript->chaining_key};

	blake2s_kdf(outputs, 1, transcript->chaining_key, input, NOISE_KEY_LEN);
}

/* KDF2: a new chaining key, and a key for the sealed field that follows. */
static void
mix_key(struct transcript *transcript, const uint8_t input[NOISE_KEY_LEN])
{
	uint8_t *const outputs[] = {transcript->chaining_key, transcript->key};

	blake2s_kdf(outputs, 2, transcript->chaining_key, input, NOISE_KEY_LEN);
}

/* psk: KDF3. */
static void
mix_psk(struct transcript *transcript, const uint8_t preshared_key[NOISE_KEY_LEN])
{
	uint8_t tau[NOISE_KEY_LEN];
	uint8_t *const outputs[] = {transcript->chaining_key, tau, transcript->key};

	blake2s_kdf(outputs, 3, transcript->chaining_key, preshared_key, NOISE_KEY_LEN);
	mix_hash(transcript, tau, sizeof(tau));
	secret_wipe(tau, sizeof(tau));
}

/* e: an ephemeral public key, ours or theirs. With a psk it goes into the chaining key as well. */
static void
mix_ephemeral(struct transcript *transcript, const uint8_t public_key[NOISE_KEY_LEN])
{
	mix_hash(transcript, public_key, NOISE_KEY_LEN);
	mix_chaining_key(transcript, public_key);
}

/* es, ee, se: a DH, into what `mix` makes. Returns 0, or -EINVAL for a low-order public key. */
static int
mix_dh(struct transcript *transcript, void (*mix)(struct transcript *, const uint8_t *),
	const uint8_t private_key[NOISE_KEY_LEN], const uint8_t public_key[NOISE_KEY_LEN])
{
	uint8_t shared[NOISE_KEY_LEN];
	const int status = x25519(shared, private_key, public_key);

	if (status == 0)
		mix(transcript, shared);
	secret_wipe(shared, sizeof(shared));
	return status;
}

/* ss: computed when the peer was configured. Returns 0, or -EINVAL for a low-order peer. */
static int
mix_static_static(struct transcript *transcript, const struct noise_remote *remote)
{
	if (secret_is_zero(remote->static_static, NOISE_KEY_LEN))
		return -EINVAL;
	mix_key(transcript, remote->static_static);
	return 0;
}

static void
seal(struct transcript *transcript, uint8_t *sealed, const void *text, size_t len)
{
	handshake_seal(sealed, transcript->key, text, len, transcript->hash, NOISE_KEY_LEN);
	mix_hash(transcript, sealed, len + MESSAGE_TAG_LEN);
}

static int
unseal(struct transcript *transcript, uint8_t *text, const uint8_t *sealed, size_t sealed_len)
{
	if (handshake_open(
		    text, transcript->key, sealed, sealed_len, transcript->hash, NOISE_KEY_LEN) < 0)
		return -EBADMSG;
	mix_hash(transcript, sealed, sealed_len);
	return 0;
}

/* The start of every handshake: <- s. */
static void
transcript_start(struct transcript *transcript, const uint8_t responder_static[NOISE_KEY_LEN])
{
	memcpy(transcript->hash, initial_hash, NOISE_KEY_LEN);
	memcpy(transcript->chaining_key, initial_chaining_key, NOISE_KEY_LEN);
	mix_hash(transcript, responder_static, NOISE_KEY_LEN);
}

/* The transcript of a handshake under way, and back. */
static void
transcript_load(struct transcript *transcript, const struct noise_handshake *handshake)
{
	memcpy(transcript->hash, handshake->hash, NOISE_KEY_LEN);
	memcpy(transcript->chaining_key, handshake->chaining_key, NOISE_KEY_LEN);
}

static void
transcript_store(const struct transcript *transcript, struct noise_handshake *handshake)
{
	memcpy(handshake->hash, transcript->hash, NOISE_KEY_LEN);
	memcpy(handshake->chaining_key, transcript->chaining_key, NOISE_KEY_LEN);
}

/* Takes the private key `given`, or draws one if that is NULL. */
static int
ephemeral_make(struct ephemeral *ephemeral, const uint8_t *given)
{
	if (given != NULL) {
		memcpy(ephemeral->private_key, given, NOISE_KEY_LEN);
	} else {
		const int status = random_fill(ephemeral->private_key, NOISE_KEY_LEN);
		if (status < 0)
			return status;
	}
	x25519_clamp(ephemeral->private_key);
	return x25519_public(ephemeral->public_key, ephemeral->private_key);
}

void
noise_identity_init(struct noise_identity *identity, const uint8_t private_key[NOISE_KEY_LEN])
{
	struct noise_identity made = {.present = false};

	if (!secret_is_zero(private_key, NOISE_KEY_LEN)) {
		memcpy(made.private_key, private_key, NOISE_KEY_LEN);
		x25519_clamp(made.private_key);
		made.present = x25519_public(made.public_key, made.private_key) == 0;
	}
	*identity = made;
	secret_wipe(&made, sizeof(made));
}

void
noise_remote_init(struct noise_remote *remote, const struct noise_identity *identity,
	const uint8_t public_key[NOISE_KEY_LEN], const uint8_t preshared_key[NOISE_KEY_LEN])
{
	/* Made aside: the keys given may be the object's own, when only the identity changed. */
	struct noise_remote made = {.public_key = {0}};

	memcpy(made.public_key, public_key, NOISE_KEY_LEN);
	if (preshared_key != NULL)
		memcpy(made.preshared_key, preshared_key, NOISE_KEY_LEN);
	if (!identity->present ||
		x25519(made.static_static, identity->private_key, made.public_key) < 0)
		memset(made.static_static, 0, NOISE_KEY_LEN);
	*remote = made;
	secret_wipe(&made, sizeof(made));
}

int
noise_initiation_create(struct noise_handshake *handshake, const struct noise_identity *identity,
	const struct noise_remote *remote, uint32_t local_index,
	const uint8_t timestamp[MESSAGE_TIMESTAMP_LEN], const uint8_t *ephemeral,
	struct message_initiation *message)
{
	struct transcript transcript;
	struct ephemeral own;
	int status;

	memset(message, 0, sizeof(*message));
	if (!identity->present)
		return -ENOKEY;
	transcript_start(&transcript, remote->public_key);

	/* e */
	status = ephemeral_make(&own, ephemeral);
	if (status < 0)
		goto out;
	memcpy(message->ephemeral, own.public_key, NOISE_KEY_LEN);
	mix_ephemeral(&transcript, own.public_key);

	/* es, s */
	status = mix_dh(&transcript, mix_key, own.private_key, remote->public_key);
	if (status < 0)
		goto out;
	seal(&transcript, message->sealed_static, identity->public_key, NOISE_KEY_LEN);

	/* ss, {timestamp} */
	status = mix_static_static(&transcript, remote);
	if (status < 0)
		goto out;
	seal(&transcript, message->sealed_timestamp, timestamp, MESSAGE_TIMESTAMP_LEN);

	store_le32(message->type_le32, MESSAGE_INITIATION);
	store_le32(message->sender_index_le32, local_index);

	noise_handshake_erase(handshake);
	handshake->state = NOISE_INITIATION_CREATED;
	handshake->local_index = local_index;
	memcpy(handshake->ephemeral_private, own.private_key, NOISE_KEY_LEN);
	transcript_store(&transcript, handshake);
out:
	if (status < 0)
		memset(message, 0, sizeof(*message));
	secret_wipe(&transcript, sizeof(transcript));
	secret_wipe(&own, sizeof(own));
	return status;
}

int
noise_initiation_open(struct noise_opened *opened, const struct noise_identity *identity,
	const struct message_initiation *message)
{
	struct transcript transcript;
	int status;

	memset(opened, 0, sizeof(*opened));
	if (!identity->present)
		return -ENOKEY;
	transcript_start(&transcript, identity->public_key);

	/* e */
	mix_ephemeral(&transcript, message->ephemeral);

	/* es, s */
	status = -EBADMSG;
	if (mix_dh(&transcript, mix_key, identity->private_key, message->ephemeral) < 0)
		goto out;
	if (unseal(&transcript, opened->static_key, message->sealed_static,
		    sizeof(message->sealed_static)) < 0)
		goto out;

	memcpy(opened->hash, transcript.hash, NOISE_KEY_LEN);
	memcpy(opened->chaining_key, transcript.chaining_key, NOISE_KEY_LEN);
	memcpy(opened->ephemeral, message->ephemeral, NOISE_KEY_LEN);
	memcpy(opened->sealed_timestamp, message->sealed_timestamp,
		sizeof(opened->sealed_timestamp));
	opened->sender_index = load_le32(message->sender_index_le32);
	status = 0;
out:
	secret_wipe(&transcript, sizeof(transcript));
	return status;
}

int
noise_initiation_accept(struct noise_handshake *handshake, struct noise_opened *opened,
	const struct noise_remote *remote, uint64_t now_ns)
{
	struct transcript transcript;
	uint8_t timestamp[MESSAGE_TIMESTAMP_LEN];
	int status = -EBADMSG;

	memcpy(transcript.hash, opened->hash, NOISE_KEY_LEN);
	memcpy(transcript.chaining_key, opened->chaining_key, NOISE_KEY_LEN);

	/* ss, {timestamp} */
	if (mix_static_static(&transcript, remote) < 0)
		goto out;
	if (unseal(&transcript, timestamp, opened->sealed_timestamp,
		    sizeof(opened->sealed_timestamp)) < 0)
		goto out;

	/* Neither refusal stores the stamp: the peer may come again with the same one. */
	status = -EALREADY;
	if (tai64n_compare(timestamp, handshake->latest_timestamp) <= 0)
		goto out;
	status = -EAGAIN;
	if (handshake->last_consumed_ns != 0 &&
		handshake->last_consumed_ns + INITIATION_SPACING_NS > now_ns)
		goto out;

	noise_handshake_erase(handshake);
	handshake->state = NOISE_INITIATION_CONSUMED;
	handshake->remote_index = opened->sender_index;
	memcpy(handshake->remote_ephemeral, opened->ephemeral, NOISE_KEY_LEN);
	memcpy(handshake->latest_timestamp, timestamp, MESSAGE_TIMESTAMP_LEN);
	handshake->last_consumed_ns = now_ns;
	transcript_store(&transcript, handshake);
	status = 0;
out:
	secret_wipe(&transcript, sizeof(transcript));
	secret_wipe(opened, sizeof(*opened));
	if (status == -EALREADY)
		memcpy(opened->refused_timestamp, timestamp, MESSAGE_TIMESTAMP_LEN);
	return status;
}

int
noise_response_create(struct noise_handshake *handshake, const struct noise_remote *remote,
	uint32_t local_index, const uint8_t *ephemeral, struct message_response *message)
{
	struct transcript transcript;
	struct ephemeral own;
	int status;

	memset(message, 0, sizeof(*message));
	if (handshake->state != NOISE_INITIATION_CONSUMED)
		return -EINVAL;
	transcript_load(&transcript, handshake);

	/* e */
	status = ephemeral_make(&own, ephemeral);
	if (status < 0)
		goto out;
	memcpy(message->ephemeral, own.public_key, NOISE_KEY_LEN);
	mix_ephemeral(&transcript, own.public_key);

	/* ee, se */
	status =
		mix_dh(&transcript, mix_chaining_key, own.private_key, handshake->remote_ephemeral);
	if (status < 0)
		goto out;
	status = mix_dh(&transcript, mix_chaining_key, own.private_key, remote->public_key);
	if (status < 0)
		goto out;

	/* psk, {} */
	mix_psk(&transcript, remote->preshared_key);
	seal(&transcript, message->sealed_empty, "", 0);

	store_le32(message->type_le32, MESSAGE_RESPONSE);
	store_le32(message->sender_index_le32, local_index);
	store_le32(message->receiver_index_le32, handshake->remote_index);

	handshake->state = NOISE_RESPONSE_CREATED;
	handshake->local_index = local_index;
	transcript_store(&transcript, handshake);
out:
	if (status < 0)
		memset(message, 0, sizeof(*message));
	secret_wipe(&transcript, sizeof(transcript));
	secret_wipe(&own, sizeof(own));
	return status;
}

int
noise_response_accept(struct noise_handshake *handshake, const struct noise_identity *identity,
	const struct noise_remote *remote, const struct message_response *message)
{
	struct transcript transcript;
	uint8_t empty[1];
	int status = -EBADMSG;

	if (handshake->state != NOISE_INITIATION_CREATED)
		return -EINVAL;
	transcript_load(&transcript, handshake);

	/* e */
	mix_ephemeral(&transcript, message->ephemeral);

	/* ee, se */
	if (mix_dh(&transcript, mix_chaining_key, handshake->ephemeral_private,
		    message->ephemeral) < 0)
		goto out;
	if (mix_dh(&transcript, mix_chaining_key, identity->private_key, message->ephemeral) < 0)
		goto out;

	/* psk, {} */
	mix_psk(&transcript, remote->preshared_key);
	if (unseal(&transcript, empty, message->sealed_empty, sizeof(message->sealed_empty)) < 0)
		goto out;

	handshake->state = NOISE_RESPONSE_CONSUMED;
	handshake->remote_index = load_le32(message->sender_index_le32);
	memcpy(handshake->remote_ephemeral, message->ephemeral, NOISE_KEY_LEN);
	transcript_store(&transcript, handshake);
	status = 0;
out:
	secret_wipe(&transcript, sizeof(transcript));
	return status;
}

int
noise_session_derive(struct noise_handshake *handshake, struct noise_session_keys *keys)
{
	const bool initiator = handshake->state == NOISE_RESPONSE_CONSUMED;

	if (!initiator && handshake->state != NOISE_RESPONSE_CREATED)
		return -EINVAL;

	/* The first output is the initiator's to send with. */
	uint8_t *const outputs[] = {
		initiator ? keys->send_key : keys->receive_key,
		initiator ? keys->receive_key : keys->send_key,
	};
	blake2s_kdf(outputs, 2, handshake->chaining_key, "", 0);
	keys->local_index = handshake->local_index;
	keys->remote_index = handshake->remote_index;
	keys->initiator = initiator;
	noise_handshake_erase(handshake);
	return 0;
}

void
noise_handshake_erase(struct noise_handshake *handshake)
{
	struct noise_handshake kept = {.last_consumed_ns = handshake->last_consumed_ns};

	memcpy(kept.latest_timestamp, handshake->latest_timestamp, MESSAGE_TIMESTAMP_LEN);
	secret_wipe(handshake, sizeof(*handshake));
	*handshake = kept;
}
