/*
 * A full underlay port is tried again, for data and for handshakes alike.
 */
#include "datapath/stages.h"

#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* An underlay port that is full `refusals` times, and then takes as much as the real one. */
struct stubborn {
	struct port port;
	struct port *real;
	unsigned refusals;
};

static uint16_t
stubborn_receive(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count)
{
	return port_receive(((struct stubborn *)port)->real, queue, mbufs, count);
}

static uint16_t
stubborn_transmit(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count)
{
	struct stubborn *self = (struct stubborn *)port;

	if (self->refusals > 0) {
		self->refusals--;
		return 0;
	}
	return port_transmit(self->real, queue, mbufs, count);
}

static const struct port_ops stubborn_ops = {.receive = stubborn_receive,
	.transmit = stubborn_transmit};

static void
a_port_that_is_full_for_a_moment_loses_nothing(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct lane_settings *settings = &pair->sites[0].gateway->lanes[0].lane->settings;
	struct stubborn stubborn = {.real = settings->underlay};

	stubborn.port = *settings->underlay;
	stubborn.port.ops = &stubborn_ops;
	settings->underlay = &stubborn.port;
	stubborn.refusals = 2;
	pair_connect(pair, 0, 1);
	assert_int_equal(stubborn.refusals, 0);
	stubborn.refusals = 2;
	pair_send(pair, 0, 1, 7);
	pair_settle(pair);
	assert_int_equal(stubborn.refusals, 0);
	assert_int_equal(pair->sites[1].received_count, 1);
	pair_dropped(pair, 0, DROP_OUT_TRANSMIT_FULL, 0);
	settings->underlay = stubborn.real;
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_that_is_full_for_a_moment_loses_nothing),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
