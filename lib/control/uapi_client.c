/*
 * Connections to a tunnel's UAPI socket: requests in, answers out.
 * On the packet's way: nowhere.
 * Threads: management.
 */
#include "control/uapi_client.h"

#include "base/secret.h"
#include "control/uapi_apply.h"
#include "control/uapi_get.h"
#include "control/uapi_request.h"

#include <ev.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One connection. While there is an answer to be written nothing is read. */
struct uapi_client {
	struct uapi_clients *clients;
	struct ev_io io;
	struct ev_timer patience;
	struct uapi_request in;
	const char *out; /* NULL: no answer under way */
	size_t out_len;
	size_t out_done;
	char *got; /* what `out` is after "get" */
	char number[sizeof("errno=-2147483648\n\n")]; /* what it is else */
	TAILQ_ENTRY(uapi_client) entry;
};

void
uapi_clients_init(struct uapi_clients *clients, struct management *management,
	struct tunnel *tunnel, struct ev_loop *loop)
{
	*clients = (struct uapi_clients){
		.management = management,
		.tunnel = tunnel,
		.loop = loop,
		.patience_s = UAPI_PATIENCE_S,
	};
	TAILQ_INIT(&clients->list);
}

static void
client_answered(struct uapi_client *client)
{
	secret_free(client->got);
	client->got = NULL;
	client->out = NULL;
	client->out_done = 0;
}

static void
client_close(struct uapi_client *client)
{
	struct uapi_clients *clients = client->clients;

	ev_io_stop(clients->loop, &client->io);
	ev_timer_stop(clients->loop, &client->patience);
	close(client->io.fd);
	client_answered(client);
	uapi_request_fini(&client->in);
	TAILQ_REMOVE(&clients->list, client, entry);
	clients->count--;
	free(client);
}

void
uapi_clients_fini(struct uapi_clients *clients)
{
	while (!TAILQ_EMPTY(&clients->list))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the list no longer holds it */
		client_close(TAILQ_FIRST(&clients->list));
}

static void
client_wait_for(struct uapi_client *client, int events)
{
	ev_io_stop(client->clients->loop, &client->io);
	ev_io_modify(&client->io, events);
	ev_io_start(client->clients->loop, &client->io);
}

/* By wg(8)'s reading the number is negative after "set", and positive after "get". */
static void
answer_errno(struct uapi_client *client, int number)
{
	client->out_len =
		(size_t)snprintf(client->number, sizeof(client->number), "errno=%d\n\n", number);
	client->out = client->number;
}

static void
answer_get(struct uapi_client *client, size_t len)
{
	struct uapi_clients *clients = client->clients;
	struct control *control = management_control(clients->management);

	if (len != strlen("get=1\n\n")) {
		answer_errno(client, EINVAL);
		return;
	}
	control_lock(control);
	client->got = uapi_get(clients->tunnel, &client->out_len);
	control_unlock(control);
	client->out = client->got;
	if (client->got == NULL)
		answer_errno(client, ENOMEM);
}

static void
answer_set(struct uapi_client *client, size_t len)
{
	struct uapi_clients *clients = client->clients;
	int error = client->in.fault;

	if (error == 0)
		error = uapi_apply(clients->management, clients->tunnel, client->in.text, len);
	else
		log_error(management_control(clients->management)->log,
			"%s: a UAPI request to set is refused, and nothing has changed: %s",
			clients->tunnel->name,
			error == -E2BIG ? "it is too long" : "no memory for it");
	answer_errno(client, error);
}

/* Answers a request if a whole one has come. Returns false to hang up. */
static bool
advance(struct uapi_client *client)
{
	size_t len = 0;

	switch (uapi_request_state(&client->in, &len)) {
	case UAPI_REQUEST_PARTIAL:
		client_wait_for(client, EV_READ);
		return true;
	case UAPI_REQUEST_GET:
		answer_get(client, len);
		break;
	case UAPI_REQUEST_SET:
		answer_set(client, len);
		break;
	case UAPI_REQUEST_UNKNOWN:
		return false;
	}
	uapi_request_done(&client->in, len);
	ev_timer_again(client->clients->loop, &client->patience);
	client_wait_for(client, EV_WRITE);
	return true;
}

static bool
client_read(struct uapi_client *client)
{
	size_t room;
	char *to = uapi_request_room(&client->in, &room);
	ssize_t len;

	if (to == NULL)
		return false;
	len = recv(client->io.fd, to, room, MSG_DONTWAIT);
	if (len < 0)
		return errno == EAGAIN || errno == EINTR;
	if (len == 0)
		return false;
	uapi_request_add(&client->in, (size_t)len);
	return advance(client);
}

static bool
client_write(struct uapi_client *client)
{
	ssize_t len = send(client->io.fd, client->out + client->out_done,
		client->out_len - client->out_done, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (len < 0)
		return errno == EAGAIN || errno == EINTR;
	ev_timer_again(client->clients->loop, &client->patience);
	client->out_done += (size_t)len;
	if (client->out_done < client->out_len)
		return true;
	client_answered(client);
	return advance(client);
}

static void
on_client(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct uapi_client *client = io->data;

	TAILQ_REMOVE(&client->clients->list, client, entry);
	TAILQ_INSERT_TAIL(&client->clients->list, client, entry);
	if (!(events & EV_WRITE ? client_write(client) : client_read(client)))
		client_close(client);
}

static void
on_patience_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	client_close(timer->data);
}

void
uapi_clients_add(struct uapi_clients *clients, int fd)
{
	struct uapi_client *client = calloc(1, sizeof(*client));

	if (client == NULL) {
		close(fd);
		return;
	}
	if (clients->count == UAPI_CLIENTS_MAX)
		client_close(TAILQ_FIRST(&clients->list));
	client->clients = clients;
	client->io.data = client;
	client->patience.data = client;
	TAILQ_INSERT_TAIL(&clients->list, client, entry);
	clients->count++;
	ev_io_init(&client->io, on_client, fd, EV_READ);
	ev_io_start(clients->loop, &client->io);
	ev_init(&client->patience, on_patience_over);
	client->patience.repeat = clients->patience_s;
	ev_timer_again(clients->loop, &client->patience);
}
