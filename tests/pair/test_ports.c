/*
 * Ports that are full, packets that cannot go anywhere, several tunnels, many peers at once.
 */
#include "puppet.h"

#include "base/bytes.h"
#include "base/random.h"
#include "crypto/x25519.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DEPTH 1024 /* of inner and underlay ports */
#define PEERS 300

static void
full_inner_port_drops_and_counts(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	pair_connect(pair, 0, 1);
	pair->sites[1].inner_stopped = true;
	for (uint32_t n = 0; n < DEPTH + 100; n++) {
		pair_send(pair, 0, 1, n);
		pair_settle(pair);
	}
	pair_dropped(pair, 1, DROP_IN_DELIVER_FULL, 100);
	pair->sites[1].inner_stopped = false;
	pair_settle(pair);
	assert_int_equal(pair->sites[1].received_count, DEPTH);
	for (uint32_t n = 0; n < DEPTH; n++)
		assert_int_equal(pair_received(pair, 1, n)->number, n);
	pair_converse(pair, 0, 1);
	pair_end(pair);
}

static void
full_underlay_port_drops_and_never_seals_again(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	uint64_t before;

	pair_connect(pair, 0, 1);
	before = pair->wire.sent_count;
	pair->wire.stopped[0] = true;
	for (uint32_t n = 0; n < DEPTH + 100; n++) {
		pair_send(pair, 0, 1, n);
		pair_settle(pair);
	}
	pair_dropped(pair, 0, DROP_OUT_TRANSMIT_FULL, 100);
	pair->wire.stopped[0] = false;
	pair_settle(pair);
	assert_int_equal(pair->wire.sent_count, before + DEPTH);
	assert_int_equal(pair->sites[1].received_count, DEPTH);
	pair_send(pair, 0, 1, 1);
	pair_settle(pair);
	/* The counters of what was dropped are burnt: 0 was the confirmation. */
	assert_int_equal(wire_last(&pair->wire, 0, MESSAGE_DATA)->counter, 1 + DEPTH + 100);
	pair_end(pair);
}

/* The ICMP error of 28 or 48 header bytes that came back to the sender, about `packet`. */
static void
expect_error(const struct pair *pair, uint64_t n, const uint8_t *packet, unsigned type,
	unsigned code, uint32_t mtu)
{
	const struct pair_packet *error = pair_received(pair, 0, n);
	const bool four = packet[0] >> 4 == 4;
	const size_t header_len = four ? 20 : 40;
	const uint8_t own4[4] = {10, 0, 0, 1};
	const uint8_t *icmp = error->bytes + header_len;

	assert_int_equal(error->bytes[0] >> 4, four ? 4 : 6);
	assert_int_equal(error->bytes[four ? 9 : 6], four ? 1 : 58);
	if (four)
		assert_memory_equal(error->bytes + 12, own4, 4);
	assert_memory_equal(
		error->bytes + (four ? 16 : 24), packet + (four ? 12 : 8), four ? 4 : 16);
	assert_int_equal(icmp[0], type);
	assert_int_equal(icmp[1], code);
	assert_int_equal(load_be32(icmp + 4), mtu);
	/* The quoted packet, from its header on. */
	assert_memory_equal(icmp + 8, packet, header_len);
}

static void
tr_18_no_peer_and_no_endpoint_are_answered(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.no_endpoint = {true}});
	uint8_t packet[80];
	uint64_t n = 0;

	for (unsigned to = 1; to <= 2; to++)
		for (unsigned version = 4; version <= 6; version += 2) {
			pair_packet_make(packet, version, sizeof(packet), 0, to, 1);
			assert_true(pair_send_bytes(pair, 0, packet, sizeof(packet)));
			pair_settle(pair);
			assert_int_equal(pair->sites[0].received_count, n + 1);
			expect_error(
				pair, n++, packet, version == 4 ? 3 : 1, version == 4 ? 1 : 3, 0);
		}
	pair_dropped(pair, 0, DROP_OUT_NO_ENDPOINT, 2);
	pair_dropped(pair, 0, DROP_OUT_NO_PEER, 2);
	assert_int_equal(pair->wire.sent_count, 0);
	pair_end(pair);
}

static void
tr_19_too_big_is_answered_with_the_mtu(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.mtu = 1380});
	uint8_t packet[1400];

	for (unsigned version = 4; version <= 6; version += 2) {
		pair_packet_make(packet, version, 1381, 0, 1, 1);
		if (version == 4) {
			/* Don't fragment; the checksum's share of it. */
			store_be16(packet + 6, 0x4000);
			store_be16(packet + 10, (uint16_t)(load_be16(packet + 10) - 0x4000));
		}
		assert_true(pair_send_bytes(pair, 0, packet, 1381));
		pair_settle(pair);
	}
	pair_dropped(pair, 0, DROP_OUT_TOO_BIG, 2);
	assert_int_equal(pair->sites[0].received_count, 2);
	pair_packet_make(packet, 6, 1381, 0, 1, 1);
	expect_error(pair, 1, packet, 2, 0, 1380);
	assert_int_equal(pair_received(pair, 0, 0)->bytes[20], 3);
	assert_int_equal(pair_received(pair, 0, 0)->bytes[21], 4);
	assert_int_equal(load_be32(pair_received(pair, 0, 0)->bytes + 24), 1380);
	pair_packet_make(packet, 4, 1380, 0, 1, 1);
	assert_true(pair_send_bytes(pair, 0, packet, 1380));
	pair_settle(pair);
	assert_int_equal(pair->sites[1].received_count, 1);
	pair_end(pair);
}

static void
tr_19_who_has_no_address_of_the_family_answers_all_the_same(void **state)
{
	static const uint8_t nobody4[4] = {192, 0, 0, 8};
	static const uint8_t nobody6[16] = {0xfe, 0x80, [15] = 8};
	struct pair *pair = pair_begin(&(const struct pair_options){.mtu = 1380});
	uint8_t packet[1400];

	pair_tunnel(pair, 0)->address_count = 0;
	for (unsigned version = 4; version <= 6; version += 2) {
		pair_packet_make(packet, version, 1381, 0, 1, 1);
		assert_true(pair_send_bytes(pair, 0, packet, 1381));
		pair_settle(pair);
	}
	pair_dropped(pair, 0, DROP_OUT_TOO_BIG, 2);
	assert_int_equal(pair->sites[0].received_count, 2);
	assert_memory_equal(pair_received(pair, 0, 0)->bytes + 12, nobody4, 4);
	assert_memory_equal(pair_received(pair, 0, 1)->bytes + 8, nobody6, 16);
	assert_int_equal(load_be32(pair_received(pair, 0, 1)->bytes + 44), 1380);
	pair_end(pair);
}

static void
tr_18_errors_are_limited_to_their_rate(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});

	for (uint32_t n = 0; n < 200; n++)
		pair_send(pair, 0, 9, n);
	pair_settle(pair);
	assert_int_equal(pair->sites[0].received_count, LANE_ICMP_BURST);
	for (unsigned i = 0; i < 100; i++) {
		pair_send(pair, 0, 9, i);
		pair_advance(pair, LANE_ICMP_INTERVAL_NS / 2);
	}
	assert_in_range(pair->sites[0].received_count, LANE_ICMP_BURST + 48, LANE_ICMP_BURST + 50);
	pair_dropped(pair, 0, DROP_OUT_NO_PEER, 300);
	pair_end(pair);
}

static void
what_is_no_packet_is_not_sent(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	uint8_t packet[60];

	pair_connect(pair, 0, 1);
	pair_packet_make(packet, 4, sizeof(packet), 0, 1, 1);
	assert_true(pair_send_bytes(pair, 0, packet, 19));
	packet[0] = 0x55;
	assert_true(pair_send_bytes(pair, 0, packet, sizeof(packet)));
	pair_settle(pair);
	pair_dropped(pair, 0, DROP_OUT_INNER, 2);
	assert_int_equal(pair->sites[0].received_count, 0);
	pair_end(pair);
}

/* A second tunnel at both sites, at the next port, with keys of its own. */
static void
add_second_tunnels(struct pair *pair, struct port *inner[2])
{
	uint8_t keys[2][32];

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(random_fill(keys[i], 32), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct tunnel_config_peer peer = {.port = PAIR_PORT + 1, .allowed_ips_count = 1};
		struct tunnel_config config = {.peers = &peer, .peer_count = 1, .clustering = true};
		struct prefix prefix;

		memcpy(config.private_key, keys[i], 32);
		assert_int_equal(x25519_public(peer.public_key, keys[1 - i]), 0);
		/* Site 0 initiates, as it starts; lest they cross, site 1 learns where it is. */
		if (i == 0)
			address_format(&pair->sites[1].addresses[0], peer.host);
		assert_int_equal(
			prefix_parse(i == 0 ? "10.0.1.0/24" : "10.0.0.0/24", &prefix, NULL), 0);
		peer.allowed_ips = &prefix;
		assert_int_equal(gateway_add_tunnel(pair->sites[i].gateway,
					 &(const struct gateway_tunnel_settings){
						 .config = &config,
						 .name = i == 0 ? "second0" : "second1",
						 .listen_port = PAIR_PORT + 1,
					 },
					 &inner[i]),
			0);
	}
}

static void
send_to(struct pair *pair, struct port *inner, uint32_t number)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pair->pool);

	assert_non_null(mbuf);
	pair_packet_make((uint8_t *)rte_pktmbuf_append(mbuf, 100), 4, 100, 0, 1, number);
	assert_int_equal(port_transmit(inner, 0, &mbuf, 1), 1);
}

static void
expect_from(struct port *inner, uint32_t number)
{
	struct rte_mbuf *mbuf;

	assert_int_equal(port_receive(inner, 0, &mbuf, 1), 1);
	assert_int_equal(load_be32(rte_pktmbuf_mtod_offset(mbuf, uint8_t *, 20)), number);
	rte_pktmbuf_free(mbuf);
	assert_int_equal(port_memory_pending(inner, 0), 0);
}

/* Gives the second tunnel's session at site 1 the index that the first one's has. */
static void
collide(struct pair *pair)
{
	struct tunnel *tunnels[2] = {pair->sites[1].gateway->control.tunnels[0],
		pair->sites[1].gateway->control.tunnels[1]};
	struct peer *sender = TAILQ_FIRST(&pair->sites[0].gateway->control.tunnels[1]->peers);
	struct session *first = atomic_load(&TAILQ_FIRST(&tunnels[0]->peers)->current);
	struct session *second = atomic_load(&TAILQ_FIRST(&tunnels[1]->peers)->current);
	struct index_table *table = tunnel_indices(tunnels[1]);

	assert_ptr_not_equal(table, tunnel_indices(tunnels[0]));
	atomic_store(&table->sessions[second->local_index & table->mask], NULL);
	second->local_index = first->local_index;
	atomic_store(&table->sessions[second->local_index & table->mask], second);
	atomic_load(&sender->current)->remote_index = first->local_index;
}

static void
two_tunnels_share_an_underlay_even_with_equal_indices(void **state)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.sites = 2});
	struct port *inner[2];
	const uint64_t before = pair->sites[1].received_count;

	add_second_tunnels(pair, inner);
	pair_advance(pair, NS_IN_S);
	pair_connect(pair, 0, 1);
	send_to(pair, inner[0], 1001);
	pair_send(pair, 0, 1, 1002);
	pair_settle(pair);
	expect_from(inner[1], 1001);
	assert_int_equal(pair_received(pair, 1, before)->number, 1002);
	collide(pair);
	for (uint32_t n = 0; n < 40; n++) {
		send_to(pair, inner[0], n);
		pair_send(pair, 0, 1, 100 + n);
		pair_settle(pair);
		expect_from(inner[1], n);
		assert_int_equal(pair->sites[1].received_count, before + n + 2);
		assert_int_equal(pair_received(pair, 1, before + n + 1)->number, 100 + n);
	}
	pair_end(pair);
}

static void
inner_address(uint8_t address[4], unsigned n)
{
	memcpy(address, (const uint8_t[]){10, 1, (uint8_t)(n / 256), (uint8_t)(n % 256)}, 4);
}

static void
many_peers_in_one_burst_each_get_their_own(void **state)
{
	struct pair *pair =
		pair_begin(&(const struct pair_options){.gateways = 1, .extra_peers = PEERS});
	struct puppet *puppets = calloc(PEERS, sizeof(*puppets));
	uint32_t last[PEERS] = {0};
	uint8_t packet[60];
	uint8_t plain[WIRE_FRAME_MAX];
	uint64_t before;

	assert_non_null(puppets);
	for (unsigned n = 0; n < PEERS; n++) {
		puppet_init_extra(&puppets[n], pair, n);
		puppet_connect(&puppets[n]);
	}
	/* Inwards: three packets of each, the peers in any order, all in the port at once. */
	for (unsigned i = 0; i < 3 * PEERS; i++) {
		const unsigned n = i * 7 % PEERS;

		pair_packet_make(packet, 4, sizeof(packet), 0, 0, n << 8 | ++last[n]);
		inner_address(packet + 12, n);
		puppet_data(&puppets[n], packet, sizeof(packet));
	}
	pair_settle(pair);
	assert_int_equal(pair->sites[0].received_count, 3 * PEERS);
	memset(last, 0, sizeof(last));
	for (unsigned i = 0; i < 3 * PEERS; i++) {
		const struct pair_packet *got = pair_received(pair, 0, i);
		const unsigned n = got->number >> 8;
		uint8_t source[4];

		assert_int_equal(n, i * 7 % PEERS);
		assert_int_equal(got->number & 0xff, ++last[n]);
		inner_address(source, n);
		assert_memory_equal(got->bytes + 12, source, 4);
	}
	/* Outwards: one to each, and each opens its own. */
	before = pair->wire.sent_count;
	for (unsigned i = 0; i < PEERS; i++) {
		pair_packet_make(packet, 4, sizeof(packet), 0, 1, i * 11 % PEERS);
		inner_address(packet + 16, i * 11 % PEERS);
		assert_true(pair_send_bytes(pair, 0, packet, sizeof(packet)));
	}
	pair_settle(pair);
	assert_int_equal(pair->wire.sent_count, before + PEERS);
	for (unsigned i = 0; i < PEERS; i++) {
		const struct wire_frame *frame = wire_sent(&pair->wire, before + i);
		const unsigned n = i * 11 % PEERS;

		assert_int_equal(frame->outer.destination.port, 10000 + n);
		puppet_open(&puppets[n], frame, plain);
		assert_int_equal(load_be32(plain + 20), n);
	}
	for (unsigned n = 0; n < PEERS; n++)
		puppet_fini(&puppets[n]);
	free(puppets);
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_inner_port_drops_and_counts),
		cmocka_unit_test(full_underlay_port_drops_and_never_seals_again),
		cmocka_unit_test(tr_18_no_peer_and_no_endpoint_are_answered),
		cmocka_unit_test(tr_19_too_big_is_answered_with_the_mtu),
		cmocka_unit_test(tr_19_who_has_no_address_of_the_family_answers_all_the_same),
		cmocka_unit_test(tr_18_errors_are_limited_to_their_rate),
		cmocka_unit_test(what_is_no_packet_is_not_sent),
		cmocka_unit_test(two_tunnels_share_an_underlay_even_with_equal_indices),
		cmocka_unit_test(many_peers_in_one_burst_each_get_their_own),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
