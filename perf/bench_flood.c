/*
 * What a flood takes from established tunnels: traffic at half of the measured peak, and with it
 * junk, initiations with a right mac1, or forged data; and how often a known peer must try then
 * until it has a new session: once, or twice under load, the first time for a cookie.
 * On the packet's way: in, between memory ports: no NIC, no kernel.
 * Threads: one, pinned.
 *
 * Two cores are played on one: the lane's time and the handshake thread's advance by the cycles
 * that each has really taken, side by side, and packets arrive by the lane's time; what makes and
 * seals them costs nobody. So the figures are those of a lane and a handshake thread on a core
 * each, whatever else the machine does meanwhile: of a round that was interrupted (longer than
 * INTERRUPTED_US) the thread's CPU time counts. What finds the port full is lost, as at a NIC.
 */
#include "base/bytes.h"
#include "base/random.h"
#include "control/rounds.h"
#include "crypto/x25519.h"
#include "gateway/gateway.h"
#include "proto/cookie.h"
#include "proto/noise.h"
#include "proto/tai64n.h"
#include "wire/message.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LISTEN_PORT 4567
#define PORT_DEPTH 1024
#define PEERS 8
#define BYTES 64
#define BURST 64
#define MTU 1420
#define INTERRUPTED_US 15
/*
 * The known peer begins when the flood is on, and tries again after this: a hundredth of what peers
 * wait, so that there are enough tries. With a new session it begins anew, without a cookie.
 */
#define REKEY_AT 0.2
#define REKEY_AGAIN 0.05

enum flood {
	FLOOD_NONE,
	FLOOD_JUNK, /* data for no session */
	FLOOD_RANDOM, /* anything: LD-1 */
	FLOOD_INITIATIONS, /* with a right mac1, each from an address of its own: LD-2 */
	FLOOD_SPOOFED, /* the same from the known peer's address and port */
	FLOOD_GUESSED, /* the same, and a mac2 that is none */
	FLOOD_FORGED, /* data for a session that is not authentic; at a tenth of the peak */
};

/* Mpps 10 is LD-1's; initiations fill 10 Gbit/s at 5.8 Mpps. */
static const struct row {
	const char *name;
	enum flood flood;
	double pps;
} rows[] = {
	{"none", FLOOD_NONE, 0},
	{"junk", FLOOD_JUNK, 1e6},
	{"random-10M", FLOOD_RANDOM, 10e6},
	{"initiations", FLOOD_INITIATIONS, 1e6},
	{"initiations-6M", FLOOD_INITIATIONS, 5.8e6},
	{"spoofed", FLOOD_SPOOFED, 1e6},
	{"guessed", FLOOD_GUESSED, 1e6},
	{"forged", FLOOD_FORGED, 0},
};

struct bench {
	struct clock clock; /* first: the lane's time is its context */
	uint64_t lane_cycles;
	uint64_t control_cycles;
	unsigned interrupted;
	struct gateway *gateway;
	struct lane *lane;
	struct tunnel *tunnel;
	struct port *wire;
	struct port *inner;
	struct rte_mempool *pool;
	struct aead *aead;
	struct peer *peers[PEERS];
	uint64_t counters[PEERS];
	unsigned turn;
	uint64_t random;
	struct outer_header header;
	/* the known peer */
	struct noise_identity identity;
	struct noise_remote remote;
	struct noise_handshake handshake;
	struct cookie_jar jar;
	double next_initiation_s; /* of the run's time */
	unsigned tries; /* for the session that it wants now */
	unsigned tries_most; /* for any session */
	unsigned tries_all;
	unsigned sessions;
	/* counted */
	uint64_t offered;
	uint64_t lost_at_port;
	uint64_t flooded;
	uint64_t delivered;
	uint64_t answered;
};

static const struct endpoint ours = {.address = {.bytes = {192, 0, 2, 1}, .family = ADDRESS_IPV4},
	.port = LISTEN_PORT};
static const struct endpoint theirs = {.address = {.bytes = {192, 0, 2, 2}, .family = ADDRESS_IPV4},
	.port = LISTEN_PORT};

static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "bench_flood: %s\n", what);
	exit(1);
}

static void
demand(bool good, const char *what)
{
	if (!good)
		fail(what);
}

static void
write_log(void *context, enum log_level level, const char *line)
{
	fprintf(stderr, "bench_flood: %s: %s\n", log_level_name(level), line);
}

static const struct log bench_log = {.level = LOG_LEVEL_ERROR, .write = write_log};

static uint64_t
next_random(struct bench *bench)
{
	bench->random =
		bench->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return bench->random >> 11;
}

/* -- time ---------------------------------------------------------------------------------- */

static uint64_t
lane_ns(const struct clock *clock)
{
	const struct bench *bench = (const struct bench *)clock;

	return 1000 * NS_IN_S +
		(uint64_t)((double)bench->lane_cycles * 1e9 / (double)rte_get_tsc_hz());
}

static uint64_t
real_ns(const struct clock *clock)
{
	return UINT64_C(1700000000) * NS_IN_S + lane_ns(clock);
}

/* When something begins, by the TSC and by the thread's CPU time. */
struct moment {
	struct timespec cpu;
	uint64_t tsc;
};

static struct moment
moment_now(void)
{
	struct moment now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now.cpu);
	now.tsc = rte_rdtsc_precise();
	return now;
}

/* The cycles since then, without those of others. */
static uint64_t
taken(struct bench *bench, const struct moment *begin)
{
	const uint64_t cycles = rte_rdtsc_precise() - begin->tsc;
	struct timespec now;
	uint64_t cpu_ns;

	if (cycles < rte_get_tsc_hz() / 1000000 * INTERRUPTED_US)
		return cycles;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	cpu_ns = (uint64_t)(now.tv_sec - begin->cpu.tv_sec) * NS_IN_S + (uint64_t)now.tv_nsec -
		(uint64_t)begin->cpu.tv_nsec;
	bench->interrupted++;
	return (uint64_t)((double)cpu_ns * (double)rte_get_tsc_hz() / 1e9);
}

/* -- the gateway --------------------------------------------------------------------------- */

static void
fill_config(struct tunnel_config *config, struct prefix prefixes[PEERS + 1],
	uint8_t known_private[KEY_LEN])
{
	*config = (struct tunnel_config){
		.peer_count = PEERS + 1, .listen_port = LISTEN_PORT, .clustering = true};
	config->peers = calloc(PEERS + 1, sizeof(config->peers[0]));
	demand(config->peers != NULL && random_fill(config->private_key, KEY_LEN) == 0 &&
			random_fill(known_private, KEY_LEN) == 0,
		"memory");
	x25519_clamp(config->private_key);
	x25519_clamp(known_private);
	for (unsigned i = 0; i <= PEERS; i++) {
		struct tunnel_config_peer *peer = &config->peers[i];

		demand((i < PEERS ? random_fill(peer->public_key, KEY_LEN)
				  : x25519_public(peer->public_key, known_private)) == 0,
			"a key");
		prefixes[i] = (struct prefix){
			.address = {.family = ADDRESS_IPV4, .bytes = {10, 8, 0, (uint8_t)(i + 1)}},
			.len = 32};
		peer->allowed_ips = &prefixes[i];
		peer->allowed_ips_count = 1;
	}
}

/* What a handshake would have left behind. */
static void
install_session(struct bench *bench, struct peer *peer)
{
	struct noise_session_keys keys = {.initiator = false};
	struct session *session;

	demand(random_fill(keys.send_key, NOISE_KEY_LEN) == 0 &&
			random_fill(keys.receive_key, NOISE_KEY_LEN) == 0 &&
			index_take(tunnel_indices(bench->tunnel), peer, &keys.local_index) == 0,
		"making a session");
	session = session_create(bench->tunnel->sessions, peer, &keys, lane_ns(&bench->clock));
	demand(session != NULL, "making a session");
	peer_install_initiator(peer, session);
	index_set_session(tunnel_indices(bench->tunnel), keys.local_index, session);
}

static void
open_gateway(struct bench *bench, const struct tunnel_config *config, const char *aead)
{
	struct port *wire[2];

	demand(port_memory_pair("flood", 1, PORT_DEPTH, true, wire) == 0, "memory ports");
	bench->wire = wire[1];
	demand(gateway_create(
		       &(const struct gateway_settings){
			       .underlay = wire[0],
			       .nexthops = nexthops_static_create(wire[0]->mac, wire[1]->mac,
				       &ours.address, &(const struct address){.family = 0}, 1500),
			       .pool = bench->pool,
			       .control_pool = bench->pool,
			       .lane_count = 1,
			       .busy = true,
			       .aead = aead,
			       .clock = &bench->clock,
			       .log = &bench_log,
		       },
		       &bench->gateway) == 0 &&
			gateway_add_tunnel(bench->gateway,
				&(const struct gateway_tunnel_settings){.config = config,
					.name = "flood",
					.listen_port = LISTEN_PORT},
				&bench->inner) == 0,
		"gateway");
	outer_header_make(&bench->header, wire[0]->mac, wire[1]->mac, &theirs, &ours);
}

static void
setup(struct bench *bench, struct rte_mempool *pool, const char *aead)
{
	struct prefix prefixes[PEERS + 1];
	struct tunnel_config config;
	uint8_t known_private[KEY_LEN];
	uint8_t our_public[KEY_LEN];
	struct peer *peer;
	unsigned i = 0;

	*bench = (struct bench){.clock = {.boot_ns = lane_ns, .real_ns = real_ns},
		.pool = pool,
		.random = 1,
		.next_initiation_s = REKEY_AT};
	fill_config(&config, prefixes, known_private);
	bench->aead = aead_create(aead);
	demand(bench->aead != NULL, "AEAD");
	open_gateway(bench, &config, aead);
	bench->lane = bench->gateway->lanes[0].lane;
	bench->tunnel = bench->gateway->control.tunnels[0];
	TAILQ_FOREACH (peer, &bench->tunnel->peers, entry) {
		if (i == PEERS)
			break;
		bench->peers[i++] = peer;
		install_session(bench, peer);
	}
	demand(x25519_public(our_public, config.private_key) == 0, "a key");
	noise_identity_init(&bench->identity, known_private);
	noise_remote_init(&bench->remote, &bench->identity, our_public, NULL);
	cookie_jar_init(&bench->jar, our_public);
	free(config.peers);
	/* It was there before. */
	known_sources_note(bench->gateway->control.known, &theirs.address);
	reclaim_online(&bench->gateway->reclaim, 0);
}

static void
teardown(struct bench *bench)
{
	reclaim_offline(&bench->gateway->reclaim, 0);
	gateway_destroy(bench->gateway);
	port_close(bench->wire);
	aead_destroy(bench->aead);
}

/* -- what arrives -------------------------------------------------------------------------- */

static struct rte_mbuf *
make_frame(struct bench *bench, unsigned message_len, uint8_t **message)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(bench->pool);

	if (mbuf == NULL)
		fail("no packet buffer: they do not come back");
	mbuf->data_len = (uint16_t)(bench->header.len + message_len);
	mbuf->pkt_len = mbuf->data_len;
	*message = rte_pktmbuf_mtod(mbuf, uint8_t *) + bench->header.len;
	return mbuf;
}

/* Data of an established peer; forged: with nothing but the index right. */
static struct rte_mbuf *
make_data(struct bench *bench, bool forged, struct aead_packet *text)
{
	const unsigned message_len = BYTES + MESSAGE_DATA_OVERHEAD;
	const unsigned i = bench->turn++ % PEERS;
	const struct session *session = atomic_load(&bench->peers[i]->current);
	const uint64_t counter = bench->counters[i] + (forged ? 100 : 0);
	uint8_t *message;
	struct rte_mbuf *mbuf = make_frame(bench, message_len, &message);
	uint8_t *inner = message + MESSAGE_DATA_HEADER_LEN;

	memset(inner, 0, BYTES + MESSAGE_TAG_LEN);
	inner[0] = 0x45;
	store_be16(inner + 2, BYTES);
	memcpy(inner + 12, (const uint8_t[8]){10, 8, 0, (uint8_t)(i + 1), 10, 9, 9, 9}, 8);
	store_le32(message, MESSAGE_DATA);
	store_le32(message + 4, session->local_index);
	store_le64(message + 8, counter);
	outer_header_write(&bench->header, message, (uint16_t)message_len, 0);
	if (!forged)
		bench->counters[i]++;
	*text = (struct aead_packet){
		.data = inner, .key = session->receive_key, .counter = counter, .len = BYTES};
	return mbuf;
}

/* From a source of its own each, but for those that spoof. */
static struct rte_mbuf *
make_flood(struct bench *bench, enum flood flood)
{
	struct endpoint source = {.address = {.family = ADDRESS_IPV4}, .port = 1000};
	const bool initiation = flood >= FLOOD_INITIATIONS;
	const unsigned len = initiation ? sizeof(struct message_initiation) : 96;
	struct outer_header header;
	struct aead_packet text;
	uint8_t *message;
	struct rte_mbuf *mbuf;

	if (flood == FLOOD_FORGED)
		return make_data(bench, true, &text);
	mbuf = make_frame(bench, len, &message);
	for (unsigned at = 0; at < len; at += 4)
		store_le32(message + at, (uint32_t)next_random(bench));
	if (flood != FLOOD_RANDOM)
		store_le32(message, initiation ? MESSAGE_INITIATION : MESSAGE_DATA);
	if (initiation) {
		struct cookie_jar jar = bench->jar;

		jar.cookie_ns = 0;
		cookie_add_macs(&jar, message, len, lane_ns(&bench->clock));
		if (flood == FLOOD_GUESSED)
			store_le64(message + len - MESSAGE_MAC_LEN, next_random(bench));
	}
	if (flood == FLOOD_SPOOFED || flood == FLOOD_GUESSED) {
		outer_header_write(&bench->header, message, (uint16_t)len, 0);
		return mbuf;
	}
	store_be32(source.address.bytes, 0x0b000000 | (uint32_t)(next_random(bench) & 0xffffff));
	outer_header_make(&header, bench->header.bytes, bench->header.bytes + 6, &source, &ours);
	outer_header_write(&header, message, (uint16_t)len, 0);
	return mbuf;
}

static void
arrive(struct bench *bench, struct rte_mbuf *mbufs[], unsigned count, bool counted)
{
	const unsigned taken_count = port_transmit(bench->wire, 0, mbufs, (uint16_t)count);

	if (taken_count < count)
		rte_pktmbuf_free_bulk(mbufs + taken_count, count - taken_count);
	if (counted)
		bench->lost_at_port += count - taken_count;
}

/* The mask of a batch. */
static uint64_t
all_of(unsigned count)
{
	return count < BURST ? (UINT64_C(1) << count) - 1 : UINT64_MAX;
}

static void
arrive_data(struct bench *bench, unsigned count)
{
	struct rte_mbuf *mbufs[BURST];
	struct aead_packet texts[BURST];

	while (count > 0) {
		const unsigned burst = count < BURST ? count : BURST;

		for (unsigned k = 0; k < burst; k++)
			mbufs[k] = make_data(bench, false, &texts[k]);
		demand(aead_seal(bench->aead, texts, burst) == all_of(burst), "sealing");
		arrive(bench, mbufs, burst, true);
		bench->offered += burst;
		count -= burst;
	}
}

/* The known peer's turn: a new initiation, with the cookie if it has got one. */
static void
arrive_initiation(struct bench *bench)
{
	struct message_initiation made;
	uint8_t stamp[MESSAGE_TIMESTAMP_LEN];
	uint8_t *message;
	struct rte_mbuf *mbuf = make_frame(bench, sizeof(made), &message);

	bench->tries++;
	bench->tries_all++;
	if (bench->tries > bench->tries_most)
		bench->tries_most = bench->tries;
	tai64n_make(stamp, real_ns(&bench->clock), bench->handshake.latest_timestamp);
	demand(noise_initiation_create(&bench->handshake, &bench->identity, &bench->remote, 77,
		       stamp, NULL, &made) == 0,
		"an initiation");
	cookie_add_macs(&bench->jar, (uint8_t *)&made, sizeof(made), lane_ns(&bench->clock));
	memcpy(message, &made, sizeof(made));
	outer_header_write(&bench->header, message, sizeof(made), 0);
	arrive(bench, &mbuf, 1, false);
}

/* -- what leaves --------------------------------------------------------------------------- */

static void
hear(struct bench *bench, const struct rte_mbuf *mbuf)
{
	const uint8_t *message = rte_pktmbuf_mtod(mbuf, const uint8_t *) + bench->header.len;

	bench->answered++;
	if (load_le32(message) == MESSAGE_RESPONSE && load_le32(message + 8) == 77) {
		if (noise_response_accept(&bench->handshake, &bench->identity, &bench->remote,
			    (const void *)message) != 0)
			return;
		bench->sessions++;
		bench->tries = 0;
		bench->jar.cookie_ns = 0;
	} else if (load_le32(message) == MESSAGE_COOKIE_REPLY && load_le32(message + 4) == 77) {
		(void)!cookie_reply_accept(
			&bench->jar, (const void *)message, lane_ns(&bench->clock));
	}
}

static void
leave(struct bench *bench)
{
	struct rte_mbuf *mbufs[BURST];
	uint16_t count;

	while ((count = port_receive(bench->inner, 0, mbufs, BURST)) > 0) {
		bench->delivered += count;
		rte_pktmbuf_free_bulk(mbufs, count);
	}
	while ((count = port_receive(bench->wire, 0, mbufs, BURST)) > 0) {
		for (uint16_t i = 0; i < count; i++)
			hear(bench, mbufs[i]);
		rte_pktmbuf_free_bulk(mbufs, count);
	}
}

/* -- running ------------------------------------------------------------------------------- */

/* A round of the lane, and as much of the handshake thread as fits beside it. */
static void
step(struct bench *bench)
{
	struct moment begin = moment_now();

	(void)lane_round(bench->lane);
	bench->lane_cycles += taken(bench, &begin);
	while (bench->control_cycles < bench->lane_cycles) {
		unsigned work;

		begin = moment_now();
		control_lock(&bench->gateway->control);
		work = rounds_do(&bench->gateway->control, NULL);
		control_unlock(&bench->gateway->control);
		bench->control_cycles += taken(bench, &begin);
		if (work == 0)
			bench->control_cycles = bench->lane_cycles;
	}
	leave(bench);
}

/* Packets per second when there are always enough. */
static double
measure_peak(struct bench *bench)
{
	const uint64_t rounds = 20000;
	uint64_t begin;

	for (unsigned i = 0; i < 1000; i++) {
		arrive_data(bench, BURST);
		step(bench);
	}
	begin = bench->lane_cycles;
	for (uint64_t i = 0; i < rounds; i++) {
		arrive_data(bench, BURST);
		step(bench);
	}
	return (double)(rounds * BURST) * (double)rte_get_tsc_hz() /
		(double)(bench->lane_cycles - begin);
}

static void
run(struct bench *bench, enum flood flood, double data_pps, double flood_pps, double seconds)
{
	const uint64_t begin = bench->lane_cycles;
	double now_s = 0;

	bench->offered = bench->delivered = bench->lost_at_port = bench->answered = 0;
	while (now_s < seconds) {
		const double data_due = now_s * data_pps;
		const double flood_due = flood == FLOOD_NONE ? 0 : now_s * flood_pps;

		/* In turns of a few, so that neither always finds the place that is left. */
		while ((double)bench->offered + 4 <= data_due ||
			(double)bench->flooded + 1 <= flood_due) {
			if ((double)bench->offered + 4 <= data_due)
				arrive_data(bench, 4);
			for (unsigned i = 0; i < 4 && (double)bench->flooded + 1 <= flood_due;
				i++) {
				struct rte_mbuf *mbuf = make_flood(bench, flood);

				arrive(bench, &mbuf, 1, false);
				bench->flooded++;
			}
		}
		if (now_s >= bench->next_initiation_s) {
			arrive_initiation(bench);
			bench->next_initiation_s += REKEY_AGAIN;
		}
		step(bench);
		now_s = (double)(bench->lane_cycles - begin) / (double)rte_get_tsc_hz();
	}
	for (unsigned i = 0; i < 1000; i++)
		step(bench);
}

static long
resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long pages = 0;

	demand(file != NULL && fscanf(file, "%*d %ld", &pages) == 1, "/proc/self/statm");
	(void)fclose(file);
	return pages * 4;
}

/* *usual is what is kept without a flood: the machine's other work costs some, too. */
static void
report(const struct bench *bench, const struct row *row, double peak, long grown_kib, double *usual,
	FILE *json)
{
	const double kept = (double)bench->delivered / (double)bench->offered * 100;

	const double tries = bench->sessions == 0
		? 0
		: (double)(bench->tries_all - bench->tries) / bench->sessions;

	if (row->flood == FLOOD_NONE)
		*usual = kept;
	printf("%-14s %9.2f %9.2f %9.2f %8.2f %8.2f %8u %7.2f %7u %9ld %9llu\n", row->name,
		peak / 1e6, (double)bench->offered / 1e6, (double)bench->flooded / 1e6, kept,
		kept / *usual * 100, bench->sessions, tries, bench->tries_most, grown_kib,
		(unsigned long long)bench->answered);
	if (json != NULL)
		fprintf(json,
			"%s\n{\"bench\":\"flood\",\"flood\":\"%s\",\"bytes\":%d,\"peak_mpps\":%.3f,"
			"\"offered\":%llu,\"flooded\":%llu,\"kept_percent\":%.3f,\"kept_of_usual_percent\":%.3f,"
			"\"sessions\":%u,\"tries_of_a_session\":%.3f,\"tries_most\":%u,"
			"\"resident_grown_kib\":%ld,\"interrupted\":%u}",
			row == rows ? "" : ",", row->name, BYTES, peak / 1e6,
			(unsigned long long)bench->offered, (unsigned long long)bench->flooded,
			kept, kept / *usual * 100, bench->sessions, tries, bench->tries_most,
			grown_kib, bench->interrupted);
}

/* A run of its own, with a gateway of its own. */
static void
measure(struct rte_mempool *pool, const char *aead, const struct row *row, double seconds,
	double *usual, FILE *json)
{
	static struct bench bench;
	const unsigned available = rte_mempool_avail_count(pool);
	double peak;
	long before_kib;
	long after_kib;

	setup(&bench, pool, aead);
	peak = measure_peak(&bench);
	before_kib = resident_kib();
	run(&bench, row->flood, peak / 2, row->flood == FLOOD_FORGED ? peak / 10 : row->pps,
		seconds);
	after_kib = resident_kib();
	report(&bench, row, peak, after_kib - before_kib, usual, json);
	teardown(&bench);
	demand(rte_mempool_avail_count(pool) == available, "packet buffers are lost");
}

static void
start_eal(void)
{
	const char *argv[] = {"bench_flood", "--no-huge", "-m", "512", "--no-pci", "--no-telemetry",
		"--no-shconf", "--iova-mode=va", "--log-level=*:error", "--lcores", "0@1", NULL};

	demand(rte_eal_init((int)RTE_DIM(argv) - 1, (char **)(void *)argv) >= 0, "EAL");
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {{"json", required_argument, NULL, 'j'},
		{"aead", required_argument, NULL, 'a'}, {"seconds", required_argument, NULL, 's'},
		{NULL, 0, NULL, 0}};
	const char *aead = NULL;
	struct rte_mempool *pool;
	double seconds = 1;
	double usual = 100;
	FILE *json = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'j')
			demand((json = fopen(optarg, "we")) != NULL, optarg);
		else if (option == 'a')
			aead = optarg;
		else if (option == 's')
			seconds = strtod(optarg, NULL);
		else
			demand(false,
				"usage: bench_flood [--json FILE] [--aead NAME] [--seconds S]");
	}
	start_eal();
	pool = rte_pktmbuf_pool_create("flood", 32767, 256, 0, 2048 + RTE_PKTMBUF_HEADROOM, 0);
	demand(pool != NULL, "packet buffers");
	if (json != NULL)
		fprintf(json, "{\"tsc_hz\":%lu,\"results\":[", rte_get_tsc_hz());
	printf("%d-byte packets at half of the peak, %g s, and a flood\n"
	       "%-14s %9s %9s %9s %8s %8s %8s %7s %7s %9s %9s\n",
		BYTES, seconds, "flood", "peak Mpps", "offered M", "flood M", "kept %", "of none",
		"sessions", "tries", "most", "KiB more", "answers");
	for (unsigned i = 0; i < RTE_DIM(rows); i++)
		measure(pool, aead, &rows[i], seconds, &usual, json);
	if (json != NULL) {
		fprintf(json, "\n]}\n");
		fclose(json);
	}
	rte_mempool_free(pool);
	rte_eal_cleanup();
	return 0;
}
