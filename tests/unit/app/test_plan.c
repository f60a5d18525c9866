/*
 * The plan of several tunnels: whose address comes from where, and what no two of them may share.
 */
#include "plan.h"
#include "say.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define VARIABLE "MITIGATOR_VPN_ADDRESS"

/* Writes DIR/NAME, not to be read by others. */
static void
write_file(const char *dir, const char *name, const char *text)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fchmod(fileno(file), 0600), 0);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* Two folders of files: first/, UDP port 4567, 10.8.3.1, and second/, 4568, 10.8.4.1. */
static int
enter_directory(void **state)
{
	static char path[] = "/tmp/guardlane-test-XXXXXX";
	static const char *const dirs[] = {"first", "second"};

	*state = path;
	if (mkdtemp(path) == NULL || chdir(path) != 0)
		return -1;
	for (unsigned i = 0; i < 2; i++) {
		char text[128];

		if (mkdir(dirs[i], 0700) != 0)
			return -1;
		snprintf(text, sizeof(text),
			"ListenPort = %u\nPrivateKey = "
			"yDPg5doavYH7fdD86nt+cOzSBL4znVZcrcrJwjY/Xmw=\n",
			4567 + i);
		write_file(dirs[i], "vpn-private.conf", text);
		write_file(dirs[i], "vpn-public.conf",
			"[Peer]\nPublicKey = AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n");
		snprintf(text, sizeof(text), VARIABLE "=10.8.%u.1\n", 3 + i);
		write_file(dirs[i], ".env", text);
	}
	return 0;
}

static int
leave_directory(void **state)
{
	static const char *const names[] = {"first/vpn-private.conf", "first/vpn-public.conf",
		"first/.env", "first", "second/vpn-private.conf", "second/vpn-public.conf",
		"second/.env", "second"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (remove(names[i]) != 0)
			return -1;
	return chdir("/") | rmdir(*state);
}

/* Each test starts from two tunnels with nothing in common. */
static const struct options two = {
	.tunnels = {{.config_dir = "first"}, {.config_dir = "second", .host = "tun:wg1"}},
	.tunnel_count = 2,
	.underlay = "af_packet:eth0",
	.log_level = "error",
};

static void
assert_addresses(const struct options *options, const char *first, const char *second)
{
	const struct gl_log log = say_stderr(GL_LOG_ERROR);
	struct plan plan;

	assert_int_equal(plan_make(&plan, options, &log), 0);
	assert_int_equal(plan.tunnel_count, 2);
	assert_string_equal(plan.tunnels[0].vpn_address, first);
	assert_string_equal(plan.tunnels[1].vpn_address, second);
	plan_fini(&plan);
}

/* What is said goes to stderr: it is led into a file meanwhile. */
static void
assert_refused(const struct options *options, int wanted, const char *words)
{
	const struct gl_log log = say_stderr(GL_LOG_ERROR);
	const int saved = dup(STDERR_FILENO);
	FILE *file = tmpfile();
	char text[1024];
	struct plan plan;
	size_t len;
	int error;

	assert_non_null(file);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	error = plan_make(&plan, options, &log);
	plan_fini(&plan);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	rewind(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	assert_int_equal(error, wanted);
	if (strstr(text, words) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", words, text);
}

static void
each_tunnel_has_the_address_of_its_own_env(void **state)
{
	unsetenv(VARIABLE);
	assert_addresses(&two, "10.8.3.1", "10.8.4.1");
}

static void
the_environment_is_for_the_first_tunnel(void **state)
{
	setenv(VARIABLE, "10.8.5.1", 1);
	assert_addresses(&two, "10.8.5.1", "10.8.4.1");
}

static void
what_is_given_goes_before_all(void **state)
{
	struct options options = two;

	setenv(VARIABLE, "10.8.5.1", 1);
	options.tunnels[0].vpn_address = "10.8.6.1";
	options.tunnels[1].vpn_address = "10.8.7.1/16";
	assert_addresses(&options, "10.8.6.1", "10.8.7.1/16");
}

static void
without_its_own_a_tunnel_takes_the_environment(void **state)
{
	struct options options = two;

	write_file("second", ".env", "# nothing\n");
	setenv(VARIABLE, "10.8.5.1", 1);
	options.tunnels[0].vpn_address = "10.8.6.1";
	assert_addresses(&options, "10.8.6.1", "10.8.5.1");
	options.tunnels[0].vpn_address = NULL;
	assert_refused(
		&options, -EINVAL, "tun:wg0 and tun:wg1 have the same VPN address, 10.8.5.1");
	unsetenv(VARIABLE);
	assert_refused(&options, -ENOENT, "the VPN address is not known");
	write_file("second", ".env", VARIABLE "=10.8.4.1\n");
}

static void
no_two_tunnels_may_have_the_same_address(void **state)
{
	struct options options = two;

	unsetenv(VARIABLE);
	options.tunnels[1].vpn_address = "10.8.3.1/16";
	assert_refused(&options, -EINVAL, "same VPN address, 10.8.3.1");
	options.tunnels[0].vpn_address = "fd00::1/64";
	options.tunnels[1].vpn_address = "fd00:0:0::0:1";
	assert_refused(&options, -EINVAL, "same VPN address, fd00:0:0::0:1");
}

static void
no_two_tunnels_may_have_the_same_host_device(void **state)
{
	struct options options = two;

	unsetenv(VARIABLE);
	options.tunnels[1].host = "tun:wg0";
	assert_refused(&options, -EINVAL, "two tunnels have the host device tun:wg0");
}

static void
no_two_tunnels_may_have_the_same_port(void **state)
{
	struct options options = two;

	unsetenv(VARIABLE);
	options.tunnels[0].listen_port = "4568";
	assert_refused(&options, -EINVAL, "tun:wg0 and tun:wg1 have the same UDP port, 4568");
	options.tunnels[1].listen_port = "4567";
	assert_addresses(&options, "10.8.3.1", "10.8.4.1");
}

static void
hugepages_are_auto_or_no(void **state)
{
	const struct gl_log log = say_stderr(GL_LOG_ERROR);
	struct options options = two;
	struct plan plan;

	unsetenv(VARIABLE);
	for (unsigned i = 0; i < 3; i++) {
		static const char *const words[] = {NULL, "auto", "no"};

		options.hugepages = words[i];
		assert_int_equal(plan_make(&plan, &options, &log), 0);
		assert_int_equal(plan.hugepages, i < 2);
		plan_fini(&plan);
	}
	options.hugepages = "yes";
	assert_refused(&options, -EINVAL, "--hugepages \"yes\" is none of auto, no");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_tunnel_has_the_address_of_its_own_env),
		cmocka_unit_test(the_environment_is_for_the_first_tunnel),
		cmocka_unit_test(what_is_given_goes_before_all),
		cmocka_unit_test(without_its_own_a_tunnel_takes_the_environment),
		cmocka_unit_test(no_two_tunnels_may_have_the_same_address),
		cmocka_unit_test(no_two_tunnels_may_have_the_same_host_device),
		cmocka_unit_test(no_two_tunnels_may_have_the_same_port),
		cmocka_unit_test(hugepages_are_auto_or_no),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
