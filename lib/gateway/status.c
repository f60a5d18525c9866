/*
 * From the snapshot to texts and public structs.
 * On the packet's way: nowhere.
 * Threads: any that is not a lane.
 */
#include "gateway/status.h"

#include "gateway/diagnosis.h"
#include "gateway/library.h"
#include "gateway/snapshot.h"
#include "net/port_memif.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory of a status comes in blocks of this, so that ten thousand peers are freed at once. */
#define BLOCK_LEN 65536

_Static_assert(GL_NAME_MAX >= PEER_NAME_MAX && GL_NAME_MAX >= PORT_NAME_MAX &&
		GL_DEVICE_MAX >= TUNNEL_NAME_MAX && GL_KEY_TEXT_MAX > KEY_BASE64_LEN &&
		GL_KEY_SHORT_MAX >= KEY_ABBREVIATED_MAX && GL_PREFIX_TEXT_MAX >= PREFIX_TEXT_MAX &&
		GL_ENDPOINT_TEXT_MAX >= ENDPOINT_TEXT_MAX,
	"texts fit");

struct block {
	struct block *next;
	size_t used;
	size_t room;
	char bytes[] __attribute__((aligned(16)));
};

/* What gl_status_destroy() frees. */
struct owned_status {
	struct gl_status status;
	struct block *blocks;
	bool starved; /* there was no memory: what has been filled in so far is not whole */
};

/* Returns zeroed memory that lives as long as the status, or NULL, once and from then on. */
static void *
take(struct owned_status *owned, size_t count, size_t size)
{
	const size_t len = RTE_ALIGN_CEIL(count * size + 1, (size_t)16);
	struct block *block = owned->blocks;

	if (owned->starved)
		return NULL;
	if (block == NULL || block->room - block->used < len) {
		const size_t room = RTE_MAX(len, (size_t)BLOCK_LEN);

		block = calloc(1, sizeof(*block) + room);
		if (block == NULL) {
			owned->starved = true;
			return NULL;
		}
		block->room = room;
		block->next = owned->blocks;
		owned->blocks = block;
	}
	block->used += len;
	return block->bytes + block->used - len;
}

static const char *
take_text(struct owned_status *owned, const char *text)
{
	const size_t size = strlen(text) + 1;
	char *copy = take(owned, size, 1);

	if (copy != NULL)
		memcpy(copy, text, size);
	return copy;
}

static const uint64_t *
take_drops(struct owned_status *owned, const uint64_t drops[DROP_COUNT])
{
	uint64_t *copy = take(owned, DROP_COUNT, sizeof(*copy));

	if (copy != NULL)
		memcpy(copy, drops, DROP_COUNT * sizeof(*copy));
	return copy;
}

static const char (*take_prefixes(struct owned_status *owned, const struct prefix *prefixes,
	size_t count))[GL_PREFIX_TEXT_MAX]
{
	char(*texts)[GL_PREFIX_TEXT_MAX] = take(owned, count, sizeof(*texts));

	for (size_t i = 0; i < count && texts != NULL; i++)
		prefix_format(&prefixes[i], texts[i]);
	return (const char(*)[GL_PREFIX_TEXT_MAX])texts;
}

static struct gl_status_ring
ring_of(const struct rte_ring *ring, const uint32_t *most)
{
	return (struct gl_status_ring){
		.waiting = rte_ring_count(ring),
		.most = __atomic_load_n(most, __ATOMIC_RELAXED),
		.room = rte_ring_get_capacity(ring),
	};
}

static uint64_t
counter(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static uint64_t
since(uint64_t now_ns, uint64_t when_ns)
{
	return now_ns > when_ns ? now_ns - when_ns : 0;
}

static void
fill_lane(struct owned_status *owned, const struct gateway *gateway, unsigned id,
	struct gl_status_lane *status)
{
	const struct lane *lane = gateway->lanes[id].lane;
	const struct rings_lane *rings = &gateway->rings.lanes[id];
	uint64_t drops[DROP_COUNT];

	for (unsigned reason = 0; reason < DROP_COUNT; reason++)
		drops[reason] = counter(&lane->drops[reason]);
	*status = (struct gl_status_lane){
		.busy_ns = counter(&lane->busy_ns),
		.total_ns = counter(&lane->total_ns),
		.in_packets = counter(&lane->rx_frames),
		.in_batches = counter(&lane->rx_bursts),
		.in_other = counter(&lane->rx_other),
		.out_packets = counter(&lane->out_packets),
		.out_batches = counter(&lane->out_bursts),
		.icmp_sent = counter(&lane->icmp_sent),
		.ready = ring_of(rings->ready, &lane->ready_most),
		.ordered = ring_of(rings->ordered, &lane->ordered_most),
		.drops = take_drops(owned, drops),
	};
}

static void
fill_counts(const struct snapshot *snapshot, const struct snapshot_peer *peer,
	struct gl_status_peer *status)
{
	const struct peer_signs *signs = &peer->signs;

	status->latest_handshake_ns = peer->latest_handshake_ns;
	if (signs->handshakes > 0) {
		status->handshake_age_ns = since(snapshot->now_ns, signs->completed_ns);
		status->rekeys = signs->handshakes - 1;
	}
	status->initiations_sent = peer->initiations_sent;
	status->initiations_unanswered = signs->unanswered;
	if (signs->unanswered > 0)
		status->unanswered_ns = since(snapshot->now_ns, signs->unanswered_ns);
	for (unsigned reason = DROP_PACKET_COUNT; reason < DROP_COUNT; reason++)
		status->handshake_failures += peer->totals.drops[reason];
	status->rx_packets = peer->totals.rx_packets;
	status->rx_bytes = peer->totals.rx_bytes;
	status->tx_packets = peer->totals.tx_packets;
	status->tx_bytes = peer->totals.tx_bytes;
}

static void
fill_peer(struct owned_status *owned, const struct snapshot *snapshot,
	const struct snapshot_tunnel *tunnel, const struct snapshot_peer *peer,
	struct gl_status_peer *status)
{
	struct diagnosis diagnosis;
	char key[KEY_BASE64_LEN + 1];

	status->number = peer->number;
	snprintf(status->name, sizeof(status->name), "%s",
		peer->name[0] != '\0' ? peer->name : key_abbreviate(peer->public_key, key));
	key_to_base64(peer->public_key, status->public_key);
	if (peer->configured_endpoint != NULL)
		status->configured_endpoint = take_text(owned, peer->configured_endpoint);
	if (peer->endpoint.port != 0)
		endpoint_format(&peer->endpoint, status->endpoint);
	status->allowed_ips = take_prefixes(owned, peer->allowed_ips, peer->allowed_ips_count);
	status->allowed_ip_count = (unsigned)peer->allowed_ips_count;
	status->persistent_keepalive_s = peer->persistent_keepalive_s;
	status->path_mtu = peer->path_mtu;
	status->state = peer->up ? GL_PEER_UP : peer->initiating ? GL_PEER_HANDSHAKE : GL_PEER_IDLE;
	fill_counts(snapshot, peer, status);
	status->drops = take_drops(owned, peer->totals.drops);
	diagnosis_make(snapshot, tunnel, peer, &diagnosis);
	status->diagnosis = diagnosis.kind;
	if (diagnosis.kind == GL_DIAGNOSIS_NONE)
		return;
	status->diagnosis_text = take_text(owned, diagnosis.text);
	status->remedy = take_text(owned, diagnosis.remedy);
}

static int
compare_last_seen(const void *a, const void *b)
{
	const struct unknown_key *const x = a;
	const struct unknown_key *const y = b;

	return (y->last_ns > x->last_ns) - (y->last_ns < x->last_ns);
}

static void
fill_unknown_keys(struct owned_status *owned, const struct snapshot *snapshot,
	const struct snapshot_tunnel *tunnel, struct gl_status_tunnel *status)
{
	struct unknown_keys keys = tunnel->unknown_keys;
	struct gl_status_unknown_key *filled = take(owned, UNKNOWN_KEYS_MAX, sizeof(*filled));

	if (filled == NULL)
		return;
	qsort(keys.entries, UNKNOWN_KEYS_MAX, sizeof(keys.entries[0]), compare_last_seen);
	while (status->unknown_key_count < UNKNOWN_KEYS_MAX) {
		const struct unknown_key *key = &keys.entries[status->unknown_key_count];
		struct gl_status_unknown_key *entry = &filled[status->unknown_key_count];

		if (key->count == 0)
			break;
		key_abbreviate(key->public_key, entry->key);
		endpoint_format(&key->source, entry->source);
		entry->initiations = key->count;
		entry->age_ns = since(snapshot->now_ns, key->last_ns);
		status->unknown_key_count++;
	}
	status->unknown_keys = filled;
}

static const struct gl_status_host *
take_host(struct owned_status *owned, const struct host_device *device)
{
	struct gl_status_host *host = take(owned, 1, sizeof(*host));

	if (host != NULL)
		*host = (struct gl_status_host){
			.gone = device->gone,
			.to_host_packets = counter(&device->to_host),
			.from_host_packets = counter(&device->from_host),
			.to_host_errors = counter(&device->write_errors),
			.from_host_errors = counter(&device->malformed),
			.no_buffer = counter(&device->no_buffer),
		};
	return host;
}

static const struct gl_status_pipeline_lane *
take_pipeline_lanes(struct owned_status *owned, const struct port *port)
{
	struct gl_status_pipeline_lane *lanes = take(owned, port->queue_count, sizeof(*lanes));

	for (uint16_t i = 0; lanes != NULL && i < port->queue_count; i++) {
		struct port_memif_counters counters;

		port_memif_counters(port, i, &counters);
		lanes[i] = (struct gl_status_pipeline_lane){
			.rx_packets = counters.rx.packets,
			.rx_bytes = counters.rx.bytes,
			.rx_bad = counters.rx.bad,
			.rx_too_long = counters.rx.too_long,
			.rx_no_buffer = counters.rx.no_buffer,
			.tx_packets = counters.tx.packets,
			.tx_bytes = counters.tx.bytes,
			.handed = counters.handed,
			.handed_dropped = counters.handed_dropped,
		};
	}
	return lanes;
}

static void
fill_memif(struct owned_status *owned, struct control *control, const struct gateway_tunnel *tunnel,
	uint64_t now_ns, struct gl_status_pipeline *status)
{
	struct pipeline_facts facts;

	control_lock(control);
	pipeline_facts(tunnel->connection, &facts);
	control_unlock(control);
	status->memif = true;
	status->connected = facts.connected;
	status->client = facts.client;
	status->id = facts.id;
	status->path = take_text(owned, facts.path);
	status->peer = take_text(owned, facts.peer);
	status->interface = take_text(owned, facts.interface);
	status->rx_rings = facts.rx_rings;
	status->tx_rings = facts.tx_rings;
	status->ring_size = facts.ring_size;
	status->connects = facts.connects;
	status->violations = facts.violations;
	status->refused = facts.refused;
	status->since_ns = facts.since_ns == 0 ? 0 : since(now_ns, facts.since_ns);
	status->why = take_text(owned, facts.connected ? "" : facts.why);
	status->lanes = take_pipeline_lanes(owned, tunnel->pipeline);
}

static const struct gl_status_pipeline *
take_pipeline(struct owned_status *owned, struct gateway *gateway, unsigned index, uint64_t now_ns)
{
	const struct gateway_tunnel *tunnel = &gateway->tunnels[index];
	struct gl_status_pipeline *status;

	if (tunnel->pipeline == NULL)
		return NULL;
	status = take(owned, 1, sizeof(*status));
	if (status == NULL)
		return NULL;
	snprintf(status->port, sizeof(status->port), "%s", tunnel->pipeline->name);
	status->connected = tunnel->pipeline->up;
	if (tunnel->connection != NULL)
		fill_memif(owned, &gateway->control, tunnel, now_ns, status);
	return status;
}

static struct gl_status_ring
inner_ring(const struct port *end, unsigned lane)
{
	struct port_depth depth;

	port_memory_depth(end, (uint16_t)lane, &depth);
	return (struct gl_status_ring){
		.waiting = depth.waiting, .most = depth.most, .room = depth.room};
}

/* The inner side of the gateway's tunnel number `index`. */
static void
fill_inner(struct owned_status *owned, const struct gateway *gateway, unsigned index,
	struct gl_status_tunnel *status)
{
	const struct gateway_tunnel *tunnel = &gateway->tunnels[index];
	const struct host_device *device = tunnel->device;
	const struct port *far_end = device != NULL ? device->end : tunnel->inner_end;
	const unsigned lane_count = gateway->settings.lane_count;
	struct gl_status_inner *inner;

	if (tunnel->inner == NULL)
		return;
	inner = take(owned, lane_count, sizeof(*inner));
	for (unsigned lane = 0; lane < lane_count && inner != NULL; lane++) {
		inner[lane].in = inner_ring(far_end, lane);
		inner[lane].out = inner_ring(tunnel->inner, lane);
	}
	status->inner = inner;
	if (device != NULL)
		status->host = take_host(owned, device);
}

static void
fill_tunnel(struct owned_status *owned, struct gateway *gateway, const struct snapshot *snapshot,
	unsigned index, struct gl_status_tunnel *status)
{
	const struct snapshot_tunnel *copy = &snapshot->tunnels[index];
	const struct tunnel *tunnel = copy->tunnel;
	struct gl_status_peer *peers = take(owned, copy->peer_count, sizeof(*peers));

	snprintf(status->name, sizeof(status->name), "%s", tunnel->name);
	key_to_base64(copy->public_key, status->public_key);
	status->listen_port = copy->listen_port;
	status->addresses = take_prefixes(owned, tunnel->addresses, tunnel->address_count);
	status->address_count = tunnel->address_count;
	status->mtu = copy->mtu;
	fill_inner(owned, gateway, index, status);
	status->pipeline = take_pipeline(owned, gateway, index, snapshot->now_ns);
	for (unsigned i = 0; i < copy->peer_count && peers != NULL; i++)
		fill_peer(owned, snapshot, copy, &copy->peers[i], &peers[i]);
	status->peers = peers;
	status->peer_count = copy->peer_count;
	fill_unknown_keys(owned, snapshot, copy, status);
	status->drops = take_drops(owned, copy->drops);
}

/* Every drop is counted once by the port, a lane, a tunnel or, for what control does, the peer. */
static void
sum_drops(const struct gateway *gateway, const struct snapshot *snapshot, uint64_t sums[DROP_COUNT])
{
	sums[DROP_OUT_REFUSED] =
		atomic_load_explicit(&gateway->settings.underlay->refused, memory_order_relaxed);
	for (unsigned i = 0; i < gateway->settings.lane_count; i++)
		for (unsigned reason = 0; reason < DROP_COUNT; reason++)
			sums[reason] += counter(&gateway->lanes[i].lane->drops[reason]);
	for (unsigned i = 0; i < snapshot->tunnel_count; i++) {
		const struct snapshot_tunnel *tunnel = &snapshot->tunnels[i];

		for (unsigned reason = 0; reason < DROP_COUNT; reason++) {
			sums[reason] += tunnel->drops[reason];
			for (unsigned k = 0; k < tunnel->peer_count; k++)
				sums[reason] += tunnel->peers[k].control_drops[reason];
		}
	}
}

static void
fill(struct owned_status *owned, struct gateway *gateway, const struct snapshot *snapshot)
{
	struct gl_status *status = &owned->status;
	const unsigned lane_count = gateway->settings.lane_count;
	struct gl_status_lane *lanes = take(owned, lane_count, sizeof(*lanes));
	struct gl_status_tunnel *tunnels = take(owned, snapshot->tunnel_count, sizeof(*tunnels));
	uint64_t drops[DROP_COUNT] = {0};

	if (owned->starved)
		return;
	status->uptime_ns = since(snapshot->now_ns, gateway->birth_ns);
	snprintf(
		status->underlay, sizeof(status->underlay), "%s", gateway->settings.underlay->name);
	status->underlay_mtu = gateway->settings.underlay->mtu;
	status->handshakes = (struct gl_status_ring){
		.waiting = rings_handshake_count(&gateway->rings),
		.most = __atomic_load_n(&gateway->control.handshakes_most, __ATOMIC_RELAXED),
		.room = RINGS_HANDSHAKE_DEPTH,
	};
	status->raised = ring_of(gateway->rings.raised, &gateway->control.raised_most);
	for (unsigned i = 0; i < lane_count; i++)
		fill_lane(owned, gateway, i, &lanes[i]);
	for (unsigned i = 0; i < snapshot->tunnel_count; i++)
		fill_tunnel(owned, gateway, snapshot, i, &tunnels[i]);
	sum_drops(gateway, snapshot, drops);
	status->drops = take_drops(owned, drops);
	status->lanes = lanes;
	status->lane_count = lane_count;
	status->tunnels = tunnels;
	status->tunnel_count = snapshot->tunnel_count;
}

int
gateway_status(struct gateway *gateway, struct gl_status **status)
{
	struct owned_status *owned = calloc(1, sizeof(*owned));
	struct snapshot snapshot;
	int error;

	if (owned == NULL)
		return -ENOMEM;
	error = snapshot_take(gateway, &snapshot);
	if (error == 0) {
		fill(owned, gateway, &snapshot);
		if (owned->starved)
			error = -ENOMEM;
	}
	snapshot_fini(&snapshot);
	if (error != 0)
		gl_status_destroy(&owned->status);
	else
		*status = &owned->status;
	return error;
}

int
gl_gateway_status(struct gl_gateway *gateway, struct gl_status **status)
{
	return gateway_status(gateway->gateway, status);
}

void
gl_status_destroy(struct gl_status *status)
{
	struct owned_status *owned = (struct owned_status *)status;

	if (owned == NULL)
		return;
	while (owned->blocks != NULL) {
		struct block *block = owned->blocks;

		owned->blocks = block->next;
		free(block);
	}
	free(owned);
}

const char *
gl_drop_reason(unsigned reason)
{
	return reason < DROP_COUNT ? drop_reason_text((enum drop_reason)reason) : NULL;
}

const char *
gl_peer_state_name(enum gl_peer_state state)
{
	static const char *const names[] = {
		[GL_PEER_IDLE] = "idle",
		[GL_PEER_HANDSHAKE] = "handshake",
		[GL_PEER_UP] = "up",
	};

	return names[state];
}

const char *
gl_diagnosis_name(enum gl_diagnosis diagnosis)
{
	static const char *const names[] = {
		[GL_DIAGNOSIS_NONE] = "none",
		[GL_DIAGNOSIS_ELSEWHERE] = "elsewhere",
		[GL_DIAGNOSIS_OWN_ADDRESS] = "own-address",
		[GL_DIAGNOSIS_NO_ROUTE] = "no-route",
		[GL_DIAGNOSIS_NO_NEIGHBOUR] = "no-neighbour",
		[GL_DIAGNOSIS_NAME] = "name",
		[GL_DIAGNOSIS_KEY_CHANGED] = "key-changed",
		[GL_DIAGNOSIS_OUR_KEY] = "our-key",
		[GL_DIAGNOSIS_CLOCK_BEHIND] = "clock-behind",
		[GL_DIAGNOSIS_PRESHARED_KEY] = "preshared-key",
		[GL_DIAGNOSIS_UNCONFIRMED] = "unconfirmed",
		[GL_DIAGNOSIS_NEVER_ANSWERED] = "never-answered",
		[GL_DIAGNOSIS_SILENT] = "silent",
		[GL_DIAGNOSIS_NO_ENDPOINT] = "no-endpoint",
		[GL_DIAGNOSIS_NO_DATA] = "no-data",
		[GL_DIAGNOSIS_FRAGMENTS] = "fragments",
		[GL_DIAGNOSIS_SOURCE] = "source",
		[GL_DIAGNOSIS_FORGED] = "forged",
		[GL_DIAGNOSIS_REPLAYED] = "replayed",
		[GL_DIAGNOSIS_ONE_WAY] = "one-way",
	};

	_Static_assert(RTE_DIM(names) == GL_DIAGNOSIS_COUNT, "a name for each");
	return names[diagnosis];
}
