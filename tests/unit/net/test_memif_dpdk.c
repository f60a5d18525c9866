/*
 * Our memif with DPDK's driver at the other end, in both roles, over real sockets.
 */
#include "net/memif_channel.h"
#include "net/memif_socket.h"
#include "net/port_memif.h"

#include "eal.h"

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define RINGS 2
#define WAIT_MS 20000

static struct rte_mempool *pool;

struct both {
	char path[MEMIF_PATH_MAX + 1];
	char device[32];
	struct memif_terms terms;
	struct memif_channel channel;
	struct port *port; /* ours */
	uint16_t id; /* DPDK's */
};

static int
group_setup(void **state)
{
	if (eal_start() < 0)
		return -1;
	pool = eal_pool("memif", 2048);
	return pool != NULL ? 0 : -1;
}

static int
group_teardown(void **state)
{
	return eal_stop();
}

static void
dpdk_open(struct both *both, bool server)
{
	const struct rte_eth_conf conf = {0};
	const char *name = both->path[0] == '@' ? both->path + 1 : both->path;
	char arguments[256];

	snprintf(both->device, sizeof(both->device), "net_memif%d", (int)server);
	snprintf(arguments, sizeof(arguments), "role=%s,id=5,rsize=6,socket-abstract=%s,socket=%s",
		server ? "server" : "client", both->path[0] == '@' ? "yes" : "no", name);
	assert_int_equal(rte_eal_hotplug_add("vdev", both->device, arguments), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name(both->device, &both->id), 0);
	assert_int_equal(rte_eth_dev_configure(both->id, RINGS, RINGS, &conf), 0);
	for (uint16_t i = 0; i < RINGS; i++) {
		assert_int_equal(rte_eth_rx_queue_setup(both->id, i, 64, 0, NULL, pool), 0);
		assert_int_equal(rte_eth_tx_queue_setup(both->id, i, 64, 0, NULL), 0);
	}
	assert_int_equal(rte_eth_dev_start(both->id), 0);
}

static void
begin(struct both *both, bool client, const char *path)
{
	*both = (struct both){
		.terms =
			{
				.client = client,
				.id = 5,
				.mode = MEMIF_MODE_ETHERNET,
				.ring_max = RINGS,
				.size_log2 = 6,
				.buffer_len = 2048,
				.name = "ours",
			},
	};
	snprintf(both->path, sizeof(both->path), "%s-%d", path, (int)getpid());
	assert_int_equal(port_memif_create(
				 &(const struct port_memif_settings){
					 .name = "memif", .queue_count = RINGS, .pool = pool},
				 &both->port),
		0);
}

/* DPDK's side of it runs on EAL's interrupt thread. */
static void
agree(struct both *both, int fd)
{
	int result = 0;

	assert_true(fd >= 0);
	assert_int_equal(memif_channel_init(&both->channel, &both->terms, fd), 0);
	for (unsigned ms = 0; result != 1 && ms < WAIT_MS; ms++) {
		result = memif_channel_step(&both->channel);
		if (result < 0)
			assert_int_equal(result, -EAGAIN);
		rte_delay_us_sleep(1000);
	}
	assert_int_equal(result, 1);
	port_memif_connect(both->port, memif_channel_take(&both->channel));
}

static void
connect_both(struct both *both)
{
	struct rte_eth_link link = {.link_status = RTE_ETH_LINK_DOWN};

	if (both->terms.client) {
		dpdk_open(both, true);
		agree(both, memif_socket_connect(both->path));
	} else {
		const int listener = memif_socket_listen(both->path);

		assert_true(listener >= 0);
		dpdk_open(both, false);
		agree(both, memif_socket_accept(listener));
		memif_socket_close(listener, both->path);
	}
	for (unsigned ms = 0; link.link_status != RTE_ETH_LINK_UP && ms < WAIT_MS; ms++) {
		rte_delay_us_sleep(1000);
		assert_int_equal(rte_eth_link_get_nowait(both->id, &link), 0);
	}
	assert_int_equal(link.link_status, RTE_ETH_LINK_UP);
}

static void
fill(struct rte_mbuf *mbufs[], uint16_t count, uint16_t len)
{
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, mbufs, count), 0);
	for (uint16_t i = 0; i < count; i++) {
		uint8_t *data = (uint8_t *)rte_pktmbuf_append(mbufs[i], len);

		assert_non_null(data);
		for (uint16_t k = 0; k < len; k++)
			data[k] = (uint8_t)(i + k);
	}
}

static void
expect(struct rte_mbuf *mbufs[], uint16_t count, uint16_t len)
{
	for (uint16_t i = 0; i < count; i++) {
		const uint8_t *data = rte_pktmbuf_mtod(mbufs[i], const uint8_t *);

		assert_int_equal(rte_pktmbuf_data_len(mbufs[i]), len);
		for (uint16_t k = 0; k < len; k++)
			assert_int_equal(data[k], (uint8_t)(i + k));
	}
	rte_pktmbuf_free_bulk(mbufs, count);
}

/* Bursts both ways, on both rings, past the wrap of the indices' low bits many times. */
static void
carry(struct both *both, uint16_t len)
{
	struct rte_mbuf *mbufs[16];

	for (unsigned round = 0; round < 200; round++) {
		const uint16_t queue = round % RINGS;

		/* A receiver offers its buffers when it looks for packets. */
		(void)rte_eth_rx_burst(both->id, queue, mbufs, 16);
		fill(mbufs, 16, len);
		assert_int_equal(port_transmit(both->port, queue, mbufs, 16), 16);
		assert_int_equal(rte_eth_rx_burst(both->id, queue, mbufs, 16), 16);
		expect(mbufs, 16, len);
		fill(mbufs, 16, len);
		assert_int_equal(rte_eth_tx_burst(both->id, queue, mbufs, 16), 16);
		assert_int_equal(port_receive(both->port, queue, mbufs, 16), 16);
		expect(mbufs, 16, len);
	}
}

static void
end(struct both *both)
{
	assert_int_equal(rte_eth_dev_stop(both->id), 0);
	assert_int_equal(rte_eth_dev_close(both->id), 0);
	assert_int_equal(rte_eal_hotplug_remove("vdev", both->device), 0);
	port_close(both->port);
	memif_channel_fini(&both->channel);
	if (both->path[0] != '@')
		unlink(both->path);
}

static void
check_role(bool client, const char *path)
{
	struct both both;

	begin(&both, client, path);
	connect_both(&both);
	assert_int_equal(port_memif_link(both.port)->rx_count, RINGS);
	assert_int_equal(port_memif_link(both.port)->tx_count, RINGS);
	carry(&both, 64);
	carry(&both, 1514);
	end(&both);
}

static void
as_a_server(void **state)
{
	check_role(false, "/tmp/guardlane-memif");
	check_role(false, "@guardlane-memif");
}

static void
as_a_client(void **state)
{
	check_role(true, "/tmp/guardlane-memif");
	check_role(true, "@guardlane-memif");
}

static void
only_the_owner_may_connect(void **state)
{
	struct stat status;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/tmp/guardlane-memif-%d", (int)getpid());
	fd = memif_socket_listen(path);
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(memif_socket_listen(path), -EADDRINUSE);
	/* Left behind by one that was killed. */
	close(fd);
	fd = memif_socket_listen(path);
	assert_true(fd >= 0);
	memif_socket_close(fd, path);
	assert_int_equal(memif_socket_connect(path), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_a_server),
		cmocka_unit_test(as_a_client),
		cmocka_unit_test(only_the_owner_may_connect),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
