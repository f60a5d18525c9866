/*
 * Two or three whole gateways in one process, joined by a wire, under a clock that the test owns.
 *
 *	inner port - gateway 0 - underlay port === wire === underlay port - gateway 1 - inner port
 *
 * Site i has the underlay addresses 192.0.2.(i+1) and 2001:db8::(i+1), listens on PAIR_PORT, and
 * its inner side is 10.0.i.0/24 and fd00:0:0:i::/64. Nothing happens but in pair_settle() and
 * pair_advance(). What holds in every run is checked as it runs and in pair_end(): no pair of key
 * and counter is sent twice, no plaintext is sent, what is not authentic changes nothing (see
 * oracle.h), every drop was expected, and every buffer comes back.
 * Threads: the test's.
 */
#pragma once

#include "wire.h"

#include "gateway/reconfigure.h"

#define PAIR_PORT 4567
#define PAIR_SITES_MAX WIRE_ENDS_MAX
#define PAIR_INNER_MAX 2048
/* Room for what a reconfiguration says. */
#define PAIR_SAID_MAX 8192
/* How many packets that came out of a tunnel a site remembers. */
#define PAIR_RECEIVED_DEPTH 4096

struct pair_clock {
	struct clock clock;
	uint64_t boot_ns;
	uint64_t real_ns;
};

/* A packet that came out of a tunnel. */
struct pair_packet {
	uint32_t number; /* that the fixture put into it; see pair_packet_make */
	size_t len;
	uint8_t bytes[PAIR_INNER_MAX];
};

struct pair_site {
	unsigned number;
	struct pair_clock clock;
	struct gateway *gateway; /* NULL: the test itself plays this site */
	struct port *inner; /* the outer world's end of it */
	struct tunnel_config files; /* what it was started with, for pair_reconfigure */
	struct address addresses[2]; /* of the underlay: IPv4, IPv6 */
	uint8_t private_key[32];
	uint8_t public_key[32];
	bool inner_stopped; /* nothing is taken from the inner port: it fills up */
	struct pair_packet *received; /* ring: packet number n is at n % PAIR_RECEIVED_DEPTH */
	uint64_t received_count;
	uint64_t accounted[DROP_COUNT]; /* drops that the test has expected so far */
	unsigned warnings;
	char said[PAIR_SAID_MAX]; /* the lines of the last pair_reconfigure, each with a newline */
	struct log log;
};

/* Zeroed: two gateways, IPv4 outside, no preshared key, nobody initiates by itself. */
struct pair_options {
	unsigned sites; /* 0: 2 */
	unsigned gateways; /* sites 0.. that are gateways; 0: all */
	bool outer6;
	bool no_endpoint[PAIR_SITES_MAX]; /* the site knows nobody's endpoint */
	bool fixed_endpoints[PAIR_SITES_MAX]; /* the site's peers stay where it knows them */
	bool no_key[PAIR_SITES_MAX]; /* the site has no private key */
	bool preshared[PAIR_SITES_MAX]; /* the site uses the preshared key */
	bool eager; /* sites initiate at start, as gateways do */
	uint16_t keepalive_s[PAIR_SITES_MAX];
	uint32_t mtu; /* of the tunnel; 0: 1420 */
	unsigned lanes; /* of each gateway; 0: 1. What tests send goes to the first one */
	const char *aead; /* the backend; NULL: auto, which takes some time to choose */
	const uint8_t *key_of_1; /* public key by which the others know site 1; NULL: its own */
	unsigned extra_peers; /* of site 0: peer n has 10.1.n/256.n%256 inside, and no endpoint */
};

struct pair {
	struct pair_options options;
	struct pair_site sites[PAIR_SITES_MAX];
	unsigned site_count;
	struct wire wire;
	struct rte_mempool *pool;
	struct rte_mempool *control_pool;
	uint8_t (*extra_keys)[32]; /* private keys of the extra peers, for puppets */
	uint64_t step_ns; /* longest step of pair_advance(): 10 ms at first */
	bool drops_unchecked; /* with faults on the wire nobody can say what is dropped */
	uint64_t refused; /* frames that were not authentic, and changed nothing */
};

/* pair_eal, pair_eal_end: group set-up and teardown of every program. */
int pair_eal(void **state);
int pair_eal_end(void **state);

/* pair_begin makes it; prints the seed, TEST_SEED in the environment gives one. */
struct pair *pair_begin(const struct pair_options *options);

/* pair_end checks what must hold at the end of every run, and frees it. */
void pair_end(struct pair *pair);

/* pair_settle lets everything happen that can happen without time passing. */
void pair_settle(struct pair *pair);

/* pair_advance has `ns` pass, in steps, settling after each. */
void pair_advance(struct pair *pair, uint64_t ns);

/* pair_until has time pass until the boot clock shows `boot_ns`. */
void pair_until(struct pair *pair, uint64_t boot_ns);

/* pair_jump has `ns` pass at once, as after a suspend, and settles. */
void pair_jump(struct pair *pair, uint64_t ns);

/* pair_now_ns returns the boot clock's time, the same at all sites. */
uint64_t pair_now_ns(const struct pair *pair);

/* pair_connect has site `from` initiate, and fails the test unless both can send afterwards. */
void pair_connect(struct pair *pair, unsigned from, unsigned to);

/* pair_initiate has site `from` initiate to `to`, and does not settle. */
void pair_initiate(struct pair *pair, unsigned from, unsigned to);

/* pair_tunnel, pair_peer: the tunnel of a site, and its peer for site `other`. */
struct tunnel *pair_tunnel(struct pair *pair, unsigned site);
struct peer *pair_peer(struct pair *pair, unsigned site, unsigned other);

/* pair_sessions counts the sessions that the site has for its peer, 0 to 3. */
unsigned pair_sessions(struct pair *pair, unsigned site, unsigned other);

/* pair_endpoint makes the underlay endpoint of a site. */
struct endpoint pair_endpoint(const struct pair *pair, unsigned site, bool six);

/*
 * pair_packet_make writes an inner packet of `len` bytes (version 4: 20 and up, 6: 40 and up) from
 * one site to another: number and canary behind the header, as far as they fit.
 */
void pair_packet_make(
	uint8_t *bytes, unsigned version, size_t len, unsigned from, unsigned to, uint32_t number);

/* pair_header_checksum returns that of an IPv4 header without options, whose own is zero. */
uint16_t pair_header_checksum(const uint8_t header[static 20]);

/* pair_send_bytes gives a packet to the site's tunnel; returns whether the inner port took it. */
bool pair_send_bytes(struct pair *pair, unsigned site, const void *bytes, size_t len);

/* pair_send gives an IPv4 packet of 100 bytes to the tunnel of `from`; does not settle. */
void pair_send(struct pair *pair, unsigned from, unsigned to, uint32_t number);

/* pair_received returns packet `n` (from 0) that came out at the site. */
const struct pair_packet *pair_received(const struct pair *pair, unsigned site, uint64_t n);

/* pair_drops returns how many packets the site has ever dropped for `reason`. */
uint64_t pair_drops(const struct pair *pair, unsigned site, enum drop_reason reason);

/*
 * pair_dropped fails the test unless the site has dropped exactly `count` packets for `reason`
 * since it was last asked.
 */
void pair_dropped(struct pair *pair, unsigned site, enum drop_reason reason, uint64_t count);

/*
 * pair_reconfigure makes the site's gateway into what site->files says by now; does not settle.
 * Returns what gateway_reconfigure returns, its lines in site->said and its counts in *counts.
 */
int pair_reconfigure(struct pair *pair, unsigned site, struct reconfigure_counts *counts);

/*
 * Changing the files of a site. pair_file_of returns the section of a key; pair_file_add appends
 * one (pointers to others are void then), pair_file_remove takes one out. pair_file_allow sets its
 * allowed-ips to the prefixes in `list`, separated by blanks.
 */
struct tunnel_config_peer *
pair_file_of(struct pair *pair, unsigned site, const uint8_t public_key[32]);
struct tunnel_config_peer *
pair_file_add(struct pair *pair, unsigned site, const uint8_t public_key[32]);
void pair_file_remove(struct pair *pair, unsigned site, const uint8_t public_key[32]);
void pair_file_allow(struct tunnel_config_peer *peer, const char *list);

/* pair_converse sends a packet each way, and fails the test unless both arrive. */
void pair_converse(struct pair *pair, unsigned a, unsigned b);
