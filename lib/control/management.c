/*
 * What the management thread does when something happens.
 * On the packet's way: nowhere.
 * Threads: management.
 */
#include "control/management.h"

#include "control/endpoint.h"
#include "control/handshake.h"
#include "control/uapi.h"

#include <ev.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Between two refreshes at least; each asks the kernel about every peer. */
#define REFRESH_INTERVAL_S 0.05

struct served_tunnel {
	struct management_tunnel settings;
	struct uapi *uapi;
};

struct management {
	struct control *control;
	struct hold *hold;
	struct ev_loop *loop;
	struct ev_async stop;
	struct ev_async wake;
	struct ev_io nexthops;
	struct ev_timer refresh; /* runs from one refresh to the earliest next one */
	bool changed; /* the kernel has reported a change since */
	struct resolver *resolver;
	management_follower *follow; /* NULL: nobody does */
	void *follow_context;
	struct served_tunnel tunnels[DIRECTORY_TUNNELS_MAX];
	unsigned tunnel_count;
	struct pipeline *pipelines[DIRECTORY_TUNNELS_MAX];
	unsigned pipeline_count;
};

static void
on_stop(struct ev_loop *loop, struct ev_async *async, int events)
{
	ev_break(loop, EVBREAK_ALL);
}

/* The first change is acted on at once, and those that follow on its heels together. */
static void
refresh_soon(struct management *management)
{
	if (ev_is_active(&management->refresh)) {
		management->changed = true;
		return;
	}
	management->changed = false;
	management_refresh(management);
	ev_now_update(management->loop);
	ev_timer_set(&management->refresh, REFRESH_INTERVAL_S, 0);
	ev_timer_start(management->loop, &management->refresh);
}

static void
on_refresh(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct management *management = timer->data;

	if (management->changed)
		refresh_soon(management);
}

static void
on_wake(struct ev_loop *loop, struct ev_async *async, int events)
{
	refresh_soon(async->data);
}

static void
on_nexthops(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct management *management = io->data;
	int changed;

	control_lock(management->control);
	changed = nexthops_process(management->control->nexthops);
	control_unlock(management->control);
	if (changed < 0)
		log_warning(management->control->log, "netlink: %s", strerror(-changed));
	else if (changed > 0)
		refresh_soon(management);
}

struct management *
management_create(struct control *control, struct hold *hold)
{
	struct management *management = calloc(1, sizeof(*management));

	if (management == NULL)
		return NULL;
	management->control = control;
	management->hold = hold;
	management->loop = ev_loop_new(EVFLAG_NOENV | EVFLAG_NOSIGMASK | EVBACKEND_EPOLL);
	if (management->loop == NULL)
		goto fail;
	management->resolver = resolver_create(control, management->loop);
	if (management->resolver == NULL)
		goto fail;
	ev_async_init(&management->stop, on_stop);
	ev_async_start(management->loop, &management->stop);
	management->wake.data = management;
	ev_async_init(&management->wake, on_wake);
	ev_async_start(management->loop, &management->wake);
	ev_timer_init(&management->refresh, on_refresh, REFRESH_INTERVAL_S, 0);
	management->refresh.data = management;
	if (control->nexthops->fd >= 0) {
		management->nexthops.data = management;
		ev_io_init(&management->nexthops, on_nexthops, control->nexthops->fd, EV_READ);
		ev_io_start(management->loop, &management->nexthops);
	}
	return management;

fail:
	if (management->loop != NULL)
		ev_loop_destroy(management->loop);
	free(management);
	errno = ENOMEM;
	return NULL;
}

void
management_destroy(struct management *management)
{
	if (management == NULL)
		return;
	for (unsigned i = 0; i < management->tunnel_count; i++)
		uapi_destroy(management->tunnels[i].uapi);
	for (unsigned i = 0; i < management->pipeline_count; i++)
		pipeline_destroy(management->pipelines[i]);
	resolver_destroy(management->resolver);
	ev_loop_destroy(management->loop);
	free(management);
}

struct control *
management_control(struct management *management)
{
	return management->control;
}

struct resolver *
management_resolver(struct management *management)
{
	return management->resolver;
}

struct hold *
management_hold(struct management *management)
{
	return management->hold;
}

void
management_follow(struct management *management, management_follower *follow, void *context)
{
	management->follow = follow;
	management->follow_context = context;
}

void
management_changed(
	const struct management *management, const struct tunnel *tunnel, const struct log *log)
{
	if (management->follow != NULL)
		management->follow(management->follow_context, tunnel, log);
}

int
management_add_tunnel(struct management *management, const struct management_tunnel *tunnel)
{
	struct served_tunnel *served = &management->tunnels[management->tunnel_count];
	int error = 0;

	if (management->tunnel_count == DIRECTORY_TUNNELS_MAX) {
		log_error(management->control->log, "more than %u tunnels", DIRECTORY_TUNNELS_MAX);
		return -ENOSPC;
	}
	*served = (struct served_tunnel){.settings = *tunnel};
	if (tunnel->uapi)
		error = uapi_create(management, tunnel->tunnel, management->loop, &served->uapi);
	if (error == 0)
		management->tunnel_count++;
	return error;
}

int
management_add_pipeline(struct management *management, const struct pipeline_settings *settings,
	struct pipeline **pipeline)
{
	int error;

	if (management->pipeline_count == DIRECTORY_TUNNELS_MAX) {
		log_error(
			management->control->log, "more than %u pipelines", DIRECTORY_TUNNELS_MAX);
		return -ENOSPC;
	}
	error = pipeline_create(settings, management->control, management->loop, pipeline);
	if (error == 0)
		management->pipelines[management->pipeline_count++] = *pipeline;
	return error;
}

void
management_run(struct management *management)
{
	ev_run(management->loop, 0);
}

void
management_wake(struct management *management)
{
	ev_async_send(management->loop, &management->wake);
}

void
management_stop(struct management *management)
{
	ev_async_send(management->loop, &management->stop);
}

/* The smallest MTU of any way to a peer, less what the tunnel adds. */
static uint32_t
inner_mtu(const struct management_tunnel *settings)
{
	const struct peer *peer;
	uint32_t mtu = settings->underlay_mtu;

	if (settings->tunnel->fixed_mtu != 0)
		return settings->tunnel->fixed_mtu;
	TAILQ_FOREACH (peer, &settings->tunnel->peers, entry)
		if (peer->path_mtu != 0 && peer->path_mtu < mtu)
			mtu = peer->path_mtu;
	return tunnel_mtu(mtu);
}

static void
refresh_tunnel(struct control *control, const struct management_tunnel *settings)
{
	struct tunnel *tunnel = settings->tunnel;
	struct peer *peer;
	uint32_t mtu;

	TAILQ_FOREACH (peer, &tunnel->peers, entry) {
		if (endpoint_refresh(control, peer))
			handshake_next_hop_ready(control, peer);
	}
	mtu = inner_mtu(settings);
	if (settings->device_mtu)
		mtu = RTE_MIN(mtu, tun_mtu(settings->tun));
	if (mtu == atomic_load_explicit(&tunnel->mtu, memory_order_relaxed))
		return;
	log_info(control->log, "%s: MTU is %u now", tunnel->name, mtu);
	atomic_store_explicit(&tunnel->mtu, mtu, memory_order_relaxed);
	if (settings->tun != NULL && !settings->device_mtu && tun_set_mtu(settings->tun, mtu) != 0)
		log_warning(control->log, "%s: cannot change the device's MTU", tunnel->name);
}

void
management_refresh(struct management *management)
{
	struct control *control = management->control;
	struct address locals[DIRECTORY_LOCALS_MAX];

	control_lock(control);
	if (control_publish_directory(control, NULL) != 0)
		log_error(control->log, "no memory to take over the underlay's addresses");
	for (unsigned i = 0; i < management->tunnel_count; i++)
		refresh_tunnel(control, &management->tunnels[i].settings);
	if (management->hold != NULL)
		hold_addresses(management->hold, locals,
			nexthops_local(control->nexthops, locals, DIRECTORY_LOCALS_MAX));
	control_unlock(control);
	bell_ring(&control->rings->bell);
}
