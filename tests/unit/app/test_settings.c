/*
 * Settings from the command line, the environment and the operator's own variables: which of them
 * goes above which, and every error by its text.
 */
#include "settings.h"

#include "hearing.h"

static void
each_source_goes_above_the_next(void **state)
{
	struct hearing hearing;

	write_file("gateway.conf", "memory: 300\nlanes: 0\npoll: busy\n");
	setenv("GUARDLANE_MEMORY", "400", 1);
	setenv("GUARDLANE_POLL", "adaptive", 1);
	load(&hearing, "--memory", "500");
	assert_heard(&hearing, "");
	assert_setting(&hearing, OPTION_MEMORY, "500", "--memory");
	assert_setting(&hearing, OPTION_POLL, "adaptive", "GUARDLANE_POLL");
	assert_setting(&hearing, OPTION_LANES, "0", "./gateway.conf:2: lanes");
	assert_setting(&hearing, OPTION_AEAD, "auto", "--aead");
	forget(&hearing);
	unsetenv("GUARDLANE_MEMORY");
	unsetenv("GUARDLANE_POLL");
}

static void
the_old_variable_of_the_aead_is_one_of_them(void **state)
{
	struct hearing hearing;

	setenv("GUARDLANE_AEAD", "sodium", 1);
	load(&hearing, NULL);
	assert_setting(&hearing, OPTION_AEAD, "sodium", "GUARDLANE_AEAD");
	forget(&hearing);
	setenv("GUARDLANE_AEAD", "rot13", 1);
	load(&hearing, NULL);
	assert_heard(&hearing,
		"GUARDLANE_AEAD \"rot13\" is none of auto, avx512, avx2, ipsec-mb, sodium\n");
	forget(&hearing);
	unsetenv("GUARDLANE_AEAD");
}

static void
an_empty_variable_says_nothing(void **state)
{
	struct hearing hearing;

	setenv("GUARDLANE_LANES", "", 1);
	load(&hearing, NULL);
	assert_heard(&hearing, "");
	assert_setting(&hearing, OPTION_LANES, "auto", "--lanes");
	forget(&hearing);
	unsetenv("GUARDLANE_LANES");
}

static void
an_unknown_variable_is_warned_of(void **state)
{
	struct hearing hearing;

	setenv("GUARDLANE_LOG_LEVLE", "debug", 1);
	load(&hearing, NULL);
	assert_int_equal(hearing.error, 0);
	assert_heard(&hearing,
		"GUARDLANE_LOG_LEVLE in the environment is no setting; did you mean "
		"GUARDLANE_LOG_LEVEL?\n");
	forget(&hearing);
	unsetenv("GUARDLANE_LOG_LEVLE");
	setenv("GUARDLANE_FLUX", "1", 1);
	load(&hearing, NULL);
	assert_int_equal(hearing.error, 0);
	assert_heard(&hearing, "GUARDLANE_FLUX in the environment is no setting\n");
	forget(&hearing);
	unsetenv("GUARDLANE_FLUX");
}

static void
an_address_comes_from_the_operators_variables(void **state)
{
	struct hearing hearing;

	write_file(".env", "MITIGATOR_VPN_ADDRESS=10.8.3.1\n");
	load(&hearing, NULL);
	assert_tunnel_setting(
		&hearing, 0, OPTION_VPN_ADDRESS, "10.8.3.1", "./.env: MITIGATOR_VPN_ADDRESS");
	forget(&hearing);
	setenv("MITIGATOR_VPN_ADDRESS", "10.8.3.2", 1);
	load(&hearing, NULL);
	assert_tunnel_setting(&hearing, 0, OPTION_VPN_ADDRESS, "10.8.3.2", "MITIGATOR_VPN_ADDRESS");
	forget(&hearing);
	write_file("gateway.conf", "vpn-address: 10.8.3.3/16\n");
	load(&hearing, NULL);
	assert_tunnel_setting(
		&hearing, 0, OPTION_VPN_ADDRESS, "10.8.3.3/16", "./gateway.conf:1: vpn-address");
	forget(&hearing);
	/* "auto" is what it would be without anybody's word. */
	load(&hearing, "--vpn-address", "auto");
	assert_tunnel_setting(&hearing, 0, OPTION_VPN_ADDRESS, "10.8.3.2", "MITIGATOR_VPN_ADDRESS");
	forget(&hearing);
	unsetenv("MITIGATOR_VPN_ADDRESS");
	unlink(".env");
}

static void
the_gateway_role_knows_nothing_of_the_data_plane(void **state)
{
	struct hearing hearing;

	setenv("DATA_PLANE_VPN_PORT", "4600", 1);
	setenv("DATA_PLANE_VPN_DEVICE", "wg7", 1);
	load(&hearing, NULL);
	assert_tunnel_setting(&hearing, 0, OPTION_LISTEN_PORT, "auto", "--listen-port");
	assert_tunnel_setting(&hearing, 0, OPTION_PEER_PORT, "auto", "--peer-port");
	assert_tunnel_setting(&hearing, 0, OPTION_HOST, "tun:wg0", "--host");
	assert_setting(&hearing, OPTION_CONTROL, "/run/guardlane/wg0.sock", "--control");
	forget(&hearing);
	unsetenv("DATA_PLANE_VPN_PORT");
	unsetenv("DATA_PLANE_VPN_DEVICE");
}

static void
the_dataplane_role_has_port_and_device_of_its_own(void **state)
{
	struct hearing hearing;

	load(&hearing, "--role", "dataplane");
	assert_tunnel_setting(&hearing, 0, OPTION_LISTEN_PORT, "4568", "--listen-port");
	assert_tunnel_setting(&hearing, 0, OPTION_PEER_PORT, "4568", "--peer-port");
	assert_tunnel_setting(&hearing, 0, OPTION_HOST, "tun:wg0", "--host");
	forget(&hearing);
	write_file(".env", "DATA_PLANE_VPN_PORT=4600\nDATA_PLANE_VPN_DEVICE=wg7\n");
	setenv("DATA_PLANE_VPN_PORT", "4601", 1);
	load(&hearing, "--role", "dataplane", "--peer-port", "4602");
	assert_heard(&hearing, "");
	assert_tunnel_setting(&hearing, 0, OPTION_LISTEN_PORT, "4601", "DATA_PLANE_VPN_PORT");
	assert_tunnel_setting(&hearing, 0, OPTION_PEER_PORT, "4602", "--peer-port");
	assert_tunnel_setting(&hearing, 0, OPTION_HOST, "tun:wg7", "./.env: DATA_PLANE_VPN_DEVICE");
	assert_setting(&hearing, OPTION_CONTROL, "/run/guardlane/wg7.sock", "--control");
	forget(&hearing);
	setenv("DATA_PLANE_VPN_PORT", "99999", 1);
	load(&hearing, "--role", "dataplane");
	assert_heard(&hearing,
		"DATA_PLANE_VPN_PORT \"99999\" is not a port from 1 to 65535\n"
		"DATA_PLANE_VPN_PORT \"99999\" is not a port from 1 to 65535\n");
	forget(&hearing);
	unsetenv("DATA_PLANE_VPN_PORT");
	unlink(".env");
}

static void
errors_of_the_command_line_are_all_told(void **state)
{
	struct hearing hearing;

	load(&hearing, "--lames", "2", "--zzz", "pol", "--memory", "63", "--metrics", "9586");
	assert_int_equal(hearing.error, -EINVAL);
	assert_heard(&hearing,
		"there is no --lames; did you mean --lanes?\n"
		"there is no --zzz; see --help\n"
		"--memory \"63\" is not a number of MiB from 64 to 1048576\n"
		"--metrics \"9586\" is not off, ADDRESS:PORT or [ADDRESS]:PORT\n");
	forget(&hearing);
	load(&hearing, "word", "--dry-run", "--lanes=", "--poll=fast", "--role");
	assert_heard(&hearing,
		"\"word\" is not an option; see --help\n"
		"there is no --dry-run; see --help\n"
		"--lanes \"\" is not a list of CPUs such as 2-3,10\n"
		"--poll \"fast\" is none of busy, adaptive, auto\n"
		"--role needs a value: gateway|dataplane\n");
	forget(&hearing);
}

static void
errors_of_tunnels_are_told(void **state)
{
	struct hearing hearing;

	load(&hearing, "--tunnel", "host=wg1", "--tunnel", "lanes=3,hots=tun:wg1", "--tunnel", "x");
	assert_heard(&hearing,
		"--tunnel: host \"wg1\" is none of tun:NAME, auto\n"
		"there is no --tunnel key lanes; see --help\n"
		"there is no --tunnel key hots; did you mean --tunnel key host?\n"
		"--tunnel: \"x\" is not of the form KEY=VALUE\n");
	forget(&hearing);
	load(&hearing, "--tunnel", "host=tun:a", "--tunnel", "host=tun:b", "--tunnel", "host=tun:c",
		"--tunnel", "host=tun:d", "--tunnel", "host=tun:e", "--tunnel", "host=tun:f",
		"--tunnel", "host=tun:g", "--tunnel", "host=tun:h");
	assert_heard(&hearing, "more than 8 tunnels\n");
	forget(&hearing);
}

static void
the_files_place_is_for_all_tunnels(void **state)
{
	struct hearing hearing;

	load(&hearing, "--public-conf", "p", "--listen-port", "1", "--tunnel", "host=tun:wg1",
		"--tunnel", "host=tun:wg2,public-conf=q");
	assert_heard(&hearing, "");
	assert_int_equal(hearing.settings.tunnel_count, 3);
	assert_tunnel_setting(&hearing, 1, OPTION_PUBLIC_CONF, "p", "--tunnel: public-conf");
	assert_tunnel_setting(&hearing, 2, OPTION_PUBLIC_CONF, "q", "--tunnel: public-conf");
	assert_tunnel_setting(&hearing, 0, OPTION_LISTEN_PORT, "1", "--listen-port");
	assert_tunnel_setting(&hearing, 1, OPTION_LISTEN_PORT, "auto", "--tunnel: listen-port");
	forget(&hearing);
}

/* What settings_compare tells, a line each. */
static void
note(void *context, const char *name, bool live, const char *from, const char *to)
{
	char line[256];

	snprintf(line, sizeof(line), "%s%s: %s -> %s\n", name, live ? " (live)" : "", from, to);
	strcat(context, line);
}

static void
a_comparison_names_what_differs(void **state)
{
	struct hearing from;
	struct hearing to;
	char text[1024] = "";

	load(&from, "--tunnel", "host=tun:wg1");
	load(&to, "--lanes", "0", "--listen-port", "9", "--tunnel", "host=tun:wg1,peer-port=8");
	settings_compare(&from.settings, &from.settings, note, text);
	assert_string_equal(text, "");
	settings_compare(&from.settings, &to.settings, note, text);
	assert_string_equal(text,
		"lanes: auto -> 0\nlisten-port (live): auto -> 9\npeer-port of tun:wg1 (live): "
		"auto -> 8\n");
	forget(&to);
	load(&to, NULL);
	text[0] = '\0';
	settings_compare(&from.settings, &to.settings, note, text);
	assert_string_equal(text, "number of tunnels: 2 -> 1\n");
	forget(&from);
	forget(&to);
}

static void
a_client_takes_nothing_from_files(void **state)
{
	const char *argv[] = {"reconfigure", "--control", "/run/x.sock", "wg0", NULL};
	struct hearing hearing = {.log = {.write = hear, .context = &hearing}};

	write_file("gateway.conf", "nonsense");
	hearing.error = settings_arguments(
		&hearing.settings, OPTION_OF_RECONFIGURE, 4, (char **)(void *)argv, &hearing.log);
	assert_int_equal(hearing.error, 0);
	assert_string_equal(settings_given(&hearing.settings, OPTION_CONTROL), "/run/x.sock");
	assert_string_equal(settings_given(&hearing.settings, OPTION_NAME), "wg0");
	assert_false(settings_flag(&hearing.settings, OPTION_DRY_RUN));
	forget(&hearing);
	argv[1] = "--dry-run";
	argv[2] = "wg1";
	hearing.error = settings_arguments(
		&hearing.settings, OPTION_OF_RECONFIGURE, 4, (char **)(void *)argv, &hearing.log);
	assert_heard(&hearing, "\"wg0\" is one NAME too many\n");
	assert_true(settings_flag(&hearing.settings, OPTION_DRY_RUN));
	assert_null(settings_given(&hearing.settings, OPTION_CONTROL));
	forget(&hearing);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_source_goes_above_the_next, clear),
		cmocka_unit_test_setup(the_old_variable_of_the_aead_is_one_of_them, clear),
		cmocka_unit_test_setup(an_empty_variable_says_nothing, clear),
		cmocka_unit_test_setup(an_unknown_variable_is_warned_of, clear),
		cmocka_unit_test_setup(an_address_comes_from_the_operators_variables, clear),
		cmocka_unit_test_setup(the_gateway_role_knows_nothing_of_the_data_plane, clear),
		cmocka_unit_test_setup(the_dataplane_role_has_port_and_device_of_its_own, clear),
		cmocka_unit_test_setup(errors_of_the_command_line_are_all_told, clear),
		cmocka_unit_test_setup(errors_of_tunnels_are_told, clear),
		cmocka_unit_test_setup(the_files_place_is_for_all_tunnels, clear),
		cmocka_unit_test_setup(a_comparison_names_what_differs, clear),
		cmocka_unit_test_setup(a_client_takes_nothing_from_files, clear),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
