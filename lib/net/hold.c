/*
 * Holding a UDP port of the kernel's stack under an underlay port that sees the same packets.
 * On the packet's way: nowhere; it keeps the kernel out of it.
 * Threads: management only.
 */
#include "net/hold.h"

#include "net/ingress.h"
#include "net/udp_owner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A tunnel has one port; more tunnels than this are not to be had. */
#define HOLD_PORTS_MAX 256
/* A port that is free in one family may be taken in the other: how many are tried. */
#define ANY_PORT_TRIES 32

struct held_port {
	uint16_t port;
	int fds[2]; /* IPv4, IPv6; -1 where the host has no such family */
};

struct hold_interface {
	struct hold hold;
	const struct log *log;
	char iface[IF_NAMESIZE];
	int claim_fd; /* the abstract socket by which the interface is ours */
	struct ingress *ingress; /* NULL without the right to */
	struct held_port ports[HOLD_PORTS_MAX];
	size_t port_count;
};

static struct hold_interface *
of_hold(struct hold *hold)
{
	return (struct hold_interface *)hold;
}

/* The name of the interface's abstract socket; returns the length of the address. */
static socklen_t
claim_name(uint32_t ifindex, struct sockaddr_un *name)
{
	struct stat ns = {0};
	/* Abstract names are the namespace's own already; the inode helps whoever looks at them. */
	(void)stat("/proc/thread-self/ns/net", &ns);
	*name = (struct sockaddr_un){.sun_family = AF_UNIX};
	int len = snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1,
		"guardlane/underlay/%lu/%u", (unsigned long)ns.st_ino, ifindex);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

/* The process that listens on the name; 0 if it cannot be told. */
static pid_t
claim_owner(const struct sockaddr_un *name, socklen_t name_len)
{
	struct ucred owner = {0};
	socklen_t len = sizeof(owner);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return 0;
	if (connect(fd, (const struct sockaddr *)name, name_len) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &owner, &len) < 0)
		owner.pid = 0;
	close(fd);
	return owner.pid;
}

static int
claim_take(struct hold_interface *hold, uint32_t ifindex)
{
	struct sockaddr_un name;
	socklen_t name_len = claim_name(ifindex, &name);

	hold->claim_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (hold->claim_fd < 0)
		return -errno;
	if (bind(hold->claim_fd, (const struct sockaddr *)&name, name_len) == 0) {
		/* Listening leaves our process id to be read by claim_owner(). */
		(void)listen(hold->claim_fd, 1);
		return 0;
	}
	if (errno != EADDRINUSE)
		return -errno;
	log_error(hold->log,
		"%s is in use by another guardlane (process %d): two on one interface would each "
		"get a part of the packets; stop it, or serve both tunnels by one gateway",
		hold->iface, (int)claim_owner(&name, name_len));
	return -EBUSY;
}

static void
ingress_take(struct hold_interface *hold, uint32_t ifindex)
{
	int result = ingress_create(ifindex, INGRESS_TCX, &hold->ingress);
	if (result < 0 && result != -EPERM)
		result = ingress_create(ifindex, INGRESS_CLSACT, &hold->ingress);
	if (result == 0)
		return;
	hold->ingress = NULL;
	log_warning(hold->log,
		"%s: cannot keep the tunnel's packets out of the kernel's stack and conntrack: %s%s",
		hold->iface, strerror(-result),
		result == -EPERM ? " (CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, are needed)"
				 : "");
}

/* Returns the socket, or a negative errno. */
static int
drop_socket(int family, uint16_t port)
{
	struct sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog filter = {.len = 1, .filter = &drop_all};
	struct sockaddr_in address4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 address6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const struct sockaddr *address = family == AF_INET ? (const struct sockaddr *)&address4
							   : (const struct sockaddr *)&address6;
	socklen_t address_size = family == AF_INET ? sizeof(address4) : sizeof(address6);
	int on = 1;
	int smallest = 0; /* the kernel raises it to what it needs */

	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
	if (fd < 0)
		return -errno;
	/* The filter first, so that nothing is ever queued. */
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &smallest, sizeof(smallest)) < 0 ||
		(family == AF_INET6 &&
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0) ||
		bind(fd, address, address_size) < 0) {
		int error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

static void
held_port_close(const struct held_port *held)
{
	for (unsigned i = 0; i < 2; i++)
		if (held->fds[i] >= 0)
			close(held->fds[i]);
}

/* Binds held->port in both families, or, if it is 0, one that is free. Returns a negative errno. */
static int
bind_port(struct held_port *held)
{
	static const int families[2] = {AF_INET, AF_INET6};

	for (unsigned i = 0; i < 2; i++) {
		struct sockaddr_in bound = {.sin_port = 0};
		socklen_t len = sizeof(bound);
		int fd = drop_socket(families[i], held->port);
		if (fd == -EAFNOSUPPORT)
			continue;
		if (fd < 0)
			return fd;
		held->fds[i] = fd;
		/* The port is at the same place in both families. */
		if (getsockname(fd, (struct sockaddr *)&bound, &len) < 0)
			return -errno;
		held->port = ntohs(bound.sin_port);
	}
	return 0;
}

static int
take_port(struct hold_interface *hold, uint16_t port, struct held_port *held)
{
	int result;

	*held = (struct held_port){.port = port, .fds = {-1, -1}};
	if (hold->port_count == HOLD_PORTS_MAX)
		return -ENOSPC;
	result = bind_port(held);
	if (result < 0) {
		held_port_close(held);
		return result;
	}
	hold->ports[hold->port_count++] = *held;
	return 0;
}

static void
ingress_drop_port(const struct hold_interface *hold, uint16_t port)
{
	int result = hold->ingress != NULL ? ingress_port_add(hold->ingress, port) : 0;
	if (result < 0)
		log_warning(hold->log,
			"%s: packets to UDP port %u pass through the kernel's stack too: %s",
			hold->iface, port, strerror(-result));
}

static int
interface_port(struct hold *hold, uint16_t port, const struct log *log)
{
	struct hold_interface *self = of_hold(hold);
	struct held_port held;
	int result = take_port(self, port, &held);

	if (result < 0)
		return udp_owner_refuse(port, result, log);
	ingress_drop_port(self, port);
	return 0;
}

static int
interface_any_port(struct hold *hold, uint16_t *port, const struct log *log)
{
	struct hold_interface *self = of_hold(hold);
	struct held_port held;
	int result = -EADDRINUSE;

	for (unsigned i = 0; i < ANY_PORT_TRIES && result == -EADDRINUSE; i++)
		result = take_port(self, 0, &held);
	if (result < 0) {
		log_error(log, "no UDP port is free for a tunnel: %s", strerror(-result));
		return result;
	}
	*port = held.port;
	ingress_drop_port(self, held.port);
	return 0;
}

static void
interface_release(struct hold *hold, uint16_t port)
{
	struct hold_interface *self = of_hold(hold);

	for (size_t i = 0; i < self->port_count; i++) {
		if (self->ports[i].port != port)
			continue;
		if (self->ingress != NULL)
			ingress_port_remove(self->ingress, port);
		held_port_close(&self->ports[i]);
		self->ports[i] = self->ports[--self->port_count];
		return;
	}
}

static void
interface_addresses(struct hold *hold, const struct address addresses[], size_t count)
{
	const struct hold_interface *self = of_hold(hold);

	if (self->ingress == NULL)
		return;
	int result = ingress_addresses(self->ingress, addresses, count);
	if (result < 0)
		log_warning(self->log,
			"%s: some of the tunnel's packets pass through the kernel's stack too: %s",
			self->iface, strerror(-result));
}

static void
interface_destroy(struct hold *hold)
{
	struct hold_interface *self = of_hold(hold);

	ingress_destroy(self->ingress);
	for (size_t i = 0; i < self->port_count; i++)
		held_port_close(&self->ports[i]);
	if (self->claim_fd >= 0)
		close(self->claim_fd);
	free(self);
}

static const struct hold_ops interface_ops = {
	.port = interface_port,
	.any_port = interface_any_port,
	.release = interface_release,
	.addresses = interface_addresses,
	.destroy = interface_destroy,
};

int
hold_create(const char *iface, const struct log *log, struct hold **hold)
{
	uint32_t ifindex = if_nametoindex(iface);
	if (ifindex == 0) {
		log_error(log, "%s: there is no such network interface", iface);
		return -ENODEV;
	}
	struct hold_interface *self = calloc(1, sizeof(*self));
	if (self == NULL) {
		log_error(log, "%s: no memory to hold the interface", iface);
		return -ENOMEM;
	}
	self->hold.ops = &interface_ops;
	self->log = log;
	strncpy(self->iface, iface, sizeof(self->iface) - 1);
	int result = claim_take(self, ifindex);
	if (result < 0) {
		if (result != -EBUSY)
			log_error(
				log, "%s: cannot take the interface: %s", iface, strerror(-result));
		interface_destroy(&self->hold);
		return result;
	}
	ingress_take(self, ifindex);
	*hold = &self->hold;
	return 0;
}
