/*
 * Random changes with traffic in between, against an oracle: who owns a prefix by the files gets
 * its packets, and nobody else; who did not change is not touched.
 *
 * Site 0's files change; sites 1 and 2 follow where both ends must agree. Prefix n of PREFIXES is
 * 10.0.1.(n)/32 or 10.0.2.(n)/32.
 */
#include "pair.h"

#include "crypto/x25519.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OTHERS 2
#define PREFIXES 6
#define STEPS 150
#define WAIT_S 60

struct world {
	struct pair *pair;
	unsigned owner[PREFIXES]; /* site by the files; 0: nobody */
	bool present[1 + OTHERS];
	uint8_t preshared_key[1 + OTHERS]; /* its first byte */
	uint16_t keepalive_s[1 + OTHERS];
	bool six[1 + OTHERS]; /* the endpoint in the files is the IPv6 one */
	unsigned generation[1 + OTHERS]; /* of its peer at site 0: how often it changed */
};

static uint64_t
below(struct world *world, uint64_t limit)
{
	return wire_random(&world->pair->wire, limit);
}

static void
write_peer(struct world *world, unsigned site)
{
	struct pair *pair = world->pair;
	const uint8_t *key = pair->sites[site].public_key;
	struct tunnel_config_peer *file;
	char list[256] = "";

	if (!world->present[site])
		return;
	file = pair_file_add(pair, 0, key);
	for (unsigned n = 0; n < PREFIXES; n++)
		if (world->owner[n] == site)
			snprintf(list + strlen(list), sizeof(list) - strlen(list), " 10.0.%u.%u",
				1 + n % 2, n);
	pair_file_allow(file, list);
	file->preshared_key[0] = world->preshared_key[site];
	file->persistent_keepalive_s = world->keepalive_s[site];
	address_format(&pair->sites[site].addresses[world->six[site]], file->host);
	file->port = PAIR_PORT;
}

/* Site 0's files anew, its peers in any order. */
static void
write_files(struct world *world)
{
	struct pair *pair = world->pair;
	const unsigned first = 1 + (unsigned)below(world, OTHERS);

	while (pair->sites[0].files.peer_count > 0)
		pair_file_remove(pair, 0, pair->sites[0].files.peers[0].public_key);
	write_peer(world, first);
	write_peer(world, 3 - first);
}

/* The other site's end of a preshared key or of our new public key. */
static void
follow(struct world *world, unsigned site, const uint8_t former_key[KEY_LEN])
{
	struct pair *pair = world->pair;
	struct tunnel_config_peer *file;

	pair_file_remove(pair, site, former_key);
	file = pair_file_add(pair, site, pair->sites[0].public_key);
	pair_file_allow(file, "10.0.0.0/24");
	file->preshared_key[0] = world->preshared_key[site];
	address_format(&pair->sites[0].addresses[0], file->host);
	file->port = PAIR_PORT;
	assert_int_equal(pair_reconfigure(pair, site, NULL), 0);
}

static void
new_key(struct world *world)
{
	struct pair_site *self = &world->pair->sites[0];
	uint8_t former[KEY_LEN];

	memcpy(former, self->public_key, KEY_LEN);
	for (unsigned i = 8; i < 16; i++)
		self->private_key[i] = (uint8_t)below(world, 256);
	memcpy(self->files.private_key, self->private_key, KEY_LEN);
	assert_int_equal(x25519_public(self->public_key, self->private_key), 0);
	for (unsigned site = 1; site <= OTHERS; site++) {
		world->generation[site]++;
		follow(world, site, former);
	}
}

/* One change of the world; what else changes by it counts as a change of that peer too. */
static void
change(struct world *world)
{
	const unsigned site = 1 + (unsigned)below(world, OTHERS);
	const unsigned n = (unsigned)below(world, PREFIXES);

	switch (below(world, 9)) {
	case 0:
		world->present[site] = !world->present[site];
		world->generation[site]++;
		break;
	case 1:
		world->preshared_key[site] = (uint8_t)below(world, 3);
		world->generation[site]++;
		follow(world, site, world->pair->sites[0].public_key);
		break;
	case 2:
		world->keepalive_s[site] = (uint16_t)(below(world, 3) * 10);
		world->generation[site]++;
		break;
	case 3:
		world->six[site] = !world->six[site];
		world->generation[site]++;
		break;
	case 4:
		if (below(world, 4) == 0)
			new_key(world);
		break;
	case 5:
		world->pair->sites[0].files.listen_port = (uint16_t)(PAIR_PORT + below(world, 3));
		/* Every header is made anew. */
		for (unsigned i = 1; i <= OTHERS; i++)
			world->generation[i]++;
		break;
	default:
		world->generation[world->owner[n]]++;
		world->owner[n] = world->owner[n] == site ? 0 : site;
		world->generation[site]++;
	}
}

/* The live state of the peer, but for what lists, heap and planner keep in it. */
static void
copy_of(struct world *world, unsigned site, uint8_t bytes[sizeof(struct peer)])
{
	const struct tunnel *tunnel = pair_tunnel(world->pair, 0);
	const struct peer *peer = key_table_find(tunnel->keys, world->pair->sites[site].public_key);
	struct peer *copy = (struct peer *)bytes;

	memset(bytes, 0, sizeof(struct peer));
	if (peer == NULL)
		return;
	memcpy(bytes, peer, sizeof(*peer));
	memset(&copy->entry, 0, sizeof(copy->entry));
	copy->planned = 0;
	copy->due_slot = 0;
}

static void
reconfigure(struct world *world)
{
	static uint8_t before[1 + OTHERS][sizeof(struct peer)] __attribute__((aligned(64)));
	static uint8_t after[sizeof(struct peer)] __attribute__((aligned(64)));
	unsigned generation[1 + OTHERS];

	memcpy(generation, world->generation, sizeof(generation));
	for (unsigned site = 1; site <= OTHERS; site++)
		copy_of(world, site, before[site]);
	for (uint64_t n = below(world, 3); n-- > 0;)
		change(world);
	write_files(world);
	assert_int_equal(pair_reconfigure(world->pair, 0, NULL), 0);
	for (unsigned site = 1; site <= OTHERS; site++) {
		copy_of(world, site, after);
		if (world->generation[site] == generation[site])
			assert_memory_equal(after, before[site], sizeof(after));
	}
}

/* A packet to or from prefix `n`, at site 0's side. */
static void
make(uint8_t packet[100], unsigned n, bool out, uint32_t number)
{
	pair_packet_make(packet, 4, 100, out ? 0 : 1 + n % 2, out ? 1 + n % 2 : 0, number);
	packet[out ? 19 : 15] = (uint8_t)n;
	/* The header's checksum again: the last byte was 9. */
	packet[10] = packet[11] = 0;
	for (unsigned sum = 0, i = 0; i <= 20; i += 2) {
		if (i < 20) {
			sum += (unsigned)packet[i] << 8 | packet[i + 1];
			continue;
		}
		sum = (sum & 0xffff) + (sum >> 16);
		sum = ~((sum & 0xffff) + (sum >> 16));
		packet[10] = (uint8_t)(sum >> 8);
		packet[11] = (uint8_t)sum;
	}
}

/* Whoever owns the prefix gets what is sent to it. */
static void
check_out(struct world *world, unsigned n)
{
	struct pair *pair = world->pair;
	const unsigned owner = world->present[world->owner[n]] ? world->owner[n] : 0;
	uint64_t before[1 + OTHERS];
	uint8_t packet[100];

	for (unsigned site = 0; site <= OTHERS; site++)
		before[site] = pair->sites[site].received_count;
	make(packet, n, true, n);
	assert_true(pair_send_bytes(pair, 0, packet, sizeof(packet)));
	pair_settle(pair);
	for (unsigned site = 1; site <= OTHERS; site++)
		assert_int_equal(pair->sites[site].received_count - before[site], site == owner);
	/* The sender is told, as far as it may be told often. */
	if (owner != 0)
		assert_int_equal(pair->sites[0].received_count, before[0]);
}

/* Only the owner's packets are taken. */
static void
check_in(struct world *world, unsigned n, unsigned from)
{
	struct pair *pair = world->pair;
	const uint64_t before = pair->sites[0].received_count;
	uint8_t packet[100];

	make(packet, n, false, n);
	assert_true(pair_send_bytes(pair, from, packet, sizeof(packet)));
	pair_settle(pair);
	assert_int_equal(pair->sites[0].received_count - before, world->owner[n] == from);
}

static bool
is_owner(const struct world *world, unsigned site)
{
	for (unsigned n = 0; n < PREFIXES; n++)
		if (world->owner[n] == site && world->present[site])
			return true;
	return false;
}

/*
 * Has every owner be sent something, and waits for the sessions that it takes. Handshakes begun at
 * both ends at once may cross, more than once even, and then it takes a while.
 */
static void
wait_for_sessions(struct world *world)
{
	struct pair *pair = world->pair;
	uint8_t packet[100];

	for (unsigned n = 0; n < PREFIXES; n++) {
		make(packet, n, true, n);
		assert_true(pair_send_bytes(pair, 0, packet, sizeof(packet)));
	}
	for (unsigned site = 1; site <= OTHERS; site++)
		for (unsigned s = 0; s < WAIT_S && is_owner(world, site) &&
			peer_send_session(pair_peer(pair, 0, site), pair_now_ns(pair)) == NULL;
			s++)
			pair_advance(pair, NS_IN_S);
	pair_advance(pair, NS_IN_S);
}

static void
check(struct world *world)
{
	wait_for_sessions(world);
	for (unsigned n = 0; n < PREFIXES; n++)
		check_out(world, n);
	/* Who was sent something knows our port, and may send on the newest session. */
	for (unsigned n = 0; n < PREFIXES; n++)
		for (unsigned from = 1; from <= OTHERS; from++)
			if (is_owner(world, from))
				check_in(world, n, from);
}

static void
p_4_random_changes_agree_with_the_files(void **state)
{
	struct world world = {
		.pair = pair_begin(&(const struct pair_options){.sites = 1 + OTHERS}),
		.owner = {1, 2, 1, 2, 1, 2},
		.present = {false, true, true},
	};

	world.pair->drops_unchecked = true;
	write_files(&world);
	assert_int_equal(pair_reconfigure(world.pair, 0, NULL), 0);
	for (unsigned step = 0; step < STEPS; step++) {
		reconfigure(&world);
		/* Sometimes the next change comes on the heels of this one. */
		if (below(&world, 3) != 0)
			check(&world);
	}
	check(&world);
	pair_settle(world.pair);
	assert_int_equal(world.pair->sites[0].gateway->control.departures.count, 0);
	pair_end(world.pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(p_4_random_changes_agree_with_the_files),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
