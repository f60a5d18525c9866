/*
 * A gateway: one underlay port, lanes, tunnels, and the threads of the control side.
 * On the packet's way: owns everything that is on it.
 * Threads: management, but for gateway_lane_run.
 */
#pragma once

#include "config/tunnel_config.h"
#include "control/control.h"
#include "control/host.h"
#include "control/management.h"
#include "datapath/lane.h"
#include "gateway/host_routes.h"
#include "gateway/pipeline.h"
#include "net/hold.h"

#include <rte_mempool.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define GATEWAY_LANES_MAX 64
/* Peers over all tunnels. */
#define GATEWAY_PEERS_MAX 65536

/* What a gateway is made from. It takes over underlay, nexthops and hold, also on failure. */
struct gateway_settings {
	struct port *underlay;
	struct nexthops *nexthops;
	struct hold *hold; /* NULL where nothing needs to be held */
	struct rte_mempool *pool; /* the lanes' buffers; stays the caller's */
	struct rte_mempool *control_pool; /* handshakes' buffers and nothing else; likewise */
	struct rte_mempool *host_pool; /* for packets from TUNs; likewise; NULL: there are none */
	unsigned lane_count;
	bool busy;
	const char *aead;
	struct thread_hook threads;
	const struct clock *clock;
	const struct log *log; /* outlives the gateway */
};

/* A tunnel to be added. */
struct gateway_tunnel_settings {
	const struct tunnel_config *config;
	const char *name;
	const struct prefix *addresses; /* host bits kept */
	unsigned address_count;
	uint16_t listen_port; /* 0, if `bare`: any that is free */
	uint16_t peer_port; /* 0: as configured */
	bool fixed_endpoints; /* peers that have one do not roam */
	const char *netns; /* the network namespace of the TUN, as tun_open has it; or NULL */
	bool host_device; /* a TUN of that name; else *inner_end is the inner side's */
	bool caller; /* instead of both: who calls the lanes gives and takes inner packets */
	bool uapi; /* a UAPI socket of that name */
	bool bare; /* the host device's addresses, routes and MTU, and the rest, come from others */
	const char *pipeline; /* as pipeline_choice_parse has it; NULL: there is none */
	const struct host_match
		*host_match; /* what does not go there all the same; NULL: nothing */
};

struct gateway_lane {
	struct lane *lane;
	struct aead *aead;
};

/* What a tunnel has outside of itself. */
struct gateway_tunnel {
	struct tunnel *tunnel;
	uint16_t listen_port; /* that it begins with */
	struct port *inner; /* the lanes' end; NULL: the gateway's `caller` */
	struct port *inner_end; /* the other one, if the caller has it; else NULL */
	struct host_device *device; /* NULL: there is none */
	struct port *pipeline; /* NULL: there is none */
	struct pipeline *connection; /* of a pipeline by memif; else NULL */
	bool bare; /* as above: there are no routes */
	struct host_routes routes; /* to the device */
};

/* What the threads of the control side do. */
enum gateway_duty { GATEWAY_MANAGEMENT, GATEWAY_HANDSHAKES, GATEWAY_HOST, GATEWAY_DUTY_COUNT };

struct gateway_thread {
	struct gateway *gateway;
	enum gateway_duty duty;
	pthread_t id;
};

struct gateway {
	struct gateway_settings settings;
	uint64_t birth_ns; /* boot clock */
	struct reclaim reclaim;
	struct rings rings;
	struct control control;
	struct host host;
	struct management *management;
	struct gateway_lane lanes[GATEWAY_LANES_MAX];
	struct gateway_tunnel tunnels[DIRECTORY_TUNNELS_MAX];
	unsigned tunnel_count;
	struct port
		*caller; /* the inner port of all tunnels that have none of their own; or NULL */
	struct gateway_thread threads[GATEWAY_DUTY_COUNT];
	unsigned thread_count;
	_Atomic bool stop;
};

/* gateway_create returns 0 and *gateway, or a negative errno with one line in the log. */
int gateway_create(const struct gateway_settings *settings, struct gateway **gateway)
	__attribute__((warn_unused_result));
void gateway_destroy(struct gateway *gateway);

/*
 * gateway_add_tunnel adds a tunnel with all peers of its configuration. Without a host device
 * *inner_end is the port where inner packets come out and go in (one queue a lane); it stays the
 * gateway's. On error the gateway is good for destruction only.
 */
int gateway_add_tunnel(struct gateway *gateway, const struct gateway_tunnel_settings *settings,
	struct port **inner_end) __attribute__((warn_unused_result));

/*
 * gateway_start, gateway_stop: the threads of the control side, one for each duty. gateway_run does
 * a duty on the calling thread until gateway_stop().
 */
int gateway_start(struct gateway *gateway) __attribute__((warn_unused_result));
void gateway_run(struct gateway *gateway, enum gateway_duty duty);
void gateway_stop(struct gateway *gateway);

/* gateway_lane_run runs a lane on the calling thread until gateway_stop(). */
void gateway_lane_run(struct gateway *gateway, unsigned lane);

/*
 * gateway_step does one round of everything on the calling thread, for tests that own the time: no
 * thread may run. Returns how much there was to do.
 */
unsigned gateway_step(struct gateway *gateway);
