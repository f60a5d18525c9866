/*
 * A peer played by the test, message by message, at a site that has no gateway: it can do what a
 * gateway never would.
 * Threads: the test's.
 */
#pragma once

#include "pair.h"

#include "crypto/aead.h"
#include "proto/cookie.h"
#include "proto/noise.h"

struct puppet {
	struct pair *pair;
	struct endpoint endpoint; /* it sends from here */
	struct endpoint gateway; /* to here: site 0 */
	struct noise_identity identity;
	struct noise_remote remote; /* the gateway */
	struct noise_handshake handshake;
	struct cookie_jar jar;
	struct noise_session_keys keys; /* of the last handshake */
	uint64_t counter; /* of the next data message */
	uint32_t index; /* of the last handshake */
	uint8_t stamp[MESSAGE_TIMESTAMP_LEN]; /* of the last initiation */
	struct aead *aead;
};

/*
 * puppet_init plays site `site` of the pair towards site 0; puppet_init_extra plays extra peer n,
 * at port 10000 + n of 198.51.100.1.
 */
void puppet_init(struct puppet *puppet, struct pair *pair, unsigned site);
void puppet_init_extra(struct puppet *puppet, struct pair *pair, unsigned n);
void puppet_fini(struct puppet *puppet);

/* puppet_initiation makes a new one; `stamp` NULL: the time, later than that of the last. */
void
puppet_initiation(struct puppet *puppet, const uint8_t *stamp, struct message_initiation *message);

/* puppet_wrap makes a frame to the gateway around the message; returns its length. */
size_t puppet_wrap(const struct puppet *puppet, uint8_t frame[static WIRE_FRAME_MAX],
	const void *message, size_t len);

/* puppet_send sends a message, or anything, to the gateway in a UDP packet; does not settle. */
void puppet_send(struct puppet *puppet, const void *message, size_t len);

/* puppet_deliver sends it and lets everything come to rest. */
void puppet_deliver(struct puppet *puppet, const void *message, size_t len);

/*
 * puppet_cookie_reply makes the reply that who holds the checker would send to the gateway's
 * message in the frame.
 */
void puppet_cookie_reply(const struct puppet *puppet, struct cookie_checker *checker,
	const struct wire_frame *frame, struct message_cookie_reply *reply);

/*
 * puppet_response answers the gateway's last initiation; nothing is sent. puppet_finish takes the
 * gateway's last response, which must be authentic. Both leave the keys and start counting from 0.
 */
void puppet_response(struct puppet *puppet, struct message_response *message);
void puppet_finish(struct puppet *puppet);

/* puppet_connect initiates, takes the response and confirms with a keepalive. */
void puppet_connect(struct puppet *puppet);

/*
 * puppet_data_make seals `len` bytes of anything, as they are, under `counter`, into `message`, and
 * returns the message's length. puppet_data sends such a message, with the next counter.
 */
size_t puppet_data_make(
	struct puppet *puppet, uint64_t counter, const void *plain, size_t len, uint8_t *message);
void puppet_data(struct puppet *puppet, const void *plain, size_t len);

/* puppet_open opens a data frame of the gateway; returns the length, padding included. */
size_t puppet_open(struct puppet *puppet, const struct wire_frame *frame,
	uint8_t plain[static WIRE_FRAME_MAX]);
