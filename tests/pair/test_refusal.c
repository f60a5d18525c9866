/*
 * What a gateway must not let through: spoilt data, sealed rubbish, foreign sources.
 */
#include "puppet.h"

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* As many forged messages as one test sends. */
#define FORGED 1000000

static void
begin(struct pair **pair, struct puppet *puppet)
{
	*pair = pair_begin(&(const struct pair_options){.gateways = 1});
	puppet_init(puppet, *pair, 1);
	puppet_connect(puppet);
}

/* The session is as good as before; then the end. */
static void
still_works(struct pair *pair, struct puppet *puppet)
{
	const uint64_t before = pair->sites[0].received_count;
	uint8_t packet[60];

	pair_packet_make(packet, 4, sizeof(packet), 1, 0, 4711);
	puppet_data(puppet, packet, sizeof(packet));
	pair_settle(pair);
	assert_int_equal(pair->sites[0].received_count, before + 1);
	assert_int_equal(pair_received(pair, 0, before)->number, 4711);
	puppet_fini(puppet);
	pair_end(pair);
}

static void
expect_refused(struct pair *pair, struct puppet *puppet, const uint8_t *plain, size_t len)
{
	const uint64_t before = pair->sites[0].received_count;

	puppet_data(puppet, plain, len);
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_IN_INNER, 1);
	assert_int_equal(pair->sites[0].received_count, before);
}

static void
mf_5_data_too_short_for_a_tag_is_refused(void **state)
{
	struct puppet puppet;
	struct pair *pair;
	uint8_t message[WIRE_FRAME_MAX];

	begin(&pair, &puppet);
	puppet_data_make(&puppet, 100, "", 0, message);
	for (size_t len = 0; len < MESSAGE_DATA_OVERHEAD; len++)
		puppet_send(&puppet, message, len);
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_IN_MESSAGE, MESSAGE_DATA_OVERHEAD);
	still_works(pair, &puppet);
}

static void
mf_7_inner_versions_and_short_headers(void **state)
{
	struct puppet puppet;
	struct pair *pair;
	uint8_t plain[80];

	begin(&pair, &puppet);
	for (unsigned version = 0; version < 16; version++) {
		if (version == 4 || version == 6)
			continue;
		pair_packet_make(plain, 4, sizeof(plain), 1, 0, 1);
		plain[0] = (uint8_t)(version << 4 | 5);
		expect_refused(pair, &puppet, plain, sizeof(plain));
	}
	pair_packet_make(plain, 4, sizeof(plain), 1, 0, 1);
	for (size_t len = 1; len < 20; len++)
		expect_refused(pair, &puppet, plain, len);
	pair_packet_make(plain, 6, sizeof(plain), 1, 0, 1);
	for (size_t len = 1; len < 40; len++)
		expect_refused(pair, &puppet, plain, len);
	still_works(pair, &puppet);
}

static void
mf_8_mf_9_lengths_of_ipv4(void **state)
{
	static const uint16_t lengths[] = {0, 1, 19, 81, 96, 65535};
	struct puppet puppet;
	struct pair *pair;
	uint8_t plain[80];

	begin(&pair, &puppet);
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		pair_packet_make(plain, 4, sizeof(plain), 1, 0, 1);
		store_be16(plain + 2, lengths[i]);
		expect_refused(pair, &puppet, plain, sizeof(plain));
	}
	/* A header longer than the packet, and one shorter than a header. */
	pair_packet_make(plain, 4, sizeof(plain), 1, 0, 1);
	plain[0] = 0x4f;
	store_be16(plain + 2, 20);
	expect_refused(pair, &puppet, plain, sizeof(plain));
	plain[0] = 0x44;
	store_be16(plain + 2, sizeof(plain));
	expect_refused(pair, &puppet, plain, sizeof(plain));
	still_works(pair, &puppet);
}

static void
mf_10_mf_11_defect_21_lengths_of_ipv6(void **state)
{
	static const uint16_t lengths[] = {41, 56, 65495, 65496, 65500, 65535};
	struct puppet puppet;
	struct pair *pair;
	uint8_t plain[80];

	begin(&pair, &puppet);
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		pair_packet_make(plain, 6, sizeof(plain), 1, 0, 1);
		store_be16(plain + 4, lengths[i]);
		expect_refused(pair, &puppet, plain, sizeof(plain));
	}
	still_works(pair, &puppet);
}

/* All that data can change; unauthenticated data must change none of it (P-7). */
struct snapshot {
	struct replay replay;
	uint8_t stamps[sizeof(struct timer_stamps)];
	struct endpoint endpoint;
	struct session *slots[3];
	bool confirmed;
	uint64_t sent_count;
};

static void
take_snapshot(struct snapshot *shot, struct pair *pair)
{
	struct peer *peer = pair_peer(pair, 0, 1);
	struct session *session = atomic_load(&peer->current);

	memset(shot, 0, sizeof(*shot));
	shot->replay = session->replay;
	memcpy(shot->stamps, (const void *)&peer->stamps, sizeof(shot->stamps));
	shot->endpoint = peer->endpoint;
	shot->slots[0] = peer->previous;
	shot->slots[1] = session;
	shot->slots[2] = atomic_load(&peer->next);
	shot->sent_count = pair->wire.sent_count;
}

static void
mf_20_defect_1_each_single_bit_counts(void **state)
{
	struct puppet puppet;
	struct pair *pair;
	struct snapshot before;
	struct snapshot after;
	uint8_t packet[100];
	uint8_t message[WIRE_FRAME_MAX];
	size_t len;

	begin(&pair, &puppet);
	pair_packet_make(packet, 4, sizeof(packet), 1, 0, 1);
	len = puppet_data_make(&puppet, puppet.counter, packet, sizeof(packet), message);
	take_snapshot(&before, pair);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		message[bit / 8] ^= 1 << bit % 8;
		puppet_send(&puppet, message, len);
		pair_advance(pair, NS_IN_MS);
		message[bit / 8] ^= 1 << bit % 8;
	}
	take_snapshot(&after, pair);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(pair->sites[0].received_count, 0);
	pair_dropped(pair, 0, DROP_IN_MESSAGE, 32);
	pair_dropped(pair, 0, DROP_IN_UNKNOWN_INDEX, 32);
	pair_dropped(pair, 0, DROP_IN_AUTH, 8 * (len - 8));
	still_works(pair, &puppet);
}

static void
rp_9_defect_15_forged_counters_do_not_move_the_window(void **state)
{
	struct puppet puppet;
	struct pair *pair;
	struct snapshot before;
	struct snapshot after;
	uint8_t message[WIRE_FRAME_MAX];
	size_t len;

	begin(&pair, &puppet);
	take_snapshot(&before, pair);
	len = puppet_data_make(&puppet, 1, "", 0, message);
	for (unsigned i = 0; i < FORGED; i++) {
		/* Each magnitude there is, below the limit. */
		store_le64(message + 8,
			UINT64_C(1) << (10 + i % 53) | wire_random(&pair->wire, 1 << 10));
		puppet_send(&puppet, message, len);
		if (i % 1000 == 999)
			pair_settle(pair);
	}
	take_snapshot(&after, pair);
	assert_memory_equal(&before, &after, sizeof(before));
	pair_dropped(pair, 0, DROP_IN_AUTH, FORGED);
	still_works(pair, &puppet);
}

static void
rp_3_the_window_is_8128_deep(void **state)
{
	static const uint64_t counters[] = {20000, 11874, 11873, 11872, 11871, 20000, 11872};
	struct puppet puppet;
	struct pair *pair;
	uint8_t message[WIRE_FRAME_MAX];
	uint8_t packet[60];

	begin(&pair, &puppet);
	pair_packet_make(packet, 4, sizeof(packet), 1, 0, 1);
	for (unsigned i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		puppet_send(&puppet, message,
			puppet_data_make(&puppet, counters[i], packet, sizeof(packet), message));
		pair_settle(pair);
		assert_int_equal(pair->sites[0].received_count, i < 4 ? i + 1 : 4);
	}
	pair_dropped(pair, 0, DROP_IN_REPLAY, 3);
	puppet.counter = 20001;
	still_works(pair, &puppet);
}

static void
ai_3_ai_12_only_own_sources_are_let_in(void **state)
{
	struct puppet puppet;
	struct pair *pair;
	uint8_t packet[80];

	begin(&pair, &puppet);
	/* Nobody's, our own, and that of the peer in the clothes of IPv6. */
	pair_packet_make(packet, 4, sizeof(packet), 77, 0, 1);
	puppet_data(&puppet, packet, sizeof(packet));
	pair_packet_make(packet, 6, sizeof(packet), 77, 0, 1);
	puppet_data(&puppet, packet, sizeof(packet));
	pair_packet_make(packet, 4, sizeof(packet), 0, 0, 1);
	puppet_data(&puppet, packet, sizeof(packet));
	pair_packet_make(packet, 6, sizeof(packet), 1, 0, 1);
	memset(packet + 8, 0, 10);
	memset(packet + 18, 0xff, 2);
	memcpy(packet + 20, (const uint8_t[]){10, 0, 1, 9}, 4);
	puppet_data(&puppet, packet, sizeof(packet));
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_IN_SOURCE, 4);
	assert_int_equal(pair->sites[0].received_count, 0);
	still_works(pair, &puppet);
}

static void
ai_3_sources_of_another_peer_are_refused(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 3});
	uint8_t packet[80];

	pair_connect(pair, 1, 0);
	pair_connect(pair, 2, 0);
	for (unsigned version = 4; version <= 6; version += 2) {
		/* From 2, in the name of 1. */
		pair_packet_make(packet, version, sizeof(packet), 1, 0, 1);
		assert_true(pair_send_bytes(pair, 2, packet, sizeof(packet)));
		/* A burst with both, the impostor's in between. */
		assert_true(pair_send_bytes(pair, 1, packet, sizeof(packet)));
		pair_settle(pair);
	}
	pair_dropped(pair, 0, DROP_IN_SOURCE, 2);
	assert_int_equal(pair->sites[0].received_count, 2);
	pair_converse(pair, 0, 1);
	pair_converse(pair, 0, 2);
	pair_converse(pair, 1, 2);
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mf_5_data_too_short_for_a_tag_is_refused),
		cmocka_unit_test(mf_7_inner_versions_and_short_headers),
		cmocka_unit_test(mf_8_mf_9_lengths_of_ipv4),
		cmocka_unit_test(mf_10_mf_11_defect_21_lengths_of_ipv6),
		cmocka_unit_test(mf_20_defect_1_each_single_bit_counts),
		cmocka_unit_test(rp_9_defect_15_forged_counters_do_not_move_the_window),
		cmocka_unit_test(rp_3_the_window_is_8128_deep),
		cmocka_unit_test(ai_3_ai_12_only_own_sources_are_let_in),
		cmocka_unit_test(ai_3_sources_of_another_peer_are_refused),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
