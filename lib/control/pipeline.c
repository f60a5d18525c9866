/*
 * Connecting to a packet pipeline by memif.
 * On the packet's way: beside it.
 * Threads: management, but for pipeline_facts.
 */
#include "control/pipeline.h"

#include "control/control.h"

#include <rte_common.h>

#include <ev.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* How often a connection is looked at: for broken rings, and for whether it comes up in time. */
#define LOOK_S 0.1
/* A driver on a loaded host takes its time, and DPDK's does not try a second time. */
#define AGREE_MAX_NS (10 * NS_IN_S)
/* Until no lane looks at the memory of a connection that has ended. */
#define RETIRE_S 0.001
/* Between two tries of a client. */
#define RETRY_MIN_S 0.1
#define RETRY_MAX_S 2.0
/* Events that are acted on between two looks; lanes look by themselves every millisecond. */
#define EVENTS_MAX 2000
/* Connections that never came up are said so once in this many. */
#define REFUSED_SAID 100

struct pipeline {
	struct control *control;
	const struct log *log;
	char name[PORT_NAME_MAX];
	char path[MEMIF_PATH_MAX + 1];
	struct memif_terms terms;
	struct port *port;
	struct ev_loop *loop;
	struct ev_io listener; /* server: active while a client may come */
	struct ev_timer retry; /* client: until the next try */
	double retry_s;
	struct ev_io socket; /* of the channel */
	struct ev_timer look; /* while there is a channel */
	struct ev_timer retire;
	struct ev_io events; /* of the rings that lanes receive on */
	int events_fd; /* epoll */
	unsigned event_count; /* since the last look */
	struct memif_channel channel; /* fd < 0: there is none */
	uint64_t began_ns; /* the channel */
	struct memif_link *retiring;
	uint64_t token; /* of `retiring` */
	struct pipeline_facts facts; /* under the control lock */
};

static void begin(struct pipeline *pipeline);

/* --- The other side's events ------------------------------------------------------------------ */

/*
 * Each event is reported once (EPOLLET), and its counter is never read: a read could be made to
 * wait by the other side, which has the same eventfd.
 */
static int
watch_events(struct pipeline *pipeline, const struct memif_link *link)
{
	const int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (unsigned i = 0; i < link->rx_count; i++) {
		struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = i};

		/* What cannot be watched is no eventfd; lanes find the packets by themselves. */
		(void)epoll_ctl(fd, EPOLL_CTL_ADD, link->rx[i].event, &event);
	}
	pipeline->events_fd = fd;
	ev_io_set(&pipeline->events, fd, EV_READ);
	ev_io_start(pipeline->loop, &pipeline->events);
	return 0;
}

static void
unwatch_events(struct pipeline *pipeline)
{
	if (pipeline->events_fd < 0)
		return;
	ev_io_stop(pipeline->loop, &pipeline->events);
	close(pipeline->events_fd);
	pipeline->events_fd = -1;
}

static void
on_events(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct pipeline *pipeline = io->data;
	struct rings *rings = pipeline->control->rings;
	struct epoll_event events[16];
	const int count = epoll_wait(io->fd, events, RTE_DIM(events), 0);

	for (int i = 0; i < count; i++)
		if (events[i].data.u32 < rings->lane_count)
			bell_ring(&rings->lanes[events[i].data.u32].bell);
	pipeline->event_count += count > 0 ? (unsigned)count : 0;
	if (pipeline->event_count > EVENTS_MAX)
		ev_io_stop(loop, io);
}

/* --- Connecting and disconnecting ------------------------------------------------------------- */

static void
note_state(struct pipeline *pipeline, const struct memif_link *link, const char *why)
{
	struct pipeline_facts *facts = &pipeline->facts;

	control_lock(pipeline->control);
	facts->connected = link != NULL;
	facts->since_ns = clock_boot_ns(pipeline->control->clock);
	snprintf(facts->why, sizeof(facts->why), "%s", why);
	facts->rx_rings = facts->tx_rings = facts->ring_size = 0;
	if (link != NULL) {
		facts->connects++;
		facts->rx_rings = link->rx_count;
		facts->tx_rings = link->tx_count;
		facts->ring_size = UINT16_MAX;
		for (unsigned i = 0; i < link->rx_count; i++)
			facts->ring_size = RTE_MIN(facts->ring_size, link->rx[i].ring.size);
		for (unsigned i = 0; i < link->tx_count; i++)
			facts->ring_size = RTE_MIN(facts->ring_size, link->tx[i].ring.size);
		memcpy(facts->peer, link->peer, sizeof(facts->peer));
		memcpy(facts->interface, link->interface, sizeof(facts->interface));
	}
	control_unlock(pipeline->control);
}

static void
connect_link(struct pipeline *pipeline)
{
	struct memif_link *link = memif_channel_take(&pipeline->channel);

	if (watch_events(pipeline, link) != 0)
		log_warning(pipeline->log,
			"%s: the pipeline cannot wake lanes: no descriptor for it is left",
			pipeline->name);
	port_memif_connect(pipeline->port, link);
	note_state(pipeline, link, "");
	pipeline->retry_s = RETRY_MIN_S;
	log_info(pipeline->log,
		"%s: pipeline %s (%s) connected by %s: %u rings from it, %u to it, of %u",
		pipeline->name, link->peer, link->interface, pipeline->path, link->rx_count,
		link->tx_count, pipeline->facts.ring_size);
}

/* Lanes may still look at the memory: it is unmapped when each of them has come round. */
static void
retire_link(struct pipeline *pipeline)
{
	pipeline->retiring = port_memif_disconnect(pipeline->port);
	control_lock(pipeline->control);
	pipeline->token = reclaim_start(pipeline->control->reclaim);
	control_unlock(pipeline->control);
	ev_timer_set(&pipeline->retire, RETIRE_S, RETIRE_S);
	ev_timer_start(pipeline->loop, &pipeline->retire);
}

static void
on_retire(struct ev_loop *loop, struct ev_timer *timer, int revents)
{
	struct pipeline *pipeline = timer->data;
	bool passed;

	control_lock(pipeline->control);
	passed = reclaim_passed(pipeline->control->reclaim, pipeline->token);
	control_unlock(pipeline->control);
	if (!passed)
		return;
	ev_timer_stop(loop, timer);
	port_memif_release(pipeline->port, pipeline->retiring);
	pipeline->retiring = NULL;
	begin(pipeline);
}

/* One that never came up. A client's server may be away for long, and that is said once. */
static void
say_refused(struct pipeline *pipeline, const char *why)
{
	uint64_t refused;

	control_lock(pipeline->control);
	refused = pipeline->facts.refused++;
	snprintf(pipeline->facts.why, sizeof(pipeline->facts.why), "%s", why);
	control_unlock(pipeline->control);
	if (refused % REFUSED_SAID == 0)
		log_warning(pipeline->log, "%s: the pipeline at %s does not connect: %s",
			pipeline->name, pipeline->path, why);
}

/* Ends the channel, whatever it has come to. */
static void
disconnect(struct pipeline *pipeline, const char *why)
{
	const bool up = pipeline->channel.state == MEMIF_UP;

	ev_io_stop(pipeline->loop, &pipeline->socket);
	ev_timer_stop(pipeline->loop, &pipeline->look);
	unwatch_events(pipeline);
	memif_channel_fini(&pipeline->channel);
	if (!up) {
		say_refused(pipeline, why);
		begin(pipeline);
		return;
	}
	note_state(pipeline, NULL, why);
	log_warning(pipeline->log, "%s: pipeline disconnected: %s", pipeline->name, why);
	retire_link(pipeline);
}

static void
on_message(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct pipeline *pipeline = io->data;
	struct memif_channel *channel = &pipeline->channel;
	const int result = memif_channel_step(channel);

	if (result == 1) {
		connect_link(pipeline);
	} else if (result < 0 && result != -EAGAIN) {
		char why[MEMIF_WHY_MAX];

		memcpy(why, channel->why, sizeof(why));
		disconnect(pipeline, why);
	}
}

static void
on_look(struct ev_loop *loop, struct ev_timer *timer, int revents)
{
	static const char broken[] = "an index of its rings is none that can be";
	static const char silent[] = "it says nothing";
	struct pipeline *pipeline = timer->data;
	struct memif_channel *channel = &pipeline->channel;

	if (channel->state != MEMIF_UP) {
		if (clock_boot_ns(pipeline->control->clock) - pipeline->began_ns < AGREE_MAX_NS)
			return;
		memif_channel_refuse(channel, silent);
		disconnect(pipeline, silent);
		return;
	}
	if (memif_link_broken(port_memif_link(pipeline->port))) {
		control_lock(pipeline->control);
		pipeline->facts.violations++;
		control_unlock(pipeline->control);
		memif_channel_refuse(channel, broken);
		disconnect(pipeline, broken);
		return;
	}
	if (pipeline->event_count > EVENTS_MAX && pipeline->events_fd >= 0)
		ev_io_start(loop, &pipeline->events);
	pipeline->event_count = 0;
}

static void
open_channel(struct pipeline *pipeline, int fd)
{
	const int error = memif_channel_init(&pipeline->channel, &pipeline->terms, fd);

	pipeline->began_ns = clock_boot_ns(pipeline->control->clock);
	if (error != 0) {
		disconnect(pipeline, pipeline->channel.why);
		return;
	}
	ev_io_set(&pipeline->socket, fd, EV_READ);
	ev_io_start(pipeline->loop, &pipeline->socket);
	ev_timer_set(&pipeline->look, LOOK_S, LOOK_S);
	ev_timer_start(pipeline->loop, &pipeline->look);
}

static void
on_client(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct pipeline *pipeline = io->data;
	const int fd = memif_socket_accept(io->fd);

	if (fd == -EAGAIN || fd == -EINTR || fd == -ECONNABORTED)
		return;
	/* The others wait; also where there is no descriptor for one, until the next try. */
	ev_io_stop(loop, io);
	if (fd >= 0) {
		open_channel(pipeline, fd);
		return;
	}
	say_refused(pipeline, strerror(-fd));
	ev_timer_set(&pipeline->retry, RETRY_MAX_S, 0);
	ev_timer_start(loop, &pipeline->retry);
}

static void
on_retry(struct ev_loop *loop, struct ev_timer *timer, int revents)
{
	struct pipeline *pipeline = timer->data;
	int fd;

	if (!pipeline->terms.client) {
		begin(pipeline);
		return;
	}
	fd = memif_socket_connect(pipeline->path);
	if (fd >= 0) {
		open_channel(pipeline, fd);
		return;
	}
	say_refused(pipeline,
		fd == -ENOENT || fd == -ECONNREFUSED ? "nobody listens there" : strerror(-fd));
	begin(pipeline);
}

/* Waits for the next one. */
static void
begin(struct pipeline *pipeline)
{
	if (!pipeline->terms.client) {
		ev_io_start(pipeline->loop, &pipeline->listener);
		return;
	}
	ev_timer_set(&pipeline->retry, pipeline->retry_s, 0);
	ev_timer_start(pipeline->loop, &pipeline->retry);
	pipeline->retry_s = RTE_MIN(pipeline->retry_s * 2, RETRY_MAX_S);
}

/* --- Life ------------------------------------------------------------------------------------- */

static int
open_listener(struct pipeline *pipeline)
{
	const int fd = memif_socket_listen(pipeline->path);

	if (fd >= 0) {
		ev_io_init(&pipeline->listener, on_client, fd, EV_READ);
		return 0;
	}
	log_error(pipeline->log, "%s: cannot listen for the pipeline at %s: %s%s", pipeline->name,
		pipeline->path, strerror(-fd),
		fd == -EADDRINUSE       ? "; another process does: give each its own socket"
			: fd == -ENOENT ? "; make the folder first"
					: "");
	return fd;
}

int
pipeline_create(const struct pipeline_settings *settings, struct control *control,
	struct ev_loop *loop, struct pipeline **pipeline)
{
	struct pipeline *created = calloc(1, sizeof(*created));
	int error = 0;

	if (created == NULL)
		return -ENOMEM;
	created->control = control;
	created->log = control->log;
	created->loop = loop;
	created->terms = settings->terms;
	created->port = settings->port;
	created->channel.fd = -1;
	created->events_fd = -1;
	created->retry_s = RETRY_MIN_S;
	snprintf(created->name, sizeof(created->name), "%s", settings->name);
	snprintf(created->path, sizeof(created->path), "%s", settings->path);
	created->facts.client = settings->terms.client;
	created->facts.id = settings->terms.id;
	memcpy(created->facts.path, created->path, sizeof(created->path));
	ev_io_init(&created->listener, on_client, -1, EV_READ);
	ev_io_init(&created->socket, on_message, -1, EV_READ);
	ev_io_init(&created->events, on_events, -1, EV_READ);
	ev_timer_init(&created->retry, on_retry, 0, 0);
	ev_timer_init(&created->look, on_look, 0, 0);
	ev_timer_init(&created->retire, on_retire, 0, 0);
	if (!settings->terms.client)
		error = open_listener(created);
	created->listener.data = created->socket.data = created->events.data = created;
	created->retry.data = created->look.data = created->retire.data = created;
	if (error != 0) {
		free(created);
		return error;
	}
	begin(created);
	*pipeline = created;
	return 0;
}

void
pipeline_destroy(struct pipeline *pipeline)
{
	if (pipeline == NULL)
		return;
	ev_io_stop(pipeline->loop, &pipeline->listener);
	ev_io_stop(pipeline->loop, &pipeline->socket);
	ev_timer_stop(pipeline->loop, &pipeline->retry);
	ev_timer_stop(pipeline->loop, &pipeline->look);
	ev_timer_stop(pipeline->loop, &pipeline->retire);
	unwatch_events(pipeline);
	if (pipeline->channel.fd >= 0)
		memif_channel_refuse(&pipeline->channel, "the gateway ends");
	memif_channel_fini(&pipeline->channel);
	port_memif_release(pipeline->port, port_memif_disconnect(pipeline->port));
	port_memif_release(pipeline->port, pipeline->retiring);
	if (!pipeline->terms.client)
		memif_socket_close(pipeline->listener.fd, pipeline->path);
	free(pipeline);
}

void
pipeline_facts(const struct pipeline *pipeline, struct pipeline_facts *facts)
{
	*facts = pipeline->facts;
}
