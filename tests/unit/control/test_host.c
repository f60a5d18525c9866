/*
 * The host thread when somebody removes its TUN: it says so, sleeps again, and serves the others.
 */
#include "control/host.h"

#include "lab.h"
#include "pair.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LANES 1
#define PATIENCE_MS 3000

struct bed {
	struct lab_log log;
	struct rings rings;
	struct rte_mempool *pool;
	struct host host;
	struct host_device *devices[2];
	struct port *ends[2]; /* the lanes' */
	pthread_t thread;
	_Atomic bool stop;
};

static void *
run(void *argument)
{
	struct bed *bed = argument;

	host_run(&bed->host, &bed->stop);
	return NULL;
}

static void
add(struct bed *bed, unsigned number, const char *name, const char *address)
{
	const struct prefix prefix = lab_prefix(address);
	struct port *ends[2];
	struct tun tun;

	assert_int_equal(tun_open(name, NULL, 1420, &prefix, 1, &bed->log.log, &tun), 0);
	assert_int_equal(port_memory_pair(name, LANES, 64, false, ends), 0);
	bed->ends[number] = ends[0];
	bed->devices[number] = host_add(&bed->host, &tun, ends[1]);
}

static void
begin(struct bed *bed)
{
	lab_enter();
	memset(bed, 0, sizeof(*bed));
	lab_log_init(&bed->log);
	bed->pool = rte_pktmbuf_pool_create("host", 511, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, 0);
	assert_non_null(bed->pool);
	assert_int_equal(rings_init(&bed->rings, "host", LANES, 1), 0);
	assert_int_equal(host_init(&bed->host, &bed->rings, bed->pool, false, &bed->log.log), 0);
	add(bed, 0, "wg0", "10.20.0.1/24");
	add(bed, 1, "wg1", "10.21.0.1/24");
	assert_int_equal(pthread_create(&bed->thread, NULL, run, bed), 0);
}

static void
end(struct bed *bed)
{
	atomic_store(&bed->stop, true);
	bell_ring(&bed->host.bell);
	pthread_join(bed->thread, NULL);
	host_fini(&bed->host);
	for (unsigned i = 0; i < 2; i++)
		port_close(bed->ends[i]);
	rings_fini(&bed->rings);
	assert_int_equal(rte_mempool_avail_count(bed->pool), 511);
	rte_mempool_free(bed->pool);
	lab_leave();
}

static uint64_t
cpu_ns(const struct bed *bed)
{
	struct timespec time;
	clockid_t clock;

	assert_int_equal(pthread_getcpuclockid(bed->thread, &clock), 0);
	assert_int_equal(clock_gettime(clock, &time), 0);
	return (uint64_t)time.tv_sec * NS_IN_S + (uint64_t)time.tv_nsec;
}

static void
a_tun_that_is_removed_is_said_once_and_let_be(void **state)
{
	struct rte_mbuf *mbuf = NULL;
	struct bed bed;
	uint64_t before_ns;

	begin(&bed);
	lab_run("ip link del wg0");
	for (unsigned i = 0; i < PATIENCE_MS && bed.log.count == 0; i++)
		usleep(1000);
	assert_true(lab_log_has(&bed.log, "the host device wg0 is gone"));
	assert_true(lab_log_has(&bed.log, "restarted"));

	/* Asleep: who spins would use all of the time. */
	before_ns = cpu_ns(&bed);
	usleep(500000);
	assert_in_range(cpu_ns(&bed) - before_ns, 0, 100 * NS_IN_MS);
	assert_int_equal(bed.log.count, 1);

	/* The other one goes on. */
	lab_run("ping -c 1 -W 1 10.21.0.2 >/dev/null; true");
	for (unsigned i = 0; i < PATIENCE_MS && port_receive(bed.ends[1], 0, &mbuf, 1) == 0; i++)
		usleep(1000);
	assert_non_null(mbuf);

	/* What is for the one that is gone is counted, and comes to no harm. */
	assert_int_equal(port_transmit(bed.ends[0], 0, &mbuf, 1), 1);
	bell_ring(&bed.host.bell);
	for (unsigned i = 0; i < PATIENCE_MS && port_memory_pending(bed.devices[0]->end, 0) > 0;
		i++)
		usleep(1000);
	end(&bed);
	assert_int_equal(bed.devices[0]->write_errors, 1);
}

static void
a_tun_that_is_down_is_not_gone(void **state)
{
	struct bed bed;

	begin(&bed);
	lab_run("ip link set wg0 down");
	usleep(100000);
	lab_run("ip link set wg0 up");
	lab_run("ping -c 1 -W 1 10.20.0.2 >/dev/null; true");
	for (unsigned i = 0; i < PATIENCE_MS && port_memory_pending(bed.ends[0], 0) == 0; i++)
		usleep(1000);
	assert_true(port_memory_pending(bed.ends[0], 0) > 0);
	assert_int_equal(bed.log.count, 0);
	end(&bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tun_that_is_removed_is_said_once_and_let_be),
		cmocka_unit_test(a_tun_that_is_down_is_not_gone),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
