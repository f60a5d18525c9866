/*
 * What "get=1" answers, to the letter; the socket, and what it does when things are scarce.
 */
#include "control/uapi.h"
#include "control/uapi_get.h"

#include "base/secret.h"

#include "pair.h"

#include <ev.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void
get_tells_all_of_a_tunnel(void **state)
{
	struct pair *pair = pair_begin(
		&(const struct pair_options){.keepalive_s = {25}, .preshared = {true, true}});
	char own[KEY_HEX_LEN + 1];
	char other[KEY_HEX_LEN + 1];
	char expected[2048];
	char *text;
	size_t len;

	pair_connect(pair, 0, 1);
	pair_converse(pair, 0, 1);
	snprintf(expected, sizeof(expected),
		"private_key=%s\n"
		"listen_port=4567\n"
		"public_key=%s\n"
		"preshared_key=07070700000000000000000000000000000000000000000000000000000000"
		"00\n"
		"protocol_version=1\n"
		"endpoint=192.0.2.2:4567\n"
		"last_handshake_time_sec=1700000000\n"
		"last_handshake_time_nsec=0\n"
		/* The initiation, a keepalive and a packet of 100 bytes, which takes 112 + 32. */
		"tx_bytes=%u\n"
		"rx_bytes=%u\n"
		"persistent_keepalive_interval=25\n"
		"allowed_ip=10.0.1.0/24\n"
		"allowed_ip=fd00:0:0:1::/64\n"
		"errno=0\n\n",
		key_to_hex(pair->sites[0].private_key, own),
		key_to_hex(pair->sites[1].public_key, other), 148 + 32 + 144, 92 + 144);
	text = uapi_get(pair_tunnel(pair, 0), &len);
	assert_non_null(text);
	assert_string_equal(text, expected);
	assert_int_equal(len, strlen(text));
	secret_free(text);
	pair_end(pair);
}

static void
get_leaves_out_what_there_is_not(void **state)
{
	struct pair *pair =
		pair_begin(&(const struct pair_options){.no_endpoint = {true}, .no_key = {true}});
	char other[KEY_HEX_LEN + 1];
	char expected[1024];
	char *text;
	size_t len;

	snprintf(expected, sizeof(expected),
		"listen_port=4567\n"
		"public_key=%s\n"
		"preshared_key=00000000000000000000000000000000000000000000000000000000000000"
		"00\n"
		"protocol_version=1\n"
		"last_handshake_time_sec=0\n"
		"last_handshake_time_nsec=0\n"
		"tx_bytes=0\n"
		"rx_bytes=0\n"
		"persistent_keepalive_interval=0\n"
		"allowed_ip=10.0.1.0/24\n"
		"allowed_ip=fd00:0:0:1::/64\n"
		"errno=0\n\n",
		key_to_hex(pair->sites[1].public_key, other));
	text = uapi_get(pair_tunnel(pair, 0), &len);
	assert_non_null(text);
	assert_string_equal(text, expected);
	secret_free(text);
	pair_end(pair);
}

/* Looks through the heap, free memory included. */
static bool
heap_holds(const void *bytes, size_t len)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	bool found = false;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL) {
		unsigned long from;
		unsigned long to;

		if (strstr(line, "[heap]") != NULL && sscanf(line, "%lx-%lx", &from, &to) == 2)
			found |= memmem((const void *)from, to - from, bytes, len) != NULL;
	}
	fclose(maps);
	return found;
}

static void
get_leaves_no_copy_of_a_key_behind(void **state)
{
	struct pair *pair =
		pair_begin(&(const struct pair_options){.gateways = 1, .extra_peers = 100});
	char hex[KEY_HEX_LEN + 1];
	size_t len;
	char *text = uapi_get(pair_tunnel(pair, 0), &len);

	assert_non_null(text);
	assert_true(len > 16384);
	key_to_hex(pair->sites[0].private_key, hex);
	assert_non_null(strstr(text, hex));
	secret_free(text);
	/* The allocator writes over the first bytes of what is free. */
	assert_false(heap_holds(hex + KEY_HEX_LEN / 2, KEY_HEX_LEN / 2));
	pair_end(pair);
}

/* A tunnel whose name no other process has, in an event loop. */
struct bed {
	struct pair *pair;
	struct ev_loop *loop;
	struct sockaddr_un address;
	struct uapi *uapi;
};

static void
bed_init(struct bed *bed)
{
	struct tunnel *tunnel;

	bed->pair = pair_begin(&(const struct pair_options){.gateways = 1});
	bed->loop = ev_loop_new(EVFLAG_AUTO);
	assert_non_null(bed->loop);
	tunnel = pair_tunnel(bed->pair, 0);
	snprintf(tunnel->name, sizeof(tunnel->name), "gltest%u", (unsigned)getpid());
	bed->address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(bed->address.sun_path, sizeof(bed->address.sun_path), UAPI_DIR "/%s.sock",
		tunnel->name);
	bed->uapi = NULL;
}

static int
bed_listen(struct bed *bed)
{
	return uapi_create(bed->pair->sites[0].gateway->management, pair_tunnel(bed->pair, 0),
		bed->loop, &bed->uapi);
}

static void
bed_fini(struct bed *bed)
{
	uapi_destroy(bed->uapi);
	ev_loop_destroy(bed->loop);
	pair_end(bed->pair);
}

static int
bed_connect(const struct bed *bed)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	if (connect(fd, (const struct sockaddr *)&bed->address, sizeof(bed->address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Sends the request, and runs the loop until it is answered. */
static void
ask(struct bed *bed, int fd, const char *request, const char *expected)
{
	char text[4096];
	ssize_t len = -1;

	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	for (unsigned i = 0; i < 10 && len < 0; i++) {
		ev_run(bed->loop, EVRUN_ONCE);
		len = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	}
	assert_true(len >= 0);
	text[len] = '\0';
	assert_string_equal(text, expected);
}

/* wg(8) turns the sign of what "set" answers, and takes digits only after "get". */
static void
cf_11_errors_have_the_sign_that_wg_reads(void **state)
{
	struct bed bed;
	int fd;

	bed_init(&bed);
	assert_int_equal(bed_listen(&bed), 0);
	fd = bed_connect(&bed);
	assert_true(fd >= 0);
	ask(&bed, fd, "get=1\nx=1\n\n", "errno=22\n\n");
	ask(&bed, fd, "set=1\nx=1\n\n", "errno=-22\n\n");
	ask(&bed, fd, "set=1\n\n", "errno=0\n\n");
	ask(&bed, fd, "other=1\n\n", "");
	close(fd);
	bed_fini(&bed);
}

/* Nobody accepts, and the queue is full: a connect that waits would wait for ever. */
static void
a_socket_that_is_too_busy_is_in_use(void **state)
{
	struct bed bed;
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int queued[8];
	unsigned count = 0;

	bed_init(&bed);
	(void)mkdir(UAPI_DIR, 0755);
	assert_int_equal(
		bind(listener, (const struct sockaddr *)&bed.address, sizeof(bed.address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	while (count < RTE_DIM(queued) && (queued[count] = bed_connect(&bed)) >= 0)
		count++;
	assert_in_range(count, 1, RTE_DIM(queued) - 1);
	alarm(10);
	assert_int_equal(bed_listen(&bed), -EADDRINUSE);
	alarm(0);
	while (count > 0)
		close(queued[--count]);
	close(listener);
	unlink(bed.address.sun_path);
	bed_fini(&bed);
}

static void
stop_waiting(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	ev_break(loop, EVBREAK_ALL);
}

static void
without_descriptors_it_waits_and_does_not_spin(void **state)
{
	struct ev_timer timer;
	struct rlimit before;
	struct rlimit none;
	struct bed bed;
	unsigned iterations;
	int fd;

	bed_init(&bed);
	assert_int_equal(bed_listen(&bed), 0);
	fd = bed_connect(&bed);
	assert_true(fd >= 0);
	/* The loop opens what it needs before. */
	ev_timer_init(&timer, stop_waiting, 0.2, 0.);
	ev_timer_start(bed.loop, &timer);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	iterations = ev_iteration(bed.loop);
	ev_run(bed.loop, 0);
	iterations = ev_iteration(bed.loop) - iterations;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(iterations < 20);
	ask(&bed, fd, "get=1\nx=1\n\n", "errno=22\n\n");
	close(fd);
	bed_fini(&bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get_tells_all_of_a_tunnel),
		cmocka_unit_test(get_leaves_out_what_there_is_not),
		cmocka_unit_test(get_leaves_no_copy_of_a_key_behind),
		cmocka_unit_test(cf_11_errors_have_the_sign_that_wg_reads),
		cmocka_unit_test(a_socket_that_is_too_busy_is_in_use),
		cmocka_unit_test(without_descriptors_it_waits_and_does_not_spin),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
