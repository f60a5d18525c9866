/*
 * Running gateways in one process: time, sessions, packets, drops.
 * Threads: the test's.
 */
#include "pair.h"

#include "base/bytes.h"
#include "control/handshake.h"

#include <rte_mbuf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* More rounds than this at one time, and something never comes to rest. */
#define SETTLE_ROUNDS_MAX 2000

uint64_t
pair_drops(const struct pair *pair, unsigned number, enum drop_reason reason)
{
	const struct pair_site *site = &pair->sites[number];
	const struct control *control = &site->gateway->control;
	const struct peer *peer;
	uint64_t count = 0;

	for (unsigned i = 0; i < site->gateway->settings.lane_count; i++)
		count += site->gateway->lanes[i].lane->drops[reason];
	for (unsigned t = 0; t < control->tunnel_count; t++) {
		count += control->tunnels[t]->drops[reason];
		TAILQ_FOREACH (peer, &control->tunnels[t]->peers, entry)
			count += peer->control_drops[reason];
	}
	return count;
}

void
pair_dropped(struct pair *pair, unsigned site, enum drop_reason reason, uint64_t count)
{
	struct pair_site *asked = &pair->sites[site];
	const uint64_t now = pair_drops(pair, site, reason);

	if (now - asked->accounted[reason] != count)
		fail_msg("site %u: %llu drops of %s, expected %llu", site,
			(unsigned long long)(now - asked->accounted[reason]),
			drop_reason_text(reason), (unsigned long long)count);
	asked->accounted[reason] = now;
}

/* The number that pair_packet_make put behind the header. */
static uint32_t
packet_number(const struct pair_packet *packet)
{
	const size_t header_len = packet->bytes[0] >> 4 == 4 ? 20 : 40;

	return packet->len < header_len + 4 ? 0 : load_be32(packet->bytes + header_len);
}

static void
remember(struct pair_site *site, struct rte_mbuf *mbuf)
{
	struct pair_packet *packet = &site->received[site->received_count++ % PAIR_RECEIVED_DEPTH];

	packet->len = rte_pktmbuf_pkt_len(mbuf);
	assert_true(packet->len <= sizeof(packet->bytes));
	assert_int_equal(mbuf->nb_segs, 1);
	memcpy(packet->bytes, rte_pktmbuf_mtod(mbuf, void *), packet->len);
	packet->number = packet_number(packet);
	rte_pktmbuf_free(mbuf);
}

static unsigned
take_received(struct pair_site *site)
{
	struct rte_mbuf *mbufs[64];
	unsigned taken = 0;
	uint16_t count;

	if (site->inner_stopped)
		return 0;
	for (uint16_t queue = 0; queue < site->inner->queue_count; queue++)
		while ((count = port_receive(site->inner, queue, mbufs, 64)) > 0) {
			for (uint16_t i = 0; i < count; i++)
				remember(site, mbufs[i]);
			taken += count;
		}
	return taken;
}

void
pair_settle(struct pair *pair)
{
	unsigned rounds = 0;
	unsigned work;

	do {
		work = 0;
		for (unsigned i = 0; i < pair->site_count; i++)
			if (pair->sites[i].gateway != NULL) {
				work += gateway_step(pair->sites[i].gateway);
				work += take_received(&pair->sites[i]);
			}
		work += wire_move(&pair->wire);
		if (rounds++ == SETTLE_ROUNDS_MAX)
			fail_msg("does not come to rest");
	} while (work > 0);
}

static void
pass(struct pair *pair, uint64_t ns)
{
	for (unsigned i = 0; i < pair->site_count; i++) {
		pair->sites[i].clock.boot_ns += ns;
		pair->sites[i].clock.real_ns += ns;
	}
	pair_settle(pair);
}

void
pair_advance(struct pair *pair, uint64_t ns)
{
	pair_settle(pair);
	for (uint64_t step_ns; ns > 0; ns -= step_ns) {
		step_ns = ns < pair->step_ns ? ns : pair->step_ns;
		pass(pair, step_ns);
	}
}

void
pair_until(struct pair *pair, uint64_t boot_ns)
{
	assert_true(boot_ns >= pair_now_ns(pair));
	pair_advance(pair, boot_ns - pair_now_ns(pair));
}

void
pair_jump(struct pair *pair, uint64_t ns)
{
	pass(pair, ns);
}

uint64_t
pair_now_ns(const struct pair *pair)
{
	return pair->sites[0].clock.boot_ns;
}

struct tunnel *
pair_tunnel(struct pair *pair, unsigned site)
{
	return pair->sites[site].gateway->control.tunnels[0];
}

struct peer *
pair_peer(struct pair *pair, unsigned site, unsigned other)
{
	const bool renamed = other == 1 && pair->options.key_of_1 != NULL;
	struct peer *peer = key_table_find(pair_tunnel(pair, site)->keys,
		renamed ? pair->options.key_of_1 : pair->sites[other].public_key);

	assert_non_null(peer);
	return peer;
}

unsigned
pair_sessions(struct pair *pair, unsigned site, unsigned other)
{
	const struct peer *peer = pair_peer(pair, site, other);

	return (peer->previous != NULL) + (atomic_load(&peer->current) != NULL) +
		(atomic_load(&peer->next) != NULL);
}

void
pair_initiate(struct pair *pair, unsigned from, unsigned to)
{
	struct control *control = &pair->sites[from].gateway->control;
	struct peer *peer = pair_peer(pair, from, to);

	control_lock(control);
	handshake_initiate(control, peer, false);
	handshake_schedule(control, peer);
	control_unlock(control);
}

void
pair_connect(struct pair *pair, unsigned from, unsigned to)
{
	pair_initiate(pair, from, to);
	pair_settle(pair);
	assert_non_null(peer_send_session(pair_peer(pair, from, to), pair_now_ns(pair)));
	assert_non_null(peer_send_session(pair_peer(pair, to, from), pair_now_ns(pair)));
}

struct endpoint
pair_endpoint(const struct pair *pair, unsigned site, bool six)
{
	return (struct endpoint){
		.address = pair->sites[site].addresses[six ? 1 : 0], .port = PAIR_PORT};
}

uint16_t
pair_header_checksum(const uint8_t header[static 20])
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < 20; i += 2)
		sum += load_be16(header + i);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

void
pair_packet_make(
	uint8_t *bytes, unsigned version, size_t len, unsigned from, unsigned to, uint32_t number)
{
	const size_t header_len = version == 4 ? 20 : 40;
	const size_t canary_len = strlen(WIRE_CANARY);

	memset(bytes, 0, len);
	if (version == 4) {
		const uint8_t addresses[8] = {10, 0, (uint8_t)from, 9, 10, 0, (uint8_t)to, 9};

		bytes[0] = 0x45;
		store_be16(bytes + 2, (uint16_t)len);
		bytes[8] = 64;
		bytes[9] = 253; /* for experiments, RFC 3692 */
		memcpy(bytes + 12, addresses, 8);
		store_be16(bytes + 10, pair_header_checksum(bytes));
	} else {
		bytes[0] = 0x60;
		store_be16(bytes + 4, (uint16_t)(len - 40));
		bytes[6] = 253;
		bytes[7] = 64;
		bytes[8] = bytes[24] = 0xfd;
		bytes[15] = (uint8_t)from;
		bytes[31] = (uint8_t)to;
		bytes[23] = bytes[39] = 9;
	}
	if (len >= header_len + 4)
		store_be32(bytes + header_len, number);
	for (size_t i = header_len + 4; i < len; i++)
		bytes[i] = (uint8_t)WIRE_CANARY[(i - header_len - 4) % canary_len];
}

bool
pair_send_bytes(struct pair *pair, unsigned site, const void *bytes, size_t len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pair->pool);

	assert_non_null(mbuf);
	memcpy(rte_pktmbuf_append(mbuf, (uint16_t)len), bytes, len);
	if (port_transmit(pair->sites[site].inner, 0, &mbuf, 1) == 1)
		return true;
	rte_pktmbuf_free(mbuf);
	return false;
}

void
pair_send(struct pair *pair, unsigned from, unsigned to, uint32_t number)
{
	uint8_t bytes[100];

	pair_packet_make(bytes, 4, sizeof(bytes), from, to, number);
	assert_true(pair_send_bytes(pair, from, bytes, sizeof(bytes)));
}

const struct pair_packet *
pair_received(const struct pair *pair, unsigned site, uint64_t n)
{
	const struct pair_site *asked = &pair->sites[site];

	assert_true(n < asked->received_count && asked->received_count - n <= PAIR_RECEIVED_DEPTH);
	return &asked->received[n % PAIR_RECEIVED_DEPTH];
}

static void
converse_one_way(struct pair *pair, unsigned from, unsigned to)
{
	const uint64_t before = pair->sites[to].received_count;
	const uint32_t number = (uint32_t)wire_random(&pair->wire, UINT32_MAX);

	pair_send(pair, from, to, number);
	pair_settle(pair);
	assert_int_equal(pair->sites[to].received_count, before + 1);
	assert_int_equal(pair_received(pair, to, before)->number, number);
}

void
pair_converse(struct pair *pair, unsigned a, unsigned b)
{
	converse_one_way(pair, a, b);
	converse_one_way(pair, b, a);
}
