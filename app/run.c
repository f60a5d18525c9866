/*
 * The command that runs the gateway.
 * On the packet's way: nowhere.
 * Threads: main; lanes run on EAL's lcores.
 */
#include "run.h"

#include "eal.h"
#include "guardlane.h"
#include "options.h"
#include "places.h"

#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define MEMORY_DEFAULT_MIB 256
#define MEMORY_MIN_MIB 64

/* What was decided from options, environment and files. */
struct plan {
	struct places places;
	struct gl_config *config;
	struct gl_log log;
	char vpn_address[PLACES_VPN_ADDRESS_MAX];
	char underlay[64];
	cpu_set_t cpus;
	unsigned memory_mib;
	uint16_t listen_port;
	uint16_t peer_port;
	bool busy;
};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static void
write_log(void *context, enum gl_log_level level, const char *line)
{
	fprintf(stderr, "guardlane: %s: %s\n", level_names[level], line);
}

static void __attribute__((format(printf, 3, 4)))
say(const struct plan *plan, enum gl_log_level level, const char *format, ...)
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
	fprintf(stderr, "guardlane: --%s \"%s\" is not a number up to %lu\n", option, text, most);
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
	for (unsigned i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*level = (enum gl_log_level)i;
			return 0;
		}
	}
	fprintf(stderr, "guardlane: --log-level \"%s\" is none of error, warning, info, debug\n",
		text);
	return -EINVAL;
}

static int
parse_memory(const char *text, unsigned *memory_mib)
{
	unsigned long number = MEMORY_DEFAULT_MIB;
	int error = text == NULL ? 0 : parse_number("memory", text, 1UL << 20, &number);

	if (error == 0 && number < MEMORY_MIN_MIB) {
		fprintf(stderr, "guardlane: --memory %lu is too little; at least %u (MiB)\n",
			number, MEMORY_MIN_MIB);
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
	fprintf(stderr, "guardlane: --poll \"%s\" is none of busy, adaptive, auto\n", text);
	return -EINVAL;
}

/* What does not depend on the files. */
static int
plan_options(struct plan *plan, const struct options *options)
{
	int error;

	*plan = (struct plan){.log = {.level = GL_LOG_INFO, .write = write_log}};
	error = options->log_level == NULL ? 0 :
					     parse_log_level(options->log_level, &plan->log.level);
	if (error == 0)
		error = places_find(&plan->places, options);
	if (error == 0)
		error = places_cpus(options->lanes, &plan->cpus);
	if (error == 0)
		error = parse_poll(options->poll, &plan->cpus, &plan->busy);
	if (error == 0)
		error = parse_memory(options->memory, &plan->memory_mib);
	if (error == 0)
		error = parse_port("listen-port", options->listen_port, &plan->listen_port);
	if (error == 0)
		error = parse_port("peer-port", options->peer_port, &plan->peer_port);
	return error;
}

/* What is needed only when there is a VPN. */
static int
plan_vpn(struct plan *plan, const struct options *options)
{
	char iface[16];
	int error = places_vpn_address(&plan->places, options, plan->vpn_address);

	if (error != 0)
		return error;
	if (options->underlay != NULL)
		return 0;
	error = gl_config_underlay(plan->config, iface);
	if (error != 0) {
		say(plan, GL_LOG_ERROR,
			"no underlay is given and none can be found: %s; give --underlay "
			"af_packet:INTERFACE",
			error == -ENOENT ? "no peer has an endpoint that is an address" :
					   "there is no route to the first peer");
		return error;
	}
	snprintf(plan->underlay, sizeof(plan->underlay), "af_packet:%s", iface);
	return 0;
}

static int
lane_main(void *gateway)
{
	/* Lcore 0 is the main one. */
	gl_lane_run(gateway, rte_lcore_id() - 1);
	return 0;
}

static void
wait_for_end(const sigset_t *signals, const struct plan *plan)
{
	int number;

	while (sigwait(signals, &number) != 0)
		;
	say(plan, GL_LOG_INFO, "%s: ending", strsignal(number));
}

static int
run_gateway(const struct plan *plan, const struct options *options, const sigset_t *signals)
{
	struct gl_gateway *gateway = NULL;
	unsigned lcore;
	int error = gl_gateway_create(
		&(const struct gl_gateway_settings){
			.underlay = options->underlay != NULL ? options->underlay : plan->underlay,
			.underlay_interface = options->underlay_interface,
			.lane_count = (unsigned)CPU_COUNT(&plan->cpus),
			.busy = plan->busy,
			.memory_mib = plan->memory_mib,
			.aead = options->aead,
			.log = plan->log,
		},
		&gateway);

	if (error != 0)
		return error;
	error = gl_gateway_add_tunnel(gateway,
		&(const struct gl_tunnel_settings){
			.config = plan->config,
			.host = options->host != NULL ? options->host : "tun:wg0",
			.vpn_address = plan->vpn_address,
			.listen_port = plan->listen_port,
			.peer_port = plan->peer_port,
		});
	if (error == 0)
		error = gl_gateway_start(gateway);
	if (error == 0) {
		RTE_LCORE_FOREACH_WORKER (lcore)
			rte_eal_remote_launch(lane_main, gateway, lcore);
		say(plan, GL_LOG_INFO, "ready: %zu peers, UDP port %u, %d %s lane(s)",
			gl_config_peer_count(plan->config),
			plan->listen_port != 0 ? plan->listen_port :
						 gl_config_listen_port(plan->config),
			CPU_COUNT(&plan->cpus), plan->busy ? "busy" : "adaptive");
		wait_for_end(signals, plan);
		gl_gateway_stop(gateway);
		rte_eal_mp_wait_lcore();
	}
	gl_gateway_destroy(gateway);
	return error;
}

static int
run_vpn(struct plan *plan, const struct options *options, const sigset_t *signals)
{
	bool hugepages = places_hugepages_mib() >= plan->memory_mib;
	int error = plan_vpn(plan, options);

	if (error != 0)
		return error;
	if (!hugepages)
		say(plan, GL_LOG_WARNING,
			"%lu MiB of hugepages are free, %u are wanted: running without, which is "
			"slower; reserve some by sysctl vm.nr_hugepages=%u",
			places_hugepages_mib(), plan->memory_mib, plan->memory_mib / 2);
	error = eal_start(&plan->cpus, plan->memory_mib, hugepages);
	if (error != 0)
		return error;
	error = run_gateway(plan, options, signals);
	rte_eal_cleanup();
	return error;
}

/* Keys are in this memory: no core file, no debugger but root's. */
static void
forbid_dumps(void)
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* whose leak check attaches to the process */
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

int
run_command(int argc, char *argv[])
{
	struct options options;
	struct plan plan;
	sigset_t signals;
	int error = options_parse(&options, argc, argv);

	if (error != 0)
		return 1;
	if (options.help) {
		options_help();
		return 0;
	}
	if (options.version) {
		puts(gl_version());
		return 0;
	}
	forbid_dumps();
	/* Blocked before any thread is made, so that they all come to wait_for_end(). */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	if (plan_options(&plan, &options) != 0)
		return 1;
	plan.config = gl_config_load(plan.places.private_conf, plan.places.public_conf, &plan.log);
	if (plan.config == NULL)
		return 1;
	if (gl_config_clustering(plan.config)) {
		error = run_vpn(&plan, &options, &signals);
	} else {
		say(&plan, GL_LOG_INFO,
			"clustering is off: there is no peer table in %s; nothing is set up, waiting "
			"for reconfigure",
			plan.places.public_conf);
		wait_for_end(&signals, &plan);
	}
	gl_config_destroy(plan.config);
	return error == 0 ? 0 : 1;
}
