/*
 * mac1, mac2 and cookies: cheap proofs that a handshake message is meant for us and that its
 * source address is real.
 * On the packet's way: beside it; handshake messages only.
 * Threads: the caller serialises calls on one object; no I/O. Source: WireGuard paper 5.4.4, 5.4.7.
 */
#pragma once

#include "base/address.h"
#include "wire/message.h"

#include <stdbool.h>
#include <stdint.h>

/* The receiver's side: keys derived from our own public key, and the rotating secret. */
struct cookie_checker {
	uint8_t mac1_key[32];
	uint8_t cookie_key[32];
	uint8_t secret[32];
	uint64_t secret_ns; /* when the secret was drawn; 0: never */
};

/* The sender's side, one per peer: keys derived from the peer's public key, and its cookie. */
struct cookie_jar {
	uint8_t mac1_key[32];
	uint8_t cookie_key[32];
	uint8_t cookie[MESSAGE_COOKIE_LEN];
	uint64_t cookie_ns; /* when it came; 0: none */
	uint8_t last_mac1[MESSAGE_MAC_LEN];
	bool have_last_mac1; /* a mac1 was sent that no cookie reply has used yet */
};

/* How many messages cookie_mac1_valid() takes at most. */
#define COOKIE_BATCH_MAX 64

void cookie_checker_init(struct cookie_checker *checker, const uint8_t own_public_key[32]);
void cookie_jar_init(struct cookie_jar *jar, const uint8_t peer_public_key[32]);

/*
 * cookie_add_macs fills the last 32 bytes of the initiation or response of `len` bytes at
 * `message`: mac1 always, mac2 if a cookie younger than COOKIE_USE_NS is there, else zeros. The
 * mac1 is remembered for a cookie reply.
 */
void cookie_add_macs(struct cookie_jar *jar, uint8_t *message, size_t len, uint64_t now_ns);

/*
 * cookie_mac1_valid verifies mac1 of `count` (up to COOKIE_BATCH_MAX) initiations or responses, all
 * of `len` bytes, in constant time. Returns a mask: bit i is set if that of messages[i] is right.
 */
uint64_t cookie_mac1_valid(const struct cookie_checker *checker, const uint8_t *const messages[],
	size_t len, unsigned count) __attribute__((warn_unused_result));

/*
 * cookie_mac2_valid tells, in constant time, whether mac2 of the message of `len` bytes shows a
 * cookie that `source` was given. mac1 is not looked at.
 */
bool cookie_mac2_valid(const struct cookie_checker *checker, const uint8_t *message, size_t len,
	const struct endpoint *source, uint64_t now_ns) __attribute__((warn_unused_result));

/*
 * cookie_reply_make answers the message of `len` bytes from `source` with a cookie; draws a new
 * secret when the old one is COOKIE_SECRET_AGE_NS old. Returns 0 or the random generator's
 * negative errno.
 */
int cookie_reply_make(struct cookie_checker *checker, const uint8_t *message, size_t len,
	const struct endpoint *source, uint64_t now_ns, struct message_cookie_reply *reply)
	__attribute__((warn_unused_result));

/*
 * cookie_reply_accept takes the cookie out of a reply whose receiver index is one of this peer's.
 * Returns 0, -EINVAL if no mac1 waits for one, or -EBADMSG if it is not authentic; on error the
 * jar is unchanged.
 */
int cookie_reply_accept(struct cookie_jar *jar, const struct message_cookie_reply *reply,
	uint64_t now_ns) __attribute__((warn_unused_result));
