/*
 * Reconfigurations: what concerns all tunnels together, and the order of things.
 * On the packet's way: beside it.
 * Threads: any but lanes, one at a time.
 */
#include "control/reconfigure.h"

#include "base/random.h"
#include "control/reconfigure_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where nothing is held, a port of our own choice is one of these. */
#define ANY_PORT_FIRST 32768
#define ANY_PORT_COUNT 16384

struct reconfigure *
reconfigure_begin(struct management *management, const struct log *log)
{
	struct reconfigure *begun = calloc(1, sizeof(*begun));

	if (begun == NULL) {
		log_error(log, "no memory to change the configuration");
		return NULL;
	}
	begun->management = management;
	begun->control = management_control(management);
	begun->log = log;
	pthread_mutex_lock(&begun->control->reconfiguring);
	begun->control->reconfigurations++;
	return begun;
}

static int
no_memory(const struct reconfigure *reconfigure, const struct tunnel *tunnel)
{
	log_error(reconfigure->log,
		"%s: no memory to plan the new configuration; nothing has changed", tunnel->name);
	return -ENOMEM;
}

static struct tunnel_plan *
plan_of(struct reconfigure *reconfigure, const struct tunnel *tunnel)
{
	for (unsigned i = 0; i < reconfigure->plan_count; i++)
		if (reconfigure->plans[i].tunnel == tunnel)
			return &reconfigure->plans[i];
	return NULL;
}

/* Before any work is done for them. */
static int
check_count(struct reconfigure *reconfigure, const struct tunnel *tunnel, size_t peer_count)
{
	const struct control *control = reconfigure->control;
	const unsigned most = control->rings->peers_max;
	size_t count = peer_count;

	for (unsigned i = 0; i < control->tunnel_count; i++) {
		const struct tunnel_plan *plan = plan_of(reconfigure, control->tunnels[i]);

		if (control->tunnels[i] != tunnel)
			count += plan != NULL ? plan->peer_count : control->tunnels[i]->peer_count;
	}
	if (count <= most)
		return 0;
	log_error(reconfigure->log,
		"%s: with its peers there are %zu, and a gateway has %u at most, over all tunnels",
		tunnel->name, count, most);
	return -ENOSPC;
}

int
reconfigure_add(struct reconfigure *reconfigure, struct tunnel *tunnel, struct target *target)
{
	struct tunnel_plan *plan = &reconfigure->plans[reconfigure->plan_count];
	int error = check_count(reconfigure, tunnel, target->peer_count);

	if (error != 0)
		return error;
	reconfigure->plan_count++;
	return tunnel_plan_make(plan, tunnel, target, reconfigure->management) == 0
		? 0
		: no_memory(reconfigure, tunnel);
}

/* The tunnel, other than `but`, that has the port now, or NULL. */
static const struct tunnel *
port_owner(const struct control *control, uint16_t port, const struct tunnel *but)
{
	for (unsigned i = 0; i < control->tunnel_count; i++)
		if (control->tunnels[i] != but && control->tunnels[i]->listen_port == port)
			return control->tunnels[i];
	return NULL;
}

/* The tunnel, other than `but`, that will have the port, or NULL. */
static const struct tunnel *
port_heir(struct reconfigure *reconfigure, uint16_t port, const struct tunnel *but)
{
	const struct control *control = reconfigure->control;

	for (unsigned i = 0; i < control->tunnel_count; i++) {
		const struct tunnel *tunnel = control->tunnels[i];
		const struct tunnel_plan *plan = plan_of(reconfigure, tunnel);

		if (tunnel != but &&
			(plan != NULL ? plan->listen_port : tunnel->listen_port) == port)
			return tunnel;
	}
	return NULL;
}

/* Without a hold the kernel's stack has no part in it, and any port of no tunnel is free. */
static int
choose_port(struct reconfigure *reconfigure, struct tunnel_plan *plan)
{
	struct hold *hold = management_hold(reconfigure->management);
	int error = 0;

	if (hold != NULL) {
		error = hold_any_port(hold, &plan->listen_port, reconfigure->log);
		if (error == 0)
			reconfigure->held[reconfigure->held_count++] = plan->listen_port;
		return error;
	}
	do {
		plan->listen_port = (uint16_t)(ANY_PORT_FIRST + random_jitter() % ANY_PORT_COUNT);
	} while (port_owner(reconfigure->control, plan->listen_port, NULL) != NULL ||
		port_heir(reconfigure, plan->listen_port, plan->tunnel) != NULL);
	return 0;
}

/* A port that another tunnel has until now is held already. */
static int
take_port(struct reconfigure *reconfigure, struct tunnel_plan *plan)
{
	const struct tunnel *tunnel = plan->tunnel;
	struct hold *hold = management_hold(reconfigure->management);
	const struct tunnel *heir;
	int error = 0;

	plan->moves = plan->listen_port != tunnel->listen_port;
	if (plan->listen_port == 0)
		return choose_port(reconfigure, plan);
	heir = port_heir(reconfigure, plan->listen_port, tunnel);
	if (heir != NULL) {
		log_error(reconfigure->log,
			"%s: UDP port %u is that of %s; give each tunnel its own", tunnel->name,
			plan->listen_port, heir->name);
		return -EADDRINUSE;
	}
	if (!plan->moves || hold == NULL ||
		port_owner(reconfigure->control, plan->listen_port, NULL) != NULL)
		return 0;
	error = hold_port(hold, plan->listen_port, reconfigure->log);
	if (error == 0)
		reconfigure->held[reconfigure->held_count++] = plan->listen_port;
	return error;
}

/* Without a hold nobody asks for marks. */
static int
mark_port(struct reconfigure *reconfigure, const struct tunnel_plan *plan)
{
	struct hold *hold = management_hold(reconfigure->management);

	return hold == NULL
		? 0
		: hold_mark(hold, plan->listen_port, plan->target->fwmark, reconfigure->log);
}

/* Gives the ports that stay their present marks back. */
static void
unmark_ports(const struct reconfigure *reconfigure)
{
	struct hold *hold = management_hold(reconfigure->management);

	for (unsigned i = 0; i < reconfigure->plan_count && hold != NULL; i++) {
		const struct tunnel *tunnel = reconfigure->plans[i].tunnel;

		if (tunnel->listen_port != 0)
			(void)hold_mark(
				hold, tunnel->listen_port, tunnel->fwmark, reconfigure->log);
	}
}

static int
take_ports(struct reconfigure *reconfigure)
{
	bool moves = false;
	int error = 0;

	for (unsigned i = 0; i < reconfigure->plan_count; i++)
		reconfigure->plans[i].listen_port = reconfigure->plans[i].target->listen_port;
	for (unsigned i = 0; i < reconfigure->plan_count && error == 0; i++) {
		error = take_port(reconfigure, &reconfigure->plans[i]);
		moves |= reconfigure->plans[i].moves;
	}
	for (unsigned i = 0; i < reconfigure->plan_count && error == 0; i++)
		error = mark_port(reconfigure, &reconfigure->plans[i]);
	if (error != 0 || !moves)
		return error;
	reconfigure->directory = calloc(1, sizeof(*reconfigure->directory));
	return reconfigure->directory != NULL
		? 0
		: no_memory(reconfigure, reconfigure->plans[0].tunnel);
}

/* Peers that depart still have their places in the rings. */
static int
check_room(const struct reconfigure *reconfigure)
{
	const struct control *control = reconfigure->control;
	size_t count = control->departures.count;

	for (unsigned i = 0; i < control->tunnel_count; i++)
		count += control->tunnels[i]->peer_count;
	for (unsigned i = 0; i < reconfigure->plan_count; i++)
		count += reconfigure->plans[i].new_count;
	if (count <= control->rings->peers_max)
		return 0;
	log_error(reconfigure->log,
		"peers that are removed keep their places for a moment, and now there are too few "
		"for all that are new; try again in a second, or remove first and add then");
	return -ENOSPC;
}

static int
reserve(struct reconfigure *reconfigure)
{
	struct control *control = reconfigure->control;
	unsigned due_count = 0;
	int error = 0;

	for (unsigned i = 0; i < control->tunnel_count; i++)
		due_count += control->tunnels[i]->peer_count;
	for (unsigned i = 0; i < reconfigure->plan_count && error == 0; i++) {
		struct tunnel_plan *plan = &reconfigure->plans[i];
		struct tunnel *tunnel = plan->tunnel;

		due_count += (unsigned)plan->new_count;
		error = tunnel_reserve(tunnel, tunnel->peer_count + (unsigned)plan->new_count);
		if (error == 0)
			error = encaps_reserve(&plan->spare_encaps,
				plan->endpoint_count + (plan->moves ? tunnel->peer_count : 0));
	}
	return error != 0 ? error : due_reserve(&control->due, due_count);
}

int
reconfigure_ready(struct reconfigure *reconfigure)
{
	int error = take_ports(reconfigure);

	if (error != 0)
		return error;
	control_lock(reconfigure->control);
	error = check_room(reconfigure);
	if (error == 0 && reserve(reconfigure) != 0)
		error = no_memory(reconfigure, reconfigure->plans[0].tunnel);
	control_unlock(reconfigure->control);
	return error;
}

struct reconfigure_counts
reconfigure_count(const struct reconfigure *reconfigure)
{
	struct reconfigure_counts counts = {.added = 0};

	for (unsigned i = 0; i < reconfigure->plan_count; i++) {
		const struct tunnel_plan *plan = &reconfigure->plans[i];

		counts.removed += (unsigned)plan->removed_count;
		for (size_t k = 0; k < plan->peer_count; k++) {
			const unsigned changes = plan->peers[k].changes;

			if (changes & PEER_CHANGE_NEW)
				counts.added++;
			else if (changes != 0)
				counts.changed++;
			else
				counts.unchanged++;
		}
	}
	return counts;
}

static void
end(struct reconfigure *reconfigure)
{
	for (unsigned i = 0; i < reconfigure->plan_count; i++)
		tunnel_plan_fini(&reconfigure->plans[i]);
	free(reconfigure->directory);
	pthread_mutex_unlock(&reconfigure->control->reconfiguring);
	free(reconfigure);
}

/* Gives up those of the ports that no tunnel has. */
static void
release_ports(const struct reconfigure *reconfigure, const uint16_t ports[], unsigned count)
{
	struct hold *hold = management_hold(reconfigure->management);

	for (unsigned i = 0; i < count && hold != NULL; i++)
		/* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): one of each plan */
		if (port_owner(reconfigure->control, ports[i], NULL) == NULL)
			hold_release(hold, ports[i]);
}

void
reconfigure_abandon(struct reconfigure *reconfigure)
{
	if (reconfigure == NULL)
		return;
	release_ports(reconfigure, reconfigure->held, reconfigure->held_count);
	unmark_ports(reconfigure);
	end(reconfigure);
}

/* Lanes take packets to the new ports before any header names one. */
static void
move_ports(struct reconfigure *reconfigure)
{
	for (unsigned i = 0; i < reconfigure->plan_count; i++) {
		const struct tunnel_plan *plan = &reconfigure->plans[i];

		plan->tunnel->listen_port = plan->listen_port;
	}
	/* Cannot fail: it is given the memory. */
	if (reconfigure->directory != NULL &&
		control_publish_directory(reconfigure->control, reconfigure->directory) != 0)
		abort();
	reconfigure->directory = NULL;
}

/* Whether the ways to peers, and the MTU that they allow, may be others afterwards. */
static bool
changes_ways(const struct reconfigure *reconfigure)
{
	for (unsigned i = 0; i < reconfigure->plan_count; i++) {
		const struct tunnel_plan *plan = &reconfigure->plans[i];

		if (plan->endpoint_count > 0 || plan->removed_count > 0 || plan->moves ||
			plan->target->fwmark != plan->tunnel->fwmark ||
			plan->target->mtu != plan->tunnel->fixed_mtu)
			return true;
	}
	return false;
}

void
reconfigure_apply(struct reconfigure *reconfigure)
{
	struct control *control = reconfigure->control;
	const bool refresh = changes_ways(reconfigure);
	uint16_t former_ports[DIRECTORY_TUNNELS_MAX];

	control_lock(control);
	for (unsigned i = 0; i < reconfigure->plan_count; i++)
		former_ports[i] = reconfigure->plans[i].tunnel->listen_port;
	move_ports(reconfigure);
	for (unsigned i = 0; i < reconfigure->plan_count; i++)
		tunnel_plan_apply(&reconfigure->plans[i], reconfigure->management);
	control_unlock(control);
	bell_ring(&control->rings->bell);
	resolver_wake(management_resolver(reconfigure->management));
	if (refresh)
		management_wake(reconfigure->management);
	release_ports(reconfigure, former_ports, reconfigure->plan_count);
	for (unsigned i = 0; i < reconfigure->plan_count; i++)
		management_changed(
			reconfigure->management, reconfigure->plans[i].tunnel, reconfigure->log);
	end(reconfigure);
}
