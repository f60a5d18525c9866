/*
 * Hands the frames of the batch, in order of arrival, to the underlay port.
 * On the packet's way: out, 6 of 6. Only live packets can get here.
 * Threads: the lane that owns the batch.
 */
#include "datapath/stages.h"

/* A full port is tried this often before what is left is dropped. */
#define TRANSMIT_TRIES 3

static void
count_sent(struct lane *lane, struct batch *batch, const struct run *run)
{
	const uint64_t mask = run->mask & batch->live;
	struct peer_lane *counters = &run->peer->lanes[lane->settings.id];
	const unsigned count = (unsigned)__builtin_popcountll(mask);
	unsigned data_count = 0;

	if (mask == 0)
		return;
	MASK_FOREACH (i, mask) {
		counters->tx_bytes += batch->packets[i].message_len;
		data_count += batch->packets[i].version != 0;
	}
	counters->tx_packets += count;
	if (data_count < count)
		counters->tx_keepalives += count - data_count;
	stamps_sent(&run->peer->stamps, batch->now_ns);
	if (data_count > 0)
		stamps_data_sent(&run->peer->stamps, batch->now_ns);
	if (session_wants_rekey_after_send(run->session, batch->now_ns))
		lane_want_session(lane, run->peer, batch->now_ns);
}

unsigned
out_transmit_frames(struct lane *lane, struct rte_mbuf *frames[], unsigned count)
{
	unsigned sent = 0;

	for (unsigned tries = 0; sent < count && tries < TRANSMIT_TRIES; tries++)
		sent += port_transmit(lane->settings.underlay, (uint16_t)lane->settings.id,
			frames + sent, (uint16_t)(count - sent));
	return sent;
}

void
out_transmit(struct lane *lane, struct batch *batch)
{
	struct rte_mbuf *mbufs[BATCH_MAX];
	uint8_t numbers[BATCH_MAX];
	unsigned count = 0;
	unsigned sent;

	MASK_FOREACH (i, batch->live) {
		numbers[count] = (uint8_t)i;
		mbufs[count++] = batch->packets[i].mbuf;
	}
	sent = out_transmit_frames(lane, mbufs, count);
	for (unsigned k = sent; k < count; k++)
		batch_drop(lane, batch, numbers[k], batch->packets[numbers[k]].peer,
			DROP_OUT_TRANSMIT_FULL);
	for (unsigned r = 0; r < batch->run_count; r++)
		count_sent(lane, batch, &batch->runs[r]);
}
