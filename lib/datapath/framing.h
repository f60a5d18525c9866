/*
 * Ethernet around inner packets, where the pipeline's port carries it.
 * On the packet's way: at the end of in_deliver, at the beginning of out_receive.
 * Threads: the lane that has the packets.
 *
 * The other end needs no static entries: questions for the MAC of a peer's inner address or of our
 * own are answered, and frames to it go to the MAC that last asked so, or sent a frame to no group;
 * to everybody (broadcast) as long as none did.
 */
#pragma once

#include "net/port.h"
#include "tunnel/tunnel.h"

#include <rte_mbuf.h>

/* framing_add puts an Ethernet header before each of the inner packets; headroom is there. */
void framing_add(const struct port *port, struct rte_mbuf *mbufs[], unsigned count);

enum framing_verdict {
	FRAMING_PACKET, /* the frame's header is gone: an inner packet, by its Ethernet type */
	FRAMING_ANSWER, /* the frame was a question, and is the answer to it now */
	FRAMING_OTHER, /* neither */
};

/* framing_strip looks at a frame that came in on the port, one for that tunnel. */
enum framing_verdict framing_strip(struct port *port, struct tunnel *tunnel, struct rte_mbuf *mbuf);
