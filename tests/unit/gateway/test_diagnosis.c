/*
 * Diagnoses of what the pair tests cannot have, their next hops being always there; and of numbers.
 */
#include "gateway/diagnosis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NOW_NS (1000 * NS_IN_S)

static const struct tunnel no_tunnel;
static const struct snapshot snapshot = {.now_ns = NOW_NS, .real_ns = NOW_NS};
static const struct snapshot_tunnel tunnel = {.tunnel = &no_tunnel};

/* Nothing is wrong with it, and nothing has happened yet. */
static struct snapshot_peer
a_peer(void)
{
	return (struct snapshot_peer){
		.endpoint = {.address = {.bytes = {198, 51, 100, 4}, .family = ADDRESS_IPV4},
			.port = 4567},
		.obstacle = DROP_COUNT,
	};
}

static void
assert_made(const struct snapshot_peer *peer, enum gl_diagnosis kind, const char *text,
	const char *remedy)
{
	struct diagnosis diagnosis;

	diagnosis_make(&snapshot, &tunnel, peer, &diagnosis);
	if (diagnosis.kind != kind)
		fail_msg("%s: %s", gl_diagnosis_name(diagnosis.kind), diagnosis.text);
	if (strstr(diagnosis.text, text) == NULL || strstr(diagnosis.remedy, remedy) == NULL)
		fail_msg("%s; %s", diagnosis.text, diagnosis.remedy);
	assert_int_equal(diagnosis.text[0] == '\0', kind == GL_DIAGNOSIS_NONE);
	assert_int_equal(diagnosis.remedy[0] == '\0', kind == GL_DIAGNOSIS_NONE);
}

static void
ways_that_lead_nowhere(void **state)
{
	struct snapshot_peer peer = a_peer();

	assert_made(&peer, GL_DIAGNOSIS_NONE, "", "");
	peer.obstacle = DROP_OUT_ELSEWHERE;
	peer.signs.nexthop = NEXTHOP_ELSEWHERE;
	strcpy(peer.signs.elsewhere, "eth1");
	assert_made(&peer, GL_DIAGNOSIS_ELSEWHERE,
		"the route to 198.51.100.4:4567 leaves through eth1", "af_packet:eth1");
	peer.obstacle = DROP_OUT_NO_NEXT_HOP;
	peer.signs.nexthop = NEXTHOP_LOCAL;
	assert_made(&peer, GL_DIAGNOSIS_OWN_ADDRESS, "is an address of this host", "PublicKey");
	peer.signs.nexthop = NEXTHOP_NO_ROUTE;
	assert_made(&peer, GL_DIAGNOSIS_NO_ROUTE, "no route to 198.51.100.4:4567", "route");
}

static void
a_neighbour_may_take_its_time(void **state)
{
	struct snapshot_peer peer = a_peer();

	peer.obstacle = DROP_OUT_NO_NEXT_HOP;
	peer.signs.nexthop = NEXTHOP_RESOLVING;
	peer.signs.obstacle_ns = NOW_NS - 2 * NS_IN_S;
	assert_made(&peer, GL_DIAGNOSIS_NONE, "", "");
	peer.signs.obstacle_ns = NOW_NS - 125 * NS_IN_S;
	assert_made(&peer, GL_DIAGNOSIS_NO_NEIGHBOUR, "has not answered for 2 min", "neighbour");
}

static void
a_name_that_does_not_resolve(void **state)
{
	struct snapshot_peer peer = a_peer();

	peer.endpoint.port = 0;
	assert_made(&peer, GL_DIAGNOSIS_NO_ENDPOINT, "no endpoint", "Endpoint");
	peer.configured_endpoint = (char[]){"db.example:4567"};
	assert_made(&peer, GL_DIAGNOSIS_NAME, "db.example:4567, does not resolve", "resolv.conf");
}

/* Ten packets, and one in a hundred. */
static void
few_losses_are_none(void **state)
{
	struct snapshot_peer peer = a_peer();

	peer.totals.rx_packets = 100;
	peer.totals.drops[DROP_IN_AUTH] = 9;
	assert_made(&peer, GL_DIAGNOSIS_NONE, "", "");
	peer.totals.drops[DROP_IN_AUTH] = 10;
	assert_made(&peer, GL_DIAGNOSIS_FORGED, "10 packets", "forges");
	peer.totals.rx_packets = 100000;
	assert_made(&peer, GL_DIAGNOSIS_NONE, "", "");
	peer.totals.drops[DROP_IN_AUTH] = 1000;
	assert_made(&peer, GL_DIAGNOSIS_FORGED, "1000 packets", "forges");
}

/* Of several things that are wrong the first one is told. */
static void
the_way_comes_first(void **state)
{
	struct snapshot_peer peer = a_peer();

	peer.signs.unanswered = 12;
	peer.signs.unanswered_ns = NOW_NS - 58 * NS_IN_S;
	assert_made(&peer, GL_DIAGNOSIS_NEVER_ANSWERED, "12 initiations in 58 s", "running");
	peer.obstacle = DROP_OUT_NO_NEXT_HOP;
	peer.signs.nexthop = NEXTHOP_NO_ROUTE;
	assert_made(&peer, GL_DIAGNOSIS_NO_ROUTE, "no route", "route");
}

static void
every_diagnosis_has_a_name(void **state)
{
	for (unsigned i = 0; i < GL_DIAGNOSIS_COUNT; i++) {
		assert_non_null(gl_diagnosis_name((enum gl_diagnosis)i));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(gl_diagnosis_name((enum gl_diagnosis)i),
				gl_diagnosis_name((enum gl_diagnosis)k));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ways_that_lead_nowhere),
		cmocka_unit_test(a_neighbour_may_take_its_time),
		cmocka_unit_test(a_name_that_does_not_resolve),
		cmocka_unit_test(few_losses_are_none),
		cmocka_unit_test(the_way_comes_first),
		cmocka_unit_test(every_diagnosis_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
