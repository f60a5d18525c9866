/*
 * The stages, in the order in which packets meet them. One file each, named like the function.
 *
 * In, from the underlay port to the inner side:
 *   1. in_receive   a burst from the port; outer headers; handshake messages leave for their thread
 *   2. in_session   receiver index -> session; the packets of one session become a run
 *   3. in_open      the AEAD over the whole batch, a key per packet
 *   4. in_accept    authentic packets only, run by run: replay window, endpoint, key confirmation,
 *                   stamps; keepalives end here; inner header, padding, source's owner, ECN
 *   5. in_deliver   to the tunnel's pipeline, or to the host
 *
 * Out, from the inner side to the underlay port:
 *   1. out_receive  a burst from one of a tunnel's inner ports; Ethernet and inner headers
 *   2. out_peer     destination -> peer -> session; without a session, or while the peer's new way
 *                   is being made or a neighbour on it asked for, the packet is staged
 *   3. out_number   run by run: counters, padding, data header
 *   4. out_seal     the AEAD over the whole batch
 *   5. out_encap    the peer's ready-made outer header
 *   6. out_transmit to the underlay port
 *
 * Beside the way: out_staged holds packets that wait for a session or a way, and sends keepalives;
 * out_refuse answers packets that cannot be carried with ICMP.
 *
 * Threads: the lane that owns the batch. A stage never waits, allocates (but buffers), logs, or
 * enters the kernel; it drops by batch_drop() and leaves everything else of the batch in order.
 */
#pragma once

#include "datapath/batch.h"
#include "datapath/lane.h"
#include "wire/icmp.h"

void in_receive(struct lane *lane, struct batch *batch);
void in_session(struct lane *lane, struct batch *batch);
void in_open(struct lane *lane, struct batch *batch);
void in_accept(struct lane *lane, struct batch *batch);
void in_deliver(struct lane *lane, struct batch *batch);

/* The port is one of the tunnel's two inner ones. */
void out_receive(struct lane *lane, struct batch *batch, struct tunnel *tunnel, struct port *port);
void out_peer(struct lane *lane, struct batch *batch);
void out_number(struct lane *lane, struct batch *batch);
void out_seal(struct lane *lane, struct batch *batch);
void out_encap(struct lane *lane, struct batch *batch);
void out_transmit(struct lane *lane, struct batch *batch);

/*
 * out_transmit_frames hands frames to the underlay port, and tries a full one a few times before it
 * gives up. Returns how many the port took: the first ones; the rest stay the caller's.
 */
unsigned out_transmit_frames(struct lane *lane, struct rte_mbuf *frames[], unsigned count);

/* out_way takes a batch whose packets have peers and runs through stages 3 to 6. */
void out_way(struct lane *lane, struct batch *batch);

/*
 * out_stage takes packet i out of the batch into the peer's staged packets.
 * The oldest one is dropped beyond the lane's share of STAGED_MAX, and of its share over all peers.
 */
void out_stage(struct lane *lane, struct batch *batch, unsigned i, struct peer *peer);

/* out_ordered carries out what control ordered of this lane; returns how many peers it was for. */
unsigned out_ordered(struct lane *lane, struct batch *batch);

/*
 * out_refuse drops packet i for `reason` and, within the lane's rate, answers its sender with an
 * ICMP error by the inner port.
 */
void out_refuse(struct lane *lane, struct batch *batch, unsigned i, struct peer *peer,
	enum drop_reason reason, enum icmp_error error);
