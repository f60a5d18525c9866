/*
 * Takes a burst from the underlay port and finds the messages for our tunnels.
 * On the packet's way: in, 1 of 5. Frame in, message out.
 * Threads: the lane that owns the batch.
 */
#include "datapath/stages.h"

#include "wire/message.h"

#include <rte_prefetch.h>

#include <string.h>

#define PREFETCH_AHEAD 4

/* What becomes of a frame. */
enum frame_verdict {
	FRAME_DATA, /* in the batch now */
	FRAME_HANDSHAKE, /* for the handshake thread */
	FRAME_OTHER, /* not ours */
	FRAME_DROP, /* *reason says why */
};

static bool
contiguous(struct rte_mbuf *mbuf)
{
	return mbuf->nb_segs == 1 || rte_pktmbuf_linearize(mbuf) == 0;
}

static bool
reported_bad(const struct rte_mbuf *mbuf)
{
	const uint64_t flags = mbuf->ol_flags;

	return (flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD ||
		(flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_BAD;
}

/* Its port is in another fragment, so whether it is ours is not known. */
static enum frame_verdict
judge_fragment(struct lane *lane, const struct outer *outer, uint64_t now_ns)
{
	if (!directory_is_local(lane->directory, &outer->destination.address))
		return FRAME_OTHER;
	sources_note(&lane->fragments, &outer->source.address, outer->payload_len, now_ns);
	return FRAME_DROP;
}

/* Nobody but us has our addresses: an answer would go in a circle. */
static bool
from_ourselves(const struct directory *directory, const struct outer *outer)
{
	return !directory->sockets &&
		(outer_from_loopback(outer) ||
			directory_is_local(directory, &outer->source.address));
}

static enum frame_verdict
judge(struct lane *lane, uint64_t now_ns, struct rte_mbuf *mbuf, struct packet *packet,
	enum drop_reason *reason)
{
	const struct directory *directory = lane->directory;
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	struct outer *outer = &packet->outer;

	*reason = DROP_IN_MALFORMED;
	switch (outer_parse(frame, rte_pktmbuf_data_len(mbuf), outer)) {
	case OUTER_OTHER:
		return FRAME_OTHER;
	case OUTER_MALFORMED:
		return FRAME_DROP;
	case OUTER_FRAGMENT:
		*reason = DROP_IN_FRAGMENT;
		return judge_fragment(lane, outer, now_ns);
	case OUTER_OK:
		break;
	}
	packet->tunnel = directory_tunnel(directory, outer->destination.port);
	if (packet->tunnel == NULL ||
		(!directory->sockets &&
			!directory_is_local(directory, &outer->destination.address)))
		return FRAME_OTHER;
	if (reported_bad(mbuf) || from_ourselves(directory, outer))
		return FRAME_DROP;
	packet->data = frame + outer->payload_offset;
	packet->len = outer->payload_len;
	packet->tos = outer->tos;
	switch (message_classify(packet->data, packet->len)) {
	case MESSAGE_DATA:
		*reason = DROP_IN_MESSAGE;
		return packet->len <= AEAD_LEN_MAX + MESSAGE_DATA_OVERHEAD ? FRAME_DATA
									   : FRAME_DROP;
	case MESSAGE_INVALID:
		*reason = DROP_IN_MESSAGE;
		return FRAME_DROP;
	default:
		return FRAME_HANDSHAKE;
	}
}

/* What is longer than a buffer is hardly ours; where others want what is not, it may be theirs. */
static enum frame_verdict
judge_segmented(const struct lane *lane)
{
	return lane->others != NULL ? FRAME_OTHER : FRAME_DROP;
}

/* Handshake messages of one burst, by the ring that they are for. */
struct hand_over {
	unsigned counts[RINGS_SHARE_COUNT];
	struct rte_mbuf *mbufs[RINGS_SHARE_COUNT][LANE_BURST];
};

/*
 * What it costs is the same whoever sends: two looks, and a hash. A cookie reply has its tag where
 * others have mac2.
 */
static void
sort_handshake(struct lane *lane, struct hand_over *over, struct rte_mbuf *mbuf,
	const struct packet *packet, uint64_t now_ns)
{
	unsigned share = RINGS_STRANGERS;

	if (message_has_mac2(packet->data, packet->len))
		share |= RINGS_MAC2;
	if (known_sources_allow(lane->settings.known, &packet->outer.source.address, now_ns))
		share |= RINGS_KNOWN;
	over->mbufs[share][over->counts[share]++] = mbuf;
}

static void
hand_over(struct lane *lane, struct hand_over *over)
{
	for (unsigned share = 0; share < RINGS_SHARE_COUNT; share++) {
		const unsigned count = over->counts[share];
		unsigned taken;

		if (count == 0)
			continue;
		taken = rte_ring_enqueue_burst(lane->settings.rings->handshakes[share],
			(void **)over->mbufs[share], count, NULL);
		lane->wake_control = true;
		for (unsigned i = taken; i < count; i++) {
			lane_count_drop(lane, NULL, DROP_IN_HANDSHAKE_FULL);
			rte_pktmbuf_free(over->mbufs[share][i]);
		}
	}
}

void
in_receive(struct lane *lane, struct batch *batch)
{
	struct rte_mbuf *mbufs[LANE_BURST];
	struct hand_over over;
	unsigned count;

	batch_begin(batch, clock_boot_ns(lane->settings.clock));
	memset(over.counts, 0, sizeof(over.counts));
	count = port_receive(
		lane->settings.underlay, (uint16_t)lane->settings.id, mbufs, lane->burst);
	for (unsigned i = 0; i < count && i < PREFETCH_AHEAD; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	for (unsigned i = 0; i < count; i++) {
		struct rte_mbuf *mbuf = mbufs[i];
		/* Room is there: the batch holds a whole burst. */
		struct packet *packet = &batch->packets[batch->count];
		enum drop_reason reason = DROP_IN_SEGMENTED;

		if (i + PREFETCH_AHEAD < count)
			rte_prefetch0(rte_pktmbuf_mtod(mbufs[i + PREFETCH_AHEAD], void *));
		switch (contiguous(mbuf) ? judge(lane, batch->now_ns, mbuf, packet, &reason)
					 : judge_segmented(lane)) {
		case FRAME_DATA:
			batch_add(batch, mbuf);
			continue;
		case FRAME_HANDSHAKE:
			sort_handshake(lane, &over, mbuf, packet, batch->now_ns);
			continue;
		case FRAME_OTHER:
			lane->rx_other++;
			if (lane->others == NULL)
				break;
			lane->others[lane->other_count++] = mbuf;
			continue;
		case FRAME_DROP:
			lane_count_drop(lane, NULL, reason);
			break;
		}
		rte_pktmbuf_free(mbuf);
	}
	lane->rx_frames += count;
	lane->rx_bursts += count > 0;
	hand_over(lane, &over);
}
