/*
 * The metrics of packet pipelines.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "metrics_parts.h"

static void
print_pipeline_connections(const struct exposition *e)
{
	static const struct metrics_counter counters[] = {
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
			const struct gl_status_tunnel *tunnel = &e->status->tunnels[t];

			if (tunnel->pipeline != NULL)
				metrics_counter_sample(
					e, &counters[i], tunnel, -1, tunnel->pipeline);
		}
	}
}

static void
print_pipeline_lanes(const struct exposition *e)
{
	static const struct metrics_counter counters[] = {
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

			if (tunnel->pipeline == NULL || !tunnel->pipeline->memif)
				continue;
			for (unsigned lane = 0; lane < e->status->lane_count; lane++)
				metrics_counter_sample(e, &counters[i], tunnel, (int)lane,
					&tunnel->pipeline->lanes[lane]);
		}
	}
}

void
metrics_pipeline(const struct exposition *e)
{
	print_pipeline_connections(e);
	print_pipeline_lanes(e);
}
