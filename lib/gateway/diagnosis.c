/*
 * From signs and counters to a sentence.
 * On the packet's way: nowhere.
 * Threads: any; no state.
 */
#include "gateway/diagnosis.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* A neighbour may take so long to answer. */
#define NEIGHBOUR_NS (3 * NS_IN_S)
/* Initiations without an answer, and for how long: two may be lost, and 5 s lie between them. */
#define UNANSWERED_MIN 3
#define UNANSWERED_NS (2 * REKEY_TIMEOUT_NS)
/* Messages of a handshake in a row that cannot be chance. */
#define ROW_MIN 2
#define UNCONFIRMED_MIN 3
/* What somebody did longer ago than this says nothing about now. */
#define RECENT_NS (600 * NS_IN_S)
/* Lost packets that matter: so many, and one in so many of all that came. */
#define LOST_MIN 10
#define LOST_SHARE 100
/* Packets sent, and keepalives that came back, after which data should have come as well. */
#define ONE_WAY_SENT_MIN 10
#define ONE_WAY_KEEPALIVES_MIN 3
/* Clocks that differ by less than this are equal. */
#define CLOCK_BEHIND_NS (2 * NS_IN_S)
/* Around an inner packet: IP, UDP, data header and tag. */
#define AROUND_IPV4 60
#define AROUND_IPV6 80
#define DURATION_TEXT_MAX 32

struct case_of {
	const struct snapshot *snapshot;
	const struct snapshot_tunnel *tunnel;
	const struct snapshot_peer *peer;
	struct diagnosis *diagnosis;
	char endpoint[ENDPOINT_TEXT_MAX];
};

static const char *
duration_format(uint64_t ns, char text[static DURATION_TEXT_MAX])
{
	const uint64_t s = ns / NS_IN_S;

	if (s < 120)
		snprintf(text, DURATION_TEXT_MAX, "%" PRIu64 " s", s);
	else if (s < 7200)
		snprintf(text, DURATION_TEXT_MAX, "%" PRIu64 " min", s / 60);
	else if (s < UINT64_C(2) * 86400)
		snprintf(text, DURATION_TEXT_MAX, "%" PRIu64 " h", s / 3600);
	else
		snprintf(text, DURATION_TEXT_MAX, "%" PRIu64 " days", s / 86400);
	return text;
}

static bool __attribute__((format(printf, 3, 4)))
found(const struct case_of *c, enum gl_diagnosis kind, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(c->diagnosis->text, sizeof(c->diagnosis->text), format, arguments);
	va_end(arguments);
	c->diagnosis->kind = kind;
	return true;
}

static void __attribute__((format(printf, 2, 3)))
remedy(const struct case_of *c, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(c->diagnosis->remedy, sizeof(c->diagnosis->remedy), format, arguments);
	va_end(arguments);
}

static bool
recent(const struct case_of *c, uint64_t when_ns)
{
	return c->snapshot->now_ns < when_ns + RECENT_NS;
}

static bool
no_next_hop(const struct case_of *c)
{
	const struct peer_signs *signs = &c->peer->signs;
	char key[KEY_BASE64_LEN + 1];
	char duration[DURATION_TEXT_MAX];
	const uint64_t since_ns = c->snapshot->now_ns - signs->obstacle_ns;

	switch ((enum nexthop_state)signs->nexthop) {
	case NEXTHOP_ELSEWHERE:
		remedy(c,
			"route it through the underlay's interface, or give --underlay "
			"af_packet:%s",
			signs->elsewhere);
		return found(c, GL_DIAGNOSIS_ELSEWHERE,
			"the route to %s leaves through %s, not through the underlay", c->endpoint,
			signs->elsewhere);
	case NEXTHOP_LOCAL:
		remedy(c,
			"correct its Endpoint; if this is our own entry, its PublicKey must be %s",
			key_to_base64(c->tunnel->public_key, key));
		return found(c, GL_DIAGNOSIS_OWN_ADDRESS,
			"its endpoint %s is an address of this host", c->endpoint);
	case NEXTHOP_NO_ROUTE:
		remedy(c, "add a route, or correct its Endpoint");
		return found(c, GL_DIAGNOSIS_NO_ROUTE, "there is no route to %s", c->endpoint);
	case NEXTHOP_RESOLVING:
	case NEXTHOP_READY:
		break;
	}
	if (since_ns < NEIGHBOUR_NS)
		return false;
	remedy(c, "is the next hop up, and is this the right network? see ip neighbour");
	return found(c, GL_DIAGNOSIS_NO_NEIGHBOUR,
		"the next hop on the way to %s has not answered for %s (ARP, neighbour discovery)",
		c->endpoint, duration_format(since_ns, duration));
}

static bool
no_way(const struct case_of *c)
{
	const struct snapshot_peer *peer = c->peer;

	if (peer->obstacle != DROP_COUNT)
		return no_next_hop(c);
	if (peer->endpoint.port != 0 || peer->configured_endpoint == NULL)
		return false;
	remedy(c, "see /etc/resolv.conf, or give its address in Endpoint");
	return found(c, GL_DIAGNOSIS_NAME, "the name in its Endpoint, %s, does not resolve",
		peer->configured_endpoint);
}

/* The entries of one of two sides are out of date. */
static bool
other_key(const struct case_of *c)
{
	const struct snapshot_tunnel *tunnel = c->tunnel;
	char key[KEY_BASE64_LEN + 1];

	if (c->peer->endpoint.port == 0 || c->peer->up)
		return false;
	for (unsigned i = 0; i < UNKNOWN_KEYS_MAX; i++) {
		const struct unknown_key *unknown = &tunnel->unknown_keys.entries[i];

		if (unknown->count == 0 || !recent(c, unknown->last_ns) ||
			!endpoint_equal(&unknown->source, &c->peer->endpoint))
			continue;
		remedy(c, "its key has been changed: is vpn-public.conf older here?");
		return found(c, GL_DIAGNOSIS_KEY_CHANGED,
			"an unknown key, %s, initiates from its endpoint",
			key_abbreviate(unknown->public_key, key));
	}
	for (unsigned i = 0; i < SOURCES_MAX; i++) {
		const struct source *source = &tunnel->wrong_keys[i];

		if (source->count < ROW_MIN || !recent(c, source->last_ns) ||
			!address_equal(&source->address, &c->peer->endpoint.address))
			continue;
		remedy(c, "our PublicKey in its vpn-public.conf must be %s",
			key_to_base64(tunnel->public_key, key));
		return found(c, GL_DIAGNOSIS_OUR_KEY,
			"what comes from its address is for another public key than ours");
	}
	return false;
}

static bool
clock_behind(const struct case_of *c)
{
	const struct peer_signs *signs = &c->peer->signs;
	char duration[DURATION_TEXT_MAX];

	if (signs->old < ROW_MIN)
		return false;
	if (signs->old_came_ns < signs->old_stamp_ns + CLOCK_BEHIND_NS) {
		remedy(c, "restart guardlane here, which then forgets the later time");
		return found(c, GL_DIAGNOSIS_CLOCK_BEHIND,
			"its clock is right now but was ahead before, so that %" PRIu64
			" initiations look like replays",
			signs->old);
	}
	remedy(c, "set its clock (NTP)");
	return found(c, GL_DIAGNOSIS_CLOCK_BEHIND,
		"its clock is %s behind ours, and was not before, so that %" PRIu64
		" initiations look like replays",
		duration_format(signs->old_came_ns - signs->old_stamp_ns, duration), signs->old);
}

static bool
half_handshake(const struct case_of *c)
{
	const struct peer_signs *signs = &c->peer->signs;

	if (signs->unauthentic >= ROW_MIN) {
		remedy(c,
			"PresharedKey must be the same in its entry here and in ours over there, "
			"or missing in both");
		return found(c, GL_DIAGNOSIS_PRESHARED_KEY,
			"its answers to our initiations are not authentic (%" PRIu64 ")",
			signs->unauthentic);
	}
	if (signs->unconfirmed < UNCONFIRMED_MIN)
		return false;
	remedy(c,
		"do our answers arrive there (firewall, NAT)? is PresharedKey the same on both "
		"sides? does its data arrive here (MTU)?");
	return found(c, GL_DIAGNOSIS_UNCONFIRMED,
		"it has initiated %" PRIu64 " times and never used what we answered",
		signs->unconfirmed);
}

static bool
no_answer(const struct case_of *c)
{
	const struct peer_signs *signs = &c->peer->signs;
	const uint64_t since_ns = c->snapshot->now_ns - signs->unanswered_ns;
	char duration[DURATION_TEXT_MAX];
	char age[DURATION_TEXT_MAX];

	if (signs->unanswered < UNANSWERED_MIN || since_ns < UNANSWERED_NS)
		return false;
	duration_format(since_ns, duration);
	if (signs->handshakes == 0) {
		remedy(c,
			"is it running, is %s right, do firewalls let UDP through, and does its "
			"vpn-public.conf have our entry?",
			c->endpoint);
		return found(c, GL_DIAGNOSIS_NEVER_ANSWERED,
			"never answered, %" PRIu64 " initiations in %s", signs->unanswered,
			duration);
	}
	remedy(c, "is it running, and does it still have our entry? can %s be reached?",
		c->endpoint);
	return found(c, GL_DIAGNOSIS_SILENT,
		"no answer to %" PRIu64 " initiations in %s; the last handshake was %s ago",
		signs->unanswered, duration,
		duration_format(c->snapshot->now_ns - signs->completed_ns, age));
}

static bool
no_endpoint(const struct case_of *c)
{
	if (c->peer->endpoint.port != 0)
		return false;
	remedy(c, "give an Endpoint in its section, or wait until it initiates");
	return found(c, GL_DIAGNOSIS_NO_ENDPOINT, "no endpoint is known");
}

static bool
no_data(const struct case_of *c)
{
	const struct peer_signs *signs = &c->peer->signs;

	if (signs->vain < ROW_MIN || c->peer->totals.rx_packets != signs->vain_received)
		return false;
	remedy(c,
		"is the MTU on the way smaller (try MTU = 1280 in vpn-private.conf)? does a "
		"firewall drop long packets?");
	return found(c, GL_DIAGNOSIS_NO_DATA,
		"handshakes complete, but no data that we send is answered");
}

static bool
fragments(const struct case_of *c)
{
	const struct address *address = &c->peer->endpoint.address;
	const uint32_t around = address->family == ADDRESS_IPV4 ? AROUND_IPV4 : AROUND_IPV6;
	uint64_t count = 0;
	uint32_t len = 0;

	if (c->peer->endpoint.port == 0)
		return false;
	for (unsigned i = 0; i < c->snapshot->fragment_count; i++) {
		const struct source *source = &c->snapshot->fragments[i];

		if (!recent(c, source->last_ns) || !address_equal(&source->address, address))
			continue;
		count += source->count;
		if (source->len_max > len)
			len = source->len_max;
	}
	if (count < ROW_MIN || len <= around)
		return false;
	remedy(c, "lower its MTU to %u: MTU = %u in its [Interface] section", len - around,
		len - around);
	return found(c, GL_DIAGNOSIS_FRAGMENTS,
		"what it sends arrives in fragments, which are dropped (%" PRIu64 ")", count);
}

static bool
matters(const struct case_of *c, enum drop_reason reason)
{
	const struct peer_totals *totals = &c->peer->totals;

	return totals->drops[reason] >= LOST_MIN &&
		totals->drops[reason] >= totals->rx_packets / LOST_SHARE;
}

static bool
losses(const struct case_of *c)
{
	const uint64_t *drops = c->peer->totals.drops;

	if (matters(c, DROP_IN_SOURCE)) {
		remedy(c, "correct the AllowedIPs of its entry here, or its VPN address");
		return found(c, GL_DIAGNOSIS_SOURCE,
			"%" PRIu64
			" packets came from addresses that are not in its AllowedIPs here",
			drops[DROP_IN_SOURCE]);
	}
	if (matters(c, DROP_IN_AUTH)) {
		remedy(c, "something on the way changes packets, or somebody forges them");
		return found(c, GL_DIAGNOSIS_FORGED,
			"%" PRIu64 " packets of its sessions are not authentic",
			drops[DROP_IN_AUTH]);
	}
	if (matters(c, DROP_IN_REPLAY)) {
		remedy(c,
			"something on the way doubles packets or holds them back, or somebody "
			"replays them");
		return found(c, GL_DIAGNOSIS_REPLAYED,
			"%" PRIu64 " packets of its sessions came twice, or far too late",
			drops[DROP_IN_REPLAY]);
	}
	return false;
}

static bool
one_way(const struct case_of *c)
{
	const struct peer_totals *totals = &c->peer->totals;
	const struct tunnel *tunnel = c->tunnel->tunnel;
	const uint64_t sent = totals->tx_packets - totals->tx_keepalives;
	char address[ADDRESS_TEXT_MAX] = "";

	if (totals->rx_packets != totals->rx_keepalives ||
		totals->rx_keepalives < ONE_WAY_KEEPALIVES_MIN || sent < ONE_WAY_SENT_MIN)
		return false;
	if (tunnel->address_count > 0)
		address_format(&tunnel->addresses[0].address, address);
	remedy(c,
		"do the AllowedIPs of our entry over there hold our VPN address, %s? is there a "
		"firewall? nothing is wrong if traffic only goes one way",
		address);
	return found(c, GL_DIAGNOSIS_ONE_WAY,
		"it has taken %" PRIu64 " packets and answered by keepalives only", sent);
}

void
diagnosis_make(const struct snapshot *snapshot, const struct snapshot_tunnel *tunnel,
	const struct snapshot_peer *peer, struct diagnosis *diagnosis)
{
	static bool (*const cases[])(const struct case_of *) = {no_way, other_key, clock_behind,
		half_handshake, no_answer, no_endpoint, no_data, fragments, losses, one_way};
	struct case_of c = {
		.snapshot = snapshot, .tunnel = tunnel, .peer = peer, .diagnosis = diagnosis};

	*diagnosis = (struct diagnosis){.kind = GL_DIAGNOSIS_NONE};
	endpoint_format(&peer->endpoint, c.endpoint);
	for (unsigned i = 0; i < RTE_DIM(cases); i++)
		if (cases[i](&c))
			return;
}
