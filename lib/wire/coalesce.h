/*
 * TCP segments that follow each other, joined into one large packet for a host that takes such.
 * On the packet's way: the host thread, behind in_deliver. Threads: any; no state is shared.
 * Sources: as segment.h; which segments may be joined is what Linux's GRO holds to.
 */
#pragma once

#include "wire/segment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define COALESCE_MAX 64 /* packets in a burst */

/* One packet of the burst: an IP packet of `len` bytes. */
struct coalesce_packet {
	uint8_t *data;
	uint16_t len;
	/* Private. */
	uint16_t payload_at;
	uint16_t tcp_at; /* 0: no TCP */
};

/* Packets that leave as one: the first with its headers, of the others the payload alone. */
struct coalesce_group {
	uint8_t members[COALESCE_MAX]; /* numbers in the burst, in order */
	uint8_t count;
	bool closed; /* nothing more may follow */
	uint32_t len; /* of all that leaves */
	struct segment_hints hints; /* for the host; of a single packet: none */
};

/* A burst's groups; large: not for small stacks. */
struct coalesce {
	struct coalesce_group groups[COALESCE_MAX];
	unsigned count;
};

/*
 * coalesce_burst divides the burst of `count` (0..COALESCE_MAX) packets into groups. Segments are
 * joined if they are of one flow and follow each other, with equal headers, right checksums and
 * payloads of one length but for the last; nothing overtakes within a flow. The first packet of
 * a group of several is changed into the header of the whole.
 */
void coalesce_burst(struct coalesce *coalesce, struct coalesce_packet packets[], unsigned count);

/* coalesce_payload returns where the payload of a later member of a group lies. */
struct iovec coalesce_payload(const struct coalesce_packet *packet);
