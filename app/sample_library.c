/*
 * The sample pipeline with the tunnel in its own process: a lane on each worker lcore.
 * On the packet's way: at the end of it; the lanes are called from here.
 * Threads: main waits; each lane belongs to its lcore.
 *
 *	sample-library EAL-OPTION... -- UNDERLAY PRIVATE-FILE PUBLIC-FILE VPN-ADDRESS
 */
#include "guardlane.h"
#include "sample_pipeline.h"

#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LANES_MAX 64
#define IDLE_ROUNDS_MAX 256
#define NAP_US 50

struct pipeline {
	struct gl_gateway *gateway;
	struct sample samples[LANES_MAX];
};

static void
say(void *context, enum gl_log_level level, const char *line)
{
	fprintf(stderr, "%s\n", line);
}

static unsigned
pass_burst(struct pipeline *pipeline, unsigned lane)
{
	struct rte_mbuf *packets[GL_BURST_MAX];
	struct sample *sample = &pipeline->samples[lane];
	uint16_t count =
		gl_lane_receive(pipeline->gateway, lane, NULL, NULL, packets, GL_BURST_MAX);
	uint16_t going = 0;
	uint16_t taken;

	for (uint16_t i = 0; i < count; i++) {
		struct rte_mbuf *mbuf = packets[i];

		if (sample_packet(
			    sample, rte_pktmbuf_mtod(mbuf, void *), rte_pktmbuf_data_len(mbuf)))
			packets[going++] = mbuf;
		else
			rte_pktmbuf_free(mbuf);
	}
	taken = gl_lane_transmit(pipeline->gateway, lane, 0, packets, going);
	rte_pktmbuf_free_bulk(packets + taken, going - taken);
	return count;
}

static int
lane_main(void *argument)
{
	struct pipeline *pipeline = argument;
	const unsigned lane = (unsigned)rte_lcore_index(-1) - 1;
	unsigned idle = 0;

	gl_lane_online(pipeline->gateway, lane);
	while (!sample_stopped()) {
		if (pass_burst(pipeline, lane) > 0) {
			idle = 0;
		} else if (++idle > IDLE_ROUNDS_MAX) {
			gl_lane_offline(pipeline->gateway, lane);
			usleep(NAP_US);
			gl_lane_online(pipeline->gateway, lane);
		}
	}
	gl_lane_offline(pipeline->gateway, lane);
	return 0;
}

static int
open_tunnel(struct pipeline *pipeline, char *argv[])
{
	const struct gl_log log = {.level = GL_LOG_INFO, .write = say};
	struct gl_config *config = gl_config_load(argv[2], argv[3], false, &log);
	const struct gl_gateway_settings settings = {
		.underlay = argv[1],
		.lane_count = rte_lcore_count() - 1,
		.memory_mib = 64,
		.log = log,
	};
	const struct gl_tunnel_settings tunnel = {
		.config = config,
		.host = "none:sample",
		.pipeline = "library",
		.vpn_address = argv[4],
	};
	int error = config == NULL ? -1 : gl_gateway_create(&settings, &pipeline->gateway);

	if (error == 0)
		error = gl_gateway_add_tunnel(pipeline->gateway, &tunnel);
	if (error == 0)
		error = gl_gateway_start(pipeline->gateway);
	gl_config_destroy(config);
	return error;
}

int
main(int argc, char *argv[])
{
	static struct pipeline pipeline;
	const int eal_count = rte_eal_init(argc, argv);
	unsigned lane_count;

	argv += eal_count;
	if (eal_count < 0 || argc - eal_count != 5 || rte_lcore_count() < 2 ||
		rte_lcore_count() - 1 > LANES_MAX) {
		fprintf(stderr, "usage: see the head of sample_library.c; two lcores or more\n");
		return 1;
	}
	lane_count = rte_lcore_count() - 1;
	for (unsigned i = 0; i < lane_count; i++)
		if (sample_init(&pipeline.samples[i], argv[4]) != 0)
			return 1;
	if (sample_stopped() || open_tunnel(&pipeline, argv) != 0)
		return 1;
	rte_eal_mp_remote_launch(lane_main, &pipeline, SKIP_MAIN);
	fprintf(stderr, "ready\n");
	rte_eal_mp_wait_lcore();
	sample_say(pipeline.samples, lane_count);
	gl_gateway_stop(pipeline.gateway);
	gl_gateway_destroy(pipeline.gateway);
	rte_eal_cleanup();
	return 0;
}
