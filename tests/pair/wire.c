/*
 * The wire between the gateways of a test.
 * Threads: the test's.
 */
#include "wire.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <rte_mbuf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BURST 64
#define REORDER_NS (20 * NS_IN_MS)

struct wire_flying {
	uint64_t due_ns;
	uint64_t order; /* frames that are due at the same time arrive as they were sent */
	unsigned to;
	bool corrupted; /* so that it is not authentic any more */
	size_t len;
	uint8_t *bytes;
};

/* One pair of key and counter; a sender and the receiver's index name the key. */
struct pair_sent {
	uint64_t key; /* 0: free */
	uint64_t counter;
};

struct wire_seen {
	struct pair_sent *slots;
	size_t room; /* a power of two */
	size_t count;
};

void
wire_init(struct wire *wire, struct rte_mempool *pool, const uint64_t *now_ns, uint64_t seed)
{
	*wire = (struct wire){.pool = pool, .now_ns = now_ns, .random = seed};
	wire->tap = calloc(WIRE_TAP_DEPTH, sizeof(*wire->tap));
	wire->seen = calloc(1, sizeof(*wire->seen));
	assert_non_null(wire->tap);
	assert_non_null(wire->seen);
	wire->seen->room = 4096;
	wire->seen->slots = calloc(wire->seen->room, sizeof(struct pair_sent));
	assert_non_null(wire->seen->slots);
}

void
wire_fini(struct wire *wire)
{
	for (size_t i = 0; i < wire->flying_count; i++)
		free(wire->flying[i].bytes);
	free(wire->flying);
	free(wire->seen->slots);
	free(wire->seen);
	free(wire->tap);
}

uint64_t
wire_random(struct wire *wire, uint64_t limit)
{
	uint64_t mixed = wire->random += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 32) * UINT64_C(0xd6e8feb86659fd93);
	mixed = (mixed ^ mixed >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return (mixed ^ mixed >> 32) % limit;
}

static bool
happens(struct wire *wire, unsigned of_1000)
{
	return of_1000 != 0 && wire_random(wire, 1000) < of_1000;
}

/* Returns whether the pair is new. */
static bool
seen_add(struct wire_seen *seen, uint64_t key, uint64_t counter)
{
	size_t slot = (key ^ counter * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (seen->room - 1);

	while (seen->slots[slot].key != 0) {
		if (seen->slots[slot].key == key && seen->slots[slot].counter == counter)
			return false;
		slot = (slot + 1) & (seen->room - 1);
	}
	seen->slots[slot] = (struct pair_sent){key, counter};
	seen->count++;
	return true;
}

static void
seen_grow(struct wire_seen *seen)
{
	struct wire_seen grown = {.room = seen->room * 2};

	grown.slots = calloc(grown.room, sizeof(struct pair_sent));
	assert_non_null(grown.slots);
	for (size_t i = 0; i < seen->room; i++)
		if (seen->slots[i].key != 0)
			seen_add(&grown, seen->slots[i].key, seen->slots[i].counter);
	free(seen->slots);
	*seen = grown;
}

/* The frame of `len` bytes as the tap shows it. */
static void
dissect(struct wire_frame *frame, unsigned from)
{
	const uint8_t *message;

	assert_int_equal(outer_parse(frame->bytes, frame->len, &frame->outer), OUTER_OK);
	message = frame->bytes + frame->outer.payload_offset;
	frame->from = from;
	frame->message_len = frame->outer.payload_len;
	frame->type = message_classify(message, frame->message_len);
	assert_int_not_equal(frame->type, MESSAGE_INVALID);
	frame->sender_index = 0;
	frame->receiver_index = 0;
	frame->counter = 0;
	if (frame->type == MESSAGE_INITIATION || frame->type == MESSAGE_RESPONSE)
		frame->sender_index = load_le32(message + 4);
	if (frame->type == MESSAGE_RESPONSE)
		frame->receiver_index = load_le32(message + 8);
	if (frame->type == MESSAGE_COOKIE_REPLY || frame->type == MESSAGE_DATA)
		frame->receiver_index = load_le32(message + 4);
	if (frame->type == MESSAGE_DATA)
		frame->counter = load_le64(message + 8);
}

static void
watch(struct wire *wire, const struct wire_frame *frame)
{
	uint64_t key;

	if (memmem(frame->bytes, frame->len, WIRE_CANARY, strlen(WIRE_CANARY)) != NULL)
		fail_msg("plaintext on the wire, frame %llu", (unsigned long long)wire->sent_count);
	if (frame->type != MESSAGE_DATA)
		return;
	if (wire->seen->count * 2 >= wire->seen->room)
		seen_grow(wire->seen);
	/* The destination's port too: each tunnel has indices of its own. */
	key = (uint64_t)(frame->from + 1) << 56 | (uint64_t)frame->outer.source.port << 32 |
		frame->receiver_index;
	if (!seen_add(wire->seen, key, frame->counter))
		fail_msg("counter %llu of index %08x sent twice",
			(unsigned long long)frame->counter, frame->receiver_index);
}

static void
fly(struct wire *wire, unsigned to, const struct wire_frame *frame, bool corrupted, uint64_t due_ns)
{
	struct wire_flying *flying;

	if (wire->flying_count == wire->flying_room) {
		wire->flying_room = wire->flying_room * 2 + 64;
		wire->flying =
			realloc(wire->flying, wire->flying_room * sizeof(struct wire_flying));
		assert_non_null(wire->flying);
	}
	flying = &wire->flying[wire->flying_count++];
	*flying = (struct wire_flying){.due_ns = due_ns,
		.order = wire->sent_count,
		.to = to,
		.corrupted = corrupted,
		.len = frame->len};
	flying->bytes = malloc(frame->len);
	assert_non_null(flying->bytes);
	memcpy(flying->bytes, frame->bytes, frame->len);
}

/* Changes one bit; returns whether somebody looks at it: at mac2 nobody does without load. */
static bool
corrupt(struct wire *wire, struct wire_frame *frame)
{
	const size_t at = wire_random(wire, frame->message_len);
	const bool macs = frame->type == MESSAGE_INITIATION || frame->type == MESSAGE_RESPONSE;

	frame->bytes[frame->outer.payload_offset + at] ^= 1 << wire_random(wire, 8);
	return !macs || at < frame->message_len - MESSAGE_MAC_LEN;
}

static void
spoil_and_fly(struct wire *wire, struct wire_frame *frame, unsigned to)
{
	const struct wire_faults *faults = &wire->faults;
	uint64_t due_ns = *wire->now_ns + faults->delay_ns;
	bool corrupted;

	if (happens(wire, faults->loss))
		return;
	corrupted = happens(wire, faults->corruption) && corrupt(wire, frame);
	if (happens(wire, faults->duplication))
		fly(wire, to, frame, corrupted, due_ns);
	if (happens(wire, faults->reorder))
		due_ns += wire_random(wire, REORDER_NS);
	fly(wire, to, frame, corrupted, due_ns);
}

/* For who looks for what went wrong. */
static void
trace(const struct wire_frame *frame)
{
	if (getenv("PAIR_VERBOSE") != NULL)
		printf("%.3f from %u: type %d, %08x to %08x, counter %llu, %zu bytes\n",
			(double)frame->at_ns / (double)NS_IN_S, frame->from, (int)frame->type,
			frame->sender_index, frame->receiver_index,
			(unsigned long long)frame->counter, frame->message_len);
}

static void
take(struct wire *wire, unsigned from, struct rte_mbuf *mbuf)
{
	struct wire_frame *frame = &wire->tap[wire->sent_count % WIRE_TAP_DEPTH];
	struct wire_frame copy;

	frame->at_ns = *wire->now_ns;
	frame->len = rte_pktmbuf_data_len(mbuf);
	assert_int_equal(mbuf->nb_segs, 1);
	assert_true(frame->len <= sizeof(frame->bytes));
	memcpy(frame->bytes, rte_pktmbuf_mtod(mbuf, void *), frame->len);
	rte_pktmbuf_free(mbuf);
	dissect(frame, from);
	trace(frame);
	watch(wire, frame);
	wire->sent_count++;
	copy = *frame;
	if (wire->filter != NULL && !wire->filter(&copy, wire->context))
		return;
	for (unsigned to = 0; to < wire->end_count; to++)
		for (unsigned k = 0; k < 2; k++)
			if (address_equal(&wire->addresses[to][k], &copy.outer.destination.address))
				spoil_and_fly(wire, &copy, to);
}

void
wire_inject(struct wire *wire, unsigned to, const void *bytes, size_t len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(wire->pool);

	assert_non_null(mbuf);
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), bytes, len);
	/* As a wire does: what does not fit into the receiver is lost. */
	if (wire->ends[to] == NULL || port_transmit(wire->ends[to], 0, &mbuf, 1) != 1)
		rte_pktmbuf_free(mbuf);
}

static int
compare_flying(const void *a, const void *b)
{
	const struct wire_flying *x = a;
	const struct wire_flying *y = b;

	if (x->due_ns != y->due_ns)
		return x->due_ns < y->due_ns ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static void
land(struct wire *wire, const struct wire_flying *flying)
{
	if (flying->corrupted && wire->refuse != NULL && wire->ends[flying->to] != NULL &&
		happens(wire, 500))
		wire->refuse(wire->refuse_context, flying->to, flying->bytes, flying->len);
	else
		wire_inject(wire, flying->to, flying->bytes, flying->len);
}

static unsigned
arrive(struct wire *wire)
{
	size_t count = 0;

	if (wire->flying_count == 0)
		return 0;
	qsort(wire->flying, wire->flying_count, sizeof(struct wire_flying), compare_flying);
	for (; count < wire->flying_count && wire->flying[count].due_ns <= *wire->now_ns; count++) {
		land(wire, &wire->flying[count]);
		free(wire->flying[count].bytes);
	}
	wire->flying_count -= count;
	memmove(wire->flying, wire->flying + count,
		wire->flying_count * sizeof(struct wire_flying));
	return (unsigned)count;
}

static unsigned
take_all(struct wire *wire, unsigned from, uint16_t queue)
{
	struct rte_mbuf *mbufs[BURST];
	unsigned moved = 0;
	uint16_t count;

	while ((count = port_receive(wire->ends[from], queue, mbufs, BURST)) > 0) {
		for (uint16_t i = 0; i < count; i++)
			take(wire, from, mbufs[i]);
		moved += count;
	}
	return moved;
}

unsigned
wire_move(struct wire *wire)
{
	unsigned moved = 0;

	for (unsigned from = 0; from < wire->end_count; from++) {
		if (wire->stopped[from] || wire->ends[from] == NULL)
			continue;
		for (uint16_t queue = 0; queue < wire->ends[from]->queue_count; queue++)
			moved += take_all(wire, from, queue);
	}
	return moved + arrive(wire);
}

const struct wire_frame *
wire_sent(const struct wire *wire, uint64_t n)
{
	assert_true(n < wire->sent_count && wire->sent_count - n <= WIRE_TAP_DEPTH);
	return &wire->tap[n % WIRE_TAP_DEPTH];
}

unsigned
wire_count(const struct wire *wire, uint64_t since, unsigned from, enum message_type type)
{
	unsigned count = 0;

	for (uint64_t n = since; n < wire->sent_count; n++) {
		const struct wire_frame *frame = wire_sent(wire, n);

		count += frame->from == from && frame->type == type;
	}
	return count;
}

const struct wire_frame *
wire_last(const struct wire *wire, unsigned from, enum message_type type)
{
	for (uint64_t n = wire->sent_count; n > 0; n--) {
		const struct wire_frame *frame = wire_sent(wire, n - 1);

		if (frame->from == from && frame->type == type)
			return frame;
	}
	fail_msg("end %u has sent no message of type %d", from, (int)type);
	return NULL;
}

size_t
wire_readdress(uint8_t bytes[static WIRE_FRAME_MAX], const struct wire_frame *frame,
	const struct endpoint *source, const struct endpoint *destination, uint8_t tos)
{
	static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	struct outer_header header;

	outer_header_make(&header, macs[0], macs[1], source, destination);
	memcpy(bytes + header.len, frame->bytes + frame->outer.payload_offset, frame->message_len);
	outer_header_write(&header, bytes + header.len, (uint16_t)frame->message_len, tos);
	return header.len + frame->message_len;
}
