/*
 * Two host applications of the library in one process, the test their NICs and the wire between.
 *
 *	lanes - host 0 - NIC === wire === NIC - host 1 - lanes
 *
 * What a lane sends arrives at the other host's next lane, as a NIC would spread flows by their
 * ports. Host i has 10.8.3.(i+1) and fd08:3::(i+1) inside, 192.0.2.(i+1) and 2001:db8::(i+1)
 * outside.
 * Threads: a lane's functions belong to the thread that has the lane; all else is the test's.
 */
#pragma once

#include "guardlane.h"

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define HOSTS_LANES_MAX 3
#define HOSTS_WIRE_DEPTH 512
#define HOSTS_ROOM 128U

/* One lane: the frames that are on the wire to it, and what its last round has given. */
struct host_lane {
	struct rte_ring *wire;
	struct rte_mbuf *received[HOSTS_ROOM]; /* inner packets */
	uint16_t received_count;
	struct rte_mbuf *others[HOSTS_ROOM]; /* what was not the gateway's */
	uint16_t other_count;
};

struct host {
	struct gl_gateway *gateway;
	struct host *other;
	unsigned lane_count;
	struct host_lane lanes[HOSTS_LANES_MAX];
	pthread_t duties[GL_DUTY_COUNT]; /* of a host that runs them itself: the second one */
	bool runs_duties;
};

struct hosts_options {
	unsigned lanes; /* 0: 1 */
	bool outer6;
	bool address6; /* a host's own address in the VPN is its IPv6 one, not its IPv4 one */
	uint16_t mtu; /* of the underlay; 0: 1500 */
};

struct hosts {
	struct host hosts[2];
	struct rte_mempool *pool;
	unsigned pool_full;
};

/* hosts_begin makes both, running, every lane online; hosts_end checks that no buffer is lost. */
void hosts_begin(struct hosts *hosts, const struct hosts_options *options);
void hosts_end(struct hosts *hosts);

/* hosts_online takes all lanes of both hosts online, or offline, for the calling thread. */
void hosts_online(struct hosts *hosts, bool online);

/*
 * hosts_round hands what is on the wire to the lane, whose packets then replace the last ones;
 * returns how many there are.
 */
uint16_t hosts_round(struct host *host, unsigned lane);

/* hosts_await has all lanes do rounds until that one has received something, else fails. */
void hosts_await(struct host *host, unsigned lane);

/*
 * hosts_packet makes an inner packet of UDP, `len` bytes from the host number `from` to the inner
 * address that ends with `to`. hosts_packet_number returns its number, or -1 unless all of it is
 * as it was made.
 */
struct rte_mbuf *hosts_packet(const struct hosts *hosts, unsigned version, unsigned from,
	uint8_t to, uint16_t len, uint32_t number);
int64_t hosts_packet_number(const struct rte_mbuf *packet);

/* hosts_inject gives the packet to the lane, which takes it. */
void hosts_inject(struct host *host, unsigned lane, struct rte_mbuf *packet);

/* hosts_drops returns how many packets the host has ever dropped for `reason`. */
uint64_t hosts_drops(struct host *host, const char *reason);

/* hosts_mtu returns that of its tunnel. */
uint16_t hosts_mtu(struct host *host);
