/*
 * The control socket: its file and its clients.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "control_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 16

/* What an event is about: a client by its place, or one of these. */
enum { ABOUT_LISTENER = CLIENTS_MAX, ABOUT_TIMER, ABOUT_COUNT };

/* One connection. `in` collects the request; the answer is what is still to be written. */
struct client {
	int fd; /* -1: this place is free */
	time_t active_s; /* when something last came or went */
	char in[CONTROL_SOCKET_REQUEST_MAX];
	size_t in_len;
	struct answer answer;
	size_t answered_len;
};

struct control_socket {
	struct control_socket_settings settings;
	struct sockaddr_un address;
	int epoll;
	int listener;
	int timer; /* ticks once a second while there are clients, or the listener pauses */
	bool ticking;
	bool paused; /* connections wait: there is no place, or no descriptor */
	struct client clients[CLIENTS_MAX];
};

static time_t
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static int
watch(struct control_socket *control, int operation, int fd, uint32_t about, uint32_t events)
{
	struct epoll_event event = {.events = events, .data = {.u32 = about}};

	return epoll_ctl(control->epoll, operation, fd, &event) == 0 ? 0 : -errno;
}

/* Taking a connection away from the backlog is put off, as trying again at once would spin. */
static void
pause_listener(struct control_socket *control, bool paused)
{
	if (control->paused == paused)
		return;
	control->paused = paused;
	(void)watch(
		control, EPOLL_CTL_MOD, control->listener, ABOUT_LISTENER, paused ? 0 : EPOLLIN);
}

static void
set_timer(struct control_socket *control)
{
	struct itimerspec every = {.it_value = {0}};
	bool wanted = control->paused;

	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		wanted |= control->clients[i].fd >= 0;
	/* Set anew each time, it would never go off under a client that is never quiet. */
	if (wanted == control->ticking)
		return;
	control->ticking = wanted;
	every.it_value.tv_sec = wanted;
	every.it_interval.tv_sec = wanted;
	timerfd_settime(control->timer, 0, &every, NULL);
}

static void
client_close(struct control_socket *control, struct client *client)
{
	close(client->fd);
	client->fd = -1;
	answer_fini(&client->answer);
	pause_listener(control, false);
}

/* Writes what the socket takes. Returns false to hang up: all is said, or nobody hears it. */
static bool
client_write(struct client *client)
{
	const struct answer *answer = &client->answer;
	const ssize_t len = send(client->fd, answer->text + client->answered_len,
		answer->len - client->answered_len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (len < 0)
		return errno == EAGAIN || errno == EINTR;
	client->answered_len += (size_t)len;
	return client->answered_len < answer->len;
}

/* From now on it is written to. Returns false to hang up. */
static bool
client_end_answer(struct control_socket *control, struct client *client)
{
	client->active_s = now_s();
	return client_write(client) &&
		watch(control, EPOLL_CTL_MOD, client->fd, (uint32_t)(client - control->clients),
			EPOLLOUT) == 0;
}

static bool
client_answer(struct control_socket *control, struct client *client)
{
	if (answer_init(&client->answer) != 0)
		return false;
	control->settings.answer(control->settings.context, client->in, &client->answer);
	return client->answer.stream == NULL && client_end_answer(control, client);
}

/* Returns false to hang up. */
static bool
client_read(struct control_socket *control, struct client *client)
{
	const ssize_t len = recv(client->fd, client->in + client->in_len,
		sizeof(client->in) - client->in_len, MSG_DONTWAIT);
	char *end;

	if (len < 0)
		return errno == EAGAIN || errno == EINTR;
	if (len == 0)
		return false;
	client->in_len += (size_t)len;
	end = memchr(client->in, '\n', client->in_len);
	if (end == NULL)
		return client->in_len < sizeof(client->in);
	*end = '\0';
	return client_answer(control, client);
}

static void
process_client(struct control_socket *control, struct client *client)
{
	if (client->fd < 0)
		return;
	client->active_s = now_s();
	if (!(client->answer.text != NULL ? client_write(client) : client_read(control, client)))
		client_close(control, client);
}

/* The file's mode keeps others out already, unless somebody has changed it. */
static bool
may_ask(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
		(peer.uid == 0 || peer.uid == geteuid());
}

static void
accept_client(struct control_socket *control)
{
	struct client *client = control->clients;
	int fd;

	while (client < control->clients + CLIENTS_MAX && client->fd >= 0)
		client++;
	if (client == control->clients + CLIENTS_MAX) {
		pause_listener(control, true);
		return;
	}
	fd = accept4(control->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			pause_listener(control, true);
		return;
	}
	if (!may_ask(fd) ||
		watch(control, EPOLL_CTL_ADD, fd, (uint32_t)(client - control->clients), EPOLLIN) !=
			0) {
		close(fd);
		return;
	}
	*client = (struct client){.fd = fd, .active_s = now_s()};
}

/* Also the time to try again what was put off. */
static void
close_idle(struct control_socket *control)
{
	const time_t now = now_s();
	uint64_t ticks;

	if (read(control->timer, &ticks, sizeof(ticks)) < 0)
		return;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (control->clients[i].fd >= 0 &&
			now - control->clients[i].active_s > (time_t)control->settings.idle_s)
			client_close(control, &control->clients[i]);
	pause_listener(control, false);
}

void
control_socket_process(struct control_socket *control)
{
	struct epoll_event events[ABOUT_COUNT];
	const int count = epoll_wait(control->epoll, events, ABOUT_COUNT, 0);
	bool tick = false;

	for (int i = 0; i < count; i++) {
		const uint32_t about = events[i].data.u32;

		if (about < CLIENTS_MAX)
			process_client(control, &control->clients[about]);
		else if (about == ABOUT_LISTENER)
			accept_client(control);
		else
			tick = true;
	}
	/* At last, so that an answer that took long is not held against those who waited for it. */
	if (tick)
		close_idle(control);
	set_timer(control);
}

int
control_socket_fd(const struct control_socket *control)
{
	return control->epoll;
}

/* Returns 0 if the path is free, or made free: what a dead gateway has left there is removed. */
static int
free_path(const struct sockaddr_un *address)
{
	struct stat found;
	bool listened;
	int fd;

	if (lstat(address->sun_path, &found) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(found.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* EAGAIN: it listens, and its backlog is full. */
	listened = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		errno == EAGAIN;
	close(fd);
	if (listened)
		return -EADDRINUSE;
	return unlink(address->sun_path) == 0 ? 0 : -errno;
}

static int
make_folder(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const size_t len = (size_t)(strrchr(path, '/') - path);

	memcpy(folder, path, len);
	folder[len] = '\0';
	if (len == 0 || mkdir(folder, 0755) != 0)
		return len == 0 || errno == EEXIST ? 0 : -errno;
	/* Whatever the umask is: others may see what is there. */
	return chmod(folder, 0755) == 0 ? 0 : -errno;
}

static int
set_path(struct control_socket *control, const char *path)
{
	const size_t len = strlen(path);

	if (len >= sizeof(control->address.sun_path))
		return -ENAMETOOLONG;
	control->address.sun_family = AF_UNIX;
	memcpy(control->address.sun_path, path, len);
	return strchr(path, '/') == NULL ? 0 : make_folder(path);
}

static int
listen_there(struct control_socket *control)
{
	int error = free_path(&control->address);

	if (error != 0)
		return error;
	control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The file gets the socket's mode: it is never open to others. */
	if (control->listener < 0 || fchmod(control->listener, 0600) != 0 ||
		bind(control->listener, (const struct sockaddr *)&control->address,
			sizeof(control->address)) != 0)
		return -errno;
	if (listen(control->listener, CLIENTS_MAX) == 0)
		return 0;
	error = -errno;
	unlink(control->address.sun_path);
	return error;
}

static int
make_watch(struct control_socket *control)
{
	int error;

	control->epoll = epoll_create1(EPOLL_CLOEXEC);
	control->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (control->epoll < 0 || control->timer < 0)
		return -errno;
	error = watch(control, EPOLL_CTL_ADD, control->timer, ABOUT_TIMER, EPOLLIN);
	return error != 0
		? error
		: watch(control, EPOLL_CTL_ADD, control->listener, ABOUT_LISTENER, EPOLLIN);
}

static void
close_all(struct control_socket *control)
{
	const int fds[] = {control->listener, control->timer, control->epoll};

	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(control);
}

int
control_socket_create(
	const struct control_socket_settings *settings, struct control_socket **control_socket)
{
	struct control_socket *control = calloc(1, sizeof(*control));
	int error;

	if (control == NULL)
		return -ENOMEM;
	control->settings = *settings;
	control->epoll = control->listener = control->timer = -1;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		control->clients[i].fd = -1;
	error = set_path(control, settings->path);
	if (error == 0)
		error = listen_there(control);
	if (error == 0) {
		error = make_watch(control);
		if (error != 0)
			unlink(control->address.sun_path);
	}
	if (error != 0) {
		close_all(control);
		return error;
	}
	*control_socket = control;
	return 0;
}

void
control_socket_destroy(struct control_socket *control)
{
	if (control == NULL)
		return;
	unlink(control->address.sun_path);
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (control->clients[i].fd >= 0)
			client_close(control, &control->clients[i]);
	close_all(control);
}
