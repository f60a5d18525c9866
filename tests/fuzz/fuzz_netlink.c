/*
 * Fuzz target: what the kernel says by rtnetlink: links, addresses, neighbours, routes; as answers
 * to our questions and as events. libmnl's sockets are played here.
 * Threads: one.
 *
 * The input: operations of a byte each; what is asked meanwhile is answered from the input, too: a
 * byte of flags, a length, a datagram. The answer to the very first question is always a link.
 */
#include "demand.h"

#include "net/nexthop.h"

#include <libmnl/libmnl.h>

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sanitizer/asan_interface.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define PORT_ID 77
#define DATAGRAM_MAX 2048

enum answer_flag {
	ANSWER_ERROR = 1 << 0, /* the length is an errno, and there is no datagram */
	ANSWER_SEQUENCE = 1 << 1, /* is put right */
	ANSWER_LENGTH = 1 << 2, /* the first message's: that of the datagram */
	ANSWER_ACKNOWLEDGED = 1 << 3, /* an acknowledgement is put behind it */
};

struct mnl_socket {
	int number;
};

/* The kernel: for the functions below, which libmnl's callers call without a context. */
static struct {
	const uint8_t *data;
	size_t len;
	uint32_t sequence; /* of the last question */
	int sockets; /* that are open */
	int ready; /* an eventfd in place of every descriptor */
	int timer;
	unsigned questions;
} kernel;

static uint8_t
take_byte(void)
{
	if (kernel.len == 0)
		return 0;
	kernel.len--;
	return *kernel.data++;
}

/* -- libmnl's sockets, and the timer -------------------------------------------------------- */

struct mnl_socket *
mnl_socket_open2(int bus, int flags)
{
	struct mnl_socket *made = calloc(1, sizeof(*made));

	demand(made != NULL, "memory");
	made->number = kernel.sockets++;
	return made;
}

int
mnl_socket_bind(struct mnl_socket *socket, unsigned groups, pid_t pid)
{
	return 0;
}

int
mnl_socket_setsockopt(const struct mnl_socket *socket, int type, void *value, socklen_t len)
{
	return 0;
}

int
mnl_socket_get_fd(const struct mnl_socket *socket)
{
	return kernel.ready;
}

unsigned
mnl_socket_get_portid(const struct mnl_socket *socket)
{
	return PORT_ID;
}

int
mnl_socket_close(struct mnl_socket *socket)
{
	free(socket);
	kernel.sockets--;
	return 0;
}

ssize_t
mnl_socket_sendto(const struct mnl_socket *socket, const void *bytes, size_t len)
{
	const struct nlmsghdr *header = bytes;

	demand(socket->number == 0, "a question by the socket of events");
	demand(len >= sizeof(*header) && header->nlmsg_len == len, "a question of a wrong length");
	kernel.sequence = header->nlmsg_seq;
	kernel.questions++;
	return (ssize_t)len;
}

static size_t
acknowledge(uint8_t *bytes)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(bytes);
	struct nlmsgerr *error = mnl_nlmsg_put_extra_header(header, sizeof(*error));

	header->nlmsg_type = NLMSG_ERROR;
	header->nlmsg_seq = kernel.sequence;
	header->nlmsg_pid = PORT_ID;
	error->error = 0;
	return header->nlmsg_len;
}

static size_t
link_answer(uint8_t *bytes)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	struct nlmsghdr *header = mnl_nlmsg_put_header(bytes);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(header, sizeof(*link));

	header->nlmsg_type = RTM_NEWLINK;
	header->nlmsg_seq = kernel.sequence;
	header->nlmsg_pid = PORT_ID;
	link->ifi_index = (int)if_nametoindex("lo");
	link->ifi_type = ARPHRD_ETHER;
	mnl_attr_put_u32(header, IFLA_MTU, 1500);
	mnl_attr_put(header, IFLA_ADDRESS, sizeof(mac), mac);
	return header->nlmsg_len;
}

/*
 * The kernel's messages lie within the datagram and fill it, which libmnl relies on: a piece that
 * is none is cut off, and the length returned. The first one's length and sequence number are put
 * right if the flags say so.
 */
static size_t
put_right(uint8_t *bytes, size_t len, uint8_t flags)
{
	size_t at = 0;

	while (len - at >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr *header = (struct nlmsghdr *)(bytes + at);

		if (header->nlmsg_len > len - at || (at == 0 && (flags & ANSWER_LENGTH)))
			header->nlmsg_len = (uint32_t)(len - at);
		if (at == 0 && (flags & ANSWER_SEQUENCE)) {
			header->nlmsg_seq = kernel.sequence;
			header->nlmsg_pid = PORT_ID;
		}
		if (header->nlmsg_len < sizeof(*header))
			return at;
		at += MNL_ALIGN(header->nlmsg_len);
	}
	return at;
}

static ssize_t
answer(uint8_t *bytes, size_t room)
{
	const uint8_t flags = take_byte();
	size_t len = take_byte();

	if (flags & ANSWER_ERROR) {
		errno = len != 0 ? (int)len : EAGAIN;
		return -1;
	}
	len = len * 4 < kernel.len ? len * 4 : kernel.len / 4 * 4;
	demand(room >= DATAGRAM_MAX, "little room for a datagram");
	memcpy(bytes, kernel.data, len);
	kernel.data += len;
	kernel.len -= len;
	len = put_right(bytes, len, flags);
	return (ssize_t)(flags & ANSWER_ACKNOWLEDGED ? len + acknowledge(bytes + len) : len);
}

ssize_t
mnl_socket_recvfrom(const struct mnl_socket *socket, void *bytes, size_t room)
{
	ssize_t len;

	ASAN_UNPOISON_MEMORY_REGION(bytes, room);
	memset(bytes, 0xa5, room);
	if (kernel.questions == 1 && socket->number == 0 && kernel.sequence != 0) {
		const size_t link_len = link_answer(bytes);

		kernel.questions++;
		return (ssize_t)(link_len + acknowledge((uint8_t *)bytes + link_len));
	}
	if (kernel.len == 0) {
		errno = socket->number == 0 ? ECONNRESET : EAGAIN;
		return -1;
	}
	len = answer(bytes, room);
#ifdef __clang__
	/* What is behind the datagram is nobody's to read; gcc would leave the stack poisoned. */
	if (len >= 0)
		ASAN_POISON_MEMORY_REGION((uint8_t *)bytes + len, room - (size_t)len);
#endif
	return len;
}

/* Ten seconds pass when the input says so. */
int
timerfd_create(clockid_t clock, int flags)
{
	return kernel.timer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

int
timerfd_settime(int fd, int flags, const struct itimerspec *to, struct itimerspec *from)
{
	return 0;
}

/* -- what is asked of the next hops --------------------------------------------------------- */

static struct address
take_address(bool six)
{
	uint8_t bytes[16];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = i < 4 || six ? take_byte() : 0;
	return address_from_bytes(six ? ADDRESS_IPV6 : ADDRESS_IPV4, bytes);
}

static void
resolve(struct nexthops *nexthops, bool six, bool with_source)
{
	const struct address destination = take_address(six);
	struct address source = {.family = ADDRESS_NONE};
	struct nexthop nexthop;

	if (with_source)
		(void)nexthops_local(nexthops, &source, 1);
	nexthops_resolve(nexthops, &destination, six ? take_byte() : 0,
		source.family != ADDRESS_NONE ? &source : NULL, 0, &nexthop);
	demand(nexthop.state <= NEXTHOP_LOCAL, "a state that is none");
	if (nexthop.state == NEXTHOP_READY || nexthop.state == NEXTHOP_RESOLVING)
		demand(nexthop.source.family == destination.family, "a source of another family");
	if (nexthop.state == NEXTHOP_ELSEWHERE)
		demand(memchr(nexthop.elsewhere, '\0', sizeof(nexthop.elsewhere)) != NULL,
			"a name without an end");
}

static void
list(const struct nexthops *nexthops)
{
	struct address addresses[4];
	struct prefix networks[4];
	size_t count = nexthops_local(nexthops, addresses, 4);

	demand(count <= 4, "more addresses than asked for");
	for (size_t i = 0; i < count; i++)
		demand(addresses[i].family != ADDRESS_NONE, "an address that is none");
	count = nexthops_networks(nexthops, networks, 4);
	demand(count <= 4, "more networks than asked for");
	for (size_t i = 0; i < count; i++)
		demand(networks[i].len <= address_bits(&networks[i].address),
			"a prefix longer than its address");
}

static void
operate(struct nexthops *nexthops)
{
	const uint64_t tick = 1;

	switch (take_byte() % 6) {
	case 0:
		(void)nexthops_process(nexthops);
		break;
	case 1:
		resolve(nexthops, false, false);
		break;
	case 2:
		resolve(nexthops, true, false);
		break;
	case 3:
		resolve(nexthops, false, true);
		break;
	case 4:
		demand(write(kernel.timer, &tick, sizeof(tick)) == sizeof(tick), "no timer");
		(void)nexthops_process(nexthops);
		break;
	case 5:
		list(nexthops);
		break;
	}
}

static void
hear(void *context, enum log_level level, const char *line)
{
	demand(strlen(line) < 1024, "a line that is too long");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct log log = {.level = LOG_LEVEL_DEBUG, .write = hear};
	struct nexthops *nexthops;

	kernel.data = data;
	kernel.len = len;
	kernel.questions = 0;
	kernel.ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	demand(kernel.ready >= 0, "eventfd");
	if (nexthops_netlink_create("lo", &log, &nexthops) == 0) {
		while (kernel.len > 0)
			operate(nexthops);
		nexthops_destroy(nexthops);
	}
	demand(kernel.sockets == 0, "a socket is left open");
	close(kernel.ready);
	return 0;
}
