/*
 * Tests of wire/inner: lengths, the ECN matrix, flow hashes.
 * Black box against the header; checksums by the slow twin of packet.h.
 * Threads: none.
 */
#include "wire/inner.h"

#include "packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* An IPv4 packet of `len` bytes with `header_len` of header; payload counts up from 0. */
static void
make_v4(uint8_t *packet, size_t header_len, size_t len, uint8_t tos, uint8_t protocol)
{
	for (size_t i = 0; i < len; i++)
		packet[i] = (uint8_t)(i - header_len);
	memset(packet, 0, header_len);
	packet[0] = (uint8_t)(0x40 | header_len / 4);
	packet[1] = tos;
	store_be16(packet + 2, (uint16_t)len);
	packet[8] = 64;
	packet[9] = protocol;
	store_be32(packet + 12, 0x0a000001);
	store_be32(packet + 16, 0x0a000102);
	store_be16(packet + 10, (uint16_t)~slow_sum(0, packet, header_len));
}

static void
make_v6(uint8_t *packet, size_t len, uint8_t tos, uint8_t next)
{
	for (size_t i = 0; i < len; i++)
		packet[i] = (uint8_t)(i - 40);
	store_be32(packet, 0x60054321 | (uint32_t)tos << 20);
	store_be16(packet + 4, (uint16_t)(len - 40));
	packet[6] = next;
	packet[7] = 64;
	for (size_t i = 0; i < 32; i++)
		packet[8 + i] = (uint8_t)(0x20 + i);
}

static void
test_parse_v4(void **state)
{
	uint8_t packet[120];
	struct inner inner;

	(void)state;
	for (size_t header_len = 20; header_len <= 60; header_len += 4) {
		make_v4(packet, header_len, 100, 0xb9, 17);
		assert_true(inner_parse(packet, 100, &inner));
		assert_int_equal(inner.version, 4);
		assert_int_equal(inner.tos, 0xb9);
		assert_int_equal(inner.len, 100);
		assert_ptr_equal(inner.source, packet + 12);
		assert_ptr_equal(inner.destination, packet + 16);
		/* Padding behind it does not count. */
		assert_true(inner_parse(packet, 112, &inner));
		assert_int_equal(inner.len, 100);
	}
}

static void
test_parse_v6(void **state)
{
	uint8_t packet[120];
	struct inner inner;

	(void)state;
	make_v6(packet, 100, 0xb9, 17);
	assert_true(inner_parse(packet, 112, &inner));
	assert_int_equal(inner.version, 6);
	assert_int_equal(inner.tos, 0xb9);
	assert_int_equal(inner.len, 100);
	assert_ptr_equal(inner.source, packet + 8);
	assert_ptr_equal(inner.destination, packet + 24);
	make_v6(packet, 40, 0, 59);
	assert_true(inner_parse(packet, 40, &inner));
	assert_int_equal(inner.len, 40);
}

static void
mf_7_truncated(void **state)
{
	uint8_t packet[80];
	struct inner inner;

	(void)state;
	for (unsigned version = 4; version <= 6; version += 2) {
		if (version == 4)
			make_v4(packet, 24, sizeof(packet), 0, 17);
		else
			make_v6(packet, sizeof(packet), 0, 17);
		for (size_t len = 0; len <= sizeof(packet); len++) {
			uint8_t *copy = exact_copy(packet, len);

			assert_int_equal(inner_parse(copy, len, &inner), len == sizeof(packet));
			free(copy);
		}
	}
}

static void
mf_8_mf_9_refused_v4(void **state)
{
	uint8_t packet[100];
	struct inner inner;

	(void)state;
	for (unsigned words = 0; words < 5; words++) {
		make_v4(packet, 20, 100, 0, 17);
		packet[0] = (uint8_t)(0x40 | words);
		assert_false(inner_parse(packet, 100, &inner));
	}
	for (unsigned version = 0; version < 16; version++) {
		make_v4(packet, 20, 100, 0, 17);
		packet[0] = (uint8_t)(version << 4 | 5);
		/* As IPv6 its bytes 4 and 5, zero, make a packet of 40 bytes. */
		assert_int_equal(inner_parse(packet, 100, &inner), version == 4 || version == 6);
	}
	for (uint16_t total = 0; total < 120; total++) {
		make_v4(packet, 28, 100, 0, 17);
		store_be16(packet + 2, total);
		assert_int_equal(inner_parse(packet, 100, &inner), total >= 28 && total <= 100);
	}
}

static void
mf_10_mf_11_defect_21_refused_v6(void **state)
{
	static uint8_t packet[66000];
	struct inner inner;

	(void)state;
	make_v6(packet, 100, 0, 17);
	for (unsigned payload = 0; payload <= UINT16_MAX; payload++) {
		store_be16(packet + 4, (uint16_t)payload);
		assert_int_equal(inner_parse(packet, 100, &inner), payload <= 60);
	}
	/* 65,496 + 40 does not fit 16 bits, and would wrap to a length of 0. */
	store_be16(packet + 4, 65495);
	assert_true(inner_parse(packet, sizeof(packet), &inner));
	assert_int_equal(inner.len, 65535);
	store_be16(packet + 4, 65496);
	assert_false(inner_parse(packet, sizeof(packet), &inner));
}

static void
tr_11_ecn_encap(void **state)
{
	static const uint8_t outer[4] = {0, 1, 2, 2};

	(void)state;
	for (unsigned tos = 0; tos < 256; tos++)
		assert_int_equal(inner_ecn_encap((uint8_t)tos), outer[tos & 3]);
}

/* Rows: inner not-ECT, ECT(1), ECT(0), CE; columns: outer likewise. */
static const uint8_t decap_matrix[4][4] = {
	{0, 0, 0, 0},
	{1, 1, 1, 3},
	{2, 1, 2, 3},
	{3, 3, 3, 3},
};

static void
tr_11_ecn_decap(void **state)
{
	uint8_t packet[60];
	uint8_t expected[60];

	(void)state;
	/* All inner and outer traffic classes: DSCP never moves, on neither side. */
	for (unsigned i = 0; i < 256 * 256; i++) {
		uint8_t inner_tos = (uint8_t)i;
		uint8_t outer_tos = (uint8_t)(i >> 8);
		uint8_t result =
			(uint8_t)((inner_tos & 0xfc) | decap_matrix[inner_tos & 3][outer_tos & 3]);

		make_v4(packet, 24, sizeof(packet), inner_tos, 6);
		make_v4(expected, 24, sizeof(expected), result, 6);
		inner_ecn_decap(packet, outer_tos);
		assert_memory_equal(packet, expected, sizeof(packet));
		assert_int_equal(slow_sum(0, packet, 24), 0xffff);
		make_v6(packet, sizeof(packet), inner_tos, 6);
		make_v6(expected, sizeof(expected), result, 6);
		inner_ecn_decap(packet, outer_tos);
		assert_memory_equal(packet, expected, sizeof(packet));
	}
}

static void
test_ecn_checksum(void **state)
{
	uint8_t packet[20];

	(void)state;
	/* Every identification value, so that all checksums occur, 0x0000 and 0xfffe among them. */
	for (unsigned id = 0; id <= UINT16_MAX; id++) {
		make_v4(packet, 20, 20, 2, 6);
		store_be16(packet + 4, (uint16_t)id);
		store_be16(packet + 10, 0);
		store_be16(packet + 10, (uint16_t)~slow_sum(0, packet, 20));
		inner_ecn_decap(packet, 3);
		if (packet[1] != 3 || slow_sum(0, packet, 20) != 0xffff)
			fail_msg("id %u", id);
	}
}

static uint32_t
hash_of(const uint8_t *packet, size_t len)
{
	struct inner inner;
	uint8_t *copy = exact_copy(packet, len);
	uint32_t hash;

	assert_true(inner_parse(copy, len, &inner));
	hash = inner_flow_hash(copy, &inner);
	free(copy);
	return hash;
}

static void
test_flow_same(void **state)
{
	uint8_t a[200];
	uint8_t b[200];

	(void)state;
	make_v4(a, 20, 60, 0, 17);
	make_v4(b, 20, 180, 0x28, 17);
	b[8] = 3;
	store_be16(b + 4, 777);
	store_be16(b + 6, 0x4000);
	assert_int_equal(hash_of(a, 60), hash_of(b, 180));
	make_v4(b, 32, 180, 0, 17);
	assert_int_equal(hash_of(a, 60), hash_of(b, 180));
	make_v6(a, 60, 0, 6);
	make_v6(b, 180, 0xff, 6);
	b[3] ^= 0xff;
	b[7] = 1;
	assert_int_equal(hash_of(a, 60), hash_of(b, 180));
}

/* Tells whether the byte at `at` of the packet takes part in the hash. */
static int
counts(uint8_t *packet, size_t len, size_t at)
{
	uint32_t before = hash_of(packet, len);
	int differs;

	packet[at] ^= 1;
	differs = hash_of(packet, len) != before;
	packet[at] ^= 1;
	return differs;
}

static void
test_flow_fields(void **state)
{
	uint8_t packet[60];

	(void)state;
	for (unsigned protocol = 0; protocol < 256; protocol++) {
		int ports = protocol == 6 || protocol == 17;

		make_v4(packet, 24, 60, 0, (uint8_t)protocol);
		for (size_t at = 12; at < 60; at++)
			assert_int_equal(
				counts(packet, 60, at), at < 20 || (ports && at >= 24 && at < 28));
		make_v6(packet, 60, 0, (uint8_t)protocol);
		for (size_t at = 8; at < 60; at++)
			assert_int_equal(counts(packet, 60, at), at < 40 || (ports && at < 44));
	}
	/* Fragments, the first as well, show no ports. */
	for (unsigned bit = 0; bit < 14; bit++) {
		make_v4(packet, 20, 60, 0, 17);
		store_be16(packet + 6, (uint16_t)(1U << bit));
		assert_false(counts(packet, 60, 20));
		assert_true(counts(packet, 60, 12));
	}
	/* Too short for ports: ASan watches that they are not read. */
	for (size_t len = 20; len < 24; len++) {
		make_v4(packet, 20, len, 0, 17);
		assert_true(counts(packet, len, 19));
		make_v6(packet, len + 20, 0, 17);
		assert_true(counts(packet, len + 20, 39));
	}
}

static void
test_flow_spread(void **state)
{
	enum { LANES = 16, FLOWS = 16000 };
	unsigned low[LANES] = {0};
	unsigned high[LANES] = {0};
	uint8_t packet[60];

	(void)state;
	/* Consecutive ports of one pair of hosts: the worst that ordinary traffic offers. */
	for (unsigned flow = 0; flow < FLOWS; flow++) {
		uint32_t hash;

		make_v4(packet, 20, 60, 0, 17);
		store_be16(packet + 20, (uint16_t)(1024 + flow));
		hash = hash_of(packet, 60);
		low[hash % LANES]++;
		high[hash >> 28]++;
	}
	for (unsigned lane = 0; lane < LANES; lane++) {
		assert_in_range(low[lane], FLOWS / LANES * 8 / 10, FLOWS / LANES * 12 / 10);
		assert_in_range(high[lane], FLOWS / LANES * 8 / 10, FLOWS / LANES * 12 / 10);
	}
}

static void
test_random_bytes(void **state)
{
	unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();
	unsigned parsed = 0;

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (unsigned round = 0; round < 200000; round++) {
		size_t len = (size_t)rand() % 100;
		uint8_t bytes[100];
		struct inner inner;
		uint8_t *copy;

		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)rand();
		if (len > 5) {
			bytes[0] = (uint8_t)((rand() % 2 ? 0x40 : 0x60) | (bytes[0] & 0xf));
			store_be16(bytes + (bytes[0] >> 4 == 4 ? 2 : 4), (uint16_t)(rand() % 100));
		}
		copy = exact_copy(bytes, len);
		if (inner_parse(copy, len, &inner)) {
			parsed++;
			assert_true(inner.len <= len);
			(void)inner_flow_hash(copy, &inner);
			inner_ecn_decap(copy, (uint8_t)rand());
			assert_true(inner_parse(copy, len, &inner));
		}
		free(copy);
	}
	assert_true(parsed > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_v4),
		cmocka_unit_test(test_parse_v6),
		cmocka_unit_test(mf_7_truncated),
		cmocka_unit_test(mf_8_mf_9_refused_v4),
		cmocka_unit_test(mf_10_mf_11_defect_21_refused_v6),
		cmocka_unit_test(tr_11_ecn_encap),
		cmocka_unit_test(tr_11_ecn_decap),
		cmocka_unit_test(test_ecn_checksum),
		cmocka_unit_test(test_flow_same),
		cmocka_unit_test(test_flow_fields),
		cmocka_unit_test(test_flow_spread),
		cmocka_unit_test(test_random_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
