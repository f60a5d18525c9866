/*
 * Sessions: what a handshake yields; a key, a counter and a replay window each way.
 * On the packet's way: in_session finds it, in_open and out_seal use its keys.
 * Threads: see each field. Published under RCU; freed by reclaim. Source: WireGuard paper 5.4.5.
 */
#pragma once

#include "base/secret.h"
#include "proto/limits.h"
#include "proto/noise.h"
#include "proto/replay.h"
#include "tunnel/reclaim.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct peer;

struct session {
	/* Written by control before publication, read by lanes. */
	struct peer *peer;
	uint64_t birth_ns; /* boot clock, when the keys were derived */
	uint32_t local_index; /* receiver index in what comes to us */
	uint32_t remote_index; /* receiver index in what we send */
	bool initiator; /* we initiated it */
	/* any: set. May be sent on: initiator from birth, responder from the first data received */
	_Atomic bool confirmed;
	/* any: set. Never sent on again: the counters are used up, or the key was revoked. */
	_Atomic bool send_closed;
	/* lane: set. Nothing is received any more: the last counter that there is has come. */
	_Atomic bool receive_closed;
	/* lane: set. The one rekey on receive of this session has been asked for. */
	_Atomic bool last_minute;
	uint8_t send_key[NOISE_KEY_LEN] __attribute__((aligned(64)));
	uint8_t receive_key[NOISE_KEY_LEN];
	/* lane: the next counter to send; only ever added to. A line of its own. */
	_Atomic uint64_t send_counter __attribute__((aligned(64)));
	/* lane */
	struct replay replay __attribute__((aligned(64)));
	/* control */
	struct reclaim_item reclaim;
	struct secret_arena *arena;
};

/*
 * session_create makes a session of `peer` from `keys` in memory of `arena` (objects of
 * sizeof(struct session)). Returns NULL without memory.
 */
struct session *session_create(struct secret_arena *arena, struct peer *peer,
	const struct noise_session_keys *keys, uint64_t now_ns);

/* session_retire has the session wiped and freed when no lane can hold it. NULL is ignored. */
void session_retire(struct session *session, struct reclaim *reclaim);

/* session_age_ns: 0 also for a burst whose time was read just before the session was born. */
static inline uint64_t
session_age_ns(const struct session *session, uint64_t now_ns)
{
	return now_ns > session->birth_ns ? now_ns - session->birth_ns : 0;
}

/* session_alive tells whether the session is younger than REJECT_AFTER_TIME. */
static inline bool
session_alive(const struct session *session, uint64_t now_ns)
{
	return session_age_ns(session, now_ns) < REJECT_AFTER_TIME_NS;
}

/* session_receivable: alive, and, as the Linux driver has it, not yet at the last counter. */
static inline bool
session_receivable(const struct session *session, uint64_t now_ns)
{
	return session_alive(session, now_ns) &&
		!atomic_load_explicit(&session->receive_closed, memory_order_relaxed);
}

/* session_sendable: confirmed, alive, and counters are left. */
static inline bool
session_sendable(const struct session *session, uint64_t now_ns)
{
	return atomic_load_explicit(&session->confirmed, memory_order_relaxed) &&
		!atomic_load_explicit(&session->send_closed, memory_order_relaxed) &&
		session_alive(session, now_ns);
}

/*
 * session_reserve takes `count` (1..64) counters for sending, *first and up; nobody else gets them,
 * and they are burnt whatever becomes of the packets. False if that would reach
 * REJECT_AFTER_MESSAGES: the session is then closed for sending.
 *
 * It cannot wrap: each lane that adds to a counter beyond the limit saw it below the limit before,
 * so the counter ends at most lanes * 64 beyond it, and the limit is 2^13 below the wrap.
 */
static inline bool
session_reserve(struct session *session, unsigned count, uint64_t *first)
{
	uint64_t seen = atomic_load_explicit(&session->send_counter, memory_order_relaxed);

	if (seen < REJECT_AFTER_MESSAGES) {
		*first = atomic_fetch_add_explicit(
			&session->send_counter, count, memory_order_relaxed);
		if (*first + count <= REJECT_AFTER_MESSAGES)
			return true;
	}
	atomic_store_explicit(&session->send_closed, true, memory_order_relaxed);
	return false;
}

/*
 * session_wants_rekey_after_send: PROTOCOL: counter beyond REKEY_AFTER_MESSAGES in either role, or
 * REKEY_AFTER_TIME in the initiator's.
 */
static inline bool
session_wants_rekey_after_send(const struct session *session, uint64_t now_ns)
{
	return atomic_load_explicit(&session->send_counter, memory_order_relaxed) >
		REKEY_AFTER_MESSAGES ||
		(session->initiator && session_age_ns(session, now_ns) >= REKEY_AFTER_TIME_NS);
}

/* session_wants_rekey_after_receive: initiator, 165 s old, and not asked for before. */
static inline bool
session_wants_rekey_after_receive(struct session *session, uint64_t now_ns)
{
	return session->initiator && session_age_ns(session, now_ns) >= REKEY_ON_RECEIVE_NS &&
		!atomic_load_explicit(&session->last_minute, memory_order_relaxed) &&
		!atomic_exchange_explicit(&session->last_minute, true, memory_order_relaxed);
}
