/*
 * Tests of base/random: it fills all and only what it is asked to, and fails closed.
 * Black box against the header; the failing kernel is a seccomp filter in a child.
 * Threads: none.
 */
#include "base/random.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void
test_fills(void **state)
{
	static const size_t lens[] = {0, 1, 31, 32, 255, 256, 257, 4096, 100000};
	static uint8_t seen[100000];
	static uint8_t buffer[100002];

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		size_t len = lens[i];

		memset(seen, 0, sizeof(seen));
		/* A byte stays zero in all of 12 rounds with a chance of 2^-96. */
		for (unsigned round = 0; round < 12; round++) {
			memset(buffer, 0, sizeof(buffer));
			buffer[0] = 0x5a;
			buffer[len + 1] = 0xa5;
			assert_int_equal(random_fill(buffer + 1, len), 0);
			assert_int_equal(buffer[0], 0x5a);
			assert_int_equal(buffer[len + 1], 0xa5);
			for (size_t at = 0; at < len; at++)
				seen[at] |= buffer[at + 1];
		}
		for (size_t at = 0; at < len; at++)
			assert_int_not_equal(seen[at], 0);
	}
}

/* Makes getrandom() fail with EPERM in this process. */
static int
refuse_getrandom(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0;
}

static void
sec_8_fails_closed(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		static const uint8_t zeros[300];
		uint8_t buffer[300];

		memset(buffer, 0x5a, sizeof(buffer));
		if (refuse_getrandom() != 0)
			_exit(1);
		if (random_fill(buffer, sizeof(buffer)) != -EPERM)
			_exit(2);
		_exit(memcmp(buffer, zeros, sizeof(buffer)) == 0 ? 0 : 3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fills),
		cmocka_unit_test(sec_8_fails_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
