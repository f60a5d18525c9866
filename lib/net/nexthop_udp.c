/*
 * Next hops of ports that are the kernel's UDP sockets: the kernel finds them itself, for each
 * packet; what is asked for is whether there is a way, and its MTU.
 * On the packet's way: beside it; out_encap's header templates are made from it.
 * Threads: the control side's, under its lock.
 */
#include "net/port_udp.h"

#include "net/routes.h"
#include "net/udp_frame.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Datagrams of events that are read in one go: only that they came matters. */
#define EVENTS_MAX 256

struct nexthops_udp {
	struct nexthops nexthops; /* its fd: epoll, of the two below */
	struct netlink netlink; /* for questions */
	struct mnl_socket *events;
	struct udp_sockets *sockets;
	/* The last interface whose MTU was asked for, until something changes; 0: none. */
	uint32_t link;
	uint32_t link_mtu;
};

static int
link_read(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attributes[IFLA_MAX + 1];
	uint32_t *mtu = context;

	netlink_attributes(message, sizeof(struct ifinfomsg), attributes, IFLA_MAX);
	if (message->nlmsg_type == RTM_NEWLINK)
		*mtu = netlink_u32(attributes[IFLA_MTU]);
	return MNL_CB_OK;
}

static uint32_t
link_mtu(struct nexthops_udp *self, uint32_t ifindex)
{
	union netlink_request request = {0};
	struct ifinfomsg *link;

	if (ifindex == self->link)
		return self->link_mtu;
	link = netlink_begin(&request, RTM_GETLINK, 0, sizeof(*link));
	link->ifi_index = (int)ifindex;
	self->link_mtu = 0;
	if (netlink_ask(&self->netlink, &request, link_read, &self->link_mtu) == 0)
		self->link = ifindex;
	return self->link_mtu;
}

static void
udp_resolve(struct nexthops *nexthops, const struct address *destination, uint32_t scope_id,
	const struct address *source, uint32_t mark, struct nexthop *nexthop)
{
	struct nexthops_udp *self = (struct nexthops_udp *)nexthops;
	struct route route = {.kind = ROUTE_NONE};

	*nexthop = (struct nexthop){.state = NEXTHOP_NO_ROUTE};
	if (destination->family == ADDRESS_NONE)
		return;
	if (source != NULL && source->family != destination->family)
		source = NULL;
	/* Without the address that was kept, if that is not ours any more. */
	if (source != NULL &&
		(route_ask(&self->netlink, destination, scope_id, source, mark, &route) != 0 ||
			route.kind == ROUTE_NONE))
		source = NULL;
	if (source == NULL &&
		route_ask(&self->netlink, destination, scope_id, NULL, mark, &route) != 0)
		return;
	if (route.kind == ROUTE_NONE)
		return;
	nexthop->state = NEXTHOP_READY;
	nexthop->source =
		source != NULL ? *source : (struct address){.family = destination->family};
	nexthop->mtu = route.mtu != 0 ? route.mtu : link_mtu(self, route.ifindex);
	udp_frame_own(nexthop->source_mac);
	udp_frame_mac(scope_id, nexthop->destination_mac);
}

static int
udp_process(struct nexthops *nexthops)
{
	struct nexthops_udp *self = (struct nexthops_udp *)nexthops;
	_Alignas(struct nlmsghdr) uint8_t datagram[16384];
	bool changed = udp_sockets_hear(self->sockets);

	for (unsigned i = 0; i < EVENTS_MAX; i++) {
		if (mnl_socket_recvfrom(self->events, datagram, sizeof(datagram)) < 0 &&
			errno == EAGAIN)
			break;
		changed = true;
	}
	if (changed)
		self->link = 0;
	return changed ? 1 : 0;
}

/* The kernel has looked at them before us, and neither filters by them nor has an interface. */
static size_t
udp_local(const struct nexthops *nexthops, struct address addresses[], size_t max)
{
	return 0;
}

static size_t
udp_networks(const struct nexthops *nexthops, struct prefix networks[], size_t max)
{
	return 0;
}

static void
udp_destroy(struct nexthops *nexthops)
{
	struct nexthops_udp *self = (struct nexthops_udp *)nexthops;

	netlink_close(&self->netlink);
	if (self->events != NULL)
		mnl_socket_close(self->events);
	if (nexthops->fd >= 0)
		close(nexthops->fd);
	free(self);
}

static const struct nexthops_ops udp_ops = {
	.resolve = udp_resolve,
	.process = udp_process,
	.local = udp_local,
	.networks = udp_networks,
	.destroy = udp_destroy,
};

/* All that may lead packets another way. */
static int
events_open(struct nexthops_udp *self)
{
	static const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
		RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE};

	self->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (self->events == NULL || mnl_socket_bind(self->events, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(
			    self->events, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
			return -errno;
	}
	return 0;
}

static int
poll_open(struct nexthops_udp *self)
{
	struct epoll_event readable = {.events = EPOLLIN};

	self->nexthops.fd = epoll_create1(EPOLL_CLOEXEC);
	if (self->nexthops.fd < 0 ||
		epoll_ctl(self->nexthops.fd, EPOLL_CTL_ADD, mnl_socket_get_fd(self->events),
			&readable) != 0 ||
		epoll_ctl(self->nexthops.fd, EPOLL_CTL_ADD, self->sockets->erroneous, &readable) !=
			0)
		return -errno;
	return 0;
}

int
nexthops_udp_create(struct udp_sockets *sockets, const struct log *log, struct nexthops **nexthops)
{
	struct nexthops_udp *self = calloc(1, sizeof(*self));
	int error;

	if (self == NULL) {
		log_error(log, "no memory to follow the kernel's routes");
		return -ENOMEM;
	}
	self->nexthops = (struct nexthops){.ops = &udp_ops, .fd = -1, .sockets = true};
	self->sockets = sockets;
	error = netlink_open(&self->netlink);
	if (error == 0)
		error = events_open(self);
	if (error == 0)
		error = poll_open(self);
	if (error != 0) {
		log_error(
			log, "cannot follow the kernel's routes by netlink: %s", strerror(-error));
		udp_destroy(&self->nexthops);
		return error;
	}
	*nexthops = &self->nexthops;
	return 0;
}
