/*
 * Tests of base/address: texts, masks, order.
 * Black box against the header; random prefixes against a bit-by-bit twin.
 * Threads: none.
 */
#include "base/address.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct address
address_of(const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), 0);
	return address;
}

static struct prefix
prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix, NULL), 0);
	return prefix;
}

static void
test_address_texts(void **state)
{
	static const char *const texts[][2] = {
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"192.0.2.7", "192.0.2.7"},
		{"::", "::"},
		{"::1", "::1"},
		{"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
		{"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};
	char text[ADDRESS_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct address address = address_of(texts[i][0]);

		assert_string_equal(address_format(&address, text), texts[i][1]);
	}
	assert_string_equal(address_format(&(struct address){0}, text), "(none)");
}

static void
test_address_bytes(void **state)
{
	static const uint8_t v4[16] = {10, 1, 2, 3};
	static const uint8_t v6[16] = {0x20, 1, 0xd, 0xb8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
	struct address a = address_of("10.1.2.3");
	struct address b = address_of("2001:db8:1:203:405:607:809:a0b");
	struct address none = {0};
	struct address made;

	(void)state;
	assert_int_equal(a.family, ADDRESS_IPV4);
	assert_memory_equal(a.bytes, v4, 16);
	assert_int_equal(address_len(&a), 4);
	assert_int_equal(address_bits(&a), 32);
	assert_int_equal(b.family, ADDRESS_IPV6);
	assert_memory_equal(b.bytes, v6, 16);
	assert_int_equal(address_len(&b), 16);
	assert_int_equal(address_bits(&b), 128);
	assert_int_equal(address_len(&none), 0);
	assert_int_equal(address_bits(&none), 0);
	made = address_from_bytes(ADDRESS_IPV4, v4);
	assert_true(address_equal(&made, &a));
	made = address_from_bytes(ADDRESS_IPV6, v6);
	assert_true(address_equal(&made, &b));
	assert_false(address_equal(&a, &b));
}

static void
test_address_refused(void **state)
{
	static const char *const texts[] = {"", " ", "1.2.3", "1.2.3.4 ", " 1.2.3.4", "1.2.3.256",
		"1.2.3.4.5", "01.2.3.4", "0x1.2.3.4", "1.2.3.4/32", ":", ":::", "1::2::3",
		"12345::", "::g", "[::1]", "fe80::1%lo", "::1/128", "1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9", "example.org", "1.2.3.4\n", "::1.2.3", "-1.2.3.4", "+1.2.3.4"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct address address;
		struct address before;

		memset(&address, 0x5a, sizeof(address));
		before = address;
		if (address_parse(texts[i], &address) != -EINVAL)
			fail_msg("accepted \"%s\"", texts[i]);
		assert_true(address_equal(&address, &before));
	}
}

static void
test_prefix_texts(void **state)
{
	static const struct {
		const char *text;
		const char *canonical;
		bool host_bits;
	} cases[] = {
		{"10.0.0.0/8", "10.0.0.0/8", false},
		{"10.1.2.3/8", "10.0.0.0/8", true},
		{"10.1.2.3", "10.1.2.3/32", false},
		{"10.1.2.3/32", "10.1.2.3/32", false},
		{"10.1.2.3/31", "10.1.2.2/31", true},
		{"255.255.255.255/1", "128.0.0.0/1", true},
		{"0.0.0.0/0", "0.0.0.0/0", false},
		{"1.2.3.4/0", "0.0.0.0/0", true},
		{"::/0", "::/0", false},
		{"2001:db8::1", "2001:db8::1/128", false},
		{"2001:db8::1/127", "2001:db8::/127", true},
		{"2001:db8:ffff::/33", "2001:db8:8000::/33", true},
		{"::ffff:1.2.3.4/128", "::ffff:1.2.3.4/128", false},
	};
	char text[PREFIX_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct prefix prefix;
		bool host_bits = !cases[i].host_bits;

		assert_int_equal(prefix_parse(cases[i].text, &prefix, &host_bits), 0);
		assert_string_equal(prefix_format(&prefix, text), cases[i].canonical);
		assert_int_equal(host_bits, cases[i].host_bits);
	}
	assert_string_equal(prefix_format(&(struct prefix){0}, text), "(none)");
}

static void
test_prefix_refused(void **state)
{
	static const char *const texts[] = {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33",
		"10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0/8 ", "10.0.0.0/8/8",
		"10.0.0.0/0x8", "10.0.0.0/4294967304", "10.0.0.0/18446744073709551624", "::/129",
		"::/", "10.0.0.0/255.0.0.0", "10.0.0.0\n/8",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct prefix prefix;
		struct prefix before;

		memset(&prefix, 0x5a, sizeof(prefix));
		before = prefix;
		if (prefix_parse(texts[i], &prefix, NULL) != -EINVAL)
			fail_msg("accepted \"%s\"", texts[i]);
		assert_memory_equal(&prefix, &before, sizeof(prefix));
	}
}

static unsigned
bit_of(const struct address *address, unsigned bit)
{
	return address->bytes[bit / 8] >> (7 - bit % 8) & 1;
}

static void
test_prefix_random(void **state)
{
	unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (unsigned round = 0; round < 20000; round++) {
		struct prefix prefix = {.address.family = ADDRESS_IPV4};
		struct address probe;
		unsigned bits;
		unsigned same = 0;

		if (rand() % 2)
			prefix.address.family = ADDRESS_IPV6;
		bits = prefix.address.family == ADDRESS_IPV6 ? 128 : 32;
		for (unsigned i = 0; i < bits / 8; i++)
			prefix.address.bytes[i] = (uint8_t)rand();
		prefix.len = (uint8_t)((unsigned)rand() % (bits + 1));
		probe = prefix.address;
		prefix_mask(&prefix);
		for (unsigned i = 0; i < bits; i++)
			assert_int_equal(
				bit_of(&prefix.address, i), i < prefix.len ? bit_of(&probe, i) : 0);
		assert_true(prefix_contains(&prefix, &probe));
		/* One bit away: outside exactly if the bit counts. */
		same = (unsigned)rand() % bits;
		probe.bytes[same / 8] ^= (uint8_t)(0x80 >> same % 8);
		assert_int_equal(prefix_contains(&prefix, &probe), same >= prefix.len);
	}
}

static void
test_prefix_families(void **state)
{
	struct prefix all4 = prefix_of("0.0.0.0/0");
	struct prefix all6 = prefix_of("::/0");
	struct address v4 = address_of("1.2.3.4");
	struct address v6 = address_of("::1.2.3.4");

	(void)state;
	assert_true(prefix_contains(&all4, &v4));
	assert_false(prefix_contains(&all4, &v6));
	assert_true(prefix_contains(&all6, &v6));
	assert_false(prefix_contains(&all6, &v4));
}

static void
test_prefix_order(void **state)
{
	static const char *const ascending[] = {"0.0.0.0/0", "9.255.0.0/16", "10.0.0.0/8",
		"10.0.0.0/9", "10.0.0.1/32", "200.0.0.0/8", "::/0", "2001:db8::/32",
		"2001:db8::/33", "ff00::/8"};
	size_t count = sizeof(ascending) / sizeof(ascending[0]);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < count; j++) {
			struct prefix a = prefix_of(ascending[i]);
			struct prefix b = prefix_of(ascending[j]);
			int order = prefix_compare(&a, &b);

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	}
}

static void
test_endpoint_texts(void **state)
{
	static const char *const texts[][2] = {
		{"192.0.2.7:51820", "192.0.2.7:51820"},
		{"192.0.2.7:1", "192.0.2.7:1"},
		{"192.0.2.7:65535", "192.0.2.7:65535"},
		{"[2001:db8::7]:51820", "[2001:db8::7]:51820"},
		{"[fe80::1%1]:7", "[fe80::1%1]:7"},
		{"[fe80::1%lo]:7", "[fe80::1%1]:7"},
		{"[febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535",
			"[febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535"},
	};
	char text[ENDPOINT_TEXT_MAX];
	struct endpoint endpoint;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(endpoint_parse(texts[i][0], &endpoint), 0);
		assert_string_equal(endpoint_format(&endpoint, text), texts[i][1]);
	}
	assert_int_equal(endpoint_parse("[fe80::2%7]:513", &endpoint), 0);
	assert_int_equal(endpoint.address.family, ADDRESS_IPV6);
	assert_int_equal(endpoint.scope_id, 7);
	assert_int_equal(endpoint.port, 513);
	assert_int_equal(endpoint.pad, 0);
	assert_string_equal(endpoint_format(&(struct endpoint){0}, text), "(none)");
}

static void
test_endpoint_refused(void **state)
{
	static const char *const texts[] = {"", ":", ":1", "1.2.3.4", "1.2.3.4:", "1.2.3.4:0",
		"1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:+5", "1.2.3.4: 5", "1.2.3.4:5 ",
		"1.2.3.4:0x5", "1.2.3.4:4294967297", "[1.2.3.4]:5", "::1:5", "2001:db8::7:51820",
		"[::1]", "[::1]5", "[::1:5", "::1]:5", "[]:5", "[:5", "]:5", "[::1]:0",
		"[::1%lo]:5", "[2001:db8::1%1]:5", "[fe80::1%]:5", "[fe80::1%0]:5",
		"[fe80::1%nosuchif]:5", "[fe80::1%4294967296]:5", "[fe80::1%-1]:5", "1.2.3.4%lo:5",
		"host:5", "[[::1]]:5"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct endpoint endpoint;
		struct endpoint before;

		memset(&endpoint, 0x5a, sizeof(endpoint));
		before = endpoint;
		if (endpoint_parse(texts[i], &endpoint) != -EINVAL)
			fail_msg("accepted \"%s\"", texts[i]);
		assert_true(endpoint_equal(&endpoint, &before));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address_texts),
		cmocka_unit_test(test_address_bytes),
		cmocka_unit_test(test_address_refused),
		cmocka_unit_test(test_prefix_texts),
		cmocka_unit_test(test_prefix_refused),
		cmocka_unit_test(test_prefix_random),
		cmocka_unit_test(test_prefix_families),
		cmocka_unit_test(test_prefix_order),
		cmocka_unit_test(test_endpoint_texts),
		cmocka_unit_test(test_endpoint_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
