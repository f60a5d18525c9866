/*
 * Tests of wire/neighbour: who gets an answer, every field of it, and frames that are cut short.
 * Black box against the header; checksums by the slow twin of packet.h.
 * Threads: none.
 */
#include "wire/neighbour.h"

#include "packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const uint8_t our_mac[6] = {2, 1, 2, 3, 4, 5};
static const uint8_t their_mac[6] = {2, 0xa, 0xb, 0xc, 0xd, 0xe};

static size_t
make_arp(uint8_t frame[static NEIGHBOUR_ANSWER_MAX], uint32_t sender, uint32_t target)
{
	memset(frame, 0, NEIGHBOUR_ANSWER_MAX);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, their_mac, 6);
	store_be16(frame + 12, 0x0806);
	store_be16(frame + 14, 1);
	store_be16(frame + 16, 0x0800);
	frame[18] = 6;
	frame[19] = 4;
	store_be16(frame + 20, 1);
	memcpy(frame + 22, their_mac, 6);
	store_be32(frame + 28, sender);
	store_be32(frame + 38, target);
	return 42;
}

static void
set_nd_checksum(uint8_t *packet, size_t len)
{
	store_be16(packet + 42, 0);
	store_be16(packet + 42,
		(uint16_t)~slow_sum(slow_pseudo_sum(packet, len, 58), packet + 40, len));
}

/* From fd08::9 for fd08::2, with the sender's MAC as an option. */
static size_t
make_solicitation(uint8_t frame[static NEIGHBOUR_ANSWER_MAX])
{
	uint8_t *packet = frame + 14;

	memset(frame, 0, NEIGHBOUR_ANSWER_MAX);
	frame[0] = frame[1] = 0x33;
	memcpy(frame + 6, their_mac, 6);
	store_be16(frame + 12, 0x86dd);
	packet[0] = 0x60;
	store_be16(packet + 4, 32);
	packet[6] = 58;
	packet[7] = 255;
	packet[8] = 0xfd, packet[9] = 8, packet[23] = 9;
	packet[24] = 0xff, packet[25] = 2, packet[39] = 2;
	packet[40] = 135;
	packet[48] = 0xfd, packet[49] = 8, packet[63] = 2;
	packet[64] = 1;
	packet[65] = 1;
	memcpy(packet + 66, their_mac, 6);
	set_nd_checksum(packet, 32);
	return 14 + 40 + 32;
}

static void
arp_is_answered_to_who_asked(void **state)
{
	uint8_t frame[NEIGHBOUR_ANSWER_MAX];
	const size_t len = make_arp(frame, 0x0a080309, 0x0a080302);
	struct neighbour_question question;

	assert_true(neighbour_question_parse(frame, len, &question));
	assert_int_equal(question.version, 4);
	assert_int_equal(load_be32(question.target), 0x0a080302);
	assert_int_equal(neighbour_answer_make(frame, &question, our_mac), 42);
	assert_memory_equal(frame, their_mac, 6);
	assert_memory_equal(frame + 6, our_mac, 6);
	assert_int_equal(load_be16(frame + 12), 0x0806);
	assert_int_equal(load_be16(frame + 20), 2);
	assert_memory_equal(frame + 22, our_mac, 6);
	assert_int_equal(load_be32(frame + 28), 0x0a080302);
	assert_memory_equal(frame + 32, their_mac, 6);
	assert_int_equal(load_be32(frame + 38), 0x0a080309);
}

static void
solicitations_are_answered_to_who_asked(void **state)
{
	uint8_t frame[NEIGHBOUR_ANSWER_MAX];
	const uint8_t *packet = frame + 14;
	const size_t len = make_solicitation(frame);
	struct neighbour_question question;

	assert_true(neighbour_question_parse(frame, len, &question));
	assert_int_equal(question.version, 6);
	assert_int_equal(question.target[15], 2);
	assert_int_equal(neighbour_answer_make(frame, &question, our_mac), 14 + 40 + 32);
	assert_memory_equal(frame, their_mac, 6);
	assert_memory_equal(frame + 6, our_mac, 6);
	assert_int_equal(packet[23], 2);
	assert_int_equal(packet[39], 9);
	assert_int_equal(packet[7], 255);
	assert_int_equal(packet[40], 136);
	assert_int_equal(packet[44], 0x60);
	assert_int_equal(packet[63], 2);
	assert_int_equal(packet[64], 2);
	assert_int_equal(packet[65], 1);
	assert_memory_equal(packet + 66, our_mac, 6);
	assert_int_equal(slow_sum(slow_pseudo_sum(packet, 32, 58), packet + 40, 32), 0xffff);
}

/*
 * Probes (RFC 5227), gratuitous ARP, duplicate address detection: they would take us for a rival.
 */
static void
who_asks_for_itself_gets_no_answer(void **state)
{
	uint8_t frame[NEIGHBOUR_ANSWER_MAX];
	struct neighbour_question question;
	size_t len = make_arp(frame, 0, 0x0a080302);

	assert_false(neighbour_question_parse(frame, len, &question));
	len = make_arp(frame, 0x0a080302, 0x0a080302);
	assert_false(neighbour_question_parse(frame, len, &question));
	len = make_solicitation(frame);
	memset(frame + 14 + 8, 0, 16);
	set_nd_checksum(frame + 14, 32);
	assert_false(neighbour_question_parse(frame, len, &question));
}

static void
a_single_wrong_field_is_no_question(void **state)
{
	static const uint8_t arp_fields[] = {12, 13, 14, 15, 16, 17, 18, 19, 20, 21};
	/* Type, code, version, next header, hop limit, checksum. */
	static const uint8_t nd_fields[] = {12, 13, 14, 20, 21, 54, 55, 56, 57};
	uint8_t frame[NEIGHBOUR_ANSWER_MAX];
	struct neighbour_question question;

	for (size_t i = 0; i < sizeof(arp_fields); i++) {
		const size_t len = make_arp(frame, 0x0a080309, 0x0a080302);

		frame[arp_fields[i]] ^= 0x11;
		assert_false(neighbour_question_parse(frame, len, &question));
	}
	for (size_t i = 0; i < sizeof(nd_fields); i++) {
		const size_t len = make_solicitation(frame);

		frame[nd_fields[i]] ^= 0x11;
		assert_false(neighbour_question_parse(frame, len, &question));
	}
}

static void
frames_cut_short_are_no_questions(void **state)
{
	uint8_t frame[NEIGHBOUR_ANSWER_MAX];
	struct neighbour_question question;

	for (unsigned kind = 0; kind < 2; kind++) {
		const size_t whole = kind == 0 ? make_arp(frame, 0x0a080309, 0x0a080302)
					       : make_solicitation(frame);

		for (size_t len = 0; len < whole; len++) {
			uint8_t *copy = exact_copy(frame, len);

			assert_false(neighbour_question_parse(copy, len, &question));
			free(copy);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp_is_answered_to_who_asked),
		cmocka_unit_test(solicitations_are_answered_to_who_asked),
		cmocka_unit_test(who_asks_for_itself_gets_no_answer),
		cmocka_unit_test(a_single_wrong_field_is_no_question),
		cmocka_unit_test(frames_cut_short_are_no_questions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
