/*
 * guardlane: WireGuard endpoints on DPDK lcores, as a library.
 *
 * The host application owns the process: it initialises EAL, makes the lcores, and handles signals.
 * This library never calls rte_eal_init, forks, pins threads, handles signals or uses the main
 * lcore. It starts threads of its own in gl_gateway_start() (handshakes, host devices, management),
 * with all signals blocked and the caller's affinity; and a detached one for each name of an
 * endpoint while it is looked up. Where name servers are silent that one may outlive
 * gl_gateway_destroy(), and then touches nothing of the gateway.
 *
 * A gateway has one underlay port, one or more lanes and one or more tunnels. Life of a gateway:
 *
 *	rte_eal_init()
 *	gl_config_load()          the operator's two files, checked whole
 *	gl_gateway_create()       opens the underlay port
 *	gl_gateway_add_tunnel()   once for each tunnel
 *	gl_gateway_start()
 *	gl_lane_run()             on an lcore for each lane; returns after gl_gateway_stop()
 *	gl_gateway_stop()         from any thread
 *	gl_gateway_destroy()      when every lane has returned
 *
 * Unless a function says otherwise it may be called from any thread that is not a lane, by one
 * thread at a time. Functions that return int return 0 or a negative errno; what went wrong has
 * then been said, in one line that names the remedy, to the gateway's log or the report.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library as text, "0.1.0". */
const char *gl_version(void);

enum gl_log_level {
	GL_LOG_ERROR,
	GL_LOG_WARNING,
	GL_LOG_INFO,
	GL_LOG_DEBUG,
};

/*
 * Where log lines go: write() takes one line without newline, and is called from any of the
 * library's threads, never from a lane. Lines above `level` are not made. Secrets are never logged.
 */
struct gl_log {
	enum gl_log_level level;
	void (*write)(void *context, enum gl_log_level level, const char *line);
	void *context;
};

/*
 * gl_nearest returns which of `names` a mistyped `text` was probably meant to be, or NULL if it is
 * like none of them.
 */
const char *gl_nearest(const char *text, const char *const names[], size_t count);

/* --- The operator's two files ---------------------------------------------------------------- */

/* A configuration: immutable, checked whole. Holds secrets. */
struct gl_config;

/*
 * gl_config_load reads the private and the public file (wg(8)'s grammar; section headers may be
 * missing; the instance's own entry is skipped). Everything that is wrong in either is said to the
 * log, as "file:line: error: what is wrong, and what to do"; warnings too. A private file that
 * others can write is an error, one that they can read a warning, or with `strict_permissions` an
 * error. Returns NULL if there was any error.
 */
struct gl_config *gl_config_load(const char *private_path, const char *public_path,
	bool strict_permissions, const struct gl_log *log);

/* gl_config_destroy wipes and frees it. NULL is ignored. */
void gl_config_destroy(struct gl_config *config);

/* gl_config_clustering tells whether there is a peer table. Without one there is nothing to run. */
bool gl_config_clustering(const struct gl_config *config);

/* gl_config_peer_count returns the number of peers, the own entry not among them. */
size_t gl_config_peer_count(const struct gl_config *config);

/* gl_config_listen_port returns the port of the private file, 4567 if it names none. */
uint16_t gl_config_listen_port(const struct gl_config *config);

/*
 * gl_config_underlay finds the interface by which the kernel routes to the first peer whose
 * endpoint is an address, and writes its name (up to 15 characters). -ENOENT if no peer has such an
 * endpoint; -ENETUNREACH if there is no route.
 */
int gl_config_underlay(const struct gl_config *config, char iface[16]);

/*
 * gl_dotenv_get looks NAME up in a docker-compose .env file. 0 with the value; -ENOENT if file or
 * name is not there; -E2BIG if the value does not fit; another negative errno. Says nothing.
 */
int gl_dotenv_get(const char *path, const char *name, char *value, size_t size);

/* --- Gateway --------------------------------------------------------------------------------- */

struct gl_gateway;

struct gl_gateway_settings {
	/*
	 * "af_packet:IFACE" (any kernel interface) or "vdev:STRING" (what EAL's --vdev takes). For
	 * a vdev without iface= in its arguments, `underlay_interface` names the kernel's interface
	 * whose addresses, routes and neighbours it shares; else NULL.
	 */
	const char *underlay;
	const char *underlay_interface;
	unsigned lane_count; /* 1 and up: also the queues of the underlay port */
	bool busy; /* lanes never sleep, nor enter the kernel to wake others */
	unsigned memory_mib; /* of EAL memory that packet buffers and rings may take */
	const char *aead; /* "auto" (NULL likewise), "ipsec-mb", "sodium" */
	struct gl_log log;
};

/* gl_gateway_create opens the underlay port and makes the lanes. Returns 0 and *gateway. */
int gl_gateway_create(const struct gl_gateway_settings *settings, struct gl_gateway **gateway)
	__attribute__((warn_unused_result));

/*
 * gl_gateway_destroy undoes all: devices, routes, sockets, filters; wipes all keys. Every lane must
 * have returned. NULL is ignored.
 */
void gl_gateway_destroy(struct gl_gateway *gateway);

struct gl_tunnel_settings {
	const struct gl_config *config; /* not needed any more after the call */
	/*
	 * "tun:NAME": a TUN of that name, with a route to each of the peers' allowed-ips, but never
	 * a default route nor one that covers an endpoint or overlaps a network of the underlay.
	 * The name is also that of the UAPI socket, by which wg(8) finds the tunnel.
	 */
	const char *host;
	const char *vpn_address; /* "10.8.3.1" (then /24, IPv6 /64) or "10.8.3.1/16" */
	uint16_t listen_port; /* 0: the config's */
	uint16_t peer_port; /* stands for the port of every endpoint; 0: the config's */
};

/*
 * gl_gateway_add_tunnel adds a tunnel. Before gl_gateway_start(); on error, destroy the gateway. A
 * VPN address that the instance's own entry does not allow is warned of: the others refuse it.
 */
int gl_gateway_add_tunnel(struct gl_gateway *gateway, const struct gl_tunnel_settings *settings)
	__attribute__((warn_unused_result));

struct gl_changes {
	unsigned added; /* peers, over all tunnels */
	unsigned changed;
	unsigned removed;
	unsigned unchanged;
};

/*
 * gl_gateway_reconfigure makes the tunnels, running or not, into what `settings` say: exactly those
 * that were added, matched by `host`. All or nothing: all is checked and planned, all memory and
 * every port taken; only then is it applied, which cannot fail. Peers that are the same are not
 * touched, their sessions go on. Another private key, preshared key, listen port, endpoint, list of
 * allowed-ips or MTU is in force at once; routes of the host device follow.
 *
 * What changes is said to say->write as information, one line a change ("+ NAME 10.8.3.4
 * 198.51.100.4:4567", "~ NAME endpoint A → B", "- NAME 10.8.3.4"; with the host device's name in
 * front if there are several tunnels). NAME is that of the comment above the peer's section, else
 * its abbreviated key. A host device or VPN address that is to be another one is warned of: that
 * needs a new gateway, the rest is done. Errors are said as errors, and nothing has changed.
 *
 * With `dry_run` all of that is said, and nothing applied. *changes tells how many peers it
 * concerns; all zero on error.
 */
int gl_gateway_reconfigure(struct gl_gateway *gateway, const struct gl_tunnel_settings settings[],
	unsigned count, bool dry_run, const struct gl_log *say, struct gl_changes *changes)
	__attribute__((warn_unused_result));

/*
 * gl_gateway_start starts the library's own threads; initiations go out to every peer with an
 * endpoint within a second, as soon as lanes run.
 */
int gl_gateway_start(struct gl_gateway *gateway) __attribute__((warn_unused_result));

/* gl_gateway_stop has the lanes return and the library's threads end; waits for the latter. */
void gl_gateway_stop(struct gl_gateway *gateway);

/*
 * gl_lane_run carries packets on the calling thread, a registered lcore, as lane `lane` (0 and up),
 * until gl_gateway_stop(). One thread for each lane.
 */
void gl_lane_run(struct gl_gateway *gateway, unsigned lane);

#ifdef __cplusplus
}
#endif
