/*
 * Frames around what the kernel's UDP sockets carry, so that lanes need not know the difference.
 * On the packet's way: at both ends of it, inside the port.
 * Threads: any; no state.
 *
 * There is no link, so the MACs are free: the one of the other end holds the interface index of
 * a link-local address, as sockets have it (scope id).
 */
#pragma once

#include "wire/outer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From where to where a packet goes, and its traffic class. Compared as bytes. */
struct udp_way {
	struct endpoint local; /* the address zero: the kernel is to choose it */
	struct endpoint remote;
	uint8_t tos;
	uint8_t pad[3]; /* zero */
};

_Static_assert(sizeof(struct udp_way) == 52, "udp_way has no padding");

/* udp_frame_mac writes the MAC that stands for the other end; udp_frame_own, that for ours. */
void udp_frame_mac(uint32_t scope_id, uint8_t mac[static ETHERNET_MAC_LEN]);
void udp_frame_own(uint8_t mac[static ETHERNET_MAC_LEN]);

/* udp_frame_header makes the header of frames that came by `way`, for outer_header_write. */
void udp_frame_header(struct outer_header *header, const struct udp_way *way);

/*
 * udp_frame_read reads the header of a frame that is to leave, as outer_header_write made it.
 * Returns where its payload begins, in bytes, or 0 if it is not such a frame.
 */
size_t udp_frame_read(const uint8_t *frame, size_t len, struct udp_way *way)
	__attribute__((warn_unused_result));
