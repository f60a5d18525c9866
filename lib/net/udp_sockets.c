/*
 * The kernel's UDP sockets of a port of the kind udp.
 * On the packet's way: under the port.
 * Threads: management, but for what the header says of lanes.
 */
#include "net/udp_sockets.h"

#include "net/udp_owner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A port that is free in one family may be taken in the other: how many are tried. */
#define ANY_PORT_TRIES 32
/* Bytes that may wait in a socket, each way, where the kernel lets us. */
#define BUFFER_LEN (4 << 20)
/* Errors that are heard in one go; the others wait. */
#define HEARD_MAX 64

static struct udp_sockets *
of_hold(struct hold *hold)
{
	return (struct udp_sockets *)hold;
}

/* -- opening ------------------------------------------------------------------------------- */

static void
set(int fd, int level, int name, int value)
{
	/* What a kernel does not have is done without. */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

/* With CAP_NET_ADMIN beyond what the host allows everybody. */
static void
set_buffer(int fd, int forced, int name)
{
	const int len = BUFFER_LEN;

	if (setsockopt(fd, SOL_SOCKET, forced, &len, sizeof(len)) != 0)
		set(fd, SOL_SOCKET, name, len);
}

static void
configure(int fd, enum udp_family family)
{
	if (family == UDP_IPV4) {
		set(fd, IPPROTO_IP, IP_PKTINFO, 1);
		set(fd, IPPROTO_IP, IP_RECVTOS, 1);
		set(fd, IPPROTO_IP, IP_RECVERR, 1);
		set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	} else {
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
		set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
		set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
		set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
	}
	set(fd, IPPROTO_UDP, UDP_GRO, 1);
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
}

static int
bind_to(int fd, enum udp_family family, uint16_t port)
{
	const struct sockaddr_in address4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	const struct sockaddr_in6 address6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const void *address = family == UDP_IPV4 ? (const void *)&address4 : &address6;

	return bind(fd, address, family == UDP_IPV4 ? sizeof(address4) : sizeof(address6)) == 0
		? 0
		: -errno;
}

/* The number is at the same place in both families. */
static int
bound_port(int fd, uint16_t *port)
{
	struct sockaddr_in6 bound = {.sin6_port = 0};
	socklen_t len = sizeof(bound);

	if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0)
		return -errno;
	*port = ntohs(bound.sin6_port);
	return 0;
}

static int
watch(int epoll, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

/*
 * The first queue's socket takes the port alone, so that one that is somebody's is refused; only
 * then do the other queues' join it. Returns the socket, or a negative errno.
 */
static int
open_socket(struct udp_sockets *sockets, const struct udp_port *port, uint16_t queue,
	enum udp_family family)
{
	const int fd = socket(family == UDP_IPV4 ? AF_INET : AF_INET6,
		SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
	int error;

	if (fd < 0)
		return -errno;
	configure(fd, family);
	if (queue > 0)
		set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	error = bind_to(fd, family, port->port);
	if (queue == 0 && sockets->queue_count > 1)
		set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (error == 0)
		error = watch(sockets->queues[queue].readable, fd, EPOLLIN);
	/* Errors are reported unasked. */
	if (error == 0)
		error = watch(sockets->erroneous, fd, 0);
	if (error != 0)
		close(fd);
	return error == 0 ? fd : error;
}

static void
close_sockets(const struct udp_sockets *sockets, struct udp_port *port)
{
	for (unsigned queue = 0; queue < sockets->queue_count && port->fds != NULL; queue++)
		for (unsigned family = 0; family < UDP_FAMILY_COUNT; family++)
			if (port->fds[queue][family] >= 0)
				close(port->fds[queue][family]);
	free(port->fds);
	port->fds = NULL;
}

/* Opens all sockets of port->port, or, if that is 0, of one that is free. */
static int
open_sockets(struct udp_sockets *sockets, struct udp_port *port)
{
	port->fds = malloc(sockets->queue_count * sizeof(port->fds[0]));
	if (port->fds == NULL)
		return -ENOMEM;
	memset(port->fds, -1, sockets->queue_count * sizeof(port->fds[0]));
	for (uint16_t queue = 0; queue < sockets->queue_count; queue++) {
		for (enum udp_family family = 0; family < UDP_FAMILY_COUNT; family++) {
			const int fd = open_socket(sockets, port, queue, family);
			int error = fd < 0 ? fd : 0;

			if (fd == -EAFNOSUPPORT)
				continue;
			port->fds[queue][family] = fd;
			if (error == 0 && port->port == 0)
				error = bound_port(fd, &port->port);
			if (error != 0)
				return error;
		}
	}
	return 0;
}

static int
take_port(struct udp_sockets *sockets, uint16_t *number)
{
	struct udp_port *port = sockets->ports;
	int error;

	while (port < sockets->ports + UDP_PORTS_MAX && port->open)
		port++;
	if (port == sockets->ports + UDP_PORTS_MAX)
		return -ENOSPC;
	port->port = *number;
	port->mark = 0;
	error = open_sockets(sockets, port);
	if (error != 0) {
		close_sockets(sockets, port);
		return error;
	}
	*number = port->port;
	atomic_store_explicit(&port->open, true, memory_order_release);
	return 0;
}

static int
sockets_port(struct hold *hold, uint16_t port, const struct log *log)
{
	const int error = take_port(of_hold(hold), &port);

	return error == 0 ? 0 : udp_owner_refuse(port, error, log);
}

static int
sockets_any_port(struct hold *hold, uint16_t *port, const struct log *log)
{
	int error = -EADDRINUSE;

	for (unsigned i = 0; i < ANY_PORT_TRIES && error == -EADDRINUSE; i++) {
		*port = 0;
		error = take_port(of_hold(hold), port);
	}
	if (error != 0)
		log_error(log, "no UDP port is free for a tunnel: %s", strerror(-error));
	return error;
}

/* -- closing ------------------------------------------------------------------------------- */

/* Waits until no lane can be among the sockets that it found open; they never stay for long. */
static void
wait_for_lanes(const struct udp_sockets *sockets)
{
	const struct timespec moment = {.tv_nsec = 20000};

	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned queue = 0; queue < sockets->queue_count; queue++) {
		const _Atomic unsigned *passes = &sockets->queues[queue].passes;
		const unsigned before = atomic_load_explicit(passes, memory_order_acquire);

		while (before % 2 == 1 &&
			atomic_load_explicit(passes, memory_order_acquire) == before)
			nanosleep(&moment, NULL);
	}
}

static void
sockets_release(struct hold *hold, uint16_t number)
{
	struct udp_sockets *sockets = of_hold(hold);
	struct udp_port *port = udp_sockets_find(sockets, number);

	if (port == NULL)
		return;
	atomic_store_explicit(&port->open, false, memory_order_relaxed);
	wait_for_lanes(sockets);
	close_sockets(sockets, port);
}

static void
sockets_destroy(struct hold *hold)
{
	struct udp_sockets *sockets = of_hold(hold);

	for (unsigned i = 0; i < UDP_PORTS_MAX; i++)
		close_sockets(sockets, &sockets->ports[i]);
	for (unsigned queue = 0; queue < sockets->queue_count && sockets->queues != NULL; queue++)
		if (sockets->queues[queue].readable >= 0)
			close(sockets->queues[queue].readable);
	free(sockets->queues);
	if (sockets->erroneous >= 0)
		close(sockets->erroneous);
	free(sockets);
}

/* -- marks and errors ---------------------------------------------------------------------- */

static int
sockets_mark(struct hold *hold, uint16_t number, uint32_t mark, const struct log *log)
{
	struct udp_sockets *sockets = of_hold(hold);
	struct udp_port *port = udp_sockets_find(sockets, number);
	int error = 0;

	/* To set none takes the right to, too. */
	if (port == NULL || port->mark == mark)
		return 0;
	for (unsigned i = 0; i < sockets->queue_count * UDP_FAMILY_COUNT && error == 0; i++) {
		const int fd = port->fds[i / UDP_FAMILY_COUNT][i % UDP_FAMILY_COUNT];

		if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) != 0)
			error = -errno;
	}
	if (error == 0)
		port->mark = mark;
	else
		log_error(log, "UDP port %u cannot have the firewall mark %u: %s%s", number, mark,
			strerror(-error), error == -EPERM ? " (CAP_NET_ADMIN is needed)" : "");
	return error;
}

/* Takes one report. Returns whether there was any. */
static bool
hear_one(int fd, bool *mtu_changed)
{
	_Alignas(struct cmsghdr) uint8_t control[512];
	struct msghdr message = {.msg_control = control, .msg_controllen = sizeof(control)};

	/* Of the packet itself nothing is wanted. */
	if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part != NULL;
		part = CMSG_NXTHDR(&message, part)) {
		struct sock_extended_err report;

		if (part->cmsg_len < CMSG_LEN(sizeof(report)) ||
			!((part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) ||
				(part->cmsg_level == IPPROTO_IPV6 &&
					part->cmsg_type == IPV6_RECVERR)))
			continue;
		memcpy(&report, CMSG_DATA(part), sizeof(report));
		*mtu_changed |= report.ee_errno == EMSGSIZE;
	}
	return true;
}

bool
udp_sockets_hear(struct udp_sockets *sockets)
{
	struct epoll_event events[UDP_PORTS_MAX];
	const int count = epoll_wait(sockets->erroneous, events, UDP_PORTS_MAX, 0);
	bool mtu_changed = false;

	for (int i = 0; i < count; i++)
		for (unsigned k = 0; k < HEARD_MAX; k++)
			if (!hear_one(events[i].data.fd, &mtu_changed))
				break;
	return mtu_changed;
}

static const struct hold_ops sockets_ops = {
	.port = sockets_port,
	.any_port = sockets_any_port,
	.release = sockets_release,
	.mark = sockets_mark,
	.destroy = sockets_destroy,
};

static int
make_queues(struct udp_sockets *sockets)
{
	const size_t len = sockets->queue_count * sizeof(sockets->queues[0]);

	sockets->queues = aligned_alloc(RTE_CACHE_LINE_SIZE, len);
	if (sockets->queues == NULL)
		return -ENOMEM;
	memset(sockets->queues, 0, len);
	for (unsigned queue = 0; queue < sockets->queue_count; queue++)
		sockets->queues[queue].readable = -1;
	for (unsigned queue = 0; queue < sockets->queue_count; queue++) {
		sockets->queues[queue].readable = epoll_create1(EPOLL_CLOEXEC);
		if (sockets->queues[queue].readable < 0)
			return -errno;
	}
	return 0;
}

int
udp_sockets_create(uint16_t queue_count, const struct log *log, struct udp_sockets **sockets)
{
	struct udp_sockets *created = calloc(1, sizeof(*created));
	int error = created == NULL ? -ENOMEM : 0;

	if (error == 0) {
		*created = (struct udp_sockets){
			.hold.ops = &sockets_ops,
			.log = log,
			.queue_count = queue_count,
			.erroneous = epoll_create1(EPOLL_CLOEXEC),
		};
		error = created->erroneous < 0 ? -errno : make_queues(created);
	}
	if (error != 0) {
		log_error(log, "cannot prepare UDP sockets: %s", strerror(-error));
		if (created != NULL)
			hold_destroy(&created->hold);
		return error;
	}
	*sockets = created;
	return 0;
}
