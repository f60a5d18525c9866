/*
 * Ports joined back to back: order, depth, ownership.
 */
#include "net/port.h"

#include "eal.h"

#include <rte_mbuf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rte_mempool *pool;
static struct port *ends[2];

static int
group_setup(void **state)
{
	if (eal_start() < 0)
		return -1;
	pool = eal_pool("memory", 2048);
	return pool != NULL ? 0 : -1;
}

static int
group_teardown(void **state)
{
	return eal_stop();
}

/* Takes `count` mbufs and numbers them from `first` in their packet length. */
static void
make(struct rte_mbuf *mbufs[], uint16_t count, uint16_t first)
{
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, mbufs, count), 0);
	for (uint16_t i = 0; i < count; i++)
		assert_non_null(rte_pktmbuf_append(mbufs[i], (uint16_t)(first + i)));
}

static void
expect(struct port *port, uint16_t queue, uint16_t count, uint16_t first)
{
	struct rte_mbuf *mbufs[64];
	assert_int_equal(port_receive(port, queue, mbufs, 64), count);
	for (uint16_t i = 0; i < count; i++)
		assert_int_equal(rte_pktmbuf_pkt_len(mbufs[i]), first + i);
	rte_pktmbuf_free_bulk(mbufs, count);
}

static void
ends_say_what_they_are(void **state)
{
	static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	for (unsigned ethernet = 0; ethernet < 2; ethernet++) {
		assert_int_equal(port_memory_pair("pair", 3, 8, ethernet != 0, ends), 0);
		for (unsigned end = 0; end < 2; end++) {
			assert_int_equal(ends[end]->queue_count, 3);
			assert_int_equal(ends[end]->ethernet, ethernet != 0);
			assert_memory_equal(ends[end]->mac, macs[end], 6);
			assert_int_equal(ends[end]->mtu, 1500);
		}
		assert_string_not_equal(ends[0]->name, ends[1]->name);
		port_close(ends[0]);
		port_close(ends[1]);
	}
}

static void
packets_cross_in_order_on_their_queue(void **state)
{
	struct rte_mbuf *mbufs[8];
	assert_int_equal(port_memory_pair("pair", 2, 16, true, ends), 0);
	make(mbufs, 8, 100);
	assert_int_equal(port_transmit(ends[0], 1, mbufs, 5), 5);
	assert_int_equal(port_transmit(ends[1], 1, mbufs + 5, 3), 3);
	expect(ends[0], 0, 0, 0);
	expect(ends[1], 0, 0, 0);
	assert_int_equal(port_memory_pending(ends[1], 1), 5);
	assert_int_equal(port_memory_pending(ends[0], 1), 3);
	assert_int_equal(port_memory_pending(ends[0], 0), 0);
	expect(ends[1], 1, 5, 100);
	expect(ends[0], 1, 3, 105);
	assert_int_equal(port_memory_pending(ends[1], 1), 0);
	port_close(ends[0]);
	port_close(ends[1]);
}

static void
no_more_than_depth_are_taken(void **state)
{
	struct rte_mbuf *mbufs[20];
	assert_int_equal(port_memory_pair("pair", 1, 16, false, ends), 0);
	make(mbufs, 20, 50);
	assert_int_equal(port_transmit(ends[0], 0, mbufs, 20), 16);
	assert_int_equal(port_transmit(ends[0], 0, mbufs + 16, 4), 0);
	/* The rest stays the sender's. */
	expect(ends[1], 0, 16, 50);
	assert_int_equal(port_transmit(ends[0], 0, mbufs + 16, 4), 4);
	expect(ends[1], 0, 4, 66);
	port_close(ends[1]);
	port_close(ends[0]);
}

static void
receiving_takes_no_more_than_asked_for(void **state)
{
	struct rte_mbuf *mbufs[8];
	assert_int_equal(port_memory_pair("pair", 1, 16, false, ends), 0);
	make(mbufs, 8, 10);
	assert_int_equal(port_transmit(ends[0], 0, mbufs, 8), 8);
	assert_int_equal(port_receive(ends[1], 0, mbufs, 3), 3);
	rte_pktmbuf_free_bulk(mbufs, 3);
	expect(ends[1], 0, 5, 13);
	port_close(ends[0]);
	port_close(ends[1]);
}

static void
a_queue_knows_how_full_it_was(void **state)
{
	struct rte_mbuf *mbufs[8];
	struct port_depth depth;
	assert_int_equal(port_memory_pair("pair", 2, 16, true, ends), 0);
	make(mbufs, 8, 10);
	assert_int_equal(port_transmit(ends[0], 1, mbufs, 8), 8);
	assert_int_equal(port_receive(ends[1], 1, mbufs, 3), 3);
	rte_pktmbuf_free_bulk(mbufs, 3);
	port_memory_depth(ends[1], 1, &depth);
	assert_int_equal(depth.waiting, 5);
	assert_int_equal(depth.most, 8);
	assert_int_equal(depth.room, 16);
	expect(ends[1], 1, 5, 13);
	port_memory_depth(ends[1], 1, &depth);
	assert_int_equal(depth.waiting, 0);
	assert_int_equal(depth.most, 8);
	port_memory_depth(ends[1], 0, &depth);
	assert_int_equal(depth.most, 0);
	port_close(ends[0]);
	port_close(ends[1]);
}

static void
closing_frees_what_waits(void **state)
{
	struct rte_mbuf *mbufs[16];
	const unsigned before = rte_mempool_avail_count(pool);
	assert_int_equal(port_memory_pair("pair", 2, 8, true, ends), 0);
	make(mbufs, 16, 10);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
			port_transmit(ends[i % 2], (uint16_t)(i / 2), mbufs + 4 * i, 4), 4);
	assert_int_equal(rte_mempool_avail_count(pool), before - 16);
	port_close(ends[0]);
	port_close(ends[1]);
	assert_int_equal(rte_mempool_avail_count(pool), before);
	port_close(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_say_what_they_are),
		cmocka_unit_test(packets_cross_in_order_on_their_queue),
		cmocka_unit_test(no_more_than_depth_are_taken),
		cmocka_unit_test(receiving_takes_no_more_than_asked_for),
		cmocka_unit_test(a_queue_knows_how_full_it_was),
		cmocka_unit_test(closing_frees_what_waits),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
