/*
 * A host application with a tunnel in it: it owns EAL, the NIC, the buffers and the loop, and gives
 * the NIC's frames to the library. It sends echo requests to a peer through the tunnel, and counts
 * what comes back.
 *
 *	tunnel-ping EAL-OPTION... -- INTERFACE PRIVATE-FILE PUBLIC-FILE OWN-ADDRESS PEER-ADDRESS COUNT
 *
 * The NIC is DPDK's port 0, for instance by --vdev net_af_packet0,iface=eth0, and INTERFACE the
 * kernel's name of it, whose addresses, routes and neighbours the tunnel uses. The addresses are
 * inner ones, IPv4. Ends with 0 if all requests were answered, once each.
 */
#include <guardlane.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NIC 0
#define BURST 64
#define WINDOW 64 /* requests that are on their way at most */
#define PATIENCE_S 20 /* without any answer */
#define IDENT 0x676c

struct ping {
	struct gl_gateway *gateway;
	struct rte_mempool *pool;
	rte_be32_t own;
	rte_be32_t peer;
	unsigned count;
	unsigned sent;
	unsigned answered;
	unsigned twice;
	unsigned other; /* inner packets that are no answer to us */
	unsigned not_ours; /* frames that the library gave back */
	uint32_t peer_number; /* who the last answer came from */
	bool *seen; /* by sequence number */
};

static void
say(void *context, enum gl_log_level level, const char *line)
{
	(void)context;
	fprintf(stderr, "%s%s\n", level == GL_LOG_ERROR ? "error: " : "", line);
}

static void
fail(const char *what)
{
	fprintf(stderr, "error: %s\n", what);
	exit(1);
}

/* The library sends its frames by this, on the lane's own thread: here by the NIC's queue 0. */
static uint16_t
transmit(void *context, unsigned lane, struct rte_mbuf *frames[], uint16_t count)
{
	(void)context;
	return rte_eth_tx_burst(NIC, (uint16_t)lane, frames, count);
}

static void
open_nic(struct rte_mempool *pool, struct gl_underlay *underlay)
{
	const struct rte_eth_conf conf = {0};
	struct rte_ether_addr mac;

	if (rte_eth_dev_configure(NIC, 1, 1, &conf) != 0 ||
		rte_eth_rx_queue_setup(NIC, 0, 1024, SOCKET_ID_ANY, NULL, pool) != 0 ||
		rte_eth_tx_queue_setup(NIC, 0, 1024, SOCKET_ID_ANY, NULL) != 0 ||
		rte_eth_macaddr_get(NIC, &mac) != 0 ||
		rte_eth_dev_get_mtu(NIC, &underlay->mtu) != 0 || rte_eth_dev_start(NIC) != 0)
		fail("cannot start DPDK's port 0");
	memcpy(underlay->mac, mac.addr_bytes, sizeof(underlay->mac));
}

static void
open_tunnel(struct ping *ping, const struct gl_underlay *underlay, char *argv[])
{
	const struct gl_log log = {.level = GL_LOG_INFO, .write = say};
	struct gl_config *config = gl_config_load(argv[2], argv[3], false, &log);
	int error;

	if (config == NULL)
		fail("the configuration cannot be used");
	error = gl_gateway_create(
		&(const struct gl_gateway_settings){
			.host_underlay = underlay,
			.lane_count = 1,
			.pool = ping->pool,
			.log = log,
		},
		&ping->gateway);
	if (error == 0)
		error = gl_gateway_add_tunnel(ping->gateway,
			&(const struct gl_tunnel_settings){
				.config = config,
				.host = "none:tunnel-ping",
				.pipeline = "library",
				.vpn_address = argv[4],
			});
	gl_config_destroy(config);
	if (error == 0)
		error = gl_gateway_start(ping->gateway);
	if (error != 0)
		fail("no tunnel");
}

static struct rte_mbuf *
make_request(struct ping *ping)
{
	struct {
		struct rte_ipv4_hdr ip;
		struct rte_icmp_hdr icmp;
	} __rte_packed *request;
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(ping->pool);

	if (mbuf == NULL)
		return NULL;
	mbuf->data_len = sizeof(*request);
	mbuf->pkt_len = sizeof(*request);
	request = rte_pktmbuf_mtod(mbuf, void *);
	memset(request, 0, sizeof(*request));
	request->ip.version_ihl = RTE_IPV4_VHL_DEF;
	request->ip.total_length = htons(sizeof(*request));
	request->ip.time_to_live = 64;
	request->ip.next_proto_id = IPPROTO_ICMP;
	request->ip.src_addr = ping->own;
	request->ip.dst_addr = ping->peer;
	request->ip.hdr_checksum = rte_ipv4_cksum(&request->ip);
	request->icmp.icmp_type = RTE_IP_ICMP_ECHO_REQUEST;
	request->icmp.icmp_ident = htons(IDENT);
	request->icmp.icmp_seq_nb = htons((uint16_t)ping->sent);
	request->icmp.icmp_cksum = (uint16_t)~rte_raw_cksum(&request->icmp, sizeof(request->icmp));
	ping->sent++;
	return mbuf;
}

static void
send_requests(struct ping *ping)
{
	struct rte_mbuf *packets[WINDOW];
	uint16_t count = 0;
	uint16_t taken;

	while (ping->sent < ping->count && ping->sent - ping->answered < WINDOW &&
		count < WINDOW && (packets[count] = make_request(ping)) != NULL)
		count++;
	if (count == 0)
		return;
	taken = gl_lane_transmit(ping->gateway, 0, 0, packets, count);
	rte_pktmbuf_free_bulk(packets + taken, count - taken);
}

static void
take_answer(struct ping *ping, const struct rte_mbuf *mbuf)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(mbuf, const struct rte_ipv4_hdr *);
	const struct rte_icmp_hdr *icmp = (const struct rte_icmp_hdr *)(ip + 1);
	unsigned number;

	if (rte_pktmbuf_data_len(mbuf) < sizeof(*ip) + sizeof(*icmp) ||
		ip->version_ihl != RTE_IPV4_VHL_DEF || ip->next_proto_id != IPPROTO_ICMP ||
		ip->src_addr != ping->peer || icmp->icmp_type != RTE_IP_ICMP_ECHO_REPLY ||
		icmp->icmp_ident != htons(IDENT) || ntohs(icmp->icmp_seq_nb) >= ping->sent) {
		ping->other++;
		return;
	}
	number = ntohs(icmp->icmp_seq_nb);
	ping->twice += ping->seen[number];
	ping->answered += !ping->seen[number];
	ping->seen[number] = true;
	ping->peer_number = gl_packet_origin(mbuf, gl_origin_offset(ping->gateway))->peer;
}

/* One round: what the NIC has goes to the library; inner packets come out, the rest comes back. */
static unsigned
receive(struct ping *ping)
{
	struct rte_mbuf *frames[BURST];
	struct rte_mbuf *packets[BURST];
	uint16_t frame_count = rte_eth_rx_burst(NIC, 0, frames, BURST);
	uint16_t count =
		gl_lane_receive(ping->gateway, 0, frames, &frame_count, packets, BURST);

	for (uint16_t i = 0; i < count; i++)
		take_answer(ping, packets[i]);
	rte_pktmbuf_free_bulk(packets, count);
	/* This program has no use for them; the kernel has its copies of what af_packet brings. */
	ping->not_ours += frame_count;
	rte_pktmbuf_free_bulk(frames, frame_count);
	return count;
}

static void
say_status(struct ping *ping)
{
	struct gl_status *status;

	if (gl_gateway_status(ping->gateway, &status) != 0)
		return;
	for (unsigned i = 0; i < status->tunnels[0].peer_count; i++) {
		const struct gl_status_peer *peer = &status->tunnels[0].peers[i];

		printf("peer %s: %s, %" PRIu64 " packets sent, %" PRIu64 " received%s\n",
			peer->name, gl_peer_state_name(peer->state), peer->tx_packets,
			peer->rx_packets,
			peer->number == ping->peer_number ? ", the one that answered" : "");
	}
	for (unsigned i = 0; gl_drop_reason(i) != NULL; i++)
		if (status->drops[i] > 0)
			printf("dropped %s: %" PRIu64 "\n", gl_drop_reason(i), status->drops[i]);
	gl_status_destroy(status);
}

static void
run(struct ping *ping)
{
	const uint64_t patience = PATIENCE_S * rte_get_timer_hz();
	uint64_t last = rte_get_timer_cycles();

	gl_lane_online(ping->gateway, 0);
	while (ping->answered < ping->count && rte_get_timer_cycles() - last < patience) {
		if (receive(ping) > 0)
			last = rte_get_timer_cycles();
		send_requests(ping);
	}
	gl_lane_offline(ping->gateway, 0);
}

int
main(int argc, char *argv[])
{
	struct ping ping = {.count = 0};
	struct gl_underlay underlay = {.transmit = transmit, .seen_by_kernel = true};
	const int eal_count = rte_eal_init(argc, argv);

	if (eal_count < 0)
		fail("EAL does not start");
	argv += eal_count;
	if (argc - eal_count != 7 || inet_pton(AF_INET, argv[4], &ping.own) != 1 ||
		inet_pton(AF_INET, argv[5], &ping.peer) != 1 ||
		(ping.count = (unsigned)atoi(argv[6])) == 0 || ping.count > UINT16_MAX)
		fail("usage: see the head of tunnel_ping.c");
	ping.seen = calloc(ping.count, sizeof(bool));
	/* Handshake messages are freed by a thread that is no lcore: hence these ops. */
	ping.pool = rte_pktmbuf_pool_create_by_ops("packets", 8191, 256, 0,
		RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id(), "ring_mt_rts");
	if (ping.pool == NULL || ping.seen == NULL)
		fail("no memory for packets");
	underlay.interface = argv[1];
	open_nic(ping.pool, &underlay);
	open_tunnel(&ping, &underlay, argv);
	run(&ping);
	printf("%u sent, %u answered, %u twice, %u others; %u frames not for the tunnel\n",
		ping.sent, ping.answered, ping.twice, ping.other, ping.not_ours);
	say_status(&ping);
	gl_gateway_stop(ping.gateway);
	gl_gateway_destroy(ping.gateway);
	rte_eth_dev_stop(NIC);
	rte_eth_dev_close(NIC);
	rte_eal_cleanup();
	free(ping.seen);
	return ping.answered == ping.count && ping.twice == 0 ? 0 : 1;
}
