/*
 * `guardlane wg0`, a name alone: a userspace WireGuard as wg-quick(8) and others know them.
 * On the packet's way: nowhere.
 * Threads: main; the process that was called waits for the one in the background to be ready.
 */
#include "interface_command.h"

#include "run.h"
#include "say.h"
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* The underlay is sockets, of which there are few packets at a time: less memory than for a NIC. */
#define MEMORY_MIB "64"

static bool
is_foreground(const char *argument)
{
	return strcmp(argument, "-f") == 0 || strcmp(argument, "--foreground") == 0;
}

bool
interface_command_meant(int argc, char *argv[], bool mistyped)
{
	char why[OPTION_WHY_MAX];
	const bool flag = argc == 3 && is_foreground(argv[1]);

	if (!flag && argc != 2)
		return false;
	/* Who calls by this variable means an interface, whatever it is called. */
	if (mistyped && !flag && getenv("WG_QUICK_USERSPACE_IMPLEMENTATION") == NULL)
		return false;
	return argv[argc - 1][0] != '-' && option_check(OPTION_NAME, argv[argc - 1], why);
}

/* -- settings ------------------------------------------------------------------------------ */

/* wireguard-go's variable, unless there is one of ours. */
static const char *
log_level(void)
{
	const char *level = getenv("LOG_LEVEL");

	if (level == NULL)
		return NULL;
	if (strcmp(level, "verbose") == 0 || strcmp(level, "debug") == 0)
		return "debug";
	return strcmp(level, "error") == 0 || strcmp(level, "silent") == 0 ? "error" : NULL;
}

static void
take_unless_given(struct settings *settings, enum option_id id, const char *text)
{
	if (text != NULL && settings_given(settings, id) == NULL)
		settings_take(settings, SETTINGS_OUTSIDE, id, SETTINGS_COMMAND_LINE, 0, text);
}

/* Of the environment what concerns the gateway; what concerns the tunnel is wg(8)'s. */
static int
make_settings(struct settings *settings, char *argv[], const char *name, const struct gl_log *log)
{
	char host[64];
	char control[64];
	int error = settings_arguments(settings, OPTION_OF_RUN, 1, argv, log);

	if (error != 0)
		return error;
	settings->interface = true;
	snprintf(host, sizeof(host), "tun:%s", name);
	snprintf(control, sizeof(control), "/run/guardlane/%s.sock", name);
	settings_take(settings, 0, OPTION_HOST, SETTINGS_COMMAND_LINE, 0, host);
	take_unless_given(settings, OPTION_CONTROL, control);
	take_unless_given(settings, OPTION_UNDERLAY, "udp");
	take_unless_given(settings, OPTION_MEMORY, MEMORY_MIB);
	take_unless_given(settings, OPTION_HUGEPAGES, "no");
	take_unless_given(settings, OPTION_LOG_LEVEL, log_level());
	return settings->errors == 0 ? 0 : -EINVAL;
}

/* -- the background ------------------------------------------------------------------------ */

/* Waits for the other process's word; its own words are on stderr. Does not return. */
static void
wait_until_ready(int fd)
{
	char word;
	ssize_t len;

	do
		len = read(fd, &word, 1);
	while (len < 0 && errno == EINTR);
	_exit(len == 1 ? 0 : 1);
}

/* Goes on in another process. Returns where its word is awaited, or a negative errno. */
static int
go_to_background(void)
{
	int pipe_fds[2];
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0) {
		close(pipe_fds[1]);
		wait_until_ready(pipe_fds[0]);
	}
	close(pipe_fds[0]);
	setsid();
	return pipe_fds[1];
}

/* Nobody reads what is said from now on, but where a level was asked for. */
static void
leave_terminal(void)
{
	const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	const char *level = getenv("LOG_LEVEL");

	if (nothing < 0)
		return;
	dup2(nothing, STDIN_FILENO);
	dup2(nothing, STDOUT_FILENO);
	if (level == NULL || strcmp(level, "silent") == 0)
		dup2(nothing, STDERR_FILENO);
	close(nothing);
}

static void
tell_ready(void *context)
{
	const int fd = *(const int *)context;

	leave_terminal();
	(void)!write(fd, "", 1);
	close(fd);
}

int
interface_command(int argc, char *argv[])
{
	const struct gl_log log = say_stderr(GL_LOG_INFO);
	const char *name = argv[argc - 1];
	const bool stays = argc == 3 || getenv("WG_PROCESS_FOREGROUND") != NULL;
	struct run run = {.interface = name};
	struct settings settings;
	int status = 1;
	int told;

	if (make_settings(&settings, argv, name, &log) == 0) {
		told = stays ? 0 : go_to_background();
		if (told < 0) {
			say(&log, GL_LOG_ERROR, "cannot go to the background: %s", strerror(-told));
		} else {
			run.ready = stays ? NULL : tell_ready;
			run.context = &told;
			status = run_settings(&settings, &run, &log);
		}
	}
	settings_fini(&settings);
	return status;
}
