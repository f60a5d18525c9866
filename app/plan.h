/*
 * The plan: what is to run, decided from options, environment and files before anything is touched.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#pragma once

#include "client.h"
#include "guardlane.h"
#include "settings.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

struct plan_tunnel {
	unsigned index; /* in the settings */
	char private_conf[PATH_MAX];
	char public_conf[PATH_MAX];
	struct gl_config *config; /* NULL: all is wg(8)'s to set */
	char hash[GL_HASH_MAX]; /* of the public file */
	const char *vpn_address; /* NULL: not known, which plan_make refuses */
	const char *host;
	const char *netns; /* NULL: our own */
	const char *pipeline; /* NULL: none */
	const char *host_match; /* NULL: nothing */
	uint16_t listen_port;
	uint16_t peer_port; /* 0: the file's */
	bool fixed_endpoints; /* peers stay where the configuration says */
};

/* Its texts are those of the settings that it was made of. */
struct plan {
	struct gl_log log; /* what the gateway says once it runs */
	struct plan_tunnel tunnels[SETTINGS_TUNNELS_MAX];
	unsigned tunnel_count; /* those with a peer table; 0: clustering is off */
	char underlay[64]; /* "": not found yet */
	char control[CLIENT_PATH_MAX]; /* the control socket */
	const char *underlay_interface;
	const char *aead;
	cpu_set_t cpus;
	unsigned memory_mib;
	bool hugepages; /* they may be used */
	bool busy;
	bool confine; /* threads give up what they do not need */
};

/*
 * plan_make decides everything but an underlay that is not given, and loads the files; what there
 * is to say goes to `log`. Tunnels without a peer table are said so and left out; two that have the
 * same host device, VPN address or UDP port are an error. Returns 0, or a negative errno having
 * said what is wrong. `settings` must outlive the plan. plan_fini wipes and frees the
 * configurations, also after an error, and any number of times.
 */
int plan_make(struct plan *plan, const struct settings *settings, const struct gl_log *log)
	__attribute__((warn_unused_result));
void plan_fini(struct plan *plan);

/*
 * plan_load_tunnel fills in a tunnel of the settings and loads its files, or the public one alone.
 * Returns 0, or -EINVAL having said what is wrong. Its config is to be destroyed.
 */
int plan_load_tunnel(struct plan_tunnel *tunnel, const struct settings *settings, unsigned index,
	bool public_only, const struct gl_log *log) __attribute__((warn_unused_result));

/*
 * plan_lint warns of what is odd about the tunnel's files (gl_config_lint). Returns 0, or -EINVAL
 * if the VPN address is none.
 */
int plan_lint(const struct plan_tunnel *tunnel, const struct gl_log *log);

/* plan_files writes the paths of the private and the public file of a tunnel of the settings. */
void plan_files(const struct settings *settings, unsigned tunnel, char private_conf[PATH_MAX],
	char public_conf[PATH_MAX]);

/* plan_settings returns what the library is told of a tunnel. */
struct gl_tunnel_settings plan_settings(const struct plan_tunnel *tunnel);

/* plan_say_tunnels says which tunnels the plan has, a line each. */
void plan_say_tunnels(const struct plan *plan, const struct gl_log *log);

/*
 * plan_find_underlay decides on the underlay if nobody has: the interface of the kernel's route to
 * the first peer, or, with a warning, udp where that is not permitted. Returns 0, or a negative
 * errno having said what to do.
 */
int plan_find_underlay(struct plan *plan, const struct gl_log *log)
	__attribute__((warn_unused_result));
