/*
 * Handshake messages that wait for their Diffie-Hellman, one queue for each tunnel. Its depth says
 * whether the tunnel is under load.
 * On the packet's way: beside it; behind mac1 (control/admission.h), before the handshake.
 * Threads: control, under its lock. Source: WireGuard paper 5.4.7; the Linux driver's numbers.
 */
#pragma once

#include "base/address.h"
#include "base/clock.h"
#include "wire/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Messages of one tunnel that may wait, half of them from where a peer is known to be; as many as
 * make it loaded, and for how long it stays so.
 */
#define HANDSHAKE_QUEUE_DEPTH 4096
#define HANDSHAKE_QUEUE_LINE (HANDSHAKE_QUEUE_DEPTH / 2)
#define HANDSHAKE_QUEUE_LOADED (HANDSHAKE_QUEUE_DEPTH / 8)
#define HANDSHAKE_QUEUE_HOLD_NS NS_IN_S

/* An initiation or response whose mac1 is right. A copy: what waits holds no packet buffer. */
struct handshake_message {
	struct endpoint source;
	struct endpoint destination;
	uint16_t len;
	uint8_t bytes[sizeof(struct message_initiation)]; /* the longer of the two */
};

/* Those of strangers, and those of known sources (table/known_sources.h). */
enum handshake_line { HANDSHAKE_STRANGERS, HANDSHAKE_KNOWN, HANDSHAKE_LINE_COUNT };

struct handshake_queue {
	uint64_t loaded_until_ns; /* boot clock; 0: never was */
	unsigned count; /* in all lines */
	unsigned turn; /* the line that is asked first the next time */
	struct {
		unsigned first; /* the oldest's place in `messages` */
		unsigned count;
		struct handshake_message messages[HANDSHAKE_QUEUE_LINE];
	} lines[HANDSHAKE_LINE_COUNT];
};

/* handshake_queue_create makes an empty queue; NULL without memory. */
struct handshake_queue *handshake_queue_create(void);

/* handshake_queue_destroy frees it with what waits. NULL is ignored. */
void handshake_queue_destroy(struct handshake_queue *queue);

/*
 * handshake_queue_put copies *message to the end of the line. Returns false, with nothing changed,
 * if that is full.
 */
bool handshake_queue_put(struct handshake_queue *queue, enum handshake_line line,
	const struct handshake_message *message, uint64_t now_ns)
	__attribute__((warn_unused_result));

/*
 * handshake_queue_take copies the oldest of a line out into *message, of each line in turn; returns
 * false if there is none in any.
 */
bool handshake_queue_take(struct handshake_queue *queue, struct handshake_message *message)
	__attribute__((warn_unused_result));

/* handshake_queue_under_load: HANDSHAKE_QUEUE_LOADED wait, or did within the hold. */
static inline bool
handshake_queue_under_load(const struct handshake_queue *queue, uint64_t now_ns)
{
	return queue->count >= HANDSHAKE_QUEUE_LOADED || now_ns < queue->loaded_until_ns;
}
