/*
 * guardlane: WireGuard endpoints on DPDK lcores, as a library.
 *
 * The host application owns the process: it initialises EAL, makes the lcores, and handles signals.
 * This library never calls rte_eal_init, forks, pins threads, handles signals, exits or uses the
 * main lcore. What is not a lane's work is done by threads that gl_gateway_start() makes, with all
 * signals blocked and the caller's affinity, or by the host's own (gl_gateway_run()). Apart from
 * these there is a detached thread for each name of an endpoint while it is looked up. Where name
 * servers are silent that one may outlive gl_gateway_destroy(), and then touches nothing of the
 * gateway.
 *
 * A gateway has one underlay port, one or more lanes and one or more tunnels. Life of a gateway:
 *
 *	rte_eal_init()
 *	gl_config_load()          the operator's two files, checked whole
 *	gl_gateway_create()       opens the underlay port, or takes the host's
 *	gl_gateway_add_tunnel()   once for each tunnel
 *	gl_gateway_start()        or gl_gateway_run() on threads of the host's
 *	gl_lane_run()             on an lcore for each lane; returns after gl_gateway_stop();
 *	                          or, where the lcore has a loop of its own, gl_lane_online(),
 *	                          gl_lane_receive() and gl_lane_transmit(), gl_lane_offline()
 *	gl_gateway_stop()         from any thread
 *	gl_gateway_destroy()      when every lane has returned
 *
 * Unless a function says otherwise it may be called from any thread that is not a lane, by one
 * thread at a time. Functions that return int return 0 or a negative errno; what went wrong has
 * then been said, in one line that names the remedy, to the gateway's log or the report. Pointers
 * must not be NULL where NULL is not mentioned. Numbers are in host byte order; packets and MACs as
 * they are on the wire. All that a struct of settings points to may go after the call, but for what
 * says otherwise. Fields that are left zero have their defaults.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A packet buffer of DPDK's (rte_mbuf.h), and a pool of them (rte_mempool.h). */
struct rte_mbuf;
struct rte_mempool;

/* gl_version returns the version of the library as text, "0.1.0". */
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
 * error. Returns NULL if there was any error. Without a private_path (NULL) the public file alone
 * is looked at; such a configuration is not to be run.
 */
struct gl_config *gl_config_load(const char *private_path, const char *public_path,
	bool strict_permissions, const struct gl_log *log);

/* gl_config_destroy wipes and frees it. NULL is ignored. */
void gl_config_destroy(struct gl_config *config);

/* gl_config_clustering tells whether there is a peer table. Without one there is nothing to run. */
bool gl_config_clustering(const struct gl_config *config);

/* gl_config_peer_count returns the number of peers, the own entry not among them. */
size_t gl_config_peer_count(const struct gl_config *config);

/* gl_config_has_own_entry tells whether the instance itself is in the peer table. */
bool gl_config_has_own_entry(const struct gl_config *config);

/* gl_config_listen_port returns the port of the private file, 4567 if it names none. */
uint16_t gl_config_listen_port(const struct gl_config *config);

/* Room for a hash as text, with its terminating zero. */
#define GL_HASH_MAX 17

/*
 * gl_config_hash writes 16 hexadecimal digits that are equal wherever the public file means the
 * same, however it is written, and so on all instances that have the same peer table.
 */
void gl_config_hash(const struct gl_config *config, char hash[GL_HASH_MAX]);

struct gl_tunnel_settings;

/*
 * gl_config_lint looks for what is no error and keeps tunnels from coming up all the same: a VPN
 * address that is not the own entry's, peers outside the VPN, endpoints that cannot be (see
 * config/lint.h). It says each to the log as a warning, "file:line: warning: what is wrong, and
 * what to do", and returns how many. Of the settings it takes the VPN address (NULL: not known) and
 * the ports; it looks at the addresses of this host, too. -EINVAL if the VPN address is none.
 */
int gl_config_lint(const struct gl_config *config, const struct gl_tunnel_settings *settings,
	const struct gl_log *log);

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

/*
 * The underlay port of a host application that receives and transmits itself: the frames that its
 * NIC brings go into gl_lane_receive(), and what is to go out comes by transmit().
 */
struct gl_underlay {
	/*
	 * transmit() is called by gl_lane_receive() and gl_lane_transmit() on the lane's thread,
	 * with whole Ethernet frames, one segment each, checksums filled in. It is as
	 * rte_eth_tx_burst(): of the frames the first n that it returns are its own, the rest stay
	 * the lane's, which tries a few times and then drops them as "out_transmit_full". It must
	 * not wait.
	 */
	uint16_t (*transmit)(
		void *context, unsigned lane, struct rte_mbuf *frames[], uint16_t count);
	void *context; /* must outlive the gateway */
	uint8_t mac[6]; /* of the NIC */
	uint16_t mtu; /* longest IP packet in bytes */
	/*
	 * The kernel's interface whose addresses, routes and neighbours it shares, and whether
	 * the kernel's stack sees the same frames, as with net_af_packet: it is then kept from
	 * answering them. Without an interface (NULL) the three below say it all for good.
	 */
	const char *interface;
	bool seen_by_kernel;
	const char *address; /* "198.51.100.4": our own, IPv4; or NULL */
	const char *address6; /* likewise, IPv6 */
	uint8_t next_hop[6]; /* the MAC by which all peers are reached */
};

/* The threads that the library starts by itself. */
enum gl_thread {
	GL_THREAD_HANDSHAKE,
	GL_THREAD_HOST, /* the host devices */
	GL_THREAD_MANAGEMENT,
	GL_THREAD_LOOKUP, /* started by management: the name of an endpoint */
};

struct gl_gateway_settings {
	/*
	 * "af_packet:IFACE" (any kernel interface), "udp" (sockets of the kernel's, by which lanes
	 * enter it), "vdev:STRING" (what EAL's --vdev takes) or "pci:ADDRESS" (what its -a takes,
	 * and was given). For a PCI device, and a vdev without iface= in its arguments,
	 * `underlay_interface` names the kernel's interface whose addresses, MAC, routes and
	 * neighbours it shares; else NULL.
	 */
	const char *underlay;
	const char *underlay_interface;
	const struct gl_underlay *host_underlay; /* instead of the two; or NULL */
	unsigned lane_count; /* 1 to 64: also the queues of the underlay port */
	bool busy; /* lanes never sleep, nor enter the kernel to wake others */
	/*
	 * EAL memory that packet buffers and rings may take, in MiB. With a `pool` of the host's
	 * the gateway makes none for the lanes: they receive into it from an underlay port of the
	 * gateway's own, and send keepalives from it. It must outlive the gateway. Buffers go back
	 * to it from threads that are no lcores, so make it with the ops "ring_mt_rts". Without
	 * host devices memory_mib may then be 0: handshakes have 4 MiB in any case.
	 */
	unsigned memory_mib;
	struct rte_mempool *pool; /* NULL: made, of that memory */
	const char *aead; /* "auto" (NULL likewise), "ipsec-mb", "sodium" */
	struct gl_log log; /* its write() and context must outlive the gateway */
	/*
	 * Unless NULL: called by each thread that the library starts (an enum gl_thread), when it
	 * has what it needs and before it works: so that the host application can take
	 * privileges from it, which the library itself never does. All works with CAP_NET_ADMIN
	 * in management (CAP_SYS_ADMIN too for tunnels with a netns) and CAP_IPC_LOCK for
	 * handshakes. `thread_context` must outlive the process's last lookup.
	 */
	void (*thread_started)(void *context, unsigned thread);
	void *thread_context;
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
	/*
	 * Not needed any more after the call. NULL: the tunnel begins with nothing, neither key nor
	 * peers, at any port, and all comes by UAPI, from wg(8). Addresses, routes and MTU of the
	 * host device are then the business of whoever does that (wg-quick), and
	 * gl_gateway_reconfigure is an error.
	 */
	const struct gl_config *config;
	/*
	 * "tun:NAME": a TUN of that name, with a route to each of the peers' allowed-ips, but never
	 * a default route nor one that covers an endpoint or overlaps a network of the underlay.
	 * "none:NAME": no host device; a tunnel must then have a pipeline. The name, of up to 15
	 * characters, is also that of the UAPI socket, by which wg(8) finds the tunnel.
	 */
	const char *host;
	/*
	 * Where inner packets go to and come from instead: "library": gl_lane_receive() gives and
	 * gl_lane_transmit() takes them. Or, beside a TUN, a port to another process or a device:
	 * "memif:PATH" with ",id=N", ",role=server|client", ",mode=ethernet|ip" and ",mac=MAC"
	 * behind it, "vdev:STRING" or "pci:ADDRESS" (docs/pipeline.md). NULL: the host device.
	 */
	const char *pipeline;
	/*
	 * With such a port, what goes to the host device all the same: "icmp", "tcp/22", "udp/53",
	 * PREFIX, "tcp/22@PREFIX" and so on, with commas or spaces between them. NULL: nothing.
	 */
	const char *host_match;
	/*
	 * The network namespace of that TUN: a NAME of ip-netns(8), or a path such as
	 * /proc/PID/ns/net; NULL: the process's own. Needs CAP_SYS_ADMIN.
	 */
	const char *netns;
	/* "10.8.3.1" (then /24, IPv6 /64) or "10.8.3.1/16"; not looked at without a config */
	const char *vpn_address;
	uint16_t listen_port; /* 0: the config's */
	uint16_t peer_port; /* stands for the port of every endpoint; 0: the config's */
	/*
	 * Peers that have an endpoint are sent to there and nowhere else, wherever their packets
	 * come from. Those without are followed all the same. Holds for as long as the tunnel does.
	 */
	bool fixed_endpoints;
};

/*
 * gl_gateway_add_tunnel adds a tunnel. Before gl_gateway_start(); on error, destroy the gateway.
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
 * gl_gateway_start starts the library's own threads, one for each duty; initiations go out to every
 * peer with an endpoint within a second, as soon as lanes run.
 */
int gl_gateway_start(struct gl_gateway *gateway) __attribute__((warn_unused_result));

/* What is to be done besides the lanes' work. */
enum gl_duty {
	GL_DUTY_MANAGEMENT, /* next hops, names, wg(8): sleeps but for these */
	GL_DUTY_HANDSHAKES, /* handshakes, timers, what was freed: up to all of a CPU in a flood */
	GL_DUTY_HOST, /* packets of the host devices: needed only if there are any */
	GL_DUTY_COUNT
};

/*
 * gl_gateway_run does a duty on the calling thread until gl_gateway_stop(), asleep where there is
 * nothing to do. For a host that has its own way of making threads, in place of gl_gateway_start():
 * a thread for each duty, each of them once, none of them a lane.
 */
void gl_gateway_run(struct gl_gateway *gateway, enum gl_duty duty);

/*
 * gl_gateway_stop has lanes and duties return, and waits for the threads of gl_gateway_start(); any
 * thread but those may call it. Lanes with a loop of their own are the host's to end.
 */
void gl_gateway_stop(struct gl_gateway *gateway);

/* --- Lanes ----------------------------------------------------------------------------------- */

/*
 * A lane belongs to one thread at a time, a registered lcore: the functions of this section are
 * called by that thread alone, with the lane's number, 0 to lane_count - 1. They never wait, never
 * allocate but packet buffers, and enter the kernel only to wake a sleeping thread of the gateway,
 * unless it is `busy`.
 */

/*
 * gl_thread_hide_stack keeps the calling thread's stack out of core files, for as long as it lives:
 * who seals and opens packets has pieces of keys there for moments. For a thread that is to run a
 * lane, before it does, and for one that loads the configuration; those that the library starts do
 * so by themselves. Enters the kernel.
 */
void gl_thread_hide_stack(void);

/* gl_lane_run carries packets as the lane until gl_gateway_stop(); not with pipeline "library". */
void gl_lane_run(struct gl_gateway *gateway, unsigned lane);

/* Packets that one call of gl_lane_receive() takes off an underlay port of the gateway's own. */
#define GL_BURST_MAX 64

/*
 * gl_lane_online and gl_lane_offline say when the lane begins and ends to look at what the gateway
 * shares with it (RCU). Online before the first gl_lane_receive(), offline after the last one and
 * around every wait: as long as a lane is online and does not call gl_lane_receive(), nothing that
 * was removed can be freed. Lanes begin offline.
 */
void gl_lane_online(struct gl_gateway *gateway, unsigned lane);
void gl_lane_offline(struct gl_gateway *gateway, unsigned lane);

/*
 * gl_lane_receive does one round of the lane: it takes encrypted frames, writes the inner packets
 * in them, in order, to `packets`, which has room for `count`, and returns how many. It also sends
 * what the gateway itself has to send, handshakes and keepalives and packets that waited for them,
 * and serves the host devices of other tunnels: call it over and over, also when there is nothing.
 *
 * With a host_underlay, frames[0..*frame_count) are what the host's NIC has received, whole
 * Ethernet frames, and become the lane's; `count` should be as large, as packets without room are
 * dropped as "in_deliver_full". Those that are not for a tunnel are given back in
 * frames[0..*frame_count): all but UDP to one of our addresses and listen ports. Those that are in
 * several segments come back in one, or as they are if they do not fit. Handshake messages are
 * freed by another thread, so what is said of gl_gateway_settings.pool holds for the NIC's, too.
 *
 * With an underlay port of the gateway's own, `frames` and `frame_count` are NULL, and up to
 * GL_BURST_MAX frames come from the port, no more than `count`.
 *
 * The packets are the caller's: plain IP in one segment, its length that of the IP packet, headroom
 * as the frame had it and at least 58 bytes more. Checksums are as the sender made them; they are
 * authentic, and from an address that the peer may use. Who sent it is in gl_packet_origin().
 */
uint16_t gl_lane_receive(struct gl_gateway *gateway, unsigned lane, struct rte_mbuf *frames[],
	uint16_t *frame_count, struct rte_mbuf *packets[], uint16_t count);

/*
 * gl_lane_transmit sends inner packets, plain IP, into a tunnel (its number: they count from 0 in
 * the order of gl_gateway_add_tunnel()), each to the peer that its destination belongs to. As with
 * rte_eth_tx_burst() the first n that it returns are the gateway's, the rest stay the caller's.
 * It takes all of them, unless the tunnel has not the pipeline "library": then none. Whether they
 * can be sent is another matter: what cannot is dropped, freed and counted under its reason.
 *
 * A packet must be in one segment that nobody else refers to, with 78 bytes of headroom and 31 of
 * tailroom at least; else it is dropped as "out_segmented". Its pool is the host's; the buffer goes
 * back to it from this thread or, if the packet waits for a handshake, a later call. Destinations
 * that no peer has, and packets longer than the tunnel's MTU, are answered with ICMP, within a
 * rate: the answer comes by the next gl_lane_receive(), from no peer.
 */
uint16_t gl_lane_transmit(struct gl_gateway *gateway, unsigned lane, unsigned tunnel,
	struct rte_mbuf *packets[], uint16_t count);

/* Where a packet of gl_lane_receive() comes from; in a dynamic field of its mbuf. */
struct gl_origin {
	uint32_t peer; /* gl_status_peer.number; 0: the gateway itself, an ICMP error */
	uint32_t tunnel; /* its number */
};

/* gl_origin_offset returns where in struct rte_mbuf that field is; it stays there. Any thread. */
size_t gl_origin_offset(const struct gl_gateway *gateway);

/*
 * gl_packet_origin returns the field of a packet that gl_lane_receive() gave, with what
 * gl_origin_offset() has returned. Valid until the buffer is freed. Any thread.
 */
static inline const struct gl_origin *
gl_packet_origin(const struct rte_mbuf *packet, size_t offset)
{
	return (const struct gl_origin *)(const void *)((const char *)packet + offset);
}

/* --- Status ---------------------------------------------------------------------------------- */

/* Room for texts, with their terminating zero. */
#define GL_NAME_MAX 64
#define GL_DEVICE_MAX 16
#define GL_KEY_TEXT_MAX 45 /* base64 */
#define GL_KEY_SHORT_MAX 16 /* "acfz…xiEc" */
#define GL_PREFIX_TEXT_MAX 50 /* "10.8.3.1/24" */
#define GL_ENDPOINT_TEXT_MAX 66 /* "198.51.100.4:4567", "[2001:db8::4]:4567" */

/*
 * gl_drop_reason returns the text of drop reason 0 and up, "in_auth" for instance, and NULL behind
 * the last one. Those of packets begin with "in_" or "out_", those of handshake messages with
 * "handshake_". Where a struct has `drops` it has a count for each reason, by its number.
 */
const char *gl_drop_reason(unsigned reason);

enum gl_peer_state {
	GL_PEER_IDLE, /* no session, and none is being made */
	GL_PEER_HANDSHAKE, /* no session, one is being made */
	GL_PEER_UP, /* there is a session to send on */
};

/* What is wrong with a peer, the first that holds; docs/status.md says when each of them does. */
enum gl_diagnosis {
	GL_DIAGNOSIS_NONE,
	GL_DIAGNOSIS_ELSEWHERE, /* the route to it leaves through another interface */
	GL_DIAGNOSIS_OWN_ADDRESS, /* its endpoint is an address of this host */
	GL_DIAGNOSIS_NO_ROUTE,
	GL_DIAGNOSIS_NO_NEIGHBOUR, /* the next hop's MAC cannot be found out */
	GL_DIAGNOSIS_NAME, /* the name of its endpoint does not resolve */
	GL_DIAGNOSIS_KEY_CHANGED, /* an unknown key initiates from its endpoint */
	GL_DIAGNOSIS_OUR_KEY, /* it initiates to another public key than ours */
	GL_DIAGNOSIS_CLOCK_BEHIND, /* its initiations are older than what it sent before */
	GL_DIAGNOSIS_PRESHARED_KEY, /* its answers are not authentic */
	GL_DIAGNOSIS_UNCONFIRMED, /* it initiates, and never uses what we answer */
	GL_DIAGNOSIS_NEVER_ANSWERED,
	GL_DIAGNOSIS_SILENT, /* it has answered before */
	GL_DIAGNOSIS_NO_ENDPOINT,
	GL_DIAGNOSIS_NO_DATA, /* handshakes complete, and nothing else comes */
	GL_DIAGNOSIS_FRAGMENTS, /* what it sends arrives in fragments, and is dropped */
	GL_DIAGNOSIS_SOURCE, /* it sends from addresses that are not its allowed-ips here */
	GL_DIAGNOSIS_FORGED, /* packets of its sessions are not authentic */
	GL_DIAGNOSIS_REPLAYED, /* packets of its sessions come twice, or far too late */
	GL_DIAGNOSIS_ONE_WAY, /* it answers by keepalives only */
	GL_DIAGNOSIS_COUNT
};

/*
 * gl_peer_state_name and gl_diagnosis_name return short names for programs: "up", "never-answered".
 * They stay as they are, and are never freed.
 */
const char *gl_peer_state_name(enum gl_peer_state state);
const char *gl_diagnosis_name(enum gl_diagnosis diagnosis);

/* A bounded queue: what waits in it now, what ever waited, and what there is room for. */
struct gl_status_ring {
	uint32_t waiting;
	uint32_t most;
	uint32_t room;
};

/* Bytes are those of messages: WireGuard's headers and tags included, outer headers not. */
struct gl_status_peer {
	char name[GL_NAME_MAX]; /* of the comment above its section, else its key, abbreviated */
	char public_key[GL_KEY_TEXT_MAX];
	const char *configured_endpoint; /* "HOST:PORT"; NULL: none */
	char endpoint[GL_ENDPOINT_TEXT_MAX]; /* in force: where it was last heard; "": not known */
	const char (*allowed_ips)[GL_PREFIX_TEXT_MAX];
	unsigned allowed_ip_count;
	uint16_t persistent_keepalive_s; /* 0: off */
	uint32_t path_mtu; /* of the first hop to it, in bytes; 0: not known */
	uint32_t number; /* 1 and up, in its tunnel; a peer that comes later has a larger one */
	enum gl_peer_state state;
	uint64_t latest_handshake_ns; /* nanoseconds since 1970; 0: never */
	uint64_t handshake_age_ns; /* by a clock that nobody sets; 0: never */
	uint64_t rekeys; /* handshakes completed after the first one */
	uint64_t initiations_sent;
	uint64_t initiations_unanswered; /* since a handshake was last completed */
	uint64_t unanswered_ns; /* how long ago the first of those was sent */
	uint64_t handshake_failures; /* messages refused, for whatever reason */
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t tx_packets;
	uint64_t tx_bytes;
	const uint64_t *drops;
	enum gl_diagnosis diagnosis;
	const char *diagnosis_text; /* what is wrong, with numbers; NULL if nothing is */
	const char *remedy; /* what to do; NULL if nothing is wrong */
};

/* Somebody who initiates with a key that is in no entry. */
struct gl_status_unknown_key {
	char key[GL_KEY_SHORT_MAX]; /* anybody may name any key: it is no proof of who it is */
	char source[GL_ENDPOINT_TEXT_MAX];
	uint64_t initiations;
	uint64_t age_ns; /* of the last one */
};

/* The host device, seen from the gateway. */
struct gl_status_host {
	bool gone; /* removed by somebody: nothing is carried any more */
	uint64_t to_host_packets;
	uint64_t from_host_packets;
	uint64_t to_host_errors; /* packets that the device did not take */
	uint64_t from_host_errors; /* packets from it that were none that can be carried */
	uint64_t no_buffer; /* how often there was no buffer for the device's next packet */
};

/* The rings between a lane and the inner side of a tunnel. */
struct gl_status_inner {
	struct gl_status_ring in; /* from the lane */
	struct gl_status_ring out; /* to the lane */
};

/* What one lane has exchanged with a pipeline by memif. */
struct gl_status_pipeline_lane {
	uint64_t rx_packets; /* from the pipeline */
	uint64_t rx_bytes;
	uint64_t rx_bad; /* what was no packet: outside of the shared memory, empty, without end */
	uint64_t rx_too_long; /* for a buffer */
	uint64_t rx_no_buffer; /* how often there was none: packets waited in the ring */
	uint64_t tx_packets; /* to the pipeline */
	uint64_t tx_bytes;
	uint64_t handed; /* to a lane that has a ring, by one that has none */
	uint64_t handed_dropped; /* of those, for which the ring had no room in the end */
};

/* The packet pipeline of a tunnel. What was dropped for want of it is in the drops. */
struct gl_status_pipeline {
	char port[GL_NAME_MAX];
	bool connected; /* a device always is */
	bool memif; /* what follows is of a memif; of a device it is zero */
	bool client;
	uint32_t id;
	const char *path;
	const char *peer; /* what the other side calls itself, and its interface; "": never there */
	const char *interface;
	uint32_t rx_rings; /* from the pipeline; 0 while not connected */
	uint32_t tx_rings;
	uint32_t ring_size; /* of the smallest, packets */
	uint64_t connects; /* how often it has connected */
	uint64_t violations; /* how often it was disconnected for breaking the rules of the rings */
	uint64_t refused; /* connections that did not come up */
	uint64_t since_ns; /* how long it is connected, or not; 0: it never was */
	const char *why; /* it is not connected, in words */
	const struct gl_status_pipeline_lane *lanes; /* one for each lane */
};

struct gl_status_tunnel {
	char name[GL_DEVICE_MAX];
	char public_key[GL_KEY_TEXT_MAX];
	uint16_t listen_port;
	const char (*addresses)[GL_PREFIX_TEXT_MAX]; /* ours in the VPN, with their masks */
	unsigned address_count;
	uint32_t mtu; /* inner, bytes */
	const struct gl_status_host *host; /* NULL without a host device */
	const struct gl_status_pipeline *pipeline; /* NULL without one */
	const struct gl_status_inner *inner; /* one for each lane; NULL: pipeline "library" */
	const struct gl_status_peer *peers; /* in the order of the file */
	unsigned peer_count;
	const struct gl_status_unknown_key *unknown_keys; /* the last one first, 16 at most */
	unsigned unknown_key_count;
	const uint64_t *drops; /* handshakes that are nobody's; not those of its peers */
};

struct gl_status_lane {
	uint64_t busy_ns; /* spent with packets ... */
	uint64_t total_ns; /* ... of this time: its load is the ratio of what both have grown by */
	uint64_t in_packets; /* frames from the underlay, for us or not */
	uint64_t in_batches; /* that they came in */
	uint64_t in_other; /* of the frames: not for us */
	uint64_t out_packets; /* from the inner side */
	uint64_t out_batches;
	uint64_t icmp_sent; /* ICMP errors, to the inner side */
	struct gl_status_ring ready; /* handshake messages that it is to send */
	struct gl_status_ring ordered; /* peers that it is to look at */
	const uint64_t *drops;
};

struct gl_status {
	uint64_t uptime_ns;
	char underlay[GL_NAME_MAX]; /* the port's name */
	uint32_t underlay_mtu;
	struct gl_status_ring handshakes; /* messages that wait for the handshake thread */
	struct gl_status_ring raised; /* peers that wait for it */
	const uint64_t *drops; /* in all: each dropped packet or message once */
	const struct gl_status_lane *lanes;
	unsigned lane_count;
	const struct gl_status_tunnel *tunnels; /* by number */
	unsigned tunnel_count;
};

/*
 * gl_gateway_status takes a snapshot: each peer, each lane as it was at one moment, all of it
 * within a few milliseconds. It holds nothing secret. Handshakes and packets go on meanwhile.
 * Returns 0 and *status, which stays as it is until gl_status_destroy(), or -ENOMEM, and then says
 * nothing. May be called while other threads call anything else but gl_gateway_destroy().
 */
int gl_gateway_status(struct gl_gateway *gateway, struct gl_status **status)
	__attribute__((warn_unused_result));

/* gl_status_destroy frees it. NULL is ignored. */
void gl_status_destroy(struct gl_status *status);

#ifdef __cplusplus
}
#endif
