/*
 * What the tests of wire/outer share: frames of many shapes, and reading them.
 * For tests only; needs <cmocka.h> before it.
 * Threads: none.
 */
#pragma once

#include "wire/outer.h"

#include "packet.h"

#define FRAME_MAX 2048

/* A frame to be built; zero means the plain case. */
struct shape {
	bool v6;
	unsigned tags; /* VLAN tags: the first 0x88a8 if there are two */
	size_t options_len; /* IPv4 options, a multiple of 4 */
	uint8_t extensions[10]; /* IPv6 extension headers, up to the first 255 */
	unsigned extension_count;
	size_t payload_len;
	size_t trailer_len;
};

struct built {
	uint8_t frame[FRAME_MAX];
	size_t len;
	size_t ip; /* offsets */
	size_t udp;
	size_t ip_end;
};

static inline void
fix_ipv4_checksum(struct built *built)
{
	uint8_t *ip = built->frame + built->ip;
	size_t header_len = (size_t)(ip[0] & 0xf) * 4;

	store_be16(ip + 10, 0);
	store_be16(ip + 10, (uint16_t)~slow_sum(0, ip, header_len));
}

static inline void
build_ipv4(struct built *built, const struct shape *shape, size_t udp_len)
{
	uint8_t *ip = built->frame + built->ip;
	size_t header_len = 20 + shape->options_len;

	built->udp = built->ip + header_len;
	ip[0] = (uint8_t)(0x40 | header_len / 4);
	ip[1] = 0x8b;
	store_be16(ip + 2, (uint16_t)(header_len + udp_len));
	store_be16(ip + 4, 0x1234);
	ip[8] = 57;
	ip[9] = 17;
	store_be32(ip + 12, 0xc0000207);
	store_be32(ip + 16, 0xcb007109);
	memset(ip + 20, 1, shape->options_len);
	fix_ipv4_checksum(built);
}

static inline void
build_ipv6(struct built *built, const struct shape *shape, size_t udp_len)
{
	uint8_t *ip = built->frame + built->ip;
	uint8_t *next = ip + 6;
	size_t at = 40;

	store_be32(ip, 0x60000000 | 0x8bU << 20 | 0x54321);
	ip[7] = 57;
	for (size_t i = 0; i < 32; i++)
		ip[8 + i] = (uint8_t)(0x20 + i);
	for (unsigned i = 0; i < shape->extension_count; i++) {
		/* 16 bytes for every second header. */
		uint8_t units = i % 2 && shape->extensions[i] != 44;

		*next = shape->extensions[i];
		next = ip + at;
		next[1] = units;
		at += 8U + units * 8U;
	}
	*next = 17;
	built->udp = built->ip + at;
	store_be16(ip + 4, (uint16_t)(at - 40 + udp_len));
}

static inline struct built
build(const struct shape *shape)
{
	static const uint16_t tags[3][3] = {{0}, {0x8100}, {0x88a8, 0x8100}};
	struct built built = {.ip = 14 + 4 * (size_t)shape->tags};
	size_t udp_len = 8 + shape->payload_len;

	memset(built.frame, 0xee, 12);
	for (unsigned i = 0; i < shape->tags; i++)
		store_be32(built.frame + 12 + 4 * i, (uint32_t)tags[shape->tags][i] << 16 | 100);
	store_be16(built.frame + built.ip - 2, shape->v6 ? 0x86dd : 0x0800);
	if (shape->v6)
		build_ipv6(&built, shape, udp_len);
	else
		build_ipv4(&built, shape, udp_len);
	store_be16(built.frame + built.udp, 51820);
	store_be16(built.frame + built.udp + 2, 4567);
	store_be16(built.frame + built.udp + 4, (uint16_t)udp_len);
	store_be16(built.frame + built.udp + 6, 0xbeef);
	built.ip_end = built.udp + udp_len;
	built.len = built.ip_end + shape->trailer_len;
	assert_in_range(built.len, 42, FRAME_MAX);
	return built;
}

/* Parses a heap copy of exactly `len` bytes. */
static inline enum outer_verdict
parse(const uint8_t *frame, size_t len, struct outer *outer)
{
	uint8_t *copy = exact_copy(frame, len);
	enum outer_verdict verdict;

	memset(outer, 0x5a, sizeof(*outer));
	verdict = outer_parse(copy, len, outer);
	free(copy);
	return verdict;
}

static inline enum outer_verdict
verdict_of(const struct built *built)
{
	struct outer outer;

	return parse(built->frame, built->len, &outer);
}

static inline void
expect_addresses(const struct built *built, const struct shape *shape, const struct outer *outer)
{
	const uint8_t *ip = built->frame + built->ip;
	enum address_family family = shape->v6 ? ADDRESS_IPV6 : ADDRESS_IPV4;
	size_t len = shape->v6 ? 16 : 4;
	struct endpoint source = {.port = outer->source.port};
	struct endpoint destination = {.port = outer->destination.port};

	source.address.family = (uint8_t)family;
	memcpy(source.address.bytes, ip + (shape->v6 ? 8 : 12), len);
	destination.address.family = (uint8_t)family;
	memcpy(destination.address.bytes, ip + (shape->v6 ? 24 : 16), len);
	assert_true(endpoint_equal(&outer->source, &source));
	assert_true(endpoint_equal(&outer->destination, &destination));
}
