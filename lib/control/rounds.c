/*
 * The rounds of the handshake thread: messages, what lanes raised, timers.
 * On the packet's way: beside it.
 * Threads: the handshake thread; rounds_do under the control lock.
 */
#include "control/rounds.h"

#include "base/random.h"
#include "control/admission.h"
#include "control/endpoint.h"
#include "control/handshake.h"
#include "control/signs.h"

#include <poll.h>
#include <sched.h>

#define RAISED_ROUND_MAX 64
#define DUE_ROUND_MAX 64
/* How often memory that lanes may hold is looked at while some waits. */
#define RECLAIM_INTERVAL_NS (10 * NS_IN_MS)
/* Longest sleep when lanes ring no bells, and otherwise. */
#define SLEEP_BUSY_NS NS_IN_MS
#define SLEEP_MAX_NS (60 * NS_IN_S)
/* How often the lock is left to others in a row, while there is work. */
#define YIELDS_MAX 64

/*
 * A round's share of messages, one of each tunnel in turn, so that none waits for another's; and
 * the next round begins with another tunnel.
 */
static unsigned
take_messages(struct control *control)
{
	const uint64_t now_ns = clock_boot_ns(control->clock);
	const unsigned turn = control->turn++;
	struct handshake_message message;
	unsigned count = 0;
	unsigned before;

	do {
		before = count;
		for (unsigned i = 0; i < control->tunnel_count; i++) {
			struct tunnel *tunnel =
				control->tunnels[(turn + i) % control->tunnel_count];
			const bool loaded = handshake_queue_under_load(tunnel->handshakes, now_ns);

			if (count >= (loaded ? ROUNDS_LOADED_MAX : ROUNDS_MESSAGES_MAX) ||
				!handshake_queue_take(tunnel->handshakes, &message))
				continue;
			handshake_take(control, tunnel, &message);
			count++;
		}
	} while (count > before);
	return count;
}

static void
take_raised_peer(struct control *control, struct peer *peer)
{
	/* Taken before it is looked at: what is raised meanwhile comes again. */
	const uint32_t bits = atomic_exchange_explicit(&peer->raised, 0, memory_order_acq_rel);

	if (peer->departing)
		return;
	if (bits & PEER_ROAMED)
		endpoint_roamed(control, peer);
	if (bits & PEER_CONFIRMED)
		handshake_confirmed(control, peer);
	if (bits & PEER_WANTS_SESSION)
		handshake_initiate(control, peer, false);
	handshake_schedule(control, peer);
}

static unsigned
take_raised(struct control *control)
{
	void *peers[RAISED_ROUND_MAX];
	unsigned left;
	unsigned count =
		rte_ring_dequeue_burst(control->rings->raised, peers, RAISED_ROUND_MAX, &left);

	if (count + left > control->raised_most)
		control->raised_most = count + left;
	for (unsigned i = 0; i < count; i++)
		take_raised_peer(control, peers[i]);
	return count;
}

static void
do_due(struct control *control, struct peer *peer, uint64_t now_ns)
{
	unsigned actions;

	/* One last look for the neighbour, before what waits for it is dropped. */
	if (peer->resolve_until_ns != 0 && now_ns >= peer->resolve_until_ns)
		endpoint_refresh(control, peer);
	if (peer->initiate_ns != 0 && now_ns >= peer->initiate_ns) {
		peer->initiate_ns = 0;
		handshake_initiate(control, peer, peer->initiate_retry);
	}
	actions = timers_due(&peer->timers, &peer->stamps, now_ns, random_jitter());
	/* In the order that timers_due() asks for: what is begun now must not be erased. */
	if (actions & TIMERS_ERASE) {
		peer_erase_sessions(peer);
		peer_erase_handshake(peer);
	}
	if (actions & TIMERS_FORGET_SOURCE)
		endpoint_forget_source(control, peer);
	if (actions & TIMERS_GIVE_UP)
		peer_order_all(peer, control->rings, PEER_DROP_STAGED);
	/* T3 begins to count attempts anew, and T1 never leaves that count at 0. */
	if ((actions & TIMERS_INITIATE) && peer->timers.attempts == 0)
		signs_data_unanswered(peer);
	if (actions & TIMERS_INITIATE)
		handshake_initiate(control, peer, true);
	if (actions & TIMERS_KEEPALIVE)
		peer_order_keepalive(peer, control->rings,
			actions & TIMERS_KEEPALIVE_AGAIN ? PEER_KEEPALIVE_AGAIN : 0);
	handshake_schedule(control, peer);
}

static unsigned
do_all_due(struct control *control)
{
	const uint64_t now_ns = clock_boot_ns(control->clock);
	struct peer *peer;
	unsigned count = 0;

	while (count < DUE_ROUND_MAX && (peer = due_first(&control->due)) != NULL &&
		peer->due_ns <= now_ns) {
		do_due(control, peer, now_ns);
		count++;
	}
	return count;
}

unsigned
rounds_do(struct control *control, uint64_t *next_ns)
{
	const struct peer *first;
	unsigned waiting;
	unsigned work = take_raised(control);

	work += admission_take(control);
	work += take_messages(control);
	work += do_all_due(control);
	waiting = reclaim_poll(control->reclaim);
	waiting += departures_poll(&control->departures);
	if (next_ns != NULL) {
		const uint64_t now_ns = clock_boot_ns(control->clock);

		first = due_first(&control->due);
		*next_ns = first == NULL ? UINT64_MAX : first->due_ns;
		if (waiting > 0 && *next_ns > now_ns + RECLAIM_INTERVAL_NS)
			*next_ns = now_ns + RECLAIM_INTERVAL_NS;
	}
	return work;
}

static uint64_t
sleep_ns(const struct control *control, uint64_t next_ns)
{
	const uint64_t now_ns = clock_boot_ns(control->clock);
	const uint64_t most_ns = control->lanes_busy ? SLEEP_BUSY_NS : SLEEP_MAX_NS;

	if (next_ns <= now_ns)
		return 0;
	return next_ns - now_ns < most_ns ? next_ns - now_ns : most_ns;
}

/* Others that wait for the lock get it now: a mutex alone would give it back to us at once. */
static void
let_others_in(struct control *control)
{
	for (unsigned tries = 0; tries < YIELDS_MAX && control_waited_for(control); tries++)
		sched_yield();
}

void
rounds_run(struct control *control, const _Atomic bool *stop)
{
	struct rings *rings = control->rings;
	struct pollfd fd;
	uint64_t next_ns;
	unsigned work;

	while (!atomic_load_explicit(stop, memory_order_relaxed)) {
		control_lock_again(control);
		work = rounds_do(control, &next_ns);
		/* Before the lock is given up: who then makes something due earlier rings. */
		if (work == 0)
			bell_sleep_begin(&rings->bell);
		control_unlock(control);
		if (work > 0)
			let_others_in(control);
		else if (rings_handshake_count(rings) > 0 || !rte_ring_empty(rings->raised) ||
			atomic_load_explicit(stop, memory_order_relaxed))
			bell_sleep_end(&rings->bell);
		else
			bell_sleep(&rings->bell, &fd, 0, sleep_ns(control, next_ns));
	}
}
