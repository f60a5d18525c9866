/*
 * The command that has the running gateway take over its files.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "reconfigure_command.h"

#include "client.h"
#include "say.h"

#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

static void
usage(FILE *out)
{
	fputs("usage: guardlane reconfigure [--dry-run] [--control PATH] [NAME]\n\n"
	      "Has the running gateway load its settings and both files anew, check them whole and\n"
	      "apply what has changed; sessions of peers that did not change go on. Prints each\n"
	      "change. On any error nothing is changed. NAME is a gateway's first device, such as\n"
	      "wg0, where several run.\n\n"
	      "  --dry-run       only print what would change\n"
	      "  --control PATH  the gateway's control socket\n"
	      "  --help          this text\n",
		out);
}

int
reconfigure_command(int argc, char *argv[])
{
	static const struct option table[] = {
		{"dry-run", no_argument, NULL, 'n'},
		{"control", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const struct gl_log log = say_stderr(GL_LOG_INFO);
	const char *control = NULL;
	char path[CLIENT_PATH_MAX];
	bool dry_run = false;
	int found;

	while ((found = getopt_long(argc, argv, "h", table, NULL)) != -1) {
		if (found == 'n') {
			dry_run = true;
		} else if (found == 'c') {
			control = optarg;
		} else if (found == 'h') {
			usage(stdout);
			return 0;
		} else {
			return 1;
		}
	}
	if (argc - optind > 1) {
		usage(stderr);
		return 1;
	}
	/* The gateway does it all the same if nobody reads what it says. */
	signal(SIGPIPE, SIG_IGN);
	if (client_find(control, argv[optind], "reconfigure", &log, path) != 0)
		return 1;
	return client_ask(path, dry_run ? "reconfigure dry-run" : "reconfigure", stdout, stderr,
		       &log) == 0
		? 0
		: 1;
}
