/*
 * The five timers of a peer, as a machine without a clock: it is told events and times, and says
 * what is due.
 * On the packet's way: lanes leave stamps of what they saw; the handshake thread runs the machine.
 * Threads: struct timer_stamps is shared (see each field), struct timers is the handshake thread's.
 * Source: WireGuard paper 6.1 to 6.5; names T1 to T5 as in docs/protocol.md.
 */
#pragma once

#include "proto/limits.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Stamps closer together than this are not written again: it spares lanes the cache line. */
#define STAMP_GRAIN_NS NS_IN_MS

/*
 * What lanes observe of one peer. All boot-clock nanoseconds, 0 for "not", relaxed atomics: each
 * stamp stands for itself. Zeroed memory is a valid start.
 */
struct timer_stamps {
	/* lane, control: write; control: reads. First data sent since anything authentic came. */
	_Atomic uint64_t sent_unanswered_ns;
	/* First data received since anything authentic was sent. */
	_Atomic uint64_t received_unreplied_ns;
	/* Data came again while received_unreplied_ns stood: one more keepalive is owed. */
	_Atomic bool received_again;
	/* Last authentic packet in either direction. */
	_Atomic uint64_t traversal_ns;
	/* Last time that a packet wanted a session (or a new one) to be made. */
	_Atomic uint64_t wanted_ns;
	/* control: writes; lane: reads. Before this time asking for a handshake is in vain. */
	_Atomic uint64_t quiet_until_ns;
};

/* Events that lanes tell; `now_ns` is the burst's time (> 0). Wait-free. */

/* Anything authentic (data, keepalive, handshake) was sent. */
void stamps_sent(struct timer_stamps *stamps, uint64_t now_ns);
/* A batch with at least one non-empty data packet was sent; besides stamps_sent. */
void stamps_data_sent(struct timer_stamps *stamps, uint64_t now_ns);
/* Anything authentic was received. */
void stamps_received(struct timer_stamps *stamps, uint64_t now_ns);
/* Non-empty data was received; besides stamps_received. */
void stamps_data_received(struct timer_stamps *stamps, uint64_t now_ns);
/* After the passive keepalive that timers_due() asked for with TIMERS_KEEPALIVE_AGAIN was sent. */
void stamps_owe_keepalive(struct timer_stamps *stamps, uint64_t now_ns);
/*
 * A packet wants a session. Returns whether asking the handshake thread now makes sense: not while
 * it is quiet, and then once per STAMP_GRAIN_NS.
 */
bool stamps_wanted(struct timer_stamps *stamps, uint64_t now_ns);

/* What timers_due() asks for: a mask, to be done in this order. */
enum timers_action {
	TIMERS_ERASE = 1 << 0, /* T4: erase all sessions and the handshake */
	TIMERS_GIVE_UP = 1 << 1, /* T1 after the last attempt: drop the peer's staged packets */
	TIMERS_FORGET_SOURCE = 1 << 2, /* drop the cached local address of the endpoint */
	TIMERS_INITIATE = 1 << 3, /* send an initiation: T3, or T1's retry */
	TIMERS_KEEPALIVE = 1 << 4, /* T2 or T5: send a keepalive, or the staged packets */
	TIMERS_KEEPALIVE_AGAIN = 1 << 5, /* with it: then call stamps_owe_keepalive() */
};

/* The machine; zeroed memory is a stopped one. All times boot-clock nanoseconds, 0: not armed. */
struct timers {
	uint64_t retransmit_ns; /* T1 */
	uint64_t erase_ns; /* T4 */
	uint64_t persistent_ns; /* T5 */
	uint64_t persistent_interval_ns; /* 0: off */
	uint64_t traversal_seen_ns; /* the stamp from which T5 runs */
	bool persistent_owed; /* T5 was turned on: a keepalive at once, whatever lanes do */
	uint64_t last_sent_handshake_ns; /* initiation or response */
	uint64_t unanswered_since_ns; /* the stamp for which T3's jitter below was drawn */
	uint64_t unanswered_jitter_ns;
	unsigned attempts; /* retries of the initiation under way */
};

/* timers_may_initiate tells whether REKEY_TIMEOUT_NS has passed since the last handshake message.
 */
bool timers_may_initiate(const struct timers *timers, uint64_t now_ns);

/*
 * Events. `random` is any random number (for jitter).
 * initiation_wanted: a trigger that is not T1's retry; attempts start anew.
 * initiation_sent, response_sent, initiation_received (accepted), response_received (accepted):
 * also stamp what they mean as authentic traffic. session_derived: T4.
 * handshake_complete: initiator on the response, responder on the first data; T1 off.
 * interval: T5's new value in seconds (0: off).
 */
void timers_initiation_wanted(struct timers *timers);
void timers_initiation_sent(
	struct timers *timers, struct timer_stamps *stamps, uint64_t now_ns, uint32_t random);
void timers_response_sent(struct timers *timers, struct timer_stamps *stamps, uint64_t now_ns);
void
timers_initiation_received(struct timers *timers, struct timer_stamps *stamps, uint64_t now_ns);
void timers_response_received(struct timers *timers, struct timer_stamps *stamps, uint64_t now_ns);
void timers_session_derived(struct timers *timers, uint64_t now_ns);
void timers_handshake_complete(struct timers *timers);
void timers_interval(
	struct timers *timers, struct timer_stamps *stamps, uint16_t interval_s, uint64_t now_ns);

/*
 * timers_allow_initiation forgets when the last handshake message was sent, so that the next
 * initiation may go at once (our private key changed).
 */
void timers_allow_initiation(struct timers *timers, struct timer_stamps *stamps);

/*
 * timers_stop disarms everything (peer removed, keys erased by hand, tunnel down) and allows an
 * initiation at once; the interval stays.
 */
void timers_stop(struct timers *timers, struct timer_stamps *stamps);

/*
 * timers_due returns the mask of what is due at `now_ns` and moves the machine past it: asked
 * again at once it returns 0. It counts an attempt when it asks for T1's retry. T5 starts anew by
 * itself, so that a keepalive that could not be sent is not the last one.
 */
unsigned timers_due(struct timers *timers, struct timer_stamps *stamps, uint64_t now_ns,
	uint32_t random) __attribute__((warn_unused_result));

/*
 * timers_next_ns returns when timers_due() must be asked again at the latest: the earliest timer
 * armed, but no later than now + KEEPALIVE_TIMEOUT_NS or now + T5's interval, the shortest that
 * lanes can arm meanwhile.
 */
uint64_t
timers_next_ns(const struct timers *timers, const struct timer_stamps *stamps, uint64_t now_ns);
