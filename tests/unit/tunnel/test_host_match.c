/*
 * Tests of tunnel/host_match: the rules' grammar, and which packets they name.
 * Black box against the header.
 * Threads: none.
 */
#include "tunnel/host_match.h"

#include "base/bytes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct host_match
parsed(const char *text)
{
	struct host_match match;
	const char *bad;
	size_t bad_len;

	assert_int_equal(host_match_parse(text, &match, &bad, &bad_len), 0);
	return match;
}

static void
expect_bad(const char *text, const char *expected)
{
	struct host_match match;
	const char *bad = "";
	size_t bad_len = 0;
	char found[128];

	assert_int_equal(host_match_parse(text, &match, &bad, &bad_len), -EINVAL);
	snprintf(found, sizeof(found), "%.*s", (int)bad_len, bad);
	assert_string_equal(found, expected);
}

/* Whether a packet from anybody to 10.8.3.`last`, or fd08::`last`, is the host's. */
static bool
holds(const char *rules, uint8_t version, uint8_t last, uint8_t protocol, uint16_t port,
	uint16_t fragment_offset)
{
	const struct host_match match = parsed(rules);
	uint8_t packet[64] = {0};
	struct inner inner;

	if (version == 4) {
		packet[0] = 0x45;
		store_be16(packet + 2, 40);
		store_be16(packet + 6, fragment_offset);
		packet[9] = protocol;
		memcpy(packet + 16, (const uint8_t[]){10, 8, 3, last}, 4);
		store_be16(packet + 22, port);
	} else {
		packet[0] = 0x60;
		store_be16(packet + 4, 20);
		packet[6] = protocol;
		packet[24] = 0xfd, packet[25] = 8, packet[39] = last;
		store_be16(packet + 42, port);
	}
	assert_true(inner_parse(packet, sizeof(packet), &inner));
	return host_match_holds(&match, packet, &inner);
}

static void
rules_are_read(void **state)
{
	const struct host_match match =
		parsed("icmp, tcp/22 udp/53@10.8.3.1/32,,tcp 10.8.3.0/24,fd08::1");

	assert_int_equal(match.count, 6);
	assert_int_equal(match.rules[0].protocol, 1);
	assert_int_equal(match.rules[1].protocol, 6);
	assert_int_equal(match.rules[1].port, 22);
	assert_int_equal(match.rules[2].protocol, 17);
	assert_int_equal(match.rules[2].destination.len, 32);
	assert_int_equal(match.rules[3].port, 0);
	assert_int_equal(match.rules[4].protocol, 0);
	assert_int_equal(match.rules[5].destination.len, 128);
	assert_int_equal(parsed("none").count, 0);
}

static void
what_is_no_rule_is_named(void **state)
{
	expect_bad("tcp/0", "tcp/0");
	expect_bad("icmp, tcp/65536", "tcp/65536");
	expect_bad("icmp/8", "icmp/8");
	expect_bad("tcp/22x icmp", "tcp/22x");
	expect_bad("tcp/22@", "tcp/22@");
	expect_bad("@10.8.3.1", "@10.8.3.1");
	expect_bad("10.8.3.1/33", "10.8.3.1/33");
	expect_bad("sctp", "sctp");
	expect_bad("TCP/22", "TCP/22");
	expect_bad("", "");
	expect_bad(" , ", "");
	expect_bad(
		"icmp icmp icmp icmp icmp icmp icmp icmp icmp icmp icmp icmp icmp icmp icmp icmp "
		"icmp icmp icmp icmp icmp icmp icmp icmp icmp icmp icmp icmp icmp icmp icmp icmp "
		"tcp",
		"tcp");
}

static void
protocols_and_ports_tell_packets_apart(void **state)
{
	assert_true(holds("tcp/22", 4, 1, 6, 22, 0));
	assert_true(holds("tcp/22", 6, 1, 6, 22, 0));
	assert_false(holds("tcp/22", 4, 1, 6, 23, 0));
	assert_false(holds("tcp/22", 4, 1, 17, 22, 0));
	assert_true(holds("udp", 4, 1, 17, 1, 0));
	assert_true(holds("icmp", 4, 1, 1, 0, 0));
	assert_true(holds("icmp", 6, 1, 58, 0, 0));
	assert_false(holds("icmp", 4, 1, 6, 0, 0));
	assert_false(holds("none", 4, 1, 1, 0, 0));
}

static void
prefixes_tell_packets_apart(void **state)
{
	assert_true(holds("10.8.3.1", 4, 1, 99, 0, 0));
	assert_false(holds("10.8.3.1", 4, 2, 99, 0, 0));
	assert_false(holds("10.8.3.1", 6, 1, 99, 0, 0));
	assert_true(holds("tcp/22@10.8.3.1", 4, 1, 6, 22, 0));
	assert_false(holds("tcp/22@10.8.3.1", 4, 2, 6, 22, 0));
	assert_false(holds("tcp/22@10.8.3.1", 4, 1, 6, 80, 0));
	assert_true(holds("icmp@fd08::/64", 6, 77, 58, 0, 0));
	assert_true(holds("udp/53 icmp", 4, 1, 1, 0, 0));
}

/* Where a later fragment would have its ports, there is data. */
static void
later_fragments_have_no_port(void **state)
{
	assert_false(holds("tcp/22", 4, 1, 6, 22, 100));
	assert_true(holds("tcp", 4, 1, 6, 22, 100));
	assert_true(holds("tcp/22", 4, 1, 6, 22, 0x2000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_read),
		cmocka_unit_test(what_is_no_rule_is_named),
		cmocka_unit_test(protocols_and_ports_tell_packets_apart),
		cmocka_unit_test(prefixes_tell_packets_apart),
		cmocka_unit_test(later_fragments_have_no_port),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
