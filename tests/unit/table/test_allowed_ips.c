/*
 * Tests of allowed-ips: against a list that is searched from end to end, and known tables.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "table/allowed_ips.h"

#include "base/random.h"

#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#define ENTRIES_MAX 100000

static char owners[2048];

static void *
owner(unsigned number)
{
	return &owners[number];
}

static uint64_t
next_random(uint64_t *state)
{
	*state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t mixed = (*state ^ *state >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return mixed ^ mixed >> 32;
}

static uint64_t
new_seed(void)
{
	uint64_t seed;

	assert_int_equal(random_fill(&seed, sizeof(seed)), 0);
	print_message("seed %#llx\n", (unsigned long long)seed);
	return seed;
}

/* The naive twin. */
static void *
linear_find(const struct allowed_ip *entries, size_t count, const struct address *address)
{
	const struct allowed_ip *best = NULL;

	for (size_t i = 0; i < count; i++) {
		if (prefix_contains(&entries[i].prefix, address) &&
			(!best || entries[i].prefix.len >= best->prefix.len))
			best = &entries[i];
	}
	return best ? best->owner : NULL;
}

static void *
find(const struct allowed_ips *table, const struct address *address)
{
	return address->family == ADDRESS_IPV4 ? allowed_ips_find4(table, address->bytes)
					       : allowed_ips_find6(table, address->bytes);
}

static void *
find_text(const struct allowed_ips *table, const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), 0);
	return find(table, &address);
}

static struct allowed_ip
entry(const char *text, unsigned number)
{
	struct allowed_ip made = {.owner = owner(number)};

	assert_int_equal(prefix_parse(text, &made.prefix, NULL), 0);
	return made;
}

/* Bytes out of a few, so that prefixes nest and share paths. */
static struct address
random_address(uint64_t *random, enum address_family family, unsigned byte_values)
{
	struct address address = {.family = (uint8_t)family};

	for (size_t i = 0; i < address_len(&address); i++) {
		uint64_t drawn = next_random(random);

		address.bytes[i] = (uint8_t)(drawn % byte_values * (drawn & 0x100 ? 1 : 85));
	}
	return address;
}

static struct allowed_ip
random_entry(uint64_t *random, enum address_family family, unsigned byte_values)
{
	struct allowed_ip made = {
		.prefix.address = random_address(random, family, byte_values),
		.owner = owner((unsigned)(next_random(random) % 50)),
	};

	made.prefix.len = (uint8_t)(next_random(random) % (address_bits(&made.prefix.address) + 1));
	prefix_mask(&made.prefix);
	return made;
}

/* An address in or just outside one of the entries, or anywhere. */
static struct address
random_probe(uint64_t *random, const struct allowed_ip *entries, size_t count)
{
	enum address_family family = next_random(random) & 1 ? ADDRESS_IPV4 : ADDRESS_IPV6;
	struct address probe = random_address(random, family, 256);

	if (count && next_random(random) % 8) {
		const struct prefix *near = &entries[next_random(random) % count].prefix;
		unsigned bits = address_bits(&near->address);
		struct address noise = random_address(random, near->address.family, 4);

		probe = near->address;
		for (unsigned i = near->len; i < bits; i++)
			probe.bytes[i / 8] |= (uint8_t)(noise.bytes[i / 8] & 0x80 >> i % 8);
		if (next_random(random) & 1) {
			unsigned flip = (unsigned)(next_random(random) % bits);

			probe.bytes[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
		}
	}
	return probe;
}

static void
check_against_list(uint64_t *random, const struct allowed_ip *entries, size_t count, size_t probes)
{
	struct allowed_ips *table = allowed_ips_build(entries, count);

	assert_non_null(table);
	for (size_t i = 0; i < probes; i++) {
		struct address probe = random_probe(random, entries, count);

		assert_ptr_equal(find(table, &probe), linear_find(entries, count, &probe));
	}
	allowed_ips_destroy(table);
}

static void
ai_2_p_4_random_tables_match_the_list(void **state)
{
	static struct allowed_ip entries[600];
	uint64_t random = new_seed();

	for (unsigned round = 0; round < 2500; round++) {
		size_t count = next_random(&random) % (round % 10 == 0 ? 600 : 40);
		unsigned byte_values = (unsigned)(1 + next_random(&random) % (round % 3 ? 3 : 256));

		for (size_t i = 0; i < count; i++)
			entries[i] = random_entry(&random,
				next_random(&random) & 1 ? ADDRESS_IPV4 : ADDRESS_IPV6,
				byte_values);
		check_against_list(&random, entries, count, 400);
	}
}

/* Taking one owner after the other out: what held their prefixes takes over. */
static void
ai_2_owners_leave_one_by_one(void **state)
{
	static struct allowed_ip entries[400];
	uint64_t random = new_seed();
	size_t count = 400;

	for (size_t i = 0; i < count; i++)
		entries[i] = random_entry(
			&random, i & 1 ? ADDRESS_IPV4 : ADDRESS_IPV6, (unsigned)(1 + i % 3));
	for (unsigned number = 0; number < 50; number++) {
		size_t kept = 0;

		for (size_t i = 0; i < count; i++) {
			if (entries[i].owner != owner(number))
				entries[kept++] = entries[i];
		}
		count = kept;
		check_against_list(&random, entries, count, 200);
	}
	assert_int_equal(count, 0);
}

static void
known_table(void **state)
{
	const struct allowed_ip entries[] = {
		entry("192.0.2.0/24", 1),
		entry("192.0.2.4/32", 2),
		entry("192.0.0.0/16", 3),
		entry("198.51.100.64/27", 4),
		entry("198.51.100.77/27", 3), /* the same prefix once its host bits are gone */
		entry("10.0.0.0/9", 5),
		entry("10.1.0.0/28", 6),
		entry("10.1.0.8/29", 7),
		entry("203.0.113.255/32", 8),
		entry("2001:db8::/32", 1),
		entry("2001:db8:1::/48", 2),
		entry("2001:db8:1::/128", 3),
		entry("2001:db8:1:0:8000::/65", 4),
		entry("::/1", 5),
	};
	const struct {
		const char *address;
		unsigned owner; /* 0: none */
	} expected[] = {
		{"192.0.2.20", 1},
		{"192.0.2.4", 2},
		{"192.0.2.5", 1},
		{"192.0.200.182", 3},
		{"192.1.0.0", 0},
		{"191.255.255.255", 0},
		{"198.51.100.64", 3},
		{"198.51.100.95", 3},
		{"198.51.100.96", 0},
		{"198.51.100.63", 0},
		{"10.127.255.255", 5},
		{"10.128.0.0", 0},
		{"10.1.0.7", 6},
		{"10.1.0.8", 7},
		{"10.1.0.15", 7},
		{"10.1.0.16", 5},
		{"203.0.113.255", 8},
		{"203.0.113.254", 0},
		{"203.0.114.255", 0},
		{"2001:db8::1", 1},
		{"2001:db8:1::", 3},
		{"2001:db8:1::1", 2},
		{"2001:db8:1:0:8000::", 4},
		{"2001:db8:1:1:8000::", 2},
		{"2001:db9::", 5},
		{"7fff::", 5},
		{"8000::", 0},
	};
	struct allowed_ips *table =
		allowed_ips_build(entries, sizeof(entries) / sizeof(entries[0]));

	assert_non_null(table);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_ptr_equal(find_text(table, expected[i].address),
			expected[i].owner ? owner(expected[i].owner) : NULL);
	allowed_ips_destroy(table);
}

/* The prefixes of the Linux driver's own test, and what they must be found by. */
static void
ai_1_the_kernels_table(void **state)
{
	enum { A = 1, B, C, D, E, F, G, H };
	const struct allowed_ip entries[] = {
		entry("192.168.4.0/24", A),
		entry("192.168.4.4/32", B),
		entry("192.168.0.0/16", C),
		entry("192.95.5.64/27", D),
		entry("192.95.5.65/27", C), /* in the place of the one before */
		entry("2607:5300:6000:6b00::c05f:543/128", D),
		entry("2607:5300:6000:6b00::/64", C),
		entry("0.0.0.0/0", E),
		entry("::/0", E),
		entry("::/0", F), /* likewise */
		entry("2404:6800::/32", G),
		entry("2404:6800:4004:800:dead:beef:dead:beef/64", H),
		entry("2404:6800:4004:800:dead:beef:dead:beef/128", A),
		entry("2444:6800:40e4:800:deae:beef:def:beef/128", C),
		entry("2444:6800:f0e4:800:eeae:beef::/98", B),
		entry("64.15.112.0/20", G),
		entry("64.15.123.211/25", H),
		entry("10.0.0.0/25", A),
		entry("10.0.0.128/25", B),
		entry("10.1.0.0/30", A),
		entry("10.1.0.4/30", B),
		entry("10.1.0.8/29", C),
		entry("10.1.0.16/29", D),
	};
	const struct {
		const char *address;
		unsigned owner;
	} expected[] = {
		{"192.168.4.20", A},
		{"192.168.4.0", A},
		{"192.168.4.4", B},
		{"192.168.200.182", C},
		{"192.95.5.68", C},
		{"192.95.5.96", E},
		{"2607:5300:6000:6b00::c05f:543", D},
		{"2607:5300:6000:6b00::c02e:1ee", C},
		{"2607:5300:6000:6b01::", F},
		{"2404:6800:4004:806::1006", G},
		{"2404:6800:4004:806:0:1234:0:5678", G},
		{"2404:67ff:4004:806:0:1234:0:5678", F},
		{"2404:6801:4004:806:0:1234:0:5678", F},
		{"2404:6800:4004:800:0:1234:0:5678", H},
		{"2404:6800:4004:800::", H},
		{"2404:6800:4004:800:1010:1010:1010:1010", H},
		{"2404:6800:4004:800:dead:beef:dead:beef", A},
		{"64.15.116.26", G},
		{"64.15.127.3", G},
		{"64.15.123.1", G},
		{"64.15.123.128", H},
		{"64.15.123.129", H},
		{"10.0.0.52", A},
		{"10.0.0.220", B},
		{"10.1.0.2", A},
		{"10.1.0.6", B},
		{"10.1.0.10", C},
		{"10.1.0.20", D},
	};
	struct allowed_ips *table =
		allowed_ips_build(entries, sizeof(entries) / sizeof(entries[0]));

	assert_non_null(table);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_ptr_equal(find_text(table, expected[i].address), owner(expected[i].owner));
	allowed_ips_destroy(table);
}

static void
empty_table_finds_nothing(void **state)
{
	struct allowed_ips *table = allowed_ips_build(NULL, 0);

	assert_non_null(table);
	assert_null(find_text(table, "0.0.0.0"));
	assert_null(find_text(table, "255.255.255.255"));
	assert_null(find_text(table, "::"));
	assert_null(find_text(table, "ffff::ffff"));
	allowed_ips_destroy(table);
	allowed_ips_destroy(NULL);
}

static void
ai_7_default_routes_are_independent(void **state)
{
	const struct allowed_ip v4 = entry("0.0.0.0/0", 1);
	const struct allowed_ip both[] = {
		entry("::/0", 2), entry("10.8.3.0/24", 3), entry("0.0.0.0/0", 1)};
	struct allowed_ips *table = allowed_ips_build(&v4, 1);

	assert_ptr_equal(find_text(table, "0.0.0.0"), owner(1));
	assert_ptr_equal(find_text(table, "255.255.255.255"), owner(1));
	assert_null(find_text(table, "::1"));
	allowed_ips_destroy(table);

	table = allowed_ips_build(both, 3);
	assert_ptr_equal(find_text(table, "10.8.4.1"), owner(1));
	assert_ptr_equal(find_text(table, "10.8.3.1"), owner(3));
	assert_ptr_equal(find_text(table, "fe80::1"), owner(2));
	allowed_ips_destroy(table);
}

static void
ai_12_mapped_addresses_are_ipv6(void **state)
{
	const struct allowed_ip entries[] = {entry("10.0.0.0/8", 1), entry("::ffff:0:0/96", 2)};
	struct allowed_ips *table = allowed_ips_build(entries, 2);

	assert_ptr_equal(find_text(table, "::ffff:10.0.0.1"), owner(2));
	assert_ptr_equal(find_text(table, "10.0.0.1"), owner(1));
	assert_null(find_text(table, "a00:1::"));
	allowed_ips_destroy(table);
}

static void
ai_5_of_equal_prefixes_the_last_wins(void **state)
{
	struct allowed_ip entries[100];
	struct allowed_ips *table;

	for (unsigned i = 0; i < 100; i++)
		entries[i] = entry(i % 2 ? "10.8.3.2/32" : "::/0", i);
	table = allowed_ips_build(entries, 100);
	assert_ptr_equal(find_text(table, "10.8.3.2"), owner(99));
	assert_ptr_equal(find_text(table, "::"), owner(98));
	assert_null(find_text(table, "10.8.3.3"));
	allowed_ips_destroy(table);
}

/* Every length there is, each within the one before: 33 and 129 of them. */
static void
ai_9_defect_23_deepest_chain(void **state)
{
	struct allowed_ip entries[33 + 129];
	struct address ones[2] = {{.family = ADDRESS_IPV4}, {.family = ADDRESS_IPV6}};
	struct allowed_ips *table;
	unsigned count = 0;

	for (unsigned f = 0; f < 2; f++) {
		memset(ones[f].bytes, 0xff, address_len(&ones[f]));
		for (unsigned len = 0; len <= address_bits(&ones[f]); len++) {
			struct prefix prefix = {.address = ones[f], .len = (uint8_t)len};

			prefix_mask(&prefix);
			entries[count] = (struct allowed_ip){prefix, owner(count)};
			count++;
		}
	}
	table = allowed_ips_build(entries, count);
	assert_non_null(table);
	for (unsigned f = 0, first = 0; f < 2; first += address_bits(&ones[f]) + 1, f++) {
		assert_ptr_equal(find(table, &ones[f]), owner(first + address_bits(&ones[f])));
		/* The first bit that is not as in the chain ends the match in front of it. */
		for (unsigned bit = 0; bit < address_bits(&ones[f]); bit++) {
			struct address probe = ones[f];

			probe.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			assert_ptr_equal(find(table, &probe), owner(first + bit));
		}
	}
	allowed_ips_destroy(table);
}

/* Peers as a cluster has them, each with an address and a network behind it, v4 and v6. */
static void
two_thousand_peers(void **state)
{
	static struct allowed_ip entries[4 * 2000];
	struct allowed_ips *table;
	uint64_t random = new_seed();

	for (unsigned i = 0; i < 2000; i++) {
		struct prefix host4 = {.address.family = ADDRESS_IPV4, .len = 32}, net4 = host4;
		struct prefix host6 = {.address.family = ADDRESS_IPV6, .len = 128}, net6 = host6;

		store_be32(host4.address.bytes, 0x0a080000 + i);
		store_be32(net4.address.bytes, 0xac000000 + (i << 8));
		net4.len = 24;
		store_be64(host6.address.bytes, UINT64_C(0xfd00000000000000));
		store_be64(host6.address.bytes + 8, i);
		store_be64(net6.address.bytes, UINT64_C(0x20010db800000000) + (i << 8));
		net6.len = 56;
		entries[4 * i] = (struct allowed_ip){host4, owner(i)};
		entries[4 * i + 1] = (struct allowed_ip){net6, owner(i)};
		entries[4 * i + 2] = (struct allowed_ip){host6, owner(i)};
		entries[4 * i + 3] = (struct allowed_ip){net4, owner(i)};
	}
	check_against_list(&random, entries, 8000, 3000);
	table = allowed_ips_build(entries, 8000);
	for (unsigned i = 0; i < 8000; i++)
		assert_ptr_equal(find(table, &entries[i].prefix.address), entries[i].owner);
	allowed_ips_destroy(table);
}

static void
hundred_thousand_prefixes(void **state)
{
	struct allowed_ip *entries = calloc(ENTRIES_MAX, sizeof(*entries));
	uint64_t random = new_seed();

	assert_non_null(entries);
	for (size_t i = 0; i < ENTRIES_MAX; i++) {
		entries[i] = random_entry(&random, i & 1 ? ADDRESS_IPV4 : ADDRESS_IPV6, 256);
		if (entries[i].prefix.len == 0)
			entries[i] = entry(i & 1 ? "10.0.0.0/8" : "2001:db8::/32", 1);
	}
	check_against_list(&random, entries, ENTRIES_MAX, 100);
	free(entries);
}

static void
hosts_of_a_24_are_one_node(void **state)
{
	static struct allowed_ip entries[254];
	struct allowed_ips *table;

	for (unsigned i = 0; i < 254; i++) {
		entries[i] = (struct allowed_ip){.prefix = {.len = 32}, .owner = owner(i)};
		entries[i].prefix.address.family = ADDRESS_IPV4;
		store_be32(entries[i].prefix.address.bytes, 0x0a080301 + i);
	}
	table = allowed_ips_build(entries, 254);
	/* A pointer to each, and no more than a few hundred bytes. */
	assert_in_range(allowed_ips_bytes(table), 254 * sizeof(void *), 254 * sizeof(void *) + 512);
	assert_null(find_text(table, "10.8.3.0"));
	assert_null(find_text(table, "10.8.3.255"));
	assert_ptr_equal(find_text(table, "10.8.3.1"), owner(0));
	assert_ptr_equal(find_text(table, "10.8.3.254"), owner(253));
	allowed_ips_destroy(table);
}

static void
ai_11_more_than_memory_holds_is_refused(void **state)
{
	const struct allowed_ip one = entry("10.0.0.0/8", 1);

	assert_null(allowed_ips_build(&one, SIZE_MAX / 64));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ai_2_p_4_random_tables_match_the_list),
		cmocka_unit_test(ai_2_owners_leave_one_by_one),
		cmocka_unit_test(known_table),
		cmocka_unit_test(ai_1_the_kernels_table),
		cmocka_unit_test(empty_table_finds_nothing),
		cmocka_unit_test(ai_7_default_routes_are_independent),
		cmocka_unit_test(ai_12_mapped_addresses_are_ipv6),
		cmocka_unit_test(ai_5_of_equal_prefixes_the_last_wins),
		cmocka_unit_test(ai_9_defect_23_deepest_chain),
		cmocka_unit_test(two_thousand_peers),
		cmocka_unit_test(hundred_thousand_prefixes),
		cmocka_unit_test(hosts_of_a_24_are_one_node),
		cmocka_unit_test(ai_11_more_than_memory_holds_is_refused),
	};

	return cmocka_run_group_tests_name("allowed_ips", tests, NULL, NULL);
}
