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

#include <signal.h>
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

static int
run(struct settings *settings, const struct gl_log *log)
{
	struct instance *instance = NULL;
	struct server *server = NULL;
	int error = instance_create(settings, log, &instance);

	if (error == 0)
		error = server_create(instance, &server);
	if (error == 0)
		error = instance_start(instance, &instance_plan(instance)->log);
	if (error == 0 && instance_gateway(instance) == NULL)
		say(&instance_plan(instance)->log, GL_LOG_INFO,
			"nothing is set up; waiting for reconfigure");
	if (error == 0)
		server_run(server);
	server_destroy(server);
	instance_destroy(instance);
	return error;
}

int
run_command(int argc, char *argv[])
{
	struct gl_log log = say_stderr(GL_LOG_INFO);
	struct settings settings;
	int error = settings_load(&settings, OPTION_OF_RUN, argc, argv, &log);

	forbid_dumps();
	confine_prepare();
	/* A log that nobody reads any more must not end it. */
	signal(SIGPIPE, SIG_IGN);
	if (error == 0) {
		log.level = settings_log_level(&settings);
		error = run(&settings, &log);
	}
	settings_fini(&settings);
	return error == 0 ? 0 : 1;
}
