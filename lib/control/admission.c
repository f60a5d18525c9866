/*
 * mac1, load, mac2, rate, queue.
 * On the packet's way: beside it.
 * Threads: control, under its lock.
 */
#include "control/admission.h"

#include "control/handshake.h"
#include "control/transmit.h"

#include <rte_mbuf.h>

#include <string.h>

_Static_assert(ADMISSION_MESSAGES_MAX % COOKIE_BATCH_MAX == 0, "a whole number of batches");

/* Messages of one kind for one tunnel: what mac1 can be checked of at once. */
struct arrivals {
	unsigned count;
	const uint8_t *messages[COOKIE_BATCH_MAX];
	struct arrival {
		struct tunnel *tunnel;
		const uint8_t *frame;
		struct outer outer;
	} from[COOKIE_BATCH_MAX];
};

/* Answers with a cookie, which proves to us that the sender is where it says. */
static void
refuse(struct control *control, const struct arrival *arrival, const uint8_t *message, size_t len,
	uint64_t now_ns)
{
	struct tunnel *tunnel = arrival->tunnel;
	struct message_cookie_reply reply;

	tunnel->drops[DROP_HANDSHAKE_COOKIE]++;
	if (cookie_reply_make(
		    &tunnel->checker, message, len, &arrival->outer.source, now_ns, &reply) != 0)
		return;
	transmit_back(control, arrival->frame, &arrival->outer, &reply, sizeof(reply));
}

static void
admit(struct control *control, const struct arrival *arrival, const uint8_t *message, size_t len,
	uint64_t now_ns)
{
	struct tunnel *tunnel = arrival->tunnel;
	const struct endpoint *source = &arrival->outer.source;
	struct handshake_message waiting = {
		.source = *source,
		.destination = arrival->outer.destination,
		.len = (uint16_t)len,
	};

	if (handshake_queue_under_load(tunnel->handshakes, now_ns)) {
		if (!cookie_mac2_valid(&tunnel->checker, message, len, source, now_ns)) {
			refuse(control, arrival, message, len, now_ns);
			return;
		}
		if (!source_limiter_allow(control->limiter, &source->address, now_ns)) {
			tunnel->drops[DROP_HANDSHAKE_LIMITED]++;
			return;
		}
	}
	memcpy(waiting.bytes, message, len);
	if (!handshake_queue_put(tunnel->handshakes, &waiting, now_ns))
		tunnel->drops[DROP_HANDSHAKE_QUEUE_FULL]++;
}

static void
admit_all(struct control *control, const struct arrivals *arrivals, size_t len, uint64_t now_ns)
{
	struct tunnel *tunnel;
	uint64_t valid;

	if (arrivals->count == 0)
		return;
	tunnel = arrivals->from[0].tunnel;
	valid = cookie_mac1_valid(&tunnel->checker, arrivals->messages, len, arrivals->count);
	for (unsigned i = 0; i < arrivals->count; i++) {
		const struct arrival *arrival = &arrivals->from[i];

		if (valid >> i & 1) {
			admit(control, arrival, arrivals->messages[i], len, now_ns);
			continue;
		}
		tunnel->drops[DROP_HANDSHAKE_MAC]++;
		sources_note(
			&tunnel->wrong_keys, &arrival->outer.source.address, (uint32_t)len, now_ns);
	}
}

/* Sorts a burst of whole frames, which in_receive has judged, by tunnel and kind. */
static void
take_burst(struct control *control, struct rte_mbuf *mbufs[], unsigned count, uint64_t now_ns)
{
	const struct directory *directory =
		atomic_load_explicit(&control->directory, memory_order_relaxed);

	for (unsigned t = 0; t < directory->tunnel_count; t++) {
		struct arrivals initiations = {.count = 0};
		struct arrivals responses = {.count = 0};

		for (unsigned i = 0; i < count; i++) {
			/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): `count` came */
			const uint8_t *frame = rte_pktmbuf_mtod(mbufs[i], const uint8_t *);
			struct arrival arrival = {.tunnel = directory->tunnels[t], .frame = frame};
			struct arrivals *kind;
			const uint8_t *message;

			if (outer_parse(frame, rte_pktmbuf_data_len(mbufs[i]), &arrival.outer) !=
					OUTER_OK ||
				arrival.outer.destination.port != directory->ports[t])
				continue;
			message = frame + arrival.outer.payload_offset;
			switch (message_classify(message, arrival.outer.payload_len)) {
			case MESSAGE_INITIATION:
				kind = &initiations;
				break;
			case MESSAGE_RESPONSE:
				kind = &responses;
				break;
			case MESSAGE_COOKIE_REPLY:
				handshake_take_cookie(control, arrival.tunnel,
					(const struct message_cookie_reply *)message);
				continue;
			default:
				continue;
			}
			kind->messages[kind->count] = message;
			kind->from[kind->count++] = arrival;
		}
		admit_all(control, &initiations, sizeof(struct message_initiation), now_ns);
		admit_all(control, &responses, sizeof(struct message_response), now_ns);
	}
}

unsigned
admission_take(struct control *control)
{
	struct rte_mbuf *mbufs[COOKIE_BATCH_MAX];
	unsigned taken = 0;
	unsigned count;
	unsigned left;

	do {
		count = rte_ring_dequeue_burst(
			control->rings->handshakes, (void **)mbufs, COOKIE_BATCH_MAX, &left);
		if (count + left > control->handshakes_most)
			control->handshakes_most = count + left;
		take_burst(control, mbufs, count, clock_boot_ns(control->clock));
		for (unsigned i = 0; i < count; i++)
			/* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): the ring wrote it */
			rte_pktmbuf_free(mbufs[i]);
		taken += count;
	} while (count == COOKIE_BATCH_MAX && taken < ADMISSION_MESSAGES_MAX);
	return taken;
}
