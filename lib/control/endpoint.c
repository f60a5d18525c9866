/*
 * From endpoint to next hop to outer header.
 * On the packet's way: beside it.
 * Threads: control, under its lock.
 */
#include "control/endpoint.h"

#include "control/signs.h"

#include <string.h>

/* The log hears of a peer that cannot be reached once in this time. */
#define TELL_INTERVAL_NS (60 * NS_IN_S)
/* Packets wait for a neighbour as long as the kernel asks for it by default: three times. */
#define NEIGHBOUR_WAIT_NS (3 * NS_IN_S)
/* So many new places of a peer are published before what is to be sent to it goes to the last. */
#define PLACES_MAX 4

static enum drop_reason
obstacle_of(enum nexthop_state state)
{
	switch (state) {
	case NEXTHOP_READY:
		return DROP_COUNT;
	case NEXTHOP_ELSEWHERE:
		return DROP_OUT_ELSEWHERE;
	case NEXTHOP_RESOLVING:
	case NEXTHOP_NO_ROUTE:
	case NEXTHOP_LOCAL:
		break;
	}
	return DROP_OUT_NO_NEXT_HOP;
}

static bool
encap_same(const struct encap *a, const struct encap *b)
{
	return a != NULL && endpoint_equal(&a->remote, &b->remote) &&
		endpoint_equal(&a->local, &b->local) && a->obstacle == b->obstacle &&
		a->resolving == b->resolving && a->header.len == b->header.len &&
		memcmp(a->header.bytes, b->header.bytes, a->header.len) == 0;
}

static void
report_change(struct control *control, struct peer *peer, const struct encap *old,
	const struct encap *new, const struct nexthop *nexthop)
{
	char key[KEY_ABBREVIATED_MAX];
	char remote[ENDPOINT_TEXT_MAX];

	const uint64_t now_ns = clock_boot_ns(control->clock);

	/* Peers decide where their packets seem to come from: they must not fill the log. */
	if ((old != NULL && old->obstacle == new->obstacle) ||
		(peer->told_ns != 0 && now_ns - peer->told_ns < TELL_INTERVAL_NS))
		return;
	if (new->obstacle != DROP_COUNT && nexthop->state != NEXTHOP_RESOLVING)
		peer->told_ns = now_ns;
	key_abbreviate(peer->remote.public_key, key);
	endpoint_format(&new->remote, remote);
	if (new->obstacle == DROP_OUT_ELSEWHERE)
		log_warning(control->log,
			"peer %s: the route to %s leaves through %s, not through the underlay; "
			"nothing can be sent to it",
			key, remote, nexthop->elsewhere);
	else if (nexthop->state == NEXTHOP_NO_ROUTE)
		log_warning(control->log, "peer %s: no route to %s", key, remote);
	else if (nexthop->state == NEXTHOP_LOCAL)
		log_warning(control->log,
			"peer %s: its endpoint %s is an address of this host; is it this "
			"instance's own entry with another key?",
			key, remote);
}

/*
 * Whether packets are to wait for the neighbour: for some time from when a way begins to want one,
 * and not anew each time that it is asked for.
 */
static bool
waits_for_neighbour(
	const struct peer *peer, const struct encap *old, const struct encap *new, uint64_t now_ns)
{
	if (!new->resolving)
		return false;
	if (peer->resolve_until_ns != 0)
		return now_ns < peer->resolve_until_ns;
	return old == NULL || !old->resolving || !endpoint_equal(&old->remote, &new->remote);
}

/* Before the way is published, so that no lane finds the neighbour missing and need not wait. */
static void
begin_waiting(struct control *control, struct peer *peer, uint64_t now_ns)
{
	if (peer->resolve_until_ns != 0)
		return;
	peer->resolve_until_ns = now_ns + NEIGHBOUR_WAIT_NS;
	atomic_store_explicit(&peer->resolving, true, memory_order_release);
	/* Who is not in there yet is put in later, and by this time too. */
	if (peer->due_slot != 0 && peer->resolve_until_ns < peer->due_ns)
		due_set(&control->due, peer, peer->resolve_until_ns);
}

/*
 * Afterwards: whatever the way is now, what waited takes it, and what has waited in vain is dropped
 * there, and counted, as all that is sent that way.
 */
static void
end_waiting(struct control *control, struct peer *peer)
{
	if (peer->resolve_until_ns == 0)
		return;
	peer->resolve_until_ns = 0;
	atomic_store_explicit(&peer->resolving, false, memory_order_release);
	peer_order_all(peer, control->rings, PEER_FLUSH);
}

static void
publish(struct control *control, struct peer *peer, const struct encap *encap,
	const struct nexthop *nexthop)
{
	known_sources_note(control->known, &encap->remote.address);
	report_change(control, peer, atomic_load_explicit(&peer->encap, memory_order_relaxed),
		encap, nexthop);
	if (peer_set_encap(peer, encap) != 0)
		log_error(control->log, "no memory for the way to a peer");
}

bool
endpoint_refresh(struct control *control, struct peer *peer)
{
	const uint64_t now_ns = clock_boot_ns(control->clock);
	const struct encap *old = atomic_load_explicit(&peer->encap, memory_order_relaxed);
	struct encap encap;
	struct nexthop nexthop;
	bool waits;

	if (peer->endpoint.port == 0)
		return false;
	memset(&encap, 0, sizeof(encap));
	memset(&nexthop, 0, sizeof(nexthop));
	nexthops_resolve(control->nexthops, &peer->endpoint.address, peer->endpoint.scope_id,
		peer->source.family == ADDRESS_NONE ? NULL : &peer->source, peer->tunnel->fwmark,
		&nexthop);
	encap.remote = peer->endpoint;
	/* A received packet's source has no scope, and lanes compare with that. */
	encap.remote.scope_id = 0;
	encap.local.port = peer->tunnel->listen_port;
	encap.obstacle = obstacle_of(nexthop.state);
	encap.resolving = nexthop.state == NEXTHOP_RESOLVING;
	/* Also with an obstacle, so that lanes do not take the same way for a new one. */
	encap.local.address = peer->source;
	if (nexthop.mtu != 0)
		peer->path_mtu = nexthop.mtu;
	if (encap.obstacle == DROP_COUNT) {
		encap.local.address = nexthop.source;
		outer_header_make(&encap.header, nexthop.destination_mac, nexthop.source_mac,
			&encap.local, &encap.remote);
	}
	signs_next_hop(peer, &nexthop, encap.obstacle, now_ns);
	waits = waits_for_neighbour(peer, old, &encap, now_ns);
	if (waits)
		begin_waiting(control, peer, now_ns);
	if (!encap_same(old, &encap))
		publish(control, peer, &encap, &nexthop);
	if (!waits)
		end_waiting(control, peer);
	return encap.obstacle == DROP_COUNT;
}

bool
endpoint_set(struct control *control, struct peer *peer, const struct endpoint *remote,
	const struct address *local)
{
	peer->endpoint = *remote;
	if (local != NULL)
		peer->source = *local;
	else
		peer->source = (struct address){.family = ADDRESS_NONE};
	return endpoint_refresh(control, peer);
}

void
endpoint_forget_source(struct control *control, struct peer *peer)
{
	if (peer->source.family == ADDRESS_NONE)
		return;
	peer->source = (struct address){.family = ADDRESS_NONE};
	endpoint_refresh(control, peer);
}

bool
endpoint_learn(struct control *control, struct peer *peer, const struct endpoint *remote,
	const struct address *local)
{
	struct endpoint place = *remote;
	char key[KEY_ABBREVIATED_MAX];
	char to[ENDPOINT_TEXT_MAX];

	if (address_equal(&place.address, &peer->endpoint.address))
		place.scope_id = peer->endpoint.scope_id;
	if (!endpoint_equal(&place, &peer->endpoint)) {
		if (atomic_load_explicit(&peer->fixed, memory_order_relaxed))
			return endpoint_refresh(control, peer);
		log_debug(control->log, "peer %s roamed to %s",
			key_abbreviate(peer->remote.public_key, key), endpoint_format(&place, to));
	}
	return endpoint_set(control, peer, &place, local);
}

void
endpoint_roamed(struct control *control, struct peer *peer)
{
	struct roaming_place place;
	unsigned places = 0;

	while (places < PLACES_MAX && roaming_take(&peer->roaming, &place)) {
		endpoint_learn(control, peer, &place.remote, &place.local.address);
		places++;
	}
	/* A peer that is in two places all the time must not wait for ever. */
	roaming_end(&peer->roaming, places == PLACES_MAX);
	peer_order_all(peer, control->rings, PEER_FLUSH);
}
