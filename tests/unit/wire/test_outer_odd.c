/*
 * Tests of wire/outer, reading: lengths that contradict, fragments, what is not UDP at all.
 * Black box against the header.
 * Threads: none.
 */
#include "wire/outer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Asserts, and so comes behind cmocka. */
#include "frame.h"

static void
mf_3_ipv4_checksum(void **state)
{
	(void)state;
	for (size_t options = 0; options <= 40; options += 4) {
		struct built built =
			build(&(struct shape){.options_len = options, .payload_len = 32});

		for (size_t bit = 0; bit < (20 + options) * 8; bit++) {
			built.frame[built.ip + bit / 8] ^= (uint8_t)(1U << bit % 8);
			assert_int_equal(verdict_of(&built), OUTER_MALFORMED);
			built.frame[built.ip + bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
		assert_int_equal(verdict_of(&built), OUTER_OK);
	}
}

static void
mf_3_mf_4_ipv4_lengths(void **state)
{
	static const struct shape shape = {.options_len = 8, .payload_len = 32, .trailer_len = 10};

	(void)state;
	for (unsigned total = 0; total <= UINT16_MAX; total++) {
		struct built built = build(&shape);

		store_be16(built.frame + built.ip + 2, (uint16_t)total);
		fix_ipv4_checksum(&built);
		assert_int_equal(verdict_of(&built),
			total >= 68 && total <= 78 ? OUTER_OK : OUTER_MALFORMED);
	}
	for (unsigned words = 0; words < 16; words++) {
		struct built built = build(&shape);

		built.frame[built.ip] = (uint8_t)(0x40 | words);
		if (words >= 5)
			fix_ipv4_checksum(&built);
		/* With another header length something else is taken for the UDP header. */
		if (words < 5)
			assert_int_equal(verdict_of(&built), OUTER_MALFORMED);
		else if (words == 7)
			assert_int_equal(verdict_of(&built), OUTER_OK);
	}
}

static void
mf_2_mf_4_udp_lengths(void **state)
{
	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct shape shape = {.v6 = v6 != 0, .payload_len = 32, .trailer_len = 10};
		struct built built = build(&shape);

		for (unsigned len = 0; len <= UINT16_MAX; len++) {
			struct outer outer;

			store_be16(built.frame + built.udp + 4, (uint16_t)len);
			if (len < 8 || len > 40) {
				assert_int_equal(verdict_of(&built), OUTER_MALFORMED);
				continue;
			}
			/* Shorter than the IP packet: what is behind it does not count. */
			assert_int_equal(parse(built.frame, built.len, &outer), OUTER_OK);
			assert_int_equal(outer.payload_len, len - 8);
		}
	}
}

static void
mf_3_ipv6_lengths(void **state)
{
	struct built built =
		build(&(struct shape){.v6 = true, .payload_len = 32, .trailer_len = 10});

	(void)state;
	for (unsigned len = 0; len <= UINT16_MAX; len++) {
		store_be16(built.frame + built.ip + 4, (uint16_t)len);
		assert_int_equal(
			verdict_of(&built), len >= 40 && len <= 50 ? OUTER_OK : OUTER_MALFORMED);
	}
	/* A jumbogram: length zero, and an option that would say more. */
	built = build(&(struct shape){
		.v6 = true, .extensions = {0}, .extension_count = 1, .payload_len = 32});
	store_be16(built.frame + built.ip + 4, 0);
	assert_int_equal(verdict_of(&built), OUTER_MALFORMED);
}

static void
tr_12_tr_13_udp_checksum_zero(void **state)
{
	struct built v4 = build(&(struct shape){.payload_len = 32});
	struct built v6 = build(&(struct shape){.v6 = true, .payload_len = 32});

	(void)state;
	store_be16(v4.frame + v4.udp + 6, 0);
	assert_int_equal(verdict_of(&v4), OUTER_OK);
	store_be16(v6.frame + v6.udp + 6, 0);
	assert_int_equal(verdict_of(&v6), OUTER_MALFORMED);
}

static void
mf_16_sources(void **state)
{
	static const struct {
		uint32_t source;
		enum outer_verdict verdict;
	} cases[] = {
		{0x00000000, OUTER_MALFORMED},
		{0xffffffff, OUTER_MALFORMED},
		{0xe0000000, OUTER_MALFORMED},
		{0xe0000001, OUTER_MALFORMED},
		{0xefffffff, OUTER_MALFORMED},
		{0xdfffffff, OUTER_OK},
		{0x7effffff, OUTER_OK},
		{0x7f000000, OUTER_OK},
		{0x7f000001, OUTER_OK},
		{0x7fffffff, OUTER_OK},
		{0x80000000, OUTER_OK},
		{0x0a000001, OUTER_OK},
	};
	struct built built;
	struct outer outer;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		built = build(&(struct shape){.payload_len = 32});
		store_be32(built.frame + built.ip + 12, cases[i].source);
		fix_ipv4_checksum(&built);
		assert_int_equal(parse(built.frame, built.len, &outer), cases[i].verdict);
		if (cases[i].verdict == OUTER_OK)
			assert_int_equal(
				outer_from_loopback(&outer), cases[i].source >> 24 == 0x7f);
	}
	built = build(&(struct shape){.v6 = true, .payload_len = 32});
	built.frame[built.ip + 8] = 0xff;
	assert_int_equal(verdict_of(&built), OUTER_MALFORMED);
	memset(built.frame + built.ip + 8, 0, 16);
	assert_int_equal(verdict_of(&built), OUTER_MALFORMED);
	built.frame[built.ip + 23] = 1;
	assert_int_equal(parse(built.frame, built.len, &outer), OUTER_OK);
	assert_true(outer_from_loopback(&outer));
	built.frame[built.ip + 23] = 2;
	assert_int_equal(parse(built.frame, built.len, &outer), OUTER_OK);
	assert_false(outer_from_loopback(&outer));
	built.frame[built.ip + 23] = 1;
	for (unsigned i = 8; i < 23; i++) {
		built.frame[built.ip + i] = 1;
		assert_int_equal(verdict_of(&built), OUTER_OK);
		built.frame[built.ip + i] = 0;
	}
	/* What is not UDP may come from zero: neighbour discovery does. */
	memset(built.frame + built.ip + 8, 0, 16);
	built.frame[built.ip + 6] = 58;
	assert_int_equal(verdict_of(&built), OUTER_OTHER);
}

static void
test_source_port_zero(void **state)
{
	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct built built = build(&(struct shape){.v6 = v6 != 0, .payload_len = 32});

		store_be16(built.frame + built.udp, 0);
		assert_int_equal(verdict_of(&built), OUTER_MALFORMED);
		store_be16(built.frame + built.udp, 1);
		assert_int_equal(verdict_of(&built), OUTER_OK);
	}
}

static void
mf_18_other_protocols(void **state)
{
	(void)state;
	for (unsigned protocol = 0; protocol < 256; protocol++) {
		struct built v4 = build(&(struct shape){.payload_len = 32});
		struct built v6 = build(&(struct shape){.v6 = true, .payload_len = 32});
		bool extension = protocol == 0 || protocol == 43 || protocol == 60;

		v4.frame[v4.ip + 9] = (uint8_t)protocol;
		fix_ipv4_checksum(&v4);
		assert_int_equal(verdict_of(&v4), protocol == 17 ? OUTER_OK : OUTER_OTHER);
		v6.frame[v6.ip + 6] = (uint8_t)protocol;
		/* The ports, taken for an extension header, are too long or name an odd next one.
		 */
		if (!extension)
			assert_int_equal(verdict_of(&v6), protocol == 17 ? OUTER_OK : OUTER_OTHER);
		else
			assert_int_equal(verdict_of(&v6), OUTER_MALFORMED);
	}
	for (unsigned type = 0; type <= UINT16_MAX; type++) {
		struct built built = build(&(struct shape){.payload_len = 32});
		bool tag = type == 0x8100 || type == 0x88a8;
		enum outer_verdict verdict = type == 0x0800 ? OUTER_OK
			: type == 0x86dd                    ? OUTER_MALFORMED
							    : OUTER_OTHER;

		store_be16(built.frame + 12, (uint16_t)type);
		if (!tag)
			assert_int_equal(verdict_of(&built), verdict);
	}
}

static void
tr_17_three_tags(void **state)
{
	struct built built = build(&(struct shape){.tags = 2, .payload_len = 32});
	uint8_t frame[FRAME_MAX] = {0};
	struct outer outer;

	(void)state;
	memcpy(frame, built.frame, 12);
	store_be32(frame + 12, 0x88a80064);
	memcpy(frame + 16, built.frame + 12, built.len - 12);
	assert_int_equal(parse(frame, built.len + 4, &outer), OUTER_OTHER);
}

static void
tr_17_extension_limits(void **state)
{
	struct shape shape = {.v6 = true, .extension_count = 9, .payload_len = 32};
	struct built built;

	(void)state;
	memset(shape.extensions, 60, sizeof(shape.extensions));
	built = build(&shape);
	assert_int_equal(verdict_of(&built), OUTER_OTHER);
	/* An extension header that runs beyond the packet. */
	shape.extension_count = 1;
	built = build(&shape);
	for (unsigned units = 0; units < 256; units++) {
		built.frame[built.ip + 41] = (uint8_t)units;
		if (units * 8 + 8 > 48)
			assert_int_equal(verdict_of(&built), OUTER_MALFORMED);
	}
	/* A routing header with segments left. */
	shape.extensions[0] = 43;
	built = build(&shape);
	assert_int_equal(verdict_of(&built), OUTER_OK);
	built.frame[built.ip + 43] = 1;
	assert_int_equal(verdict_of(&built), OUTER_OTHER);
}

static void
tr_17_ipv4_fragments(void **state)
{
	static const struct shape shape = {.payload_len = 32};

	(void)state;
	for (unsigned bit = 0; bit < 16; bit++) {
		struct built built = build(&shape);
		struct outer outer;

		store_be16(built.frame + built.ip + 6, (uint16_t)(1U << bit));
		fix_ipv4_checksum(&built);
		assert_int_equal(parse(built.frame, built.len, &outer),
			bit < 14 ? OUTER_FRAGMENT : OUTER_OK);
		expect_addresses(&built, &shape, &outer);
		assert_int_equal(outer.source.port, bit < 14 ? 0 : 51820);
		assert_int_equal(outer.destination.port, bit < 14 ? 0 : 4567);
		assert_int_equal(outer.payload_len, bit < 14 ? built.len - built.ip : 32);
		built.frame[built.ip + 9] = 6;
		fix_ipv4_checksum(&built);
		assert_int_equal(verdict_of(&built), OUTER_OTHER);
	}
}

static void
tr_17_ipv6_fragments(void **state)
{
	static const struct shape shapes[] = {
		{.v6 = true, .extensions = {44}, .extension_count = 1, .payload_len = 32},
		{.v6 = true, .extensions = {0, 60, 44}, .extension_count = 3, .payload_len = 32},
		{.v6 = true, .extensions = {44, 60}, .extension_count = 2, .payload_len = 32},
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct built built = build(&shapes[i]);
		struct outer outer;

		assert_int_equal(parse(built.frame, built.len, &outer), OUTER_FRAGMENT);
		expect_addresses(&built, &shapes[i], &outer);
		assert_int_equal(outer.source.port, 0);
		assert_int_equal(outer.destination.port, 0);
		assert_int_equal(outer.payload_len, built.len - built.ip);
	}
	/* A fragment of TCP is for the kernel. */
	for (unsigned next = 0; next < 256; next++) {
		struct built built = build(&shapes[0]);

		built.frame[built.ip + 40] = (uint8_t)next;
		assert_int_equal(verdict_of(&built),
			next == 17 || next == 60 ? OUTER_FRAGMENT : OUTER_OTHER);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mf_3_ipv4_checksum),
		cmocka_unit_test(mf_3_mf_4_ipv4_lengths),
		cmocka_unit_test(mf_2_mf_4_udp_lengths),
		cmocka_unit_test(mf_3_ipv6_lengths),
		cmocka_unit_test(tr_12_tr_13_udp_checksum_zero),
		cmocka_unit_test(mf_16_sources),
		cmocka_unit_test(test_source_port_zero),
		cmocka_unit_test(mf_18_other_protocols),
		cmocka_unit_test(tr_17_three_tags),
		cmocka_unit_test(tr_17_extension_limits),
		cmocka_unit_test(tr_17_ipv4_fragments),
		cmocka_unit_test(tr_17_ipv6_fragments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
