/*
 * Tests of wire/outer, writing: every field, and that what is written can be read.
 * Black box against the header; checksums by the slow twin of packet.h.
 * Threads: none.
 */
#include "wire/outer.h"

#include "packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void
endpoints_of(bool v6, struct endpoint *source, struct endpoint *destination)
{
	*source = (struct endpoint){.port = 4567};
	*destination = (struct endpoint){.port = 51820};
	source->address.family = v6 ? ADDRESS_IPV6 : ADDRESS_IPV4;
	destination->address.family = source->address.family;
	for (size_t i = 0; i < (v6 ? 16U : 4U); i++) {
		source->address.bytes[i] = (uint8_t)(0xf1 - i * 3);
		destination->address.bytes[i] = (uint8_t)(0x7f - i);
	}
	source->address.bytes[0] = 0x20;
}

static const uint8_t mac_destination[6] = {2, 3, 4, 5, 6, 7};
static const uint8_t mac_source[6] = {0x12, 0x13, 0x14, 0x15, 0x16, 0x17};

/* Writes a header before `len` bytes of payload and checks all of it. */
static void
check_write(bool v6, const uint8_t *text, size_t len, uint8_t tos)
{
	size_t header_len = v6 ? 62 : 42;
	uint8_t *buffer = malloc(8 + header_len + len);
	uint8_t *frame = buffer + 8;
	uint8_t *ip = frame + 14;
	uint8_t *udp = frame + header_len - 8;
	struct outer_header header;
	struct endpoint source;
	struct endpoint destination;
	struct outer outer;

	assert_non_null(buffer);
	memset(buffer, 0xa5, 8 + header_len);
	memcpy(frame + header_len, text, len);
	endpoints_of(v6, &source, &destination);
	memset(&header, 0x5a, sizeof(header));
	outer_header_make(&header, mac_destination, mac_source, &source, &destination);
	assert_int_equal(header.len, header_len);
	assert_int_equal(header.ip_offset, 14);
	assert_int_equal(header.family, source.address.family);
	outer_header_write(&header, frame + header_len, (uint16_t)len, tos);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(buffer[i], 0xa5);
	assert_memory_equal(frame + header_len, text, len);
	assert_memory_equal(frame, mac_destination, 6);
	assert_memory_equal(frame + 6, mac_source, 6);
	assert_int_equal(load_be16(frame + 12), v6 ? 0x86dd : 0x0800);
	if (v6) {
		assert_int_equal(load_be32(ip), 0x60000000 | (uint32_t)tos << 20);
		assert_int_equal(load_be16(ip + 4), len + 8);
		assert_int_equal(ip[6], 17);
		assert_int_equal(ip[7], 64);
		assert_int_not_equal(load_be16(udp + 6), 0);
		assert_int_equal(slow_sum(slow_pseudo_sum(ip, len + 8, 17), udp, len + 8), 0xffff);
	} else {
		assert_int_equal(load_be16(ip), 0x4500 | tos);
		assert_int_equal(load_be16(ip + 2), len + 28);
		assert_int_equal(load_be32(ip + 4), 0x00004000);
		assert_int_equal(load_be16(ip + 8), 0x4011);
		assert_int_equal(slow_sum(0, ip, 20), 0xffff);
		assert_int_equal(load_be16(udp + 6), 0);
	}
	assert_int_equal(load_be16(udp + 4), len + 8);
	/* And back. */
	assert_int_equal(outer_parse(frame, header_len + len, &outer), OUTER_OK);
	assert_true(endpoint_equal(&outer.source, &source));
	assert_true(endpoint_equal(&outer.destination, &destination));
	assert_int_equal(outer.tos, tos);
	assert_int_equal(outer.payload_len, len);
	assert_int_equal(outer.payload_offset, header_len);
	free(buffer);
}

static void
test_write(void **state)
{
	static uint8_t text[65000];
	unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)rand();
	for (unsigned v6 = 0; v6 < 2; v6++) {
		for (size_t len = 0; len < 300; len++)
			check_write(v6 != 0, text + rand() % 1000, len, (uint8_t)rand());
		for (unsigned tos = 0; tos < 256; tos++)
			check_write(v6 != 0, text, 148, (uint8_t)tos);
		check_write(v6 != 0, text, 9000, 3);
		check_write(v6 != 0, text, 65000, 3);
	}
	/* All ones: the most carries. */
	memset(text, 0xff, sizeof(text));
	check_write(true, text, 65000, 255);
	check_write(true, text, 1471, 255);
}

static void
tr_12_write_never_zero(void **state)
{
	uint8_t payload[64] = {0};
	unsigned ones = 0;

	(void)state;
	/* All values of one word of payload: for one of them the sum is 0xffff, its complement 0.
	 */
	for (unsigned value = 0; value <= UINT16_MAX; value++) {
		struct outer_header header;
		struct endpoint source;
		struct endpoint destination;
		uint8_t frame[62 + sizeof(payload)] = {0};
		uint16_t checksum;

		endpoints_of(true, &source, &destination);
		outer_header_make(&header, mac_destination, mac_source, &source, &destination);
		store_be16(frame + 62 + 30, (uint16_t)value);
		outer_header_write(&header, frame + 62, sizeof(payload), 0);
		checksum = load_be16(frame + 60);
		assert_int_not_equal(checksum, 0);
		ones += checksum == 0xffff;
	}
	assert_in_range(ones, 1, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(tr_12_write_never_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
