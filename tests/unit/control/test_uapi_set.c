/*
 * The lines of "set": what each means, and what is refused.
 */
#include "control/uapi_set.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define PEER "public_key=" KEY "\n"

/* Reads a request with these lines until the end or an error; the last operation is in *last. */
static int
read_bytes(const char *lines, size_t len, struct uapi_set *set, struct uapi_operation *last)
{
	/* Of exactly its size, so that reading beyond it is seen. */
	char *text = malloc(len + 7);
	int result;

	assert_non_null(text);
	memcpy(text, "set=1\n", 6);
	memcpy(text + 6, lines, len);
	text[6 + len] = '\n';
	uapi_set_init(set, text, len + 7);
	do
		result = uapi_set_next(set, last);
	while (result == 1);
	free(text);
	return result;
}

static int
read_lines(const char *lines, struct uapi_operation *last)
{
	struct uapi_set set;

	return read_bytes(lines, strlen(lines), &set, last);
}

static void
assert_reads(const char *lines, enum uapi_operation_kind kind, struct uapi_operation *operation)
{
	assert_int_equal(read_lines(lines, operation), 0);
	assert_int_equal(operation->kind, kind);
}

static void
each_key_is_read(void **state)
{
	struct uapi_operation operation;
	char text[ENDPOINT_TEXT_MAX];

	assert_reads("private_key=" KEY "\n", UAPI_PRIVATE_KEY, &operation);
	assert_int_equal(operation.key[0], 0x01);
	assert_int_equal(operation.key[31], 0xef);
	assert_reads("listen_port=65535\n", UAPI_LISTEN_PORT, &operation);
	assert_int_equal(operation.number, 65535);
	assert_reads("fwmark=4294967295\n", UAPI_FWMARK, &operation);
	assert_int_equal(operation.number, UINT32_MAX);
	assert_reads("replace_peers=true\n", UAPI_REPLACE_PEERS, &operation);
	assert_reads(PEER, UAPI_PUBLIC_KEY, &operation);
	assert_int_equal(operation.key[7], 0xef);
	assert_reads(PEER "remove=true\n", UAPI_REMOVE, &operation);
	assert_reads(PEER "update_only=true\n", UAPI_UPDATE_ONLY, &operation);
	assert_reads(PEER "preshared_key=" KEY "\n", UAPI_PRESHARED_KEY, &operation);
	assert_int_equal(operation.key[1], 0x23);
	assert_reads(PEER "endpoint=192.0.2.1:4567\n", UAPI_ENDPOINT, &operation);
	assert_string_equal(endpoint_format(&operation.endpoint, text), "192.0.2.1:4567");
	assert_reads(PEER "endpoint=[2001:db8::1]:1\n", UAPI_ENDPOINT, &operation);
	assert_string_equal(endpoint_format(&operation.endpoint, text), "[2001:db8::1]:1");
	assert_reads(PEER "endpoint=[fe80::1%7]:1\n", UAPI_ENDPOINT, &operation);
	assert_int_equal(operation.endpoint.scope_id, 7);
	assert_reads(PEER "endpoint=[fe80::1%lo]:1\n", UAPI_ENDPOINT, &operation);
	assert_int_equal(operation.endpoint.scope_id, 1);
	assert_reads(PEER "persistent_keepalive_interval=25\n", UAPI_KEEPALIVE, &operation);
	assert_int_equal(operation.number, 25);
	assert_reads(PEER "replace_allowed_ips=true\n", UAPI_REPLACE_ALLOWED_IPS, &operation);
	assert_reads(PEER "allowed_ip=10.8.3.9/24\n", UAPI_ALLOWED_IP, &operation);
	assert_string_equal(prefix_format(&operation.prefix, text), "10.8.3.0/24");
	assert_reads(PEER "allowed_ip=::/0\n", UAPI_ALLOWED_IP, &operation);
	assert_string_equal(prefix_format(&operation.prefix, text), "::/0");
	assert_reads(PEER "allowed_ip=-10.8.3.0/24\n", UAPI_REMOVE_ALLOWED_IP, &operation);
	assert_string_equal(prefix_format(&operation.prefix, text), "10.8.3.0/24");
	assert_reads(PEER "protocol_version=1\n", UAPI_PROTOCOL_VERSION, &operation);
}

static void
an_empty_request_has_no_operation(void **state)
{
	struct uapi_operation operation;

	assert_int_equal(read_lines("", &operation), 0);
}

static void
cf_11_what_is_not_exactly_so_is_refused(void **state)
{
	static const char *const lines[] = {
		/* Numbers. */
		"listen_port=\n",
		"listen_port=-1\n",
		"listen_port=+5\n",
		"listen_port= 5\n",
		"listen_port=5 \n",
		"listen_port=5\r\n",
		"listen_port=0x5\n",
		"listen_port=65536\n",
		"listen_port=18446744073709551617\n",
		"listen_port=5.0\n",
		"fwmark=4294967296\n",
		"fwmark=off\n",
		PEER "persistent_keepalive_interval=65536\n",
		PEER "persistent_keepalive_interval=off\n",
		PEER "protocol_version=0\n",
		PEER "protocol_version=2\n",
		/* Booleans. */
		"replace_peers=false\n",
		"replace_peers=1\n",
		"replace_peers=True\n",
		"replace_peers=true \n",
		"replace_peers=\n",
		PEER "remove=yes\n",
		PEER "update_only=false\n",
		PEER "replace_allowed_ips=\n",
		/* Keys. */
		"private_key=\n",
		"private_key=0123\n",
		"private_key=" KEY "0\n",
		"private_key=" KEY "00\n",
		"private_key=g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
		"public_key=0123\n",
		PEER "preshared_key=0\n",
		/* Endpoints. */
		PEER "endpoint=\n",
		PEER "endpoint=192.0.2.1\n",
		PEER "endpoint=192.0.2.1:\n",
		PEER "endpoint=192.0.2.1:0\n",
		PEER "endpoint=192.0.2.1:65536\n",
		PEER "endpoint=192.0.2.1:+1\n",
		PEER "endpoint=192.0.2.256:1\n",
		PEER "endpoint=localhost:4567\n",
		PEER "endpoint=2001:db8::1:4567\n",
		PEER "endpoint=[2001:db8::1]\n",
		PEER "endpoint=[192.0.2.1]:4567\n",
		PEER "endpoint=[fe80::1%no-such-interface]:4567\n",
		PEER "endpoint=[2001:db8::1%1]:4567\n",
		/* Prefixes. */
		PEER "allowed_ip=\n",
		PEER "allowed_ip=-\n",
		PEER "allowed_ip=/\n",
		PEER "allowed_ip=10.8.3.1\n",
		PEER "allowed_ip=10.8.3.1/\n",
		PEER "allowed_ip=10.8.3.1/33\n",
		PEER "allowed_ip=10.8.3.1/-1\n",
		PEER "allowed_ip=10.8.3.1/+1\n",
		PEER "allowed_ip=10.8.3/24\n",
		PEER "allowed_ip=::/129\n",
		PEER "allowed_ip=--10.8.3.1/32\n",
		PEER "allowed_ip=+10.8.3.1/32\n",
		PEER "allowed_ip=10.8.3.1/32,10.8.3.2/32\n",
		/* Keys that there are not, or not there. */
		"no_such_key=1\n",
		"=1\n",
		"private_key =" KEY "\n",
		"Listen_port=1\n",
		"errno=0\n",
		"set=1\n",
		"rx_bytes=0\n",
		"remove=true\n",
		"allowed_ip=10.8.3.1/32\n",
		PEER "listen_port=1\n",
		PEER "private_key=" KEY "\n",
		PEER "replace_peers=true\n",
	};
	struct uapi_operation operation;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (read_lines(lines[i], &operation) != -EINVAL)
			fail_msg("not refused: %s", lines[i]);
}

static void
cf_11_a_line_without_equals_is_another_error(void **state)
{
	struct uapi_operation operation;

	assert_int_equal(read_lines("listen_port\n", &operation), -EPROTO);
	assert_int_equal(read_lines("\r\n", &operation), -EPROTO);
	assert_int_equal(read_lines(PEER " \n", &operation), -EPROTO);
}

static void
zero_bytes_are_refused(void **state)
{
	struct uapi_operation operation;
	struct uapi_set set;

	assert_int_equal(read_bytes("listen_port=1\0\n", 15, &set, &operation), -EINVAL);
	assert_int_equal(read_bytes("listen_port=\0001\n", 15, &set, &operation), -EINVAL);
	assert_int_equal(read_bytes("listen_port\0=1\n", 15, &set, &operation), -EINVAL);
	assert_int_equal(read_bytes("\0\n", 2, &set, &operation), -EPROTO);
}

static void
a_value_of_a_megabyte_is_refused(void **state)
{
	const size_t len = 1 << 20;
	struct uapi_operation operation;
	struct uapi_set set;
	char *lines = malloc(len);

	assert_non_null(lines);
	memset(lines, '0', len);
	memcpy(lines, "listen_port=", 12);
	lines[len - 1] = '\n';
	assert_int_equal(read_bytes(lines, len, &set, &operation), -EINVAL);
	free(lines);
}

static void
an_error_says_where_and_what_but_not_the_value(void **state)
{
	struct uapi_operation operation;
	struct uapi_set set;
	const char *lines = "listen_port=1\n" PEER "preshared_key=secret\n";

	assert_int_equal(read_bytes(lines, strlen(lines), &set, &operation), -EINVAL);
	assert_int_equal(set.line, 4);
	assert_string_equal(set.name, "preshared_key");
	assert_string_equal(set.fault, "give 64 hexadecimal digits");
	assert_int_equal(uapi_set_next(&set, &operation), 0);
	assert_int_equal(read_bytes("secret=1\n", 9, &set, &operation), -EINVAL);
	assert_int_equal(set.line, 2);
	assert_null(set.name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_is_read),
		cmocka_unit_test(an_empty_request_has_no_operation),
		cmocka_unit_test(cf_11_what_is_not_exactly_so_is_refused),
		cmocka_unit_test(cf_11_a_line_without_equals_is_another_error),
		cmocka_unit_test(zero_bytes_are_refused),
		cmocka_unit_test(a_value_of_a_megabyte_is_refused),
		cmocka_unit_test(an_error_says_where_and_what_but_not_the_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
