/*
 * A port that is plain UDP sockets of the kernel's.
 * On the packet's way: in_receive's and out_transmit's port, when it is one.
 * Threads: a queue belongs to one lane; opening and closing to management, with no lane running.
 */
#include "net/port_udp.h"

#include "net/udp_frame.h"
#include "net/udp_receive.h"
#include "net/udp_transmit.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MTU_DEFAULT 1500
#define MTU_MAX 9216

struct port_udp {
	struct port port;
	struct udp_sockets *sockets;
	struct udp_receiver **receivers; /* [queue] */
	struct udp_transmitter transmitter;
};

static uint16_t
udp_receive(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count)
{
	const struct port_udp *self = (const struct port_udp *)port;

	return udp_receiver_take(self->receivers[queue], mbufs, count);
}

static uint16_t
udp_transmit(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count)
{
	struct port_udp *self = (struct port_udp *)port;
	uint16_t refused = 0;
	const uint16_t done =
		udp_transmitter_give(&self->transmitter, queue, mbufs, count, &refused);

	if (refused > 0)
		atomic_fetch_add_explicit(&port->refused, refused, memory_order_relaxed);
	return done;
}

static int
udp_descriptor(const struct port *port, uint16_t queue)
{
	return ((const struct port_udp *)port)->sockets->queues[queue].readable;
}

static void
udp_close(struct port *port)
{
	struct port_udp *self = (struct port_udp *)port;

	for (unsigned queue = 0; queue < port->queue_count && self->receivers != NULL; queue++)
		free(self->receivers[queue]);
	free(self->receivers);
	free(self);
}

static const struct port_ops udp_ops = {
	.receive = udp_receive,
	.transmit = udp_transmit,
	.close = udp_close,
	.descriptor = udp_descriptor,
};

static int
interface_mtu(int fd, const char *name)
{
	struct ifreq request = {.ifr_mtu = 0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return ioctl(fd, SIOCGIFMTU, &request) == 0 ? request.ifr_mtu : 0;
}

void
port_udp_mtu(uint16_t *mtu)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifaddrs *list = NULL;
	int most = 0;

	if (getifaddrs(&list) != 0)
		list = NULL;
	for (const struct ifaddrs *at = list; at != NULL; at = at->ifa_next)
		if ((at->ifa_flags & IFF_UP) != 0 && (at->ifa_flags & IFF_LOOPBACK) == 0)
			most = RTE_MAX(most, interface_mtu(fd, at->ifa_name));
	freeifaddrs(list);
	if (fd >= 0)
		close(fd);
	*mtu = (uint16_t)(most == 0 ? MTU_DEFAULT : RTE_MIN(most, MTU_MAX));
}

int
port_udp_create(struct udp_sockets *sockets, uint16_t mtu, struct rte_mempool *pool,
	const struct log *log, struct port **port)
{
	struct port_udp *self = calloc(1, sizeof(*self));
	bool made = self != NULL;

	if (made) {
		self->port = (struct port){
			.ops = &udp_ops,
			.name = "udp",
			.queue_count = sockets->queue_count,
			.ethernet = true,
			.mtu = mtu,
			.up = true,
			.neighbour = PORT_NO_MAC,
		};
		udp_frame_own(self->port.mac);
		self->sockets = sockets;
		udp_transmitter_init(&self->transmitter, sockets);
		self->receivers = calloc(sockets->queue_count, sizeof(struct udp_receiver *));
		made = self->receivers != NULL;
	}
	for (uint16_t queue = 0; queue < sockets->queue_count && made; queue++) {
		self->receivers[queue] = udp_receiver_create(sockets, queue, pool);
		made = self->receivers[queue] != NULL;
	}
	if (made) {
		*port = &self->port;
		return 0;
	}
	log_error(log, "no memory for the underlay udp");
	if (self != NULL)
		udp_close(&self->port);
	return -ENOMEM;
}
