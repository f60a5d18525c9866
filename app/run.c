/*
 * The command that runs the gateway.
 * On the packet's way: nowhere.
 * Threads: main; lanes run on EAL's lcores.
 */
#include "run.h"

#include "eal.h"
#include "guardlane.h"
#include "options.h"
#include "plan.h"

#include <rte_launch.h>
#include <rte_lcore.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

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

	while (sigwait(signals, &number) != 0 || number == SIGHUP)
		plan_say(plan, GL_LOG_INFO,
			"a hangup signal is ignored: to take over changed files, start anew");
	plan_say(plan, GL_LOG_INFO, "%s: ending", strsignal(number));
}

static int
add_tunnels(struct gl_gateway *gateway, const struct plan *plan)
{
	int error = 0;

	for (unsigned i = 0; i < plan->tunnel_count && error == 0; i++) {
		const struct plan_tunnel *tunnel = &plan->tunnels[i];

		error = gl_gateway_add_tunnel(gateway,
			&(const struct gl_tunnel_settings){
				.config = tunnel->config,
				.host = tunnel->host,
				.vpn_address = tunnel->vpn_address,
				.listen_port = tunnel->listen_port,
				.peer_port = tunnel->peer_port,
			});
	}
	return error;
}

static void
say_ready(const struct plan *plan)
{
	for (unsigned i = 0; i < plan->tunnel_count; i++) {
		const struct plan_tunnel *tunnel = &plan->tunnels[i];

		plan_say(plan, GL_LOG_INFO, "%s: %s, UDP port %u, %zu peers", tunnel->host,
			tunnel->vpn_address, plan_listen_port(tunnel),
			gl_config_peer_count(tunnel->config));
	}
	plan_say(plan, GL_LOG_INFO, "ready: underlay %s, %d %s lane%s", plan->underlay,
		CPU_COUNT(&plan->cpus), plan->busy ? "busy" : "adaptive",
		CPU_COUNT(&plan->cpus) == 1 ? "" : "s");
}

/* Lanes that have started return after gl_gateway_stop(). */
static int
launch_lanes(struct gl_gateway *gateway, const struct plan *plan)
{
	unsigned lcore;

	RTE_LCORE_FOREACH_WORKER (lcore) {
		int error = rte_eal_remote_launch(lane_main, gateway, lcore);

		if (error == 0)
			continue;
		plan_say(plan, GL_LOG_ERROR, "cannot start lane %u: %s", lcore - 1,
			strerror(-error));
		return error;
	}
	return 0;
}

static int
run_gateway(struct plan *plan, const sigset_t *signals)
{
	struct gl_gateway *gateway = NULL;
	int error = gl_gateway_create(
		&(const struct gl_gateway_settings){
			.underlay = plan->underlay,
			.underlay_interface = plan->underlay_interface,
			.lane_count = (unsigned)CPU_COUNT(&plan->cpus),
			.busy = plan->busy,
			.memory_mib = plan->memory_mib,
			.aead = plan->aead,
			.log = plan->log,
		},
		&gateway);

	if (error != 0)
		return error;
	error = add_tunnels(gateway, plan);
	if (error == 0)
		error = gl_gateway_start(gateway);
	if (error == 0)
		error = launch_lanes(gateway, plan);
	if (error == 0) {
		say_ready(plan);
		/* From now on the keys are in the gateway's locked memory only. */
		plan_fini(plan);
		wait_for_end(signals, plan);
	}
	gl_gateway_stop(gateway);
	rte_eal_mp_wait_lcore();
	gl_gateway_destroy(gateway);
	return error;
}

static int
run_vpn(struct plan *plan, const sigset_t *signals)
{
	const unsigned long free_mib = places_hugepages_mib();
	const bool hugepages = plan->hugepages && free_mib >= plan->memory_mib;
	int error;

	if (plan->hugepages && !hugepages)
		plan_say(plan, GL_LOG_WARNING,
			"%lu MiB of hugepages are free, %u are wanted: running without, which is "
			"slower; reserve some by sysctl vm.nr_hugepages=%u",
			free_mib, plan->memory_mib, plan->memory_mib / 2);
	error = eal_start(&plan->cpus, plan->memory_mib, hugepages);
	if (error != 0)
		return error;
	error = run_gateway(plan, signals);
	eal_stop();
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
	sigaddset(&signals, SIGHUP);
	/* A log that nobody reads any more must not end it. */
	signal(SIGPIPE, SIG_IGN);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	error = plan_make(&plan, &options);
	if (error == 0 && plan.tunnel_count > 0) {
		error = run_vpn(&plan, &signals);
	} else if (error == 0) {
		plan_say(&plan, GL_LOG_INFO, "nothing is set up; waiting for reconfigure");
		wait_for_end(&signals, &plan);
	}
	plan_fini(&plan);
	return error == 0 ? 0 : 1;
}
