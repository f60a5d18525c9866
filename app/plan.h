/*
 * The plan: what is to run, decided from options, environment and files before anything is touched.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "guardlane.h"
#include "options.h"
#include "places.h"

#include <stdbool.h>
#include <stdint.h>

struct plan_tunnel {
	struct places places;
	struct gl_config *config;
	char vpn_address[PLACES_VPN_ADDRESS_MAX];
	const char *host;
	uint16_t listen_port; /* 0: the file's */
	uint16_t peer_port; /* 0: the file's */
};

struct plan {
	struct gl_log log;
	struct plan_tunnel tunnels[OPTIONS_TUNNELS_MAX];
	unsigned tunnel_count; /* those with a peer table; 0: clustering is off */
	char underlay[64];
	const char *underlay_interface;
	const char *aead;
	cpu_set_t cpus;
	unsigned memory_mib;
	bool hugepages; /* they may be used */
	bool busy;
};

/*
 * plan_make decides everything, and loads the files. Tunnels without a peer table are said so and
 * left out; two that have the same host device, VPN address or UDP port are an error. Returns 0, or
 * a negative errno having said what is wrong. plan_fini wipes and frees the configurations, also
 * after an error, and any number of times.
 */
int plan_make(struct plan *plan, const struct options *options) __attribute__((warn_unused_result));
void plan_fini(struct plan *plan);

/* plan_listen_port returns the UDP port that the tunnel will have. */
uint16_t plan_listen_port(const struct plan_tunnel *tunnel);

/* plan_say writes a line to the plan's log, in the library's own form. */
void plan_say(const struct plan *plan, enum gl_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
