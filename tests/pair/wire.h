/*
 * The wire between the gateways of a test: carries frames by their outer destination, spoils them
 * as told (seeded), remembers what was sent, and watches that nothing forbidden is sent.
 * Threads: the test's.
 */
#pragma once

#include "net/port.h"
#include "wire/message.h"
#include "wire/outer.h"

#include <rte_mempool.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_ENDS_MAX 3
#define WIRE_FRAME_MAX 2048
/* How many frames the tap remembers. */
#define WIRE_TAP_DEPTH 4096
/* Stands in every inner packet, and must never be seen on the wire. */
#define WIRE_CANARY "plaintext canary"

/* A frame, and what its headers say. */
struct wire_frame {
	uint64_t at_ns; /* when it was sent */
	unsigned from; /* the end that sent it */
	struct outer outer;
	enum message_type type;
	uint32_t sender_index; /* of initiations and responses */
	uint32_t receiver_index; /* of all others than initiations */
	uint64_t counter; /* of data */
	size_t message_len;
	size_t len;
	uint8_t bytes[WIRE_FRAME_MAX];
};

/* Each of 1,000 frames: how many of them are treated so. */
struct wire_faults {
	unsigned loss;
	unsigned duplication;
	unsigned corruption; /* one bit of the message, checksums not repaired */
	unsigned reorder; /* held back by up to delay_ns + 20 ms */
	uint64_t delay_ns; /* of every frame */
};

struct wire_flying; /* a frame on its way */
struct wire_seen; /* the pairs of key and counter that were sent */

struct wire {
	struct port *ends[WIRE_ENDS_MAX]; /* the far sides of the gateways' underlay ports */
	struct address addresses[WIRE_ENDS_MAX][2]; /* by which frames find their end */
	bool stopped[WIRE_ENDS_MAX]; /* takes nothing from that end: its port fills up */
	unsigned end_count;
	struct rte_mempool *pool;
	const uint64_t *now_ns;
	uint64_t random; /* state, from the seed */
	struct wire_faults faults;
	/* Unless NULL: asked for each frame, which it may change; false keeps it back. */
	bool (*filter)(struct wire_frame *frame, void *context);
	void *context;
	/* Unless NULL: half of the frames that were corrupted arrive by this, one by one. */
	void (*refuse)(void *context, unsigned to, const void *bytes, size_t len);
	void *refuse_context;
	struct wire_frame *tap; /* ring: frame number n is at n % WIRE_TAP_DEPTH */
	uint64_t sent_count; /* frames in all */
	struct wire_flying *flying;
	size_t flying_count;
	size_t flying_room;
	struct wire_seen *seen;
};

/* wire_init prepares it, without ends; wire_fini frees it. */
void wire_init(struct wire *wire, struct rte_mempool *pool, const uint64_t *now_ns, uint64_t seed);
void wire_fini(struct wire *wire);

/*
 * wire_move takes what the gateways have sent and gives them what has arrived by now. Fails the
 * test if a frame shows the canary or repeats a pair of key and counter. Returns how many it moved.
 */
unsigned wire_move(struct wire *wire);

/* wire_inject has `len` bytes arrive at the end of the given number, now. */
void wire_inject(struct wire *wire, unsigned to, const void *bytes, size_t len);

/* wire_sent returns frame number `n` (from 0) of those sent; it must still be remembered. */
const struct wire_frame *wire_sent(const struct wire *wire, uint64_t n);

/* wire_count counts the frames of `type` that end `from` sent, from frame number `since` on. */
unsigned wire_count(const struct wire *wire, uint64_t since, unsigned from, enum message_type type);

/* wire_last returns the last frame of `type` that end `from` sent; fails the test if none. */
const struct wire_frame *wire_last(const struct wire *wire, unsigned from, enum message_type type);

/*
 * wire_readdress writes into `bytes` the message of `frame` under new outer headers, and returns
 * the length of the frame made.
 */
size_t wire_readdress(uint8_t bytes[static WIRE_FRAME_MAX], const struct wire_frame *frame,
	const struct endpoint *source, const struct endpoint *destination, uint8_t tos);

/* wire_random returns the next number below `limit`. */
uint64_t wire_random(struct wire *wire, uint64_t limit);
