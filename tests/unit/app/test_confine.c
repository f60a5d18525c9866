/*
 * What a confined thread cannot do any more: each in a process of its own.
 */
#include "confine.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FORBIDDEN 159
#define SAID_MAX 1024

/* What the process said, and its exit status. */
struct end {
	int status;
	char said[SAID_MAX];
};

static struct end
run_confined(enum confine_kind kind, void (*act)(void))
{
	struct end end = {.status = -1};
	int said[2];
	pid_t child;
	ssize_t len;

	assert_int_equal(pipe(said), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(said[1], STDERR_FILENO);
		confine_prepare();
		if (confine_thread(kind, false) != 0)
			_exit(99);
		act();
		_exit(0);
	}
	close(said[1]);
	do {
		const size_t at = strlen(end.said);

		len = read(said[0], end.said + at, SAID_MAX - 1 - at);
	} while (len > 0);
	close(said[0]);
	assert_int_equal(waitpid(child, &end.status, 0), child);
	end.status = WIFEXITED(end.status) ? WEXITSTATUS(end.status) : 1000;
	return end;
}

static void
assert_forbidden(enum confine_kind kind, void (*act)(void))
{
	const struct end end = run_confined(kind, act);

	assert_int_equal(end.status, FORBIDDEN);
	assert_non_null(strstr(end.said, "has made system call"));
	assert_non_null(strstr(end.said, "--confine no"));
}

static void
assert_allowed(enum confine_kind kind, void (*act)(void))
{
	const struct end end = run_confined(kind, act);

	assert_string_equal(end.said, "");
	assert_int_equal(end.status, 0);
}

static void
open_a_file(void)
{
	const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		_exit(1);
	close(fd);
}

static void
run_a_program(void)
{
	char *const arguments[] = {NULL};

	(void)execve("/bin/true", arguments, arguments);
	_exit(1);
}

static void
make_a_process(void)
{
	if (fork() == 0)
		_exit(0);
	_exit(1);
}

static void
map_code(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	_exit(memory == MAP_FAILED ? 1 : 2);
}

static void
take_memory(void)
{
	void *memory = malloc((size_t)8 << 20);

	if (memory == NULL)
		_exit(1);
	memset(memory, 1, (size_t)8 << 20);
	free(memory);
}

static void
open_a_raw_socket(void)
{
	/* The call is allowed, and the capability is gone. */
	const int fd = socket(AF_INET, SOCK_RAW, 1);

	if (fd < 0)
		_exit(0);
	close(fd);
	_exit(1);
}

static void *
return_at_once(void *argument)
{
	return argument;
}

static void
make_a_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, return_at_once, NULL) != 0)
		_exit(1);
	pthread_join(thread, NULL);
}

static void
write_a_line(void)
{
	if (write(STDOUT_FILENO, "", 0) != 0)
		_exit(1);
}

static void
lanes_open_no_files_and_take_no_memory(void **state)
{
	assert_allowed(CONFINE_LANE, write_a_line);
#ifndef __SANITIZE_ADDRESS__ /* which itself opens files, takes memory and makes processes */
	assert_forbidden(CONFINE_LANE, open_a_file);
	assert_forbidden(CONFINE_LANE, take_memory);
#endif
	assert_forbidden(CONFINE_LANE, run_a_program);
}

static void
workers_have_memory_but_none_to_run(void **state)
{
	assert_allowed(CONFINE_HANDSHAKE, take_memory);
	assert_allowed(CONFINE_HOST, take_memory);
	assert_forbidden(CONFINE_HOST, run_a_program);
#ifndef __SANITIZE_ADDRESS__
	assert_forbidden(CONFINE_HOST, open_a_file);
	assert_forbidden(CONFINE_HANDSHAKE, open_a_file);
	assert_forbidden(CONFINE_HANDSHAKE, map_code);
	assert_forbidden(CONFINE_HOST, map_code);
#endif
}

static void
nobody_runs_programs_or_makes_processes(void **state)
{
	static const enum confine_kind kinds[] = {
		CONFINE_MAIN, CONFINE_MANAGEMENT, CONFINE_LOOKUP, CONFINE_EAL};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		assert_allowed(kinds[i], open_a_file);
		assert_allowed(kinds[i], make_a_thread);
		assert_forbidden(kinds[i], run_a_program);
#ifndef __SANITIZE_ADDRESS__
		assert_forbidden(kinds[i], make_a_process);
#endif
	}
}

static void
lookups_have_no_capabilities(void **state)
{
	assert_allowed(CONFINE_LOOKUP, open_a_raw_socket);
	assert_allowed(CONFINE_EAL, open_a_raw_socket);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lanes_open_no_files_and_take_no_memory),
		cmocka_unit_test(workers_have_memory_but_none_to_run),
		cmocka_unit_test(nobody_runs_programs_or_makes_processes),
		cmocka_unit_test(lookups_have_no_capabilities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
