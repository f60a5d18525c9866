/*
 * Sending and receiving memif's messages.
 * On the packet's way: nowhere.
 * Threads: management.
 */
#include "net/memif_message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Descriptors that are taken in, to be closed, where one is due. */
#define PASSED_MAX 8

int
memif_message_send(int fd, const struct memif_message *message, int passed)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {.room = {0}};
	struct iovec part = {.iov_base = (void *)message, .iov_len = sizeof(*message)};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t sent;

	if (passed >= 0) {
		struct cmsghdr *cmsg;

		header.msg_control = control.room;
		header.msg_controllen = sizeof(control.room);
		cmsg = CMSG_FIRSTHDR(&header);
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(cmsg), &passed, sizeof(passed));
	}
	sent = sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		return -errno;
	return sent == sizeof(*message) ? 0 : -EMSGSIZE;
}

/* Keeps the first descriptor and closes all others; returns how many there were. */
static unsigned
take_passed(struct msghdr *header, int *passed)
{
	unsigned count = 0;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg != NULL;
		cmsg = CMSG_NXTHDR(header, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= cmsg->cmsg_len - CMSG_LEN(0);
			at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + at, sizeof(fd));
			if (count++ == 0)
				*passed = fd;
			else
				close(fd);
		}
	}
	return count;
}

int
memif_message_receive(int fd, struct memif_message *message, int *passed)
{
	union {
		char room[CMSG_SPACE(PASSED_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = {.iov_base = message, .iov_len = sizeof(*message)};
	struct msghdr header = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	ssize_t len;

	*passed = -1;
	memset(message, 0, sizeof(*message));
	len = recvmsg(fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (len < 0)
		return -errno;
	if (take_passed(&header, passed) <= 1 && len == sizeof(*message) &&
		(header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
		return 0;
	if (*passed >= 0)
		close(*passed);
	*passed = -1;
	return len == 0 ? -ECONNRESET : -EBADMSG;
}

void
memif_text(char *to, size_t size, const char *from, size_t len)
{
	size_t i = 0;

	for (; i < len && i + 1 < size && from[i] != '\0'; i++)
		to[i] = (char)(from[i] >= ' ' && from[i] < 0x7f ? from[i] : '?');
	to[i] = '\0';
}
