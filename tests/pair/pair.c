/*
 * Two or three whole gateways in one process.
 * Threads: the test's.
 */
#include "pair.h"

#include "base/bytes.h"
#include "base/random.h"
#include "control/handshake.h"
#include "crypto/x25519.h"

#include <rte_eal.h>
#include <rte_mbuf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define POOL_COUNT 4095
#define CONTROL_POOL_COUNT 1023
#define UNDERLAY_DEPTH 1024
/* More rounds than this at one time, and something never comes to rest. */
#define SETTLE_ROUNDS_MAX 2000
#define BOOT_NS (1000 * NS_IN_S)
#define REAL_NS (UINT64_C(1700000000) * NS_IN_S)

static const uint8_t preshared_key[32] = {7, 7, 7};

int
pair_eal(void **state)
{
	/* Writable, as EAL wants its arguments, and alive as long as EAL is. */
	static char texts[][24] = {"pair", "--no-huge", "-m", "128", "--no-pci", "--no-telemetry",
		"--no-shconf", "--lcores", "0@0", "--log-level", "error", "--file-prefix", ""};
	enum { COUNT = sizeof(texts) / sizeof(texts[0]) };
	static char *arguments[COUNT + 1];

	snprintf(texts[COUNT - 1], sizeof(texts[0]), "gl-pair-%d", (int)getpid());
	for (unsigned i = 0; i < COUNT; i++)
		arguments[i] = texts[i];
	return rte_eal_init(COUNT, arguments) < 0 ? -1 : 0;
}

int
pair_eal_end(void **state)
{
	char command[64];
	int error = rte_eal_cleanup();

	/* EAL leaves its directory behind. */
	snprintf(command, sizeof(command), "rm -rf /run/dpdk/gl-pair-%d", (int)getpid());
	return system(command) != 0 || error != 0 ? -1 : 0;
}

static uint64_t
read_boot(const struct clock *clock)
{
	return ((const struct pair_clock *)clock)->boot_ns;
}

static uint64_t
read_real(const struct clock *clock)
{
	return ((const struct pair_clock *)clock)->real_ns;
}

static void
take_line(void *context, enum log_level level, const char *line)
{
	struct pair_site *site = context;

	site->warnings += level <= LOG_LEVEL_WARNING;
	if (getenv("PAIR_VERBOSE") != NULL)
		printf("%.3f site %u: %s\n", (double)site->clock.boot_ns / (double)NS_IN_S,
			site->number, line);
}

static uint64_t
seed_for_run(void)
{
	const char *given = getenv("TEST_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : 0;

	if (given == NULL)
		assert_int_equal(random_fill(&seed, sizeof(seed)), 0);
	printf("TEST_SEED=%#llx\n", (unsigned long long)seed);
	return seed;
}

static void
site_init(struct pair *pair, unsigned number)
{
	struct pair_site *site = &pair->sites[number];
	char text[ADDRESS_TEXT_MAX];

	site->number = number;
	site->clock = (struct pair_clock){
		.clock = {.boot_ns = read_boot, .real_ns = read_real},
		.boot_ns = BOOT_NS,
		.real_ns = REAL_NS,
	};
	site->log = (struct log){.level = LOG_LEVEL_DEBUG, .write = take_line, .context = site};
	snprintf(text, sizeof(text), "192.0.2.%u", number + 1);
	assert_int_equal(address_parse(text, &site->addresses[0]), 0);
	snprintf(text, sizeof(text), "2001:db8::%u", number + 1);
	assert_int_equal(address_parse(text, &site->addresses[1]), 0);
	assert_int_equal(random_fill(site->private_key, sizeof(site->private_key)), 0);
	x25519_clamp(site->private_key);
	assert_int_equal(x25519_public(site->public_key, site->private_key), 0);
	site->received = calloc(PAIR_RECEIVED_DEPTH, sizeof(*site->received));
	assert_non_null(site->received);
}

/* The inner prefixes of a site: 10.0.i.0/24 and fd00:0:0:i::/64. */
static void
inner_prefixes(unsigned number, struct prefix prefixes[static 2])
{
	char text[PREFIX_TEXT_MAX];

	snprintf(text, sizeof(text), "10.0.%u.0/24", number);
	assert_int_equal(prefix_parse(text, &prefixes[0], NULL), 0);
	snprintf(text, sizeof(text), "fd00:0:0:%u::/64", number);
	assert_int_equal(prefix_parse(text, &prefixes[1], NULL), 0);
}

static void
fill_extra(
	const struct pair *pair, struct tunnel_config_peer *peer, struct prefix *prefix, unsigned n)
{
	char text[PREFIX_TEXT_MAX];

	assert_int_equal(random_fill(pair->extra_keys[n], KEY_LEN), 0);
	assert_int_equal(x25519_public(peer->public_key, pair->extra_keys[n]), 0);
	snprintf(text, sizeof(text), "10.1.%u.%u/32", n / 256, n % 256);
	assert_int_equal(prefix_parse(text, prefix, NULL), 0);
	peer->allowed_ips = prefix;
	peer->allowed_ips_count = 1;
}

static void
fill_peer(const struct pair *pair, const struct pair_site *site, const struct pair_site *other,
	struct tunnel_config_peer *peer, struct prefix prefixes[static 2])
{
	const struct pair_options *options = &pair->options;
	const bool renamed = other->number == 1 && options->key_of_1 != NULL;

	memcpy(peer->public_key, renamed ? options->key_of_1 : other->public_key, KEY_LEN);
	if (options->preshared[site->number])
		memcpy(peer->preshared_key, preshared_key, KEY_LEN);
	inner_prefixes(other->number, prefixes);
	peer->allowed_ips = prefixes;
	peer->allowed_ips_count = 2;
	peer->persistent_keepalive_s = options->keepalive_s[site->number];
	if (options->no_endpoint[site->number])
		return;
	address_format(&other->addresses[options->outer6 ? 1 : 0], peer->host);
	peer->port = PAIR_PORT;
}

static void
add_tunnel(struct pair *pair, struct pair_site *site)
{
	const unsigned extra = site->number == 0 ? pair->options.extra_peers : 0;
	struct tunnel_config_peer *peers = calloc(PAIR_SITES_MAX + extra, sizeof(*peers));
	struct prefix *prefixes = calloc(2 * PAIR_SITES_MAX + extra, sizeof(*prefixes));
	struct tunnel_config config = {
		.peers = peers, .mtu = pair->options.mtu, .clustering = true};
	struct prefix own[2];
	char name[16];

	assert_non_null(peers);
	assert_non_null(prefixes);
	if (!pair->options.no_key[site->number])
		memcpy(config.private_key, site->private_key, KEY_LEN);
	for (unsigned other = 0; other < pair->site_count; other++) {
		if (other == site->number)
			continue;
		fill_peer(pair, site, &pair->sites[other], &peers[config.peer_count],
			&prefixes[2 * config.peer_count]);
		config.peer_count++;
	}
	for (unsigned n = 0; n < extra; n++) {
		fill_extra(pair, &peers[config.peer_count], &prefixes[2 * PAIR_SITES_MAX + n], n);
		config.peer_count++;
	}
	inner_prefixes(site->number, own);
	own[0].address.bytes[3] = 1;
	own[1].address.bytes[15] = 1;
	snprintf(name, sizeof(name), "site%u", site->number);
	assert_int_equal(gateway_add_tunnel(site->gateway,
				 &(const struct gateway_tunnel_settings){
					 .config = &config,
					 .name = name,
					 .listen_port = PAIR_PORT,
					 .addresses = own,
					 .address_count = 2,
				 },
				 &site->inner),
		0);
	free(prefixes);
	free(peers);
}

/* A gateway initiates at start; tests mostly want to say when. */
static void
keep_quiet(struct pair_site *site)
{
	struct control *control = &site->gateway->control;
	struct peer *peer;

	TAILQ_FOREACH (peer, &control->tunnels[0]->peers, entry) {
		peer->initiate_ns = 0;
		handshake_schedule(control, peer);
	}
}

static void
start_gateway(struct pair *pair, struct pair_site *site)
{
	struct port *ends[2];
	char name[16];

	snprintf(name, sizeof(name), "wire%u", site->number);
	assert_int_equal(port_memory_pair(name, 1, UNDERLAY_DEPTH, true, ends), 0);
	pair->wire.ends[site->number] = ends[1];
	assert_int_equal(
		gateway_create(
			&(const struct gateway_settings){
				.underlay = ends[0],
				.nexthops = nexthops_static_create(ends[0]->mac, ends[1]->mac,
					&site->addresses[0], &site->addresses[1], 1500),
				.pool = pair->pool,
				.control_pool = pair->control_pool,
				.lane_count = 1,
				.clock = &site->clock.clock,
				.log = &site->log,
			},
			&site->gateway),
		0);
	add_tunnel(pair, site);
	if (!pair->options.eager)
		keep_quiet(site);
}

/* Named by the pair, so that one that a failed test has left behind does not fail the next. */
static struct rte_mempool *
make_pool(const struct pair *pair, const char *what, unsigned count)
{
	struct rte_mempool *pool;
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "%s_%x", what, (unsigned)((uintptr_t)pair >> 4));
	pool = rte_pktmbuf_pool_create(name, count, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	assert_non_null(pool);
	return pool;
}

struct pair *
pair_begin(const struct pair_options *options)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	unsigned gateways;

	assert_non_null(pair);
	pair->options = *options;
	pair->step_ns = 10 * NS_IN_MS;
	pair->site_count = options->sites != 0 ? options->sites : 2;
	pair->extra_keys = calloc(options->extra_peers + 1, sizeof(*pair->extra_keys));
	assert_non_null(pair->extra_keys);
	gateways = options->gateways != 0 ? options->gateways : pair->site_count;
	pair->pool = make_pool(pair, "lanes", POOL_COUNT);
	pair->control_pool = make_pool(pair, "control", CONTROL_POOL_COUNT);
	for (unsigned i = 0; i < pair->site_count; i++)
		site_init(pair, i);
	wire_init(&pair->wire, pair->pool, &pair->sites[0].clock.boot_ns, seed_for_run());
	pair->wire.end_count = pair->site_count;
	for (unsigned i = 0; i < pair->site_count; i++)
		memcpy(pair->wire.addresses[i], pair->sites[i].addresses,
			sizeof(pair->sites[i].addresses));
	for (unsigned i = 0; i < gateways; i++)
		start_gateway(pair, &pair->sites[i]);
	return pair;
}

static uint64_t
drops_of(const struct pair_site *site, enum drop_reason reason)
{
	const struct control *control = &site->gateway->control;
	uint64_t count = site->gateway->lanes[0].lane->drops[reason];
	const struct peer *peer;

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
	const uint64_t now = drops_of(asked, reason);

	if (now - asked->accounted[reason] != count)
		fail_msg("site %u: %llu drops of %s, expected %llu", site,
			(unsigned long long)(now - asked->accounted[reason]),
			drop_reason_text(reason), (unsigned long long)count);
	asked->accounted[reason] = now;
}

void
pair_end(struct pair *pair)
{
	for (unsigned i = 0; i < pair->site_count; i++) {
		if (pair->sites[i].gateway == NULL)
			continue;
		for (unsigned reason = 0; !pair->drops_unchecked && reason < DROP_COUNT; reason++)
			pair_dropped(pair, i, (enum drop_reason)reason, 0);
		gateway_destroy(pair->sites[i].gateway);
		port_close(pair->wire.ends[i]);
	}
	wire_fini(&pair->wire);
	for (unsigned i = 0; i < pair->site_count; i++)
		free(pair->sites[i].received);
	assert_int_equal(rte_mempool_avail_count(pair->pool), POOL_COUNT);
	assert_int_equal(rte_mempool_avail_count(pair->control_pool), CONTROL_POOL_COUNT);
	rte_mempool_free(pair->pool);
	rte_mempool_free(pair->control_pool);
	free(pair->extra_keys);
	free(pair);
}

/* The number that pair_packet_make put behind the header. */
static uint32_t
packet_number(const struct pair_packet *packet)
{
	const size_t header_len = packet->bytes[0] >> 4 == 4 ? 20 : 40;

	return packet->len < header_len + 4 ? 0 : load_be32(packet->bytes + header_len);
}

static unsigned
take_received(struct pair_site *site)
{
	struct rte_mbuf *mbufs[64];
	unsigned taken = 0;
	uint16_t count;

	if (site->inner_stopped)
		return 0;
	while ((count = port_receive(site->inner, 0, mbufs, 64)) > 0) {
		for (uint16_t i = 0; i < count; i++) {
			struct pair_packet *packet =
				&site->received[site->received_count++ % PAIR_RECEIVED_DEPTH];

			packet->len = rte_pktmbuf_pkt_len(mbufs[i]);
			assert_true(packet->len <= sizeof(packet->bytes));
			assert_int_equal(mbufs[i]->nb_segs, 1);
			memcpy(packet->bytes, rte_pktmbuf_mtod(mbufs[i], void *), packet->len);
			packet->number = packet_number(packet);
			rte_pktmbuf_free(mbufs[i]);
		}
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

static uint16_t
header_checksum(const uint8_t header[20])
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
		store_be16(bytes + 10, header_checksum(bytes));
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
