/*
 * Connections: requests however they come, clients that are slow, many or long-winded.
 */
#include "control/uapi_client.h"

#include "base/secret.h"
#include "control/uapi_request.h"

#include "pair.h"

#include <ev.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MAPPING_MAX ((size_t)1 << 30)

struct bed {
	struct pair *pair;
	struct ev_loop *loop;
	struct uapi_clients clients;
};

static void
bed_init(struct bed *bed)
{
	bed->pair = pair_begin(&(const struct pair_options){.gateways = 1});
	bed->loop = ev_loop_new(EVFLAG_AUTO);
	assert_non_null(bed->loop);
	uapi_clients_init(&bed->clients, bed->pair->sites[0].gateway->management,
		pair_tunnel(bed->pair, 0), bed->loop);
}

static void
bed_fini(struct bed *bed)
{
	uapi_clients_fini(&bed->clients);
	assert_int_equal(bed->clients.count, 0);
	ev_loop_destroy(bed->loop);
	pair_end(bed->pair);
}

/* A new client; returns its end. */
static int
bed_connect(struct bed *bed)
{
	int ends[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	uapi_clients_add(&bed->clients, ends[0]);
	return ends[1];
}

static void
on_time(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	ev_break(loop, EVBREAK_ALL);
}

static void
run_for(struct bed *bed, double seconds)
{
	struct ev_timer timer;

	ev_now_update(bed->loop);
	ev_timer_init(&timer, on_time, seconds, 0.);
	ev_timer_start(bed->loop, &timer);
	ev_run(bed->loop, 0);
	ev_timer_stop(bed->loop, &timer);
}

/* Sends all of it, with the loop running. */
static void
say(struct bed *bed, int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		assert_true(sent > 0 || errno == EAGAIN);
		if (sent > 0) {
			bytes += sent;
			len -= (size_t)sent;
		}
		ev_run(bed->loop, EVRUN_NOWAIT);
	}
}

/* Reads so many bytes, with the loop running, or to the end of the connection; returns how many. */
static size_t
hear(struct bed *bed, int fd, char *to, size_t len)
{
	size_t got = 0;

	for (unsigned idle = 0; got < len && idle < 1000;) {
		ssize_t read_len = recv(fd, to + got, len - got, MSG_DONTWAIT);

		if (read_len == 0)
			break;
		if (read_len > 0) {
			got += (size_t)read_len;
			idle = 0;
			continue;
		}
		assert_int_equal(errno, EAGAIN);
		run_for(bed, 0.001);
		idle++;
	}
	return got;
}

static void
ask(struct bed *bed, int fd, const char *request, const char *expected)
{
	char text[4096];
	size_t len;

	say(bed, fd, request, strlen(request));
	len = hear(bed, fd, text, strlen(expected));
	text[len] = '\0';
	assert_string_equal(text, expected);
}

static bool
is_closed(struct bed *bed, int fd)
{
	char byte;

	run_for(bed, 0.01);
	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void
cf_11_a_connection_serves_one_request_after_the_other(void **state)
{
	struct bed bed;
	int fd;

	bed_init(&bed);
	fd = bed_connect(&bed);
	ask(&bed, fd, "set=1\n\n", "errno=0\n\n");
	ask(&bed, fd, "set=1\nfwmark=7\n\n", "errno=0\n\n");
	ask(&bed, fd, "set=1\nfwmark=x\n\n", "errno=-22\n\n");
	ask(&bed, fd, "set=1\nfwmark\n\n", "errno=-71\n\n");
	ask(&bed, fd, "get=1\nx=1\n\n", "errno=22\n\n");
	ask(&bed, fd, "set=1\nfwmark=1\n\nset=1\nfwmark=\n\nget=1\ny\n\n",
		"errno=0\n\nerrno=-22\n\nerrno=22\n\n");
	assert_int_equal(pair_tunnel(bed.pair, 0)->fwmark, 1);
	say(&bed, fd, "put=1\n", 6);
	assert_true(is_closed(&bed, fd));
	close(fd);
	bed_fini(&bed);
}

/* A request of three megabytes, then one that is longer than any may be. */
static void
cf_13_long_requests_are_taken_and_longer_ones_answered(void **state)
{
	const size_t size = UAPI_REQUEST_MAX + 4096;
	char *text = malloc(size);
	struct bed bed;
	int fd;

	assert_non_null(text);
	memcpy(text, "set=1\n", 6);
	for (size_t i = 6; i + 9 <= size; i += 9)
		memcpy(text + i, "fwmark=1\n", 9);
	bed_init(&bed);
	fd = bed_connect(&bed);
	say(&bed, fd, text, 6 + 9 * 333333);
	ask(&bed, fd, "\n", "errno=0\n\n");
	say(&bed, fd, text, 6 + (size - 6) / 9 * 9);
	ask(&bed, fd, "\n", "errno=-7\n\n");
	ask(&bed, fd, "set=1\n\n", "errno=0\n\n");
	close(fd);
	free(text);
	bed_fini(&bed);
}

static void
cf_13_half_a_request_holds_up_nobody(void **state)
{
	struct bed bed;
	struct control *control;
	int slow;
	int fd;

	bed_init(&bed);
	control = &bed.pair->sites[0].gateway->control;
	slow = bed_connect(&bed);
	say(&bed, slow, "set=1\nlisten_port=1", 19);
	fd = bed_connect(&bed);
	ask(&bed, fd, "set=1\nfwmark=1\n\n", "errno=0\n\n");
	assert_int_equal(pthread_mutex_trylock(&control->lock), 0);
	control_unlock(control);
	ask(&bed, slow, "2345\n\n", "errno=0\n\n");
	assert_int_equal(pair_tunnel(bed.pair, 0)->listen_port, 12345);
	close(slow);
	close(fd);
	bed_fini(&bed);
}

static void
cf_13_patience_ends_however_the_bytes_are_spread(void **state)
{
	struct bed bed;
	int fd;

	bed_init(&bed);
	bed.clients.patience_s = 0.3;
	fd = bed_connect(&bed);
	ask(&bed, fd, "set=1\n\n", "errno=0\n\n");
	for (unsigned i = 0; i < 10; i++) {
		(void)send(fd, &"set=1\nfwmark"[i], 1, MSG_NOSIGNAL);
		run_for(&bed, 0.05);
	}
	assert_true(is_closed(&bed, fd));
	assert_int_equal(bed.clients.count, 0);
	close(fd);
	bed_fini(&bed);
}

static void
cf_13_an_answer_that_is_not_taken_ends_the_connection(void **state)
{
	const int little = 4096;
	struct bed bed;
	int ends[2];

	bed_init(&bed);
	bed.clients.patience_s = 0.3;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)), 0);
	uapi_clients_add(&bed.clients, ends[0]);
	for (unsigned i = 0; i < 1000; i++)
		(void)send(ends[1], "get=1\n\n", 7, MSG_NOSIGNAL);
	run_for(&bed, 0.1);
	assert_int_equal(bed.clients.count, 1);
	run_for(&bed, 0.5);
	assert_int_equal(bed.clients.count, 0);
	close(ends[1]);
	bed_fini(&bed);
}

/* A thousand come and say nothing: whoever has something to say is served. */
static void
cf_13_the_longest_silent_makes_room(void **state)
{
	struct bed bed;
	int silent[1000];
	int fd;

	bed_init(&bed);
	fd = bed_connect(&bed);
	for (unsigned i = 0; i < RTE_DIM(silent); i++) {
		silent[i] = bed_connect(&bed);
		if (i % 8 == 0)
			ask(&bed, fd, "set=1\n\n", "errno=0\n\n");
	}
	assert_int_equal(bed.clients.count, UAPI_CLIENTS_MAX);
	ask(&bed, fd, "set=1\n\n", "errno=0\n\n");
	assert_true(is_closed(&bed, silent[0]));
	for (unsigned i = 0; i < RTE_DIM(silent); i++)
		close(silent[i]);
	close(fd);
	bed_fini(&bed);
}

#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed, and whose shadow cannot be read */
/* Looks through the process's memory, but for `except` and what is a sanitizer's. */
static bool
memory_holds(const char *bytes, size_t len, const char *except, size_t except_len)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	bool found = false;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL) {
		unsigned long from;
		unsigned long to;

		if (sscanf(line, "%lx-%lx", &from, &to) != 2 || strstr(line, " rw") == NULL ||
			to - from > MAPPING_MAX)
			continue;
		for (const char *at = (const char *)from;
			(at = memmem(at, to - (uintptr_t)at, bytes, len)) != NULL; at++)
			found |= at < except || at >= except + except_len;
	}
	fclose(maps);
	return found;
}

/* As text, in any part of memory: of a request that was taken, refused, cut off. */
static void
no_key_is_left_as_text(void **state)
{
	static const char *const ends[] = {"\n", "fwmark=x\n\n", "fwmark\n\n", ""};
	char request[256] = "set=1\npublic_key=";
	const size_t key_at = strlen(request) + KEY_HEX_LEN + strlen("\npreshared_key=");
	struct bed bed;

	bed_init(&bed);
	memset(request + strlen(request), '7', KEY_HEX_LEN);
	strcat(request, "\npreshared_key=");
	for (unsigned i = 0; i < KEY_HEX_LEN; i++)
		request[key_at + i] = "0123456789abcdef"[(i * 7 + i / 5) % 16];
	request[key_at + KEY_HEX_LEN] = '\n';
	for (unsigned i = 0; i < RTE_DIM(ends); i++) {
		const int fd = bed_connect(&bed);
		char answer[32];

		say(&bed, fd, request, key_at + KEY_HEX_LEN + 1);
		say(&bed, fd, ends[i], strlen(ends[i]));
		if (ends[i][0] != '\0')
			assert_true(hear(&bed, fd, answer, 9) == 9);
		close(fd);
		run_for(&bed, 0.01);
		assert_int_equal(bed.clients.count, 0);
		assert_false(memory_holds(request + key_at + KEY_HEX_LEN / 4, KEY_HEX_LEN / 2,
			request, sizeof(request)));
	}
	bed_fini(&bed);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cf_11_a_connection_serves_one_request_after_the_other),
		cmocka_unit_test(cf_13_long_requests_are_taken_and_longer_ones_answered),
		cmocka_unit_test(cf_13_half_a_request_holds_up_nobody),
		cmocka_unit_test(cf_13_patience_ends_however_the_bytes_are_spread),
		cmocka_unit_test(cf_13_an_answer_that_is_not_taken_ends_the_connection),
		cmocka_unit_test(cf_13_the_longest_silent_makes_room),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(no_key_is_left_as_text),
#endif
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
