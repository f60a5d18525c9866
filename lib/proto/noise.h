/*
 * Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s as WireGuard uses it: wire fields in, verdict out.
 * On the packet's way: beside it; yields the keys that lanes use.
 * Threads: the caller serialises calls on one object; no I/O, no clock of its own.
 * Sources: WireGuard paper 5.4.2 to 5.4.5; Noise revision 34.
 */
#pragma once

#include "wire/message.h"

#include <stdbool.h>
#include <stdint.h>

#define NOISE_KEY_LEN 32

/* Our own static key and what follows from it. Holds secrets. */
struct noise_identity {
	uint8_t private_key[NOISE_KEY_LEN]; /* clamped */
	uint8_t public_key[NOISE_KEY_LEN];
	bool present; /* false: no private key; no handshake in or out */
};

/* The other side's static key and what follows from it. Holds secrets. */
struct noise_remote {
	uint8_t public_key[NOISE_KEY_LEN];
	uint8_t preshared_key[NOISE_KEY_LEN]; /* zeros: none */
	uint8_t static_static[NOISE_KEY_LEN]; /* DH of both static keys; zeros: low-order, refuse */
};

enum noise_state {
	NOISE_ZEROED,
	NOISE_INITIATION_CREATED,
	NOISE_INITIATION_CONSUMED,
	NOISE_RESPONSE_CREATED,
	NOISE_RESPONSE_CONSUMED,
};

/* One peer's handshake under way, and what outlives it. Zeroed memory is a valid start. */
struct noise_handshake {
	enum noise_state state;
	uint32_t local_index;
	uint32_t remote_index;
	uint8_t hash[NOISE_KEY_LEN];
	uint8_t chaining_key[NOISE_KEY_LEN];
	uint8_t ephemeral_private[NOISE_KEY_LEN];
	uint8_t remote_ephemeral[NOISE_KEY_LEN];
	/* These two stay when a handshake ends. */
	uint8_t latest_timestamp[MESSAGE_TIMESTAMP_LEN]; /* newest accepted from the peer */
	uint64_t last_consumed_ns; /* boot clock; 0: never */
};

/* What a finished handshake yields. Holds secrets: wipe after use. */
struct noise_session_keys {
	uint8_t send_key[NOISE_KEY_LEN];
	uint8_t receive_key[NOISE_KEY_LEN];
	uint32_t local_index; /* receiver index in what comes to us */
	uint32_t remote_index; /* receiver index in what we send */
	bool initiator; /* of this session */
};

/* An initiation opened so far that its sender is known, nothing believed yet. Holds secrets. */
struct noise_opened {
	uint8_t static_key[NOISE_KEY_LEN]; /* whom it claims to be from: look this up */
	uint8_t hash[NOISE_KEY_LEN];
	uint8_t chaining_key[NOISE_KEY_LEN];
	uint8_t ephemeral[NOISE_KEY_LEN];
	uint8_t sealed_timestamp[MESSAGE_TIMESTAMP_LEN + MESSAGE_TAG_LEN];
	uint8_t refused_timestamp[MESSAGE_TIMESTAMP_LEN]; /* see noise_initiation_accept */
	uint32_t sender_index;
};

/*
 * noise_identity_init derives the identity from `private_key` (clamped inside); all zeros give an
 * absent identity. noise_remote_init precomputes what belongs to a peer's public key; a NULL
 * preshared key is none. Both overwrite their object.
 */
void noise_identity_init(struct noise_identity *identity, const uint8_t private_key[NOISE_KEY_LEN]);
void noise_remote_init(struct noise_remote *remote, const struct noise_identity *identity,
	const uint8_t public_key[NOISE_KEY_LEN], const uint8_t preshared_key[NOISE_KEY_LEN]);

/*
 * noise_initiation_create writes an initiation, macs zero, with sender index `local_index`,
 * `timestamp` (TAI64N) and the ephemeral private key `ephemeral` (NULL: a random one). The
 * handshake then is INITIATION_CREATED whatever it was. Returns 0; -ENOKEY without identity,
 * -EINVAL for a low-order peer, or another negative errno from the random generator; on error the
 * handshake is unchanged and the message zeroed.
 */
int noise_initiation_create(struct noise_handshake *handshake,
	const struct noise_identity *identity, const struct noise_remote *remote,
	uint32_t local_index, const uint8_t timestamp[MESSAGE_TIMESTAMP_LEN],
	const uint8_t *ephemeral, struct message_initiation *message)
	__attribute__((warn_unused_result));

/*
 * noise_initiation_open decrypts the sender's static key of a message whose mac1 is valid. Returns
 * 0, -ENOKEY without identity, or -EBADMSG; on error *opened is zeroed. Costs one X25519.
 */
int noise_initiation_open(struct noise_opened *opened, const struct noise_identity *identity,
	const struct message_initiation *message) __attribute__((warn_unused_result));

/*
 * noise_initiation_accept finishes it against the peer that static_key named: checks the
 * timestamp's tag, that it is newer than any accepted before (-EALREADY), and that
 * INITIATION_SPACING_NS has passed since the last one consumed (-EAGAIN); -EBADMSG for a bad tag
 * or low-order peer. Only on 0 does the handshake change: it is INITIATION_CONSUMED. *opened is
 * wiped in every case, but on -EALREADY holds the stamp, authentic, in refused_timestamp.
 */
int noise_initiation_accept(struct noise_handshake *handshake, struct noise_opened *opened,
	const struct noise_remote *remote, uint64_t now_ns) __attribute__((warn_unused_result));

/*
 * noise_response_create answers a consumed initiation: writes the response, macs zero, with sender
 * index `local_index`; `ephemeral` as above. Returns 0 and RESPONSE_CREATED; -EINVAL in any other
 * state than INITIATION_CONSUMED or for a low-order ephemeral, or the random generator's error;
 * on error the handshake is unchanged.
 */
int noise_response_create(struct noise_handshake *handshake, const struct noise_remote *remote,
	uint32_t local_index, const uint8_t *ephemeral, struct message_response *message)
	__attribute__((warn_unused_result));

/*
 * noise_response_accept checks a response, whose receiver index led to this handshake. Returns 0
 * and RESPONSE_CONSUMED; -EINVAL in any other state than INITIATION_CREATED, -EBADMSG if it is not
 * authentic; on error the handshake is unchanged.
 */
int noise_response_accept(struct noise_handshake *handshake, const struct noise_identity *identity,
	const struct noise_remote *remote, const struct message_response *message)
	__attribute__((warn_unused_result));

/*
 * noise_session_derive ends a handshake that is RESPONSE_CREATED or RESPONSE_CONSUMED: fills *keys
 * and zeroes the handshake but for latest_timestamp and last_consumed_ns. Returns 0, or -EINVAL in
 * any other state.
 */
int noise_session_derive(struct noise_handshake *handshake, struct noise_session_keys *keys)
	__attribute__((warn_unused_result));

/* noise_handshake_erase forgets the handshake under way, keeping the two that outlive it. */
void noise_handshake_erase(struct noise_handshake *handshake);
