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
#include <stddef.h>
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

/* How many messages the functions for many of them take at most: as many as a mask has bits. */
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
 * Messages to a checker: up to COOKIE_BATCH_MAX initiations, or as many responses, all of `len`
 * bytes. Bit i of a mask is about messages[i], which came from *sources[i].
 */
struct cookie_messages {
	size_t len;
	unsigned count;
	const uint8_t *messages[COOKIE_BATCH_MAX];
	const struct endpoint *sources[COOKIE_BATCH_MAX];
};

/* cookie_one makes a batch of one. */
static inline struct cookie_messages
cookie_one(const void *message, size_t len, const struct endpoint *source)
{
	return (struct cookie_messages){
		.len = len, .count = 1, .messages = {message}, .sources = {source}};
}

/*
 * cookie_mac1_valid verifies mac1 of the messages, in constant time. Returns the mask of those that
 * are right; no sources are looked at.
 */
uint64_t cookie_mac1_valid(const struct cookie_checker *checker,
	const struct cookie_messages *batch) __attribute__((warn_unused_result));

/*
 * cookie_mac2_valid verifies, in constant time, mac2 of the messages in the mask `of`: whether they
 * show the cookie that their source was given. A mac2 of zeros, which says that there is no cookie,
 * costs nothing. Returns the mask of those that do; mac1 is not looked at.
 */
uint64_t cookie_mac2_valid(const struct cookie_checker *checker,
	const struct cookie_messages *batch, uint64_t of, uint64_t now_ns)
	__attribute__((warn_unused_result));

/*
 * cookie_replies_make answers the messages in the mask `of` with a cookie each: replies[i] belongs
 * to messages[i]. Draws a new secret when the old one is COOKIE_SECRET_AGE_NS old. Returns 0 or the
 * random generator's negative errno.
 */
int cookie_replies_make(struct cookie_checker *checker, const struct cookie_messages *batch,
	uint64_t of, uint64_t now_ns, struct message_cookie_reply replies[])
	__attribute__((warn_unused_result));

/*
 * cookie_reply_accept takes the cookie out of a reply whose receiver index is one of this peer's.
 * Returns 0, -EINVAL if no mac1 waits for one, or -EBADMSG if it is not authentic; on error the
 * jar is unchanged.
 */
int cookie_reply_accept(struct cookie_jar *jar, const struct message_cookie_reply *reply,
	uint64_t now_ns) __attribute__((warn_unused_result));
