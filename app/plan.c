/*
 * Making the plan.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "plan.h"

#include "say.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_DEFAULT_MIB 256
#define MEMORY_MIN_MIB 64

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static int
parse_number(const struct gl_log *log, const char *option, const char *text, unsigned long most,
	unsigned long *number)
{
	char *end;

	errno = 0;
	*number = strtoul(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *number <= most)
		return 0;
	say(log, GL_LOG_ERROR, "--%s \"%s\" is not a number up to %lu", option, text, most);
	return -EINVAL;
}

static int
parse_port(const struct gl_log *log, const char *option, const char *text, uint16_t *port)
{
	unsigned long number = 0;
	int error = text == NULL ? 0 : parse_number(log, option, text, UINT16_MAX, &number);

	*port = (uint16_t)number;
	return error;
}

static int
parse_log_level(const struct gl_log *log, const char *text, enum gl_log_level *level)
{
	*level = GL_LOG_INFO;
	if (text == NULL)
		return 0;
	for (unsigned i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*level = (enum gl_log_level)i;
			return 0;
		}
	}
	say(log, GL_LOG_ERROR, "--log-level \"%s\" is none of error, warning, info, debug", text);
	return -EINVAL;
}

static int
parse_memory(const struct gl_log *log, const char *text, unsigned *memory_mib)
{
	unsigned long number = MEMORY_DEFAULT_MIB;
	int error = text == NULL ? 0 : parse_number(log, "memory", text, 1UL << 20, &number);

	if (error == 0 && number < MEMORY_MIN_MIB) {
		say(log, GL_LOG_ERROR, "--memory %lu is too little; at least %u (MiB)", number,
			MEMORY_MIN_MIB);
		return -EINVAL;
	}
	*memory_mib = (unsigned)number;
	return error;
}

static int
parse_poll(const struct gl_log *log, const char *text, const cpu_set_t *cpus, bool *busy)
{
	if (text == NULL || strcmp(text, "auto") == 0) {
		*busy = places_isolated(cpus);
		return 0;
	}
	*busy = strcmp(text, "busy") == 0;
	if (*busy || strcmp(text, "adaptive") == 0)
		return 0;
	say(log, GL_LOG_ERROR, "--poll \"%s\" is none of busy, adaptive, auto", text);
	return -EINVAL;
}

static int
parse_hugepages(const struct gl_log *log, const char *text, bool *allowed)
{
	*allowed = text == NULL || strcmp(text, "auto") == 0;
	if (*allowed || strcmp(text, "no") == 0)
		return 0;
	say(log, GL_LOG_ERROR, "--hugepages \"%s\" is none of auto, no", text);
	return -EINVAL;
}

static int
plan_underlay(struct plan *plan, const struct options *options, const struct gl_log *log)
{
	const char *text = options->underlay != NULL ? options->underlay : "";

	if (snprintf(plan->underlay, sizeof(plan->underlay), "%s", text) <
		(int)sizeof(plan->underlay))
		return 0;
	say(log, GL_LOG_ERROR, "--underlay is too long");
	return -ENAMETOOLONG;
}

/* By the name of the first tunnel, also while that has no peer table. */
static void
plan_control(struct plan *plan, const struct options *options)
{
	const char *host = options->tunnels[0].host;

	if (host == NULL)
		host = "tun:wg0";
	client_path(host + strcspn(host, ":") + (strchr(host, ':') != NULL), plan->control);
}

static int
plan_process(struct plan *plan, const struct options *options, const struct gl_log *log)
{
	enum gl_log_level level;
	int error = parse_log_level(log, options->log_level, &level);

	if (error == 0)
		error = places_cpus(options->lanes, &plan->cpus, log);
	if (error == 0)
		error = parse_poll(log, options->poll, &plan->cpus, &plan->busy);
	if (error == 0)
		error = parse_memory(log, options->memory, &plan->memory_mib);
	if (error == 0)
		error = parse_hugepages(log, options->hugepages, &plan->hugepages);
	if (error != 0)
		return error;
	plan->log = say_stderr(level);
	plan_control(plan, options);
	plan->underlay_interface = options->underlay_interface;
	plan->aead = options->aead != NULL ? options->aead : getenv("GUARDLANE_AEAD");
	return plan_underlay(plan, options, log);
}

/* Adds the tunnel to the plan unless it has no peer table. */
static int
plan_tunnel(struct plan *plan, const struct tunnel_options *options, bool further,
	const struct gl_log *log)
{
	struct plan_tunnel *tunnel = &plan->tunnels[plan->tunnel_count];
	int error = places_find(&tunnel->places, options, log);

	if (error == 0)
		error = parse_port(log, "listen-port", options->listen_port, &tunnel->listen_port);
	if (error == 0)
		error = parse_port(log, "peer-port", options->peer_port, &tunnel->peer_port);
	if (error != 0)
		return error;
	tunnel->host = options->host != NULL ? options->host : "tun:wg0";
	tunnel->config =
	tunnel->config = gl_config_load(
		tunnel->places.private_conf, tunnel->places.public_conf, false, log);
	if (tunnel->config == NULL)
		return -EINVAL;
	if (!gl_config_clustering(tunnel->config)) {
		say(log, GL_LOG_INFO, "%s: clustering is off: there is no peer table in %s",
			tunnel->host, tunnel->places.public_conf);
		gl_config_destroy(tunnel->config);
		tunnel->config = NULL;
		return 0;
	}
	plan->tunnel_count++;
	return places_vpn_address(&tunnel->places, options, further, tunnel->vpn_address, log);
}

uint16_t
plan_listen_port(const struct plan_tunnel *tunnel)
{
	return tunnel->listen_port != 0 ? tunnel->listen_port
					: gl_config_listen_port(tunnel->config);
}

/* Whether two VPN addresses are one, whatever their masks and however they are written. */
static bool
same_address(const char *a, const char *b)
{
	const char *texts[2] = {a, b};
	char plain[2][PLACES_VPN_ADDRESS_MAX];
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

/* Two tunnels that share one of these would share out the packets, in no order anybody meant. */
static int
refuse_same(const struct plan_tunnel *a, const struct plan_tunnel *b, const struct gl_log *log)
{
	if (strcmp(a->host, b->host) == 0)
		say(log, GL_LOG_ERROR,
			"two tunnels have the host device %s; give one of them another "
			"(host=tun:NAME)",
			a->host);
	else if (same_address(a->vpn_address, b->vpn_address))
		say(log, GL_LOG_ERROR,
			"%s and %s have the same VPN address, %s; give one of them "
			"another (vpn-address=ADDRESS, or MITIGATOR_VPN_ADDRESS in its .env)",
			a->host, b->host, b->vpn_address);
	else if (plan_listen_port(a) == plan_listen_port(b))
		say(log, GL_LOG_ERROR,
			"%s and %s have the same UDP port, %u; give one of them another "
			"(listen-port=PORT, or ListenPort in %s)",
			a->host, b->host, plan_listen_port(b), b->places.private_conf);
	else
		return 0;
	return -EINVAL;
}

static int
plan_tunnels(struct plan *plan, const struct options *options, const struct gl_log *log)
{
	int error = 0;

	for (unsigned i = 0; i < options->tunnel_count && error == 0; i++)
		error = plan_tunnel(plan, &options->tunnels[i], i > 0, log);
	for (unsigned i = 0; i < plan->tunnel_count && error == 0; i++)
		for (unsigned k = 0; k < i && error == 0; k++)
			error = refuse_same(&plan->tunnels[k], &plan->tunnels[i], log);
	return error;
}

struct gl_tunnel_settings
plan_settings(const struct plan_tunnel *tunnel)
{
	return (struct gl_tunnel_settings){
		.config = tunnel->config,
		.host = tunnel->host,
		.vpn_address = tunnel->vpn_address,
		.listen_port = tunnel->listen_port,
		.peer_port = tunnel->peer_port,
	};
}

void
plan_say_tunnels(const struct plan *plan, const struct gl_log *log)
{
	for (unsigned i = 0; i < plan->tunnel_count; i++) {
		const struct plan_tunnel *tunnel = &plan->tunnels[i];

		say(log, GL_LOG_INFO, "%s: %s, UDP port %u, %zu peers", tunnel->host,
			tunnel->vpn_address, plan_listen_port(tunnel),
			gl_config_peer_count(tunnel->config));
	}
}

int
plan_find_underlay(struct plan *plan, const struct gl_log *log)
{
	char iface[16];
	int error;

	if (plan->underlay[0] != '\0')
		return 0;
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
plan_make(struct plan *plan, const struct options *options, const struct gl_log *log)
{
	int error;

	*plan = (struct plan){.tunnel_count = 0};
	error = plan_process(plan, options, log);
	if (error == 0)
		error = plan_tunnels(plan, options, log);
	return error;
}

void
plan_fini(struct plan *plan)
{
	for (unsigned i = 0; i < OPTIONS_TUNNELS_MAX; i++) {
		gl_config_destroy(plan->tunnels[i].config);
		plan->tunnels[i].config = NULL;
	}
}
