/*
 * The metrics of packet pipelines.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "metrics_parts.h"

#include <inttypes.h>
#include <stddef.h>

struct pipeline_metric {
	const char *name;
	const char *help;
	size_t offset; /* of a uint64_t in struct gl_status_pipeline, or of one of its lanes */
};

static void
print_pipeline_connections(const struct exposition *e)
{
	static const struct pipeline_metric counters[] = {
		{"guardlane_pipeline_connects", "Times that the pipeline has connected.",
			offsetof(struct gl_status_pipeline, connects)},
		{"guardlane_pipeline_violations",
			"Times that it was disconnected for breaking the rules of the rings.",
			offsetof(struct gl_status_pipeline, violations)},
		{"guardlane_pipeline_refused", "Connections that did not come up.",
			offsetof(struct gl_status_pipeline, refused)},
	};

	metrics_family(e, "guardlane_pipeline_connected", "gauge", NULL,
		"Whether the pipeline is connected (1) or not (0).");
	for (unsigned t = 0; t < e->status->tunnel_count; t++)
		if (e->status->tunnels[t].pipeline != NULL)
			fprintf(e->out, "guardlane_pipeline_connected{device=\"%s\"} %d\n",
				e->status->tunnels[t].name,
				e->status->tunnels[t].pipeline->connected);
	for (unsigned i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		metrics_family(e, counters[i].name, "counter", NULL, counters[i].help);
		for (unsigned t = 0; t < e->status->tunnel_count; t++) {
			const char *pipeline = (const char *)e->status->tunnels[t].pipeline;

			if (pipeline != NULL)
				fprintf(e->out, "%s_total{device=\"%s\"} %" PRIu64 "\n",
					counters[i].name, e->status->tunnels[t].name,
					*(const uint64_t *)(const void *)(pipeline +
						counters[i].offset));
		}
	}
}

static void
print_pipeline_lanes(const struct exposition *e)
{
	static const struct pipeline_metric counters[] = {
		{"guardlane_pipeline_receive_packets", "Packets from the pipeline.",
			offsetof(struct gl_status_pipeline_lane, rx_packets)},
		{"guardlane_pipeline_transmit_packets", "Packets to the pipeline.",
			offsetof(struct gl_status_pipeline_lane, tx_packets)},
		{"guardlane_pipeline_receive_bad",
			"Descriptors of the pipeline that were no packet.",
			offsetof(struct gl_status_pipeline_lane, rx_bad)},
		{"guardlane_pipeline_receive_too_long",
			"Packets from the pipeline that no buffer had room for.",
			offsetof(struct gl_status_pipeline_lane, rx_too_long)},
		{"guardlane_pipeline_no_buffer",
			"Times that there was no buffer for the pipeline's next packets.",
			offsetof(struct gl_status_pipeline_lane, rx_no_buffer)},
		{"guardlane_pipeline_handed_dropped",
			"Packets of lanes without a ring for which another lane's was full.",
			offsetof(struct gl_status_pipeline_lane, handed_dropped)},
	};

	for (unsigned i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		metrics_family(e, counters[i].name, "counter", NULL, counters[i].help);
		for (unsigned t = 0; t < e->status->tunnel_count; t++) {
			const struct gl_status_tunnel *tunnel = &e->status->tunnels[t];

			for (unsigned lane = 0; lane < e->status->lane_count; lane++) {
				if (tunnel->pipeline == NULL || !tunnel->pipeline->memif)
					continue;
				fprintf(e->out, "%s_total{device=\"%s\",lane=\"%u\"} %" PRIu64 "\n",
					counters[i].name, tunnel->name, lane,
					*(const uint64_t *)(const void *)((const char *)&tunnel
										  ->pipeline
										  ->lanes[lane] +
						counters[i].offset));
			}
		}
	}
}

void
metrics_pipeline(const struct exposition *e)
{
	print_pipeline_connections(e);
	print_pipeline_lanes(e);
}
