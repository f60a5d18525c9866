/*
 * Next hops as the kernel has them: routes, neighbours, addresses and the link, by rtnetlink.
 * On the packet's way: beside it; out_encap's header templates are made from it.
 * Threads: the control side's, under its lock.
 */
#include "net/nexthop.h"

#include "net/addresses.h"
#include "net/neighbours.h"
#include "net/netlink.h"
#include "net/routes.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* How often neighbours that the kernel does not keep fresh by itself are asked for again. */
#define REFRESH_S 10
/* Datagrams of events taken in by one call; the descriptor stays readable for the rest. */
#define EVENTS_MAX 256
/* The kernel's socket buffer for events: some thousands of them before any is lost. */
#define EVENTS_BUFFER_LEN (1 << 20)
struct nexthops_netlink {
	struct nexthops nexthops; /* its `fd` is an epoll of the three below */
	struct mnl_socket *events;
	int refresh_timer;
	int wanted; /* an eventfd: a neighbour that another thread could not ask for */
	struct netlink netlink; /* for questions */
	const struct log *log;
	char iface[IF_NAMESIZE];
	bool present; /* the interface exists */
	bool lost; /* events were; see resync */
	uint16_t hardware; /* ARPHRD_* */
	uint8_t mac[6];
	uint32_t mtu;
	struct addresses addresses;
	struct routes routes;
	struct neighbours neighbours;
};

static struct nexthops_netlink *
of_nexthops(struct nexthops *nexthops)
{
	return (struct nexthops_netlink *)nexthops;
}

static void
link_read(struct nexthops_netlink *self, const struct nlmsghdr *message)
{
	const struct ifinfomsg *header = netlink_header(message, sizeof(*header));
	const struct nlattr *attributes[IFLA_MAX + 1];

	/* Bridges report their ports' comings and goings under AF_BRIDGE. */
	if (header == NULL || header->ifi_family != AF_UNSPEC ||
		header->ifi_index != (int)self->nexthops.ifindex)
		return;
	if (message->nlmsg_type == RTM_DELLINK) {
		self->present = false;
		log_warning(self->log, "the interface %s is gone", self->iface);
		return;
	}
	netlink_attributes(message, sizeof(*header), attributes, IFLA_MAX);
	self->present = true;
	self->hardware = header->ifi_type;
	if (attributes[IFLA_MTU] != NULL)
		self->mtu = netlink_u32(attributes[IFLA_MTU]);
	const struct nlattr *mac = attributes[IFLA_ADDRESS];
	if (mac != NULL && mnl_attr_get_payload_len(mac) == sizeof(self->mac))
		memcpy(self->mac, mnl_attr_get_payload(mac), sizeof(self->mac));
}

static int
dump_read(const struct nlmsghdr *message, void *context)
{
	struct nexthops_netlink *self = context;
	if (message->nlmsg_type == RTM_NEWLINK)
		link_read(self, message);
	else if (message->nlmsg_type == RTM_NEWADDR)
		addresses_read(&self->addresses, message);
	return MNL_CB_OK;
}

/* Reads link and addresses anew. Events that are waiting are older or repeat what is read here. */
static int
state_read(struct nexthops_netlink *self)
{
	union netlink_request request = {0};
	struct ifinfomsg *link = netlink_begin(&request, RTM_GETLINK, 0, sizeof(*link));
	link->ifi_index = (int)self->nexthops.ifindex;
	int result = netlink_ask(&self->netlink, &request, dump_read, self);
	if (result < 0) {
		self->present = false;
		return result;
	}
	do {
		addresses_forget(&self->addresses);
		memset(&request, 0, sizeof(request));
		netlink_begin(&request, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
		result = netlink_ask(&self->netlink, &request, dump_read, self);
	} while (result == -EINTR);
	return result;
}

/* What one datagram of events means for answers given before. */
struct event_effect {
	struct nexthops_netlink *self;
	bool changed;
};

static int
event_read(const struct nlmsghdr *message, void *context)
{
	struct event_effect *effect = context;
	struct nexthops_netlink *self = effect->self;

	switch (message->nlmsg_type) {
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		effect->changed |= neighbours_event(&self->neighbours, message);
		return MNL_CB_OK;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		addresses_read(&self->addresses, message);
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		link_read(self, message);
		break;
	default:
		/* Routes, rules, next-hop objects. */
		break;
	}
	/* A link that goes down takes IPv4 routes with it without an event for each. */
	routes_forget(&self->routes);
	effect->changed = true;
	return MNL_CB_OK;
}

/*
 * Makes up for lost events. Only when all those that are left have been read: they are older than
 * the lost ones, and would put back what is read here.
 */
static void
resync(struct nexthops_netlink *self)
{
	int result = state_read(self);
	if (result < 0)
		log_warning(self->log, "%s: cannot read the interface's state: %s", self->iface,
			strerror(-result));
	routes_forget(&self->routes);
	neighbours_resync(&self->neighbours);
}

/* Returns whether to resolve again: for the time that has passed, or for another thread. */
static bool
refresh(struct nexthops_netlink *self)
{
	uint64_t count;
	bool changed = read(self->wanted, &count, sizeof(count)) > 0;
	if (read(self->refresh_timer, &count, sizeof(count)) < 0)
		return changed;
	changed |= neighbours_refresh(&self->neighbours);
	if (self->routes.failed) {
		routes_forget(&self->routes);
		changed = true;
	}
	return changed;
}

static int
netlink_process(struct nexthops *nexthops)
{
	struct nexthops_netlink *self = of_nexthops(nexthops);
	struct event_effect effect = {.self = self};
	_Alignas(struct nlmsghdr) uint8_t datagram[16384];

	effect.changed = refresh(self);
	for (unsigned i = 0; i < EVENTS_MAX; i++) {
		ssize_t len = mnl_socket_recvfrom(self->events, datagram, sizeof(datagram));
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == EAGAIN) {
			effect.changed |= self->lost;
			if (self->lost)
				resync(self);
			self->lost = false;
			break;
		}
		/* ENOBUFS: events were lost. ENOSPC: one was longer than any that we know. */
		if (len < 0 && errno != ENOBUFS && errno != ENOSPC)
			return -errno;
		if (len < 0 || mnl_cb_run(datagram, (size_t)len, 0, 0, event_read, &effect) < 0)
			self->lost = true;
	}
	return effect.changed ? 1 : 0;
}

static int
name_read(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *attributes[IFLA_MAX + 1];
	netlink_attributes(message, sizeof(struct ifinfomsg), attributes, IFLA_MAX);
	const struct nlattr *name = attributes[IFLA_IFNAME];
	if (message->nlmsg_type == RTM_NEWLINK && name != NULL)
		snprintf(context, IF_NAMESIZE, "%.*s", (int)mnl_attr_get_payload_len(name),
			mnl_attr_get_str(name));
	return MNL_CB_OK;
}

/* By netlink and not if_indextoname(): the caller may be in another namespace by now. */
static void
link_name(struct nexthops_netlink *self, uint32_t ifindex, char name[static IF_NAMESIZE])
{
	union netlink_request request = {0};
	struct ifinfomsg *link = netlink_begin(&request, RTM_GETLINK, 0, sizeof(*link));
	link->ifi_index = (int)ifindex;
	memset(name, 0, IF_NAMESIZE);
	(void)netlink_ask(&self->netlink, &request, name_read, name);
}

static bool
is_link_local(const struct address *address)
{
	return address->family == ADDRESS_IPV6 && address->bytes[0] == 0xfe &&
		(address->bytes[1] & 0xc0) == 0x80;
}

/* The kernel calls them unreachable if it has no default route; a subnet's broadcast it knows. */
static bool
is_multicast_or_broadcast(const struct address *address)
{
	static const uint8_t broadcast[4] = {255, 255, 255, 255};
	if (address->family == ADDRESS_IPV6)
		return address->bytes[0] == 0xff;
	return (address->bytes[0] & 0xf0) == 0xe0 || memcmp(address->bytes, broadcast, 4) == 0;
}

static void
netlink_resolve(struct nexthops *nexthops, const struct address *destination, uint32_t scope_id,
	const struct address *source, uint32_t mark, struct nexthop *nexthop)
{
	struct nexthops_netlink *self = of_nexthops(nexthops);
	uint32_t out_ifindex = 0;

	*nexthop = (struct nexthop){.state = NEXTHOP_NO_ROUTE};
	if (destination->family == ADDRESS_NONE || !self->present)
		return;
	if (is_multicast_or_broadcast(destination)) {
		nexthop->state = NEXTHOP_LOCAL;
		return;
	}
	if (is_link_local(destination))
		out_ifindex = scope_id != 0 ? scope_id : nexthops->ifindex;
	if (source != NULL &&
		(source->family != destination->family || !addresses_has(&self->addresses, source)))
		source = NULL;

	struct route route =
		routes_find(&self->routes, &self->netlink, destination, out_ifindex, source);
	if (route.kind == ROUTE_LOCAL) {
		nexthop->state = NEXTHOP_LOCAL;
		return;
	}
	if (route.kind == ROUTE_NONE)
		return;
	if (route.ifindex != nexthops->ifindex) {
		nexthop->state = NEXTHOP_ELSEWHERE;
		link_name(self, route.ifindex, nexthop->elsewhere);
		return;
	}
	/* A route, but no address from which to send: as good as none. */
	if (route.source.family == ADDRESS_NONE)
		return;
	nexthop->source = route.source;
	nexthop->mtu = route.mtu != 0 ? route.mtu : self->mtu;
	memcpy(nexthop->source_mac, self->mac, sizeof(self->mac));
	bool known = neighbours_find(&self->neighbours, &route.via, nexthop->destination_mac);
	nexthop->state = known ? NEXTHOP_READY : NEXTHOP_RESOLVING;
}

static size_t
netlink_local(const struct nexthops *nexthops, struct address addresses[], size_t max)
{
	const struct nexthops_netlink *self = (const struct nexthops_netlink *)nexthops;
	return addresses_of(&self->addresses, nexthops->ifindex, addresses, max);
}

static size_t
netlink_networks(const struct nexthops *nexthops, struct prefix networks[], size_t max)
{
	const struct nexthops_netlink *self = (const struct nexthops_netlink *)nexthops;
	return addresses_networks(&self->addresses, nexthops->ifindex, networks, max);
}

static void
netlink_destroy(struct nexthops *nexthops)
{
	struct nexthops_netlink *self = of_nexthops(nexthops);
	if (self->netlink.socket != NULL)
		neighbours_fini(&self->neighbours);
	routes_forget(&self->routes);
	netlink_close(&self->netlink);
	if (self->events != NULL)
		mnl_socket_close(self->events);
	if (self->refresh_timer >= 0)
		close(self->refresh_timer);
	if (self->wanted >= 0)
		close(self->wanted);
	if (nexthops->fd >= 0)
		close(nexthops->fd);
	addresses_fini(&self->addresses);
	free(self);
}

static const struct nexthops_ops netlink_ops = {
	.resolve = netlink_resolve,
	.process = netlink_process,
	.local = netlink_local,
	.networks = netlink_networks,
	.destroy = netlink_destroy,
};

static int
events_open(struct nexthops_netlink *self)
{
	static const int groups[] = {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR,
		RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,
		RTNLGRP_IPV6_RULE, RTNLGRP_NEXTHOP};
	int len = EVENTS_BUFFER_LEN;

	self->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (self->events == NULL || mnl_socket_bind(self->events, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	if (setsockopt(mnl_socket_get_fd(self->events), SOL_SOCKET, SO_RCVBUFFORCE, &len,
		    sizeof(len)) < 0)
		setsockopt(
			mnl_socket_get_fd(self->events), SOL_SOCKET, SO_RCVBUF, &len, sizeof(len));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];
		int result = mnl_socket_setsockopt(
			self->events, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group));
		/* Kernels before 5.3 have no next-hop objects, and so no events of them. */
		if (result < 0 && group != RTNLGRP_NEXTHOP)
			return -errno;
	}
	return 0;
}

static int
poll_open(struct nexthops_netlink *self)
{
	struct itimerspec period = {.it_interval.tv_sec = REFRESH_S, .it_value.tv_sec = REFRESH_S};
	struct epoll_event readable = {.events = EPOLLIN};

	self->refresh_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	self->wanted = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	self->nexthops.fd = epoll_create1(EPOLL_CLOEXEC);
	if (self->refresh_timer < 0 || self->wanted < 0 || self->nexthops.fd < 0 ||
		timerfd_settime(self->refresh_timer, 0, &period, NULL) < 0 ||
		epoll_ctl(self->nexthops.fd, EPOLL_CTL_ADD, self->refresh_timer, &readable) < 0 ||
		epoll_ctl(self->nexthops.fd, EPOLL_CTL_ADD, self->wanted, &readable) < 0 ||
		epoll_ctl(self->nexthops.fd, EPOLL_CTL_ADD, mnl_socket_get_fd(self->events),
			&readable) < 0)
		return -errno;
	return 0;
}

int
nexthops_netlink_create(const char *iface, const struct log *log, struct nexthops **nexthops)
{
	uint32_t ifindex = if_nametoindex(iface);
	if (ifindex == 0) {
		log_error(log, "%s: there is no such network interface", iface);
		return -ENODEV;
	}
	struct nexthops_netlink *self = calloc(1, sizeof(*self));
	if (self == NULL) {
		log_error(log, "%s: no memory to follow the interface", iface);
		return -ENOMEM;
	}
	self->nexthops = (struct nexthops){.ops = &netlink_ops, .fd = -1, .ifindex = ifindex};
	self->refresh_timer = -1;
	self->wanted = -1;
	self->log = log;
	strncpy(self->iface, iface, sizeof(self->iface) - 1);

	/* Events first: what changes while the state is read is then reported afterwards. */
	int result = netlink_open(&self->netlink);
	if (result == 0)
		result = events_open(self);
	if (result == 0)
		result = poll_open(self);
	if (result == 0)
		result = state_read(self);
	if (result < 0) {
		log_error(log, "%s: cannot follow the interface by netlink: %s", iface,
			strerror(-result));
		netlink_destroy(&self->nexthops);
		return result;
	}
	if (self->hardware != ARPHRD_ETHER) {
		log_error(log,
			"%s is not an Ethernet interface; the underlay must be one (give another "
			"with --underlay)",
			iface);
		netlink_destroy(&self->nexthops);
		return -ENOTSUP;
	}
	neighbours_init(&self->neighbours, &self->netlink, ifindex, self->wanted, log);
	*nexthops = &self->nexthops;
	return 0;
}
