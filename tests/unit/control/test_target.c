/*
 * Targets: endpoints as texts, and who has which prefix in the end, at random against a plain list.
 */
#include "control/target.h"

#include "../proto/seed.h"
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t private_key[KEY_LEN] = {1};

static void
key_of(unsigned n, uint8_t key[static KEY_LEN])
{
	memset(key, 0, KEY_LEN);
	key[0] = (uint8_t)n;
	key[1] = 99;
}

static struct prefix
prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix, NULL), 0);
	return prefix;
}

static void
begin(struct target *target)
{
	struct tunnel_config config = {.listen_port = 4567, .mtu = 1400, .fwmark = 7};

	memcpy(config.private_key, private_key, KEY_LEN);
	assert_int_equal(target_from_config(target, &config, 0), 0);
}

static struct target_peer *
add(struct target *target, unsigned n)
{
	struct target_peer *peer;
	uint8_t key[KEY_LEN];

	key_of(n, key);
	assert_null(target_find(target, key));
	peer = target_add_peer(target, key);
	assert_non_null(peer);
	assert_ptr_equal(target_find(target, key), peer);
	return peer;
}

static void
allow(struct target *target, struct target_peer *peer, const char *text)
{
	const struct prefix prefix = prefix_of(text);

	assert_int_equal(target_allow(target, peer, &prefix), 0);
}

static void
disallow(struct target *target, struct target_peer *peer, const char *text)
{
	const struct prefix prefix = prefix_of(text);

	assert_int_equal(target_disallow(target, peer, &prefix), 0);
}

static void
expect(const struct target_peer *peer, unsigned count, const char *first)
{
	char text[PREFIX_TEXT_MAX];

	assert_int_equal(peer->allowed_ips_count, count);
	if (count > 0)
		assert_string_equal(prefix_format(&peer->allowed_ips[0], text), first);
}

static void
files_become_a_target(void **state)
{
	static const struct {
		const char *host;
		uint16_t port;
		const char *text;
		const char *text_4568;
	} cases[] = {
		{"192.0.2.1", 4567, "192.0.2.1:4567", "192.0.2.1:4568"},
		{"2001:DB8:0::1", 1, "[2001:db8::1]:1", "[2001:db8::1]:4568"},
		{"vpn.example", 99, "vpn.example:99", "vpn.example:4568"},
		{"", 0, "", ""},
	};
	struct tunnel_config_peer peers[4] = {{.port = 0}};
	struct prefix allowed = prefix_of("10.0.0.1");
	const struct tunnel_config config = {.peers = peers, .peer_count = 4};

	for (unsigned i = 0; i < 4; i++) {
		key_of(i, peers[i].public_key);
		strcpy(peers[i].host, cases[i].host);
		peers[i].port = cases[i].port;
	}
	peers[2].allowed_ips = &allowed;
	peers[2].allowed_ips_count = 1;
	peers[2].persistent_keepalive_s = 25;
	peers[2].preshared_key[3] = 5;
	strcpy(peers[2].name, "c");
	for (uint16_t port = 0; port <= 4568; port = (uint16_t)(port + 4568)) {
		const struct target_peer *peer;
		struct target target;
		unsigned i = 0;

		assert_int_equal(target_from_config(&target, &config, port), 0);
		assert_true(target.initiate);
		assert_false(target.identity.present);
		assert_int_equal(target_settle(&target), 0);
		assert_int_equal(target.peer_count, 4);
		TAILQ_FOREACH (peer, &target.peers, entry) {
			assert_true(peer->kept);
			assert_int_equal(peer->endpoint_rule, TARGET_ENDPOINT_FILE);
			assert_string_equal(
				peer->endpoint, port == 0 ? cases[i].text : cases[i].text_4568);
			i++;
		}
		peer = target_find(&target, peers[2].public_key);
		expect(peer, 1, "10.0.0.1/32");
		assert_int_equal(peer->persistent_keepalive_s, 25);
		assert_int_equal(peer->preshared_key[3], 5);
		assert_string_equal(peer->name, "c");
		target_fini(&target);
	}
}

static void
a_tunnel_becomes_a_target(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){
		.keepalive_s = {25}, .preshared = {true}, .mtu = 1300});
	const struct tunnel *tunnel = pair_tunnel(pair, 0);
	const struct target_peer *peer;
	struct target target;

	assert_int_equal(target_from_tunnel(&target, tunnel), 0);
	assert_false(target.initiate);
	assert_memory_equal(&target.identity, &tunnel->identity, sizeof(target.identity));
	assert_int_equal(target.listen_port, PAIR_PORT);
	assert_int_equal(target.mtu, 1300);
	assert_int_equal(target_settle(&target), 0);
	assert_int_equal(target.peer_count, 1);
	peer = target_find(&target, pair->sites[1].public_key);
	assert_true(peer->kept);
	assert_int_equal(peer->endpoint_rule, TARGET_ENDPOINT_KEEP);
	assert_int_equal(peer->persistent_keepalive_s, 25);
	assert_int_equal(peer->preshared_key[0], 7);
	expect(peer, 2, "10.0.1.0/24");
	target_fini(&target);
	pair_end(pair);
}

static void
the_last_one_has_it(void **state)
{
	struct target target;
	struct target_peer *a, *b;

	begin(&target);
	a = add(&target, 1);
	b = add(&target, 2);
	allow(&target, a, "10.0.0.0/8");
	allow(&target, a, "10.0.0.0/9");
	allow(&target, b, "10.0.0.0/8");
	/* It is not b's, so b does not lose it; and it was a's until b took it. */
	disallow(&target, b, "10.0.0.0/9");
	disallow(&target, a, "10.0.0.0/8");
	assert_int_equal(target_settle(&target), 0);
	expect(a, 1, "10.0.0.0/9");
	expect(b, 1, "10.0.0.0/8");
	target_fini(&target);
}

static void
what_a_removed_peer_took_is_nobodys(void **state)
{
	struct target target;
	struct target_peer *a, *b;
	uint8_t key[KEY_LEN];

	begin(&target);
	a = add(&target, 1);
	b = add(&target, 2);
	allow(&target, a, "10.0.0.1");
	allow(&target, a, "10.0.0.2");
	allow(&target, b, "10.0.0.1");
	target_remove_peer(&target, b);
	key_of(2, key);
	assert_null(target_find(&target, key));
	b = add(&target, 2);
	assert_false(b->kept);
	assert_int_equal(target_settle(&target), 0);
	expect(a, 1, "10.0.0.2/32");
	expect(b, 0, NULL);
	target_fini(&target);
}

static void
our_own_key_is_as_if_never_named(void **state)
{
	struct target target;
	struct target_peer *a, *own;

	begin(&target);
	a = add(&target, 1);
	allow(&target, a, "10.0.0.1");
	own = target_add_peer(&target, target.identity.public_key);
	assert_non_null(own);
	allow(&target, own, "10.0.0.1");
	assert_int_equal(target_settle(&target), 0);
	assert_int_equal(target.peer_count, 1);
	expect(a, 1, "10.0.0.1/32");
	target_fini(&target);
}

#define PEERS 6
#define PREFIXES 24
#define STEPS 200

/* Who has which prefix, by doing what is told one by one. */
struct naive {
	int owner[PREFIXES]; /* -1: nobody */
};

static void
naive_forget(struct naive *naive, int peer)
{
	for (unsigned i = 0; i < PREFIXES; i++)
		if (naive->owner[i] == peer)
			naive->owner[i] = -1;
}

static void
step(struct target *target, struct target_peer *peers[], struct naive *naive, uint64_t *seed)
{
	const int n = (int)seed_below(seed, PEERS);
	const unsigned i = (unsigned)seed_below(seed, PREFIXES);
	struct prefix prefix = prefix_of("10.0.0.0/32");

	prefix.address.bytes[3] = (uint8_t)i;
	if (peers[n] == NULL)
		peers[n] = add(target, (unsigned)n);
	switch (seed_below(seed, 12)) {
	case 0:
		target_remove_peer(target, peers[n]);
		peers[n] = NULL;
		naive_forget(naive, n);
		break;
	case 1:
		target_disallow_all(target, peers[n]);
		naive_forget(naive, n);
		break;
	case 2:
	case 3:
	case 4:
		assert_int_equal(target_disallow(target, peers[n], &prefix), 0);
		if (naive->owner[i] == n)
			naive->owner[i] = -1;
		break;
	default:
		assert_int_equal(target_allow(target, peers[n], &prefix), 0);
		naive->owner[i] = n;
	}
}

static void
agrees_with_one_step_after_the_other(void **state)
{
	uint64_t seed = seed_new();

	for (unsigned round = 0; round < 500; round++) {
		struct target_peer *peers[PEERS] = {NULL};
		struct naive naive;
		struct target target;

		memset(naive.owner, -1, sizeof(naive.owner));
		begin(&target);
		for (unsigned i = seed_below(&seed, STEPS); i > 0; i--)
			step(&target, peers, &naive, &seed);
		if (seed_below(&seed, 20) == 0) {
			target_remove_peers(&target);
			memset(naive.owner, -1, sizeof(naive.owner));
			memset(peers, 0, sizeof(peers));
		}
		assert_int_equal(target_settle(&target), 0);
		for (int n = 0; n < PEERS; n++) {
			unsigned k = 0;

			for (unsigned i = 0; i < PREFIXES; i++) {
				if (naive.owner[i] != n)
					continue;
				/* NOLINTNEXTLINE(clang-analyzer-core.*): it is there */
				assert_true(k < peers[n]->allowed_ips_count);
				assert_int_equal(peers[n]->allowed_ips[k++].address.bytes[3], i);
			}
			if (peers[n] != NULL)
				assert_int_equal(peers[n]->allowed_ips_count, k);
		}
		target_fini(&target);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_become_a_target),
		cmocka_unit_test(a_tunnel_becomes_a_target),
		cmocka_unit_test(the_last_one_has_it),
		cmocka_unit_test(what_a_removed_peer_took_is_nobodys),
		cmocka_unit_test(our_own_key_is_as_if_never_named),
		cmocka_unit_test(agrees_with_one_step_after_the_other),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
