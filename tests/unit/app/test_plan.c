/*
 * The plan of several tunnels: whose address comes from where, and what no two of them may share.
 */
#include "plan.h"
#include "settings.h"

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

/* An own entry that goes with any VPN address. */
#define PUBLIC_FILE \
	"[Peer]\nPublicKey = acfzxE6ZsiYE4jIqsBicOt7oT8ZuKhxBvuz0+6JxiEc=\n" \
	"AllowedIPs = 0.0.0.0/0, ::/0\n"

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
			"[Interface]\nListenPort = %u\nPrivateKey = "
			"yDPg5doavYH7fdD86nt+cOzSBL4znVZcrcrJwjY/Xmw=\n",
			4567 + i);
		write_file(dirs[i], "vpn-private.conf", text);
		write_file(dirs[i], "vpn-public.conf", PUBLIC_FILE);
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

/* What was said, one line below the other. */
struct heard {
	char text[2048];
};

static void
hear(void *context, enum gl_log_level level, const char *line)
{
	struct heard *heard = context;
	const size_t len = strlen(heard->text);

	snprintf(heard->text + len, sizeof(heard->text) - len, "%s\n", line);
}

/* What each test starts from: two tunnels with nothing in common. */
#define FIRST "--config-dir", "first", "--underlay", "af_packet:eth0"
#define SECOND "config-dir=second,host=tun:wg1"

struct outcome {
	struct settings settings;
	struct plan plan;
	struct heard heard;
	int error;
};

/* Makes the plan of a command line, which ends with NULL. */
static void
make(struct outcome *outcome, const char *argv[])
{
	const struct gl_log log = {
		.level = GL_LOG_WARNING, .write = hear, .context = &outcome->heard};
	int argc = 0;

	outcome->heard.text[0] = '\0';
	while (argv[argc] != NULL)
		argc++;
	outcome->plan = (struct plan){0};
	outcome->error =
		settings_load(&outcome->settings, OPTION_OF_RUN, argc, (char **)(void *)argv, &log);
	if (outcome->error == 0)
		outcome->error = plan_make(&outcome->plan, &outcome->settings, &log);
}

static void
forget(struct outcome *outcome)
{
	plan_fini(&outcome->plan);
	settings_fini(&outcome->settings);
}

#define ARGUMENTS(...) \
	(const char *[]) \
	{ \
		"run", __VA_ARGS__, NULL \
	}

static void
assert_addresses(const char *argv[], const char *first, const char *second)
{
	struct outcome outcome;

	make(&outcome, argv);
	assert_string_equal(outcome.heard.text, "");
	assert_int_equal(outcome.error, 0);
	assert_int_equal(outcome.plan.tunnel_count, 2);
	assert_string_equal(outcome.plan.tunnels[0].vpn_address, first);
	assert_string_equal(outcome.plan.tunnels[1].vpn_address, second);
	forget(&outcome);
}

static void
assert_refused(const char *argv[], int wanted, const char *words)
{
	struct outcome outcome;

	make(&outcome, argv);
	assert_int_equal(outcome.error, wanted);
	assert_string_equal(outcome.heard.text, words);
	forget(&outcome);
}

static void
each_tunnel_has_the_address_of_its_own_env(void **state)
{
	unsetenv(VARIABLE);
	assert_addresses(ARGUMENTS(FIRST, "--tunnel", SECOND), "10.8.3.1", "10.8.4.1");
}

static void
the_environment_is_for_the_first_tunnel(void **state)
{
	setenv(VARIABLE, "10.8.5.1", 1);
	assert_addresses(ARGUMENTS(FIRST, "--tunnel", SECOND), "10.8.5.1", "10.8.4.1");
}

static void
what_is_given_goes_before_all(void **state)
{
	setenv(VARIABLE, "10.8.5.1", 1);
	assert_addresses(ARGUMENTS(FIRST, "--vpn-address", "10.8.6.1", "--tunnel",
				 SECOND ",vpn-address=10.8.7.1/16"),
		"10.8.6.1", "10.8.7.1/16");
}

static void
without_its_own_a_tunnel_takes_the_environment(void **state)
{
	write_file("second", ".env", "# nothing\n");
	setenv(VARIABLE, "10.8.5.1", 1);
	assert_addresses(ARGUMENTS(FIRST, "--vpn-address", "10.8.6.1", "--tunnel", SECOND),
		"10.8.6.1", "10.8.5.1");
	assert_refused(ARGUMENTS(FIRST, "--tunnel", SECOND), -EINVAL,
		"tun:wg0 and tun:wg1 have the same VPN address, 10.8.5.1, in one network namespace; "
		"give one of them another address (vpn-address, or MITIGATOR_VPN_ADDRESS in its "
		".env), or its device a namespace of its own (netns)\n");
	unsetenv(VARIABLE);
	assert_refused(ARGUMENTS(FIRST, "--tunnel", SECOND), -ENOENT,
		"tun:wg1: the VPN address is not known; set MITIGATOR_VPN_ADDRESS in the "
		"environment or in second/.env, or give vpn-address\n");
	write_file("second", ".env", VARIABLE "=10.8.4.1\n");
}

static void
no_two_tunnels_may_have_the_same_address(void **state)
{
	unsetenv(VARIABLE);
	assert_refused(ARGUMENTS(FIRST, "--tunnel", SECOND ",vpn-address=10.8.3.1/16"), -EINVAL,
		"tun:wg0 and tun:wg1 have the same VPN address, 10.8.3.1/16, in one network "
		"namespace; give one of them another address (vpn-address, or "
		"MITIGATOR_VPN_ADDRESS in its .env), or its device a namespace of its own "
		"(netns)\n");
	assert_refused(ARGUMENTS(FIRST, "--vpn-address", "fd00::1/64", "--tunnel",
			       SECOND ",vpn-address=fd00:0:0::0:1"),
		-EINVAL,
		"tun:wg0 and tun:wg1 have the same VPN address, fd00:0:0::0:1, in one "
		"network namespace; give one of them another address (vpn-address, or "
		"MITIGATOR_VPN_ADDRESS in its .env), or its device a namespace of its own "
		"(netns)\n");
}

static void
in_two_namespaces_the_address_may_be_one(void **state)
{
	unsetenv(VARIABLE);
	assert_addresses(ARGUMENTS(FIRST, "--tunnel", SECOND ",vpn-address=10.8.3.1,netns=other"),
		"10.8.3.1", "10.8.3.1");
	assert_refused(ARGUMENTS(FIRST, "--netns", "other", "--tunnel",
			       SECOND ",vpn-address=10.8.3.1,netns=other"),
		-EINVAL,
		"tun:wg0 and tun:wg1 have the same VPN address, 10.8.3.1, in one network "
		"namespace; give one of them another address (vpn-address, or "
		"MITIGATOR_VPN_ADDRESS in its .env), or its device a namespace of its own "
		"(netns)\n");
}

static void
no_two_tunnels_may_have_the_same_host_device(void **state)
{
	unsetenv(VARIABLE);
	assert_refused(ARGUMENTS(FIRST, "--tunnel", "config-dir=second"), -EINVAL,
		"two tunnels have the host device tun:wg0; give one of them another (host, or "
		"DATA_PLANE_VPN_DEVICE)\n");
}

static void
no_two_tunnels_may_have_the_same_port(void **state)
{
	unsetenv(VARIABLE);
	assert_refused(ARGUMENTS(FIRST, "--listen-port", "4568", "--tunnel", SECOND), -EINVAL,
		"tun:wg0 and tun:wg1 have the same UDP port, 4568; give one of them another "
		"(listen-port, or ListenPort in second/vpn-private.conf)\n");
	assert_addresses(
		ARGUMENTS(FIRST, "--listen-port", "4568", "--tunnel", SECOND ",listen-port=4567"),
		"10.8.3.1", "10.8.4.1");
}

static void
an_address_that_is_none_is_told_and_not_taken(void **state)
{
	setenv(VARIABLE, "nowhere", 1);
	assert_refused(ARGUMENTS(FIRST), -ENOENT,
		"MITIGATOR_VPN_ADDRESS \"nowhere\" is not an IP address, with or without /LEN\n"
		"tun:wg0: the VPN address is not known; set MITIGATOR_VPN_ADDRESS in the "
		"environment or in first/.env, or give vpn-address\n");
}

static void
hugepages_are_auto_or_no(void **state)
{
	struct outcome outcome;

	unsetenv(VARIABLE);
	make(&outcome, ARGUMENTS(FIRST));
	assert_true(outcome.plan.hugepages);
	forget(&outcome);
	make(&outcome, ARGUMENTS(FIRST, "--hugepages", "no"));
	assert_int_equal(outcome.error, 0);
	assert_false(outcome.plan.hugepages);
	forget(&outcome);
}

static void
lanes_are_cpus_that_we_may_use(void **state)
{
	unsetenv(VARIABLE);
	assert_refused(ARGUMENTS(FIRST, "--lanes", "0,1023"), -EINVAL,
		"--lanes names CPU 1023, which this process may not use (not there, or outside its "
		"cpuset)\n");
}

static void
permissions_may_be_strict(void **state)
{
	struct outcome outcome;

	unsetenv(VARIABLE);
	assert_int_equal(chmod("first/vpn-private.conf", 0640), 0);
	make(&outcome, ARGUMENTS(FIRST));
	assert_int_equal(outcome.error, 0);
	forget(&outcome);
	assert_refused(ARGUMENTS(FIRST, "--strict-permissions", "yes"), -EINVAL,
		"first/vpn-private.conf: error: holds the PrivateKey, and others can read it (mode "
		"0640); chmod 600 first/vpn-private.conf\n");
	assert_int_equal(chmod("first/vpn-private.conf", 0600), 0);
}

/* Warned of, and planned all the same. */
static void
what_is_odd_about_the_files_is_said(void **state)
{
	struct outcome outcome;

	unsetenv(VARIABLE);
	write_file("first", "vpn-public.conf",
		"[Peer]\nPublicKey = acfzxE6ZsiYE4jIqsBicOt7oT8ZuKhxBvuz0+6JxiEc=\n"
		"AllowedIPs = 10.8.3.9\n");
	make(&outcome, ARGUMENTS(FIRST));
	assert_int_equal(outcome.error, 0);
	assert_string_equal(outcome.heard.text,
		"first/vpn-public.conf:3: warning: the VPN address 10.8.3.1 "
		"(MITIGATOR_VPN_ADDRESS) is not among the AllowedIPs of our own entry "
		"(10.8.3.9/32): the other instances will not take packets from it; correct one of "
		"the two\n");
	forget(&outcome);
	write_file("first", "vpn-public.conf", PUBLIC_FILE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_odd_about_the_files_is_said),
		cmocka_unit_test(each_tunnel_has_the_address_of_its_own_env),
		cmocka_unit_test(the_environment_is_for_the_first_tunnel),
		cmocka_unit_test(what_is_given_goes_before_all),
		cmocka_unit_test(without_its_own_a_tunnel_takes_the_environment),
		cmocka_unit_test(no_two_tunnels_may_have_the_same_address),
		cmocka_unit_test(in_two_namespaces_the_address_may_be_one),
		cmocka_unit_test(no_two_tunnels_may_have_the_same_host_device),
		cmocka_unit_test(no_two_tunnels_may_have_the_same_port),
		cmocka_unit_test(an_address_that_is_none_is_told_and_not_taken),
		cmocka_unit_test(hugepages_are_auto_or_no),
		cmocka_unit_test(lanes_are_cpus_that_we_may_use),
		cmocka_unit_test(permissions_may_be_strict),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
