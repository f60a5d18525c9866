/*
 * The main thread's loop.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "server.h"

#include "control_socket.h"
#include "metrics.h"
#include "notify.h"
#include "reconfigure.h"
#include "say.h"
#include "status_json.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct server {
	struct instance *instance;
	int signals;
	struct control_socket *control; /* NULL: nobody can reach us */
	struct metrics *metrics; /* NULL: they are not asked for */
};

/* -- commands ---------------------------------------------------------------------------------- */

static int
answer_reconfigure(struct server *server, bool dry_run, struct answer *answer)
{
	int status;

	notify("RELOADING=1");
	status = reconfigure(server->instance, dry_run, answer);
	notify("READY=1");
	return status;
}

static int
answer_status(struct server *server, struct answer *answer)
{
	char *text = status_json(server->instance);

	if (text == NULL) {
		answer_err(answer, "the gateway has no memory to say how it is");
		return 1;
	}
	answer_out(answer, text);
	free(text);
	return 0;
}

static int
answer_unknown(struct answer *answer)
{
	answer_err(answer, "the gateway does not know this command: is it of another version?");
	return 1;
}

static void
answer_request(void *context, const char *request, struct answer *answer)
{
	struct server *server = context;
	int status;

	if (strcmp(request, "reconfigure") == 0)
		status = answer_reconfigure(server, false, answer);
	else if (strcmp(request, "reconfigure dry-run") == 0)
		status = answer_reconfigure(server, true, answer);
	else if (strcmp(request, "status") == 0)
		status = answer_status(server, answer);
	else
		status = answer_unknown(answer);
	if (answer_end(answer, status) != 0)
		say(&instance_plan(server->instance)->log, GL_LOG_ERROR,
			"no memory for the answer to %s", request);
}

/* -- the loop ---------------------------------------------------------------------------------- */

/* Without it the gateway carries packets all the same. */
static void
listen_for_commands(struct server *server)
{
	const struct gl_log *log = &instance_plan(server->instance)->log;
	const char *path = instance_plan(server->instance)->control;
	int error = control_socket_create(
		&(const struct control_socket_settings){
			.path = path,
			.answer = answer_request,
			.context = server,
			.idle_s = 5,
		},
		&server->control);

	if (error == 0)
		return;
	say(log, GL_LOG_WARNING,
		"cannot listen on %s (%s), so that neither reconfigure nor status will reach this "
		"gateway; %s",
		path, strerror(-error),
		error == -EADDRINUSE ? "another one runs there: stop it, or name another file by "
				       "--control"
				     : "have the folder be there and writable, or name another "
				       "file by --control");
}

/* Who asks for them wants to be told that they are not there. */
static int
serve_metrics(struct server *server)
{
	const struct settings *settings = instance_settings(server->instance);
	const char *listen = settings_text(settings, OPTION_METRICS);

	if (strcmp(listen, "off") == 0)
		return 0;
	return metrics_create(
		listen, server->instance, &instance_plan(server->instance)->log, &server->metrics);
}

int
server_create(struct instance *instance, struct server **server)
{
	const struct gl_log *log = &instance_plan(instance)->log;
	struct server *created = calloc(1, sizeof(*created));
	sigset_t signals;
	int error;

	if (created == NULL) {
		say(log, GL_LOG_ERROR, "no memory for the server");
		return -ENOMEM;
	}
	created->instance = instance;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	created->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (created->signals < 0) {
		error = -errno;
		say(log, GL_LOG_ERROR, "cannot wait for signals: %s", strerror(-error));
		free(created);
		return error;
	}
	listen_for_commands(created);
	error = serve_metrics(created);
	if (error != 0) {
		server_destroy(created);
		return error;
	}
	*server = created;
	return 0;
}

void
server_destroy(struct server *server)
{
	if (server == NULL)
		return;
	metrics_destroy(server->metrics);
	control_socket_destroy(server->control);
	close(server->signals);
	free(server);
}

/* Returns whether it is the end. */
static bool
process_signal(struct server *server)
{
	const struct gl_log *log = &instance_plan(server->instance)->log;
	struct signalfd_siginfo signal;

	if (read(server->signals, &signal, sizeof(signal)) != sizeof(signal))
		return false;
	if (signal.ssi_signo == SIGHUP) {
		say(log, GL_LOG_INFO,
			"a hangup signal is ignored: to take over changed files, run "
			"`guardlane reconfigure`");
		return false;
	}
	say(log, GL_LOG_INFO, "%s: ending", strsignal((int)signal.ssi_signo));
	return true;
}

static bool
is_over(const struct server *server, struct vigil *vigil)
{
	const char *gone = vigil_gone(vigil);

	if (gone != NULL)
		say(&instance_plan(server->instance)->log, GL_LOG_INFO, "%s is gone: ending", gone);
	return gone != NULL;
}

void
server_run(struct server *server, struct vigil *vigil)
{
	struct pollfd fds[] = {
		{.fd = server->signals, .events = POLLIN},
		{.fd = -1, .events = POLLIN}, /* poll passes a negative one over */
		{.fd = -1, .events = POLLIN},
		{.fd = vigil != NULL ? vigil_fd(vigil) : -1, .events = POLLIN},
	};

	if (server->control != NULL)
		fds[1].fd = control_socket_fd(server->control);
	if (server->metrics != NULL)
		fds[2].fd = metrics_fd(server->metrics);
	notify("READY=1");
	for (;;) {
		if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0)
			continue;
		if (fds[0].revents != 0 && process_signal(server))
			break;
		if (fds[1].revents != 0)
			control_socket_process(server->control);
		if (fds[2].revents != 0)
			metrics_process(server->metrics);
		if (fds[3].revents != 0 && is_over(server, vigil))
			break;
	}
	notify("STOPPING=1");
}
