/*
 * mac1, load, mac2, cookie replies, rate, queue.
 * On the packet's way: beside it.
 * Threads: control, under its lock.
 */
#include "control/admission.h"

#include "control/handshake.h"
#include "control/transmit.h"

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <string.h>

_Static_assert(ADMISSION_SHARE_MAX % COOKIE_BATCH_MAX == 0, "a whole number of batches");

#define COOKIE_COST_NS (NS_IN_S / ADMISSION_COOKIES_PER_SECOND)

/* A message as it came, and what it is. */
struct arrival {
	const uint8_t *frame;
	const uint8_t *message;
	struct tunnel *tunnel;
	enum message_type type;
	struct outer outer;
};

/* Messages of one kind for one tunnel: what macs can be checked of at once. */
struct arrivals {
	struct tunnel *tunnel;
	unsigned share; /* the ring: by what the lanes went, which can be made up */
	struct cookie_messages batch;
	const struct arrival *from[COOKIE_BATCH_MAX];
};

/* How many replies may be made now, of up to `wanted`; they are taken to be made. */
static unsigned
take_budget(struct cookie_budget *budget, unsigned wanted, uint64_t now_ns)
{
	unsigned count;

	budget->tokens_ns += now_ns - budget->filled_ns;
	if (budget->tokens_ns > ADMISSION_COOKIES_BURST * COOKIE_COST_NS)
		budget->tokens_ns = ADMISSION_COOKIES_BURST * COOKIE_COST_NS;
	budget->filled_ns = now_ns;
	count = (unsigned)(budget->tokens_ns / COOKIE_COST_NS);
	if (count > wanted)
		count = wanted;
	budget->tokens_ns -= count * COOKIE_COST_NS;
	return count;
}

/* The lowest `count` of the mask. */
static uint64_t
first_of(uint64_t mask, unsigned count)
{
	uint64_t rest = mask;

	for (unsigned i = 0; i < count; i++)
		rest &= rest - 1;
	return mask & ~rest;
}

/*
 * Answers those in the mask with a cookie, which proves to us that the sender is where it says; as
 * many as there are buffers and time for.
 */
static void
refuse(struct control *control, const struct arrivals *arrivals, uint64_t refused, uint64_t now_ns)
{
	struct tunnel *tunnel = arrivals->tunnel;
	struct message_cookie_reply replies[COOKIE_BATCH_MAX];
	const unsigned count = (unsigned)__builtin_popcountll(refused);
	unsigned answers = transmit_back_room(control);
	uint64_t answered;

	answers = take_budget(
		&control->cookies[arrivals->share], answers < count ? answers : count, now_ns);
	answered = first_of(refused, answers);
	if (answered != 0 &&
		cookie_replies_make(
			&tunnel->checker, &arrivals->batch, answered, now_ns, replies) != 0)
		answered = 0;
	answers = (unsigned)__builtin_popcountll(answered);
	tunnel->drops[DROP_HANDSHAKE_COOKIE] += answers;
	tunnel->drops[DROP_HANDSHAKE_NO_COOKIE] += count - answers;
	for (; answered != 0; answered &= answered - 1) {
		const unsigned i = (unsigned)__builtin_ctzll(answered);

		transmit_back(control, arrivals->from[i]->frame, &arrivals->from[i]->outer,
			&replies[i], sizeof(replies[i]));
	}
}

static void
admit(struct control *control, const struct arrival *arrival, bool loaded, uint64_t now_ns)
{
	struct tunnel *tunnel = arrival->tunnel;
	const struct endpoint *source = &arrival->outer.source;
	/* Not as the lanes have it: who has shown a cookie is where it says. */
	const enum handshake_line line = known_sources_has(control->known, &source->address)
		? HANDSHAKE_KNOWN
		: HANDSHAKE_STRANGERS;
	struct handshake_message waiting = {
		.source = *source,
		.destination = arrival->outer.destination,
		.len = arrival->outer.payload_len,
	};

	if (loaded && !source_limiter_allow(control->limiters[line], &source->address, now_ns)) {
		tunnel->drops[DROP_HANDSHAKE_LIMITED]++;
		return;
	}
	memcpy(waiting.bytes, arrival->message, waiting.len);
	if (!handshake_queue_put(tunnel->handshakes, line, &waiting, now_ns))
		tunnel->drops[DROP_HANDSHAKE_QUEUE_FULL]++;
}

static void
admit_all(struct control *control, const struct arrivals *arrivals, uint64_t now_ns)
{
	const struct cookie_messages *batch = &arrivals->batch;
	struct tunnel *tunnel = arrivals->tunnel;
	const bool loaded = handshake_queue_under_load(tunnel->handshakes, now_ns);
	uint64_t valid;
	uint64_t admitted;

	if (batch->count == 0)
		return;
	valid = cookie_mac1_valid(&tunnel->checker, batch);
	for (unsigned i = 0; i < batch->count; i++) {
		if (valid >> i & 1)
			continue;
		tunnel->drops[DROP_HANDSHAKE_MAC]++;
		sources_note(&tunnel->wrong_keys, &batch->sources[i]->address, (uint32_t)batch->len,
			now_ns);
	}
	admitted = loaded ? cookie_mac2_valid(&tunnel->checker, batch, valid, now_ns) : valid;
	if (valid != admitted)
		refuse(control, arrivals, valid & ~admitted, now_ns);
	for (; admitted != 0; admitted &= admitted - 1)
		admit(control, arrivals->from[__builtin_ctzll(admitted)], loaded, now_ns);
}

/* What a whole frame, which in_receive has judged, brings; false: its tunnel is there no more. */
static bool
read_frame(const struct directory *directory, const struct rte_mbuf *mbuf, struct arrival *arrival)
{
	arrival->frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	if (outer_parse(arrival->frame, rte_pktmbuf_data_len(mbuf), &arrival->outer) != OUTER_OK)
		return false;
	arrival->tunnel = directory_tunnel(directory, arrival->outer.destination.port);
	arrival->message = arrival->frame + arrival->outer.payload_offset;
	arrival->type = message_classify(arrival->message, arrival->outer.payload_len);
	return arrival->tunnel != NULL;
}

/* Those of `count` arrivals that are of the type and for the tunnel. */
static void
admit_kind(struct control *control, const struct arrival all[], unsigned count,
	struct arrivals *arrivals, enum message_type type, uint64_t now_ns)
{
	struct cookie_messages *batch = &arrivals->batch;

	batch->count = 0;
	for (unsigned i = 0; i < count; i++) {
		if (all[i].tunnel != arrivals->tunnel || all[i].type != type)
			continue;
		batch->len = all[i].outer.payload_len;
		batch->messages[batch->count] = all[i].message;
		batch->sources[batch->count] = &all[i].outer.source;
		arrivals->from[batch->count++] = &all[i];
	}
	admit_all(control, arrivals, now_ns);
}

/* Sorts a burst by tunnel and kind. */
static void
take_burst(struct control *control, struct rte_mbuf *mbufs[], unsigned count, unsigned share,
	uint64_t now_ns)
{
	const struct directory *directory =
		atomic_load_explicit(&control->directory, memory_order_relaxed);
	struct arrival all[COOKIE_BATCH_MAX];
	struct arrivals arrivals;
	unsigned read = 0;

	for (unsigned i = 0; i < count; i++) {
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): `count` came */
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], const uint8_t *));
	}
	for (unsigned i = 0; i < count; i++) {
		struct arrival *arrival = &all[read];

		if (!read_frame(directory, mbufs[i], arrival))
			continue;
		if (arrival->type == MESSAGE_COOKIE_REPLY)
			handshake_take_cookie(control, arrival->tunnel,
				(const struct message_cookie_reply *)arrival->message);
		else
			read++;
	}
	arrivals.share = share;
	for (unsigned t = 0; t < directory->tunnel_count; t++) {
		arrivals.tunnel = directory->tunnels[t];
		admit_kind(control, all, read, &arrivals, MESSAGE_INITIATION, now_ns);
		admit_kind(control, all, read, &arrivals, MESSAGE_RESPONSE, now_ns);
	}
}

/* Up to ADMISSION_SHARE_MAX messages of one ring; returns how many. */
static unsigned
take_share(struct control *control, unsigned share)
{
	struct rte_mbuf *mbufs[COOKIE_BATCH_MAX];
	unsigned taken = 0;
	unsigned count;

	do {
		count = rte_ring_dequeue_burst(
			control->rings->handshakes[share], (void **)mbufs, COOKIE_BATCH_MAX, NULL);
		if (count == 0)
			break;
		take_burst(control, mbufs, count, share, clock_boot_ns(control->clock));
		rte_pktmbuf_free_bulk(mbufs, count);
		taken += count;
	} while (count == COOKIE_BATCH_MAX && taken < ADMISSION_SHARE_MAX);
	return taken;
}

unsigned
admission_take(struct control *control)
{
	const unsigned waiting = rings_handshake_count(control->rings);
	unsigned taken = 0;

	if (waiting > control->handshakes_most)
		control->handshakes_most = waiting;
	if (waiting == 0)
		return 0;
	for (unsigned share = RINGS_SHARE_COUNT; share-- > 0;)
		taken += take_share(control, share);
	return taken;
}
