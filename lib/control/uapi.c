/*
 * The UAPI socket of a tunnel.
 * On the packet's way: nowhere.
 * Threads: management.
 */
#include "control/uapi.h"

#include "base/secret.h"
#include "config/key.h"

#include <ev.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_MAX 65536
#define CLIENTS_MAX 16
/* A client that neither sends nor takes anything for so long is closed. */
#define IDLE_S 5.0
/* Without descriptors or memory for one more, how long connections wait before the next try. */
#define PAUSE_S 1.0
/* At most, of an answer: what there is once, of each peer, of each of its allowed-ips. */
#define TUNNEL_TEXT_MAX 256
#define PEER_TEXT_MAX 512
#define ALLOWED_IP_TEXT_MAX (sizeof("allowed_ip=\n") + PREFIX_TEXT_MAX)

/* One connection. `in` collects a request; `out` is what is still to be written. */
struct client {
	struct uapi *uapi;
	struct ev_io io;
	struct ev_timer idle;
	char in[REQUEST_MAX];
	size_t in_len;
	char *out;
	size_t out_len;
	size_t out_done;
	LIST_ENTRY(client) entry;
};

struct uapi {
	struct control *control;
	struct tunnel *tunnel;
	struct ev_loop *loop;
	struct ev_io listener;
	struct ev_timer pause; /* active: the listener is not */
	struct sockaddr_un address;
	LIST_HEAD(, client) clients;
	unsigned client_count;
};

/* An answer in the making: room for all of it from the start, so that no copy is left behind. */
struct answer {
	char *text;
	size_t room;
	size_t len; /* beyond `room` if it does not suffice */
};

static void __attribute__((format(printf, 2, 3)))
answer_add(struct answer *answer, const char *format, ...)
{
	const size_t left = answer->len < answer->room ? answer->room - answer->len : 0;
	va_list arguments;

	va_start(arguments, format);
	answer->len += (size_t)vsnprintf(
		left > 0 ? answer->text + answer->len : NULL, left, format, arguments);
	va_end(arguments);
}

static void
add_peer(struct answer *out, const struct peer *peer)
{
	char hex[KEY_HEX_LEN + 1];
	char text[ENDPOINT_TEXT_MAX];
	struct peer_totals totals;

	peer_totals_read(peer, &totals);
	answer_add(out, "public_key=%s\n", key_to_hex(peer->remote.public_key, hex));
	answer_add(out, "preshared_key=%s\n", key_to_hex(peer->remote.preshared_key, hex));
	secret_wipe(hex, sizeof(hex));
	answer_add(out, "protocol_version=1\n");
	if (peer->endpoint.port != 0)
		answer_add(out, "endpoint=%s\n", endpoint_format(&peer->endpoint, text));
	answer_add(
		out, "last_handshake_time_sec=%" PRIu64 "\n", peer->latest_handshake_ns / NS_IN_S);
	answer_add(
		out, "last_handshake_time_nsec=%" PRIu64 "\n", peer->latest_handshake_ns % NS_IN_S);
	answer_add(out, "tx_bytes=%" PRIu64 "\nrx_bytes=%" PRIu64 "\n", totals.tx_bytes,
		totals.rx_bytes);
	answer_add(out, "persistent_keepalive_interval=%u\n", peer->persistent_keepalive_s);
	for (size_t i = 0; i < peer->allowed_ips_count; i++)
		answer_add(out, "allowed_ip=%s\n", prefix_format(&peer->allowed_ips[i], text));
}

/* An upper bound of the answer's length, its final zero included. */
static size_t
answer_room(const struct tunnel *tunnel)
{
	const struct peer *peer;
	size_t room = TUNNEL_TEXT_MAX;

	TAILQ_FOREACH (peer, &tunnel->peers, entry)
		room += PEER_TEXT_MAX + peer->allowed_ips_count * ALLOWED_IP_TEXT_MAX;
	return room;
}

char *
uapi_get(struct tunnel *tunnel, size_t *len)
{
	struct answer out = {.room = answer_room(tunnel)};
	char hex[KEY_HEX_LEN + 1];
	const struct peer *peer;

	out.text = malloc(out.room);
	if (out.text == NULL)
		return NULL;
	if (tunnel->identity.present)
		answer_add(&out, "private_key=%s\n", key_to_hex(tunnel->identity.private_key, hex));
	secret_wipe(hex, sizeof(hex));
	if (tunnel->listen_port != 0)
		answer_add(&out, "listen_port=%u\n", tunnel->listen_port);
	TAILQ_FOREACH (peer, &tunnel->peers, entry)
		add_peer(&out, peer);
	answer_add(&out, "errno=0\n\n");
	if (out.len >= out.room) {
		secret_wipe(out.text, out.room);
		free(out.text);
		return NULL;
	}
	*len = out.len;
	return out.text;
}

static void
client_answered(struct client *client)
{
	if (client->out != NULL)
		secret_wipe(client->out, client->out_len);
	free(client->out);
	client->out = NULL;
}

static void
client_close(struct client *client)
{
	struct uapi *uapi = client->uapi;

	ev_io_stop(uapi->loop, &client->io);
	ev_timer_stop(uapi->loop, &client->idle);
	close(client->io.fd);
	client_answered(client);
	LIST_REMOVE(client, entry);
	uapi->client_count--;
	secret_wipe(client->in, sizeof(client->in));
	free(client);
}

static void
client_wait_for(struct client *client, int events)
{
	ev_io_stop(client->uapi->loop, &client->io);
	ev_io_modify(&client->io, events);
	ev_io_start(client->uapi->loop, &client->io);
}

/* By wg(8)'s reading the number is negative after "set", and positive after "get". */
static void
answer_errno(struct client *client, int error)
{
	char *text = NULL;

	if (asprintf(&text, "errno=%d\n\n", error) < 0)
		return;
	client->out = text;
	client->out_len = strlen(text);
}

/* Answers the request of `len` bytes, its empty line included. Returns false to hang up. */
static bool
answer(struct client *client, size_t len)
{
	struct uapi *uapi = client->uapi;

	client->out_done = 0;
	if (len == 7 && memcmp(client->in, "get=1\n\n", 7) == 0) {
		control_lock(uapi->control);
		client->out = uapi_get(uapi->tunnel, &client->out_len);
		control_unlock(uapi->control);
		if (client->out == NULL)
			answer_errno(client, ENOMEM);
	} else if (len > 6 && memcmp(client->in, "get=1\n", 6) == 0) {
		answer_errno(client, EINVAL);
	} else if (len >= 6 && memcmp(client->in, "set=1\n", 6) == 0) {
		answer_errno(client, -EOPNOTSUPP);
	}
	secret_wipe(client->in, len);
	memmove(client->in, client->in + len, client->in_len - len);
	client->in_len -= len;
	if (client->out == NULL)
		return false;
	client_wait_for(client, EV_WRITE);
	return true;
}

/* Looks for a whole request in what has come. Returns false to hang up. */
static bool
advance(struct client *client)
{
	const char *end = memmem(client->in, client->in_len, "\n\n", 2);

	if (client->out != NULL)
		return true;
	if (end != NULL)
		return answer(client, (size_t)(end + 2 - client->in));
	if (client->in_len == sizeof(client->in))
		return false;
	client_wait_for(client, EV_READ);
	return true;
}

static bool
client_read(struct client *client)
{
	ssize_t len = recv(client->io.fd, client->in + client->in_len,
		sizeof(client->in) - client->in_len, MSG_DONTWAIT);

	if (len < 0)
		return errno == EAGAIN || errno == EINTR;
	if (len == 0)
		return false;
	client->in_len += (size_t)len;
	return advance(client);
}

static bool
client_write(struct client *client)
{
	ssize_t len = send(client->io.fd, client->out + client->out_done,
		client->out_len - client->out_done, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (len < 0)
		return errno == EAGAIN || errno == EINTR;
	client->out_done += (size_t)len;
	if (client->out_done < client->out_len)
		return true;
	client_answered(client);
	return advance(client);
}

static void
on_client(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct client *client = io->data;

	ev_timer_again(loop, &client->idle);
	if (!(events & EV_WRITE ? client_write(client) : client_read(client)))
		client_close(client);
}

static void
on_idle(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	client_close(timer->data);
}

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
	log_warning(uapi->control->log, "%s: cannot take a connection: %s", uapi->address.sun_path,
		strerror(error));
	ev_io_stop(uapi->loop, &uapi->listener);
	ev_timer_again(uapi->loop, &uapi->pause);
}

static void
on_connect(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct uapi *uapi = io->data;
	struct client *client;
	int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
		pause_listening(uapi, errno);
	if (fd < 0)
		return;
	client = uapi->client_count < CLIENTS_MAX ? calloc(1, sizeof(*client)) : NULL;
	if (client == NULL) {
		close(fd);
		return;
	}
	client->uapi = uapi;
	client->io.data = client;
	client->idle.data = client;
	LIST_INSERT_HEAD(&uapi->clients, client, entry);
	uapi->client_count++;
	ev_io_init(&client->io, on_client, fd, EV_READ);
	ev_init(&client->idle, on_idle);
	client->idle.repeat = IDLE_S;
	ev_io_start(loop, &client->io);
	ev_timer_again(loop, &client->idle);
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
		listen(fd, CLIENTS_MAX) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int
uapi_create(
	struct control *control, struct tunnel *tunnel, struct ev_loop *loop, struct uapi **uapi)
{
	struct uapi *created = calloc(1, sizeof(*created));
	int fd;

	if (created == NULL)
		return -ENOMEM;
	created->control = control;
	created->tunnel = tunnel;
	created->loop = loop;
	created->address.sun_family = AF_UNIX;
	LIST_INIT(&created->clients);
	snprintf(created->address.sun_path, sizeof(created->address.sun_path), UAPI_DIR "/%s.sock",
		tunnel->name);
	if (mkdir(UAPI_DIR, 0755) != 0 && errno != EEXIST)
		log_warning(control->log, "cannot make %s: %s", UAPI_DIR, strerror(errno));
	if (in_use(&created->address)) {
		fd = -EADDRINUSE;
	} else {
		unlink(created->address.sun_path);
		fd = listen_on(&created->address);
	}
	if (fd < 0) {
		log_error(control->log, "cannot listen on %s: %s%s", created->address.sun_path,
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
	while (!LIST_EMPTY(&uapi->clients))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the list no longer holds it */
		client_close(LIST_FIRST(&uapi->clients));
	ev_timer_stop(uapi->loop, &uapi->pause);
	ev_io_stop(uapi->loop, &uapi->listener);
	close(uapi->listener.fd);
	unlink(uapi->address.sun_path);
	free(uapi);
}
