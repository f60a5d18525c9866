/*
 * Watching for the removal of an interface or of the socket by which wg(8) reaches it.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "vigil.h"

#include <linux/rtnetlink.h>

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define UAPI_DIR "/var/run/wireguard"

struct vigil {
	unsigned ifindex; /* it may be given another name */
	char path[128];
	dev_t device; /* of the socket's file; another one of its name is not ours */
	ino_t inode;
	int links; /* netlink: something has happened to an interface */
	int folder; /* inotify: a file has gone */
	int epoll; /* of both */
};

static int
watch(const struct vigil *vigil, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return fd < 0 ? -1 : epoll_ctl(vigil->epoll, EPOLL_CTL_ADD, fd, &event);
}

static int
open_links(void)
{
	const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
open_folder(void)
{
	const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd >= 0 &&
		inotify_add_watch(
			fd, UAPI_DIR, IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
remember(struct vigil *vigil, const char *interface)
{
	struct stat found;

	snprintf(vigil->path, sizeof(vigil->path), UAPI_DIR "/%s.sock", interface);
	vigil->ifindex = if_nametoindex(interface);
	if (vigil->ifindex == 0 || stat(vigil->path, &found) != 0) {
		errno = ENOENT;
		return -1;
	}
	vigil->device = found.st_dev;
	vigil->inode = found.st_ino;
	return 0;
}

struct vigil *
vigil_begin(const char *interface)
{
	struct vigil *vigil = calloc(1, sizeof(*vigil));
	int error;

	if (vigil == NULL)
		return NULL;
	vigil->links = vigil->folder = -1;
	vigil->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (vigil->epoll >= 0) {
		vigil->links = open_links();
		vigil->folder = open_folder();
	}
	/* Watched first: what goes while it is looked at is then told. */
	if (vigil->epoll >= 0 && watch(vigil, vigil->links) == 0 &&
		watch(vigil, vigil->folder) == 0 && remember(vigil, interface) == 0)
		return vigil;
	error = errno;
	vigil_end(vigil);
	errno = error;
	return NULL;
}

void
vigil_end(struct vigil *vigil)
{
	if (vigil == NULL)
		return;
	if (vigil->links >= 0)
		close(vigil->links);
	if (vigil->folder >= 0)
		close(vigil->folder);
	if (vigil->epoll >= 0)
		close(vigil->epoll);
	free(vigil);
}

int
vigil_fd(const struct vigil *vigil)
{
	return vigil->epoll;
}

/* What happened does not matter, nor whether reports were lost: what is there is looked at. */
static void
drain(int fd)
{
	char bytes[4096];

	for (unsigned i = 0; i < 64; i++)
		if (read(fd, bytes, sizeof(bytes)) <= 0 && errno == EAGAIN)
			break;
}

const char *
vigil_gone(struct vigil *vigil)
{
	char name[IF_NAMESIZE];
	struct stat found;

	drain(vigil->links);
	drain(vigil->folder);
	if (if_indextoname(vigil->ifindex, name) == NULL)
		return "the interface";
	if (stat(vigil->path, &found) != 0 || found.st_dev != vigil->device ||
		found.st_ino != vigil->inode)
		return vigil->path;
	return NULL;
}
