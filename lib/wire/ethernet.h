/*
 * Ethernet: what its header is made of.
 * On the packet's way: wherever frames are read or written.
 * Threads: any; no state. Sources: RFC 894, 2464; IEEE 802.1Q.
 */
#pragma once

/* Destination, source, type. */
#define ETHERNET_HEADER_LEN 14
#define ETHERNET_MAC_LEN 6
#define ETHERNET_TYPE_OFFSET 12

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_QINQ 0x88a8
