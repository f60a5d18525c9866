/*
 * Deferred freeing: an object that lanes may still look at is freed once each of them has passed
 * a quiescent state (RCU, rte_rcu_qsbr).
 * On the packet's way: lanes report quiescent once per round; everything else is the control's.
 * Threads: see each function.
 */
#pragma once

#include <rte_rcu_qsbr.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* Embedded in every object that is reclaimed, so that deferring needs no memory. */
struct reclaim_item {
	STAILQ_ENTRY(reclaim_item) entry;
	uint64_t token;
	void (*free)(struct reclaim_item *item);
};

struct reclaim {
	struct rte_rcu_qsbr *qsbr;
	STAILQ_HEAD(, reclaim_item) waiting; /* control; oldest first */
};

/* reclaim_init prepares for `lane_count` lanes, all offline. Returns 0 or -ENOMEM. */
int reclaim_init(struct reclaim *reclaim, unsigned lane_count) __attribute__((warn_unused_result));

/* reclaim_fini frees everything that waits; no lane may run any more. */
void reclaim_fini(struct reclaim *reclaim);

/* Lanes: online before the first look at a shared object, offline before sleeping or ending. */
static inline void
reclaim_online(struct reclaim *reclaim, unsigned lane)
{
	rte_rcu_qsbr_thread_online(reclaim->qsbr, lane);
}

static inline void
reclaim_offline(struct reclaim *reclaim, unsigned lane)
{
	rte_rcu_qsbr_thread_offline(reclaim->qsbr, lane);
}

/* reclaim_quiescent: this lane holds no pointer to any shared object now. */
static inline void
reclaim_quiescent(struct reclaim *reclaim, unsigned lane)
{
	rte_rcu_qsbr_quiescent(reclaim->qsbr, lane);
}

/*
 * reclaim_defer has `free` called on the item when no lane can hold its object any more. The object
 * must be unreachable for lanes already. Control, under its lock.
 */
void reclaim_defer(struct reclaim *reclaim, struct reclaim_item *item,
	void (*free)(struct reclaim_item *item));

/*
 * reclaim_start returns a token for what is unreachable for lanes from now on; reclaim_passed tells
 * whether no lane can hold it any more. For what is to be done then besides freeing. Control.
 */
static inline uint64_t
reclaim_start(struct reclaim *reclaim)
{
	return rte_rcu_qsbr_start(reclaim->qsbr);
}

static inline bool
reclaim_passed(struct reclaim *reclaim, uint64_t token)
{
	return rte_rcu_qsbr_check(reclaim->qsbr, token, false) == 1;
}

/* reclaim_poll frees what has waited long enough; returns how many still wait. Control. */
unsigned reclaim_poll(struct reclaim *reclaim);
