/*
 * Tests of wire/message: layouts, the check of type and length, padding.
 * Black box against the header; padding against a twin that counts up.
 * Threads: none.
 */
#include "wire/message.h"

#include "packet.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static enum message_type
expected_type(uint32_t word, size_t len)
{
	if (word == 1 && len == 148)
		return MESSAGE_INITIATION;
	if (word == 2 && len == 92)
		return MESSAGE_RESPONSE;
	if (word == 3 && len == 64)
		return MESSAGE_COOKIE_REPLY;
	if (word == 4 && len >= 32)
		return MESSAGE_DATA;
	return MESSAGE_INVALID;
}

static void
mf_1_hs_15_classify(void **state)
{
	static const uint8_t zeros[200];

	(void)state;
	for (size_t len = 0; len <= sizeof(zeros); len++) {
		uint8_t *message = exact_copy(zeros, len);

		for (unsigned type = 0; type < 256 && len >= 4; type++) {
			message[0] = (uint8_t)type;
			assert_int_equal(message_classify(message, len), expected_type(type, len));
		}
		if (len < 4)
			assert_int_equal(message_classify(message, len), MESSAGE_INVALID);
		free(message);
	}
	assert_int_equal(message_classify((const uint8_t[9000]){4}, 9000), MESSAGE_DATA);
}

static void
hs_14_reserved(void **state)
{
	static const size_t lens[] = {0, 148, 92, 64, 32};

	(void)state;
	for (uint8_t type = 1; type <= 4; type++) {
		uint8_t message[148] = {type};

		assert_int_equal(message_classify(message, lens[type]), type);
		for (unsigned bit = 8; bit < 32; bit++) {
			message[bit / 8] ^= (uint8_t)(1U << bit % 8);
			assert_int_equal(message_classify(message, lens[type]), MESSAGE_INVALID);
			message[bit / 8] = 0;
		}
		/* No byte behind the first word matters. */
		memset(message + 4, 0xff, sizeof(message) - 4);
		assert_int_equal(message_classify(message, lens[type]), type);
	}
}

static void
test_layouts(void **state)
{
	(void)state;
	assert_int_equal(offsetof(struct message_initiation, sender_index_le32), 4);
	assert_int_equal(offsetof(struct message_initiation, ephemeral), 8);
	assert_int_equal(offsetof(struct message_initiation, sealed_static), 40);
	assert_int_equal(offsetof(struct message_initiation, sealed_timestamp), 88);
	assert_int_equal(offsetof(struct message_initiation, macs.mac1), 116);
	assert_int_equal(offsetof(struct message_initiation, macs.mac2), 132);
	assert_int_equal(offsetof(struct message_response, sender_index_le32), 4);
	assert_int_equal(offsetof(struct message_response, receiver_index_le32), 8);
	assert_int_equal(offsetof(struct message_response, ephemeral), 12);
	assert_int_equal(offsetof(struct message_response, sealed_empty), 44);
	assert_int_equal(offsetof(struct message_response, macs.mac1), 60);
	assert_int_equal(offsetof(struct message_response, macs.mac2), 76);
	assert_int_equal(offsetof(struct message_cookie_reply, receiver_index_le32), 4);
	assert_int_equal(offsetof(struct message_cookie_reply, nonce), 8);
	assert_int_equal(offsetof(struct message_cookie_reply, sealed_cookie), 32);
	assert_int_equal(offsetof(struct message_data, receiver_index_le32), 4);
	assert_int_equal(offsetof(struct message_data, counter_le64), 8);
	assert_int_equal(offsetof(struct message_data, sealed), 16);
}

static void
tr_7_pad_examples(void **state)
{
	(void)state;
	assert_int_equal(message_pad_len(28, 1420), 4);
	assert_int_equal(message_pad_len(1409, 1420), 11);
	assert_int_equal(message_pad_len(1419, 1420), 1);
	assert_int_equal(message_pad_len(1420, 1420), 0);
	assert_int_equal(message_pad_len(0, 1420), 0);
	assert_int_equal(message_pad_len(1420, 0), 4);
	/* Beyond the MTU: 1421 counts as 1, 2840 as 0. */
	assert_int_equal(message_pad_len(1421, 1420), 15);
	assert_int_equal(message_pad_len(2840, 1420), 0);
}

static void
test_pad_twin(void **state)
{
	(void)state;
	for (size_t mtu = 0; mtu <= 100; mtu++) {
		for (size_t len = 0; len <= 350; len++) {
			size_t last = len;
			size_t pad = 0;

			while (mtu != 0 && len > mtu && last >= mtu)
				last -= mtu;
			while ((last + pad) % 16 != 0 && (mtu == 0 || last + pad < mtu))
				pad++;
			assert_int_equal(message_pad_len(len, mtu), pad);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mf_1_hs_15_classify),
		cmocka_unit_test(hs_14_reserved),
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(tr_7_pad_examples),
		cmocka_unit_test(test_pad_twin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
