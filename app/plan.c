/*
 * Making the plan.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "plan.h"

#include "cpus.h"
#include "host.h"
#include "places.h"
#include "say.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is to be planned, of what, and who hears of it. */
struct planning {
	struct plan *plan;
	const struct settings *settings;
	const struct gl_log *log;
};

static bool
is_auto(const char *text)
{
	return strcmp(text, "auto") == 0;
}

/* The value, NULL if it is that word. */
static const char *
unless(const char *text, const char *word)
{
	return strcmp(text, word) == 0 ? NULL : text;
}

static int
plan_lanes(struct planning *planning)
{
	const char *text = settings_text(planning->settings, OPTION_LANES);
	cpu_set_t *cpus = &planning->plan->cpus;
	int error = is_auto(text) ? cpus_last(cpus) : cpus_parse(text, cpus);
	char where[SETTINGS_WHERE_MAX];

	if (error != 0) {
		say(planning->log, GL_LOG_ERROR, "cannot read the CPU affinity: %s",
			strerror(-error));
		return error;
	}
	if (cpus_forbidden(cpus) < 0)
		return 0;
	say(planning->log, GL_LOG_ERROR,
		"%s names CPU %d, which this process may not use (not there, or outside its "
		"cpuset)",
		settings_where(planning->settings, 0, OPTION_LANES, where), cpus_forbidden(cpus));
	return -EINVAL;
}

/* Copies a text for which there is so much room. */
static int
plan_text(const struct planning *planning, enum option_id id, char *to, size_t size)
{
	const char *text = settings_text(planning->settings, id);
	char where[SETTINGS_WHERE_MAX];

	if (is_auto(text) || snprintf(to, size, "%s", text) < (int)size)
		return 0;
	say(planning->log, GL_LOG_ERROR, "%s is too long: %zu characters at most",
		settings_where(planning->settings, 0, id, where), size - 1);
	return -ENAMETOOLONG;
}

static int
plan_process(struct planning *planning)
{
	const struct settings *settings = planning->settings;
	const char *poll = settings_text(settings, OPTION_POLL);
	struct plan *plan = planning->plan;
	int error = plan_lanes(planning);

	if (error != 0)
		return error;
	plan->log = say_stderr(settings_log_level(settings));
	plan->busy = is_auto(poll) ? host_isolated("", &plan->cpus) : strcmp(poll, "busy") == 0;
	plan->memory_mib = (unsigned)settings_number(settings_text(settings, OPTION_MEMORY));
	plan->hugepages = is_auto(settings_text(settings, OPTION_HUGEPAGES));
	plan->confine = strcmp(settings_text(settings, OPTION_CONFINE), "yes") == 0;
	plan->underlay_interface =
		unless(settings_text(settings, OPTION_UNDERLAY_INTERFACE), "auto");
	plan->aead = settings_text(settings, OPTION_AEAD);
	error = plan_text(planning, OPTION_CONTROL, plan->control, sizeof(plan->control));
	if (error == 0)
		error = plan_text(
			planning, OPTION_UNDERLAY, plan->underlay, sizeof(plan->underlay));
	return error;
}

void
plan_files(const struct settings *settings, unsigned tunnel, char private_conf[PATH_MAX],
	char public_conf[PATH_MAX])
{
	const char *given_private = settings_tunnel_text(settings, tunnel, OPTION_PRIVATE_CONF);
	const char *given_public = settings_tunnel_text(settings, tunnel, OPTION_PUBLIC_CONF);

	places_files(settings_tunnel_text(settings, tunnel, OPTION_CONFIG_DIR), private_conf,
		public_conf);
	if (!is_auto(given_private))
		snprintf(private_conf, PATH_MAX, "%s", given_private);
	if (!is_auto(given_public))
		snprintf(public_conf, PATH_MAX, "%s", given_public);
}

static int
refuse_unknown_address(
	const struct planning *planning, unsigned index, const struct plan_tunnel *tunnel)
{
	char dotenv[PATH_MAX];

	places_dotenv(settings_tunnel_text(planning->settings, index, OPTION_CONFIG_DIR), dotenv);
	say(planning->log, GL_LOG_ERROR,
		"%s: the VPN address is not known; set " PLACES_VPN_ADDRESS
		" in the environment or in %s, or give vpn-address",
		tunnel->host, dotenv);
	return -ENOENT;
}

int
plan_load_tunnel(struct plan_tunnel *tunnel, const struct settings *settings, unsigned index,
	bool public_only, const struct gl_log *log)
{
	const bool strict = strcmp(settings_text(settings, OPTION_STRICT_PERMISSIONS), "yes") == 0;

	tunnel->index = index;
	plan_files(settings, index, tunnel->private_conf, tunnel->public_conf);
	tunnel->host = settings_tunnel_text(settings, index, OPTION_HOST);
	tunnel->netns = unless(settings_tunnel_text(settings, index, OPTION_NETNS), "none");
	tunnel->pipeline = unless(settings_tunnel_text(settings, index, OPTION_PIPELINE), "none");
	tunnel->host_match =
		unless(settings_tunnel_text(settings, index, OPTION_HOST_MATCH), "none");
	tunnel->vpn_address =
		unless(settings_tunnel_text(settings, index, OPTION_VPN_ADDRESS), "auto");
	tunnel->listen_port = (uint16_t)settings_number(
		settings_tunnel_text(settings, index, OPTION_LISTEN_PORT));
	tunnel->peer_port =
		(uint16_t)settings_number(settings_tunnel_text(settings, index, OPTION_PEER_PORT));
	tunnel->fixed_endpoints =
		strcmp(settings_tunnel_text(settings, index, OPTION_ROAMING), "off") == 0;
	tunnel->config = gl_config_load(
		public_only ? NULL : tunnel->private_conf, tunnel->public_conf, strict, log);
	if (tunnel->config == NULL)
		return -EINVAL;
	gl_config_hash(tunnel->config, tunnel->hash);
	if (tunnel->listen_port == 0)
		tunnel->listen_port = gl_config_listen_port(tunnel->config);
	return 0;
}

int
plan_lint(const struct plan_tunnel *tunnel, const struct gl_log *log)
{
	const struct gl_tunnel_settings settings = plan_settings(tunnel);
	const int found = gl_config_lint(tunnel->config, &settings, log);

	return found < 0 ? found : 0;
}

/* Adds the tunnel to the plan unless it has no peer table. */
static int
plan_tunnel(struct planning *planning, unsigned index)
{
	struct plan *plan = planning->plan;
	struct plan_tunnel *tunnel = &plan->tunnels[plan->tunnel_count];
	int error = plan_load_tunnel(tunnel, planning->settings, index, false, planning->log);

	if (error != 0)
		return error;
	if (!gl_config_clustering(tunnel->config)) {
		say(planning->log, GL_LOG_INFO,
			"%s: clustering is off: there is no peer table in %s", tunnel->host,
			tunnel->public_conf);
		gl_config_destroy(tunnel->config);
		tunnel->config = NULL;
		return 0;
	}
	plan->tunnel_count++;
	if (tunnel->vpn_address == NULL)
		return refuse_unknown_address(planning, index, tunnel);
	return plan_lint(tunnel, planning->log);
}

/* Whether two VPN addresses are one, whatever their masks and however they are written. */
static bool
same_address(const char *a, const char *b)
{
	const char *texts[2] = {a, b};
	char plain[2][INET6_ADDRSTRLEN];
	struct in6_addr addresses[2];

	for (unsigned i = 0; i < 2; i++) {
		snprintf(plain[i], sizeof(plain[i]), "%s", texts[i]);
		plain[i][strcspn(plain[i], "/")] = '\0';
	}
	if (inet_pton(AF_INET6, plain[0], &addresses[0]) == 1 &&
		inet_pton(AF_INET6, plain[1], &addresses[1]) == 1)
		return memcmp(&addresses[0], &addresses[1], sizeof(addresses[0])) == 0;
	return strcmp(plain[0], plain[1]) == 0;
}

static bool
same_namespace(const struct plan_tunnel *a, const struct plan_tunnel *b)
{
	return a->netns == NULL || b->netns == NULL ? a->netns == b->netns
						    : strcmp(a->netns, b->netns) == 0;
}

/* Two tunnels that share one of these would share out the packets, in no order anybody meant. */
static int
refuse_same(const struct planning *planning, unsigned one, unsigned other)
{
	const struct plan_tunnel *a = &planning->plan->tunnels[one];
	const struct plan_tunnel *b = &planning->plan->tunnels[other];

	if (strcmp(a->host, b->host) == 0)
		say(planning->log, GL_LOG_ERROR,
			"two tunnels have the host device %s; give one of them another (host, or " PLACES_DATA_PLANE_DEVICE
			")",
			a->host);
	else if (same_namespace(a, b) && same_address(a->vpn_address, b->vpn_address))
		say(planning->log, GL_LOG_ERROR,
			"%s and %s have the same VPN address, %s, in one network namespace; give "
			"one of them another address (vpn-address, or " PLACES_VPN_ADDRESS
			" in its .env), or its device a namespace of its own (netns)",
			a->host, b->host, b->vpn_address);
	else if (a->listen_port == b->listen_port)
		say(planning->log, GL_LOG_ERROR,
			"%s and %s have the same UDP port, %u; give one of them another "
			"(listen-port, or ListenPort in %s)",
			a->host, b->host, b->listen_port, b->private_conf);
	else
		return 0;
	return -EINVAL;
}

static int
plan_tunnels(struct planning *planning)
{
	int error = 0;

	for (unsigned i = 0; i < planning->settings->tunnel_count && error == 0; i++)
		error = plan_tunnel(planning, i);
	for (unsigned i = 0; i < planning->plan->tunnel_count && error == 0; i++)
		for (unsigned k = 0; k < i && error == 0; k++)
			error = refuse_same(planning, k, i);
	return error;
}

/* Of no files. */
static void
plan_interface(struct planning *planning)
{
	struct plan_tunnel *tunnel = &planning->plan->tunnels[planning->plan->tunnel_count++];

	*tunnel = (struct plan_tunnel){
		.host = settings_tunnel_text(planning->settings, 0, OPTION_HOST)};
}

struct gl_tunnel_settings
plan_settings(const struct plan_tunnel *tunnel)
{
	return (struct gl_tunnel_settings){
		.config = tunnel->config,
		.host = tunnel->host,
		.netns = tunnel->netns,
		.pipeline = tunnel->pipeline,
		.host_match = tunnel->host_match,
		.vpn_address = tunnel->vpn_address,
		.listen_port = tunnel->listen_port,
		.peer_port = tunnel->peer_port,
		.fixed_endpoints = tunnel->fixed_endpoints,
	};
}

void
plan_say_tunnels(const struct plan *plan, const struct gl_log *log)
{
	for (unsigned i = 0; i < plan->tunnel_count; i++) {
		const struct plan_tunnel *tunnel = &plan->tunnels[i];

		if (tunnel->config == NULL)
			continue;
		say(log, GL_LOG_INFO, "%s: %s, UDP port %u, %zu peer%s", tunnel->host,
			tunnel->vpn_address, tunnel->listen_port,
			gl_config_peer_count(tunnel->config),
			gl_config_peer_count(tunnel->config) == 1 ? "" : "s");
	}
}

/* What af_packet needs CAP_NET_RAW for. Whatever else is wrong is for it to say. */
static bool
may_see_packets(void)
{
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	const bool refused = fd < 0 && (errno == EPERM || errno == EACCES);

	if (fd >= 0)
		close(fd);
	return !refused;
}

int
plan_find_underlay(struct plan *plan, const struct gl_log *log)
{
	char iface[16];
	int error;

	if (plan->underlay[0] != '\0')
		return 0;
	if (!may_see_packets()) {
		say(log, GL_LOG_WARNING,
			"nothing better than the underlay udp is permitted, which is slower: give "
			"CAP_NET_RAW for af_packet, or say --underlay udp to have it without this "
			"warning");
		snprintf(plan->underlay, sizeof(plan->underlay), "udp");
		return 0;
	}
	error = gl_config_underlay(plan->tunnels[0].config, iface);
	if (error == 0) {
		snprintf(plan->underlay, sizeof(plan->underlay), "af_packet:%s", iface);
		return 0;
	}
	say(log, GL_LOG_ERROR,
		"no underlay is given and none can be found: %s; give --underlay "
		"af_packet:INTERFACE",
		error == -ENOENT ? "no peer has an endpoint that is an address"
				 : "there is no route to the first peer");
	return error;
}

int
plan_make(struct plan *plan, const struct settings *settings, const struct gl_log *log)
{
	struct planning planning = {.plan = plan, .settings = settings, .log = log};
	int error;

	*plan = (struct plan){.log = *log};
	error = plan_process(&planning);
	if (error == 0 && settings->interface)
		plan_interface(&planning);
	else if (error == 0)
		error = plan_tunnels(&planning);
	return error;
}

void
plan_fini(struct plan *plan)
{
	for (unsigned i = 0; i < SETTINGS_TUNNELS_MAX; i++) {
		gl_config_destroy(plan->tunnels[i].config);
		plan->tunnels[i].config = NULL;
	}
}
