/*
 * Making the document, member by member.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "status_json.h"

#include <stdlib.h>

#define NS_IN_S 1e9

/* json_pack() takes json_int_t for I; counters never get near its limit. */
#define NUMBER(value) ((json_int_t)(value))

static double
seconds(uint64_t ns)
{
	return (double)ns / NS_IN_S;
}

/* The number, or null where 0 stands for there being none. */
static json_t *
seconds_or_null(uint64_t ns)
{
	return ns == 0 ? json_null() : json_real(seconds(ns));
}

static json_t *
text_or_null(const char *text)
{
	return text == NULL || text[0] == '\0' ? json_null() : json_string(text);
}

/* Reasons by which nothing was dropped are left out. */
static json_t *
drops_json(const uint64_t *drops)
{
	json_t *object = json_object();
	const char *reason;

	for (unsigned i = 0; (reason = gl_drop_reason(i)) != NULL; i++)
		if (drops[i] > 0)
			json_object_set_new(object, reason, json_integer(NUMBER(drops[i])));
	return object;
}

static json_t *
ring_json(const struct gl_status_ring *ring)
{
	return json_pack("{s:I, s:I, s:I}", "waiting", NUMBER(ring->waiting), "most",
		NUMBER(ring->most), "room", NUMBER(ring->room));
}

static json_t *
texts_json(const char (*texts)[GL_PREFIX_TEXT_MAX], unsigned count)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(array, json_string(texts[i]));
	return array;
}

static json_t *
diagnosis_json(const struct gl_status_peer *peer)
{
	if (peer->diagnosis == GL_DIAGNOSIS_NONE)
		return json_null();
	return json_pack("{s:s, s:s, s:s}", "kind", gl_diagnosis_name(peer->diagnosis), "text",
		peer->diagnosis_text, "remedy", peer->remedy);
}

static json_t *
peer_json(const struct gl_status_peer *peer)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:i, s:I, s:s, s:o, s:o, s:I, s:I, s:I, s:o,"
			 " s:I, s:{s:I, s:I}, s:{s:I, s:I}, s:o, s:o}",
		"name", peer->name, "public_key", peer->public_key, "configured_endpoint",
		text_or_null(peer->configured_endpoint), "endpoint", text_or_null(peer->endpoint),
		"allowed_ips", texts_json(peer->allowed_ips, peer->allowed_ip_count),
		"persistent_keepalive_s", (int)peer->persistent_keepalive_s, "path_mtu",
		NUMBER(peer->path_mtu), "state", gl_peer_state_name(peer->state),
		"latest_handshake", seconds_or_null(peer->latest_handshake_ns), "handshake_age_s",
		peer->latest_handshake_ns == 0 ? json_null()
					       : json_real(seconds(peer->handshake_age_ns)),
		"rekeys", NUMBER(peer->rekeys), "initiations_sent", NUMBER(peer->initiations_sent),
		"initiations_unanswered", NUMBER(peer->initiations_unanswered), "unanswered_s",
		seconds_or_null(peer->unanswered_ns), "handshake_failures",
		NUMBER(peer->handshake_failures), "rx", "packets", NUMBER(peer->rx_packets),
		"bytes", NUMBER(peer->rx_bytes), "tx", "packets", NUMBER(peer->tx_packets), "bytes",
		NUMBER(peer->tx_bytes), "drops", drops_json(peer->drops), "diagnosis",
		diagnosis_json(peer));
}

static json_t *
host_json(const struct gl_status_host *host)
{
	if (host == NULL)
		return json_null();
	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I}", "gone", host->gone, "to_host_packets",
		NUMBER(host->to_host_packets), "from_host_packets", NUMBER(host->from_host_packets),
		"to_host_errors", NUMBER(host->to_host_errors), "from_host_errors",
		NUMBER(host->from_host_errors), "no_buffer", NUMBER(host->no_buffer));
}

static json_t *
pipeline_lanes_json(const struct gl_status_pipeline *pipeline, unsigned lane_count)
{
	json_t *lanes = json_array();

	for (unsigned i = 0; pipeline->memif && i < lane_count; i++) {
		const struct gl_status_pipeline_lane *lane = &pipeline->lanes[i];

		json_array_append_new(lanes,
			json_pack("{s:{s:I, s:I, s:I, s:I, s:I}, s:{s:I, s:I, s:I, s:I}}", "rx",
				"packets", NUMBER(lane->rx_packets), "bytes",
				NUMBER(lane->rx_bytes), "bad", NUMBER(lane->rx_bad), "too_long",
				NUMBER(lane->rx_too_long), "no_buffer", NUMBER(lane->rx_no_buffer),
				"tx", "packets", NUMBER(lane->tx_packets), "bytes",
				NUMBER(lane->tx_bytes), "handed", NUMBER(lane->handed),
				"handed_dropped", NUMBER(lane->handed_dropped)));
	}
	return lanes;
}

static json_t *
pipeline_json(const struct gl_status_pipeline *pipeline, unsigned lane_count)
{
	json_t *object;

	if (pipeline == NULL)
		return json_null();
	object = json_pack("{s:s, s:b, s:o}", "port", pipeline->port, "connected",
		pipeline->connected, "lanes", pipeline_lanes_json(pipeline, lane_count));
	if (object == NULL || !pipeline->memif)
		return object;
	json_object_update_new(object,
		json_pack("{s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:s}",
			"path", pipeline->path, "role", pipeline->client ? "client" : "server",
			"id", NUMBER(pipeline->id), "peer", pipeline->peer, "interface",
			pipeline->interface, "rx_rings", NUMBER(pipeline->rx_rings), "tx_rings",
			NUMBER(pipeline->tx_rings), "ring_size", NUMBER(pipeline->ring_size),
			"connects", NUMBER(pipeline->connects), "violations",
			NUMBER(pipeline->violations), "refused", NUMBER(pipeline->refused),
			"since_s", seconds_or_null(pipeline->since_ns), "why", pipeline->why));
	return object;
}

static json_t *
unknown_keys_json(const struct gl_status_tunnel *tunnel)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < tunnel->unknown_key_count; i++) {
		const struct gl_status_unknown_key *key = &tunnel->unknown_keys[i];

		json_array_append_new(array,
			json_pack("{s:s, s:s, s:I, s:f}", "key", key->key, "source", key->source,
				"initiations", NUMBER(key->initiations), "age_s",
				seconds(key->age_ns)));
	}
	return array;
}

static json_t *
tunnel_json(const struct gl_status_tunnel *tunnel, unsigned lane_count, const char *hash)
{
	json_t *rings = json_array();
	json_t *peers = json_array();

	for (unsigned i = 0; i < lane_count; i++)
		json_array_append_new(rings,
			json_pack("{s:o, s:o}", "in", ring_json(&tunnel->inner[i].in), "out",
				ring_json(&tunnel->inner[i].out)));
	for (unsigned i = 0; i < tunnel->peer_count; i++)
		json_array_append_new(peers, peer_json(&tunnel->peers[i]));
	return json_pack("{s:s, s:s, s:i, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
		tunnel->name, "public_key", tunnel->public_key, "listen_port",
		(int)tunnel->listen_port, "addresses",
		texts_json(tunnel->addresses, tunnel->address_count), "mtu", NUMBER(tunnel->mtu),
		"hash", text_or_null(hash), "host", host_json(tunnel->host), "pipeline",
		pipeline_json(tunnel->pipeline, lane_count), "rings", rings, "drops",
		drops_json(tunnel->drops), "unknown_keys", unknown_keys_json(tunnel), "peers",
		peers);
}

static json_t *
lane_json(const struct gl_status_lane *lane)
{
	return json_pack("{s:f, s:f, s:{s:I, s:I, s:I}, s:{s:I, s:I}, s:I, s:{s:o, s:o}, s:o}",
		"busy_s", seconds(lane->busy_ns), "total_s", seconds(lane->total_ns), "in",
		"packets", NUMBER(lane->in_packets), "batches", NUMBER(lane->in_batches), "other",
		NUMBER(lane->in_other), "out", "packets", NUMBER(lane->out_packets), "batches",
		NUMBER(lane->out_batches), "icmp_sent", NUMBER(lane->icmp_sent), "rings", "ready",
		ring_json(&lane->ready), "ordered", ring_json(&lane->ordered), "drops",
		drops_json(lane->drops));
}

static int
add_gateway(json_t *document, const struct gl_status *status, const struct status_head *head)
{
	json_t *lanes = json_array();
	json_t *tunnels = json_array();
	json_t *gateway;

	for (unsigned i = 0; i < status->lane_count; i++)
		json_array_append_new(lanes, lane_json(&status->lanes[i]));
	for (unsigned i = 0; i < status->tunnel_count; i++)
		json_array_append_new(tunnels,
			tunnel_json(&status->tunnels[i], status->lane_count,
				head->plan->tunnels[i].hash));
	gateway = json_pack("{s:f, s:{s:s, s:I}, s:{s:o, s:o}, s:o, s:o, s:o}", "uptime_s",
		seconds(status->uptime_ns), "underlay", "name", status->underlay, "mtu",
		NUMBER(status->underlay_mtu), "rings", "handshakes", ring_json(&status->handshakes),
		"raised", ring_json(&status->raised), "drops", drops_json(status->drops), "lanes",
		lanes, "tunnels", tunnels);
	return gateway == NULL ? -1 : json_object_update_new(document, gateway);
}

json_t *
status_json_make(const struct gl_status *status, const struct status_head *head)
{
	json_t *document = json_pack("{s:s, s:b, s:i}", "version", gl_version(), "clustering",
		status != NULL, "generation", (int)head->generation);

	if (document == NULL || status == NULL || add_gateway(document, status, head) == 0)
		return document;
	json_decref(document);
	return NULL;
}

char *
status_json(const struct instance *instance)
{
	struct gl_gateway *gateway = instance_gateway(instance);
	const struct status_head head = {
		.generation = instance_generation(instance),
		.plan = instance_plan(instance),
	};
	struct gl_status *status = NULL;
	json_t *document;
	char *text;

	if (gateway != NULL && gl_gateway_status(gateway, &status) != 0)
		return NULL;
	document = status_json_make(status, &head);
	gl_status_destroy(status);
	text = document != NULL ? json_dumps(document, JSON_INDENT(2)) : NULL;
	json_decref(document);
	return text;
}
