/*
 * Large TCP packets of a host that leaves their splitting to the device, cut into segments.
 * On the packet's way: the host thread, before out_receive. Threads: any; no state is shared.
 * Sources: RFC 9293; the virtio specification, 5.1.6 (struct virtio_net_hdr, little-endian here).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest packet that a host may hand over, IP header included. */
#define SEGMENT_PACKET_MAX 65575

/* What the host says of a packet, in its own byte order. */
struct segment_hints {
	bool tcp; /* TCP of several segments, for IPv4 or IPv6 as the packet itself says */
	bool checksum_wanted; /* of all from `checksum_from` on, to be put to `checksum_at` */
	uint16_t payload_len; /* of each segment but the last, in bytes */
	uint16_t header_len; /* IP and TCP, where `tcp`; not looked at by segments_begin */
	uint16_t checksum_from; /* offsets in bytes from the IP header */
	uint16_t checksum_at;
};

/* A packet that is being split; all fields private. */
struct segments {
	const uint8_t *packet;
	struct segment_hints hints;
	uint32_t len;
	uint32_t header_len; /* IP and TCP; 0: one packet, which stays as it is */
	uint32_t tcp_at;
	uint32_t taken; /* bytes of the payload; of the packet if it is one */
};

/*
 * segments_begin looks at the `len` bytes of an IP packet that the host handed over with `hints`;
 * the packet must stay until all segments are taken. Returns false, with no segments, if the two
 * do not fit together: no TCP where it is said to be, headers cut short, no payload length.
 */
bool segments_begin(struct segments *segments, const uint8_t *packet, size_t len,
	const struct segment_hints *hints) __attribute__((warn_unused_result));

/* segments_next_len returns the bytes of the next segment, IP header included; 0 after the last. */
size_t segments_next_len(const struct segments *segments);

/*
 * segments_take writes the next segment, of segments_next_len() bytes, to `to`: with its own
 * lengths, IPv4 identification, sequence number and checksums; FIN and PSH only in the last, CWR
 * only in the first.
 */
void segments_take(struct segments *segments, uint8_t *to);
