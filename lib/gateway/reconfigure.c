/*
 * From the files to targets to a reconfiguration; and what of it lies outside the tunnels.
 * On the packet's way: nowhere.
 * Threads: the caller's, one at a time.
 */
#include "gateway/reconfigure.h"

#include "gateway/library.h"

#include <errno.h>
#include <string.h>

int
gateway_check_mtu(const struct gateway *gateway, const struct gateway_tunnel_settings *settings,
	const struct log *log)
{
	const uint32_t mtu = settings->config->mtu;
	const unsigned underlay_mtu = gateway->settings.underlay->mtu;
	const uint32_t most = tunnel_mtu(underlay_mtu);

	if (mtu == 0 || (mtu >= TUNNEL_MTU_MIN && mtu <= most))
		return 0;
	log_error(log,
		"%s: MTU = %u does not fit an underlay whose MTU is %u, as up to %u bytes come "
		"around a packet: give %u to %u, or leave the line out for %u",
		settings->name, mtu, underlay_mtu, TUNNEL_OVERHEAD, TUNNEL_MTU_MIN, most, most);
	return -EINVAL;
}

static int
make_target(struct target *target, const struct gateway_tunnel_settings *settings,
	uint16_t listen_port, const struct log *log)
{
	const int error = target_from_config(target, settings->config, settings->peer_port);

	if (error != 0)
		log_error(log, "%s: no memory for what it shall be", settings->name);
	else
		target->listen_port = listen_port;
	return error;
}

void
gateway_follow(void *context, const struct tunnel *tunnel, const struct log *log)
{
	struct gateway *gateway = context;

	for (unsigned i = 0; i < gateway->tunnel_count; i++) {
		struct gateway_tunnel *of = &gateway->tunnels[i];

		if (of->tunnel == tunnel && of->device != NULL && !of->bare &&
			!of->device->tun.adopted)
			host_routes_update(
				&of->routes, &of->device->tun, tunnel, &gateway->control, log);
	}
}

int
gateway_fill_tunnel(struct gateway *gateway, struct tunnel *tunnel,
	const struct gateway_tunnel_settings *settings)
{
	const struct log *log = gateway->settings.log;
	struct reconfigure *reconfigure;
	struct target target;
	int error = make_target(&target, settings, tunnel->listen_port, log);

	if (error != 0)
		return error;
	reconfigure = reconfigure_begin(gateway->management, log);
	error = reconfigure == NULL ? -ENOMEM : reconfigure_add(reconfigure, tunnel, &target);
	if (error == 0)
		error = reconfigure_ready(reconfigure);
	if (error == 0)
		reconfigure_apply(reconfigure);
	else
		reconfigure_abandon(reconfigure);
	target_fini(&target);
	return error;
}

/* What a reconfiguration works on: settings[i] are for tunnels[i]. */
struct change {
	struct gateway *gateway;
	const struct gateway_tunnel_settings *settings;
	struct tunnel *tunnels[DIRECTORY_TUNNELS_MAX];
	struct target targets[DIRECTORY_TUNNELS_MAX];
	unsigned count;
	unsigned target_count;
	const struct log *log;
};

static bool
is_matched(const struct change *change, const struct tunnel *tunnel)
{
	for (unsigned i = 0; i < change->count; i++)
		if (change->tunnels[i] == tunnel)
			return true;
	return false;
}

/* Tunnels by name; those left over, whose host device was given another name, in their order. */
static int
match(struct change *change)
{
	const struct control *control = &change->gateway->control;

	if (change->count != control->tunnel_count) {
		log_error(change->log,
			"%u tunnels run, and the settings are for %u: tunnels come and go with the "
			"program only; start it anew (docker-compose down, up -d)",
			control->tunnel_count, change->count);
		return -EINVAL;
	}
	for (unsigned i = 0; i < change->count; i++)
		for (unsigned k = 0; k < control->tunnel_count; k++)
			if (strcmp(control->tunnels[k]->name, change->settings[i].name) == 0)
				change->tunnels[i] = control->tunnels[k];
	for (unsigned i = 0; i < change->count; i++)
		for (unsigned k = 0; k < control->tunnel_count; k++)
			if (change->tunnels[i] == NULL && !is_matched(change, control->tunnels[k]))
				change->tunnels[i] = control->tunnels[k];
	return 0;
}

static bool
same_addresses(const struct tunnel *tunnel, const struct gateway_tunnel_settings *settings)
{
	if (tunnel->address_count != settings->address_count)
		return false;
	for (unsigned i = 0; i < tunnel->address_count; i++)
		if (prefix_compare(&tunnel->addresses[i], &settings->addresses[i]) != 0)
			return false;
	return true;
}

/* What is the host device's own stays until that is made anew. */
static void
say_what_waits(const struct change *change)
{
	for (unsigned i = 0; i < change->count; i++) {
		const struct gateway_tunnel_settings *settings = &change->settings[i];
		const struct tunnel *tunnel = change->tunnels[i];
		char from[PREFIX_TEXT_MAX] = "none";
		char to[PREFIX_TEXT_MAX] = "none";

		if (strcmp(tunnel->name, settings->name) != 0)
			log_warning(change->log,
				"%s: the host device is to be %s: that needs down and up; it stays "
				"%s until then",
				tunnel->name, settings->name, tunnel->name);
		if (same_addresses(tunnel, settings))
			continue;
		if (tunnel->address_count > 0)
			prefix_format(&tunnel->addresses[0], from);
		if (settings->address_count > 0)
			prefix_format(&settings->addresses[0], to);
		log_warning(change->log,
			"%s: the VPN address is to be %s: that needs down and up; it stays %s "
			"until then",
			tunnel->name, to, from);
	}
}

static int
plan(struct change *change, struct reconfigure *reconfigure)
{
	int error = 0;

	for (unsigned i = 0; i < change->count && error == 0; i++) {
		const struct gateway_tunnel_settings *settings = &change->settings[i];

		error = gateway_check_mtu(change->gateway, settings, change->log);
		if (error == 0)
			error = make_target(
				&change->targets[i], settings, settings->listen_port, change->log);
		if (error != 0)
			break;
		change->target_count++;
		error = reconfigure_add(reconfigure, change->tunnels[i], &change->targets[i]);
	}
	return error != 0 ? error : reconfigure_ready(reconfigure);
}

int
gateway_reconfigure(struct gateway *gateway, const struct gateway_tunnel_settings settings[],
	unsigned count, bool dry_run, const struct log *log, struct reconfigure_counts *counts)
{
	struct change change = {
		.gateway = gateway, .settings = settings, .count = count, .log = log};
	struct reconfigure *reconfigure;
	int error = match(&change);

	if (error != 0)
		return error;
	reconfigure = reconfigure_begin(gateway->management, log);
	error = reconfigure == NULL ? -ENOMEM : plan(&change, reconfigure);
	if (error == 0) {
		*counts = reconfigure_count(reconfigure);
		reconfigure_say(reconfigure, log);
		say_what_waits(&change);
	}
	if (error != 0 || dry_run)
		reconfigure_abandon(reconfigure);
	else
		reconfigure_apply(reconfigure);
	for (unsigned i = 0; i < change.target_count; i++)
		target_fini(&change.targets[i]);
	return error;
}

int
gl_gateway_reconfigure(struct gl_gateway *gateway, const struct gl_tunnel_settings settings[],
	unsigned count, bool dry_run, const struct gl_log *say, struct gl_changes *changes)
{
	struct gateway_tunnel_settings inner[DIRECTORY_TUNNELS_MAX];
	struct prefix addresses[DIRECTORY_TUNNELS_MAX];
	struct reconfigure_counts counts = {.added = 0};
	const struct log log = library_log(say);
	int error = 0;

	for (unsigned i = 0; i < count && i < DIRECTORY_TUNNELS_MAX && error == 0; i++) {
		error = library_tunnel(&settings[i], &log, &inner[i], &addresses[i]);
		if (error != 0 || !inner[i].bare)
			continue;
		log_error(&log, "%s has no files to be reconfigured by: what it is, wg(8) says",
			inner[i].name);
		error = -EINVAL;
	}
	if (error == 0)
		error = gateway_reconfigure(gateway->gateway, inner, count, dry_run, &log, &counts);
	*changes = (struct gl_changes){
		.added = counts.added,
		.changed = counts.changed,
		.removed = counts.removed,
		.unchanged = counts.unchanged,
	};
	return error;
}
