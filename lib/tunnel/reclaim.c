/*
 * Deferred freeing over rte_rcu_qsbr: a queue of tokens in order.
 * On the packet's way: beside it.
 * Threads: control, under its lock.
 */
#include "tunnel/reclaim.h"

#include <rte_malloc.h>

#include <errno.h>

int
reclaim_init(struct reclaim *reclaim, unsigned lane_count)
{
	STAILQ_INIT(&reclaim->waiting);
	reclaim->qsbr =
		rte_zmalloc("reclaim", rte_rcu_qsbr_get_memsize(lane_count), RTE_CACHE_LINE_SIZE);
	if (reclaim->qsbr == NULL)
		return -ENOMEM;
	rte_rcu_qsbr_init(reclaim->qsbr, lane_count);
	for (unsigned lane = 0; lane < lane_count; lane++)
		rte_rcu_qsbr_thread_register(reclaim->qsbr, lane);
	return 0;
}

void
reclaim_fini(struct reclaim *reclaim)
{
	struct reclaim_item *item;

	while ((item = STAILQ_FIRST(&reclaim->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&reclaim->waiting, entry);
		item->free(item);
	}
	rte_free(reclaim->qsbr);
	reclaim->qsbr = NULL;
}

void
reclaim_defer(
	struct reclaim *reclaim, struct reclaim_item *item, void (*free)(struct reclaim_item *item))
{
	item->free = free;
	item->token = rte_rcu_qsbr_start(reclaim->qsbr);
	STAILQ_INSERT_TAIL(&reclaim->waiting, item, entry);
}

unsigned
reclaim_poll(struct reclaim *reclaim)
{
	struct reclaim_item *item;
	unsigned waiting = 0;

	while ((item = STAILQ_FIRST(&reclaim->waiting)) != NULL) {
		if (rte_rcu_qsbr_check(reclaim->qsbr, item->token, false) == 0)
			break;
		STAILQ_REMOVE_HEAD(&reclaim->waiting, entry);
		item->free(item);
	}
	STAILQ_FOREACH (item, &reclaim->waiting, entry)
		waiting++;
	return waiting;
}
