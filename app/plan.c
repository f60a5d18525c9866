/*
 * Making the plan.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "plan.h"

#include "say.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_DEFAULT_MIB 256
#define MEMORY_MIN_MIB 64

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void
plan_say(const struct plan *plan, enum gl_log_level level, const char *format, ...)
{
	char line[1024];
	va_list arguments;

	if (level > plan->log.level)
		return;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	plan->log.write(plan->log.context, level, line);
}

static int
parse_number(const char *option, const char *text, unsigned long most, unsigned long *number)
{
	char *end;

	errno = 0;
	*number = strtoul(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *number <= most)
		return 0;
	say(GL_LOG_ERROR, "--%s \"%s\" is not a number up to %lu", option, text, most);
	return -EINVAL;
}

static int
parse_port(const char *option, const char *text, uint16_t *port)
{
	unsigned long number = 0;
	int error = text == NULL ? 0 : parse_number(option, text, UINT16_MAX, &number);

	*port = (uint16_t)number;
	return error;
}

static int
parse_log_level(const char *text, enum gl_log_level *level)
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
	say(GL_LOG_ERROR, "--log-level \"%s\" is none of error, warning, info, debug", text);
	return -EINVAL;
}

static int
parse_memory(const char *text, unsigned *memory_mib)
{
	unsigned long number = MEMORY_DEFAULT_MIB;
	int error = text == NULL ? 0 : parse_number("memory", text, 1UL << 20, &number);

	if (error == 0 && number < MEMORY_MIN_MIB) {
		say(GL_LOG_ERROR, "--memory %lu is too little; at least %u (MiB)", number,
			MEMORY_MIN_MIB);
		return -EINVAL;
	}
	*memory_mib = (unsigned)number;
	return error;
}

static int
parse_poll(const char *text, const cpu_set_t *cpus, bool *busy)
{
	if (text == NULL || strcmp(text, "auto") == 0) {
		*busy = places_isolated(cpus);
		return 0;
	}
	*busy = strcmp(text, "busy") == 0;
	if (*busy || strcmp(text, "adaptive") == 0)
		return 0;
	say(GL_LOG_ERROR, "--poll \"%s\" is none of busy, adaptive, auto", text);
	return -EINVAL;
}

static int
parse_hugepages(const char *text, bool *allowed)
{
	*allowed = text == NULL || strcmp(text, "auto") == 0;
	if (*allowed || strcmp(text, "no") == 0)
		return 0;
	say(GL_LOG_ERROR, "--hugepages \"%s\" is none of auto, no", text);
	return -EINVAL;
}

static int
plan_process(struct plan *plan, const struct options *options)
{
	int error = parse_log_level(options->log_level, &plan->log.level);

	if (error == 0)
		error = places_cpus(options->lanes, &plan->cpus);
	if (error == 0)
		error = parse_poll(options->poll, &plan->cpus, &plan->busy);
	if (error == 0)
		error = parse_memory(options->memory, &plan->memory_mib);
	if (error == 0)
		error = parse_hugepages(options->hugepages, &plan->hugepages);
	plan->underlay_interface = options->underlay_interface;
	plan->aead = options->aead != NULL ? options->aead : getenv("GUARDLANE_AEAD");
	return error;
}

/* Adds the tunnel to the plan unless it has no peer table. */
static int
plan_tunnel(struct plan *plan, const struct tunnel_options *options, bool further)
{
	struct plan_tunnel *tunnel = &plan->tunnels[plan->tunnel_count];
	int error = places_find(&tunnel->places, options);

	if (error == 0)
		error = parse_port("listen-port", options->listen_port, &tunnel->listen_port);
	if (error == 0)
		error = parse_port("peer-port", options->peer_port, &tunnel->peer_port);
	if (error != 0)
		return error;
	tunnel->host = options->host != NULL ? options->host : "tun:wg0";
	tunnel->config =
		gl_config_load(tunnel->places.private_conf, tunnel->places.public_conf, &plan->log);
	if (tunnel->config == NULL)
		return -EINVAL;
	if (!gl_config_clustering(tunnel->config)) {
		plan_say(plan, GL_LOG_INFO, "%s: clustering is off: there is no peer table in %s",
			tunnel->host, tunnel->places.public_conf);
		gl_config_destroy(tunnel->config);
		tunnel->config = NULL;
		return 0;
	}
	plan->tunnel_count++;
	return places_vpn_address(&tunnel->places, options, further, tunnel->vpn_address);
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
refuse_same(const struct plan_tunnel *a, const struct plan_tunnel *b)
{
	if (strcmp(a->host, b->host) == 0)
		say(GL_LOG_ERROR,
			"two tunnels have the host device %s; give one of them another "
			"(host=tun:NAME)",
			a->host);
	else if (same_address(a->vpn_address, b->vpn_address))
		say(GL_LOG_ERROR,
			"%s and %s have the same VPN address, %s; give one of them "
			"another (vpn-address=ADDRESS, or MITIGATOR_VPN_ADDRESS in its .env)",
			a->host, b->host, b->vpn_address);
	else if (plan_listen_port(a) == plan_listen_port(b))
		say(GL_LOG_ERROR,
			"%s and %s have the same UDP port, %u; give one of them another "
			"(listen-port=PORT, or ListenPort in %s)",
			a->host, b->host, plan_listen_port(b), b->places.private_conf);
	else
		return 0;
	return -EINVAL;
}

static int
plan_tunnels(struct plan *plan, const struct options *options)
{
	int error = 0;

	for (unsigned i = 0; i < options->tunnel_count && error == 0; i++)
		error = plan_tunnel(plan, &options->tunnels[i], i > 0);
	for (unsigned i = 0; i < plan->tunnel_count && error == 0; i++)
		for (unsigned k = 0; k < i && error == 0; k++)
			error = refuse_same(&plan->tunnels[k], &plan->tunnels[i]);
	return error;
}

static int
plan_underlay(struct plan *plan, const struct options *options)
{
	char iface[16];
	int len;
	int error;

	if (options->underlay != NULL) {
		len = snprintf(plan->underlay, sizeof(plan->underlay), "%s", options->underlay);
		if (len < (int)sizeof(plan->underlay))
			return 0;
		say(GL_LOG_ERROR, "--underlay is too long");
		return -ENAMETOOLONG;
	}
	error = gl_config_underlay(plan->tunnels[0].config, iface);
	if (error == 0) {
		snprintf(plan->underlay, sizeof(plan->underlay), "af_packet:%s", iface);
		return 0;
	}
	plan_say(plan, GL_LOG_ERROR,
		"no underlay is given and none can be found: %s; give --underlay "
		"af_packet:INTERFACE",
		error == -ENOENT ? "no peer has an endpoint that is an address"
				 : "there is no route to the first peer");
	return error;
}

int
plan_make(struct plan *plan, const struct options *options)
{
	int error;

	*plan = (struct plan){.log = {.level = GL_LOG_INFO, .write = say_write}};
	error = plan_process(plan, options);
	if (error == 0)
		error = plan_tunnels(plan, options);
	if (error == 0 && plan->tunnel_count > 0)
		error = plan_underlay(plan, options);
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
