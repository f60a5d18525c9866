/*
 * Answering HTTP by libmicrohttpd, which the main loop drives.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "metrics.h"

#include "metrics_text.h"
#include "say.h"

#include <microhttpd.h>

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 16
#define IDLE_S 5
/* Of a request, and of the head of an answer. */
#define CONNECTION_MEMORY 8192
#define ADDRESS_MAX 64
/* How old an answer may be that is given once more. */
#define FRESH_S 1

struct metrics {
	const struct instance *instance;
	struct MHD_Daemon *daemon;
	int fd; /* epoll: the daemon's descriptor, and `timer` */
	int timer; /* fires when the daemon must be run though nothing has come */
	/* What /metrics was answered last, and when, by the monotonic clock; NULL: nothing yet. */
	struct latest {
		struct MHD_Response *response;
		time_t made_s;
	} latest[METRICS_FORMAT_COUNT];
};

/* -- answers ----------------------------------------------------------------------------------- */

static struct MHD_Response *
make_text(const char *text)
{
	return MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
}

static struct MHD_Response *
make_exposition(const struct instance *instance, enum metrics_format format)
{
	struct gl_gateway *gateway = instance_gateway(instance);
	const struct metrics_head head = {
		.generation = instance_generation(instance),
		.plan = instance_plan(instance),
	};
	struct MHD_Response *response = NULL;
	struct gl_status *status = NULL;
	char *text = NULL;
	size_t len;
	FILE *out;

	if (gateway != NULL && gl_gateway_status(gateway, &status) != 0)
		return NULL;
	out = open_memstream(&text, &len);
	if (out != NULL) {
		metrics_text_print(status, &head, format, out);
		if (fclose(out) == 0)
			response =
				MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
		if (response == NULL)
			free(text);
	}
	gl_status_destroy(status);
	if (response != NULL)
		MHD_add_response_header(
			response, MHD_HTTP_HEADER_CONTENT_TYPE, metrics_text_type(format));
	return response;
}

/* Connections that still take the old one keep it alive. */
static struct MHD_Response *
latest(struct metrics *metrics, enum metrics_format format)
{
	struct latest *last = &metrics->latest[format];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (last->response != NULL && now.tv_sec - last->made_s < FRESH_S)
		return last->response;
	if (last->response != NULL)
		MHD_destroy_response(last->response);
	last->response = make_exposition(metrics->instance, format);
	last->made_s = now.tv_sec;
	return last->response;
}

/* The older format is for those who take nothing else. */
static enum metrics_format
format_for(struct MHD_Connection *connection)
{
	const char *accept =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);

	if (accept == NULL || strstr(accept, "openmetrics") != NULL ||
		strstr(accept, "text/plain") == NULL)
		return METRICS_OPENMETRICS;
	return METRICS_PLAIN;
}

static enum MHD_Result
answer_text(struct MHD_Connection *connection, unsigned code, const char *text)
{
	struct MHD_Response *response = make_text(text);
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
	if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, code, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result
answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *body, size_t *body_len, void **state)
{
	struct metrics *metrics = context;
	struct MHD_Response *response;

	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD only\n");
	if (strcmp(url, "/") == 0)
		return answer_text(connection, MHD_HTTP_OK, "guardlane: see /metrics\n");
	if (strcmp(url, "/metrics") != 0)
		return answer_text(connection, MHD_HTTP_NOT_FOUND, "see /metrics\n");
	response = latest(metrics, format_for(connection));
	return response == NULL ? MHD_NO : MHD_queue_response(connection, MHD_HTTP_OK, response);
}

/* -- listening --------------------------------------------------------------------------------- */

/* Returns the addresses that the text names, one, or NULL if it is none. */
static struct addrinfo *
parse_listen(const char *text)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
	};
	const char *colon = strrchr(text, ':');
	size_t len = colon == NULL ? 0 : (size_t)(colon - text);
	struct addrinfo *found = NULL;
	char address[ADDRESS_MAX];

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len) != NULL) {
		return NULL;
	}
	if (len == 0 || len >= sizeof(address) || colon[1] == '\0')
		return NULL;
	memcpy(address, text, len);
	address[len] = '\0';
	return getaddrinfo(address, colon + 1, &hints, &found) == 0 ? found : NULL;
}

/* Returns the descriptor, or a negative errno. */
static int
listen_on(const struct addrinfo *address)
{
	const int on = 1;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
		bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
		listen(fd, CONNECTIONS_MAX) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static int
open_listener(const char *listen, const struct gl_log *log)
{
	struct addrinfo *address = parse_listen(listen);
	int fd;

	if (address == NULL) {
		say(log, GL_LOG_ERROR,
			"--metrics \"%s\" is not ADDRESS:PORT; give for instance 127.0.0.1:9586, "
			"[::1]:9586, or off",
			listen);
		return -EINVAL;
	}
	fd = listen_on(address);
	freeaddrinfo(address);
	if (fd < 0)
		say(log, GL_LOG_ERROR, "cannot serve metrics on %s: %s; give another --metrics",
			listen, strerror(-fd));
	return fd;
}

/* -- the daemon -------------------------------------------------------------------------------- */

static int
watch_fd(const struct metrics *metrics, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(metrics->fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

/* It takes the listening socket over. */
static int
start_daemon(struct metrics *metrics, int listener)
{
	const union MHD_DaemonInfo *info;

	metrics->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, metrics,
		MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
	if (metrics->daemon == NULL) {
		close(listener);
		return -ENOMEM;
	}
	info = MHD_get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	return info == NULL ? -EINVAL : watch_fd(metrics, info->epoll_fd);
}

static int
start(struct metrics *metrics, int listener)
{
	int error;

	metrics->fd = epoll_create1(EPOLL_CLOEXEC);
	metrics->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	error = metrics->fd < 0 || metrics->timer < 0 ? -errno : watch_fd(metrics, metrics->timer);
	if (error == 0)
		return start_daemon(metrics, listener);
	close(listener);
	return error;
}

int
metrics_create(const char *listen, const struct instance *instance, const struct gl_log *log,
	struct metrics **metrics)
{
	struct metrics *created = calloc(1, sizeof(*created));
	int listener = created == NULL ? -ENOMEM : open_listener(listen, log);
	int error;

	if (listener < 0) {
		free(created);
		return listener;
	}
	created->instance = instance;
	error = start(created, listener);
	if (error == 0) {
		*metrics = created;
		say(log, GL_LOG_INFO, "metrics on http://%s/metrics", listen);
		return 0;
	}
	say(log, GL_LOG_ERROR, "cannot serve metrics: %s", strerror(-error));
	metrics_destroy(created);
	return error;
}

void
metrics_destroy(struct metrics *metrics)
{
	if (metrics == NULL)
		return;
	if (metrics->daemon != NULL)
		MHD_stop_daemon(metrics->daemon);
	for (unsigned i = 0; i < METRICS_FORMAT_COUNT; i++)
		if (metrics->latest[i].response != NULL)
			MHD_destroy_response(metrics->latest[i].response);
	if (metrics->timer >= 0)
		close(metrics->timer);
	if (metrics->fd >= 0)
		close(metrics->fd);
	free(metrics);
}

int
metrics_fd(const struct metrics *metrics)
{
	return metrics->fd;
}

static unsigned
connection_count(const struct metrics *metrics)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

	return info == NULL ? 0 : info->num_connections;
}

/*
 * Only when it is run the daemon looks at idle connections, and, having been at its limit, listens
 * again: so as long as there are connections, and once more, it is run every now and then.
 */
void
metrics_process(struct metrics *metrics)
{
	const bool had_connections = connection_count(metrics) > 0;
	struct itimerspec when = {.it_value = {.tv_sec = 0}};
	MHD_UNSIGNED_LONG_LONG left_ms;

	MHD_run(metrics->daemon);
	if (had_connections || connection_count(metrics) > 0)
		when.it_value.tv_sec = 1;
	if (MHD_get_timeout(metrics->daemon, &left_ms) == MHD_YES && left_ms < 1000)
		/* All zero would disarm it. */
		when.it_value = (struct timespec){.tv_nsec = (long)left_ms * 1000000 + 1};
	timerfd_settime(metrics->timer, 0, &when, NULL);
}
