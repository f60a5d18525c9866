/*
 * From frames to the kernel's UDP sockets.
 * On the packet's way: where it ends, at a port of the kind udp.
 * Threads: the lane of the queue.
 */
#include "net/udp_transmit.h"

#include "net/udp_frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

/* Frames that are looked at together; the kernel joins as many at most. */
#define FRAMES_MAX 64
/* Bytes that are joined at most: what an IP packet holds. */
#define JOINED_LEN_MAX 65000
/* Room for the source's address, the traffic class and the length of segments. */
#define CONTROL_LEN 96

/* Frames that leave by one call: a message for each run of them. */
struct flight {
	int fd;
	unsigned count; /* of messages */
	unsigned frame_count;
	struct mmsghdr messages[FRAMES_MAX];
	struct iovec parts[FRAMES_MAX]; /* one for each frame */
	struct sockaddr_in6 names[FRAMES_MAX];
	_Alignas(struct cmsghdr) uint8_t controls[FRAMES_MAX][CONTROL_LEN];
};

void
udp_transmitter_init(struct udp_transmitter *transmitter, struct udp_sockets *sockets)
{
	transmitter->sockets = sockets;
	transmitter->segments = true;
}

/* -- what a message is told ---------------------------------------------------------------- */

static socklen_t
write_name(const struct endpoint *remote, struct sockaddr_in6 *name)
{
	struct sockaddr_in *name4 = (void *)name;

	if (remote->address.family == ADDRESS_IPV4) {
		*name4 = (struct sockaddr_in){
			.sin_family = AF_INET,
			.sin_port = htons(remote->port),
		};
		memcpy(&name4->sin_addr, remote->address.bytes, 4);
		return sizeof(*name4);
	}
	*name = (struct sockaddr_in6){
		.sin6_family = AF_INET6,
		.sin6_port = htons(remote->port),
		.sin6_scope_id = remote->scope_id,
	};
	memcpy(&name->sin6_addr, remote->address.bytes, 16);
	return sizeof(*name);
}

static void
add_part(struct msghdr *message, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *part = (void *)((uint8_t *)message->msg_control + message->msg_controllen);

	part->cmsg_level = level;
	part->cmsg_type = type;
	part->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(part), data, len);
	message->msg_controllen += CMSG_SPACE(len);
}

static void
add_source(struct msghdr *message, const struct address *source)
{
	static const uint8_t unspecified[16];
	struct in_pktinfo info4 = {.ipi_ifindex = 0};
	struct in6_pktinfo info6 = {.ipi6_ifindex = 0};

	if (memcmp(source->bytes, unspecified, sizeof(unspecified)) == 0)
		return;
	if (source->family == ADDRESS_IPV4) {
		memcpy(&info4.ipi_spec_dst, source->bytes, 4);
		add_part(message, IPPROTO_IP, IP_PKTINFO, &info4, sizeof(info4));
	} else {
		memcpy(&info6.ipi6_addr, source->bytes, 16);
		add_part(message, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
	}
}

static void
add_tos(struct msghdr *message, const struct udp_way *way)
{
	const int tos = way->tos;

	if (tos == 0)
		return;
	if (way->remote.address.family == ADDRESS_IPV4)
		add_part(message, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	else
		add_part(message, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
}

static void
begin_message(struct flight *flight, const struct udp_way *way)
{
	const unsigned i = flight->count++;
	struct msghdr *message = &flight->messages[i].msg_hdr;

	*message = (struct msghdr){
		.msg_name = &flight->names[i],
		.msg_namelen = write_name(&way->remote, &flight->names[i]),
		.msg_iov = &flight->parts[flight->frame_count],
		.msg_control = flight->controls[i],
	};
	memset(flight->controls[i], 0, CONTROL_LEN);
	add_source(message, &way->local.address);
	add_tos(message, way);
}

/* Where it takes packets apart again; last, so that it can be left away. */
static void
end_message(struct flight *flight)
{
	struct msghdr *message = &flight->messages[flight->count - 1].msg_hdr;
	const uint16_t len = (uint16_t)message->msg_iov[0].iov_len;

	if (message->msg_iovlen > 1)
		add_part(message, IPPROTO_UDP, UDP_SEGMENT, &len, sizeof(len));
}

static void
leave_segments_away(struct msghdr *message)
{
	message->msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
}

/* -- runs ---------------------------------------------------------------------------------- */

/* Whether a packet of `len` bytes may follow those of the message: the others are all alike. */
static bool
joins(const struct msghdr *message, size_t total, size_t len)
{
	const size_t first = message->msg_iov[0].iov_len;

	return message->msg_iov[message->msg_iovlen - 1].iov_len == first && len <= first &&
		len > 0 && total + len <= JOINED_LEN_MAX;
}

static int
socket_of(const struct udp_transmitter *transmitter, uint16_t queue, const struct udp_way *way)
{
	const struct udp_port *port = udp_sockets_find(transmitter->sockets, way->local.port);
	const bool ipv4 = way->remote.address.family == ADDRESS_IPV4;

	return port == NULL ? -1 : port->fds[queue][ipv4 ? UDP_IPV4 : UDP_IPV6];
}

/* Fills the flight with those frames, of the first ones, that leave by one socket; fd < 0: none. */
static void
gather(const struct udp_transmitter *transmitter, uint16_t queue, struct rte_mbuf *mbufs[],
	unsigned count, struct flight *flight)
{
	const bool segments = atomic_load_explicit(&transmitter->segments, memory_order_relaxed);
	struct udp_way last;
	size_t total = 0;

	flight->count = flight->frame_count = 0;
	for (unsigned i = 0; i < count && i < FRAMES_MAX; i++) {
		uint8_t *frame = rte_pktmbuf_mtod(mbufs[i], uint8_t *);
		struct udp_way way;
		const size_t at = udp_frame_read(frame, rte_pktmbuf_data_len(mbufs[i]), &way);
		const size_t len = rte_pktmbuf_data_len(mbufs[i]) - at;
		const bool same = i > 0 && memcmp(&way, &last, sizeof(way)) == 0;
		const int fd = same ? flight->fd
			: at == 0   ? -1
				    : socket_of(transmitter, queue, &way);

		if (i > 0 && fd != flight->fd)
			break;
		flight->fd = fd;
		if (!same || !segments ||
			!joins(&flight->messages[flight->count - 1].msg_hdr, total, len)) {
			if (flight->count > 0)
				end_message(flight);
			begin_message(flight, &way);
			total = 0;
		}
		flight->parts[flight->frame_count++] = (struct iovec){frame + at, len};
		flight->messages[flight->count - 1].msg_hdr.msg_iovlen++;
		total += len;
		last = way;
	}
	end_message(flight);
}

/* -- sending ------------------------------------------------------------------------------- */

static bool
is_full(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

/*
 * Sends one message. Returns 0, or the error number. A first error may be that of a packet that was
 * sent before, which ICMP reports, and is told once.
 */
static int
send_one(int fd, const struct msghdr *message)
{
	int error = 0;

	for (unsigned tries = 0; tries < 2; tries++) {
		if (sendmsg(fd, message, MSG_DONTWAIT) >= 0)
			return 0;
		error = errno;
		if (is_full(error))
			break;
	}
	return error;
}

/*
 * Sends the packets of a message each by itself: the kernel did not want them together. Returns how
 * many are done with.
 */
static unsigned
send_apart(struct udp_transmitter *transmitter, int fd, struct msghdr *message, int why,
	uint16_t *refused)
{
	const unsigned count = (unsigned)message->msg_iovlen;

	leave_segments_away(message);
	message->msg_iovlen = 1;
	for (unsigned i = 0; i < count; i++, message->msg_iov++) {
		const int error = send_one(fd, message);

		if (is_full(error))
			return i;
		*refused = (uint16_t)(*refused + (error != 0));
		/* It cannot: neither this device nor its kernel computes their checksums. */
		if (error == 0 && why == EIO)
			atomic_store_explicit(&transmitter->segments, false, memory_order_relaxed);
	}
	return count;
}

/* After an error of the first message. Returns how many of its packets are done with. */
static unsigned
send_again(struct udp_transmitter *transmitter, int fd, struct msghdr *message, uint16_t *refused)
{
	const unsigned count = (unsigned)message->msg_iovlen;
	const int error = send_one(fd, message);

	if (is_full(error))
		return 0;
	if (error != 0 && count > 1)
		return send_apart(transmitter, fd, message, error, refused);
	*refused = (uint16_t)(*refused + (error != 0));
	return count;
}

/* Returns how many frames are done with: all, unless the kernel has no room for more now. */
static unsigned
send_flight(struct udp_transmitter *transmitter, struct flight *flight, uint16_t *refused)
{
	unsigned done = 0;
	unsigned at = 0;

	while (at < flight->count) {
		const int sent = sendmmsg(
			flight->fd, flight->messages + at, flight->count - at, MSG_DONTWAIT);
		unsigned wanted;
		unsigned apart;

		for (int i = 0; i < sent; i++)
			done += (unsigned)flight->messages[at++].msg_hdr.msg_iovlen;
		if (sent > 0)
			continue;
		if (is_full(errno))
			break;
		wanted = (unsigned)flight->messages[at].msg_hdr.msg_iovlen;
		apart = send_again(
			transmitter, flight->fd, &flight->messages[at++].msg_hdr, refused);
		done += apart;
		if (apart < wanted)
			break;
	}
	return done;
}

uint16_t
udp_transmitter_give(struct udp_transmitter *transmitter, uint16_t queue, struct rte_mbuf *mbufs[],
	uint16_t count, uint16_t *refused)
{
	struct flight flight;
	uint16_t done = 0;

	udp_sockets_enter(transmitter->sockets, queue);
	while (done < count) {
		unsigned sent;

		gather(transmitter, queue, mbufs + done, (unsigned)(count - done), &flight);
		if (flight.fd < 0) {
			sent = flight.frame_count;
			*refused = (uint16_t)(*refused + sent);
		} else {
			sent = send_flight(transmitter, &flight, refused);
		}
		done = (uint16_t)(done + sent);
		if (sent < flight.frame_count)
			break;
	}
	udp_sockets_leave(transmitter->sockets, queue);
	rte_pktmbuf_free_bulk(mbufs, done);
	return done;
}
