/*
 * Tests of wire/icmp: every field of the errors, and about what none is sent.
 * Black box against the header; checksums by the slow twin of packet.h.
 * Threads: none.
 */
#include "wire/icmp.h"

#include "packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ROOM 64

static struct address
from_of(uint8_t family)
{
	struct address from = {.family = family};

	for (size_t i = 0; i < (family == ADDRESS_IPV4 ? 4U : 16U); i++)
		from.bytes[i] = (uint8_t)(0xc0 + i);
	return from;
}

static void
make_v4(uint8_t *packet, size_t header_len, size_t len, uint8_t protocol)
{
	for (size_t i = 0; i < len; i++)
		packet[i] = (uint8_t)(i * 7);
	memset(packet, 0, header_len);
	packet[0] = (uint8_t)(0x40 | header_len / 4);
	store_be16(packet + 2, (uint16_t)len);
	packet[8] = 64;
	packet[9] = protocol;
	store_be32(packet + 12, 0x0a000001);
	store_be32(packet + 16, 0x0a000102);
}

static void
make_v6(uint8_t *packet, size_t len, uint8_t next)
{
	for (size_t i = 0; i < len; i++)
		packet[i] = (uint8_t)(i * 7);
	store_be32(packet, 0x60000000);
	store_be16(packet + 4, (uint16_t)(len - 40));
	packet[6] = next;
	packet[7] = 64;
	for (size_t i = 0; i < 32; i++)
		packet[8 + i] = (uint8_t)(0x20 + i);
}

static void
check_v4(size_t len, enum icmp_error error, uint32_t mtu)
{
	struct address from = from_of(ADDRESS_IPV4);
	uint8_t *buffer = malloc(ROOM + len);
	uint8_t *packet = buffer + ROOM;
	uint8_t *ip = packet - 28;
	uint8_t *before = malloc(ROOM + len);
	size_t total = len + 28 < 576 ? len + 28 : 576;

	assert_non_null(buffer);
	assert_non_null(before);
	memset(buffer, 0xa5, ROOM);
	make_v4(packet, 20, len, 17);
	memcpy(before, buffer, ROOM + len);
	assert_int_equal(icmp_error_make(packet, len, error, &from, mtu), total);
	assert_memory_equal(packet, before + ROOM, len);
	assert_memory_equal(buffer, before, ROOM - 28);
	assert_int_equal(ip[0], 0x45);
	assert_int_equal(load_be16(ip + 2), total);
	assert_int_equal(load_be16(ip + 4), 0);
	assert_int_equal(load_be16(ip + 6), 0x4000);
	assert_int_equal(ip[8], 64);
	assert_int_equal(ip[9], 1);
	assert_int_equal(slow_sum(0, ip, 20), 0xffff);
	assert_memory_equal(ip + 12, from.bytes, 4);
	assert_int_equal(load_be32(ip + 16), 0x0a000001);
	assert_int_equal(ip[20], 3);
	assert_int_equal(ip[21], error == ICMP_TOO_BIG ? 4 : 1);
	assert_int_equal(load_be16(ip + 24), 0);
	assert_int_equal(load_be16(ip + 26),
		error != ICMP_TOO_BIG  ? 0
			: mtu > 0xffff ? 0xffff
				       : mtu);
	assert_int_equal(slow_sum(0, ip + 20, total - 20), 0xffff);
	free(before);
	free(buffer);
}

static void
check_v6(size_t len, enum icmp_error error, uint32_t mtu)
{
	struct address from = from_of(ADDRESS_IPV6);
	uint8_t *buffer = malloc(ROOM + len);
	uint8_t *packet = buffer + ROOM;
	uint8_t *ip = packet - 48;
	uint8_t *before = malloc(ROOM + len);
	size_t total = len + 48 < 1280 ? len + 48 : 1280;

	assert_non_null(buffer);
	assert_non_null(before);
	memset(buffer, 0xa5, ROOM);
	make_v6(packet, len, 17);
	memcpy(before, buffer, ROOM + len);
	assert_int_equal(icmp_error_make(packet, len, error, &from, mtu), total);
	assert_memory_equal(packet, before + ROOM, len);
	assert_memory_equal(buffer, before, ROOM - 48);
	assert_int_equal(ip[0] >> 4, 6);
	assert_int_equal(load_be32(ip) & 0xfffff, 0);
	assert_int_equal(load_be16(ip + 4), total - 40);
	assert_int_equal(ip[6], 58);
	assert_int_equal(ip[7], 64);
	assert_memory_equal(ip + 8, from.bytes, 16);
	assert_memory_equal(ip + 24, packet + 8, 16);
	assert_int_equal(ip[40], error == ICMP_TOO_BIG ? 2 : 1);
	assert_int_equal(ip[41], error == ICMP_TOO_BIG ? 0 : 3);
	assert_int_equal(load_be32(ip + 44), error == ICMP_TOO_BIG ? mtu : 0);
	assert_int_equal(
		slow_sum(slow_pseudo_sum(ip, total - 40, 58), ip + 40, total - 40), 0xffff);
	free(before);
	free(buffer);
}

static void
test_errors(void **state)
{
	(void)state;
	for (size_t len = 20; len < 1400; len++) {
		check_v4(len, ICMP_HOST_UNREACHABLE, 1420);
		check_v4(len, ICMP_TOO_BIG, 1420);
		if (len < 40)
			continue;
		check_v6(len, ICMP_HOST_UNREACHABLE, 1420);
		check_v6(len, ICMP_TOO_BIG, 1420);
	}
	check_v4(9000, ICMP_TOO_BIG, 70000);
	check_v6(9000, ICMP_TOO_BIG, 70000);
}

/* Asks about a heap copy of the packet's exact size. */
static bool
allowed(const uint8_t *packet, size_t len)
{
	uint8_t *copy = exact_copy(packet, len);
	bool answer = icmp_error_allowed(copy, len);

	free(copy);
	return answer;
}

static void
test_addresses_v4(void **state)
{
	static const struct {
		uint32_t address;
		bool allowed;
	} cases[] = {
		{0x00000000, false},
		{0x7f000001, false},
		{0x7fffffff, false},
		{0xe0000001, false},
		{0xefffffff, false},
		{0xffffffff, false},
		{0x0a000001, true},
		{0x01000000, true},
		{0xdfffffff, true},
		{0xc0a80101, true},
		{0x80000000, true},
		{0x7effffff, true},
	};
	uint8_t packet[40];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t at = 12; at <= 16; at += 4) {
			make_v4(packet, 20, sizeof(packet), 17);
			store_be32(packet + at, cases[i].address);
			assert_int_equal(allowed(packet, sizeof(packet)), cases[i].allowed);
		}
	}
}

static void
test_addresses_v6(void **state)
{
	static const struct {
		uint8_t first;
		uint8_t last;
		bool allowed;
	} cases[] = {
		{0, 0, false},
		{0, 1, false},
		{0xff, 0, false},
		{0xff, 2, false},
		{0, 2, true},
		{0xfe, 1, true},
		{0x20, 1, true},
		{1, 0, true},
	};
	uint8_t packet[60];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t at = 8; at <= 24; at += 16) {
			make_v6(packet, sizeof(packet), 17);
			memset(packet + at, 0, 16);
			packet[at] = cases[i].first;
			packet[at + 15] = cases[i].last;
			assert_int_equal(allowed(packet, sizeof(packet)), cases[i].allowed);
		}
	}
}

static void
test_kinds_v4(void **state)
{
	uint8_t packet[64];

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		bool error = type == 3 || type == 4 || type == 5 || type == 11 || type == 12;

		for (size_t header_len = 20; header_len <= 60; header_len += 20) {
			make_v4(packet, header_len, sizeof(packet), 1);
			packet[header_len] = (uint8_t)type;
			assert_int_equal(allowed(packet, sizeof(packet)), !error);
			/* The same byte in UDP says nothing. */
			packet[9] = 17;
			assert_true(allowed(packet, sizeof(packet)));
		}
	}
	/* ICMP without a type. */
	make_v4(packet, 20, 20, 1);
	assert_false(allowed(packet, 20));
	for (unsigned bit = 0; bit < 16; bit++) {
		make_v4(packet, 20, sizeof(packet), 17);
		store_be16(packet + 6, (uint16_t)(1U << bit));
		assert_int_equal(allowed(packet, sizeof(packet)), bit >= 13);
	}
}

static void
test_kinds_v6(void **state)
{
	/* No extension header, then hop-by-hop, routing, fragment, AH, destination options. */
	static const uint8_t extensions[] = {255, 0, 43, 44, 51, 60};
	uint8_t packet[80];

	(void)state;
	for (size_t i = 0; i < sizeof(extensions); i++) {
		for (unsigned type = 0; type < 256; type++) {
			size_t at = 40;

			make_v6(packet, sizeof(packet), 58);
			if (i > 0) {
				packet[6] = extensions[i];
				memset(packet + 40, 0, 16);
				packet[40] = 58;
				/* Two units of 8, for AH 4 of 4; a fragment header is always one.
				 */
				packet[41] = extensions[i] == 51 ? 2 : 1;
				at = extensions[i] == 44 ? 48 : 56;
			}
			packet[at] = (uint8_t)type;
			assert_int_equal(
				allowed(packet, sizeof(packet)), type >= 128 && type != 137);
		}
	}
	for (unsigned bit = 0; bit < 16; bit++) {
		make_v6(packet, sizeof(packet), 44);
		packet[40] = 17;
		store_be16(packet + 42, (uint16_t)(1U << bit));
		assert_int_equal(allowed(packet, sizeof(packet)), bit < 3);
	}
}

static void
test_chains_v6(void **state)
{
	uint8_t packet[40 + 9 * 8 + 8];

	(void)state;
	for (size_t count = 0; count <= 9; count++) {
		size_t len = 40 + count * 8 + 8;

		make_v6(packet, len, count > 0 ? 60 : 17);
		memset(packet + 40, 0, count * 8 + 8);
		for (size_t i = 1; i <= count; i++)
			packet[32 + i * 8] = i < count ? 60 : 17;
		assert_int_equal(allowed(packet, len), count <= 8);
		/* Cut anywhere inside the chain nobody knows what it is; in UDP it is allowed. */
		for (size_t cut = 40; cut < len; cut++) {
			store_be16(packet + 4, (uint16_t)(cut - 40));
			assert_int_equal(allowed(packet, cut), count <= 8 && cut >= 40 + count * 8);
		}
	}
	/* A header that is longer than the packet. */
	make_v6(packet, 48, 60);
	packet[40] = 17;
	packet[41] = 1;
	assert_false(allowed(packet, 48));
	/* ICMPv6 without a type. */
	make_v6(packet, 40, 58);
	assert_false(allowed(packet, 40));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_addresses_v4),
		cmocka_unit_test(test_addresses_v6),
		cmocka_unit_test(test_kinds_v4),
		cmocka_unit_test(test_kinds_v6),
		cmocka_unit_test(test_chains_v6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
