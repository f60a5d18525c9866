/*
 * A WireGuard peer whose every message is told to it: over UDP sockets of the kernel's, towards any
 * implementation. It sends nothing by itself, and can do what none of them would.
 * Threads: one.
 */
#pragma once

#include "base/address.h"
#include "crypto/aead.h"
#include "proto/cookie.h"
#include "proto/noise.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PUPPET_SESSIONS_MAX 256
#define PUPPET_SOCKETS_MAX 64
#define PUPPET_DATAGRAMS_MAX 16384
/* Inner packets: IPv4, UDP, and a number. */
#define PUPPET_INNER_LEN 36
#define PUPPET_DATAGRAM_LEN (PUPPET_INNER_LEN + MESSAGE_DATA_OVERHEAD)

struct puppet {
	struct noise_identity identity;
	struct noise_remote remote; /* the target */
	struct endpoint target;
	struct noise_handshake handshake;
	struct cookie_jar jar;
	struct aead *aead;
	uint32_t index; /* of the last handshake */
	uint8_t stamp[MESSAGE_TIMESTAMP_LEN]; /* of the last initiation */
	int sockets[PUPPET_SOCKETS_MAX];
	unsigned socket_count;
	unsigned from; /* the socket that sends */
	struct noise_session_keys sessions[PUPPET_SESSIONS_MAX];
	unsigned session_count;
	uint8_t (*datagrams)[PUPPET_DATAGRAM_LEN];
	unsigned datagram_count;
	struct message_initiation said; /* the last initiation of our own, zeros before the first */
	struct message_initiation asked; /* the target's last initiation that was not answered */
	bool is_asked;
};

/* What has come, as puppet_receive says it. */
enum puppet_event {
	PUPPET_NOTHING, /* the time is up */
	PUPPET_OTHER, /* a keepalive, or what is not for us */
	PUPPET_INITIATION,
	PUPPET_SESSION, /* a response, and it was authentic */
	PUPPET_PACKET, /* an inner packet with a number */
};

struct puppet_received {
	enum puppet_event event;
	unsigned socket; /* that it came to */
	unsigned session; /* of a packet */
	uint32_t number; /* of a packet */
};

/* puppet_init returns 0, or a negative errno. */
int puppet_init(struct puppet *puppet) __attribute__((warn_unused_result));
void puppet_fini(struct puppet *puppet);

/* puppet_aim names the target and its key; `preshared_key` NULL: none. After `identity` is set. */
void puppet_aim(struct puppet *puppet, const struct endpoint *target,
	const uint8_t public_key[NOISE_KEY_LEN], const uint8_t *preshared_key);

/* puppet_socket opens a socket at the IPv4 endpoint, and sends from there. A negative errno. */
int puppet_socket(struct puppet *puppet, const struct endpoint *endpoint)
	__attribute__((warn_unused_result));

/*
 * puppet_initiate sends a new initiation, puppet_repeat the last one once more, as it was.
 * puppet_respond answers the target's last one.
 */
int puppet_initiate(struct puppet *puppet) __attribute__((warn_unused_result));
int puppet_repeat(const struct puppet *puppet) __attribute__((warn_unused_result));
int puppet_respond(struct puppet *puppet) __attribute__((warn_unused_result));

/*
 * puppet_make seals an inner packet from `source` to `destination`, IPv4 in network byte order,
 * that holds `number`; returns the number of the datagram, or a negative errno. puppet_send sends
 * it, as often as it is called, with its last byte changed if `spoilt`.
 */
int puppet_make(struct puppet *puppet, unsigned session, uint64_t counter, const uint8_t source[4],
	const uint8_t destination[4], uint32_t number) __attribute__((warn_unused_result));
int puppet_send(struct puppet *puppet, unsigned datagram, bool spoilt)
	__attribute__((warn_unused_result));

/* puppet_receive takes what comes next, waiting up to `wait_ms`. */
struct puppet_received puppet_receive(struct puppet *puppet, int wait_ms);
