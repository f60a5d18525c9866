/*
 * The five timers of a peer, as a machine without a clock.
 * On the packet's way: lanes leave stamps of what they saw; the handshake thread runs the machine.
 * Threads: stamps_*: any; timers_*: the handshake thread.
 */
#include "proto/timers.h"

/* Relaxed everywhere: no stamp says anything about other memory, or about another stamp. */
#define stamp_load(stamp) atomic_load_explicit(stamp, memory_order_relaxed)
#define stamp_store(stamp, value) atomic_store_explicit(stamp, value, memory_order_relaxed)

/* Whether a stamp need not be written again; bursts of two lanes may be a little out of order. */
static bool
stamp_fresh(uint64_t stamp_ns, uint64_t now_ns)
{
	return stamp_ns != 0 && now_ns < stamp_ns + STAMP_GRAIN_NS;
}

static void
stamp_advance(_Atomic uint64_t *stamp, uint64_t now_ns)
{
	if (!stamp_fresh(stamp_load(stamp), now_ns))
		stamp_store(stamp, now_ns);
}

/* Clears a stamp; an idle one is only read, so that the line stays shared. */
static void
stamp_clear(_Atomic uint64_t *stamp)
{
	if (stamp_load(stamp) != 0)
		stamp_store(stamp, 0);
}

/*
 * Sets a stamp that is clear, and tells whether it was. Two lanes at the same moment may both have
 * found it so: either's time will do, and a locked instruction for each peer of a burst would not.
 */
static bool
stamp_set(_Atomic uint64_t *stamp, uint64_t now_ns)
{
	if (stamp_load(stamp) != 0)
		return false;
	stamp_store(stamp, now_ns);
	return true;
}

/* Clears a stamp that is still `seen`: what lanes have stamped since stays. */
static void
stamp_take(_Atomic uint64_t *stamp, uint64_t seen)
{
	atomic_compare_exchange_strong_explicit(
		stamp, &seen, 0, memory_order_relaxed, memory_order_relaxed);
}

void
stamps_sent(struct timer_stamps *stamps, uint64_t now_ns)
{
	stamp_advance(&stamps->traversal_ns, now_ns);
	stamp_clear(&stamps->received_unreplied_ns);
}

void
stamps_data_sent(struct timer_stamps *stamps, uint64_t now_ns)
{
	stamp_set(&stamps->sent_unanswered_ns, now_ns);
}

void
stamps_received(struct timer_stamps *stamps, uint64_t now_ns)
{
	stamp_advance(&stamps->traversal_ns, now_ns);
	stamp_clear(&stamps->sent_unanswered_ns);
}

void
stamps_data_received(struct timer_stamps *stamps, uint64_t now_ns)
{
	if (!stamp_set(&stamps->received_unreplied_ns, now_ns) &&
		!stamp_load(&stamps->received_again))
		stamp_store(&stamps->received_again, true);
}

void
stamps_owe_keepalive(struct timer_stamps *stamps, uint64_t now_ns)
{
	stamp_set(&stamps->received_unreplied_ns, now_ns);
}

bool
stamps_wanted(struct timer_stamps *stamps, uint64_t now_ns)
{
	const uint64_t last_ns = stamp_load(&stamps->wanted_ns);
	const uint64_t quiet_until_ns = stamp_load(&stamps->quiet_until_ns);

	if (now_ns < quiet_until_ns) {
		stamp_advance(&stamps->wanted_ns, now_ns);
		return false;
	}
	/* A fresh stamp from after the quiet time has asked already. */
	if (stamp_fresh(last_ns, now_ns) && last_ns >= quiet_until_ns)
		return false;
	stamp_store(&stamps->wanted_ns, now_ns);
	return true;
}

/*
 * A packet that wanted a session since the last handshake message is a trigger, even if the lane
 * was told that asking is in vain: attempts start anew. The grain is allowed for, since such a
 * packet may have found a stamp from just before that message.
 */
static void
attempts_renew(struct timers *timers, const struct timer_stamps *stamps)
{
	const uint64_t wanted_ns = stamp_load(&stamps->wanted_ns);

	if (wanted_ns != 0 && wanted_ns + STAMP_GRAIN_NS > timers->last_sent_handshake_ns)
		timers->attempts = 0;
}

/* When T5 is due, if the last traversal was at `traversal_ns`; 0: it is not armed. */
static uint64_t
persistent_due(const struct timers *timers, uint64_t traversal_ns)
{
	if (timers->persistent_interval_ns == 0)
		return 0;
	if (traversal_ns == timers->traversal_seen_ns)
		return timers->persistent_ns;
	return traversal_ns + timers->persistent_interval_ns;
}

static void
persistent_update(struct timers *timers, const struct timer_stamps *stamps)
{
	const uint64_t traversal_ns = stamp_load(&stamps->traversal_ns);

	timers->persistent_ns = persistent_due(timers, traversal_ns);
	timers->traversal_seen_ns = traversal_ns;
}

static void
handshake_sent(struct timers *timers, struct timer_stamps *stamps, uint64_t now_ns)
{
	timers->last_sent_handshake_ns = now_ns;
	stamp_store(&stamps->quiet_until_ns, now_ns + REKEY_TIMEOUT_NS);
	stamps_sent(stamps, now_ns);
}

bool
timers_may_initiate(const struct timers *timers, uint64_t now_ns)
{
	return timers->last_sent_handshake_ns == 0 ||
		timers->last_sent_handshake_ns + REKEY_TIMEOUT_NS <= now_ns;
}

void
timers_initiation_wanted(struct timers *timers)
{
	timers->attempts = 0;
}

void
timers_initiation_sent(
	struct timers *timers, struct timer_stamps *stamps, uint64_t now_ns, uint32_t random)
{
	timers->retransmit_ns = now_ns + REKEY_TIMEOUT_NS + random % REKEY_JITTER_NS;
	handshake_sent(timers, stamps, now_ns);
}

void
timers_response_sent(struct timers *timers, struct timer_stamps *stamps, uint64_t now_ns)
{
	/* While there is still something to compare with. */
	attempts_renew(timers, stamps);
	handshake_sent(timers, stamps, now_ns);
}

void
timers_initiation_received(struct timers *timers, struct timer_stamps *stamps, uint64_t now_ns)
{
	stamps_received(stamps, now_ns);
}

void
timers_response_received(struct timers *timers, struct timer_stamps *stamps, uint64_t now_ns)
{
	stamps_received(stamps, now_ns);
}

void
timers_session_derived(struct timers *timers, uint64_t now_ns)
{
	timers->erase_ns = now_ns + KEY_ERASE_NS;
}

void
timers_handshake_complete(struct timers *timers)
{
	timers->retransmit_ns = 0;
	timers->attempts = 0;
}

void
timers_interval(
	struct timers *timers, struct timer_stamps *stamps, uint16_t interval_s, uint64_t now_ns)
{
	const bool was_off = timers->persistent_interval_ns == 0;

	/* What was armed by the old interval stays armed by it. */
	persistent_update(timers, stamps);
	timers->persistent_interval_ns = interval_s * NS_IN_S;
	timers->persistent_owed = interval_s != 0 && (was_off || timers->persistent_owed);
	if (interval_s == 0)
		timers->persistent_ns = 0;
}

void
timers_allow_initiation(struct timers *timers, struct timer_stamps *stamps)
{
	timers->last_sent_handshake_ns = 0;
	timers->attempts = 0;
	stamp_store(&stamps->quiet_until_ns, 0);
}

void
timers_stop(struct timers *timers, struct timer_stamps *stamps)
{
	*timers = (struct timers){.persistent_interval_ns = timers->persistent_interval_ns};
	stamp_store(&stamps->sent_unanswered_ns, 0);
	stamp_store(&stamps->received_unreplied_ns, 0);
	stamp_store(&stamps->received_again, false);
	stamp_store(&stamps->traversal_ns, 0);
	stamp_store(&stamps->wanted_ns, 0);
	stamp_store(&stamps->quiet_until_ns, 0);
}

static bool
reached(uint64_t alarm_ns, uint64_t now_ns)
{
	return alarm_ns != 0 && alarm_ns <= now_ns;
}

static unsigned
erase_due(struct timers *timers, uint64_t now_ns)
{
	if (!reached(timers->erase_ns, now_ns))
		return 0;
	timers->erase_ns = 0;
	return TIMERS_ERASE;
}

static unsigned
retransmit_due(struct timers *timers, struct timer_stamps *stamps, uint64_t now_ns)
{
	if (!reached(timers->retransmit_ns, now_ns))
		return 0;
	timers->retransmit_ns = 0;
	attempts_renew(timers, stamps);
	if (timers->attempts > HANDSHAKE_ATTEMPTS_MAX) {
		stamp_clear(&stamps->received_unreplied_ns);
		if (timers->erase_ns == 0)
			timers->erase_ns = now_ns + KEY_ERASE_NS;
		return TIMERS_GIVE_UP;
	}
	timers->attempts++;
	return TIMERS_INITIATE | TIMERS_FORGET_SOURCE;
}

static unsigned
keepalive_due(struct timer_stamps *stamps, uint64_t now_ns)
{
	const uint64_t since_ns = stamp_load(&stamps->received_unreplied_ns);

	if (since_ns == 0 || since_ns + KEEPALIVE_TIMEOUT_NS > now_ns)
		return 0;
	stamp_take(&stamps->received_unreplied_ns, since_ns);
	if (atomic_exchange_explicit(&stamps->received_again, false, memory_order_relaxed))
		return TIMERS_KEEPALIVE | TIMERS_KEEPALIVE_AGAIN;
	return TIMERS_KEEPALIVE;
}

static unsigned
new_handshake_due(
	struct timers *timers, struct timer_stamps *stamps, uint64_t now_ns, uint32_t random)
{
	const uint64_t since_ns = stamp_load(&stamps->sent_unanswered_ns);

	if (since_ns == 0)
		return 0;
	if (timers->unanswered_since_ns != since_ns) {
		timers->unanswered_since_ns = since_ns;
		timers->unanswered_jitter_ns = random % REKEY_JITTER_NS;
	}
	if (since_ns + NEW_HANDSHAKE_TIMEOUT_NS + timers->unanswered_jitter_ns > now_ns)
		return 0;
	stamp_take(&stamps->sent_unanswered_ns, since_ns);
	timers->attempts = 0;
	return TIMERS_INITIATE | TIMERS_FORGET_SOURCE;
}

/* T5 starts itself anew: a keepalive that could not be sent must not be the last. */
static unsigned
persistent_keepalive_due(struct timers *timers, const struct timer_stamps *stamps, uint64_t now_ns)
{
	persistent_update(timers, stamps);
	if (!timers->persistent_owed && !reached(timers->persistent_ns, now_ns))
		return 0;
	timers->persistent_owed = false;
	timers->persistent_ns = now_ns + timers->persistent_interval_ns;
	return TIMERS_KEEPALIVE;
}

unsigned
timers_due(struct timers *timers, struct timer_stamps *stamps, uint64_t now_ns, uint32_t random)
{
	unsigned due = erase_due(timers, now_ns);

	due |= retransmit_due(timers, stamps, now_ns);
	due |= new_handshake_due(timers, stamps, now_ns, random);
	due |= keepalive_due(stamps, now_ns);
	due |= persistent_keepalive_due(timers, stamps, now_ns);
	return due;
}

static uint64_t
earlier(uint64_t next_ns, uint64_t alarm_ns)
{
	return alarm_ns != 0 && alarm_ns < next_ns ? alarm_ns : next_ns;
}

/* When a timer of `timeout_ns` that runs from a stamp is due; 0 if it does not run. */
static uint64_t
alarm_of(const _Atomic uint64_t *stamp, uint64_t timeout_ns)
{
	const uint64_t since_ns = stamp_load(stamp);

	return since_ns == 0 ? 0 : since_ns + timeout_ns;
}

uint64_t
timers_next_ns(const struct timers *timers, const struct timer_stamps *stamps, uint64_t now_ns)
{
	/* Lanes can arm T2 and T5 meanwhile. */
	uint64_t next_ns = now_ns + KEEPALIVE_TIMEOUT_NS;
	uint64_t jitter_ns = 0;

	if (timers->persistent_owed)
		return now_ns;
	if (timers->persistent_interval_ns != 0)
		next_ns = earlier(next_ns, now_ns + timers->persistent_interval_ns);
	/* Not drawn yet: then it is at the alarm without. */
	if (timers->unanswered_since_ns == stamp_load(&stamps->sent_unanswered_ns))
		jitter_ns = timers->unanswered_jitter_ns;

	next_ns = earlier(next_ns, timers->retransmit_ns);
	next_ns = earlier(next_ns, timers->erase_ns);
	next_ns = earlier(next_ns, persistent_due(timers, stamp_load(&stamps->traversal_ns)));
	next_ns = earlier(next_ns, alarm_of(&stamps->received_unreplied_ns, KEEPALIVE_TIMEOUT_NS));
	return earlier(next_ns,
		alarm_of(&stamps->sent_unanswered_ns, NEW_HANDSHAKE_TIMEOUT_NS + jitter_ns));
}
