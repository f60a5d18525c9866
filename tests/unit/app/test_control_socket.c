/*
 * The control socket and its client: requests, answers, and clients that do not behave.
 */
#include "client.h"
#include "control_socket.h"
#include "say.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH "guardlane/test.sock"

/* A server, and what its clients have asked. */
struct fixture {
	char folder[64];
	struct control_socket *socket;
	char requests[4096];
	pthread_t thread;
	atomic_bool end;
};

static void
answer(void *context, const char *request, struct answer *answer)
{
	struct fixture *fixture = context;
	int status = 0;

	strcat(fixture->requests, request);
	strcat(fixture->requests, "|");
	if (strcmp(request, "lines") == 0) {
		answer_out(answer, "one\n\nthree");
		answer_err(answer, "of stderr\n");
		answer_out(answer, "");
		status = 3;
	} else if (strcmp(request, "large") == 0) {
		char line[1001];

		memset(line, 'x', sizeof(line) - 1);
		line[sizeof(line) - 1] = '\0';
		for (unsigned i = 0; i < 4000; i++)
			answer_out(answer, line);
	}
	assert_int_equal(answer_end(answer, status), 0);
}

static int
listen_at(struct fixture *fixture, const char *path)
{
	return control_socket_create(
		&(const struct control_socket_settings){
			.path = path,
			.answer = answer,
			.context = fixture,
			.idle_s = 1,
		},
		&fixture->socket);
}

static int
setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	*state = fixture;
	strcpy(fixture->folder, "/tmp/guardlane-test-XXXXXX");
	if (mkdtemp(fixture->folder) == NULL || chdir(fixture->folder) != 0)
		return -1;
	return listen_at(fixture, PATH);
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	control_socket_destroy(fixture->socket);
	if (access(PATH, F_OK) == 0 || rmdir("guardlane") != 0 || chdir("/") != 0 ||
		rmdir(fixture->folder) != 0)
		return -1;
	free(fixture);
	return 0;
}

/* Returns whether there was anything to do within `timeout_ms`. */
static bool
serve_once(struct fixture *fixture, int timeout_ms)
{
	struct pollfd pollfd = {.fd = control_socket_fd(fixture->socket), .events = POLLIN};

	if (poll(&pollfd, 1, timeout_ms) <= 0)
		return false;
	control_socket_process(fixture->socket);
	return true;
}

static void
serve(struct fixture *fixture)
{
	while (serve_once(fixture, 0))
		continue;
}

static void *
serve_until_end(void *context)
{
	struct fixture *fixture = context;

	while (!atomic_load(&fixture->end))
		(void)serve_once(fixture, 10);
	return NULL;
}

/* Asks as the program does, while another thread serves. */
static int
ask(struct fixture *fixture, const char *request, char **out, char **err)
{
	const struct gl_log log = say_stderr(GL_LOG_ERROR);
	size_t out_len;
	size_t err_len;
	FILE *streams[] = {open_memstream(out, &out_len), open_memstream(err, &err_len)};
	int status;

	atomic_store(&fixture->end, false);
	assert_int_equal(pthread_create(&fixture->thread, NULL, serve_until_end, fixture), 0);
	status = client_ask(PATH, request, streams[0], streams[1], &log);
	atomic_store(&fixture->end, true);
	pthread_join(fixture->thread, NULL);
	fclose(streams[0]);
	fclose(streams[1]);
	return status;
}

static int
connect_raw(void)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = PATH};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Whether the other end has closed without a word. */
static bool
hung_up(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0) == 0;
}

static void
lines_and_status_come_as_they_were_said(void **state)
{
	char *out;
	char *err;

	assert_int_equal(ask(*state, "lines", &out, &err), 3);
	assert_string_equal(out, "one\n\nthree\n\n");
	assert_string_equal(err, "of stderr\n");
	free(out);
	free(err);
}

static void
an_answer_larger_than_the_socket_comes_whole(void **state)
{
	char *out;
	char *err;

	assert_int_equal(ask(*state, "large", &out, &err), 0);
	assert_int_equal(strlen(out), 4000 * 1001);
	assert_string_equal(err, "");
	free(out);
	free(err);
}

static void
only_the_owner_may_connect(void **state)
{
	struct stat file;

	assert_int_equal(stat(PATH, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	assert_int_equal(stat("guardlane", &file), 0);
	assert_int_equal(file.st_mode & 07777, 0755);
}

static void
a_request_may_come_in_pieces(void **state)
{
	struct fixture *fixture = *state;
	const int fd = connect_raw();
	char text[64] = "";

	fixture->requests[0] = '\0';
	assert_int_equal(send(fd, "li", 2, 0), 2);
	serve(fixture);
	assert_string_equal(fixture->requests, "");
	assert_int_equal(send(fd, "nes\nand more", 12, 0), 12);
	serve(fixture);
	assert_string_equal(fixture->requests, "lines|");
	assert_int_equal(recv(fd, text, sizeof(text), 0), 49);
	assert_string_equal(text, "out one\nout \nout three\nerr of stderr\nout \nexit 3\n");
	close(fd);
}

static void
a_request_that_never_ends_is_cut_off(void **state)
{
	const int fd = connect_raw();
	char text[CONTROL_SOCKET_REQUEST_MAX];

	memset(text, 'x', sizeof(text));
	assert_int_equal(send(fd, text, sizeof(text), 0), sizeof(text));
	serve(*state);
	assert_true(hung_up(fd));
	close(fd);
}

static void
clients_that_go_away_leave_room(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < 100; i++) {
		const int fd = connect_raw();

		if (i % 3 == 0)
			assert_int_equal(send(fd, "large\n", 6, 0), 6);
		if (i % 3 == 1)
			serve(fixture);
		close(fd);
		serve(fixture);
	}
	a_request_may_come_in_pieces(state);
}

/* More than there is room for: they wait until the first ones have been idle for too long. */
static void
silent_clients_hold_nobody_up_for_long(void **state)
{
	struct fixture *fixture = *state;
	int fds[20];

	for (unsigned i = 0; i < 20; i++) {
		fds[i] = connect_raw();
		serve(fixture);
	}
	assert_int_equal(send(fds[19], "lines\n", 6, 0), 6);
	serve(fixture);
	assert_string_equal(fixture->requests, "");
	for (unsigned i = 0; i < 9 && fixture->requests[0] == '\0'; i++)
		serve_once(fixture, 1100);
	assert_string_equal(fixture->requests, "lines|");
	assert_true(hung_up(fds[0]));
	for (unsigned i = 0; i < 20; i++)
		close(fds[i]);
}

static void
a_place_that_is_served_is_not_taken(void **state)
{
	struct fixture *fixture = *state;
	struct control_socket *first = fixture->socket;

	assert_int_equal(listen_at(fixture, PATH), -EADDRINUSE);
	fixture->socket = first;
	serve(fixture);
	a_request_may_come_in_pieces(state);
}

static void
what_a_dead_gateway_left_is_replaced(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "guardlane/left.sock"};
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct control_socket *first = fixture->socket;

	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(listen_at(fixture, address.sun_path), 0);
	control_socket_destroy(fixture->socket);
	fixture->socket = first;
}

static void
other_files_are_left_alone(void **state)
{
	struct fixture *fixture = *state;
	FILE *file = fopen("guardlane/file", "we");

	assert_non_null(file);
	fclose(file);
	assert_int_equal(listen_at(fixture, "guardlane/file"), -EEXIST);
	assert_int_equal(unlink("guardlane/file"), 0);
	assert_int_equal(listen_at(fixture, "nowhere/at/all.sock"), -ENOENT);
}

static void
a_client_says_why_nobody_answers(void **state)
{
	const struct gl_log log = say_stderr(GL_LOG_ERROR);

	assert_int_equal(client_ask("guardlane/none.sock", "x", stdout, stderr, &log), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_and_status_come_as_they_were_said),
		TEST(an_answer_larger_than_the_socket_comes_whole),
		TEST(only_the_owner_may_connect),
		TEST(a_request_may_come_in_pieces),
		TEST(a_request_that_never_ends_is_cut_off),
		TEST(clients_that_go_away_leave_room),
		TEST(silent_clients_hold_nobody_up_for_long),
		TEST(a_place_that_is_served_is_not_taken),
		TEST(what_a_dead_gateway_left_is_replaced),
		TEST(other_files_are_left_alone),
		TEST(a_client_says_why_nobody_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
