/*
 * Asking the running gateway.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "client.h"

#include "say.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define FOLDER "/run/guardlane"
#define SUFFIX ".sock"
/* A gateway that starts its lanes may need some seconds; none needs so many. */
#define PATIENCE_S 60
#define NAMES_MAX 256

_Static_assert(CLIENT_PATH_MAX == sizeof(((struct sockaddr_un *)0)->sun_path),
	"a path that fits here can be connected to");

void
client_path(const char *name, char path[CLIENT_PATH_MAX])
{
	snprintf(path, CLIENT_PATH_MAX, FOLDER "/%s" SUFFIX, name);
}

/* Returns the descriptor, or a negative errno. */
static int
connect_to(const char *path)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static void
say_unreachable(const struct gl_log *log, const char *path, int error)
{
	if (error == -EACCES || error == -EPERM)
		say(log, GL_LOG_ERROR,
			"%s may not be used by this user; run the command as root, or as the user "
			"that runs the gateway",
			path);
	else if (error == -ENOENT || error == -ECONNREFUSED)
		say(log, GL_LOG_ERROR,
			"no guardlane answers on %s; is the container up? docker-compose up -d",
			path);
	else
		say(log, GL_LOG_ERROR, "cannot reach the gateway on %s: %s", path,
			strerror(-error));
}

/* Whether a gateway runs behind this file; one that we may not ask does too. */
static bool
is_served(const char *path)
{
	const int fd = connect_to(path);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || fd == -EACCES;
}

static int
is_socket_name(const struct dirent *entry)
{
	const size_t len = strlen(entry->d_name);

	return len > strlen(SUFFIX) && strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX) == 0;
}

/* Appends the names of the gateways that run, with commas between; `path` is that of the last. */
static unsigned
list_served(char names[NAMES_MAX], char path[CLIENT_PATH_MAX])
{
	struct dirent **entries = NULL;
	const int count = scandir(FOLDER, &entries, is_socket_name, alphasort);
	unsigned served = 0;
	size_t len = 0;

	for (int i = 0; i < count; i++) {
		char candidate[CLIENT_PATH_MAX];
		char *name = entries[i]->d_name;

		name[strlen(name) - strlen(SUFFIX)] = '\0';
		client_path(name, candidate);
		if (is_served(candidate)) {
			served++;
			memcpy(path, candidate, sizeof(candidate));
			len += (size_t)snprintf(names + len, NAMES_MAX - len, "%s%s",
				served == 1 ? "" : ", ", name);
			if (len >= NAMES_MAX)
				len = NAMES_MAX - 1;
		}
		free(entries[i]);
	}
	free(entries);
	return served;
}

int
client_find(const char *control, const char *name, const char *command, const struct gl_log *log,
	char path[CLIENT_PATH_MAX])
{
	char names[NAMES_MAX] = "";
	unsigned served;

	if (control != NULL) {
		if (snprintf(path, CLIENT_PATH_MAX, "%s", control) < CLIENT_PATH_MAX)
			return 0;
		say(log, GL_LOG_ERROR, "--control %s is too long: %d characters at most", control,
			CLIENT_PATH_MAX - 1);
		return -ENAMETOOLONG;
	}
	if (name != NULL) {
		client_path(name, path);
		return 0;
	}
	served = list_served(names, path);
	if (served == 1)
		return 0;
	if (served == 0) {
		say_unreachable(log, FOLDER "/*" SUFFIX, -ENOENT);
		return -ENOENT;
	}
	say(log, GL_LOG_ERROR, "%u gateways run here: %s; name one: guardlane %s %.*s", served,
		names, command, (int)strcspn(names, ","), names);
	return -EEXIST;
}

/* Returns whether it was the last one. */
static bool
take_line(const char *line, FILE *out, FILE *err, int *status)
{
	if (strncmp(line, "out ", 4) == 0)
		fprintf(out, "%s\n", line + 4);
	else if (strncmp(line, "err ", 4) == 0)
		fprintf(err, "%s\n", line + 4);
	else if (strncmp(line, "exit ", 5) == 0)
		*status = (int)strtol(line + 5, NULL, 10);
	return strncmp(line, "exit ", 5) == 0;
}

static int
read_answer(FILE *stream, FILE *out, FILE *err, int *status)
{
	char *line = NULL;
	size_t room = 0;
	bool ended = false;
	int error = 0;

	while (!ended) {
		errno = 0;
		if (getline(&line, &room, stream) < 0) {
			error = errno == 0 || errno == ECONNRESET ? -EPIPE : -errno;
			break;
		}
		line[strcspn(line, "\n")] = '\0';
		ended = take_line(line, out, err, status);
	}
	free(line);
	return error;
}

static void
say_unanswered(const struct gl_log *log, const char *path, int error)
{
	if (error == -EAGAIN)
		say(log, GL_LOG_ERROR,
			"the gateway on %s has not answered for %d s; its log says what it does",
			path, PATIENCE_S);
	else if (error == -EPIPE)
		say(log, GL_LOG_ERROR,
			"the gateway on %s hung up before it had answered; its log says why", path);
	else
		say(log, GL_LOG_ERROR, "no answer from the gateway on %s: %s", path,
			strerror(-error));
}

int
client_ask(const char *path, const char *request, FILE *out, FILE *err, const struct gl_log *log)
{
	const int fd = connect_to(path);
	FILE *stream = fd >= 0 ? fdopen(fd, "r") : NULL;
	int status = 1;
	int error = 0;

	if (stream == NULL) {
		say_unreachable(log, path, fd < 0 ? fd : -ENOMEM);
		if (fd >= 0)
			close(fd);
		return fd < 0 ? fd : -ENOMEM;
	}
	if (dprintf(fd, "%s\n", request) < 0)
		error = errno == ECONNRESET ? -EPIPE : -errno;
	if (error == 0)
		error = read_answer(stream, out, err, &status);
	fclose(stream);
	if (error != 0)
		say_unanswered(log, path, error);
	return error != 0 ? error : status;
}
