/*
 * Signs: what the handshakes of a peer tell about what is wrong with it.
 * On the packet's way: nowhere.
 * Threads: control, under its lock. It is told events, and a diagnosis is made of them elsewhere.
 */
#pragma once

#include "net/nexthop.h"
#include "tunnel/peer.h"

/* An initiation of ours goes out. */
void signs_initiation_sent(struct peer *peer, uint64_t now_ns);

/* A response of ours goes out. */
void signs_response_sent(struct peer *peer);

/* A response came, by its index for us, that is not authentic. */
void signs_response_unauthentic(struct peer *peer);

/* An initiation of the peer was accepted. */
void signs_initiation_accepted(struct peer *peer);

/*
 * An authentic initiation was refused for its stamp. One that is not newer than the last one that
 * was refused does not count: it is a replay, whatever the peer's clock shows.
 */
void signs_initiation_old(
	struct peer *peer, const uint8_t timestamp[MESSAGE_TIMESTAMP_LEN], uint64_t real_ns);

/* Data has stayed unanswered for so long that T3 asks for an initiation. */
void signs_data_unanswered(struct peer *peer);

/* A handshake is complete: as initiator on the response, as responder on the first data. */
void signs_completed(struct peer *peer, uint64_t now_ns);

/* The next hop was asked for; `obstacle` as in struct encap. Before the way is published. */
void signs_next_hop(struct peer *peer, const struct nexthop *nexthop, enum drop_reason obstacle,
	uint64_t now_ns);
