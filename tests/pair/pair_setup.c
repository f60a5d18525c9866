/*
 * Setting up gateways in one process, and taking them apart.
 * Threads: the test's.
 */
#include "oracle.h"

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
#define BOOT_NS (1000 * NS_IN_S)
#define REAL_NS (UINT64_C(1700000000) * NS_IN_S)

static struct rte_mempool *kept_pool;
static struct rte_mempool *kept_control_pool;

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

static struct prefix *
copy_prefixes(const struct prefix prefixes[], size_t count)
{
	struct prefix *copy = calloc(count + 1, sizeof(*copy));

	assert_non_null(copy);
	memcpy(copy, prefixes, count * sizeof(*copy));
	return copy;
}

static void
add_extra(struct pair *pair, struct pair_site *site, unsigned n)
{
	struct tunnel_config_peer *peer;
	uint8_t public_key[KEY_LEN];
	char text[PREFIX_TEXT_MAX];

	assert_int_equal(random_fill(pair->extra_keys[n], KEY_LEN), 0);
	assert_int_equal(x25519_public(public_key, pair->extra_keys[n]), 0);
	peer = pair_file_add(pair, site->number, public_key);
	snprintf(text, sizeof(text), "10.1.%u.%u/32", n / 256, n % 256);
	pair_file_allow(peer, text);
}

static void
add_peer(struct pair *pair, const struct pair_site *site, const struct pair_site *other)
{
	const struct pair_options *options = &pair->options;
	const bool renamed = other->number == 1 && options->key_of_1 != NULL;
	struct tunnel_config_peer *peer =
		pair_file_add(pair, site->number, renamed ? options->key_of_1 : other->public_key);
	struct prefix prefixes[2];

	if (options->preshared[site->number])
		memcpy(peer->preshared_key, preshared_key, KEY_LEN);
	inner_prefixes(other->number, prefixes);
	peer->allowed_ips = copy_prefixes(prefixes, 2);
	peer->allowed_ips_count = 2;
	peer->persistent_keepalive_s = options->keepalive_s[site->number];
	if (options->no_endpoint[site->number])
		return;
	address_format(&other->addresses[options->outer6 ? 1 : 0], peer->host);
	peer->port = PAIR_PORT;
}

static void
fill_files(struct pair *pair, struct pair_site *site)
{
	site->files = (struct tunnel_config){
		.mtu = pair->options.mtu, .listen_port = PAIR_PORT, .clustering = true};
	if (!pair->options.no_key[site->number])
		memcpy(site->files.private_key, site->private_key, KEY_LEN);
	for (unsigned other = 0; other < pair->site_count; other++)
		if (other != site->number)
			add_peer(pair, site, &pair->sites[other]);
	for (unsigned n = 0; site->number == 0 && n < pair->options.extra_peers; n++)
		add_extra(pair, site, n);
}

/* What the files do not say. */
static struct gateway_tunnel_settings
settings_of(const struct pair *pair, const struct pair_site *site,
	char name[static TUNNEL_NAME_MAX], struct prefix addresses[static 2])
{
	inner_prefixes(site->number, addresses);
	addresses[0].address.bytes[3] = 1;
	addresses[1].address.bytes[15] = 1;
	snprintf(name, TUNNEL_NAME_MAX, "site%u", site->number);
	return (struct gateway_tunnel_settings){
		.config = &site->files,
		.name = name,
		.listen_port = site->files.listen_port,
		.fixed_endpoints = pair->options.fixed_endpoints[site->number],
		.addresses = addresses,
		.address_count = 2,
	};
}

static void
add_tunnel(struct pair *pair, struct pair_site *site)
{
	struct prefix addresses[2];
	char name[TUNNEL_NAME_MAX];
	struct gateway_tunnel_settings settings;

	fill_files(pair, site);
	settings = settings_of(pair, site, name, addresses);
	assert_int_equal(gateway_add_tunnel(site->gateway, &settings, &site->inner), 0);
}

static void
hear(void *context, enum log_level level, const char *line)
{
	struct pair_site *site = context;
	const size_t len = strlen(site->said);

	snprintf(site->said + len, sizeof(site->said) - len, "%s\n", line);
	take_line(context, level, line);
}

int
pair_reconfigure(struct pair *pair, unsigned number, struct reconfigure_counts *counts)
{
	struct pair_site *site = &pair->sites[number];
	const struct log log = {.level = LOG_LEVEL_DEBUG, .write = hear, .context = site};
	struct reconfigure_counts unwanted;
	struct prefix addresses[2];
	char name[TUNNEL_NAME_MAX];
	const struct gateway_tunnel_settings settings = settings_of(pair, site, name, addresses);

	site->said[0] = '\0';
	return gateway_reconfigure(
		site->gateway, &settings, 1, false, &log, counts != NULL ? counts : &unwanted);
}

struct tunnel_config_peer *
pair_file_of(struct pair *pair, unsigned site, const uint8_t public_key[32])
{
	struct tunnel_config *files = &pair->sites[site].files;

	for (size_t i = 0; i < files->peer_count; i++)
		if (memcmp(files->peers[i].public_key, public_key, KEY_LEN) == 0)
			return &files->peers[i];
	fail_msg("site %u has no section of that key", site);
	return NULL;
}

struct tunnel_config_peer *
pair_file_add(struct pair *pair, unsigned site, const uint8_t public_key[32])
{
	struct tunnel_config *files = &pair->sites[site].files;
	struct tunnel_config_peer *peer;

	files->peers = reallocarray(files->peers, files->peer_count + 1, sizeof(files->peers[0]));
	assert_non_null(files->peers);
	peer = &files->peers[files->peer_count++];
	*peer = (struct tunnel_config_peer){.line = 0};
	memcpy(peer->public_key, public_key, KEY_LEN);
	return peer;
}

void
pair_file_remove(struct pair *pair, unsigned site, const uint8_t public_key[32])
{
	struct tunnel_config *files = &pair->sites[site].files;
	struct tunnel_config_peer *peer = pair_file_of(pair, site, public_key);

	free(peer->allowed_ips);
	memmove(peer, peer + 1, (char *)&files->peers[files->peer_count] - (char *)(peer + 1));
	files->peer_count--;
}

void
pair_file_allow(struct tunnel_config_peer *peer, const char *list)
{
	struct prefix prefixes[64];
	char text[1024];
	char *rest = text;
	const char *word;

	snprintf(text, sizeof(text), "%s", list);
	free(peer->allowed_ips);
	peer->allowed_ips_count = 0;
	while ((word = strsep(&rest, " ")) != NULL)
		if (word[0] != '\0')
			assert_int_equal(
				prefix_parse(word, &prefixes[peer->allowed_ips_count++], NULL), 0);
	peer->allowed_ips = copy_prefixes(prefixes, peer->allowed_ips_count);
}

static void
free_files(struct tunnel_config *files)
{
	for (size_t i = 0; i < files->peer_count; i++)
		free(files->peers[i].allowed_ips);
	free(files->peers);
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
	const unsigned lanes = pair->options.lanes != 0 ? pair->options.lanes : 1;
	struct port *ends[2];
	char name[16];

	snprintf(name, sizeof(name), "wire%u", site->number);
	assert_int_equal(port_memory_pair(name, (uint16_t)lanes, UNDERLAY_DEPTH, true, ends), 0);
	pair->wire.ends[site->number] = ends[1];
	assert_int_equal(
		gateway_create(
			&(const struct gateway_settings){
				.underlay = ends[0],
				.nexthops = nexthops_static_create(ends[0]->mac, ends[1]->mac,
					&site->addresses[0], &site->addresses[1], 1500),
				.pool = pair->pool,
				.control_pool = pair->control_pool,
				.lane_count = lanes,
				.aead = pair->options.aead,
				.clock = &site->clock.clock,
				.log = &site->log,
			},
			&site->gateway),
		0);
	add_tunnel(pair, site);
	if (!pair->options.eager)
		keep_quiet(site);
}

/*
 * Pools are made once: that takes longer than most of what is done with them. One that a failed
 * test has left in use is left alone, and another takes its place, named by the pair.
 */
static struct rte_mempool *
take_pool(struct rte_mempool **kept, const struct pair *pair, const char *what, unsigned count)
{
	char name[RTE_MEMPOOL_NAMESIZE];

	if (*kept != NULL && rte_mempool_avail_count(*kept) == count)
		return *kept;
	snprintf(name, sizeof(name), "%s_%x", what, (unsigned)((uintptr_t)pair >> 4));
	*kept = rte_pktmbuf_pool_create(
		name, count, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	assert_non_null(*kept);
	return *kept;
}

static void
refuse_spoilt(void *pair, unsigned to, const void *bytes, size_t len)
{
	oracle_refuses(pair, to, bytes, len);
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
	pair->pool = take_pool(&kept_pool, pair, "lanes", POOL_COUNT);
	pair->control_pool = take_pool(&kept_control_pool, pair, "control", CONTROL_POOL_COUNT);
	for (unsigned i = 0; i < pair->site_count; i++)
		site_init(pair, i);
	wire_init(&pair->wire, pair->pool, &pair->sites[0].clock.boot_ns, seed_for_run());
	pair->wire.end_count = pair->site_count;
	pair->wire.refuse = refuse_spoilt;
	pair->wire.refuse_context = pair;
	for (unsigned i = 0; i < pair->site_count; i++)
		memcpy(pair->wire.addresses[i], pair->sites[i].addresses,
			sizeof(pair->sites[i].addresses));
	for (unsigned i = 0; i < gateways; i++)
		start_gateway(pair, &pair->sites[i]);
	return pair;
}

void
pair_end(struct pair *pair)
{
	oracle_forge(pair);
	for (unsigned i = 0; i < pair->site_count; i++) {
		if (pair->sites[i].gateway == NULL)
			continue;
		for (unsigned reason = 0; !pair->drops_unchecked && reason < DROP_COUNT; reason++)
			pair_dropped(pair, i, (enum drop_reason)reason, 0);
		gateway_destroy(pair->sites[i].gateway);
		port_close(pair->wire.ends[i]);
	}
	wire_fini(&pair->wire);
	for (unsigned i = 0; i < pair->site_count; i++) {
		free_files(&pair->sites[i].files);
		free(pair->sites[i].received);
	}
	assert_int_equal(rte_mempool_avail_count(pair->pool), POOL_COUNT);
	assert_int_equal(rte_mempool_avail_count(pair->control_pool), CONTROL_POOL_COUNT);
	free(pair->extra_keys);
	free(pair);
}
