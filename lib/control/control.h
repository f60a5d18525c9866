/*
 * What the control side shares: everything that is not a lane's, under one lock.
 * On the packet's way: beside it.
 * Threads: handshake, management and resolver thread, each under `lock`; none is a lane.
 */
#pragma once

#include "base/thread.h"
#include "base/clock.h"
#include "base/log.h"
#include "control/due.h"
#include "net/nexthop.h"
#include "table/known_sources.h"
#include "table/source_limiter.h"
#include "tunnel/departures.h"
#include "tunnel/directory.h"
#include "tunnel/reclaim.h"
#include "tunnel/rings.h"

#include <rte_mempool.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* A bucket of cookie replies that may be made, as time: each takes some, and it fills up. */
struct cookie_budget {
	uint64_t filled_ns; /* boot clock: when `tokens_ns` was right; 0: never */
	uint64_t tokens_ns;
};

struct control {
	/* Held over a whole reconfiguration, and taken before `lock`; see reconfigure.h. */
	pthread_mutex_t reconfiguring;
	uint64_t reconfigurations; /* under it: how many were begun */
	pthread_mutex_t lock;
	_Atomic unsigned waiting; /* threads in control_lock() */
	/* Set once, before any thread runs. */
	const struct clock *clock;
	const struct log *log;
	struct rings *rings;
	struct reclaim *reclaim;
	struct nexthops *nexthops;
	struct rte_mempool *pool; /* for frames of our own; not the lanes' pool */
	bool lanes_busy; /* lanes do not ring bells */
	struct thread_hook threads; /* for lookups */
	/* Under the lock. */
	struct tunnel *tunnels[DIRECTORY_TUNNELS_MAX];
	unsigned tunnel_count;
	struct due due; /* peers, by when their timers must be looked at */
	/* While under load, over all tunnels; for strangers, and for known sources. */
	struct source_limiter *limiters[HANDSHAKE_LINE_COUNT]; /* of handshakes */
	struct cookie_budget cookies[RINGS_SHARE_COUNT]; /* of cookie replies, by ring */
	struct known_sources *known; /* where peers are; lanes: read */
	unsigned turn; /* the tunnel whose messages come first in the next round */
	struct departures departures; /* peers that were removed */
	uint32_t handshakes_most; /* entries that ever waited in these rings */
	uint32_t raised_most;
	/* Under the lock: written; lanes: read. */
	_Atomic(struct directory *) directory;
};

/* What a control side is made from; all of it outlives it. */
struct control_settings {
	const struct clock *clock;
	const struct log *log;
	struct rings *rings;
	struct reclaim *reclaim;
	struct nexthops *nexthops;
	struct rte_mempool *pool;
	bool lanes_busy;
	struct thread_hook threads;
};

/* control_init prepares it with an empty directory. Returns 0 or a negative errno. */
int control_init(struct control *control, const struct control_settings *settings)
	__attribute__((warn_unused_result));

/* control_fini destroys the tunnels and frees everything; no thread may run. */
void control_fini(struct control *control);

/*
 * control_lock, control_unlock: around everything below and in the other headers of control. The
 * handshake thread, which takes the lock again and again, uses control_lock_again instead, and
 * looks by control_waited_for whether somebody else wants it.
 */
static inline void
control_lock_again(struct control *control)
{
	pthread_mutex_lock(&control->lock);
}

static inline void
control_lock(struct control *control)
{
	atomic_fetch_add_explicit(&control->waiting, 1, memory_order_relaxed);
	pthread_mutex_lock(&control->lock);
	atomic_fetch_sub_explicit(&control->waiting, 1, memory_order_relaxed);
}

static inline void
control_unlock(struct control *control)
{
	pthread_mutex_unlock(&control->lock);
}

static inline bool
control_waited_for(const struct control *control)
{
	return atomic_load_explicit(&control->waiting, memory_order_relaxed) > 0;
}

/*
 * control_add_tunnel takes the tunnel over and publishes it to the lanes. Returns 0, -EEXIST if its
 * listen port is taken by another one, -ENOSPC beyond DIRECTORY_TUNNELS_MAX, or -ENOMEM.
 */
int control_add_tunnel(struct control *control, struct tunnel *tunnel)
	__attribute__((warn_unused_result));

/*
 * control_publish_directory makes the directory anew from tunnels and local addresses, in memory
 * from calloc that it takes over; NULL: its own, or -ENOMEM.
 */
int control_publish_directory(struct control *control, struct directory *directory)
	__attribute__((warn_unused_result));
