/*
 * Ports that DPDK's drivers run: af_packet, whatever else EAL takes as a vdev, and PCI devices.
 * On the packet's way: in_receive's and out_transmit's port, when it is one.
 * Threads: a queue belongs to one lane; opening and closing to management, with no lane running.
 */
#include "net/port.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_pci.h>

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Descriptors per queue, where the driver has such; adjusted to its limits. */
#define QUEUE_DESCRIPTORS 1024

/* net_af_packet: the kernel writes frames into a ring of fixed places in blocks of pages. */
#define AF_PACKET_QUEUE_LEN (16U << 20) /* bytes of one ring at most; each queue has two */
#define AF_PACKET_FRAMES_MAX 4096U
#define AF_PACKET_BLOCK_MAX (256U << 10)
#define AF_PACKET_FRAME_MIN 2048U
#define AF_PACKET_FRAME_STEP 1024U
#define AF_PACKET_PAGE 4096U
/* Before the IP packet in its place: the kernel's header, its alignment, and Ethernet's. */
#define AF_PACKET_OVERHEAD ((unsigned)TPACKET_ALIGN(TPACKET2_HDRLEN + 16))
/* The driver wants an mbuf to have room for all of a place but this. */
#define AF_PACKET_HEADER ((unsigned)TPACKET_ALIGN(sizeof(struct tpacket2_hdr)))

static const char pci_bus[] = "pci";

struct port_ethdev {
	struct port port;
	uint16_t id; /* of the ethdev */
	const char *bus; /* that it is removed from */
	char device[RTE_DEV_NAME_MAX_LEN];
};

static uint16_t
ethdev_receive(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count)
{
	const struct port_ethdev *self = (const struct port_ethdev *)port;
	return rte_eth_rx_burst(self->id, queue, mbufs, count);
}

static uint16_t
ethdev_transmit(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count)
{
	const struct port_ethdev *self = (const struct port_ethdev *)port;
	return rte_eth_tx_burst(self->id, queue, mbufs, count);
}

static void
ethdev_close(struct port *port)
{
	struct port_ethdev *self = (struct port_ethdev *)port;
	(void)rte_eth_dev_stop(self->id);
	(void)rte_eth_dev_close(self->id);
	(void)rte_eal_hotplug_remove(self->bus, self->device);
	free(self);
}

static const struct port_ops ethdev_ops = {
	.receive = ethdev_receive,
	.transmit = ethdev_transmit,
	.close = ethdev_close,
};

/* What the kernel says about an interface. */
struct iface_facts {
	unsigned mtu;
	bool up;
	bool ethernet;
};

static int
iface_facts_read(const char *iface, struct iface_facts *facts)
{
	struct ifreq request = {0};
	int result = 0;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*facts = (struct iface_facts){0};
	if (fd < 0)
		return -errno;
	strncpy(request.ifr_name, iface, sizeof(request.ifr_name) - 1);
	if (ioctl(fd, SIOCGIFMTU, &request) < 0)
		goto fail;
	facts->mtu = (unsigned)request.ifr_mtu;
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		goto fail;
	facts->up = (request.ifr_flags & IFF_UP) != 0;
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		goto fail;
	facts->ethernet = request.ifr_hwaddr.sa_family == ARPHRD_ETHER;
	close(fd);
	return 0;
fail:
	result = -errno;
	close(fd);
	return result;
}

/* The kernel's interface behind the device, if there is one, knows the true MTU. */
static uint16_t
mtu_of(uint16_t id, unsigned ifindex)
{
	char iface[IF_NAMESIZE];
	struct iface_facts facts;
	uint16_t mtu = RTE_ETHER_MTU;

	if (ifindex != 0 && if_indextoname(ifindex, iface) != NULL &&
		iface_facts_read(iface, &facts) == 0)
		return facts.mtu <= UINT16_MAX ? (uint16_t)facts.mtu : UINT16_MAX;
	(void)rte_eth_dev_get_mtu(id, &mtu);
	return mtu;
}

static int
queues_setup(const struct port_ethdev *self, struct rte_mempool *pool)
{
	uint16_t rx_count = QUEUE_DESCRIPTORS;
	uint16_t tx_count = QUEUE_DESCRIPTORS;
	const int node = rte_eth_dev_socket_id(self->id);
	const unsigned socket_id = node >= 0 ? (unsigned)node : (unsigned)SOCKET_ID_ANY;

	int result = rte_eth_dev_adjust_nb_rx_tx_desc(self->id, &rx_count, &tx_count);
	for (uint16_t q = 0; result == 0 && q < self->port.queue_count; q++) {
		result = rte_eth_rx_queue_setup(self->id, q, rx_count, socket_id, NULL, pool);
		if (result == 0)
			result = rte_eth_tx_queue_setup(self->id, q, tx_count, socket_id, NULL);
	}
	return result;
}

/* By itself a NIC takes broadcasts and what is for its MAC; neighbour solicitations are neither. */
static void
take_multicast(const struct port_ethdev *self, const struct log *log)
{
	if (strcmp(self->bus, pci_bus) == 0 && rte_eth_allmulticast_enable(self->id) != 0 &&
		rte_eth_promiscuous_enable(self->id) != 0)
		log_warning(log,
			"%s cannot be told to take multicast: as a pipeline it has no IPv6 but to "
			"static neighbours",
			self->device);
}

/* Configures and starts the ethdev of `self`; the device exists. */
static int
ethdev_start(struct port_ethdev *self, struct rte_mempool *pool, const struct log *log)
{
	const struct rte_eth_conf conf = {0};
	const uint16_t queue_count = self->port.queue_count;
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;

	int result = rte_eth_dev_info_get(self->id, &info);
	if (result < 0)
		goto fail;
	if (queue_count > info.max_rx_queues || queue_count > info.max_tx_queues) {
		log_error(log,
			"%s has %u receive and %u transmit queues, but %u are needed, one for each "
			"lane: use fewer lanes (--lanes) or ask the device for more queues",
			self->device, info.max_rx_queues, info.max_tx_queues, queue_count);
		return -ENOSPC;
	}
	result = rte_eth_dev_configure(self->id, queue_count, queue_count, &conf);
	if (result == 0)
		result = queues_setup(self, pool);
	if (result == 0)
		result = rte_eth_macaddr_get(self->id, &mac);
	if (result == 0)
		result = rte_eth_dev_start(self->id);
	if (result < 0)
		goto fail;
	take_multicast(self, log);
	memcpy(self->port.mac, mac.addr_bytes, sizeof(self->port.mac));
	self->port.mtu = mtu_of(self->id, info.if_index);
	atomic_store_explicit(&self->port.up, true, memory_order_relaxed);
	return 0;
fail:
	log_error(log, "the device %s does not start: %s", self->device, rte_strerror(-result));
	return result;
}

/* EAL has found the PCI devices that it was given when it started; whoever uses one has queues. */
static bool
found_unused(const struct port_ethdev *self)
{
	struct rte_eth_dev_info info;

	return strcmp(self->bus, pci_bus) == 0 && rte_eth_dev_info_get(self->id, &info) == 0 &&
		info.nb_rx_queues == 0;
}

static int
device_add(struct port_ethdev *self, const char *arguments, const struct log *log)
{
	/* EAL takes a device that exists for done, and we would reconfigure it under its user. */
	if (rte_eth_dev_get_port_by_name(self->device, &self->id) == 0) {
		if (found_unused(self))
			return 0;
		log_error(log, "the device %s exists already: give this one another number",
			self->device);
		return -EEXIST;
	}
	int result = rte_eal_hotplug_add(self->bus, self->device, arguments);
	if (result < 0) {
		log_error(log,
			"DPDK cannot create the device %s,%s: %s; see its own messages above, and "
			"check the driver's name and arguments",
			self->device, arguments, rte_strerror(-result));
		return result;
	}
	if (rte_eth_dev_get_port_by_name(self->device, &self->id) < 0) {
		log_error(log, "%s is not a network device", self->device);
		(void)rte_eal_hotplug_remove(self->bus, self->device);
		return -ENOTSUP;
	}
	return 0;
}

/* Opens the device of that name, which has `name_len` characters, and starts it. */
static int
device_open(const char *bus, const char *device, size_t name_len, uint16_t queue_count,
	struct rte_mempool *pool, const struct log *log, struct port **port)
{
	struct port_ethdev *self = calloc(1, sizeof(*self));
	int result;

	if (self == NULL) {
		log_error(log, "no memory for the device %s", device);
		return -ENOMEM;
	}
	memcpy(self->device, device, name_len);
	memcpy(self->port.name, device, name_len);
	self->bus = bus;
	self->port.ops = &ethdev_ops;
	self->port.queue_count = queue_count;
	self->port.ethernet = true;
	self->port.neighbour = PORT_NO_MAC;
	result = device_add(self, device[name_len] == ',' ? device + name_len + 1 : "", log);
	if (result < 0) {
		free(self);
		return result;
	}
	result = ethdev_start(self, pool, log);
	if (result < 0) {
		ethdev_close(&self->port);
		return result;
	}
	*port = &self->port;
	return 0;
}

int
port_vdev_open(const char *device, uint16_t queue_count, struct rte_mempool *pool,
	const struct log *log, struct port **port)
{
	const size_t name_len = strcspn(device, ",");
	static const char tun_driver[] = "net_tun";

	if (name_len == 0 || name_len >= PORT_NAME_MAX || name_len >= RTE_DEV_NAME_MAX_LEN) {
		log_error(log, "\"%s\" is not a device as DPDK's --vdev takes it", device);
		return -EINVAL;
	}
	if (strncmp(device, tun_driver, sizeof(tun_driver) - 1) == 0) {
		log_error(
			log, "%s has no Ethernet header, which a port needs: use net_tap", device);
		return -ENOTSUP;
	}
	return device_open("vdev", device, name_len, queue_count, pool, log, port);
}

int
port_pci_open(const char *address, uint16_t queue_count, struct rte_mempool *pool,
	const struct log *log, struct port **port)
{
	const size_t len = strcspn(address, ",");
	char name[RTE_DEV_NAME_MAX_LEN];
	char device[256];
	struct rte_pci_addr pci;

	snprintf(name, sizeof(name), "%.*s", (int)len, address);
	if (len >= sizeof(name) || rte_pci_addr_parse(name, &pci) != 0) {
		log_error(log,
			"\"%s\" is not the address of a PCI device, such as 0000:3b:00.0, with the "
			"arguments of its driver",
			address);
		return -EINVAL;
	}
	/* The name that EAL gives it: with its domain. */
	rte_pci_device_name(&pci, name, sizeof(name));
	if (snprintf(device, sizeof(device), "%s%s", name, address + len) >= (int)sizeof(device)) {
		log_error(log, "the arguments of %s are too long", name);
		return -EINVAL;
	}
	return device_open(pci_bus, device, strlen(name), queue_count, pool, log, port);
}

static unsigned
lcm(unsigned a, unsigned b)
{
	unsigned x = a;
	unsigned y = b;
	while (y != 0) {
		unsigned rest = x % y;
		x = y;
		y = rest;
	}
	return a / x * b;
}

/* One of the rings that net_af_packet shares with the kernel. */
struct af_packet_ring {
	unsigned frame_len; /* bytes of a place */
	unsigned block_len;
	unsigned frame_count;
};

/*
 * The driver takes place i to be at i * frame_len from the start of the ring, so places must fill
 * blocks exactly, and blocks pages. Large blocks waste least when the kernel rounds them up.
 */
static struct af_packet_ring
af_packet_ring_for(unsigned mtu)
{
	const unsigned needed = mtu + AF_PACKET_OVERHEAD;
	const unsigned steps = (needed + AF_PACKET_FRAME_STEP - 1) / AF_PACKET_FRAME_STEP;
	const unsigned frame_len = RTE_MAX(steps * AF_PACKET_FRAME_STEP, AF_PACKET_FRAME_MIN);
	const unsigned unit = lcm(frame_len, AF_PACKET_PAGE);
	const unsigned block_len = RTE_MAX(AF_PACKET_BLOCK_MAX / unit, 1U) * unit;
	const unsigned per_block = block_len / frame_len;
	const unsigned frames = RTE_MIN(AF_PACKET_QUEUE_LEN / frame_len, AF_PACKET_FRAMES_MAX);

	return (struct af_packet_ring){
		.frame_len = frame_len,
		.block_len = block_len,
		.frame_count = RTE_MAX(frames / per_block, 1U) * per_block,
	};
}

/* Reads what the kernel says about an interface that is to be the underlay, if it can be. */
static int
underlay_facts_read(const char *iface, const struct log *log, struct iface_facts *facts)
{
	if (strlen(iface) >= IF_NAMESIZE || strpbrk(iface, ",=") != NULL) {
		log_error(log, "\"%s\" is not the name of a network interface that DPDK takes",
			iface);
		return -EINVAL;
	}
	int result = iface_facts_read(iface, facts);
	if (result < 0) {
		log_error(log, "%s: %s", iface,
			result == -ENODEV ? "there is no such network interface"
					  : strerror(-result));
		return result;
	}
	if (!facts->ethernet) {
		log_error(
			log, "%s is not an Ethernet interface, which the underlay must be", iface);
		return -ENOTSUP;
	}
	if (!facts->up) {
		log_error(log, "%s is down: set it up (ip link set %s up)", iface, iface);
		return -ENETDOWN;
	}
	return 0;
}

int
port_af_packet_room(const char *iface, const struct log *log, unsigned *room)
{
	struct iface_facts facts;
	int result = underlay_facts_read(iface, log, &facts);

	if (result == 0)
		*room = af_packet_ring_for(facts.mtu).frame_len - AF_PACKET_HEADER;
	return result;
}

int
port_af_packet_open(const char *iface, uint16_t queue_count, struct rte_mempool *pool,
	const struct log *log, struct port **port)
{
	struct iface_facts facts;
	char device[256];
	int result = underlay_facts_read(iface, log, &facts);

	if (result < 0)
		return result;
	const struct af_packet_ring ring = af_packet_ring_for(facts.mtu);
	const unsigned room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
	if (ring.frame_len - AF_PACKET_HEADER > room) {
		log_error(log,
			"%s has an MTU of %u: packet buffers need room for %u bytes and have %u",
			iface, facts.mtu, ring.frame_len - AF_PACKET_HEADER, room);
		return -EMSGSIZE;
	}
	snprintf(device, sizeof(device),
		"net_af_packet_%s,iface=%s,qpairs=%u,framesz=%u,blocksz=%u,framecnt=%u,"
		"qdisc_bypass=1",
		iface, iface, queue_count, ring.frame_len, ring.block_len, ring.frame_count);
	return port_vdev_open(device, queue_count, pool, log, port);
}
