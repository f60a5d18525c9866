/*
 * The UAPI socket of a tunnel: its file, and who connects.
 * On the packet's way: nowhere.
 * Threads: management.
 */
#include "control/uapi.h"

#include "control/uapi_client.h"

#include <ev.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Without descriptors or memory for one more, how long connections wait before the next try. */
#define PAUSE_S 1.0

struct uapi {
	const struct log *log;
	struct ev_loop *loop;
	struct ev_io listener;
	struct ev_timer pause; /* active: the listener is not */
	struct sockaddr_un address;
	struct uapi_clients clients;
};

static void
on_pause_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct uapi *uapi = timer->data;

	ev_timer_stop(loop, timer);
	ev_io_start(loop, &uapi->listener);
}

/* The connection that cannot be taken stays: without a pause the loop would spin over it. */
static void
pause_listening(struct uapi *uapi, int error)
{
	log_warning(uapi->log, "%s: cannot take a connection: %s", uapi->address.sun_path,
		strerror(error));
	ev_io_stop(uapi->loop, &uapi->listener);
	ev_timer_again(uapi->loop, &uapi->pause);
}

static void
on_connect(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct uapi *uapi = io->data;
	int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		uapi_clients_add(&uapi->clients, fd);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		pause_listening(uapi, errno);
}

/* Whether somebody listens on the socket file, even if too busy to accept. */
static bool
in_use(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool listened;

	if (fd < 0)
		return false;
	listened = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		errno == EAGAIN;
	close(fd);
	return listened;
}

static int
listen_on(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd < 0)
		return -errno;
	/* The file gets the socket's mode: it is never open to others, and umask is the host's. */
	if (fchmod(fd, 0600) == 0 &&
		bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
		listen(fd, UAPI_CLIENTS_MAX) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int
uapi_create(struct management *management, struct tunnel *tunnel, struct ev_loop *loop,
	struct uapi **uapi)
{
	const struct log *log = management_control(management)->log;
	struct uapi *created = calloc(1, sizeof(*created));
	int fd;

	if (created == NULL)
		return -ENOMEM;
	created->log = log;
	created->loop = loop;
	created->address.sun_family = AF_UNIX;
	uapi_clients_init(&created->clients, management, tunnel, loop);
	snprintf(created->address.sun_path, sizeof(created->address.sun_path), UAPI_DIR "/%s.sock",
		tunnel->name);
	if (mkdir(UAPI_DIR, 0755) != 0 && errno != EEXIST)
		log_warning(log, "cannot make %s: %s", UAPI_DIR, strerror(errno));
	if (in_use(&created->address)) {
		fd = -EADDRINUSE;
	} else {
		unlink(created->address.sun_path);
		fd = listen_on(&created->address);
	}
	if (fd == -EACCES || fd == -EPERM || fd == -EROFS || fd == -ENOENT) {
		/* A user's own gateway carries packets all the same. */
		log_warning(log, "cannot listen on %s: %s; wg(8) will not reach this tunnel",
			created->address.sun_path, strerror(-fd));
		free(created);
		*uapi = NULL;
		return 0;
	}
	if (fd < 0) {
		log_error(log, "cannot listen on %s: %s%s", created->address.sun_path,
			strerror(-fd),
			fd == -EADDRINUSE ? "; does another WireGuard have this name?" : "");
		free(created);
		return fd;
	}
	created->listener.data = created;
	ev_io_init(&created->listener, on_connect, fd, EV_READ);
	ev_io_start(loop, &created->listener);
	created->pause.data = created;
	ev_init(&created->pause, on_pause_over);
	created->pause.repeat = PAUSE_S;
	*uapi = created;
	return 0;
}

void
uapi_destroy(struct uapi *uapi)
{
	if (uapi == NULL)
		return;
	uapi_clients_fini(&uapi->clients);
	ev_timer_stop(uapi->loop, &uapi->pause);
	ev_io_stop(uapi->loop, &uapi->listener);
	close(uapi->listener.fd);
	unlink(uapi->address.sun_path);
	free(uapi);
}
