/*
 * DPDK's virtual devices as ports: af_packet over a veth pair, and what is refused.
 */
#include "net/port.h"

#include "eal.h"
#include "lab.h"

#include <rte_mbuf.h>

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* An EtherType for local experiments, which no stack answers. */
static const uint8_t frame_type[2] = {0x88, 0xb5};

static struct rte_mempool *pool;
static struct lab_log lab_log;
static struct port *port;

static int
group_setup(void **state)
{
	lab_enter();
	if (eal_start() < 0)
		return -1;
	pool = eal_pool("ethdev", 2048);
	return pool != NULL ? 0 : -1;
}

static int
group_teardown(void **state)
{
	lab_leave();
	return eal_stop();
}

static int
setup(void **state)
{
	lab_log_init(&lab_log);
	port = NULL;
	return 0;
}

/* A frame of `len` bytes that counts its bytes from `first`, to `mac`. */
static void
frame_make(uint8_t *frame, size_t len, const uint8_t mac[6], uint8_t first)
{
	memset(frame, 0x02, 12);
	memcpy(frame, mac, 6);
	memcpy(frame + 12, frame_type, sizeof(frame_type));
	for (size_t i = 14; i < len; i++)
		frame[i] = (uint8_t)(first + i);
}

static bool
frame_is_ours(const uint8_t *frame, size_t len)
{
	return len >= 14 && memcmp(frame + 12, frame_type, sizeof(frame_type)) == 0;
}

/* Receives until one of our frames comes, from any queue; NULL after a while without. */
static struct rte_mbuf *
receive_ours(void)
{
	for (unsigned attempt = 0; attempt < 200; attempt++) {
		for (uint16_t q = 0; q < port->queue_count; q++) {
			struct rte_mbuf *mbuf;
			if (port_receive(port, q, &mbuf, 1) == 0)
				continue;
			if (frame_is_ours(rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->data_len))
				return mbuf;
			rte_pktmbuf_free(mbuf);
		}
		usleep(1000);
	}
	return NULL;
}

static void
frames_come_in(size_t len)
{
	uint8_t frame[9100];
	int fd = lab_packet_socket(true, "p0");
	for (uint8_t i = 0; i < 10; i++) {
		frame_make(frame, len, port->mac, i);
		assert_int_equal(send(fd, frame, len, 0), (ssize_t)len);
	}
	for (uint8_t i = 0; i < 10; i++) {
		struct rte_mbuf *mbuf = receive_ours();
		assert_non_null(mbuf);
		frame_make(frame, len, port->mac, i);
		assert_int_equal(mbuf->pkt_len, len);
		assert_memory_equal(rte_pktmbuf_mtod(mbuf, void *), frame, len);
		rte_pktmbuf_free(mbuf);
	}
	close(fd);
}

static void
frames_go_out(uint16_t queue, struct rte_mempool *from, size_t len)
{
	uint8_t frame[9100];
	uint8_t seen[9100];
	uint8_t mac[6];
	int fd = lab_packet_socket(true, "p0");

	lab_mac(true, "p0", mac);
	frame_make(frame, len, mac, queue);
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(from);
	assert_non_null(mbuf);
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), frame, len);
	assert_int_equal(port_transmit(port, queue, &mbuf, 1), 1);
	ssize_t got = 0;
	do {
		struct pollfd pollfd = {.fd = fd, .events = POLLIN};
		assert_int_equal(poll(&pollfd, 1, 1000), 1);
		got = recv(fd, seen, sizeof(seen), 0);
		assert_true(got > 0);
	} while (!frame_is_ours(seen, (size_t)got));
	assert_int_equal(got, len);
	assert_memory_equal(seen, frame, len);
	close(fd);
}

static void
af_packet_passes_frames_both_ways(void **state)
{
	uint8_t mac[6];
	lab_mac(false, "u0", mac);
	/* Twice: closing leaves nothing that would be in the way. */
	for (unsigned i = 0; i < 2; i++) {
		const unsigned before = rte_mempool_avail_count(pool);
		assert_int_equal(port_af_packet_open("u0", 1, pool, &lab_log.log, &port), 0);
		assert_int_equal(port->queue_count, 1);
		assert_true(port->ethernet);
		assert_int_equal(port->mtu, 1500);
		assert_memory_equal(port->mac, mac, 6);
		assert_non_null(strstr(port->name, "u0"));
		frames_come_in(60);
		frames_come_in(1514);
		frames_go_out(0, pool, 60);
		frames_go_out(0, pool, 1514);
		port_close(port);
		assert_int_equal(rte_mempool_avail_count(pool), before);
	}
	assert_int_equal(lab_log.count, 0);
}

static void
af_packet_has_as_many_queues_as_asked_for(void **state)
{
	assert_int_equal(port_af_packet_open("u0", 2, pool, &lab_log.log, &port), 0);
	assert_int_equal(port->queue_count, 2);
	frames_come_in(100);
	frames_go_out(0, pool, 100);
	frames_go_out(1, pool, 100);
	port_close(port);
}

static void
af_packet_takes_the_interface_s_mtu(void **state)
{
	struct rte_mempool *large = eal_pool("large", 9216);
	assert_non_null(large);
	lab_run("ip link set u0 mtu 9000");
	lab_run_there("ip link set p0 mtu 9000");
	assert_int_equal(port_af_packet_open("u0", 1, pool, &lab_log.log, &port), -EMSGSIZE);
	assert_true(lab_log_has(&lab_log, "MTU of 9000"));
	assert_int_equal(lab_log.count, 1);
	assert_int_equal(port_af_packet_open("u0", 1, large, &lab_log.log, &port), 0);
	assert_int_equal(port->mtu, 9000);
	frames_come_in(9014);
	frames_go_out(0, large, 9014);
	port_close(port);
	rte_mempool_free(large);
	lab_run("ip link set u0 mtu 1500");
	lab_run_there("ip link set p0 mtu 1500");
}

static void
af_packet_refuses_what_is_no_underlay(void **state)
{
	assert_int_equal(port_af_packet_open("none0", 1, pool, &lab_log.log, &port), -ENODEV);
	assert_true(lab_log_has(&lab_log, "none0: there is no such network interface"));
	assert_int_equal(port_af_packet_open("lo", 1, pool, &lab_log.log, &port), -ENOTSUP);
	assert_true(lab_log_has(&lab_log, "lo is not an Ethernet interface"));
	lab_run("ip link set e0 down");
	assert_int_equal(port_af_packet_open("e0", 1, pool, &lab_log.log, &port), -ENETDOWN);
	assert_true(lab_log_has(&lab_log, "e0 is down"));
	lab_run("ip link set e0 up");
	assert_int_equal(port_af_packet_open("a,b=c", 1, pool, &lab_log.log, &port), -EINVAL);
	assert_int_equal(lab_log.count, 4);
}

static void
same_interface_twice_is_refused(void **state)
{
	struct port *second;
	assert_int_equal(port_af_packet_open("u0", 1, pool, &lab_log.log, &port), 0);
	assert_int_equal(port_af_packet_open("u0", 1, pool, &lab_log.log, &second), -EEXIST);
	assert_int_equal(lab_log.count, 1);
	frames_come_in(100);
	port_close(port);
}

static void
vdev_opens_other_drivers(void **state)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
	assert_non_null(mbuf);
	assert_int_equal(port_vdev_open("net_ring0", 1, pool, &lab_log.log, &port), 0);
	assert_string_equal(port->name, "net_ring0");
	assert_true(port->ethernet);
	assert_int_equal(port->mtu, 1500);
	/* A ring of DPDK's gives back what it was given. */
	assert_int_equal(port_transmit(port, 0, &mbuf, 1), 1);
	assert_int_equal(port_receive(port, 0, &mbuf, 1), 1);
	rte_pktmbuf_free(mbuf);
	port_close(port);
	assert_int_equal(port_vdev_open("net_null0,no-rx=1", 2, pool, &lab_log.log, &port), 0);
	assert_int_equal(port_receive(port, 1, &mbuf, 1), 0);
	port_close(port);
	assert_int_equal(lab_log.count, 0);
}

static void
vdev_takes_the_kernel_s_mtu_where_there_is_one(void **state)
{
	lab_run("ip link set u0 mtu 1400");
	assert_int_equal(
		port_vdev_open("net_af_packet7,iface=u0", 1, pool, &lab_log.log, &port), 0);
	assert_int_equal(port->mtu, 1400);
	port_close(port);
	lab_run("ip link set u0 mtu 1500");
}

static void
vdev_refuses_in_words(void **state)
{
	static const struct {
		const char *device;
		uint16_t queue_count;
		const char *words;
	} refused[] = {
		{"", 1, "as DPDK's --vdev takes it"},
		{",iface=u0", 1, "as DPDK's --vdev takes it"},
		{"net_tun0", 1, "has no Ethernet header"},
		{"net_nonsense0", 1, "cannot create the device net_nonsense0"},
		{"net_af_packet0,iface=none0", 1, "cannot create the device net_af_packet0"},
		{"net_af_packet0,iface=u0,qpairs=1", 2, "1 receive and 1 transmit queues"},
		{"crypto_null0", 1, "crypto_null0 is not a network device"},
	};
	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		lab_log_init(&lab_log);
		assert_true(port_vdev_open(refused[i].device, refused[i].queue_count, pool,
				    &lab_log.log, &port) < 0);
		assert_true(lab_log_has(&lab_log, refused[i].words));
		assert_int_equal(lab_log.count, 1);
	}
	/* What was refused is gone again. */
	assert_int_equal(
		port_vdev_open("net_af_packet0,iface=u0", 1, pool, &lab_log.log, &port), 0);
	port_close(port);
}

static void
pci_takes_addresses_of_pci_devices_only(void **state)
{
	static const char *const refused[] = {"", ",a=1", "eth0", "0000:3b:00", "0000:3b:00.0x"};

	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		lab_log_init(&lab_log);
		assert_int_equal(port_pci_open(refused[i], 1, pool, &lab_log.log, &port), -EINVAL);
		assert_true(lab_log_has(&lab_log, "is not the address of a PCI device"));
		assert_int_equal(lab_log.count, 1);
	}
	/* With and without its domain it is the same one. */
	lab_log_init(&lab_log);
	assert_true(port_pci_open("3b:00.0,a=1", 1, pool, &lab_log.log, &port) < 0);
	assert_true(lab_log_has(&lab_log, "cannot create the device 0000:3b:00.0,a=1"));
}

#define PORT_TEST(name) cmocka_unit_test_setup(name, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PORT_TEST(af_packet_passes_frames_both_ways),
		PORT_TEST(af_packet_has_as_many_queues_as_asked_for),
		PORT_TEST(af_packet_takes_the_interface_s_mtu),
		PORT_TEST(af_packet_refuses_what_is_no_underlay),
		PORT_TEST(same_interface_twice_is_refused),
		PORT_TEST(vdev_opens_other_drivers),
		PORT_TEST(vdev_takes_the_kernel_s_mtu_where_there_is_one),
		PORT_TEST(vdev_refuses_in_words),
		PORT_TEST(pci_takes_addresses_of_pci_devices_only),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
