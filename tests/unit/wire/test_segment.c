/*
 * Tests of wire/segment and wire/coalesce: what one cuts the other joins, and what else there is to
 * be right about. Black box against the headers; packets are made, and checked, by what is here.
 * Threads: none.
 */
#include "wire/coalesce.h"
#include "wire/ip.h"
#include "wire/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define ROOM 70000
#define PARTS_MAX 64

enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16, ECE = 64, CWR = 128 };

/* A TCP packet to be made. */
struct made {
	bool v6;
	uint16_t port;
	uint32_t sequence;
	uint8_t flags;
	uint8_t options; /* bytes of them */
	size_t payload_len;
};

static uint8_t
payload_byte(uint32_t sequence)
{
	return (uint8_t)(sequence * 7 + (sequence >> 8));
}

static size_t
ip_len(const struct made *made)
{
	return made->v6 ? IPV6_HEADER_LEN : IPV4_HEADER_LEN;
}

static uint16_t
pseudo_sum(const uint8_t *packet, size_t at, size_t len)
{
	const bool v6 = packet[0] >> 4 == 6;
	uint64_t sum = IP_TCP + (len - at);

	sum += checksum_sum(packet + (v6 ? 8 : 12), v6 ? 32 : 8);
	return checksum_fold(sum);
}

static void
write_sums(uint8_t *packet, size_t at, size_t len)
{
	if (packet[0] >> 4 == 4) {
		store_be16(packet + 10, 0);
		store_be16(packet + 10, (uint16_t)~checksum_sum(packet, IPV4_HEADER_LEN));
	}
	store_be16(packet + at + 16, 0);
	store_be16(packet + at + 16,
		(uint16_t)~checksum_fold((uint64_t)pseudo_sum(packet, at, len) +
			checksum_sum(packet + at, len - at)));
}

/* Makes the packet, right in all respects; returns its length. */
static size_t
make(uint8_t *packet, const struct made *made)
{
	const size_t at = ip_len(made);
	const size_t header_len = at + 20 + made->options;
	const size_t len = header_len + made->payload_len;
	uint8_t *tcp = packet + at;

	memset(packet, 0, header_len);
	if (made->v6) {
		packet[0] = 0x60;
		packet[3] = 0x17;
		store_be16(packet + 4, (uint16_t)(len - IPV6_HEADER_LEN));
		packet[6] = IP_TCP;
		packet[7] = 64;
		packet[8 + 15] = 1;
		packet[24 + 15] = 2;
	} else {
		packet[0] = 0x45;
		store_be16(packet + 2, (uint16_t)len);
		store_be16(packet + 4, 0xfffe); /* the identification wraps soon */
		packet[6] = 0x40;
		packet[8] = 64;
		packet[9] = IP_TCP;
		packet[12] = packet[16] = 10;
		packet[15] = 1;
		packet[19] = 2;
	}
	store_be16(tcp, made->port);
	store_be16(tcp + 2, 443);
	store_be32(tcp + 4, made->sequence);
	store_be32(tcp + 8, 99);
	tcp[12] = (uint8_t)((20 + made->options) / 4 << 4);
	tcp[13] = made->flags;
	store_be16(tcp + 14, 500);
	memset(tcp + 20, 1, made->options);
	for (uint32_t i = 0; i < made->payload_len; i++)
		packet[header_len + i] = payload_byte(made->sequence + i);
	write_sums(packet, at, len);
	return len;
}

static void
assert_right(const uint8_t *packet, size_t at, size_t len)
{
	if (packet[0] >> 4 == 4) {
		assert_int_equal(load_be16(packet + 2), len);
		assert_int_equal(checksum_sum(packet, IPV4_HEADER_LEN), UINT16_MAX);
	} else {
		assert_int_equal(load_be16(packet + 4) + IPV6_HEADER_LEN, len);
	}
	assert_int_equal(checksum_fold((uint64_t)pseudo_sum(packet, at, len) +
				 checksum_sum(packet + at, len - at)),
		UINT16_MAX);
}

static struct segment_hints
hints_of(const struct made *made, uint16_t payload_len)
{
	const uint16_t at = (uint16_t)ip_len(made);

	return (struct segment_hints){.tcp = true,
		.checksum_wanted = true,
		.payload_len = payload_len,
		.checksum_from = at,
		.checksum_at = (uint16_t)(at + 16)};
}

/* Cuts a packet of all flags, and looks at each segment. */
static void
assert_cut(const struct made *made, uint16_t payload_len)
{
	static uint8_t packet[ROOM];
	uint8_t part[ROOM / 8];
	const struct segment_hints hints = hints_of(made, payload_len);
	const size_t at = ip_len(made);
	const size_t header_len = at + 20 + made->options;
	const size_t len = make(packet, made);
	struct segments segments;
	size_t taken = 0;
	unsigned number = 0;

	assert_true(segments_begin(&segments, packet, len, &hints));
	for (size_t next; (next = segments_next_len(&segments)) > 0; number++) {
		const size_t left = made->payload_len - taken;
		const bool last = left <= payload_len;

		assert_int_equal(next, header_len + (last ? left : payload_len));
		segments_take(&segments, part);
		assert_right(part, at, next);
		assert_int_equal(load_be32(part + at + 4), (uint32_t)(made->sequence + taken));
		assert_int_equal(part[at + 13],
			made->flags & ~(last ? 0 : FIN | PSH) & ~(number == 0 ? 0 : CWR));
		if (!made->v6)
			assert_int_equal(load_be16(part + 4), (uint16_t)(0xfffe + number));
		for (size_t i = header_len; i < next; i++, taken++)
			assert_int_equal(part[i], payload_byte((uint32_t)(made->sequence + taken)));
	}
	assert_int_equal(taken, made->payload_len);
	assert_int_equal(number,
		made->payload_len == 0 ? 1 : (made->payload_len + payload_len - 1) / payload_len);
}

static void
large_packets_are_cut(void **state)
{
	static const size_t lens[] = {0, 1, 1379, 1380, 1381, 2760, 5000, 8000};
	struct made made = {.port = 1000,
		.sequence = UINT32_MAX - 2000,
		.flags = ACK | PSH | FIN | CWR,
		.options = 12};

	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++)
		for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
			made.v6 = v6 == 1;
			made.payload_len = lens[i];
			assert_cut(&made, 1380);
		}
	made.payload_len = 65000;
	assert_cut(&made, 1380);
	assert_cut(&made, 536);
}

static void
one_packet_gets_its_checksum(void **state)
{
	static const uint8_t good[] = {0x45, 0, 0, 29, 0, 0, 0x40, 0, 64, IP_UDP, 0, 0, 10, 0, 0, 1,
		10, 0, 0, 2, 0, 53, 0, 53, 0, 9, 0, 0, 'x'};
	struct segment_hints hints = {
		.checksum_wanted = true, .checksum_from = 20, .checksum_at = 26};
	uint8_t packet[sizeof(good)];
	uint8_t out[sizeof(good)];
	struct segments segments;
	uint64_t sum = IP_UDP + 9;

	(void)state;
	memcpy(packet, good, sizeof(good));
	sum += checksum_sum(packet + 12, 8);
	store_be16(packet + 26, checksum_fold(sum));
	assert_true(segments_begin(&segments, packet, sizeof(packet), &hints));
	assert_int_equal(segments_next_len(&segments), sizeof(packet));
	segments_take(&segments, out);
	assert_int_equal(checksum_fold(sum + checksum_sum(out + 20, 9)), UINT16_MAX);
	assert_int_equal(segments_next_len(&segments), 0);

	/* Nothing wanted, nothing changed. */
	hints = (struct segment_hints){0};
	assert_true(segments_begin(&segments, good, sizeof(good), &hints));
	segments_take(&segments, out);
	assert_memory_equal(out, good, sizeof(good));
}

static void
what_does_not_fit_is_refused(void **state)
{
	static uint8_t packet[ROOM];
	const struct made made = {.port = 1, .flags = ACK, .payload_len = 3000};
	const struct segment_hints good = hints_of(&made, 1000);
	const size_t len = make(packet, &made);
	struct segment_hints hints = good;
	struct segments segments;

	(void)state;
	hints.payload_len = 0;
	assert_false(segments_begin(&segments, packet, len, &hints));
	assert_int_equal(segments_next_len(&segments), 0);
	hints = good;
	hints.checksum_from = (uint16_t)len;
	assert_false(segments_begin(&segments, packet, len, &hints));
	hints = good;
	hints.checksum_at = (uint16_t)(len - 1);
	assert_false(segments_begin(&segments, packet, len, &hints));
	hints = good;
	hints.checksum_at = 2;
	assert_false(segments_begin(&segments, packet, len, &hints));
	assert_false(segments_begin(&segments, packet, 39, &good));
	assert_false(segments_begin(&segments, packet, 0, &good));
	assert_false(segments_begin(&segments, packet, SEGMENT_PACKET_MAX + 1, &good));
	packet[20 + 12] = 0x40; /* a TCP header of 16 bytes */
	assert_false(segments_begin(&segments, packet, len, &good));
	packet[20 + 12] = 0x50;
	packet[6] = 0x20; /* a fragment */
	assert_false(segments_begin(&segments, packet, len, &good));
	packet[6] = 0;
	packet[9] = IP_UDP;
	assert_false(segments_begin(&segments, packet, len, &good));
}

/* --- Joining ---------------------------------------------------------------------------------- */

struct burst {
	uint8_t memory[COALESCE_MAX][2048];
	struct coalesce_packet packets[COALESCE_MAX];
	unsigned count;
	struct coalesce coalesce;
};

static void
add(struct burst *burst, const struct made *made)
{
	const unsigned i = burst->count++;

	burst->packets[i].data = burst->memory[i];
	burst->packets[i].len = (uint16_t)make(burst->memory[i], made);
}

/* Adds `count` packets that follow each other, each of made->payload_len; moves made on. */
static void
add_row(struct burst *burst, struct made *made, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		add(burst, made);
		/* IPv4's identification may stay, as the packets must not be fragmented. */
		made->sequence += (uint32_t)made->payload_len;
	}
}

static unsigned
groups_of(struct burst *burst)
{
	coalesce_burst(&burst->coalesce, burst->packets, burst->count);
	return burst->coalesce.count;
}

static size_t
group_bytes(const struct burst *burst, const struct coalesce_group *group, uint8_t *out)
{
	const struct coalesce_packet *first = &burst->packets[group->members[0]];
	size_t len = first->len;

	memcpy(out, first->data, len);
	for (unsigned i = 1; i < group->count; i++) {
		const struct iovec more = coalesce_payload(&burst->packets[group->members[i]]);

		memcpy(out + len, more.iov_base, more.iov_len);
		len += more.iov_len;
	}
	return len;
}

/* What was joined is cut into what it was made of. */
static void
joined_and_cut_again(void **state)
{
	static struct burst burst;
	static uint8_t whole[ROOM];
	static uint8_t before[COALESCE_MAX][2048];
	uint8_t part[2048];

	(void)state;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct made made = {.v6 = v6 == 1,
			.port = 5,
			.sequence = UINT32_MAX - 5000,
			.flags = ACK,
			.options = 12,
			.payload_len = 1300};
		const struct coalesce_group *group = &burst.coalesce.groups[0];
		struct segments segments;
		size_t len;

		burst.count = 0;
		add_row(&burst, &made, 9);
		made.flags |= PSH;
		made.payload_len = 700;
		add_row(&burst, &made, 1);
		/* The identification goes up by one each, as a host's does. */
		for (unsigned i = 0; i < 10 && v6 == 0; i++) {
			store_be16(burst.memory[i] + 4, (uint16_t)(0xfffe + i));
			write_sums(burst.memory[i], 20, burst.packets[i].len);
		}
		memcpy(before, burst.memory, sizeof(before));
		assert_int_equal(groups_of(&burst), 1);
		assert_int_equal(group->count, 10);
		assert_int_equal(group->hints.payload_len, 1300);
		assert_int_equal(group->hints.header_len, (v6 == 1 ? 40 : 20) + 32);
		len = group_bytes(&burst, group, whole);
		assert_int_equal(len, group->len);
		assert_true(segments_begin(&segments, whole, len, &group->hints));
		for (unsigned i = 0; i < 10; i++) {
			assert_int_equal(segments_next_len(&segments), burst.packets[i].len);
			segments_take(&segments, part);
			assert_memory_equal(part, before[i], burst.packets[i].len);
		}
		assert_int_equal(segments_next_len(&segments), 0);
	}
}

static void
flows_that_alternate_are_joined_each(void **state)
{
	static struct burst burst;
	struct made flows[4];

	(void)state;
	burst.count = 0;
	for (unsigned i = 0; i < 4; i++)
		flows[i] = (struct made){.port = (uint16_t)(100 + i),
			.v6 = i % 2 == 1,
			.flags = ACK,
			.payload_len = 1000 + i};
	for (unsigned round = 0; round < 10; round++)
		for (unsigned i = 0; i < 4; i++)
			add_row(&burst, &flows[i], 1);
	assert_int_equal(groups_of(&burst), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(burst.coalesce.groups[i].count, 10);
}

/* Three packets of a flow, the middle one changed: it stays alone, and nothing goes by it. */
static void
assert_alone(struct burst *burst, unsigned changed, unsigned groups)
{
	assert_int_equal(groups_of(burst), groups);
	assert_int_equal(burst->coalesce.groups[1].members[0], changed);
	for (unsigned i = 0; i + 1 < groups; i++)
		assert_true(burst->coalesce.groups[i].members[0] <
			burst->coalesce.groups[i + 1].members[0]);
}

static void
begin_three(struct burst *burst, bool v6)
{
	struct made made = {.v6 = v6, .port = 9, .flags = ACK, .options = 12, .payload_len = 500};

	burst->count = 0;
	add_row(burst, &made, 3);
}

static void
what_is_not_alike_stays_apart(void **state)
{
	static const struct {
		bool v6;
		uint8_t at;
		uint8_t value;
		bool keeps_sums; /* so that they are wrong */
	} changes[] = {
		{false, 1, 0x04, false}, /* traffic class */
		{false, 8, 63, false}, /* time to live */
		{false, 6, 0, false}, /* may be fragmented, and its identification does not fit */
		{false, 10, 0x55, true}, /* the IP header's checksum */
		{false, 20 + 7, 0xee, false}, /* sequence number */
		{false, 20 + 11, 1, false}, /* acknowledgment */
		{false, 20 + 13, ACK | FIN, false}, {false, 20 + 13, ACK | SYN, false},
		{false, 20 + 13, ACK | ECE, false}, {false, 20 + 13, PSH, false},
		{false, 20 + 15, 1, false}, /* window */
		{false, 20 + 20, 2, false}, /* an option */
		{false, 60, 0x55, true}, /* payload */
		{true, 3, 0x18, false}, /* flow label */
		{true, 7, 63, false}, /* hop limit */
		{true, 90, 0x77, true}, /* payload */
	};
	static struct burst burst;

	(void)state;
	for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		uint8_t *middle = burst.memory[1];

		begin_three(&burst, changes[i].v6);
		middle[changes[i].at] = changes[i].value;
		if (!changes[i].keeps_sums)
			write_sums(middle, changes[i].v6 ? 40 : 20, burst.packets[1].len);
		assert_alone(&burst, 1, 3);
	}
}

static void
what_is_no_data_ends_a_row(void **state)
{
	static struct burst burst;
	struct made made = {.port = 9, .flags = ACK, .payload_len = 500};
	struct made pure = {.port = 9, .flags = ACK};

	(void)state;
	/* Shorter: the last one. */
	burst.count = 0;
	add_row(&burst, &made, 2);
	made.payload_len = 499;
	add_row(&burst, &made, 1);
	add_row(&burst, &made, 1);
	assert_int_equal(groups_of(&burst), 2);
	assert_int_equal(burst.coalesce.groups[0].count, 3);

	/* Longer: the first one of another row. */
	burst.count = 0;
	add_row(&burst, &made, 2);
	made.payload_len = 501;
	add_row(&burst, &made, 2);
	assert_int_equal(groups_of(&burst), 2);
	assert_int_equal(burst.coalesce.groups[0].count, 2);

	/* An acknowledgment alone of the same flow is between two rows. */
	burst.count = 0;
	add_row(&burst, &made, 2);
	pure.sequence = made.sequence;
	add(&burst, &pure);
	add_row(&burst, &made, 2);
	assert_int_equal(groups_of(&burst), 3);

	/* What is no TCP is of any flow. */
	burst.count = 0;
	add_row(&burst, &made, 3);
	burst.memory[1][9] = IP_UDP;
	assert_int_equal(groups_of(&burst), 3);
	assert_int_equal(burst.coalesce.groups[1].members[0], 1);
}

static void
no_more_than_an_ip_packet_holds(void **state)
{
	static struct burst burst;
	struct made made = {.port = 9, .flags = ACK, .payload_len = 1960};

	(void)state;
	burst.count = 0;
	add_row(&burst, &made, COALESCE_MAX);
	assert_int_equal(groups_of(&burst), 2);
	assert_int_equal(burst.coalesce.groups[0].count, (UINT16_MAX - 40) / 1960);
	assert_in_range(burst.coalesce.groups[0].len, 60000, UINT16_MAX);
	burst.count = 0;
	assert_int_equal(groups_of(&burst), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_packets_are_cut),
		cmocka_unit_test(one_packet_gets_its_checksum),
		cmocka_unit_test(what_does_not_fit_is_refused),
		cmocka_unit_test(joined_and_cut_again),
		cmocka_unit_test(flows_that_alternate_are_joined_each),
		cmocka_unit_test(what_is_not_alike_stays_apart),
		cmocka_unit_test(what_is_no_data_ends_a_row),
		cmocka_unit_test(no_more_than_an_ip_packet_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
