/*
 * gateway.conf: what it says, where it is looked for, and every error by its text and its line.
 */
#include "gateway_conf.h"

#include "hearing.h"

#include <sys/stat.h>

#define FILE_NAME "./gateway.conf"

/* Loads this file alone. */
static void
load_text(struct hearing *hearing, const char *text)
{
	write_file("gateway.conf", text);
	load(hearing, NULL);
}

static void
assert_errors(const char *text, const char *errors)
{
	struct hearing hearing;

	load_text(&hearing, text);
	assert_heard(&hearing, errors);
	assert_int_equal(hearing.error, -EINVAL);
	forget(&hearing);
}

static void
each_key_is_taken(void **state)
{
	static const char *const values[OPTION_SETTING_COUNT] = {
		[OPTION_ROLE] = "dataplane",
		[OPTION_CONFIG_DIR] = "/srv/other",
		[OPTION_PRIVATE_CONF] = "/a b/#c",
		[OPTION_PUBLIC_CONF] = "/d",
		[OPTION_VPN_ADDRESS] = "fd00::1/64",
		[OPTION_HOST] = "tun:wg7",
		[OPTION_NETNS] = "/proc/7/ns/net",
		[OPTION_PIPELINE] = "memif:/run/p.sock,id=3, role=client",
		[OPTION_HOST_MATCH] = "icmp, tcp/22@10.8.3.1/32",
		[OPTION_LISTEN_PORT] = "1",
		[OPTION_PEER_PORT] = "65535",
		[OPTION_ROAMING] = "off",
		[OPTION_UNDERLAY] = "vdev:net_pcap0,iface=eth0",
		[OPTION_UNDERLAY_INTERFACE] = "eth0",
		[OPTION_LANES] = "0-8,10-18",
		[OPTION_POLL] = "busy",
		[OPTION_MEMORY] = "64",
		[OPTION_HUGEPAGES] = "no",
		[OPTION_AEAD] = "ipsec-mb",
		[OPTION_LOG_LEVEL] = "debug",
		[OPTION_STRICT_PERMISSIONS] = "yes",
		[OPTION_CONFINE] = "no",
		[OPTION_CONTROL] = "/run/c.sock",
		[OPTION_METRICS] = "[::1]:9586",
	};
	struct hearing hearing;
	char text[2048] = "";

	for (enum option_id id = 0; id < OPTION_SETTING_COUNT; id++) {
		const size_t len = strlen(text);

		assert_non_null(values[id]);
		snprintf(text + len, sizeof(text) - len, "%s: '%s' # why\n", options[id].name,
			values[id]);
	}
	write_file("gateway.conf", text);
	load_argv(&hearing, (const char *[]){"run", "--gateway-conf", "gateway.conf", NULL});
	assert_heard(&hearing, "");
	for (enum option_id id = 0; id < OPTION_SETTING_COUNT; id++) {
		char where[128];

		snprintf(
			where, sizeof(where), "gateway.conf:%d: %s", (int)id + 1, options[id].name);
		assert_setting(&hearing, id, values[id], where);
	}
	forget(&hearing);
}

static void
every_default_is_a_value(void **state)
{
	char why[OPTION_WHY_MAX];

	for (enum option_id id = 0; id < OPTION_SETTING_COUNT; id++)
		assert_true(option_check(id, options[id].standard, why));
}

static void
nothing_said_is_fine(void **state)
{
	static const char *const texts[] = {"", "# nothing\n", "---\n", "---\n...\n", "{}\n"};
	struct hearing hearing;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		load_text(&hearing, texts[i]);
		assert_heard(&hearing, "");
		assert_int_equal(hearing.error, 0);
		forget(&hearing);
	}
}

static void
tunnels_are_a_list_of_maps(void **state)
{
	struct hearing hearing;

	load_text(&hearing,
		"public-conf: shared.conf\n"
		"tunnels:\n"
		"  - role: gateway\n"
		"  - role: dataplane\n"
		"    host: tun:wg1\n"
		"    public-conf: own.conf\n"
		"memory: 128\n");
	assert_heard(&hearing, "");
	assert_int_equal(hearing.settings.tunnel_count, 2);
	assert_setting(&hearing, OPTION_MEMORY, "128", FILE_NAME ":7: memory");
	assert_tunnel_setting(
		&hearing, 0, OPTION_PUBLIC_CONF, "shared.conf", FILE_NAME ":1: public-conf");
	assert_tunnel_setting(
		&hearing, 1, OPTION_PUBLIC_CONF, "own.conf", FILE_NAME ":6: public-conf");
	assert_tunnel_setting(&hearing, 0, OPTION_HOST, "tun:wg0", "--host");
	assert_tunnel_setting(&hearing, 1, OPTION_HOST, "tun:wg1", FILE_NAME ":5: host");
	assert_tunnel_setting(&hearing, 1, OPTION_LISTEN_PORT, "4568", "--tunnel: listen-port");
	forget(&hearing);
	/* What is said above the file is the first one's. */
	load(&hearing, "--listen-port", "7");
	assert_tunnel_setting(&hearing, 0, OPTION_LISTEN_PORT, "7", "--listen-port");
	assert_tunnel_setting(&hearing, 1, OPTION_LISTEN_PORT, "4568", "--tunnel: listen-port");
	forget(&hearing);
}

static void
unknown_keys_are_errors(void **state)
{
	assert_errors("lane: 2\nzzz: 1\ntunnel: x\n",
		FILE_NAME ":1: unknown key \"lane\"; did you mean lanes?\n" FILE_NAME
			  ":2: unknown key \"zzz\"; gateway.conf(5) lists them\n" FILE_NAME
			  ":3: unknown key \"tunnel\"; did you mean tunnels?\n");
	assert_errors("tunnels:\n  - rol: gateway\n    lanes: 2\n    tunnels: 3\n",
		FILE_NAME ":2: unknown key \"rol\"; did you mean role?\n" FILE_NAME
			  ":3: lanes is no setting of a tunnel; write it outside of "
			  "tunnels\n" FILE_NAME
			  ":4: unknown key \"tunnels\"; gateway.conf(5) lists them\n");
	assert_errors("gateway-conf: x\nhelp: x\ndry-run: x\n",
		FILE_NAME ":1: unknown key \"gateway-conf\"; gateway.conf(5) lists them\n" FILE_NAME
			  ":2: unknown key \"help\"; gateway.conf(5) lists them\n" FILE_NAME
			  ":3: unknown key \"dry-run\"; gateway.conf(5) lists them\n");
}

static void
values_of_a_wrong_type_are_errors(void **state)
{
	assert_errors("lanes: two\n"
		      "listen-port: 0\n"
		      "memory: 3 GiB\n"
		      "poll: sometimes\n"
		      "vpn-address: 10.8.3.256\n"
		      "host: wg0\n"
		      "underlay: eth0\n"
		      "metrics: localhost\n"
		      "strict-permissions: true\n"
		      "underlay-interface: an-interface-far-too-long\n",
		FILE_NAME
		":1: lanes \"two\" is not a list of CPUs such as 2-3,10\n" FILE_NAME
		":2: listen-port \"0\" is not a port from 1 to 65535\n" FILE_NAME
		":3: memory \"3 GiB\" is not a number of MiB from 64 to 1048576\n" FILE_NAME
		":4: poll \"sometimes\" is none of busy, adaptive, auto\n" FILE_NAME
		":5: vpn-address \"10.8.3.256\" is not an IP address, with or without "
		"/LEN\n" FILE_NAME ":6: host \"wg0\" is none of tun:NAME, auto\n" FILE_NAME
		":7: underlay \"eth0\" is none of af_packet:INTERFACE, udp, vdev:STRING, "
		"pci:ADDRESS, auto\n" FILE_NAME
		":8: metrics \"localhost\" is not off, ADDRESS:PORT or "
		"[ADDRESS]:PORT\n" FILE_NAME
		":9: strict-permissions \"true\" is none of yes, no\n" FILE_NAME
		":10: underlay-interface \"an-interface-far-too-long\" is none of "
		"INTERFACE, auto\n");
	assert_errors("lanes:\n  - 2\n  - 3\nmemory: {a: b}\naead:\npoll: \"a\\0b\"\n",
		FILE_NAME ":2: lanes takes a single value: CPULIST|auto\n" FILE_NAME
			  ":4: memory takes a single value: MIB\n" FILE_NAME
			  ":5: aead has no value; write auto, or leave the line out\n" FILE_NAME
			  ":6: poll holds a zero byte\n");
	assert_errors("public-conf: \"a\\tb\"\n",
		FILE_NAME ":1: public-conf \"a\tb\" holds a control character\n");
}

static void
repeated_keys_are_errors(void **state)
{
	assert_errors("lanes: 2\npoll: busy\nlanes: 3\n",
		FILE_NAME ":3: lanes stands in line 1 already; remove one of the two\n");
	assert_errors("tunnels:\n- host: tun:a\n  host: tun:b\ntunnels:\n- host: tun:c\n",
		FILE_NAME ":3: host stands in line 2 already; remove one of the two\n" FILE_NAME
			  ":4: tunnels stands in line 1 already; remove one of the two\n");
}

static void
other_nesting_is_an_error(void **state)
{
	assert_errors("- lanes: 2\n", FILE_NAME ":1: is not of the form \"key: value\"\n");
	assert_errors("lanes\n", FILE_NAME ":1: is not of the form \"key: value\"\n");
	assert_errors("? [a]\n: b\nlanes: 0\n", FILE_NAME ":1: a key is a single word\n");
	assert_errors("tunnels: 2\n",
		FILE_NAME ":1: tunnels is a list: \"- key: value\" for each tunnel\n");
	assert_errors("tunnels:\n  host: tun:a\n",
		FILE_NAME ":2: tunnels is a list: \"- key: value\" for each tunnel\n");
	assert_errors("tunnels:\n  - gateway\n  - [a]\n",
		FILE_NAME ":2: a tunnel is a map: \"- key: value\"\n" FILE_NAME
			  ":3: a tunnel is a map: \"- key: value\"\n");
	assert_errors("tunnels: []\n",
		FILE_NAME ":1: tunnels is empty; write \"- key: value\", or leave it out\n");
	assert_errors("lanes: [[[[[[[[[1]]]]]]]]]\n",
		FILE_NAME ":1: lanes takes a single value: CPULIST|auto\n" FILE_NAME
			  ":1: is nested too deep; values stand alone\n");
	assert_errors("lanes: 0\n---\nlanes: 0\n",
		FILE_NAME ":2: a second document begins; there is to be one\n");
}

static void
what_hides_values_is_an_error(void **state)
{
	assert_errors("memory: &a 128\nlanes: *a\npoll: !!str busy\n",
		FILE_NAME ":1: anchors and aliases (& and *) are not taken; write the value "
			  "out\n" FILE_NAME
			  ":2: anchors and aliases (& and *) are not taken; write the value "
			  "out\n" FILE_NAME ":3: tags (!) are not taken; write the value alone\n");
}

static void
a_tunnels_setting_stands_in_its_entry(void **state)
{
	assert_errors("host: tun:wg0\ntunnels:\n  - role: gateway\nlisten-port: 1\n",
		FILE_NAME ":1: host is of one tunnel; write it into an entry of tunnels\n" FILE_NAME
			  ":4: listen-port is of one tunnel; write it into an entry of tunnels\n");
}

static void
tunnels_are_listed_in_one_place(void **state)
{
	struct hearing hearing;

	write_file("gateway.conf", "lanes: 0\ntunnels:\n  - role: gateway\n");
	load(&hearing, "--tunnel", "host=tun:wg1");
	assert_heard(&hearing,
		FILE_NAME ":3: both tunnels and --tunnel are given; write them all here\n");
	forget(&hearing);
	write_file("gateway.conf", "tunnels: [{}, {}, {}, {}, {}, {}, {}, {}, {}]\n");
	load(&hearing, NULL);
	assert_heard(&hearing, FILE_NAME ":1: more than 8 tunnels\n");
	forget(&hearing);
}

static void
errors_of_syntax_have_their_line(void **state)
{
	assert_errors("lanes: 2\n  poll: busy\n",
		FILE_NAME ":1: lanes \"2 poll\" is not a list of CPUs such as 2-3,10\n" FILE_NAME
			  ":2: is not \"key: value\": mapping values are not allowed in this "
			  "context\n");
	assert_errors("lanes: 0\nfoo: bar\nmemory: \"128\n",
		FILE_NAME ":2: unknown key \"foo\"; gateway.conf(5) lists them\n" FILE_NAME
			  ":4: is not \"key: value\": found unexpected end of stream\n");
	assert_errors("lanes: 0\n\tpoll: busy\n",
		FILE_NAME ":2: is not \"key: value\": found a tab character that "
			  "violates indentation\n");
	assert_errors("lanes: \x01\n",
		FILE_NAME ": is not text: control characters are not allowed, at byte 7\n");
	assert_errors("lanes: \xff\n",
		FILE_NAME ": is not text: invalid leading UTF-8 octet, at byte 7\n");
}

static void
a_flood_of_errors_ends(void **state)
{
	struct hearing hearing;
	char text[1024] = "";
	const char *last;

	for (unsigned i = 0; i < 100; i++)
		strcat(text, "zzz: 1\n");
	load_text(&hearing, text);
	last = strstr(hearing.text, "there is more");
	assert_non_null(last);
	assert_string_equal(last, "there is more; these are the first 50\n");
	assert_int_equal(hearing.settings.errors, 51);
	forget(&hearing);
}

static void
a_file_that_is_named_must_be_there(void **state)
{
	struct hearing hearing;

	load(&hearing, "--gateway-conf", "elsewhere.conf");
	assert_heard(&hearing, "elsewhere.conf: cannot be opened: No such file or directory\n");
	assert_int_equal(hearing.error, -EINVAL);
	forget(&hearing);
	setenv("GUARDLANE_GATEWAY_CONF", "gateway.conf", 1);
	write_file("gateway.conf", "memory: 99\n");
	load(&hearing, NULL);
	assert_setting(&hearing, OPTION_MEMORY, "99", "gateway.conf:1: memory");
	forget(&hearing);
	unsetenv("GUARDLANE_GATEWAY_CONF");
}

static void
what_is_no_file_is_refused(void **state)
{
	struct hearing hearing;
	FILE *file;

	load(&hearing, "--gateway-conf", "/");
	assert_heard(&hearing, "/: is no regular file; put one there\n");
	forget(&hearing);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	load(&hearing, "--gateway-conf", "fifo");
	assert_heard(&hearing, "fifo: is no regular file; put one there\n");
	forget(&hearing);
	unlink("fifo");
	file = fopen("gateway.conf", "we");
	for (unsigned i = 0; i <= GATEWAY_CONF_MAX; i++)
		fputc('#', file);
	fclose(file);
	load(&hearing, NULL);
	assert_heard(&hearing,
		FILE_NAME ": is larger than 65536 bytes, more than settings can be; look what it "
			  "is\n");
	forget(&hearing);
}

/* As a bind mount shows it after an editor has put another file in its place. */
static void
a_file_that_was_replaced_is_warned_of(void **state)
{
	struct hearing hearing;
	FILE *file = fopen("gateway.conf", "w+e");
	char path[64];

	assert_non_null(file);
	unlink("gateway.conf");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(file));
	load(&hearing, "--gateway-conf", path);
	assert_int_equal(hearing.error, 0);
	assert_non_null(strstr(hearing.text, ": was replaced by another file of its name"));
	forget(&hearing);
	fclose(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_key_is_taken, clear),
		cmocka_unit_test_setup(every_default_is_a_value, clear),
		cmocka_unit_test_setup(nothing_said_is_fine, clear),
		cmocka_unit_test_setup(tunnels_are_a_list_of_maps, clear),
		cmocka_unit_test_setup(unknown_keys_are_errors, clear),
		cmocka_unit_test_setup(values_of_a_wrong_type_are_errors, clear),
		cmocka_unit_test_setup(repeated_keys_are_errors, clear),
		cmocka_unit_test_setup(other_nesting_is_an_error, clear),
		cmocka_unit_test_setup(what_hides_values_is_an_error, clear),
		cmocka_unit_test_setup(a_tunnels_setting_stands_in_its_entry, clear),
		cmocka_unit_test_setup(tunnels_are_listed_in_one_place, clear),
		cmocka_unit_test_setup(errors_of_syntax_have_their_line, clear),
		cmocka_unit_test_setup(a_flood_of_errors_ends, clear),
		cmocka_unit_test_setup(a_file_that_is_named_must_be_there, clear),
		cmocka_unit_test_setup(what_is_no_file_is_refused, clear),
		cmocka_unit_test_setup(a_file_that_was_replaced_is_warned_of, clear),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
