/*
 * Running a plan.
 * On the packet's way: nowhere.
 * Threads: main; lanes run on EAL's lcores.
 */
#include "instance.h"

#include "confine.h"
#include "eal.h"
#include "host.h"
#include "say.h"

#include <rte_alarm.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct instance {
	struct settings settings;
	const struct gl_log *heard_by; /* while main starts a gateway: who asked for it */
	pthread_t main;
	struct plan plan;
	struct gl_gateway *gateway;
	unsigned generation;
	/* EAL can be started once in a process, whether that succeeds or not. */
	enum { EAL_NOT_STARTED, EAL_STARTED, EAL_FAILED } eal;
	cpu_set_t eal_cpus;
	unsigned eal_memory_mib;
};

/* -- what threads may do ------------------------------------------------------------------ */

/* CAP_SYS_ADMIN is kept where a host device is in another namespace: its routes are set there. */
static bool
has_namespaces(const struct instance *instance)
{
	for (unsigned i = 0; i < instance->settings.tunnel_count; i++)
		if (strcmp(settings_tunnel_text(&instance->settings, i, OPTION_NETNS), "none") != 0)
			return true;
	return false;
}

/* The first that each thread of the library calls. */
static void
confine_library_thread(void *context, unsigned thread)
{
	static const enum confine_kind kinds[] = {
		[GL_THREAD_HANDSHAKE] = CONFINE_HANDSHAKE,
		[GL_THREAD_HOST] = CONFINE_HOST,
		[GL_THREAD_MANAGEMENT] = CONFINE_MANAGEMENT,
		[GL_THREAD_LOOKUP] = CONFINE_LOOKUP,
	};

	/* For a lookup, which may outlive the instance, it makes no difference. */
	confine_or_end(kinds[thread],
		thread != GL_THREAD_LOOKUP && has_namespaces((const struct instance *)context));
}

/* An alarm of DPDK goes off in its thread for interrupts. */
static void
confine_eal_thread(void *context)
{
	confine_or_end(CONFINE_EAL, false);
}

/* Also of a main thread that waits for a peer table: it makes all others. */
static int
confine_main(const struct instance *instance, const struct gl_log *log)
{
	int error = 0;

	if (!instance->plan.confine)
		return 0;
	if (instance->eal == EAL_STARTED)
		error = rte_eal_alarm_set(1, confine_eal_thread, NULL);
	if (error == 0)
		confine_or_end(CONFINE_MAIN, has_namespaces(instance));
	else
		say(log, GL_LOG_ERROR,
			"DPDK's thread for interrupts cannot give up its privileges: %s; run with "
			"--confine no",
			strerror(-error));
	return error;
}

/* -- starting and stopping ---------------------------------------------------------------- */

static int
lane_main(void *context)
{
	struct instance *instance = context;

	if (instance->plan.confine)
		confine_or_end(CONFINE_LANE, false);
	/* Lcore 0 is the main one. */
	gl_lane_run(instance->gateway, rte_lcore_id() - 1);
	return 0;
}

static void
find_pci(const char *device, struct eal_pci *pci)
{
	static const char kind[] = "pci:";

	if (device != NULL && strncmp(device, kind, strlen(kind)) == 0)
		pci->devices[pci->count++] = device + strlen(kind);
}

/* Once: a lane that has given up its privileges could not, and EAL's threads stay. */
static int
hide_lane_stack(void *context)
{
	gl_thread_hide_stack();
	return 0;
}

static int
start_eal(struct instance *instance, const struct gl_log *log)
{
	const struct plan *plan = &instance->plan;
	struct eal_pci pci = {.count = 0};
	const unsigned long free_mib = host_hugepages_mib("");
	const bool hugepages = plan->hugepages && free_mib >= plan->memory_mib;
	int error;

	if (instance->eal == EAL_FAILED) {
		say(log, GL_LOG_ERROR,
			"DPDK has failed to start before, and has one try in a process: start the "
			"container anew (docker-compose up -d --force-recreate gateway)");
		return -EBUSY;
	}
	if (plan->hugepages && !hugepages)
		say(log, GL_LOG_WARNING,
			"%lu MiB of hugepages are free, %u are wanted: running without, which is "
			"slower; reserve some by sysctl vm.nr_hugepages=%u",
			free_mib, plan->memory_mib, plan->memory_mib / 2);
	find_pci(plan->underlay, &pci);
	for (unsigned i = 0; i < plan->tunnel_count; i++)
		find_pci(plan->tunnels[i].pipeline, &pci);
	error = eal_start(&plan->cpus, &pci, plan->memory_mib, hugepages, log);
	instance->eal = error == 0 ? EAL_STARTED : EAL_FAILED;
	if (error == 0 && rte_eal_mp_remote_launch(hide_lane_stack, NULL, SKIP_MAIN) == 0)
		rte_eal_mp_wait_lcore();
	instance->eal_cpus = plan->cpus;
	instance->eal_memory_mib = plan->memory_mib;
	return error;
}

static int
add_tunnels(struct instance *instance)
{
	int error = 0;

	for (unsigned i = 0; i < instance->plan.tunnel_count && error == 0; i++) {
		const struct gl_tunnel_settings settings =
			plan_settings(&instance->plan.tunnels[i]);

		error = gl_gateway_add_tunnel(instance->gateway, &settings);
	}
	return error;
}

/* Lanes that have started return after gl_gateway_stop(). */
static int
launch_lanes(struct instance *instance, const struct gl_log *log)
{
	unsigned lcore;

	RTE_LCORE_FOREACH_WORKER (lcore) {
		int error = rte_eal_remote_launch(lane_main, instance, lcore);

		if (error == 0)
			continue;
		say(log, GL_LOG_ERROR, "cannot start lane %u: %s", lcore - 1, strerror(-error));
		return error;
	}
	return 0;
}

static void
say_ready(const struct plan *plan, const struct gl_log *log)
{
	plan_say_tunnels(plan, log);
	say(log, GL_LOG_INFO, "ready: underlay %s, %d %s lane%s", plan->underlay,
		CPU_COUNT(&plan->cpus), plan->busy ? "busy" : "adaptive",
		CPU_COUNT(&plan->cpus) == 1 ? "" : "s");
}

/* What is wrong with a gateway that does not start is for whoever asked; its threads' lines not. */
static void
write_log(void *context, enum gl_log_level level, const char *line)
{
	const struct instance *instance = context;
	const struct gl_log *log = &instance->plan.log;

	if (pthread_equal(pthread_self(), instance->main) && instance->heard_by != NULL)
		log = instance->heard_by;
	log->write(log->context, level, line);
}

static void
stop_gateway(struct instance *instance)
{
	if (instance->gateway == NULL)
		return;
	gl_gateway_stop(instance->gateway);
	rte_eal_mp_wait_lcore();
	gl_gateway_destroy(instance->gateway);
	instance->gateway = NULL;
}

static int
start_gateway(struct instance *instance, const struct gl_log *log)
{
	const struct plan *plan = &instance->plan;
	int error = gl_gateway_create(
		&(const struct gl_gateway_settings){
			.underlay = plan->underlay,
			.underlay_interface = plan->underlay_interface,
			.lane_count = (unsigned)CPU_COUNT(&plan->cpus),
			.busy = plan->busy,
			.memory_mib = plan->memory_mib,
			.aead = plan->aead,
			.log =
				{
					.level = plan->log.level,
					.write = write_log,
					.context = instance,
				},
			.thread_started = plan->confine ? confine_library_thread : NULL,
			.thread_context = instance,
		},
		&instance->gateway);

	if (error == 0)
		error = add_tunnels(instance);
	if (error == 0)
		error = gl_gateway_start(instance->gateway);
	if (error == 0)
		error = launch_lanes(instance, log);
	if (error == 0)
		say_ready(plan, log);
	else
		stop_gateway(instance);
	return error;
}

int
instance_start(struct instance *instance, const struct gl_log *log)
{
	struct plan *plan = &instance->plan;
	int error = 0;

	if (plan->tunnel_count == 0)
		return confine_main(instance, log);
	error = plan_find_underlay(plan, log);
	if (error == 0 && instance->eal != EAL_STARTED)
		error = start_eal(instance, log);
	if (error == 0) {
		plan->cpus = instance->eal_cpus;
		plan->memory_mib = instance->eal_memory_mib;
		instance->heard_by = log;
		error = start_gateway(instance, log);
		instance->heard_by = NULL;
	}
	/* From now on the keys are in the gateway's locked memory only. */
	plan_fini(plan);
	return error == 0 ? confine_main(instance, log) : error;
}

int
instance_replace(struct instance *instance, struct plan *plan, struct settings *settings,
	const struct gl_log *log)
{
	int error;

	stop_gateway(instance);
	plan_fini(&instance->plan);
	settings_fini(&instance->settings);
	instance->settings = *settings;
	instance->plan = *plan;
	*settings = (struct settings){.tunnel_count = 0};
	error = instance_start(instance, log);
	*plan = (struct plan){.tunnel_count = 0};
	return error;
}

static struct plan_tunnel *
running_tunnel(struct instance *instance, unsigned index)
{
	struct plan_tunnel *tunnel = instance->plan.tunnels;

	while (tunnel->index != index)
		tunnel++;
	return tunnel;
}

int
instance_change(struct instance *instance, const struct plan *plan, bool dry_run,
	const struct gl_log *log, struct gl_changes *changes)
{
	struct gl_tunnel_settings settings[SETTINGS_TUNNELS_MAX];
	int error;

	for (unsigned i = 0; i < plan->tunnel_count; i++) {
		const struct plan_tunnel *running =
			running_tunnel(instance, plan->tunnels[i].index);

		settings[i] = plan_settings(&plan->tunnels[i]);
		settings[i].host = running->host;
		settings[i].vpn_address = running->vpn_address;
	}
	error = gl_gateway_reconfigure(
		instance->gateway, settings, plan->tunnel_count, dry_run, log, changes);
	for (unsigned i = 0; i < plan->tunnel_count && error == 0 && !dry_run; i++) {
		struct plan_tunnel *running = running_tunnel(instance, plan->tunnels[i].index);

		running->listen_port = plan->tunnels[i].listen_port;
		running->peer_port = plan->tunnels[i].peer_port;
		memcpy(running->hash, plan->tunnels[i].hash, sizeof(running->hash));
	}
	return error;
}

int
instance_create(struct settings *settings, const struct gl_log *log, struct instance **instance)
{
	struct instance *created = calloc(1, sizeof(*created));
	int error;

	if (created == NULL) {
		say(log, GL_LOG_ERROR, "no memory for an instance");
		settings_fini(settings);
		return -ENOMEM;
	}
	created->settings = *settings;
	*settings = (struct settings){.tunnel_count = 0};
	created->generation = 1;
	created->main = pthread_self();
	error = plan_make(&created->plan, &created->settings, log);
	if (error != 0) {
		instance_destroy(created);
		return error;
	}
	*instance = created;
	return 0;
}

void
instance_destroy(struct instance *instance)
{
	if (instance == NULL)
		return;
	stop_gateway(instance);
	if (instance->eal == EAL_STARTED)
		eal_stop();
	plan_fini(&instance->plan);
	settings_fini(&instance->settings);
	free(instance);
}

struct gl_gateway *
instance_gateway(const struct instance *instance)
{
	return instance->gateway;
}

const struct plan *
instance_plan(const struct instance *instance)
{
	return &instance->plan;
}

const struct settings *
instance_settings(const struct instance *instance)
{
	return &instance->settings;
}

bool
instance_keeps(const struct instance *instance, const char *setting)
{
	static const char *const of_eal[] = {"lanes", "memory", "hugepages"};

	for (size_t i = 0; i < sizeof(of_eal) / sizeof(of_eal[0]); i++)
		if (strcmp(setting, of_eal[i]) == 0)
			return instance->eal == EAL_STARTED;
	return strcmp(setting, "control") == 0 || strcmp(setting, "metrics") == 0 ||
		strcmp(setting, "confine") == 0;
}

void
instance_next_generation(struct instance *instance)
{
	instance->generation++;
}

unsigned
instance_generation(const struct instance *instance)
{
	return instance->generation;
}
