/*
 * What "get=1" answers, to the letter.
 */
#include "control/uapi.h"

#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	free(text);
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
	free(text);
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(get_tells_all_of_a_tunnel),
		cmocka_unit_test(get_leaves_out_what_there_is_not),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
