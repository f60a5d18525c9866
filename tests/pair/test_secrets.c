/*
 * What is left of keys in the memory of a process with two gateways, by the virtual clock: after
 * 540 s, and when a peer has gone. What a real process holds is tests/scenario/secrets.sh's.
 */
#include "puppet.h"

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEYS_MAX 16
/* Where sanitizers keep what they know of memory; nothing else of ours is as large. */
#define MAPPING_MAX (UINT64_C(8) << 30)
/* Keys are remembered in another form, lest it is the memory of them that is found. */
#define MASK UINT64_C(0x5bd1e995a3c4f7b1)

struct keys {
	const char *names[KEYS_MAX];
	uint64_t masked[KEYS_MAX]; /* of the 8 bytes in the middle */
	unsigned count;
	bool found[KEYS_MAX];
};

static void
keys_add(struct keys *keys, const char *name, const uint8_t key[32])
{
	assert_true(keys->count < KEYS_MAX && !secret_is_zero(key, 32));
	keys->names[keys->count] = name;
	keys->masked[keys->count++] = load_le64(key + 12) ^ MASK;
}

/* The memory is others': it is read as it is, freed or not. */
__attribute__((no_sanitize("address", "undefined", "thread"), noinline)) static void
search(struct keys *keys, const uint8_t *start, const uint8_t *end)
{
	uint64_t value;

	/* Most is zeros; of a key no four bytes are, or hardly ever. */
	for (const uint8_t *at = start; at + 8 <= end; at += value == 0 ? 4 : 1) {
		value = *(const volatile uint64_t *)(const void *)at;
		for (unsigned i = 0; value != 0 && i < keys->count; i++)
			if ((value ^ MASK) == keys->masked[i])
				keys->found[i] = true;
	}
}

/* Returns how many of the keys are anywhere in what this process may read and write. */
static unsigned
keys_in_memory(struct keys *keys, bool said)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned found = 0;
	char line[512];

	assert_non_null(maps);
	memset(keys->found, 0, sizeof(keys->found));
	while (fgets(line, sizeof(line), maps) != NULL) {
		uintptr_t start, end;
		char mode[5];

		assert_int_equal(sscanf(line, "%lx-%lx %4s", &start, &end, mode), 3);
		if (strncmp(mode, "rw", 2) == 0 && end - start < MAPPING_MAX)
			search(keys, (const uint8_t *)start, (const uint8_t *)end);
	}
	(void)fclose(maps);
	for (unsigned i = 0; i < keys->count; i++) {
		found += keys->found[i];
		if (keys->found[i] && said)
			print_error("%s is still in memory\n", keys->names[i]);
	}
	return found;
}

static void
add_session(struct keys *keys, struct pair *pair, unsigned site)
{
	const struct session *session = atomic_load(&pair_peer(pair, site, 1 - site)->current);

	assert_non_null(session);
	keys_add(keys, "send key", session->send_key);
	keys_add(keys, "receive key", session->receive_key);
}

static void
tm_14_sec_5_no_session_key_is_left_after_540_s(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct keys keys = {.count = 0};

	pair_connect(pair, 0, 1);
	pair_converse(pair, 0, 1);
	for (unsigned site = 0; site < 2; site++)
		add_session(&keys, pair, site);
	assert_int_equal(keys_in_memory(&keys, false), keys.count);
	pair_advance(pair, 545 * NS_IN_S);
	assert_int_equal(keys_in_memory(&keys, true), 0);
	pair_end(pair);
}

static bool
nothing_arrives(struct wire_frame *frame, void *context)
{
	return false;
}

static void
sec_5_no_handshake_is_left_when_it_was_given_up(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct keys keys = {.count = 0};

	pair->wire.filter = nothing_arrives;
	pair_send(pair, 0, 1, 1);
	pair_advance(pair, NS_IN_S);
	keys_add(&keys, "ephemeral key", pair_peer(pair, 0, 1)->handshake.ephemeral_private);
	keys_add(&keys, "chaining key", pair_peer(pair, 0, 1)->handshake.chaining_key);
	assert_int_equal(keys_in_memory(&keys, false), 2);
	pair_advance(pair, 6 * NS_IN_S);
	assert_int_equal(keys_in_memory(&keys, true), 0);
	keys.count = 0;
	pair_until(pair, pair_now_ns(pair) + 110 * NS_IN_S);
	keys_add(&keys, "ephemeral key", pair_peer(pair, 0, 1)->handshake.ephemeral_private);
	keys_add(&keys, "chaining key", pair_peer(pair, 0, 1)->handshake.chaining_key);
	pair_advance(pair, 545 * NS_IN_S);
	assert_int_equal(keys_in_memory(&keys, true), 0);
	pair_dropped(pair, 0, DROP_OUT_GAVE_UP, 1);
	pair_end(pair);
}

static void
sec_5_no_key_of_a_removed_peer_is_left(void **state)
{
	struct pair *pair = pair_begin(
		&(const struct pair_options){.sites = 3, .preshared = {true, true, true}});
	struct keys keys = {.count = 0};
	struct reconfigure_counts counts;

	pair_connect(pair, 0, 1);
	pair_converse(pair, 0, 1);
	/* The other side is in the same process, and lets go of its copy. */
	add_session(&keys, pair, 0);
	peer_erase_sessions(pair_peer(pair, 1, 0));
	pair_settle(pair);
	keys_add(&keys, "static-static", pair_peer(pair, 0, 2)->remote.static_static);
	pair_file_remove(pair, 0, pair->sites[1].public_key);
	pair_file_remove(pair, 0, pair->sites[2].public_key);
	pair_file_remove(pair, 2, pair->sites[0].public_key);
	assert_int_equal(keys_in_memory(&keys, false), keys.count);
	assert_int_equal(pair_reconfigure(pair, 0, &counts), 0);
	assert_int_equal(counts.removed, 2);
	assert_int_equal(pair_reconfigure(pair, 2, &counts), 0);
	pair_settle(pair);
	pair_advance(pair, NS_IN_S);
	assert_int_equal(keys_in_memory(&keys, true), 0);
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tm_14_sec_5_no_session_key_is_left_after_540_s),
		cmocka_unit_test(sec_5_no_handshake_is_left_when_it_was_given_up),
		cmocka_unit_test(sec_5_no_key_of_a_removed_peer_is_left),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
