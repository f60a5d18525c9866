/*
 * Writing families of samples, one after the other: a family's samples must stand together.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "metrics_text.h"

#include "metrics_parts.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NS_IN_S 1e9

/* In the older format a family is called what its samples are. */
void
metrics_family(const struct exposition *e, const char *name, const char *type, const char *unit,
	const char *help)
{
	const bool plain = e->format == METRICS_PLAIN;
	const bool info = strcmp(type, "info") == 0;
	const char *suffix = "";

	if (plain && info)
		suffix = "_info";
	else if (plain && strcmp(type, "counter") == 0)
		suffix = "_total";
	fprintf(e->out, "# TYPE %s%s %s\n", name, suffix, plain && info ? "gauge" : type);
	if (unit != NULL && !plain)
		fprintf(e->out, "# UNIT %s %s\n", name, unit);
	fprintf(e->out, "# HELP %s%s %s\n", name, suffix, help);
}

void
metrics_counter_sample(const struct exposition *e, const struct metrics_counter *counter,
	const struct gl_status_tunnel *tunnel, int lane, const void *object)
{
	const void *field = (const char *)object + counter->offset;

	fprintf(e->out, "%s_total{device=\"%s\"", counter->name, tunnel->name);
	if (lane >= 0)
		fprintf(e->out, ",lane=\"%d\"", lane);
	fprintf(e->out, "} %" PRIu64 "\n", *(const uint64_t *)field);
}

/* The operator's names may hold anything that is printable. */
static void
print_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"')
			fputc('\\', out);
		if (*value == '\n')
			fputs("\\n", out);
		else
			fputc(*value, out);
	}
	fputc('"', out);
}

/* -- peers: the names of the common exporters, and ours ---------------------------------------- */

static void
print_peer_labels(
	FILE *out, const struct gl_status_tunnel *tunnel, const struct gl_status_peer *peer)
{
	print_label(out, "device", tunnel->name);
	fputc(',', out);
	print_label(out, "public_key", peer->public_key);
}

/* What is one number of each peer. */
static const struct peer_metric {
	const char *name;
	const char *type;
	const char *unit;
	const char *help;
	size_t offset; /* of a uint64_t, or, if narrow, a uint32_t, in struct gl_status_peer */
	enum { WHOLE, NARROW, SECONDS } form;
} peer_metrics[] = {
#define FIELD(field) offsetof(struct gl_status_peer, field)
	{"wireguard_peer_receive_bytes", "counter", "bytes",
		"Bytes of messages received from the peer.", FIELD(rx_bytes), WHOLE},
	{"wireguard_peer_transmit_bytes", "counter", "bytes", "Bytes of messages sent to the peer.",
		FIELD(tx_bytes), WHOLE},
	{"wireguard_peer_last_handshake_seconds", "gauge", "seconds",
		"When a handshake was last completed, in seconds since 1970; 0: never.",
		FIELD(latest_handshake_ns), SECONDS},
	{"guardlane_peer_receive_packets", "counter", NULL, "Packets received from the peer.",
		FIELD(rx_packets), WHOLE},
	{"guardlane_peer_transmit_packets", "counter", NULL, "Packets sent to the peer.",
		FIELD(tx_packets), WHOLE},
	{"guardlane_peer_rekeys", "counter", NULL, "Handshakes completed after the first one.",
		FIELD(rekeys), WHOLE},
	{"guardlane_peer_initiations_sent", "counter", NULL, "Initiations sent to the peer.",
		FIELD(initiations_sent), WHOLE},
	{"guardlane_peer_initiations_unanswered", "gauge", NULL,
		"Initiations sent since a handshake was last completed.",
		FIELD(initiations_unanswered), WHOLE},
	{"guardlane_peer_path_mtu_bytes", "gauge", "bytes",
		"MTU of the first hop to the peer; 0: not known.", FIELD(path_mtu), NARROW},
#undef FIELD
};

static void
print_peer_metric(const struct exposition *e, const struct peer_metric *metric)
{
	const char *suffix = strcmp(metric->type, "counter") == 0 ? "_total" : "";

	metrics_family(e, metric->name, metric->type, metric->unit, metric->help);
	for (unsigned t = 0; t < e->status->tunnel_count; t++) {
		const struct gl_status_tunnel *tunnel = &e->status->tunnels[t];

		for (unsigned i = 0; i < tunnel->peer_count; i++) {
			const char *field = (const char *)&tunnel->peers[i] + metric->offset;

			fprintf(e->out, "%s%s{", metric->name, suffix);
			print_peer_labels(e->out, tunnel, &tunnel->peers[i]);
			if (metric->form == SECONDS)
				fprintf(e->out, "} %.3f\n",
					(double)*(const uint64_t *)(const void *)field / NS_IN_S);
			else if (metric->form == NARROW)
				fprintf(e->out, "} %" PRIu32 "\n",
					*(const uint32_t *)(const void *)field);
			else
				fprintf(e->out, "} %" PRIu64 "\n",
					*(const uint64_t *)(const void *)field);
		}
	}
}

static void
print_peer_info(const struct exposition *e)
{
	metrics_family(e, "wireguard_peer", "info", NULL, "Name and endpoint of the peer.");
	for (unsigned t = 0; t < e->status->tunnel_count; t++) {
		const struct gl_status_tunnel *tunnel = &e->status->tunnels[t];

		for (unsigned i = 0; i < tunnel->peer_count; i++) {
			fputs("wireguard_peer_info{", e->out);
			print_peer_labels(e->out, tunnel, &tunnel->peers[i]);
			fputc(',', e->out);
			print_label(e->out, "name", tunnel->peers[i].name);
			fputc(',', e->out);
			print_label(e->out, "endpoint", tunnel->peers[i].endpoint);
			fputs("} 1\n", e->out);
		}
	}
}

static void
print_allowed_ips(const struct exposition *e)
{
	metrics_family(
		e, "wireguard_peer_allowed_ips", "info", NULL, "The peer's allowed-ips, one each.");
	for (unsigned t = 0; t < e->status->tunnel_count; t++) {
		const struct gl_status_tunnel *tunnel = &e->status->tunnels[t];

		for (unsigned i = 0; i < tunnel->peer_count; i++) {
			const struct gl_status_peer *peer = &tunnel->peers[i];

			for (unsigned k = 0; k < peer->allowed_ip_count; k++) {
				fputs("wireguard_peer_allowed_ips_info{", e->out);
				print_peer_labels(e->out, tunnel, peer);
				fprintf(e->out, ",allowed_ips=\"%s\"} 1\n", peer->allowed_ips[k]);
			}
		}
	}
}

static void
print_devices(const struct exposition *e)
{
	metrics_family(e, "wireguard_device", "info", NULL, "Our public key in the tunnel.");
	for (unsigned t = 0; t < e->status->tunnel_count; t++)
		fprintf(e->out, "wireguard_device_info{device=\"%s\",public_key=\"%s\"} 1\n",
			e->status->tunnels[t].name, e->status->tunnels[t].public_key);
}

static void
print_peer_up(const struct exposition *e)
{
	metrics_family(e, "guardlane_peer_up", "gauge", NULL,
		"Whether there is a session to send on (1) or not (0).");
	for (unsigned t = 0; t < e->status->tunnel_count; t++) {
		const struct gl_status_tunnel *tunnel = &e->status->tunnels[t];

		for (unsigned i = 0; i < tunnel->peer_count; i++) {
			fputs("guardlane_peer_up{", e->out);
			print_peer_labels(e->out, tunnel, &tunnel->peers[i]);
			fprintf(e->out, "} %d\n", tunnel->peers[i].state == GL_PEER_UP);
		}
	}
}

static void
print_peer_diagnoses(const struct exposition *e)
{
	metrics_family(e, "guardlane_peer_diagnosis", "gauge", NULL,
		"1 for what is wrong with a peer; no sample for one that is well.");
	for (unsigned t = 0; t < e->status->tunnel_count; t++) {
		const struct gl_status_tunnel *tunnel = &e->status->tunnels[t];

		for (unsigned i = 0; i < tunnel->peer_count; i++) {
			const struct gl_status_peer *peer = &tunnel->peers[i];

			if (peer->diagnosis == GL_DIAGNOSIS_NONE)
				continue;
			fputs("guardlane_peer_diagnosis{", e->out);
			print_peer_labels(e->out, tunnel, peer);
			fputc(',', e->out);
			print_label(e->out, "diagnosis", gl_diagnosis_name(peer->diagnosis));
			fputs("} 1\n", e->out);
		}
	}
}

/* -- drops ------------------------------------------------------------------------------------- */

static bool
of_handshakes(const char *reason)
{
	return strncmp(reason, "handshake_", strlen("handshake_")) == 0;
}

static void
print_drops(const struct exposition *e, const char *name, const char *help, bool handshakes)
{
	const char *reason;

	metrics_family(e, name, "counter", NULL, help);
	for (unsigned i = 0; (reason = gl_drop_reason(i)) != NULL; i++)
		if (of_handshakes(reason) == handshakes)
			fprintf(e->out, "%s_total{reason=\"%s\"} %" PRIu64 "\n", name, reason,
				e->status->drops[i]);
}

static void
print_peer_drops(const struct exposition *e, const char *name, const char *help, bool handshakes)
{
	const char *reason;

	metrics_family(e, name, "counter", NULL, help);
	for (unsigned t = 0; t < e->status->tunnel_count; t++) {
		const struct gl_status_tunnel *tunnel = &e->status->tunnels[t];

		for (unsigned i = 0; i < tunnel->peer_count; i++) {
			const struct gl_status_peer *peer = &tunnel->peers[i];

			for (unsigned r = 0; (reason = gl_drop_reason(r)) != NULL; r++) {
				if (peer->drops[r] == 0 || of_handshakes(reason) != handshakes)
					continue;
				fprintf(e->out, "%s_total{", name);
				print_peer_labels(e->out, tunnel, peer);
				fprintf(e->out, ",reason=\"%s\"} %" PRIu64 "\n", reason,
					peer->drops[r]);
			}
		}
	}
}

/* -- lanes and rings --------------------------------------------------------------------------- */

static void
print_lane_seconds(const struct exposition *e)
{
	metrics_family(e, "guardlane_lane_busy_seconds", "counter", "seconds",
		"Time that a lane spent with packets.");
	for (unsigned i = 0; i < e->status->lane_count; i++)
		fprintf(e->out, "guardlane_lane_busy_seconds_total{lane=\"%u\"} %.9f\n", i,
			(double)e->status->lanes[i].busy_ns / NS_IN_S);
	metrics_family(e, "guardlane_lane_seconds", "counter", "seconds",
		"Time that a lane has run: its load is the rate of the busy seconds by that of "
		"these.");
	for (unsigned i = 0; i < e->status->lane_count; i++)
		fprintf(e->out, "guardlane_lane_seconds_total{lane=\"%u\"} %.9f\n", i,
			(double)e->status->lanes[i].total_ns / NS_IN_S);
}

static void
print_lane_batches(const struct exposition *e)
{
	metrics_family(e, "guardlane_lane_packets", "counter", NULL,
		"Packets taken, in from the underlay, out from the inner side.");
	for (unsigned i = 0; i < e->status->lane_count; i++)
		fprintf(e->out,
			"guardlane_lane_packets_total{lane=\"%u\",direction=\"in\"} %" PRIu64 "\n"
			"guardlane_lane_packets_total{lane=\"%u\",direction=\"out\"} %" PRIu64 "\n",
			i, e->status->lanes[i].in_packets, i, e->status->lanes[i].out_packets);
	metrics_family(e, "guardlane_lane_batches", "counter", NULL,
		"Batches in which they came: the fill is the rate of packets by that of these.");
	for (unsigned i = 0; i < e->status->lane_count; i++)
		fprintf(e->out,
			"guardlane_lane_batches_total{lane=\"%u\",direction=\"in\"} %" PRIu64 "\n"
			"guardlane_lane_batches_total{lane=\"%u\",direction=\"out\"} %" PRIu64 "\n",
			i, e->status->lanes[i].in_batches, i, e->status->lanes[i].out_batches);
}

/* One of the three numbers of each ring. */
struct ring_metric {
	const char *name;
	const char *help;
	size_t offset;
};

static void
print_ring(const struct exposition *e, const struct ring_metric *metric,
	const struct gl_status_ring *ring, const char *labels)
{
	const char *field = (const char *)ring + metric->offset;

	fprintf(e->out, "%s{%s} %" PRIu32 "\n", metric->name, labels,
		*(const uint32_t *)(const void *)field);
}

static void
print_rings_of_lanes(const struct exposition *e, const struct ring_metric *metric)
{
	char labels[128];

	for (unsigned i = 0; i < e->status->lane_count; i++) {
		snprintf(labels, sizeof(labels), "ring=\"ready\",lane=\"%u\"", i);
		print_ring(e, metric, &e->status->lanes[i].ready, labels);
		snprintf(labels, sizeof(labels), "ring=\"ordered\",lane=\"%u\"", i);
		print_ring(e, metric, &e->status->lanes[i].ordered, labels);
		for (unsigned t = 0; t < e->status->tunnel_count; t++) {
			const struct gl_status_tunnel *tunnel = &e->status->tunnels[t];

			snprintf(labels, sizeof(labels),
				"ring=\"inner_in\",lane=\"%u\",device=\"%s\"", i, tunnel->name);
			print_ring(e, metric, &tunnel->inner[i].in, labels);
			snprintf(labels, sizeof(labels),
				"ring=\"inner_out\",lane=\"%u\",device=\"%s\"", i, tunnel->name);
			print_ring(e, metric, &tunnel->inner[i].out, labels);
		}
	}
}

static void
print_rings(const struct exposition *e)
{
	static const struct ring_metric metrics[] = {
		{"guardlane_ring_waiting", "Entries that wait in a ring now.",
			offsetof(struct gl_status_ring, waiting)},
		{"guardlane_ring_waiting_max", "Entries that ever waited in it.",
			offsetof(struct gl_status_ring, most)},
		{"guardlane_ring_room", "Entries that there is room for.",
			offsetof(struct gl_status_ring, room)},
	};

	for (unsigned i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		metrics_family(e, metrics[i].name, "gauge", NULL, metrics[i].help);
		print_ring(e, &metrics[i], &e->status->handshakes, "ring=\"handshakes\"");
		print_ring(e, &metrics[i], &e->status->raised, "ring=\"raised\"");
		print_rings_of_lanes(e, &metrics[i]);
	}
}

/* -- the host device --------------------------------------------------------------------------- */

static void
print_host(const struct exposition *e)
{
	static const struct metrics_counter counters[] = {
		{"guardlane_host_receive_packets", "Packets given to the host device.",
			offsetof(struct gl_status_host, to_host_packets)},
		{"guardlane_host_transmit_packets", "Packets taken from the host device.",
			offsetof(struct gl_status_host, from_host_packets)},
		{"guardlane_host_receive_errors", "Packets that the host device did not take.",
			offsetof(struct gl_status_host, to_host_errors)},
		{"guardlane_host_transmit_errors",
			"Packets of the host device that could not be carried.",
			offsetof(struct gl_status_host, from_host_errors)},
		{"guardlane_host_no_buffer",
			"Times that there was no buffer for the host device's next packet.",
			offsetof(struct gl_status_host, no_buffer)},
	};

	for (unsigned i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		metrics_family(e, counters[i].name, "counter", NULL, counters[i].help);
		for (unsigned t = 0; t < e->status->tunnel_count; t++) {
			const struct gl_status_tunnel *tunnel = &e->status->tunnels[t];

			if (tunnel->host != NULL)
				metrics_counter_sample(e, &counters[i], tunnel, -1, tunnel->host);
		}
	}
}

/* -- the whole --------------------------------------------------------------------------------- */

static void
print_head(const struct exposition *e)
{
	metrics_family(e, "guardlane_build", "info", NULL, "The version of guardlane.");
	fprintf(e->out, "guardlane_build_info{version=\"%s\"} 1\n", gl_version());
	metrics_family(e, "guardlane_clustering", "gauge", NULL,
		"Whether there is a peer table (1) or not (0).");
	fprintf(e->out, "guardlane_clustering %d\n", e->status != NULL);
	metrics_family(e, "guardlane_configuration_generation", "gauge", NULL,
		"Configurations applied: 1 after start, and 1 more with each that changed "
		"something.");
	fprintf(e->out, "guardlane_configuration_generation %u\n", e->head->generation);
}

static void
print_configuration(const struct exposition *e)
{
	metrics_family(e, "guardlane_configuration", "info", NULL,
		"Hash of vpn-public.conf, equal wherever it means the same.");
	for (unsigned t = 0; t < e->status->tunnel_count; t++)
		fprintf(e->out, "guardlane_configuration_info{device=\"%s\",hash=\"%s\"} 1\n",
			e->status->tunnels[t].name, e->head->plan->tunnels[t].hash);
}

const char *
metrics_text_type(enum metrics_format format)
{
	return format == METRICS_OPENMETRICS
		? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		: "text/plain; version=0.0.4; charset=utf-8";
}

void
metrics_text_print(const struct gl_status *status, const struct metrics_head *head,
	enum metrics_format format, FILE *out)
{
	const struct exposition e = {.status = status, .head = head, .format = format, .out = out};

	print_head(&e);
	if (status != NULL) {
		metrics_family(&e, "guardlane_uptime_seconds", "gauge", "seconds",
			"Time since the gateway was made.");
		fprintf(out, "guardlane_uptime_seconds %.3f\n",
			(double)status->uptime_ns / NS_IN_S);
		print_configuration(&e);
		print_devices(&e);
		print_peer_info(&e);
		print_allowed_ips(&e);
		for (size_t i = 0; i < sizeof(peer_metrics) / sizeof(peer_metrics[0]); i++)
			print_peer_metric(&e, &peer_metrics[i]);
		print_peer_up(&e);
		print_peer_diagnoses(&e);
		print_peer_drops(&e, "guardlane_peer_dropped_packets",
			"Packets of a peer that were dropped, by reason.", false);
		print_peer_drops(&e, "guardlane_peer_handshake_failures",
			"Handshake messages of a peer that were refused, by reason.", true);
		print_drops(&e, "guardlane_dropped_packets",
			"Packets that were dropped, by reason, those of peers among them.", false);
		print_drops(&e, "guardlane_handshake_failures",
			"Handshake messages that were refused, by reason, those of peers among "
			"them.",
			true);
		print_lane_seconds(&e);
		print_lane_batches(&e);
		print_rings(&e);
		print_host(&e);
		metrics_pipeline(&e);
	}
	if (format == METRICS_OPENMETRICS)
		fputs("# EOF\n", out);
}
