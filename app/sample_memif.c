/*
 * The sample pipeline as a process of its own: DPDK's port 0, a memif, leads to the gateway.
 * On the packet's way: behind the gateway's pipeline port.
 * Threads: main alone, on the main lcore.
 *
 *	sample-memif EAL-OPTION... -- VPN-ADDRESS
 *	with --vdev net_memif0,role=client,socket-abstract=no,socket=PATH, and the gateway's
 *	--pipeline memif:PATH
 */
#include "sample_pipeline.h"

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include <stdio.h>
#include <unistd.h>

#define PORT 0
#define BURST 64
#define BUFFERS 8191
#define IDLE_ROUNDS_MAX 256
#define NAP_US 50

static int
open_port(struct rte_ether_addr *mac)
{
	const struct rte_eth_conf conf = {0};
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"packets", BUFFERS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);

	if (pool == NULL || rte_eth_dev_configure(PORT, 1, 1, &conf) != 0 ||
		rte_eth_rx_queue_setup(PORT, 0, 1024, SOCKET_ID_ANY, NULL, pool) != 0 ||
		rte_eth_tx_queue_setup(PORT, 0, 1024, SOCKET_ID_ANY, NULL) != 0 ||
		rte_eth_macaddr_get(PORT, mac) != 0)
		return -1;
	return rte_eth_dev_start(PORT);
}

/* Whether the frame is to go back; it is addressed then to where it came from. */
static bool
pass_frame(struct sample *sample, const struct rte_ether_addr *mac, struct rte_mbuf *mbuf)
{
	struct rte_ether_hdr *ether = rte_pktmbuf_mtod(mbuf, struct rte_ether_hdr *);

	if (rte_pktmbuf_data_len(mbuf) < sizeof(*ether) ||
		(ether->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4) &&
			ether->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV6)) ||
		!sample_packet(
			sample, ether + 1, rte_pktmbuf_data_len(mbuf) - (uint32_t)sizeof(*ether)))
		return false;
	ether->dst_addr = ether->src_addr;
	ether->src_addr = *mac;
	return true;
}

static unsigned
pass_burst(struct sample *sample, const struct rte_ether_addr *mac)
{
	struct rte_mbuf *mbufs[BURST];
	const uint16_t count = rte_eth_rx_burst(PORT, 0, mbufs, BURST);
	uint16_t going = 0;
	uint16_t taken;

	for (uint16_t i = 0; i < count; i++) {
		struct rte_mbuf *mbuf = mbufs[i];

		if (pass_frame(sample, mac, mbuf))
			mbufs[going++] = mbuf;
		else
			rte_pktmbuf_free(mbuf);
	}
	taken = rte_eth_tx_burst(PORT, 0, mbufs, going);
	sample->dropped += going - taken;
	rte_pktmbuf_free_bulk(mbufs + taken, going - taken);
	return count;
}

int
main(int argc, char *argv[])
{
	const int eal_count = rte_eal_init(argc, argv);
	struct rte_ether_addr mac;
	struct sample sample;
	unsigned idle = 0;

	if (eal_count < 0 || argc - eal_count != 2 ||
		sample_init(&sample, argv[eal_count + 1]) != 0 || open_port(&mac) != 0) {
		fprintf(stderr, "usage: see the head of sample_memif.c\n");
		return 1;
	}
	fprintf(stderr, "ready\n");
	while (!sample_stopped()) {
		if (pass_burst(&sample, &mac) > 0)
			idle = 0;
		else if (++idle > IDLE_ROUNDS_MAX)
			usleep(NAP_US);
	}
	sample_say(&sample, 1);
	rte_eth_dev_stop(PORT);
	rte_eth_dev_close(PORT);
	rte_eal_cleanup();
	return 0;
}
