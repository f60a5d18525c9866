/*
 * Frames around what the kernel's UDP sockets carry.
 * On the packet's way: at both ends of it, inside the port.
 * Threads: any; no state.
 */
#include "net/udp_frame.h"

#include "base/bytes.h"
#include "wire/ip.h"

#include <string.h>

/* Of MACs that are nobody's: locally administered. */
#define MAC_LOCAL 0x02
#define MAC_OWN 0x01
#define MAC_SCOPE_OFFSET 2

#define IPV4_UDP_OFFSET (ETHERNET_HEADER_LEN + IPV4_HEADER_LEN)
#define IPV6_UDP_OFFSET (ETHERNET_HEADER_LEN + IPV6_HEADER_LEN)

void
udp_frame_mac(uint32_t scope_id, uint8_t mac[static ETHERNET_MAC_LEN])
{
	mac[0] = MAC_LOCAL;
	mac[1] = 0;
	store_be32(mac + MAC_SCOPE_OFFSET, scope_id);
}

void
udp_frame_own(uint8_t mac[static ETHERNET_MAC_LEN])
{
	udp_frame_mac(0, mac);
	mac[1] = MAC_OWN;
}

void
udp_frame_header(struct outer_header *header, const struct udp_way *way)
{
	uint8_t own[ETHERNET_MAC_LEN];
	uint8_t other[ETHERNET_MAC_LEN];

	udp_frame_own(own);
	udp_frame_mac(way->remote.scope_id, other);
	outer_header_make(header, own, other, &way->remote, &way->local);
}

size_t
udp_frame_read(const uint8_t *frame, size_t len, struct udp_way *way)
{
	const uint8_t *ip = frame + ETHERNET_HEADER_LEN;
	const uint8_t *udp;

	*way = (struct udp_way){.tos = 0};
	if (len >= IPV4_UDP_OFFSET + UDP_HEADER_LEN && ip[0] == 0x45) {
		way->local.address = address_from_bytes(ADDRESS_IPV4, ip + 12);
		way->remote.address = address_from_bytes(ADDRESS_IPV4, ip + 16);
		way->tos = ip[1];
		udp = frame + IPV4_UDP_OFFSET;
	} else if (len >= IPV6_UDP_OFFSET + UDP_HEADER_LEN && ip[0] >> 4 == 6) {
		way->local.address = address_from_bytes(ADDRESS_IPV6, ip + 8);
		way->remote.address = address_from_bytes(ADDRESS_IPV6, ip + 24);
		way->tos = (uint8_t)(load_be16(ip) >> 4);
		udp = frame + IPV6_UDP_OFFSET;
	} else {
		return 0;
	}
	way->remote.scope_id = load_be32(frame + MAC_SCOPE_OFFSET);
	way->local.port = load_be16(udp);
	way->remote.port = load_be16(udp + 2);
	return (size_t)(udp - frame) + UDP_HEADER_LEN;
}
