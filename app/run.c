/*
 * The command that runs the gateway.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "run.h"

#include "confine.h"
#include "guardlane.h"
#include "instance.h"
#include "say.h"
#include "server.h"
#include "settings.h"
#include "vigil.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* Keys are in this memory: no core file, no debugger but root's. */
static void
forbid_dumps(void)
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	gl_thread_hide_stack();
#ifndef __SANITIZE_ADDRESS__ /* whose leak check attaches to the process */
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* Watches over what the gateway ends with. */
static int
begin_vigil(const char *interface, const struct gl_log *log, struct vigil **vigil)
{
	int error;

	if (interface == NULL)
		return 0;
	*vigil = vigil_begin(interface);
	if (*vigil != NULL)
		return 0;
	error = -errno;
	say(log, GL_LOG_ERROR,
		"cannot watch over %s and its socket in /var/run/wireguard: %s; without them "
		"nobody can set or end it",
		interface, strerror(-error));
	return error;
}

static int
carry(struct settings *settings, const struct run *run, const struct gl_log *log)
{
	struct instance *instance = NULL;
	struct server *server = NULL;
	struct vigil *vigil = NULL;
	int error = instance_create(settings, log, &instance);

	if (error == 0)
		error = server_create(instance, &server);
	if (error == 0)
		error = instance_start(instance, &instance_plan(instance)->log);
	if (error == 0 && instance_gateway(instance) == NULL)
		say(&instance_plan(instance)->log, GL_LOG_INFO,
			"nothing is set up; waiting for reconfigure");
	if (error == 0)
		error = begin_vigil(run->interface, log, &vigil);
	if (error == 0 && run->ready != NULL)
		run->ready(run->context);
	if (error == 0)
		server_run(server, vigil);
	vigil_end(vigil);
	server_destroy(server);
	instance_destroy(instance);
	return error;
}

int
run_settings(struct settings *settings, const struct run *run, const struct gl_log *log)
{
	const struct gl_log levelled = {
		.level = settings_log_level(settings),
		.write = log->write,
		.context = log->context,
	};

	forbid_dumps();
	confine_prepare();
	/* A log that nobody reads any more must not end it. */
	signal(SIGPIPE, SIG_IGN);
	return carry(settings, run, &levelled) == 0 ? 0 : 1;
}

int
run_command(int argc, char *argv[])
{
	const struct gl_log log = say_stderr(GL_LOG_INFO);
	struct settings settings;
	int status = 1;

	if (settings_load(&settings, OPTION_OF_RUN, argc, argv, &log) == 0)
		status = run_settings(&settings, &(const struct run){.interface = NULL}, &log);
	settings_fini(&settings);
	return status;
}
