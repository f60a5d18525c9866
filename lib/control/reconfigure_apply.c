/*
 * Applying the plan of one tunnel.
 * On the packet's way: beside it; lanes go on meanwhile.
 * Threads: that of the reconfiguration, under the control lock.
 *
 * What lanes can see, in this order: new peers are whole, with a way to them, before the table
 * leads to them; peers that go lose their sessions after the table has ceased to lead to them.
 */
#include "control/reconfigure_plan.h"

#include "base/secret.h"
#include "control/endpoint.h"
#include "control/handshake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Initiations that are begun together are spread over this time. */
#define SPREAD_NS NS_IN_S

/* Who is to have a handshake begun, and when. */
struct initiations {
	uint64_t now_ns;
	uint64_t interval_ns;
	uint64_t count;
};

/* Neither is sent on any more, but what the peer still sends is received. */
static void
close_for_sending(struct session *session)
{
	if (session != NULL)
		atomic_store_explicit(&session->send_closed, true, memory_order_relaxed);
}

/*
 * Lanes know nothing of static keys; for them the sessions are closed, and that is all. Stamps
 * accepted and made stay in the handshake and in the peer.
 */
static void
take_key(struct tunnel_plan *plan)
{
	struct tunnel *tunnel = plan->tunnel;

	tunnel->identity = plan->target->identity;
	cookie_checker_init(&tunnel->checker, tunnel->identity.public_key);
	for (size_t i = 0; i < plan->peer_count; i++) {
		struct peer *peer = plan->peers[i].peer;

		peer_erase_handshake(peer);
		peer->remote = plan->remotes[i];
		timers_allow_initiation(&peer->timers, &peer->stamps);
		close_for_sending(atomic_load_explicit(&peer->current, memory_order_relaxed));
		close_for_sending(atomic_load_explicit(&peer->next, memory_order_relaxed));
	}
}

static void
begin_handshake(struct initiations *initiations, struct peer *peer)
{
	peer->initiate_ns = initiations->now_ns + initiations->count++ * initiations->interval_ns;
	peer->initiate_retry = false;
}

/* The name or address is another one: what was waited for is no longer wanted. */
static void
take_endpoint(struct peer_plan *plan, struct management *management)
{
	struct peer *peer = plan->peer;

	free(peer->configured);
	peer->configured = plan->configured;
	plan->configured = NULL;
	atomic_store_explicit(&peer->fixed,
		peer->tunnel->fixed_endpoints && peer->configured != NULL, memory_order_relaxed);
	peer->lookup = 0;
	if (plan->endpoint.port != 0)
		endpoint_set(management_control(management), peer, &plan->endpoint, NULL);
	else if (plan->name != NULL)
		resolver_start(management_resolver(management), plan->name, peer);
	plan->name = NULL;
}

static void
take_allowed_ips(struct peer *peer, struct target_peer *target)
{
	free(peer->allowed_ips);
	peer->allowed_ips = target->allowed_ips;
	peer->allowed_ips_count = target->allowed_ips_count;
	target->allowed_ips = NULL;
	target->allowed_ips_count = 0;
}

static void
change_peer(struct tunnel_plan *tunnel_plan, struct peer_plan *plan,
	struct initiations *initiations, struct management *management)
{
	struct control *control = management_control(management);
	struct target_peer *target = plan->target;
	struct peer *peer = plan->peer;
	bool begin = tunnel_plan->new_key;

	if (plan->changes & PEER_CHANGE_NEW)
		tunnel_enter_peer(tunnel_plan->tunnel, peer);
	if (plan->changes & PEER_CHANGE_PRESHARED_KEY)
		memcpy(peer->remote.preshared_key, target->preshared_key, KEY_LEN);
	if (plan->changes & PEER_CHANGE_NAME)
		snprintf(peer->name, sizeof(peer->name), "%s", target->name);
	if (plan->changes & PEER_CHANGE_ALLOWED_IPS)
		take_allowed_ips(peer, target);
	if (plan->changes & PEER_CHANGE_ENDPOINT) {
		begin |= plan->endpoint.port != 0 &&
			peer_send_session(peer, initiations->now_ns) == NULL;
		take_endpoint(plan, management);
	}
	if (plan->changes & PEER_CHANGE_KEEPALIVE) {
		peer->persistent_keepalive_s = target->persistent_keepalive_s;
		timers_interval(&peer->timers, &peer->stamps, peer->persistent_keepalive_s,
			initiations->now_ns);
	}
	if (begin && tunnel_plan->target->initiate && peer->endpoint.port != 0)
		begin_handshake(initiations, peer);
	handshake_schedule(control, peer);
	/* It is the tunnel's now. */
	plan->changes &= ~(unsigned)PEER_CHANGE_NEW;
}

static void
change_peers(struct tunnel_plan *plan, struct management *management)
{
	const size_t may_begin = plan->new_key ? plan->peer_count : plan->endpoint_count;
	struct initiations initiations = {
		.now_ns = clock_boot_ns(management_control(management)->clock),
		.interval_ns = may_begin == 0 ? 0 : SPREAD_NS / may_begin,
	};

	for (size_t i = 0; i < plan->peer_count; i++)
		if (plan->new_key || plan->peers[i].changes != 0)
			change_peer(plan, &plan->peers[i], &initiations, management);
}

/*
 * The port is in every header; and a source that was kept is chosen anew. Whom we have a session
 * with hears of it by a keepalive: until something comes from there it sends to where we were.
 */
static void
remake_ways(struct control *control, struct tunnel *tunnel)
{
	const uint64_t now_ns = clock_boot_ns(control->clock);
	struct peer *peer;

	TAILQ_FOREACH (peer, &tunnel->peers, entry) {
		peer->source = (struct address){.family = ADDRESS_NONE};
		if (endpoint_refresh(control, peer) && peer_send_session(peer, now_ns) != NULL)
			peer_order_keepalive(peer, control->rings, 0);
	}
}

void
tunnel_plan_apply(struct tunnel_plan *plan, struct management *management)
{
	struct control *control = management_control(management);
	struct tunnel *tunnel = plan->tunnel;

	tunnel->spare_encaps = plan->spare_encaps;
	plan->spare_encaps = NULL;
	tunnel->fwmark = plan->target->fwmark;
	tunnel->fixed_mtu = plan->target->mtu;
	/* Before the new ones come: the same key may go and come. */
	for (size_t i = 0; i < plan->removed_count; i++) {
		due_remove(&control->due, plan->removed[i]);
		tunnel_leave_peer(tunnel, plan->removed[i]);
	}
	if (plan->new_key)
		take_key(plan);
	if (plan->moves)
		remake_ways(control, tunnel);
	change_peers(plan, management);
	if (plan->table != NULL)
		tunnel_table_swap(tunnel, plan->table);
	plan->table = NULL;
	for (size_t i = 0; i < plan->removed_count; i++)
		departures_add(&control->departures, plan->removed[i]);
	encaps_release(&tunnel->spare_encaps);
}
