/*
 * The round of a lane.
 * On the packet's way: from port to port, both ways.
 * Threads: the lane's lcore.
 */
#include "datapath/lane.h"

#include "datapath/stages.h"

#include <rte_pause.h>

#include <poll.h>

/* Idle rounds before the first nap, and the first nap; each further one is twice as long. */
#define IDLE_ROUNDS_MAX 256
#define NAP_FIRST_NS (20 * NS_IN_MS / 1000)

void
lane_init(struct lane *lane, const struct lane_settings *settings)
{
	*lane = (struct lane){
		.settings = *settings,
		.burst = LANE_BURST,
		.origin_offset = -1,
		.icmp_tokens = LANE_ICMP_BURST,
	};
}

/*
 * The time is that which in_receive has just read for its burst, so that knowing the load costs
 * nothing. It ends the last round, which is why a round begins with in_receive.
 */
static void
account_round(struct lane *lane)
{
	const uint64_t now_ns = lane->batch.now_ns;
	const uint64_t took_ns = lane->round_ns == 0 ? 0 : now_ns - lane->round_ns;

	lane->total_ns += took_ns;
	if (lane->work > 0)
		lane->busy_ns += took_ns;
	lane->round_ns = now_ns;
}

unsigned
lane_in(struct lane *lane)
{
	struct batch *batch = &lane->batch;
	const uint64_t before = lane->rx_frames;

	in_receive(lane, batch);
	account_round(lane);
	in_session(lane, batch);
	in_open(lane, batch);
	in_accept(lane, batch);
	in_deliver(lane, batch);
	return (unsigned)(lane->rx_frames - before);
}

void
out_way(struct lane *lane, struct batch *batch)
{
	if (batch->live == 0)
		return;
	out_number(lane, batch);
	out_seal(lane, batch);
	out_encap(lane, batch);
	out_transmit(lane, batch);
}

static unsigned
out_from(struct lane *lane, struct tunnel *tunnel, struct port *port)
{
	struct batch *batch = &lane->batch;

	out_receive(lane, batch, tunnel, port);
	out_peer(lane, batch);
	out_way(lane, batch);
	return batch->count;
}

unsigned
lane_out(struct lane *lane, struct tunnel *tunnel)
{
	unsigned count = out_from(lane, tunnel, tunnel->inner);

	if (tunnel->pipeline != NULL)
		count += out_from(lane, tunnel, tunnel->pipeline);
	return count;
}

/* Frames that control made whole: handshakes and cookie replies. */
static unsigned
transmit_ready(struct lane *lane)
{
	struct rings_lane *rings = &lane->settings.rings->lanes[lane->settings.id];
	void *frames[LANE_BURST];
	unsigned left;
	unsigned count = rte_ring_dequeue_burst(rings->ready, frames, LANE_BURST, &left);
	unsigned sent;

	if (count == 0)
		return 0;
	if (count + left > lane->ready_most)
		lane->ready_most = count + left;
	sent = out_transmit_frames(lane, (struct rte_mbuf **)frames, count);
	for (unsigned i = sent; i < count; i++) {
		lane_count_drop(lane, NULL, DROP_OUT_TRANSMIT_FULL);
		rte_pktmbuf_free(frames[i]);
	}
	return count;
}

static void
wake_others(struct lane *lane)
{
	if (lane->settings.busy)
		return;
	if (lane->wake_control)
		bell_ring(&lane->settings.rings->bell);
	if (lane->wake_inner)
		for (unsigned i = 0; i < lane->directory->tunnel_count; i++)
			if (lane->directory->tunnels[i]->inner_bell != NULL)
				bell_ring(lane->directory->tunnels[i]->inner_bell);
}

static void
begin(struct lane *lane)
{
	lane->wake_control = false;
	lane->wake_inner = false;
	lane->directory = atomic_load_explicit(lane->settings.directory, memory_order_acquire);
}

unsigned
lane_round(struct lane *lane)
{
	unsigned work;

	begin(lane);
	work = lane_in(lane);
	for (unsigned i = 0; i < lane->directory->tunnel_count; i++)
		work += lane_out(lane, lane->directory->tunnels[i]);
	work += transmit_ready(lane);
	work += out_ordered(lane, &lane->batch);
	wake_others(lane);
	lane->work = work;
	lane->rounds++;
	lane->busy_rounds += work > 0;
	reclaim_quiescent(lane->settings.reclaim, lane->settings.id);
	return work;
}

void
lane_send(struct lane *lane, struct tunnel *tunnel)
{
	unsigned count;

	begin(lane);
	while ((count = lane_out(lane, tunnel)) > 0)
		lane->work += count;
	wake_others(lane);
}

/* What a bell is rung for; the underlay port has no bell. */
static bool
has_bell_work(struct lane *lane)
{
	const uint16_t id = (uint16_t)lane->settings.id;
	const struct rings_lane *rings = &lane->settings.rings->lanes[lane->settings.id];
	const struct directory *directory =
		atomic_load_explicit(lane->settings.directory, memory_order_acquire);

	for (unsigned i = 0; i < directory->tunnel_count; i++) {
		const struct tunnel *tunnel = directory->tunnels[i];

		if (tunnel->inner_bell != NULL && port_memory_pending(tunnel->inner, id) > 0)
			return true;
		if (tunnel->pipeline != NULL && port_doze(tunnel->pipeline, id))
			return true;
	}
	return !rte_ring_empty(rings->ordered) || !rte_ring_empty(rings->ready);
}

static void
nap(struct lane *lane, uint64_t nap_ns)
{
	struct bell *bell = &lane->settings.rings->lanes[lane->settings.id].bell;
	const int underlay = port_descriptor(lane->settings.underlay, (uint16_t)lane->settings.id);
	struct pollfd fds[2] = {[1] = {.fd = underlay, .events = POLLIN}};

	bell_sleep_begin(bell);
	if (has_bell_work(lane)) {
		bell_sleep_end(bell);
		return;
	}
	reclaim_offline(lane->settings.reclaim, lane->settings.id);
	bell_sleep(bell, fds, underlay >= 0, nap_ns);
	reclaim_online(lane->settings.reclaim, lane->settings.id);
}

void
lane_run(struct lane *lane, const _Atomic bool *stop)
{
	uint64_t nap_ns = NAP_FIRST_NS;
	unsigned idle = 0;

	reclaim_online(lane->settings.reclaim, lane->settings.id);
	while (!atomic_load_explicit(stop, memory_order_relaxed)) {
		if (lane_round(lane) > 0) {
			idle = 0;
			nap_ns = NAP_FIRST_NS;
		} else if (lane->settings.busy || ++idle < IDLE_ROUNDS_MAX) {
			rte_pause();
		} else {
			nap(lane, nap_ns);
			if (nap_ns < LANE_NAP_MAX_NS)
				nap_ns *= 2;
			if (nap_ns > LANE_NAP_MAX_NS)
				nap_ns = LANE_NAP_MAX_NS;
			/* A few rounds after each nap would cost more than they find. */
			idle = IDLE_ROUNDS_MAX;
		}
	}
	reclaim_offline(lane->settings.reclaim, lane->settings.id);
}
