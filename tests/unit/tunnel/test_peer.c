/*
 * TR-6: the slots of a peer, each combination of previous, current and next, and each event.
 */
#include "tunnel/peer.h"

#include "tunnel/tunnel.h"

#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum slot { PREVIOUS = 1, CURRENT = 2, NEXT = 4 };

struct bed {
	struct reclaim reclaim;
	struct tunnel *tunnel;
	struct peer *peer;
};

static void
bed_init(struct bed *bed)
{
	static const uint8_t private_key[32] = {1};
	static const uint8_t public_key[32] = {9};

	assert_int_equal(reclaim_init(&bed->reclaim, 1), 0);
	bed->tunnel = tunnel_create(&(const struct tunnel_settings){
		.name = "slots",
		.private_key = private_key,
		.lane_count = 1,
		.mtu = 1420,
		.reclaim = &bed->reclaim,
	});
	assert_non_null(bed->tunnel);
	bed->peer = tunnel_make_peer(bed->tunnel, &bed->tunnel->identity, public_key, NULL);
	assert_non_null(bed->peer);
	assert_int_equal(tunnel_reserve(bed->tunnel, 1), 0);
	tunnel_enter_peer(bed->tunnel, bed->peer);
}

static void
bed_fini(struct bed *bed)
{
	tunnel_destroy(bed->tunnel);
	reclaim_fini(&bed->reclaim);
}

/* A session in the index table, as a handshake leaves it. */
static struct session *
make(struct bed *bed, bool initiator)
{
	struct noise_session_keys keys = {.initiator = initiator};
	struct session *session;

	assert_int_equal(index_take(tunnel_indices(bed->tunnel), bed->peer, &keys.local_index), 0);
	session = session_create(bed->tunnel->sessions, bed->peer, &keys, 1);
	assert_non_null(session);
	index_set_session(tunnel_indices(bed->tunnel), keys.local_index, session);
	return session;
}

static void
fill(struct bed *bed, unsigned slots, struct session *filled[3])
{
	filled[0] = slots & PREVIOUS ? make(bed, true) : NULL;
	filled[1] = slots & CURRENT ? make(bed, true) : NULL;
	filled[2] = slots & NEXT ? make(bed, false) : NULL;
	bed->peer->previous = filled[0];
	atomic_store(&bed->peer->current, filled[1]);
	atomic_store(&bed->peer->next, filled[2]);
}

/* The slots are these, and the index table holds these and no others. */
static void
expect(struct bed *bed, struct session *previous, struct session *current, struct session *next)
{
	struct session *const sessions[3] = {previous, current, next};
	size_t count = 0;

	assert_ptr_equal(bed->peer->previous, previous);
	assert_ptr_equal(atomic_load(&bed->peer->current), current);
	assert_ptr_equal(atomic_load(&bed->peer->next), next);
	for (unsigned i = 0; i < 3; i++) {
		if (sessions[i] == NULL)
			continue;
		count++;
		assert_ptr_equal(
			index_find_session(tunnel_indices(bed->tunnel), sessions[i]->local_index),
			sessions[i]);
	}
	assert_int_equal(index_count(tunnel_indices(bed->tunnel)), count);
}

static void
tr_6_initiator_session_in_all_combinations(void **state)
{
	for (unsigned slots = 0; slots < 8; slots++) {
		struct session *filled[3];
		struct session *made;
		struct bed bed;

		bed_init(&bed);
		fill(&bed, slots, filled);
		made = make(&bed, true);
		peer_install_initiator(bed.peer, made);
		/* An unconfirmed next one is kept for receiving, before the current one. */
		expect(&bed, slots & NEXT ? filled[2] : filled[1], made, NULL);
		bed_fini(&bed);
	}
}

static void
tr_6_responder_session_in_all_combinations(void **state)
{
	for (unsigned slots = 0; slots < 8; slots++) {
		struct session *filled[3];
		struct session *made;
		struct bed bed;

		bed_init(&bed);
		fill(&bed, slots, filled);
		made = make(&bed, false);
		peer_install_responder(bed.peer, made);
		expect(&bed, NULL, filled[1], made);
		bed_fini(&bed);
	}
}

static void
tr_6_promotion_in_all_combinations(void **state)
{
	for (unsigned which = 0; which < 16; which++) {
		const unsigned slots = which & 7;
		const bool confirmed = which & 8 && slots & NEXT;
		struct session *filled[3];
		struct bed bed;

		bed_init(&bed);
		fill(&bed, slots, filled);
		if (confirmed)
			atomic_store(&filled[2]->confirmed, true);
		assert_int_equal(peer_promote(bed.peer), confirmed);
		if (confirmed)
			expect(&bed, filled[1], filled[2], NULL);
		else
			expect(&bed, filled[0], filled[1], filled[2]);
		bed_fini(&bed);
	}
}

/* A lane has confirmed it and control does not know yet: the same as promotion, and then. */
static void
a_confirmed_next_session_counts_as_current(void **state)
{
	for (unsigned responder = 0; responder < 2; responder++) {
		struct session *filled[3];
		struct session *made;
		struct bed bed;

		bed_init(&bed);
		fill(&bed, PREVIOUS | CURRENT | NEXT, filled);
		assert_ptr_equal(peer_send_session(bed.peer, 1), filled[1]);
		atomic_store(&filled[2]->confirmed, true);
		assert_ptr_equal(peer_send_session(bed.peer, 1), filled[2]);
		made = make(&bed, responder == 0);
		if (responder == 0) {
			peer_install_initiator(bed.peer, made);
			expect(&bed, filled[2], made, NULL);
		} else {
			peer_install_responder(bed.peer, made);
			expect(&bed, NULL, filled[2], made);
		}
		bed_fini(&bed);
	}
}

static void
erasing_leaves_nothing(void **state)
{
	struct session *filled[3];
	struct bed bed;

	bed_init(&bed);
	fill(&bed, PREVIOUS | CURRENT | NEXT, filled);
	peer_erase_sessions(bed.peer);
	expect(&bed, NULL, NULL, NULL);
	assert_null(peer_send_session(bed.peer, 1));
	bed_fini(&bed);
}

static void
sessions_are_wiped_when_lanes_have_passed(void **state)
{
	static const uint8_t zeros[NOISE_KEY_LEN];
	struct session *filled[3];
	struct bed bed;

	bed_init(&bed);
	fill(&bed, CURRENT, filled);
	filled[1]->send_key[5] = 0x55;
	reclaim_online(&bed.reclaim, 0);
	peer_erase_sessions(bed.peer);
	reclaim_poll(&bed.reclaim);
	assert_int_equal(filled[1]->send_key[5], 0x55);
	reclaim_quiescent(&bed.reclaim, 0);
	reclaim_poll(&bed.reclaim);
	/* The arena keeps its memory, so that it may still be looked at. */
	assert_memory_equal(filled[1]->send_key, zeros, sizeof(zeros));
	reclaim_offline(&bed.reclaim, 0);
	bed_fini(&bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tr_6_initiator_session_in_all_combinations),
		cmocka_unit_test(tr_6_responder_session_in_all_combinations),
		cmocka_unit_test(tr_6_promotion_in_all_combinations),
		cmocka_unit_test(a_confirmed_next_session_counts_as_current),
		cmocka_unit_test(erasing_leaves_nothing),
		cmocka_unit_test(sessions_are_wiped_when_lanes_have_passed),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
