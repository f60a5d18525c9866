/*
 * The public library: names, defaults and texts of guardlane.h, over the gateway.
 * On the packet's way: nowhere; it opens what is on it.
 * Threads: as guardlane.h says.
 */
#include "gateway/library.h"

#include "base/nearest.h"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Buffers: room for a frame of the underlay, more where its MTU asks for it. */
#define BUFFER_ROOM_MIN 2048
#define BUFFER_CACHE 256
/* Of a frame, what is not its IP packet: Ethernet, and a VLAN. */
#define FRAME_OVERHEAD 18
/*
 * Handshakes have buffers of their own, as many as may wait for a lane and some, so that no amount
 * of other traffic keeps them from being sent. Of the rest a part is for packets from the TUNs.
 */
#define CONTROL_BUFFERS (RINGS_READY_DEPTH + 256)
#define HOST_SHARE 4
#define HOST_BUFFERS_MAX 16384
/* Of the memory, the part that the lanes' buffers may take; the rest is for rings and tables. */
#define BUFFERS_PERCENT 50
/* Twice what may wait for the handshake thread. */
#define LANE_BUFFERS_MIN (2 * RINGS_HANDSHAKE_DEPTH)
#define LANE_BUFFERS_MAX 65536

_Static_assert((int)GL_LOG_ERROR == (int)LOG_LEVEL_ERROR &&
		(int)GL_LOG_WARNING == (int)LOG_LEVEL_WARNING &&
		(int)GL_LOG_INFO == (int)LOG_LEVEL_INFO &&
		(int)GL_LOG_DEBUG == (int)LOG_LEVEL_DEBUG,
	"log levels are the same inside and outside");
_Static_assert((int)GL_THREAD_HANDSHAKE == (int)THREAD_HANDSHAKE &&
		(int)GL_THREAD_HOST == (int)THREAD_HOST &&
		(int)GL_THREAD_MANAGEMENT == (int)THREAD_MANAGEMENT &&
		(int)GL_THREAD_LOOKUP == (int)THREAD_LOOKUP,
	"threads are the same inside and outside");

const char *
gl_version(void)
{
	return GUARDLANE_VERSION;
}

const char *
gl_nearest(const char *text, const char *const names[], size_t count)
{
	struct nearest nearest = nearest_to(text);

	for (size_t i = 0; i < count; i++)
		nearest_offer(&nearest, names[i]);
	return nearest.name;
}

static void
write_to_sink(void *context, enum log_level level, const char *line)
{
	const struct gl_log *sink = context;

	sink->write(sink->context, (enum gl_log_level)level, line);
}

struct log
library_log(const struct gl_log *sink)
{
	return (struct log){
		.level = (enum log_level)sink->level,
		.write = write_to_sink,
		.context = (void *)sink,
	};
}

_Static_assert((int)GL_DUTY_MANAGEMENT == (int)GATEWAY_MANAGEMENT &&
		(int)GL_DUTY_HANDSHAKES == (int)GATEWAY_HANDSHAKES &&
		(int)GL_DUTY_HOST == (int)GATEWAY_HOST,
	"duties are the same inside and outside");

/* What the underlay setting means. */
struct underlay {
	enum { UNDERLAY_AF_PACKET, UNDERLAY_UDP, UNDERLAY_VDEV, UNDERLAY_PCI, UNDERLAY_HOST } kind;
	const char *device; /* of a vdev or a PCI device, with its arguments */
	char iface[16]; /* the kernel's interface that it is, or shares addresses with */
	/* The kernel's stack sees the same packets, and must be kept from answering them. */
	bool held;
	struct library_underlay opened;
};

/* The `len` bytes at `name` name the kernel's interface. Cut off, they would name another one. */
static int
set_iface(struct underlay *underlay, const char *name, size_t len, const struct log *log)
{
	if (len == 0 || len >= sizeof(underlay->iface)) {
		log_error(log,
			"underlay interface \"%.*s\": the name of an interface has 1 to %zu "
			"characters",
			(int)len, name, sizeof(underlay->iface) - 1);
		return -EINVAL;
	}
	memcpy(underlay->iface, name, len);
	return 0;
}

static int
parse_underlay(const struct gl_gateway_settings *settings, const struct log *log,
	struct underlay *underlay)
{
	const char *text = settings->underlay;
	const char *iface = settings->underlay_interface;

	*underlay = (struct underlay){.kind = UNDERLAY_AF_PACKET, .held = true};
	if (settings->host_underlay != NULL) {
		underlay->kind = UNDERLAY_HOST;
		return 0;
	}
	if (strcmp(text, "udp") == 0) {
		underlay->kind = UNDERLAY_UDP;
		return 0;
	}
	if (strncmp(text, "af_packet:", 10) == 0)
		return set_iface(underlay, text + 10, strlen(text + 10), log);
	if (strncmp(text, "vdev:", 5) == 0) {
		underlay->kind = UNDERLAY_VDEV;
		underlay->device = text + 5;
	} else if (strncmp(text, "pci:", 4) == 0) {
		underlay->kind = UNDERLAY_PCI;
		underlay->device = text + 4;
	} else {
		log_error(log,
			"underlay \"%s\" is not of a known kind; give af_packet:INTERFACE, udp, "
			"vdev:STRING or pci:ADDRESS",
			text);
		return -EINVAL;
	}
	underlay->held = strncmp(underlay->device, "net_af_packet", 13) == 0;
	if (iface != NULL)
		return set_iface(underlay, iface, strlen(iface), log);
	iface = strstr(underlay->device, ",iface=");
	if (iface == NULL) {
		log_error(log,
			"underlay %s names no kernel interface; say by --underlay-interface whose "
			"addresses and routes it shares",
			text);
		return -EINVAL;
	}
	iface += strlen(",iface=");
	return set_iface(underlay, iface, strcspn(iface, ","), log);
}

static struct rte_mempool *
make_pool(const struct gl_gateway *gateway, const char *what, unsigned count, unsigned cache,
	unsigned room)
{
	char name[RTE_MEMPOOL_NAMESIZE];

	/* Threads that may be preempted give buffers back: with relaxed tails no lane waits. */
	snprintf(name, sizeof(name), "%s%x", what, (unsigned)((uintptr_t)gateway >> 4));
	return rte_pktmbuf_pool_create_by_ops(name, count, cache, 0,
		(uint16_t)(RTE_PKTMBUF_HEADROOM + room), (int)rte_socket_id(), "ring_mt_rts");
}

/* How many buffers there are to be for the lanes and for the host thread. */
struct pool_sizes {
	size_t lanes; /* 0: the pool is the host application's */
	size_t host; /* 0: there are none, and no host device */
};

static int
divide_memory(const struct gl_gateway *gateway, const struct gl_gateway_settings *settings,
	size_t buffer_len, struct pool_sizes *sizes)
{
	const size_t lanes_min =
		settings->pool != NULL ? 0 : LANE_BUFFERS_MIN * HOST_SHARE / (HOST_SHARE - 1);
	const size_t least = CONTROL_BUFFERS + lanes_min;
	const size_t room = (size_t)settings->memory_mib * 1024 * 1024;
	size_t count = room / 100 * BUFFERS_PERCENT / buffer_len;

	*sizes = (struct pool_sizes){.lanes = 0};
	/* Handshakes have theirs in any case. */
	if (settings->pool != NULL && settings->memory_mib == 0)
		return 0;
	if (count < least) {
		log_error(&gateway->log,
			"%u MiB of memory are too little for packet buffers of %zu bytes; give %zu "
			"by --memory",
			settings->memory_mib, buffer_len,
			(least * buffer_len * 100 / BUFFERS_PERCENT >> 20) + 1);
		return -ENOMEM;
	}
	count -= CONTROL_BUFFERS;
	sizes->host = settings->pool != NULL ? count : count / HOST_SHARE;
	sizes->host = RTE_MIN(sizes->host, (size_t)HOST_BUFFERS_MAX);
	if (settings->pool == NULL)
		sizes->lanes = RTE_MIN(count - sizes->host, (size_t)LANE_BUFFERS_MAX);
	return 0;
}

static int
make_pools(struct gl_gateway *gateway, const struct gl_gateway_settings *settings, unsigned room)
{
	const size_t buffer_len =
		RTE_PKTMBUF_HEADROOM + room + sizeof(struct rte_mbuf) + RTE_CACHE_LINE_SIZE * 2;
	struct pool_sizes sizes;
	int error = divide_memory(gateway, settings, buffer_len, &sizes);

	if (error != 0)
		return error;
	gateway->pool = settings->pool;
	gateway->pool_is_hosts = settings->pool != NULL;
	gateway->control_pool = make_pool(gateway, "control", CONTROL_BUFFERS, 0, room);
	if (!gateway->pool_is_hosts)
		gateway->pool =
			make_pool(gateway, "lanes", (unsigned)sizes.lanes, BUFFER_CACHE, room);
	if (sizes.host > 0)
		gateway->host_pool = make_pool(gateway, "host", (unsigned)sizes.host, 0, room);
	if (gateway->pool != NULL && gateway->control_pool != NULL &&
		(gateway->host_pool != NULL || sizes.host == 0))
		return 0;
	log_error(&gateway->log, "no memory for %zu packet buffers: %s; give more by --memory",
		sizes.lanes + sizes.host + CONTROL_BUFFERS, rte_strerror(rte_errno));
	return -ENOMEM;
}

/* Held before it is opened: two gateways on one interface would share out its packets. */
static int
open_underlay(struct gl_gateway *gateway, const struct gl_gateway_settings *settings,
	struct underlay *underlay)
{
	const uint16_t queues = (uint16_t)settings->lane_count;
	unsigned room = BUFFER_ROOM_MIN;
	int error = 0;

	if (underlay->kind == UNDERLAY_AF_PACKET)
		error = port_af_packet_room(underlay->iface, &gateway->log, &room);
	if (underlay->kind == UNDERLAY_HOST)
		room = settings->host_underlay->mtu + FRAME_OVERHEAD;
	if (underlay->kind == UNDERLAY_UDP)
		room = library_udp_room() + FRAME_OVERHEAD;
	if (error == 0)
		error = make_pools(gateway, settings, RTE_MAX(room, (unsigned)BUFFER_ROOM_MIN));
	if (error == 0 && underlay->kind == UNDERLAY_HOST)
		return library_host_underlay(settings->host_underlay, settings->lane_count,
			&gateway->log, &underlay->opened);
	if (error == 0 && underlay->kind == UNDERLAY_UDP)
		return library_udp_underlay(
			queues, gateway->pool, &gateway->log, &underlay->opened);
	if (error == 0 && underlay->held)
		error = hold_create(underlay->iface, &gateway->log, &underlay->opened.hold);
	if (error != 0)
		return error;
	if (underlay->kind == UNDERLAY_AF_PACKET)
		error = port_af_packet_open(underlay->iface, queues, gateway->pool, &gateway->log,
			&underlay->opened.port);
	else if (underlay->kind == UNDERLAY_PCI)
		error = port_pci_open(underlay->device, queues, gateway->pool, &gateway->log,
			&underlay->opened.port);
	else
		error = port_vdev_open(underlay->device, queues, gateway->pool, &gateway->log,
			&underlay->opened.port);
	if (error != 0)
		return error;
	return nexthops_netlink_create(underlay->iface, &gateway->log, &underlay->opened.nexthops);
}

int
gl_gateway_create(const struct gl_gateway_settings *settings, struct gl_gateway **gateway)
{
	const struct log log = library_log(&settings->log);
	struct gl_gateway *created = calloc(1, sizeof(*created));
	struct underlay underlay;
	int error;

	if (created == NULL) {
		log_error(&log, "no memory for a gateway");
		return -ENOMEM;
	}
	created->sink = settings->log;
	created->log = library_log(&created->sink);
	error = parse_underlay(settings, &created->log, &underlay);
	if (error == 0)
		error = open_underlay(created, settings, &underlay);
	if (error != 0) {
		port_close(underlay.opened.port);
		hold_destroy(underlay.opened.hold);
		gl_gateway_destroy(created);
		return error;
	}
	error = gateway_create(
		&(const struct gateway_settings){
			.underlay = underlay.opened.port,
			.nexthops = underlay.opened.nexthops,
			.hold = underlay.opened.hold,
			.pool = created->pool,
			.control_pool = created->control_pool,
			.host_pool = created->host_pool,
			.lane_count = settings->lane_count,
			.busy = settings->busy,
			.aead = settings->aead,
			.threads = {.started = settings->thread_started,
				.context = settings->thread_context},
			.clock = &clock_system,
			.log = &created->log,
		},
		&created->gateway);
	if (error != 0) {
		gl_gateway_destroy(created);
		return error;
	}
	*gateway = created;
	return 0;
}

void
gl_gateway_destroy(struct gl_gateway *gateway)
{
	if (gateway == NULL)
		return;
	gateway_destroy(gateway->gateway);
	if (!gateway->pool_is_hosts)
		rte_mempool_free(gateway->pool);
	rte_mempool_free(gateway->host_pool);
	rte_mempool_free(gateway->control_pool);
	free(gateway);
}

/* "tun:NAME" or "none:NAME", and the pipeline, if it is there. */
static int
parse_inner_side(const struct gl_tunnel_settings *settings, const struct log *log,
	struct gateway_tunnel_settings *inner)
{
	const bool device = strncmp(settings->host, "tun:", 4) == 0;
	const size_t prefix_len = device ? 4 : 5;
	const char *name;

	if (!device && strncmp(settings->host, "none:", 5) != 0)
		goto malformed;
	name = settings->host + prefix_len;
	if (name[0] == '\0' || strlen(name) >= TUNNEL_NAME_MAX)
		goto malformed;
	inner->name = name;
	inner->host_device = device;
	inner->caller = settings->pipeline != NULL && strcmp(settings->pipeline, "library") == 0;
	if (!inner->caller)
		inner->pipeline = settings->pipeline;
	if (device != inner->caller)
		return 0;
	if (device)
		log_error(log,
			"%s: a tunnel with the pipeline \"library\" has no host device yet; give none:%s",
			name, name);
	else
		log_error(log,
			"%s: without the pipeline \"library\" a tunnel has a host device; "
			"give tun:%s",
			name, name);
	return device ? -ENOTSUP : -EINVAL;
malformed:
	log_error(log,
		"host device \"%s\" is neither of the form tun:NAME nor none:NAME, with a name of "
		"1 to %u characters",
		settings->host, TUNNEL_NAME_MAX - 1);
	return -EINVAL;
}

int
library_tunnel(const struct gl_tunnel_settings *settings, const struct log *log,
	struct gateway_tunnel_settings *inner, struct prefix *address)
{
	static const struct tunnel_config nothing = {.mtu = 0};
	const bool bare = settings->config == NULL;
	const struct tunnel_config *config = bare ? &nothing : settings->config->config;

	if (!bare && library_vpn_address(settings->vpn_address, address) != 0) {
		log_error(log, "VPN address \"%s\" is not an IP address", settings->vpn_address);
		return -EINVAL;
	}
	*inner = (struct gateway_tunnel_settings){
		.config = config,
		.listen_port =
			settings->listen_port != 0 ? settings->listen_port : config->listen_port,
		.peer_port = settings->peer_port,
		.fixed_endpoints = settings->fixed_endpoints,
		.addresses = address,
		.address_count = bare ? 0 : 1,
		.netns = settings->netns,
		.uapi = true,
		.bare = bare,
	};
	return parse_inner_side(settings, log, inner);
}

static int
parse_host_match(
	const struct gl_tunnel_settings *settings, const struct log *log, struct host_match *match)
{
	const char *text = settings->host_match == NULL ? "none" : settings->host_match;
	const char *bad;
	size_t bad_len;
	const int error = host_match_parse(text, match, &bad, &bad_len);

	if (error != 0)
		log_error(log,
			"%s: host-match: \"%.*s\" is no rule (of %d at most); give icmp, tcp, udp, "
			"tcp/PORT, udp/PORT, PREFIX, or one of those with @PREFIX behind it",
			settings->host, (int)bad_len, bad, HOST_MATCH_RULES_MAX);
	return error;
}

int
gl_gateway_add_tunnel(struct gl_gateway *gateway, const struct gl_tunnel_settings *settings)
{
	struct gateway_tunnel_settings inner;
	struct prefix address;
	struct host_match host_match;
	int error = library_tunnel(settings, &gateway->log, &inner, &address);

	if (error == 0)
		error = parse_host_match(settings, &gateway->log, &host_match);
	if (error != 0)
		return error;
	inner.host_match = &host_match;
	return gateway_add_tunnel(gateway->gateway, &inner, NULL);
}

int
gl_gateway_start(struct gl_gateway *gateway)
{
	return gateway_start(gateway->gateway);
}

void
gl_gateway_run(struct gl_gateway *gateway, enum gl_duty duty)
{
	gateway_run(gateway->gateway, (enum gateway_duty)duty);
}

void
gl_gateway_stop(struct gl_gateway *gateway)
{
	gateway_stop(gateway->gateway);
}
