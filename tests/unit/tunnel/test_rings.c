/*
 * The rings between lanes and control: depths, and levels that are in a ring once.
 */
#include "tunnel/rings.h"

#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PEERS 5

static void
rings_have_the_depth_they_say(void **state)
{
	struct rings rings;
	int thing = 0;

	assert_int_equal(rings_init(&rings, "depth", 2, PEERS), 0);
	for (unsigned share = 0; share < RINGS_SHARE_COUNT; share++) {
		for (unsigned i = 0; i < RINGS_SHARE_DEPTH; i++)
			assert_int_equal(rte_ring_enqueue(rings.handshakes[share], &thing), 0);
		assert_true(rte_ring_enqueue(rings.handshakes[share], &thing) < 0);
	}
	assert_int_equal(rings_handshake_count(&rings), RINGS_HANDSHAKE_DEPTH);
	for (unsigned share = 0; share < RINGS_SHARE_COUNT; share++)
		rte_ring_reset(rings.handshakes[share]);
	for (unsigned lane = 0; lane < 2; lane++)
		assert_int_equal(rte_ring_free_count(rings.lanes[lane].ready), RINGS_READY_DEPTH);
	assert_true(rte_ring_free_count(rings.raised) >= PEERS);
	rings_fini(&rings);
	rings_fini(&rings);
}

static void
what_is_raised_twice_is_in_the_ring_once(void **state)
{
	struct peer *peer = aligned_alloc(64, (peer_size(2) + 63) & ~(size_t)63);
	struct rings rings;
	void *got = NULL;

	assert_non_null(peer);
	memset(peer, 0, peer_size(2));
	assert_int_equal(rings_init(&rings, "level", 2, PEERS), 0);
	peer_raise(peer, &rings, PEER_WANTS_SESSION);
	peer_raise(peer, &rings, PEER_ROAMED);
	assert_int_equal(rte_ring_count(rings.raised), 1);
	assert_int_equal(rte_ring_dequeue(rings.raised, &got), 0);
	assert_ptr_equal(got, peer);
	assert_int_equal(atomic_exchange(&peer->raised, 0), PEER_WANTS_SESSION | PEER_ROAMED);
	peer_raise(peer, &rings, PEER_CONFIRMED);
	assert_int_equal(rte_ring_count(rings.raised), 1);

	peer_order(peer, &rings, 1, PEER_FLUSH);
	peer_order_all(peer, &rings, PEER_KEEPALIVE);
	assert_int_equal(rte_ring_count(rings.lanes[0].ordered), 1);
	assert_int_equal(rte_ring_count(rings.lanes[1].ordered), 1);
	assert_int_equal(atomic_load(&peer->lanes[0].orders), PEER_KEEPALIVE);
	assert_int_equal(atomic_load(&peer->lanes[1].orders), PEER_FLUSH | PEER_KEEPALIVE);
	rings_fini(&rings);
	free(peer);
}

static void
buffers_that_wait_are_freed(void **state)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"rings", 63, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	struct rings rings;

	assert_non_null(pool);
	assert_int_equal(rings_init(&rings, "wait", 1, PEERS), 0);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(rte_ring_enqueue(rings.handshakes[i % RINGS_SHARE_COUNT],
					 rte_pktmbuf_alloc(pool)),
			0);
		assert_int_equal(
			rte_ring_enqueue(rings.lanes[0].ready, rte_pktmbuf_alloc(pool)), 0);
	}
	assert_int_equal(rte_mempool_avail_count(pool), 53);
	rings_fini(&rings);
	assert_int_equal(rte_mempool_avail_count(pool), 63);
	rte_mempool_free(pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rings_have_the_depth_they_say),
		cmocka_unit_test(what_is_raised_twice_is_in_the_ring_once),
		cmocka_unit_test(buffers_that_wait_are_freed),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
