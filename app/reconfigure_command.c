/*
 * The command that has the running gateway take over its files.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "reconfigure_command.h"

#include "client.h"
#include "option.h"
#include "say.h"
#include "settings.h"

#include <signal.h>
#include <stdio.h>

int
reconfigure_command(int argc, char *argv[])
{
	const struct gl_log log = say_stderr(GL_LOG_INFO);
	struct settings settings;
	char path[CLIENT_PATH_MAX];
	int status = settings_arguments(&settings, OPTION_OF_RECONFIGURE, argc, argv, &log);

	/* The gateway does it all the same if nobody reads what it says. */
	signal(SIGPIPE, SIG_IGN);
	if (status == 0)
		status = client_find(settings_given(&settings, OPTION_CONTROL),
			settings_given(&settings, OPTION_NAME), "reconfigure", &log, path);
	if (status == 0)
		status = client_ask(path,
			settings_flag(&settings, OPTION_DRY_RUN) ? "reconfigure dry-run"
								 : "reconfigure",
			stdout, stderr, &log);
	settings_fini(&settings);
	return status == 0 ? 0 : 1;
}
