/*
 * What a packet costs by memif, in cycles of the TSC: our port and DPDK's net_memif in turn, both
 * sides of each on one core, so that caches are as warm for one as for the other; and by the
 * library, where the other side is the caller, for which nothing is copied.
 * On the packet's way: in_deliver's and out_receive's port alone.
 * Threads: one, and EAL's, which connects DPDK's two ends.
 *
 * For each size and direction it takes bursts across, ours and DPDK's one after the other: the
 * sender's transmit and the receiver's receive, buffers taken and given back included; and, to be
 * subtracted, a copy of as many bytes alone, for each of the two. The figures are medians.
 */
#include "net/memif_channel.h"
#include "net/port_caller.h"
#include "net/port_memif.h"

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BURST 32
#define ROUNDS_DEFAULT 20000
#define SIZE_LOG2 10
#define BUFFER_LEN 2048
#define POOL_SIZE 8191
#define CONNECT_MS_MAX 5000

/* Takes a burst across; returns how many packets came out, in `out`. */
struct way {
	const char *name;
	uint16_t (*transmit)(unsigned end, struct rte_mbuf *mbufs[], uint16_t count);
	uint16_t (*receive)(unsigned end, struct rte_mbuf *mbufs[], uint16_t count);
};

/* End 0 is the server, 1 the client. */
static struct port *ours[2];
static uint16_t theirs[2];
static struct port *caller; /* end 0 is the lane, 1 who calls it */
static struct rte_mbuf *taken[BURST]; /* by who calls it */
static struct rte_mempool *pool;

static void
fail(const char *what)
{
	fprintf(stderr, "bench_memif: %s\n", what);
	exit(1);
}

/* --- Ours ------------------------------------------------------------------------------------- */

static uint16_t
ours_transmit(unsigned end, struct rte_mbuf *mbufs[], uint16_t count)
{
	return port_transmit(ours[end], 0, mbufs, count);
}

static uint16_t
ours_receive(unsigned end, struct rte_mbuf *mbufs[], uint16_t count)
{
	return port_receive(ours[end], 0, mbufs, count);
}

static void
connect_ours(struct memif_terms terms[2], struct memif_channel channels[2])
{
	int results[2];
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds) != 0)
		fail("no sockets");
	for (unsigned i = 0; i < 2; i++) {
		terms[i] = (struct memif_terms){
			.client = i == 1,
			.ring_max = 1,
			.size_log2 = SIZE_LOG2,
			.buffer_len = BUFFER_LEN,
		};
		if (memif_channel_init(&channels[i], &terms[i], fds[i]) != 0 ||
			port_memif_create(
				&(const struct port_memif_settings){
					.name = "bench", .queue_count = 1, .pool = pool},
				&ours[i]) != 0)
			fail("no memory");
	}
	do
		for (unsigned i = 0; i < 2; i++)
			results[i] = memif_channel_step(&channels[i]);
	while (results[0] >= 0 || results[1] >= 0);
	for (unsigned i = 0; i < 2; i++) {
		if (channels[i].state != MEMIF_UP)
			fail("our two ends do not connect");
		port_memif_connect(ours[i], memif_channel_take(&channels[i]));
	}
}

/* --- DPDK's ----------------------------------------------------------------------------------- */

static uint16_t
theirs_transmit(unsigned end, struct rte_mbuf *mbufs[], uint16_t count)
{
	return rte_eth_tx_burst(theirs[end], 0, mbufs, count);
}

static uint16_t
theirs_receive(unsigned end, struct rte_mbuf *mbufs[], uint16_t count)
{
	return rte_eth_rx_burst(theirs[end], 0, mbufs, count);
}

static void
open_theirs(unsigned end)
{
	const struct rte_eth_conf conf = {0};
	char name[32];
	char arguments[128];

	snprintf(name, sizeof(name), "net_memif%u", end);
	snprintf(arguments, sizeof(arguments),
		"role=%s,id=0,bsize=%d,rsize=%d,socket-abstract=yes,socket=bench-memif-%d",
		end == 0 ? "server" : "client", BUFFER_LEN, SIZE_LOG2, (int)getpid());
	if (rte_eal_hotplug_add("vdev", name, arguments) != 0 ||
		rte_eth_dev_get_port_by_name(name, &theirs[end]) != 0 ||
		rte_eth_dev_configure(theirs[end], 1, 1, &conf) != 0 ||
		rte_eth_rx_queue_setup(theirs[end], 0, 1024, 0, NULL, pool) != 0 ||
		rte_eth_tx_queue_setup(theirs[end], 0, 1024, 0, NULL) != 0 ||
		rte_eth_dev_start(theirs[end]) != 0)
		fail("DPDK's net_memif does not start");
}

static bool
is_up(uint16_t id)
{
	struct rte_eth_link link;

	return rte_eth_link_get_nowait(id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

static void
connect_theirs(void)
{
	unsigned waited = 0;

	open_theirs(0);
	open_theirs(1);
	while (!is_up(theirs[0]) || !is_up(theirs[1])) {
		if (waited++ > CONNECT_MS_MAX)
			fail("DPDK's two ends do not connect");
		rte_delay_us_sleep(1000);
	}
}

/* --- The library's ---------------------------------------------------------------------------- */

static uint16_t
caller_transmit(unsigned end, struct rte_mbuf *mbufs[], uint16_t count)
{
	if (end == 0)
		return port_transmit(caller, 0, mbufs, count);
	port_caller_give(caller, 0, mbufs, count);
	return count;
}

/* The caller's call begins with a place for packets, and ends with them in it. */
static uint16_t
caller_receive(unsigned end, struct rte_mbuf *mbufs[], uint16_t count)
{
	if (end == 0)
		return port_receive(caller, 0, mbufs, count);
	count = port_caller_taken(caller, 0);
	for (unsigned i = 0; i < count; i++)
		mbufs[i] = taken[i];
	port_caller_take(caller, 0, taken, BURST, 0);
	return count;
}

/* --- Measuring -------------------------------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const uint64_t one = *(const uint64_t *)a;
	const uint64_t other = *(const uint64_t *)b;

	return one < other ? -1 : one > other;
}

static double
median(uint64_t cycles[], unsigned count)
{
	const unsigned middle = count / 2;

	qsort(cycles, count, sizeof(*cycles), compare);
	return (double)cycles[middle] / BURST;
}

/* The cycles of one burst from `from` to the other end. */
static uint64_t
cross(const struct way *way, unsigned from, uint16_t len)
{
	struct rte_mbuf *in[BURST];
	struct rte_mbuf *out[BURST];
	uint64_t begin;
	uint64_t took;
	uint16_t got;

	/* A receiver offers its buffers when it looks for packets. */
	(void)way->receive(1 - from, out, BURST);
	if (rte_pktmbuf_alloc_bulk(pool, in, BURST) != 0)
		fail("no buffers");
	for (unsigned i = 0; i < BURST; i++)
		memset(rte_pktmbuf_append(in[i], len), (int)i, len);
	begin = rte_rdtsc_precise();
	if (way->transmit(from, in, BURST) != BURST)
		fail("a burst was not taken");
	got = way->receive(1 - from, out, BURST);
	took = rte_rdtsc_precise() - begin;
	if (got != BURST)
		fail("a burst did not come out");
	for (unsigned i = 0; i < BURST; i++)
		if (rte_pktmbuf_data_len(out[i]) != len ||
			*rte_pktmbuf_mtod(out[i], uint8_t *) != (uint8_t)i)
			fail("a packet came out another one");
	rte_pktmbuf_free_bulk(out, BURST);
	return took;
}

/* The two copies that each packet takes, of a burst. */
static uint64_t
copy(uint8_t *memory, uint16_t len)
{
	const uint64_t begin = rte_rdtsc_precise();

	for (unsigned way = 0; way < 2; way++)
		for (unsigned i = 0; i < BURST; i++)
			rte_memcpy(memory + (2 * i + 1 - way) * (size_t)BUFFER_LEN,
				memory + (2 * i + way) * (size_t)BUFFER_LEN, len);
	return rte_rdtsc_precise() - begin;
}

static void
measure(unsigned from, uint16_t len, unsigned rounds, uint8_t *memory)
{
	static const struct way ways[] = {
		{"guardlane", ours_transmit, ours_receive},
		{"net_memif", theirs_transmit, theirs_receive},
		{"library", caller_transmit, caller_receive},
	};
	enum { WAYS = RTE_DIM(ways), FIGURES };
	uint64_t *cycles[FIGURES];
	double figures[FIGURES];

	for (unsigned i = 0; i < FIGURES; i++) {
		cycles[i] = calloc(rounds, sizeof(*cycles[i]));
		if (cycles[i] == NULL)
			fail("no memory");
	}
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < WAYS; i++)
			cycles[i][round] = cross(&ways[i], from, len);
		cycles[WAYS][round] = copy(memory, len);
	}
	for (unsigned i = 0; i < FIGURES; i++) {
		figures[i] = median(cycles[i], rounds);
		free(cycles[i]);
	}
	printf("%-16s %5u %11.0f %11.0f %11.0f %11.0f\n",
		from == 0 ? "server to client" : "client to server", len, figures[0], figures[1],
		figures[2], figures[3]);
}

int
main(int argc, char *argv[])
{
	static const uint16_t lens[] = {64, 256, 576, 1434};
	/* Writable, as EAL wants its arguments. */
	static char texts[][24] = {"bench_memif", "--no-huge", "-m", "64", "--no-pci",
		"--no-telemetry", "--no-shconf", "--lcores", "0@(0,1)", "--log-level", "error"};
	char *eal[RTE_DIM(texts)];
	const unsigned rounds = argc == 3 && strcmp(argv[1], "--rounds") == 0
		? (unsigned)atoi(argv[2])
		: ROUNDS_DEFAULT;
	struct memif_terms terms[2];
	struct memif_channel channels[2];
	uint8_t *memory = calloc((size_t)BURST * 2, BUFFER_LEN);

	for (unsigned i = 0; i < RTE_DIM(texts); i++)
		eal[i] = texts[i];
	if (rounds == 0 || rte_eal_init(RTE_DIM(eal), eal) < 0)
		fail("usage: bench_memif [--rounds N]; EAL must start");
	pool = rte_pktmbuf_pool_create(
		"bench", POOL_SIZE, 256, 0, BUFFER_LEN + RTE_PKTMBUF_HEADROOM, (int)SOCKET_ID_ANY);
	if (pool == NULL || memory == NULL)
		fail("no memory");
	connect_ours(terms, channels);
	connect_theirs();
	if (port_caller_create("bench", 1, NULL, NULL, &caller) != 0)
		fail("no memory");
	printf("cycles a packet  bytes   guardlane   net_memif     library  copies alone\n");
	for (unsigned i = 0; i < RTE_DIM(lens); i++)
		for (unsigned from = 0; from < 2; from++)
			measure(from, lens[i], rounds, memory);
	for (unsigned i = 0; i < 2; i++) {
		port_close(ours[i]);
		memif_channel_fini(&channels[i]);
	}
	(void)port_caller_taken(caller, 0);
	port_close(caller);
	free(memory);
	/*
	 * DPDK's two ends go with the process. When one is closed, EAL's interrupt thread looks at
	 * the other's handle while that end frees it (22.11), and now and then dies of it.
	 */
	return 0;
}
