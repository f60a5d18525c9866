/*
 * From the kernel's UDP sockets to frames.
 * On the packet's way: where it begins, at a port of the kind udp.
 * Threads: the lane of the queue.
 */
#include "net/udp_receive.h"

#include "net/udp_frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Datagrams that are taken from a socket by one call, and room for the longest. */
#define MESSAGES_MAX 32
#define MESSAGE_LEN 65536
/* Room for what is told beside each: addresses, traffic class, length of segments. */
#define CONTROL_LEN 128

struct udp_receiver {
	struct udp_sockets *sockets;
	struct rte_mempool *pool;
	uint16_t queue;
	unsigned next; /* the socket to be asked next, over all of the queue */
	/* Taken from a socket and not yet given on: from message `at`, byte `offset`. */
	uint16_t port;
	unsigned at;
	unsigned count;
	size_t offset;
	size_t segment_len; /* of message `at` */
	struct outer_header header; /* likewise, and `tos` */
	uint8_t tos;
	struct mmsghdr messages[MESSAGES_MAX];
	struct iovec parts[MESSAGES_MAX];
	struct sockaddr_in6 names[MESSAGES_MAX];
	_Alignas(struct cmsghdr) uint8_t controls[MESSAGES_MAX][CONTROL_LEN];
	uint8_t bytes[MESSAGES_MAX][MESSAGE_LEN];
};

struct udp_receiver *
udp_receiver_create(struct udp_sockets *sockets, uint16_t queue, struct rte_mempool *pool)
{
	struct udp_receiver *receiver = malloc(sizeof(*receiver));

	if (receiver == NULL)
		return NULL;
	/* Not the bytes: of their pages only those that are used are to be there. */
	memset(receiver, 0, offsetof(struct udp_receiver, bytes));
	receiver->sockets = sockets;
	receiver->queue = queue;
	receiver->pool = pool;
	for (unsigned i = 0; i < MESSAGES_MAX; i++) {
		receiver->parts[i] = (struct iovec){receiver->bytes[i], MESSAGE_LEN};
		receiver->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &receiver->names[i],
			.msg_iov = &receiver->parts[i],
			.msg_iovlen = 1,
			.msg_control = receiver->controls[i],
		};
	}
	return receiver;
}

/* -- what a message says ------------------------------------------------------------------- */

static void
read_name(const struct sockaddr_in6 *name, struct endpoint *remote)
{
	const struct sockaddr_in *name4 = (const void *)name;

	if (name->sin6_family == AF_INET) {
		remote->address = address_from_bytes(ADDRESS_IPV4, (const void *)&name4->sin_addr);
	} else {
		remote->address = address_from_bytes(ADDRESS_IPV6, name->sin6_addr.s6_addr);
		remote->scope_id = name->sin6_scope_id;
	}
	remote->port = ntohs(name->sin6_port);
}

static void
read_part(const struct cmsghdr *part, struct udp_way *way, size_t *segment_len)
{
	const void *data = CMSG_DATA(part);
	struct in_pktinfo info4;
	struct in6_pktinfo info6;
	int number;

	if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
		memcpy(&info4, data, sizeof(info4));
		way->local.address =
			address_from_bytes(ADDRESS_IPV4, (const void *)&info4.ipi_addr);
	} else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
		memcpy(&info6, data, sizeof(info6));
		way->local.address = address_from_bytes(ADDRESS_IPV6, info6.ipi6_addr.s6_addr);
	} else if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_TOS) {
		way->tos = *(const uint8_t *)data;
	} else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_TCLASS) {
		memcpy(&number, data, sizeof(number));
		way->tos = (uint8_t)number;
	} else if (part->cmsg_level == IPPROTO_UDP && part->cmsg_type == UDP_GRO) {
		memcpy(&number, data, sizeof(number));
		*segment_len = (size_t)number;
	}
}

/* Makes ready to give message `at` on. */
static void
begin_message(struct udp_receiver *receiver)
{
	struct mmsghdr *message = &receiver->messages[receiver->at];
	struct udp_way way = {.local.port = receiver->port};
	size_t segment_len = 0;

	read_name(&receiver->names[receiver->at], &way.remote);
	way.local.address.family = way.remote.address.family;
	for (struct cmsghdr *part = CMSG_FIRSTHDR(&message->msg_hdr); part != NULL;
		part = CMSG_NXTHDR(&message->msg_hdr, part))
		read_part(part, &way, &segment_len);
	receiver->offset = 0;
	receiver->segment_len = segment_len != 0 ? segment_len : message->msg_len;
	receiver->tos = way.tos;
	udp_frame_header(&receiver->header, &way);
}

/* -- sockets ------------------------------------------------------------------------------- */

static int
receive(struct udp_receiver *receiver, int fd)
{
	int count = -1;

	for (unsigned i = 0; i < MESSAGES_MAX; i++) {
		receiver->messages[i].msg_hdr.msg_namelen = sizeof(receiver->names[i]);
		receiver->messages[i].msg_hdr.msg_controllen = CONTROL_LEN;
	}
	/* An error is one of a packet that was sent before, and is told once. */
	for (unsigned tries = 0; tries < 2 && count < 0; tries++) {
		count = recvmmsg(fd, receiver->messages, MESSAGES_MAX, MSG_DONTWAIT, NULL);
		if (count < 0 && errno == EAGAIN)
			break;
	}
	return count < 0 ? 0 : count;
}

/* Asks the queue's sockets, beginning behind the one that brought something last. */
static void
receive_any(struct udp_receiver *receiver)
{
	for (unsigned i = 0; i < UDP_PORTS_MAX * UDP_FAMILY_COUNT; i++) {
		const unsigned which = receiver->next;
		struct udp_port *port = &receiver->sockets->ports[which / UDP_FAMILY_COUNT];
		int fd;

		receiver->next = (which + 1) % (UDP_PORTS_MAX * UDP_FAMILY_COUNT);
		if (!atomic_load_explicit(&port->open, memory_order_acquire))
			continue;
		fd = port->fds[receiver->queue][which % UDP_FAMILY_COUNT];
		receiver->count = fd < 0 ? 0 : (unsigned)receive(receiver, fd);
		receiver->at = 0;
		receiver->port = port->port;
		if (receiver->count > 0) {
			begin_message(receiver);
			return;
		}
	}
}

/* -- frames -------------------------------------------------------------------------------- */

static struct rte_mbuf *
make_frame(const struct udp_receiver *receiver, const uint8_t *payload, size_t len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(receiver->pool);
	uint8_t *to;

	if (mbuf == NULL)
		return NULL;
	/* Longer ones were seen to by the caller. */
	to = (uint8_t *)rte_pktmbuf_append(mbuf, (uint16_t)(receiver->header.len + len)) +
		receiver->header.len;
	memcpy(to, payload, len);
	outer_header_write(&receiver->header, to, (uint16_t)len, receiver->tos);
	return mbuf;
}

static bool
fits(const struct udp_receiver *receiver, size_t len)
{
	return receiver->header.len + len + RTE_PKTMBUF_HEADROOM <=
		rte_pktmbuf_data_room_size(receiver->pool);
}

/* Gives the next packet on, of those taken. Returns false if there is no buffer for it. */
static bool
give_one(struct udp_receiver *receiver, struct rte_mbuf *mbufs[], uint16_t *given)
{
	const size_t message_len = receiver->messages[receiver->at].msg_len;
	const size_t len = RTE_MIN(receiver->segment_len, message_len - receiver->offset);

	if (fits(receiver, len)) {
		struct rte_mbuf *mbuf =
			make_frame(receiver, receiver->bytes[receiver->at] + receiver->offset, len);

		if (mbuf == NULL)
			return false;
		mbufs[(*given)++] = mbuf;
	}
	receiver->offset += len;
	if (receiver->offset < message_len)
		return true;
	receiver->at++;
	if (receiver->at < receiver->count)
		begin_message(receiver);
	return true;
}

uint16_t
udp_receiver_take(struct udp_receiver *receiver, struct rte_mbuf *mbufs[], uint16_t count)
{
	uint16_t given = 0;

	if (receiver->at == receiver->count) {
		udp_sockets_enter(receiver->sockets, receiver->queue);
		receive_any(receiver);
		udp_sockets_leave(receiver->sockets, receiver->queue);
	}
	while (given < count && receiver->at < receiver->count)
		if (!give_one(receiver, mbufs, &given))
			break;
	return given;
}
