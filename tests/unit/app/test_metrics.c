/*
 * Metrics: the text, and what a client may ask for over HTTP.
 */
#include "metrics.h"
#include "metrics_text.h"
#include "say.h"

#include "a_status.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct plan plan = {.tunnels = {{.hash = "0123456789abcdef"}}, .tunnel_count = 1};

/* What runs, of which this test has none. */
struct gl_gateway *
instance_gateway(const struct instance *instance)
{
	return NULL;
}

const struct plan *
instance_plan(const struct instance *instance)
{
	return &plan;
}

unsigned
instance_generation(const struct instance *instance)
{
	return 4;
}

/* -- the text ---------------------------------------------------------------------------------- */

static char *
text_of(const struct gl_status *status)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	metrics_text_print(status, &(const struct metrics_head){.generation = 3, .plan = &plan},
		METRICS_OPENMETRICS, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static bool
has_line(const char *text, const char *line)
{
	const size_t len = strlen(line);

	while (*text != '\0') {
		const size_t at = strcspn(text, "\n");

		if (at == len && memcmp(text, line, len) == 0)
			return true;
		text += at + (text[at] == '\n');
	}
	return false;
}

static void
assert_line(const char *text, const char *line)
{
	if (!has_line(text, line))
		fail_msg("no line \"%s\" in:\n%s", line, text);
}

static void
names_are_those_of_the_common_exporters(void **state)
{
	char *text = text_of(a_status());

	assert_line(text,
		"wireguard_peer_receive_bytes_total{device=\"wg0\",public_key="
		"\"acfzxE6ZsiYE4jIqsBicOt7oT8ZuKhxBvuz0+6JxiEc=\"} 1288490189");
	assert_line(text,
		"wireguard_peer_transmit_bytes_total{device=\"wg0\",public_key="
		"\"acfzxE6ZsiYE4jIqsBicOt7oT8ZuKhxBvuz0+6JxiEc=\"} 1048576");
	assert_line(text,
		"wireguard_peer_last_handshake_seconds{device=\"wg0\",public_key="
		"\"acfzxE6ZsiYE4jIqsBicOt7oT8ZuKhxBvuz0+6JxiEc=\"} 1700000000.000");
	assert_line(text,
		"wireguard_peer_last_handshake_seconds{device=\"wg0\",public_key="
		"\"BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=\"} 0.000");
	assert_line(text,
		"wireguard_device_info{device=\"wg0\",public_key="
		"\"EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEA=\"} 1");
	assert_line(text,
		"wireguard_peer_allowed_ips_info{device=\"wg0\",public_key="
		"\"CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCA=\",allowed_ips=\"fd08:3::4/128\"} "
		"1");
	free(text);
}

static void
label_values_are_escaped(void **state)
{
	char *text = text_of(a_status());

	assert_line(text,
		"wireguard_peer_info{device=\"wg0\",public_key="
		"\"BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=\","
		"name=\"a \\\"quoted\\\" \\\\ name\",endpoint=\"198.51.100.3:4567\"} 1");
	free(text);
}

static void
our_own_metrics(void **state)
{
	struct gl_status *status = a_status();
	char *text;

	a_status_drop("in_auth", 5);
	a_status_drop("handshake_old", 2);
	text = text_of(status);
	assert_line(text, "guardlane_dropped_packets_total{reason=\"in_auth\"} 5");
	assert_line(text, "guardlane_dropped_packets_total{reason=\"out_no_peer\"} 0");
	assert_line(text, "guardlane_handshake_failures_total{reason=\"handshake_old\"} 2");
	assert_line(text,
		"guardlane_peer_dropped_packets_total{device=\"wg0\",public_key="
		"\"BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=\",reason=\"in_auth\"} 5");
	assert_line(text,
		"guardlane_peer_diagnosis{device=\"wg0\",public_key="
		"\"BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=\",diagnosis=\"never-answered\"} "
		"1");
	assert_line(text, "guardlane_lane_busy_seconds_total{lane=\"0\"} 25.000000000");
	assert_line(text, "guardlane_lane_packets_total{lane=\"0\",direction=\"in\"} 3200");
	assert_line(text, "guardlane_ring_waiting{ring=\"inner_out\",lane=\"0\",device=\"wg0\"} 3");
	assert_line(text, "guardlane_ring_room{ring=\"handshakes\"} 4096");
	assert_line(text, "guardlane_host_receive_packets_total{device=\"wg0\"} 900");
	assert_line(text, "guardlane_configuration_generation 3");
	assert_line(
		text, "guardlane_configuration_info{device=\"wg0\",hash=\"0123456789abcdef\"} 1");
	free(text);
}

/* OpenMetrics: TYPE first, samples of a family together, no family twice, # EOF at the end. */
static void
assert_well_formed(char *text)
{
	char families[128][64];
	unsigned count = 0;
	char *line;

	assert_non_null(strstr(text, "\n# EOF\n"));
	assert_string_equal(strstr(text, "\n# EOF\n"), "\n# EOF\n");
	while ((line = strsep(&text, "\n")) != NULL && strcmp(line, "# EOF") != 0) {
		if (sscanf(line, "# TYPE %63s", families[count]) == 1) {
			for (unsigned i = 0; i < count; i++)
				assert_string_not_equal(families[i], families[count]);
			assert_true(++count < 128);
		} else {
			const char *name = families[count - 1];
			const char *at = line[0] == '#' ? line + strcspn(line + 2, " ") + 3 : line;

			if (strncmp(at, name, strlen(name)) != 0)
				fail_msg("not of the family %s: %s", name, line);
		}
	}
}

static void
the_text_is_well_formed(void **state)
{
	char *text = text_of(a_status());

	assert_well_formed(text);
	free(text);
	text = text_of(NULL);
	assert_line(text, "guardlane_clustering 0");
	assert_null(strstr(text, "wireguard"));
	assert_well_formed(text);
	free(text);
}

/* -- HTTP -------------------------------------------------------------------------------------- */

struct web {
	struct metrics *metrics;
	struct gl_log log;
	struct sockaddr_in address;
};

/* A port that nobody has. */
static void
begin(struct web *web)
{
	socklen_t len = sizeof(web->address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char listen[64];

	*web = (struct web){.log = say_stderr(GL_LOG_ERROR)};
	web->address.sin_family = AF_INET;
	web->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&web->address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&web->address, &len), 0);
	close(fd);
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", ntohs(web->address.sin_port));
	assert_int_equal(metrics_create(listen, NULL, &web->log, &web->metrics), 0);
}

static void
end(struct web *web)
{
	metrics_destroy(web->metrics);
}

static int
connect_web(const struct web *web)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(
		connect(fd, (const struct sockaddr *)&web->address, sizeof(web->address)), 0);
	return fd;
}

/* Serves until the client has an end of file, or `s` seconds are over; returns what it got. */
static size_t
serve(struct web *web, int fd, char *answer, size_t size, int s)
{
	size_t len = 0;

	for (int waits = 0; waits <= 10 * s; waits++) {
		struct pollfd fds[] = {{.fd = metrics_fd(web->metrics), .events = POLLIN},
			{.fd = fd, .events = POLLIN}};
		ssize_t got;

		poll(fds, 2, 100);
		if (fds[0].revents != 0)
			metrics_process(web->metrics);
		if (fds[1].revents == 0)
			continue;
		got = recv(fd, answer + len, size - 1 - len, MSG_DONTWAIT);
		if (got == 0)
			break;
		if (got > 0)
			len += (size_t)got;
	}
	answer[len] = '\0';
	return len;
}

static void
ask(struct web *web, const char *request, char *answer, size_t size)
{
	int fd = connect_web(web);

	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	serve(web, fd, answer, size, 5);
	close(fd);
}

#define CLOSE "Host: x\r\nConnection: close\r\n\r\n"

static void
only_get_and_head_of_metrics(void **state)
{
	struct web web;
	char answer[8192];

	begin(&web);
	ask(&web, "GET /metrics HTTP/1.1\r\n" CLOSE, answer, sizeof(answer));
	assert_non_null(strstr(answer, "HTTP/1.1 200"));
	assert_non_null(strstr(answer,
		"Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"));
	assert_non_null(strstr(answer, "guardlane_configuration_generation 4\n"));
	assert_non_null(strstr(answer, "\n# EOF\n"));
	ask(&web, "HEAD /metrics HTTP/1.1\r\n" CLOSE, answer, sizeof(answer));
	assert_non_null(strstr(answer, "HTTP/1.1 200"));
	assert_null(strstr(answer, "guardlane_"));
	ask(&web, "GET / HTTP/1.1\r\n" CLOSE, answer, sizeof(answer));
	assert_non_null(strstr(answer, "see /metrics\n"));
	ask(&web, "GET /secret HTTP/1.1\r\n" CLOSE, answer, sizeof(answer));
	assert_non_null(strstr(answer, "HTTP/1.1 404"));
	ask(&web, "DELETE /metrics HTTP/1.1\r\n" CLOSE, answer, sizeof(answer));
	assert_non_null(strstr(answer, "HTTP/1.1 405"));
	assert_non_null(strstr(answer, "Allow: GET, HEAD\r\n"));
	end(&web);
}

/* Whoever takes nothing else gets the older format. */
static void
the_older_format_on_request(void **state)
{
	struct web web;
	char answer[8192];

	begin(&web);
	ask(&web, "GET /metrics HTTP/1.1\r\nAccept: text/plain\r\n" CLOSE, answer, sizeof(answer));
	assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4"));
	assert_non_null(strstr(answer, "# TYPE guardlane_build_info gauge\n"));
	assert_null(strstr(answer, "# EOF"));
	ask(&web, "GET /metrics HTTP/1.1\r\nAccept: text/plain, */*\r\n" CLOSE, answer,
		sizeof(answer));
	assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4"));
	ask(&web, "GET /metrics HTTP/1.1\r\nAccept: */*\r\n" CLOSE, answer, sizeof(answer));
	assert_non_null(strstr(answer, "# TYPE guardlane_build info\n"));
	end(&web);
}

/* Connections that say nothing take up all places, and lose them when they have been idle. */
static void
slow_clients_keep_nobody_out_for_long(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\n" CLOSE;
	struct web web;
	char answer[8192] = "";
	int slow[16];
	int fd;

	begin(&web);
	for (unsigned i = 0; i < 16; i++) {
		slow[i] = connect_web(&web);
		serve(&web, slow[i], answer, sizeof(answer), 0);
	}
	/* The next one waits until they are cut off, by the timer alone. */
	fd = connect_web(&web);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	serve(&web, fd, answer, sizeof(answer), 30);
	assert_non_null(strstr(answer, "see /metrics"));
	close(fd);
	for (unsigned i = 0; i < 16; i++)
		close(slow[i]);
	end(&web);
}

struct heard {
	char line[512];
};

static void
hear(void *context, enum gl_log_level level, const char *line)
{
	struct heard *heard = context;

	snprintf(heard->line, sizeof(heard->line), "%s", line);
}

static void
addresses_that_cannot_be_are_refused(void **state)
{
	static const char *const wrong[] = {"", "9586", ":9586", "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:x", "::1:9586", "[::1]", "localhost:9586"};
	struct heard heard;
	const struct gl_log log = {.level = GL_LOG_INFO, .write = hear, .context = &heard};
	struct metrics *metrics;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		heard.line[0] = '\0';
		assert_int_not_equal(metrics_create(wrong[i], NULL, &log, &metrics), 0);
		if (strstr(heard.line, "is not ADDRESS:PORT; give for instance") == NULL)
			fail_msg("%s: %s", wrong[i], heard.line);
	}
	assert_int_not_equal(metrics_create("192.0.2.77:9586", NULL, &log, &metrics), 0);
	assert_non_null(strstr(heard.line, "cannot serve metrics on 192.0.2.77:9586"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_of_the_common_exporters),
		cmocka_unit_test(label_values_are_escaped),
		cmocka_unit_test(our_own_metrics),
		cmocka_unit_test(the_text_is_well_formed),
		cmocka_unit_test(only_get_and_head_of_metrics),
		cmocka_unit_test(the_older_format_on_request),
		cmocka_unit_test(slow_clients_keep_nobody_out_for_long),
		cmocka_unit_test(addresses_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
