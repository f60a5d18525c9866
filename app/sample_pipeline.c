/*
 * What the sample pipeline does with a packet, whichever way it came.
 * On the packet's way: at the end of it.
 * Threads: as the header says.
 */
#include "sample_pipeline.h"

#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

int
sample_init(struct sample *sample, const char *own)
{
	memset(sample, 0, sizeof(*sample));
	return inet_pton(AF_INET, own, &sample->own_be) == 1 ? 0 : -EINVAL;
}

static bool
mirror(struct rte_ipv4_hdr *ip, uint32_t len)
{
	struct rte_icmp_hdr *icmp = (struct rte_icmp_hdr *)(ip + 1);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);
	const rte_be32_t source = ip->src_addr;

	if (len < sizeof(*ip) + sizeof(*icmp))
		return false;
	if (ip->next_proto_id == IPPROTO_UDP) {
		const rte_be16_t port = udp->src_port;

		udp->src_port = udp->dst_port;
		udp->dst_port = port;
	} else if (ip->next_proto_id == IPPROTO_ICMP &&
		icmp->icmp_type == RTE_IP_ICMP_ECHO_REQUEST) {
		/* RFC 1624: the sum knows that a word is 0x0800 less. */
		const uint32_t sum = ntohs(icmp->icmp_cksum) + 0x0800U;

		icmp->icmp_type = RTE_IP_ICMP_ECHO_REPLY;
		icmp->icmp_cksum = htons((uint16_t)(sum + (sum >> 16)));
	} else {
		return false;
	}
	/* No checksum changes: what they sum up is the same. */
	ip->src_addr = ip->dst_addr;
	ip->dst_addr = source;
	return true;
}

static bool
forward(struct rte_ipv4_hdr *ip)
{
	if (ip->time_to_live <= 1)
		return false;
	ip->time_to_live--;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return true;
}

bool
sample_packet(struct sample *sample, void *packet, uint32_t len)
{
	struct rte_ipv4_hdr *ip = packet;
	bool goes = false;

	sample->packets++;
	sample->bytes += len;
	if (len < sizeof(*ip) || ip->version_ihl != RTE_IPV4_VHL_DEF) {
		sample->dropped++;
		return false;
	}
	if (ip->dst_addr == sample->own_be) {
		goes = mirror(ip, len);
		sample->mirrored += goes;
	} else {
		goes = forward(ip);
		sample->forwarded += goes;
	}
	sample->dropped += !goes;
	return goes;
}

void
sample_say(const struct sample samples[], unsigned count)
{
	struct sample sum = {.packets = 0};

	for (unsigned i = 0; i < count; i++) {
		sum.packets += samples[i].packets;
		sum.bytes += samples[i].bytes;
		sum.mirrored += samples[i].mirrored;
		sum.forwarded += samples[i].forwarded;
		sum.dropped += samples[i].dropped;
	}
	printf("%" PRIu64 " packets, %" PRIu64 " bytes: %" PRIu64 " mirrored, %" PRIu64
	       " forwarded, %" PRIu64 " dropped\n",
		sum.packets, sum.bytes, sum.mirrored, sum.forwarded, sum.dropped);
	fflush(stdout);
}

static volatile sig_atomic_t stopped;

static void
stop(int number)
{
	stopped = 1;
}

bool
sample_stopped(void)
{
	static bool listening;

	if (!listening) {
		signal(SIGINT, stop);
		signal(SIGTERM, stop);
		listening = true;
	}
	return stopped != 0;
}
