/*
 * Tunnels of a gateway, and the directory by which lanes find them.
 * On the packet's way: beside it.
 * Threads: control, under its lock.
 */
#include "control/control.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

static void
directory_free(struct reclaim_item *item)
{
	free((char *)item - offsetof(struct directory, reclaim));
}

int
control_publish_directory(struct control *control, struct directory *directory)
{
	struct directory *old;

	if (directory == NULL)
		directory = calloc(1, sizeof(*directory));
	if (directory == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < control->tunnel_count; i++) {
		directory->tunnels[i] = control->tunnels[i];
		directory->ports[i] = control->tunnels[i]->listen_port;
	}
	directory->tunnel_count = control->tunnel_count;
	directory->local_count = (unsigned)nexthops_local(
		control->nexthops, directory->locals, DIRECTORY_LOCALS_MAX);
	directory->sockets = control->nexthops->sockets;
	old = atomic_exchange_explicit(&control->directory, directory, memory_order_acq_rel);
	if (old != NULL)
		reclaim_defer(control->reclaim, &old->reclaim, directory_free);
	return 0;
}

int
control_init(struct control *control, const struct control_settings *settings)
{
	*control = (struct control){
		.clock = settings->clock,
		.log = settings->log,
		.rings = settings->rings,
		.reclaim = settings->reclaim,
		.nexthops = settings->nexthops,
		.pool = settings->pool,
		.lanes_busy = settings->lanes_busy,
		.threads = settings->threads,
	};
	pthread_mutex_init(&control->lock, NULL);
	pthread_mutex_init(&control->reconfiguring, NULL);
	departures_init(&control->departures, control->rings, control->reclaim);
	control->known = known_sources_create();
	if (control->known == NULL)
		return -errno;
	for (unsigned line = 0; line < HANDSHAKE_LINE_COUNT; line++) {
		control->limiters[line] = source_limiter_create();
		if (control->limiters[line] == NULL)
			return -errno;
	}
	return control_publish_directory(control, NULL);
}

void
control_fini(struct control *control)
{
	departures_fini(&control->departures);
	for (unsigned i = 0; i < control->tunnel_count; i++)
		tunnel_destroy(control->tunnels[i]);
	control->tunnel_count = 0;
	free(atomic_exchange(&control->directory, NULL));
	due_fini(&control->due);
	for (unsigned line = 0; line < HANDSHAKE_LINE_COUNT; line++)
		source_limiter_destroy(control->limiters[line]);
	known_sources_destroy(control->known);
	pthread_mutex_destroy(&control->lock);
	pthread_mutex_destroy(&control->reconfiguring);
}

int
control_add_tunnel(struct control *control, struct tunnel *tunnel)
{
	int error;

	if (control->tunnel_count == DIRECTORY_TUNNELS_MAX)
		return -ENOSPC;
	for (unsigned i = 0; i < control->tunnel_count; i++)
		if (control->tunnels[i]->listen_port == tunnel->listen_port)
			return -EEXIST;
	control->tunnels[control->tunnel_count++] = tunnel;
	error = control_publish_directory(control, NULL);
	if (error != 0)
		control->tunnel_count--;
	return error;
}
