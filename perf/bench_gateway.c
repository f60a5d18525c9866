/*
 * What a packet costs on a lane, in cycles of the TSC, and how much of that is the AEAD.
 * On the packet's way: all of it, between memory ports: no NIC, no kernel.
 * Threads: one, pinned.
 *
 * For each load (a size of inner packet, or a mix) and number of peers it alternates, burst by
 * burst, the whole way in (parse, session, open, replay, allowed-ips, deliver), the AEAD's open
 * alone over the same sizes and keys, the whole way out, and seal alone; and takes the minimum and
 * the median of each. Packets go round robin over the peers. Sessions are put in place directly;
 * everything else is real.
 */
#include "base/bytes.h"
#include "base/random.h"
#include "datapath/lane.h"
#include "gateway/gateway.h"
#include "wire/message.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BURST 32
#define ROUNDS_DEFAULT 3000
#define LISTEN_PORT 4567
#define PORT_DEPTH 64
#define LIST_MAX 16
#define PEERS_MAX 65536
#define DEFAULT_PEERS "1,8,100,1000,10000"

/* What the packets inside are long, in turns. The mix is the usual one of the Internet: 7, 4, 1. */
struct load {
	const char *name;
	unsigned bytes[12];
	unsigned count;
};

static const struct load loads[] = {
	{"64", {64}, 1},
	{"128", {128}, 1},
	{"256", {256}, 1},
	{"512", {512}, 1},
	{"1024", {1024}, 1},
	{"1424", {1424}, 1},
	{"imix", {64, 576, 64, 64, 576, 64, 1424, 64, 576, 64, 64, 576}, 12},
	{"8960", {8960}, 1},
};

/*
 * Large packets have buffers and a gateway of their own: small ones in large buffers would show
 * what memory costs that is not theirs.
 */
struct room {
	unsigned mtu; /* inside */
	unsigned buffers;
};

static const struct room rooms[] = {{1440, 8192}, {8976, 2048}};

/* What is asked for. */
struct matrix {
	bool loads[RTE_DIM(loads)];
	unsigned peers[LIST_MAX];
	unsigned peers_count;
};

/* What is measured in one cell of the table. */
enum figure {
	FIGURE_IN,
	FIGURE_OPEN,
	FIGURE_OUT,
	FIGURE_SEAL,
	FIGURE_COUNT,
};

/* Cycles of each burst, per figure. */
struct samples {
	uint64_t *cycles[FIGURE_COUNT];
	unsigned count;
};

struct bench {
	struct gateway *gateway;
	struct lane *lane;
	struct tunnel *tunnel;
	struct port *wire; /* the other end of the underlay */
	struct port *inner; /* the other end of the tunnel's inner port */
	struct rte_mempool *pool;
	unsigned mtu;
	struct aead *aead; /* the bench's own, to make packets and to measure alone */
	struct peer **peers;
	unsigned peer_count;
	unsigned next_peer;
	const struct load *load;
	unsigned next_bytes; /* of the load's */
	struct outer_header header; /* of what peers send to us */
	uint64_t *next_counter; /* of each peer, in what it sends to us */
};

static const struct endpoint our_endpoint = {
	.address = {.bytes = {192, 0, 2, 1}, .family = ADDRESS_IPV4},
	.port = LISTEN_PORT,
};

static const struct endpoint peer_endpoint = {
	.address = {.bytes = {192, 0, 2, 2}, .family = ADDRESS_IPV4},
	.port = LISTEN_PORT,
};

static void
fail(const char *what)
{
	fprintf(stderr, "bench_gateway: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
write_nothing(void *context, enum log_level level, const char *line)
{
	fprintf(stderr, "bench_gateway: %s: %s\n", log_level_name(level), line);
}

static const struct log bench_log = {.level = LOG_LEVEL_WARNING, .write = write_nothing};

static void
peer_address(unsigned i, uint8_t address[4])
{
	store_be32(address, UINT32_C(0x0a080000) + i + 1);
}

/* A configuration of `count` peers with a host address each, as in an operator's file. */
static struct tunnel_config *
make_config(unsigned count)
{
	struct tunnel_config *config = calloc(1, sizeof(*config));
	struct prefix *prefixes = calloc(count, sizeof(*prefixes));

	config->peers = calloc(count, sizeof(*config->peers));
	config->peer_count = count;
	config->listen_port = LISTEN_PORT;
	config->clustering = true;
	if (random_fill(config->private_key, KEY_LEN) != 0)
		fail("random numbers");
	for (unsigned i = 0; i < count; i++) {
		struct tunnel_config_peer *peer = &config->peers[i];

		if (random_fill(peer->public_key, KEY_LEN) != 0)
			fail("random numbers");
		prefixes[i].len = 32;
		prefixes[i].address.family = ADDRESS_IPV4;
		peer_address(i, prefixes[i].address.bytes);
		peer->allowed_ips = &prefixes[i];
		peer->allowed_ips_count = 1;
		snprintf(peer->host, sizeof(peer->host), "192.0.2.2");
		peer->port = LISTEN_PORT;
	}
	return config;
}

static void
free_config(struct tunnel_config *config)
{
	free(config->peers[0].allowed_ips);
	free(config->peers);
	free(config);
}

/* What a handshake would have left behind. */
static void
install_session(struct bench *bench, struct peer *peer)
{
	struct noise_session_keys keys = {.initiator = true};
	struct session *session;

	if (random_fill(keys.send_key, NOISE_KEY_LEN) != 0 ||
		random_fill(keys.receive_key, NOISE_KEY_LEN) != 0 ||
		index_take(tunnel_indices(bench->tunnel), peer, &keys.local_index) != 0)
		fail("making a session");
	keys.remote_index = keys.local_index;
	session =
		session_create(bench->tunnel->sessions, peer, &keys, clock_boot_ns(&clock_system));
	if (session == NULL)
		fail("making a session");
	peer_install_initiator(peer, session);
	index_set_session(tunnel_indices(bench->tunnel), keys.local_index, session);
}

static void
setup(struct bench *bench, struct rte_mempool *pool, unsigned mtu, const char *aead,
	unsigned peer_count)
{
	struct tunnel_config *config = make_config(peer_count);
	struct port *wire[2];
	struct peer *peer;
	unsigned i = 0;

	memset(bench, 0, sizeof(*bench));
	bench->pool = pool;
	bench->mtu = mtu;
	bench->peer_count = peer_count;
	bench->aead = aead_create(aead);
	if (bench->aead == NULL)
		fail("AEAD");
	if (port_memory_pair("bench", 1, PORT_DEPTH, true, wire) != 0)
		fail("memory ports");
	bench->wire = wire[1];
	wire[0]->mtu = (uint16_t)(mtu + TUNNEL_OVERHEAD);
	if (gateway_create(
		    &(const struct gateway_settings){
			    .underlay = wire[0],
			    .nexthops = nexthops_static_create(wire[0]->mac, wire[1]->mac,
				    &our_endpoint.address, &(const struct address){.family = 0},
				    (uint16_t)(mtu + TUNNEL_OVERHEAD)),
			    .pool = pool,
			    .control_pool = pool,
			    .lane_count = 1,
			    .busy = true,
			    .aead = aead,
			    .clock = &clock_system,
			    .log = &bench_log,
		    },
		    &bench->gateway) != 0 ||
		gateway_add_tunnel(bench->gateway,
			&(const struct gateway_tunnel_settings){
				.config = config,
				.name = "bench",
				.listen_port = LISTEN_PORT,
			},
			&bench->inner) != 0)
		fail("gateway");
	free_config(config);
	bench->lane = bench->gateway->lanes[0].lane;
	bench->lane->directory = atomic_load(&bench->gateway->control.directory);
	bench->tunnel = bench->gateway->control.tunnels[0];
	bench->peers = calloc(peer_count, sizeof(struct peer *));
	bench->next_counter = calloc(peer_count, sizeof(uint64_t));
	TAILQ_FOREACH (peer, &bench->tunnel->peers, entry) {
		bench->peers[i++] = peer;
		install_session(bench, peer);
	}
	outer_header_make(
		&bench->header, wire[0]->mac, wire[1]->mac, &peer_endpoint, &our_endpoint);
}

static void
teardown(struct bench *bench)
{
	gateway_destroy(bench->gateway);
	port_close(bench->wire);
	aead_destroy(bench->aead);
	free(bench->peers);
	free(bench->next_counter);
}

/* A minimal IPv4/UDP packet of `bytes` bytes. */
static void
write_inner(uint8_t *packet, unsigned bytes, const uint8_t source[4], const uint8_t destination[4])
{
	memset(packet, 0, bytes);
	packet[0] = 0x45;
	store_be16(packet + 2, (uint16_t)bytes);
	packet[8] = 64;
	packet[9] = 17;
	memcpy(packet + 12, source, 4);
	memcpy(packet + 16, destination, 4);
}

static struct rte_mbuf *
alloc_packet(struct bench *bench, unsigned len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(bench->pool);

	if (mbuf == NULL)
		fail("packet buffer");
	mbuf->data_len = (uint16_t)len;
	mbuf->pkt_len = len;
	return mbuf;
}

static unsigned
turn(struct bench *bench)
{
	const unsigned i = bench->next_peer;

	bench->next_peer = (i + 1) % bench->peer_count;
	return i;
}

static unsigned
bytes_of_next(struct bench *bench)
{
	const unsigned i = bench->next_bytes;

	bench->next_bytes = (i + 1) % bench->load->count;
	return bench->load->bytes[i];
}

/* One frame of peer i to us, its text yet to be sealed as texts[k] says. */
static struct rte_mbuf *
make_frame(struct bench *bench, unsigned i, struct aead_packet *text)
{
	static const uint8_t us[4] = {10, 9, 9, 9};
	const struct session *session = atomic_load(&bench->peers[i]->current);
	const unsigned bytes = bytes_of_next(bench);
	const unsigned padded = bytes + (unsigned)message_pad_len(bytes, bench->mtu);
	const unsigned message_len = padded + MESSAGE_DATA_OVERHEAD;
	struct rte_mbuf *mbuf = alloc_packet(bench, bench->header.len + message_len);
	uint8_t *message = rte_pktmbuf_mtod(mbuf, uint8_t *) + bench->header.len;
	uint8_t source[4];

	peer_address(i, source);
	write_inner(message + MESSAGE_DATA_HEADER_LEN, padded, source, us);
	store_be16(message + MESSAGE_DATA_HEADER_LEN + 2, (uint16_t)bytes);
	store_le32(message, MESSAGE_DATA);
	store_le32(message + 4, session->local_index);
	store_le64(message + 8, bench->next_counter[i]);
	outer_header_write(&bench->header, message, (uint16_t)message_len, 0);
	*text = (struct aead_packet){
		.data = message + MESSAGE_DATA_HEADER_LEN,
		.key = session->receive_key,
		.counter = bench->next_counter[i]++,
		.len = padded,
	};
	return mbuf;
}

static void
drain(struct port *port, unsigned want)
{
	struct rte_mbuf *mbufs[PORT_DEPTH];
	const uint16_t count = port_receive(port, 0, mbufs, PORT_DEPTH);

	rte_pktmbuf_free_bulk(mbufs, count);
	if (count != want) {
		fprintf(stderr, "bench_gateway: %u of %u packets came through\n", count, want);
		exit(1);
	}
}

static uint64_t
full_mask(void)
{
	return UINT64_MAX >> (64 - BURST);
}

static uint64_t
measure_in(struct bench *bench)
{
	struct rte_mbuf *mbufs[BURST];
	struct aead_packet texts[BURST];
	uint64_t begin;
	uint64_t end;

	for (unsigned k = 0; k < BURST; k++)
		mbufs[k] = make_frame(bench, turn(bench), &texts[k]);
	if (aead_seal(bench->aead, texts, BURST) != full_mask() ||
		port_transmit(bench->wire, 0, mbufs, BURST) != BURST)
		fail("sealing");
	begin = rte_rdtsc_precise();
	lane_in(bench->lane);
	end = rte_rdtsc_precise();
	drain(bench->inner, BURST);
	return end - begin;
}

static uint64_t
measure_out(struct bench *bench)
{
	static const uint8_t us[4] = {10, 9, 9, 9};
	struct rte_mbuf *mbufs[BURST];
	uint64_t begin;
	uint64_t end;

	for (unsigned k = 0; k < BURST; k++) {
		const unsigned bytes = bytes_of_next(bench);
		uint8_t destination[4];

		mbufs[k] = alloc_packet(bench, bytes);
		peer_address(turn(bench), destination);
		write_inner(rte_pktmbuf_mtod(mbufs[k], uint8_t *), bytes, us, destination);
	}
	if (port_transmit(bench->inner, 0, mbufs, BURST) != BURST)
		fail("inner port");
	begin = rte_rdtsc_precise();
	lane_out(bench->lane, bench->tunnel);
	end = rte_rdtsc_precise();
	drain(bench->wire, BURST);
	return end - begin;
}

/* Seals a burst like that of measure_out, and opens one like that of measure_in. */
static void
measure_aead(struct bench *bench, uint64_t *seal, uint64_t *open)
{
	struct rte_mbuf *mbufs[BURST];
	struct aead_packet texts[BURST];
	uint64_t times[4];
	bool good;

	for (unsigned k = 0; k < BURST; k++)
		mbufs[k] = make_frame(bench, turn(bench), &texts[k]);
	times[0] = rte_rdtsc_precise();
	good = aead_seal(bench->aead, texts, BURST) == full_mask();
	times[1] = rte_rdtsc_precise();
	times[2] = rte_rdtsc_precise();
	good &= aead_open(bench->aead, texts, BURST) == full_mask();
	times[3] = rte_rdtsc_precise();
	if (!good)
		fail("AEAD");
	rte_pktmbuf_free_bulk(mbufs, BURST);
	*seal = times[1] - times[0];
	*open = times[3] - times[2];
}

static int
compare_u64(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a;
	const uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Sorted samples, per packet: the minimum and the median. */
static double
least(const struct samples *samples, enum figure figure)
{
	return (double)samples->cycles[figure][0] / BURST;
}

static double
median(const struct samples *samples, enum figure figure)
{
	const unsigned middle = samples->count / 2;

	return (double)samples->cycles[figure][middle] / BURST;
}

/* Of one packet, over a turn of the load. */
static double
mean_bytes(const struct load *load)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < load->count; i++)
		sum += load->bytes[i];
	return (double)sum / load->count;
}

static void
report(const struct samples *samples, const struct load *load, unsigned peers, FILE *json,
	bool *first)
{
	static const struct {
		const char *name;
		enum figure whole;
		enum figure aead;
	} paths[] = {{"in", FIGURE_IN, FIGURE_OPEN}, {"out", FIGURE_OUT, FIGURE_SEAL}};

	for (unsigned p = 0; p < RTE_DIM(paths); p++) {
		const double whole = least(samples, paths[p].whole);
		const double aead = least(samples, paths[p].aead);
		const double mpps = (double)rte_get_tsc_hz() / whole / 1e6;
		const double gbps = mpps * mean_bytes(load) * 8 / 1000;

		printf("%-4s %6s %6u %9.0f %9.0f %9.0f %9.0f %8.2f %8.2f\n", paths[p].name,
			load->name, peers, whole, median(samples, paths[p].whole), aead,
			whole - aead, mpps, gbps);
		if (json == NULL)
			continue;
		fprintf(json,
			"%s\n{\"bench\":\"gateway\",\"path\":\"%s\",\"load\":\"%s\",\"bytes\":%.0f,"
			"\"peers\":%u,"
			"\"lanes\":1,\"workers\":0,\"cycles_per_packet\":%.1f,"
			"\"cycles_median\":%.1f,\"aead_cycles_per_packet\":%.1f,\"mpps\":%.3f,"
			"\"gbps\":%.3f}",
			*first ? "" : ",", paths[p].name, load->name, mean_bytes(load), peers,
			whole, median(samples, paths[p].whole), aead, mpps, gbps);
		*first = false;
	}
}

static void
measure(struct bench *bench, const struct load *load, struct samples *samples)
{
	/* The first tenth warms up and is overwritten. */
	const unsigned warm = samples->count / 10;

	bench->load = load;
	bench->next_bytes = 0;
	for (unsigned i = 0; i < warm + samples->count; i++) {
		const unsigned at = i < warm ? i : i - warm;

		samples->cycles[FIGURE_IN][at] = measure_in(bench);
		samples->cycles[FIGURE_OUT][at] = measure_out(bench);
		measure_aead(bench, &samples->cycles[FIGURE_SEAL][at],
			&samples->cycles[FIGURE_OPEN][at]);
	}
	for (unsigned figure = 0; figure < FIGURE_COUNT; figure++)
		qsort(samples->cycles[figure], samples->count, sizeof(uint64_t), compare_u64);
}

static void
start_eal(void)
{
	const char *argv[] = {"bench_gateway", "--no-huge", "-m", "512", "--no-pci",
		"--no-telemetry", "--no-shconf", "--iova-mode=va", "--log-level=*:error",
		"--lcores", "0@1", NULL};

	if (rte_eal_init((int)RTE_DIM(argv) - 1, (char **)(void *)argv) < 0) {
		fprintf(stderr, "bench_gateway: EAL: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
}

/* -- what is asked for -------------------------------------------------------------------- */

static void
usage(FILE *out)
{
	fputs("usage: bench_gateway [--loads LIST] [--peers LIST] [--rounds N] [--aead NAME]\n"
	      "                     [--json FILE]\n\n"
	      "Cycles per packet on one lane, both ways, beside those of the AEAD alone in the same\n"
	      "run. Minimum and median over N bursts of 32 packets (default 3000).\n\n"
	      "--loads  bytes of a packet inside, or imix: of",
		out);
	for (unsigned i = 0; i < RTE_DIM(loads); i++)
		fprintf(out, " %s", loads[i].name);
	fputs("; default: all\n"
	      "--peers  how many, that packets are for in turns; default " DEFAULT_PEERS "\n",
		out);
}

static void
refuse(const char *text, const char *what)
{
	fprintf(stderr, "bench_gateway: \"%s\" is not %s\n", text, what);
	usage(stderr);
	exit(1);
}

static void
take_loads(struct matrix *matrix, char *list)
{
	memset(matrix->loads, 0, sizeof(matrix->loads));
	for (char *name; (name = strsep(&list, ",")) != NULL;) {
		unsigned i = 0;

		while (i < RTE_DIM(loads) && strcmp(loads[i].name, name) != 0)
			i++;
		if (i == RTE_DIM(loads))
			refuse(name, "one of the loads");
		matrix->loads[i] = true;
	}
}

static void
take_peers(struct matrix *matrix, char *list)
{
	matrix->peers_count = 0;
	for (char *text; (text = strsep(&list, ",")) != NULL;) {
		char *end;
		const unsigned long peers = strtoul(text, &end, 10);

		if (*end != '\0' || peers < 1 || peers > PEERS_MAX ||
			matrix->peers_count == LIST_MAX)
			refuse(text, "a number of peers, from 1 to 65536 (16 of them at most)");
		matrix->peers[matrix->peers_count++] = (unsigned)peers;
	}
}

/* All that is asked for of one number of peers and one kind of buffers. */
static void
measure_room(const struct matrix *matrix, const struct room *room, unsigned peers, const char *aead,
	struct samples *samples, FILE *json, bool *first)
{
	struct rte_mempool *pool = NULL;
	struct bench bench;

	for (unsigned i = 0; i < RTE_DIM(loads); i++) {
		const bool large = loads[i].bytes[0] > rooms[0].mtu;

		if (!matrix->loads[i] || large != (room != &rooms[0]))
			continue;
		if (pool == NULL) {
			pool = rte_pktmbuf_pool_create("bench", room->buffers, 256, 0,
				(uint16_t)(room->mtu + 608 + RTE_PKTMBUF_HEADROOM), 0);
			if (pool == NULL)
				fail("packet buffers");
			setup(&bench, pool, room->mtu, aead, peers);
		}
		measure(&bench, &loads[i], samples);
		report(samples, &loads[i], peers, json, first);
	}
	if (pool == NULL)
		return;
	teardown(&bench);
	rte_mempool_free(pool);
}

static void
measure_all(const struct matrix *matrix, const char *aead, struct samples *samples, FILE *json)
{
	bool first = true;

	if (json != NULL)
		fprintf(json, "{\"tsc_hz\":%lu,\"results\":[", rte_get_tsc_hz());
	printf("cycles per packet, bursts of %u, minimum of %u (TSC %.2f GHz)\n"
	       "%-4s %6s %6s %9s %9s %9s %9s %8s %8s\n",
		BURST, samples->count, (double)rte_get_tsc_hz() / 1e9, "path", "bytes", "peers",
		"whole", "median", "AEAD", "beside", "Mpps", "Gbit/s");
	for (unsigned p = 0; p < matrix->peers_count; p++)
		for (unsigned r = 0; r < RTE_DIM(rooms); r++)
			measure_room(
				matrix, &rooms[r], matrix->peers[p], aead, samples, json, &first);
	if (json != NULL)
		fprintf(json, "\n]}\n");
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {{"json", required_argument, NULL, 'j'},
		{"aead", required_argument, NULL, 'a'}, {"rounds", required_argument, NULL, 'r'},
		{"loads", required_argument, NULL, 'l'}, {"peers", required_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	char default_peers[] = DEFAULT_PEERS;
	struct samples samples = {.count = ROUNDS_DEFAULT};
	struct matrix matrix;
	const char *aead = NULL;
	FILE *json = NULL;
	int option;

	memset(matrix.loads, true, sizeof(matrix.loads));
	take_peers(&matrix, default_peers);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'j' && (json = fopen(optarg, "we")) == NULL)
			fail(optarg);
		else if (option == 'a')
			aead = optarg;
		else if (option == 'r')
			samples.count = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'l')
			take_loads(&matrix, optarg);
		else if (option == 'p')
			take_peers(&matrix, optarg);
		else if (option == 'h' || option == '?') {
			usage(option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 1;
		}
	}
	if (samples.count < 10)
		samples.count = 10;
	start_eal();
	for (unsigned figure = 0; figure < FIGURE_COUNT; figure++)
		samples.cycles[figure] = calloc(samples.count, sizeof(uint64_t));
	measure_all(&matrix, aead, &samples, json);
	if (json != NULL)
		fclose(json);
	for (unsigned figure = 0; figure < FIGURE_COUNT; figure++)
		free(samples.cycles[figure]);
	rte_eal_cleanup();
	return 0;
}
