/*
 * How long a reconfiguration takes, by peers and by what changes: planning, which nobody waits for,
 * and applying, for which the handshake thread does. Lanes wait for neither.
 * Usage: bench_reconfigure [PEERS ...]          (254 and 10000 by default)
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "base/clock.h"
#include "base/random.h"
#include "crypto/x25519.h"
#include "gateway/reconfigure.h"

#include <rte_eal.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTEN_PORT 4567
#define ROUNDS 7

struct bench {
	struct rte_mempool *pool;
	struct gateway *gateway;
	struct port *wire;
	struct tunnel_config config;
	uint8_t spare_key[KEY_LEN];
};

static void
fail(const char *what)
{
	fprintf(stderr, "bench_reconfigure: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
write_line(void *context, enum log_level level, const char *line)
{
	fprintf(stderr, "bench_reconfigure: %s: %s\n", log_level_name(level), line);
}

static const struct log bench_log = {.level = LOG_LEVEL_WARNING, .write = write_line};

static void
random_key(uint8_t public_key[KEY_LEN])
{
	uint8_t private_key[KEY_LEN];

	if (random_fill(private_key, KEY_LEN) != 0 || x25519_public(public_key, private_key) != 0)
		fail("a key");
}

/* Peers with a host address each, as in an operator's file. */
static void
make_config(struct bench *bench, size_t count)
{
	struct tunnel_config *config = &bench->config;
	struct prefix *prefixes = calloc(count, sizeof(*prefixes));

	*config = (struct tunnel_config){
		.listen_port = LISTEN_PORT,
		.clustering = true,
		.peers = calloc(count, sizeof(*config->peers)),
		.peer_count = count,
	};
	if (prefixes == NULL || config->peers == NULL ||
		random_fill(config->private_key, KEY_LEN) != 0)
		fail("a configuration");
	x25519_clamp(config->private_key);
	random_key(bench->spare_key);
	for (size_t i = 0; i < count; i++) {
		struct tunnel_config_peer *peer = &config->peers[i];

		random_key(peer->public_key);
		prefixes[i] = (struct prefix){
			.address = {.bytes = {10, (uint8_t)(8 + i / 65536), (uint8_t)(i / 256),
					    (uint8_t)i},
				.family = ADDRESS_IPV4},
			.len = 32,
		};
		peer->allowed_ips = &prefixes[i];
		peer->allowed_ips_count = 1;
		snprintf(peer->host, sizeof(peer->host), "198.51.%zu.%zu", i / 256 % 256, i % 256);
		peer->port = LISTEN_PORT;
	}
}

static void
setup(struct bench *bench)
{
	static const struct address own = {.bytes = {192, 0, 2, 1}, .family = ADDRESS_IPV4};
	static const struct address none = {.family = ADDRESS_NONE};
	struct port *wire[2];

	if (port_memory_pair("bench", 1, 1024, true, wire) != 0)
		fail("memory ports");
	bench->wire = wire[1];
	if (gateway_create(
		    &(const struct gateway_settings){
			    .underlay = wire[0],
			    .nexthops = nexthops_static_create(
				    wire[0]->mac, wire[1]->mac, &own, &none, 1500),
			    .pool = bench->pool,
			    .control_pool = bench->pool,
			    .lane_count = 1,
			    .clock = &clock_system,
			    .log = &bench_log,
		    },
		    &bench->gateway) != 0)
		fail("gateway");
}

/* Plans and applies what the configuration says now; the times go to *plan_ns and *apply_ns. */
static void
reconfigure(struct bench *bench, uint64_t *plan_ns, uint64_t *apply_ns)
{
	const uint64_t begin_ns = clock_boot_ns(&clock_system);
	struct reconfigure *reconfigure;
	struct target target;
	uint64_t planned_ns;

	reconfigure = reconfigure_begin(bench->gateway->management, &bench_log);
	if (reconfigure == NULL || target_from_config(&target, &bench->config, 0) != 0 ||
		reconfigure_add(reconfigure, bench->gateway->control.tunnels[0], &target) != 0 ||
		reconfigure_ready(reconfigure) != 0)
		fail("planning");
	planned_ns = clock_boot_ns(&clock_system);
	reconfigure_apply(reconfigure);
	*apply_ns = clock_boot_ns(&clock_system) - planned_ns;
	*plan_ns = planned_ns - begin_ns;
	target_fini(&target);
	/* Who was removed departs, as with lanes that run. */
	for (unsigned i = 0; i < 10; i++)
		gateway_step(bench->gateway);
}

static void
change_nothing(struct bench *bench)
{
}

static void
change_endpoint(struct bench *bench)
{
	bench->config.peers[0].port ^= 1;
}

static void
change_allowed_ips(struct bench *bench)
{
	bench->config.peers[0].allowed_ips->address.bytes[0] ^= 1;
}

/* One goes and one comes. */
static void
change_peer(struct bench *bench)
{
	uint8_t key[KEY_LEN];

	memcpy(key, bench->config.peers[0].public_key, KEY_LEN);
	memcpy(bench->config.peers[0].public_key, bench->spare_key, KEY_LEN);
	memcpy(bench->spare_key, key, KEY_LEN);
}

static void
change_listen_port(struct bench *bench)
{
	bench->config.listen_port ^= 1;
}

static void
change_private_key(struct bench *bench)
{
	bench->config.private_key[9] ^= 1;
}

static void
measure(struct bench *bench, const char *what, void (*change)(struct bench *bench))
{
	uint64_t best_plan_ns = UINT64_MAX;
	uint64_t worst_apply_ns = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t plan_ns;
		uint64_t apply_ns;

		change(bench);
		reconfigure(bench, &plan_ns, &apply_ns);
		if (plan_ns < best_plan_ns)
			best_plan_ns = plan_ns;
		if (apply_ns > worst_apply_ns)
			worst_apply_ns = apply_ns;
	}
	printf("%6zu %-20s %9.3f %9.3f\n", bench->config.peer_count, what,
		(double)best_plan_ns / NS_IN_MS, (double)worst_apply_ns / NS_IN_MS);
}

static void
run(struct bench *bench, size_t peer_count)
{
	static const struct prefix own = {.len = 0};
	struct tunnel_config empty = {.clustering = true};
	struct port *inner;
	uint64_t plan_ns;
	uint64_t apply_ns;

	make_config(bench, peer_count);
	setup(bench);
	memcpy(empty.private_key, bench->config.private_key, KEY_LEN);
	if (gateway_add_tunnel(bench->gateway,
		    &(const struct gateway_tunnel_settings){
			    .config = &empty,
			    .name = "bench",
			    .listen_port = LISTEN_PORT,
			    .addresses = &own,
		    },
		    &inner) != 0)
		fail("tunnel");
	reconfigure(bench, &plan_ns, &apply_ns);
	printf("%6zu %-20s %9.3f %9.3f\n", peer_count, "all at start", (double)plan_ns / NS_IN_MS,
		(double)apply_ns / NS_IN_MS);
	measure(bench, "nothing", change_nothing);
	measure(bench, "an endpoint", change_endpoint);
	measure(bench, "allowed-ips", change_allowed_ips);
	measure(bench, "a peer for another", change_peer);
	measure(bench, "the listen port", change_listen_port);
	measure(bench, "the private key", change_private_key);
	gateway_destroy(bench->gateway);
	port_close(bench->wire);
	free(bench->config.peers[0].allowed_ips);
	free(bench->config.peers);
}

int
main(int argc, char *argv[])
{
	static char texts[][24] = {"bench_reconfigure", "--no-huge", "-m", "256", "--no-pci",
		"--no-telemetry", "--no-shconf", "--lcores", "0@0", "--log-level", "error"};
	char *arguments[sizeof(texts) / sizeof(texts[0]) + 1] = {NULL};
	struct bench bench = {.pool = NULL};

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		arguments[i] = texts[i];
	if (rte_eal_init(sizeof(texts) / sizeof(texts[0]), arguments) < 0)
		fail("EAL");
	bench.pool = rte_pktmbuf_pool_create("bench", 16383, 0, 0, 512, SOCKET_ID_ANY);
	if (bench.pool == NULL)
		fail("packet buffers");
	printf(" peers what changes          plan, ms  apply, ms (best, worst of %u)\n", ROUNDS);
	if (argc < 2) {
		run(&bench, 254);
		run(&bench, 10000);
	}
	for (int i = 1; i < argc; i++)
		run(&bench, strtoul(argv[i], NULL, 10));
	rte_mempool_free(bench.pool);
	return rte_eal_cleanup() != 0;
}
