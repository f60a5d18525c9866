/*
 * ARP and neighbour discovery.
 * On the packet's way: out_receive, where the pipeline's port carries Ethernet.
 * Threads: any; no state. Sources: RFC 826, 5227, 4861 (4.3, 4.4, 7.2), 4443 (2.3).
 */
#include "wire/neighbour.h"

#include "wire/ip.h"

#include <string.h>

/* ARP: fixed fields, then MAC and address of the sender, and of the target. */
#define ARP_LEN 28
#define ARP_REQUEST 1
#define ARP_REPLY 2
#define ARP_SENDER_MAC 8
#define ARP_SENDER 14
#define ARP_TARGET_MAC 18
#define ARP_TARGET 24
/* Neighbour solicitation and advertisement: ICMPv6 header, 4 bytes of flags, target, options. */
#define ND_LEN 24
#define ND_TARGET 8
#define ND_OPTION 24
#define ND_SOLICITATION 135
#define ND_ADVERTISEMENT 136
#define ND_SOLICITED_OVERRIDE 0x60
#define ND_TARGET_MAC 2
#define ND_HOP_LIMIT 255

static const uint8_t arp_ethernet_ipv4[] = {0, 1, 8, 0, 6, 4, 0};

static bool
is_zero(const uint8_t *bytes, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= bytes[i];
	return any == 0;
}

static bool
parse_arp(const uint8_t *arp, size_t len, struct neighbour_question *question)
{
	if (len < ARP_LEN || memcmp(arp, arp_ethernet_ipv4, sizeof(arp_ethernet_ipv4)) != 0 ||
		arp[7] != ARP_REQUEST || is_zero(arp + ARP_SENDER, 4) ||
		memcmp(arp + ARP_SENDER, arp + ARP_TARGET, 4) == 0)
		return false;
	*question = (struct neighbour_question){.version = 4, .target = arp + ARP_TARGET};
	return true;
}

static bool
parse_solicitation(const uint8_t *packet, size_t len, struct neighbour_question *question)
{
	const uint8_t *message = packet + IPV6_HEADER_LEN;
	size_t payload_len;

	if (len < IPV6_HEADER_LEN + ND_LEN || packet[0] >> 4 != 6 || packet[6] != IP_ICMPV6 ||
		packet[7] != ND_HOP_LIMIT || message[0] != ND_SOLICITATION || message[1] != 0)
		return false;
	payload_len = load_be16(packet + 4);
	if (payload_len < ND_LEN || payload_len > len - IPV6_HEADER_LEN ||
		is_zero(packet + 8, 16) || checksum_icmpv6(packet, payload_len) != 0)
		return false;
	*question = (struct neighbour_question){.version = 6, .target = message + ND_TARGET};
	return true;
}

bool
neighbour_question_parse(const uint8_t *frame, size_t len, struct neighbour_question *question)
{
	if (len < ETHERNET_HEADER_LEN)
		return false;
	switch (load_be16(frame + ETHERNET_TYPE_OFFSET)) {
	case ETHERTYPE_ARP:
		return parse_arp(frame + ETHERNET_HEADER_LEN, len - ETHERNET_HEADER_LEN, question);
	case ETHERTYPE_IPV6:
		return parse_solicitation(
			frame + ETHERNET_HEADER_LEN, len - ETHERNET_HEADER_LEN, question);
	default:
		return false;
	}
}

static size_t
answer_arp(uint8_t *arp, const uint8_t mac[6])
{
	uint8_t target[4];

	memcpy(target, arp + ARP_TARGET, sizeof(target));
	arp[7] = ARP_REPLY;
	memcpy(arp + ARP_TARGET_MAC, arp + ARP_SENDER_MAC, ETHERNET_MAC_LEN + 4);
	memcpy(arp + ARP_SENDER_MAC, mac, ETHERNET_MAC_LEN);
	memcpy(arp + ARP_SENDER, target, sizeof(target));
	return ARP_LEN;
}

static size_t
answer_solicitation(uint8_t *packet, const uint8_t mac[6])
{
	uint8_t *message = packet + IPV6_HEADER_LEN;
	const size_t len = ND_LEN + 2 + ETHERNET_MAC_LEN;

	store_be16(packet + 4, (uint16_t)len);
	/* From the target to who asked. */
	memcpy(packet + 24, packet + 8, 16);
	memcpy(packet + 8, message + ND_TARGET, 16);
	message[0] = ND_ADVERTISEMENT;
	store_be16(message + 2, 0);
	memset(message + 4, 0, 4);
	message[4] = ND_SOLICITED_OVERRIDE;
	message[ND_OPTION] = ND_TARGET_MAC;
	message[ND_OPTION + 1] = 1; /* of 8 bytes */
	memcpy(message + ND_OPTION + 2, mac, ETHERNET_MAC_LEN);
	store_be16(message + 2, checksum_icmpv6(packet, len));
	return IPV6_HEADER_LEN + len;
}

size_t
neighbour_answer_make(
	uint8_t *frame, const struct neighbour_question *question, const uint8_t mac[6])
{
	uint8_t *packet = frame + ETHERNET_HEADER_LEN;

	memcpy(frame, frame + ETHERNET_MAC_LEN, ETHERNET_MAC_LEN);
	memcpy(frame + ETHERNET_MAC_LEN, mac, ETHERNET_MAC_LEN);
	return ETHERNET_HEADER_LEN +
		(question->version == 4 ? answer_arp(packet, mac)
					: answer_solicitation(packet, mac));
}
