/*
 * Peers: who may send what through a tunnel, and the way to them.
 * On the packet's way: found by in_session (through the session) and out_peer (by destination).
 * Threads: see each field. "control" means under the control side's lock.
 */
#pragma once

#include "base/address.h"
#include "config/key.h"
#include "proto/cookie.h"
#include "proto/noise.h"
#include "proto/timers.h"
#include "tunnel/drop.h"
#include "tunnel/reclaim.h"
#include "tunnel/rings.h"
#include "tunnel/roaming.h"
#include "tunnel/session.h"
#include "wire/outer.h"

#include <rte_mbuf.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define PEER_NAME_MAX 64
/* Room for the name of a network interface. */
#define PEER_INTERFACE_MAX 16

struct tunnel;

/* What lanes raise to the handshake thread: bits of peer.raised. */
enum peer_raised {
	PEER_WANTS_SESSION = 1 << 0, /* packets wait, or the session is due for a rekey */
	PEER_CONFIRMED = 1 << 1, /* first data on the next session: it is the current one now */
	PEER_ROAMED = 1 << 2, /* peer.roaming holds a new place */
};

/* What control orders of a lane about a peer: bits of peer_lane.orders. */
enum peer_order {
	PEER_FLUSH = 1 << 0, /* send the staged packets: there is a session, or a new way */
	PEER_KEEPALIVE = 1 << 1, /* the same, or an empty packet if there are none */
	PEER_KEEPALIVE_AGAIN = 1 << 2, /* after it stamps_owe_keepalive() */
	PEER_DROP_STAGED = 1 << 3, /* no session came: drop the staged packets */
	PEER_FORGET = 1 << 4, /* it is removed: the same, and nothing else for it ever again */
};

/* Packets that wait for a session, oldest first, linked through mbuf->next. */
struct staged {
	struct rte_mbuf *first;
	struct rte_mbuf *last;
	unsigned count;
};

/* One lane's part of a peer. The lane writes, control reads the counters. */
struct peer_lane {
	uint64_t rx_packets; /* delivered data and keepalives */
	uint64_t rx_bytes; /* of messages: header and tag included, outer headers not */
	uint64_t tx_packets;
	uint64_t tx_bytes;
	struct staged staged;
	_Atomic uint32_t orders; /* control: sets; lane: takes */
	/* Of the packets above; behind them, as data comes more often. */
	uint64_t rx_keepalives;
	uint64_t tx_keepalives;
	uint32_t drops[DROP_PACKET_COUNT];
} __attribute__((aligned(64)));

/* The way to a peer: immutable, replaced as a whole under RCU. */
struct encap {
	struct endpoint remote;
	struct endpoint local; /* address as yet unknown: ADDRESS_NONE */
	enum drop_reason obstacle; /* why nothing can be sent; DROP_COUNT if it can */
	bool resolving; /* the obstacle is a neighbour that has been asked for */
	struct outer_header header; /* valid without obstacle */
	struct reclaim_item reclaim;
	struct encap *spare; /* the next one, while it is in tunnel.spare_encaps */
};

/*
 * What control has seen of a peer that may tell an operator what is wrong with it; see
 * control/signs.h. Counts of events in a row: each begins anew when a handshake completes. Zeroed
 * memory is a valid start.
 */
struct peer_signs {
	uint64_t handshakes; /* completed */
	uint64_t completed_ns; /* boot clock: the latest of them */
	uint64_t unanswered; /* initiations of ours */
	uint64_t unanswered_ns; /* boot clock: when the first of them was sent */
	uint64_t unauthentic; /* responses to them that were not authentic */
	uint64_t unconfirmed; /* responses of ours that no session came of */
	uint64_t old; /* initiations with rising stamps, and yet not newer than an accepted one */
	uint64_t old_stamp_ns; /* real clock: what the latest of those said */
	uint64_t old_came_ns; /* and when it came, by ours */
	bool data_unanswered; /* T3 asked for the initiation that is under way */
	uint64_t vain; /* handshakes that completed, begun by T3, with nothing received before */
	uint64_t vain_received; /* all packets received when the last one completed */
	uint64_t obstacle_ns; /* boot clock: since when encap.obstacle is what it is */
	uint8_t nexthop; /* enum nexthop_state of the latest answer */
	char elsewhere[PEER_INTERFACE_MAX]; /* the other interface, if it said NEXTHOP_ELSEWHERE */
};

struct peer {
	/* control: writes; lane: reads. */
	_Atomic(struct session *) current; /* what is sent on, unless next is confirmed */
	_Atomic(struct session *) next; /* we answered; the peer has not yet used it */
	_Atomic(struct encap *) encap; /* NULL: no endpoint known */
	struct tunnel *tunnel;
	uint32_t number; /* in the tunnel, from 1, never given again */
	/* any: sets; control: takes. The peer is in rings.raised while this is not 0. */
	_Atomic uint32_t raised;
	_Atomic bool resolving; /* control: writes; lane: reads. See peer_send_waits */
	_Atomic bool fixed; /* control: writes; lane: reads. It stays at its endpoint */
	struct roaming roaming; /* a packet came by another way than `encap`: where from */
	struct timer_stamps stamps __attribute__((aligned(64)));

	/* control, all that follows but for `lanes` */
	struct session *previous;
	struct noise_remote remote;
	struct noise_handshake handshake;
	struct cookie_jar jar;
	struct timers timers;
	struct endpoint endpoint; /* where to send; port 0: not known */
	char *configured; /* the endpoint as the configuration names it, "HOST:PORT"; or NULL */
	uint64_t lookup; /* the name lookup that it waits for (resolver.h), or 0 */
	struct address source; /* local address to be kept, or ADDRESS_NONE */
	uint32_t path_mtu; /* of the first hop to it; 0: not known */
	uint64_t resolve_until_ns; /* boot clock: packets wait for the neighbour; 0: they do not */
	uint8_t last_timestamp[MESSAGE_TIMESTAMP_LEN]; /* TAI64N of the last initiation we made */
	uint64_t initiate_ns; /* an initiation is due then, besides T1: at start, or to try again */
	bool initiate_retry; /* and whether it is a retry */
	uint64_t unreachable_ns; /* since when there is no next hop; 0: there is */
	uint64_t told_ns; /* when the log last heard of it */
	uint64_t latest_handshake_ns; /* real clock; 0: never */
	uint64_t handshake_rx_bytes;
	uint64_t handshake_tx_bytes;
	uint64_t initiations_sent;
	struct peer_signs signs;
	uint32_t control_drops[DROP_COUNT];
	uint64_t due_ns; /* when its timers must be looked at; see due.h */
	unsigned due_slot;
	struct prefix *allowed_ips;
	size_t allowed_ips_count;
	uint16_t persistent_keepalive_s;
	char name[PEER_NAME_MAX];
	uint64_t planned; /* the last reconfiguration whose target names it */
	TAILQ_ENTRY(peer) entry; /* of the tunnel's peers, or of departures */
	bool departing; /* removed: see departures.h */
	uint64_t departure_token;

	struct peer_lane lanes[];
};

/* Sums over lanes and control. */
struct peer_totals {
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t rx_keepalives; /* of the packets */
	uint64_t tx_keepalives;
	uint64_t drops[DROP_COUNT];
};

/* peer_size returns the bytes of a peer with `lane_count` lanes. */
static inline size_t
peer_size(unsigned lane_count)
{
	return sizeof(struct peer) + lane_count * sizeof(struct peer_lane);
}

/*
 * peer_raise asks the handshake thread to look at the peer: `bits` of enum peer_raised. A level: it
 * is in the ring at most once, so the ring has room. Any thread; wait-free. The caller rings the
 * handshake thread's bell.
 */
static inline void
peer_raise(struct peer *peer, struct rings *rings, uint32_t bits)
{
	if (atomic_fetch_or_explicit(&peer->raised, bits, memory_order_acq_rel) == 0)
		rte_ring_enqueue(rings->raised, peer);
}

/* peer_order asks one lane to do something for the peer, and rings its bell. Control. */
void peer_order(struct peer *peer, struct rings *rings, unsigned lane, uint32_t bits);

/* peer_order_all asks every lane. Control. */
void peer_order_all(struct peer *peer, struct rings *rings, uint32_t bits);

/*
 * peer_order_keepalive asks one lane for the staged packets or a keepalive, with the further order
 * `also`, and every other lane for its staged packets. Control.
 */
void peer_order_keepalive(struct peer *peer, struct rings *rings, uint32_t also);

/*
 * peer_send_session returns the session to send on, or NULL. A confirmed next session counts as
 * current from the moment of its confirmation; control moves the slots afterwards. Lanes.
 */
static inline struct session *
peer_send_session(struct peer *peer, uint64_t now_ns)
{
	struct session *session = atomic_load_explicit(&peer->next, memory_order_acquire);

	if (session != NULL && session_sendable(session, now_ns))
		return session;
	session = atomic_load_explicit(&peer->current, memory_order_acquire);
	return session != NULL && session_sendable(session, now_ns) ? session : NULL;
}

/*
 * peer_send_waits tells whether what is to be sent to the peer must wait for its new way: an answer
 * that left by the old one would be lost, or would take a peer that goes by what it receives back
 * to where it came from. Or for a neighbour on the way, which was asked for its MAC. Lanes.
 */
static inline bool
peer_send_waits(const struct peer *peer)
{
	return roaming_pending(&peer->roaming) ||
		atomic_load_explicit(&peer->resolving, memory_order_acquire);
}

/*
 * The slots, WireGuard's rules. Control.
 * peer_install_initiator: a session that we initiated: if there is a next one it becomes previous
 *   and current goes, else current becomes previous; the session becomes current.
 * peer_install_responder: a session that the peer initiated becomes next; the old next and previous
 *   ones go; current stays.
 * peer_promote: next, confirmed, becomes current; current becomes previous. Returns whether there
 *   was a confirmed one.
 * peer_erase_sessions: all go.
 * Sessions that go lose their index at once and their memory by reclaim.
 */
void peer_install_initiator(struct peer *peer, struct session *session);
void peer_install_responder(struct peer *peer, struct session *session);
bool peer_promote(struct peer *peer);
void peer_erase_sessions(struct peer *peer);

/* peer_erase_handshake forgets the handshake under way, and its index. Control. */
void peer_erase_handshake(struct peer *peer);

/*
 * peer_set_encap publishes the way to the peer, a copy of *encap (NULL: none). Returns 0 or
 * -ENOMEM, and then the old one stays; it does not fail while the tunnel has spare_encaps. Control.
 */
int peer_set_encap(struct peer *peer, const struct encap *encap)
	__attribute__((warn_unused_result));

/*
 * encaps_reserve puts memory for `count` more ways into the list *spare. Returns 0 or -ENOMEM.
 * encaps_release frees what is in it.
 */
int encaps_reserve(struct encap **spare, size_t count) __attribute__((warn_unused_result));
void encaps_release(struct encap **spare);

/*
 * peer_discard wipes and frees a peer that no lane and no list has any more, and the packets that
 * wait for it.
 */
void peer_discard(struct peer *peer);

/* peer_totals_read sums the counters; lanes go on meanwhile. Control. */
void peer_totals_read(const struct peer *peer, struct peer_totals *totals);
