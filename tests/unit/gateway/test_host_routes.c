/*
 * Which allowed-ips become routes of the host, and why others do not. The underlay is u0 of the
 * lab, 10.7.0.1/24 and fd07::1/64.
 */
#include "gateway/host_routes.h"

#include "lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct bed {
	struct lab_log log;
	struct nexthops *nexthops;
	struct control control;
	struct tunnel tunnels[2]; /* with one peer each; the second one's prefix is routed */
	struct peer *peers[2];
	struct host_routes routes;
	struct tun tun;
};

static void
begin(struct bed *bed)
{
	const struct prefix address = lab_prefix("10.20.0.1/32");

	lab_enter();
	memset(bed, 0, sizeof(*bed));
	lab_log_init(&bed->log);
	assert_int_equal(nexthops_netlink_create("u0", &bed->log.log, &bed->nexthops), 0);
	assert_int_equal(tun_open("wg0", NULL, 1420, &address, 1, &bed->log.log, &bed->tun), 0);
	bed->control.nexthops = bed->nexthops;
	bed->control.log = &bed->log.log;
	for (unsigned i = 0; i < 2; i++) {
		struct tunnel *tunnel = &bed->tunnels[i];

		bed->peers[i] = calloc(1, sizeof(struct peer));
		assert_non_null(bed->peers[i]);
		TAILQ_INIT(&tunnel->peers);
		TAILQ_INSERT_TAIL(&tunnel->peers, bed->peers[i], entry);
		tunnel->peer_count = 1;
		bed->control.tunnels[bed->control.tunnel_count++] = tunnel;
	}
	pthread_mutex_init(&bed->control.lock, NULL);
}

static void
end(struct bed *bed)
{
	host_routes_fini(&bed->routes);
	for (unsigned i = 0; i < 2; i++)
		free(bed->peers[i]);
	tun_close(&bed->tun);
	nexthops_destroy(bed->nexthops);
	pthread_mutex_destroy(&bed->control.lock);
	lab_leave();
}

static bool
has_route(const char *prefix)
{
	return lab_succeeds("ip -%d route show dev wg0 exact %s proto 103 | grep -q .",
		strchr(prefix, ':') != NULL ? 6 : 4, prefix);
}

static void
update(struct bed *bed)
{
	host_routes_update(&bed->routes, &bed->tun, &bed->tunnels[1], &bed->control, &bed->log.log);
}

/* The peer, at `endpoint`, has the one prefix now; returns whether there is a route then. */
static bool
routed(struct bed *bed, const char *prefix, char *endpoint)
{
	struct prefix allowed = lab_prefix(prefix);

	bed->peers[1]->allowed_ips = &allowed;
	bed->peers[1]->allowed_ips_count = 1;
	bed->peers[1]->configured = endpoint;
	update(bed);
	bed->peers[1]->allowed_ips_count = 0;
	return has_route(prefix);
}

static void
ordinary_prefixes_become_routes(void **state)
{
	static const char *const prefixes[] = {"10.20.0.2/32", "192.168.0.0/16", "10.7.1.0/24",
		"10.6.0.0/16", "fd20::/64", "fd07:0:0:1::/64", "2001:db8::7/128"};
	char endpoint[] = "198.51.100.1:4567";
	struct bed bed;

	begin(&bed);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!routed(&bed, prefixes[i], endpoint))
			fail_msg("no route to %s", prefixes[i]);
	assert_int_equal(bed.log.count, 0);
	end(&bed);
}

static void
prefixes_that_would_cut_us_off_do_not(void **state)
{
	static const struct {
		const char *prefix;
		const char *why;
	} cases[] = {
		{"0.0.0.0/0", "default route"},
		{"::/0", "default route"},
		/* Around the underlay's network, the network itself, parts with and without us. */
		{"10.0.0.0/8", "network of the underlay"},
		{"10.7.0.0/24", "network of the underlay"},
		{"10.7.0.0/25", "network of the underlay"},
		{"10.7.0.128/25", "network of the underlay"},
		{"10.7.0.77/32", "network of the underlay"},
		{"fd07::/32", "network of the underlay"},
		{"fd07::8000:0:0:0/65", "network of the underlay"},
		{"198.51.0.0/16", "a peer's endpoint"},
		{"198.51.100.1/32", "a peer's endpoint"},
	};
	char endpoint[] = "198.51.100.1:4567";
	struct bed bed;

	begin(&bed);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (routed(&bed, cases[i].prefix, endpoint))
			fail_msg("there is a route to %s", cases[i].prefix);
		assert_int_equal(bed.log.count, i + 1);
		assert_true(lab_log_has(&bed.log, cases[i].prefix));
		assert_true(lab_log_has(&bed.log, cases[i].why));
	}
	end(&bed);
}

static void
endpoints_of_other_tunnels_count(void **state)
{
	char name[] = "vpn.example:4567";
	struct bed bed;

	begin(&bed);
	bed.peers[0]->endpoint.address = lab_address("203.0.113.9");
	assert_false(routed(&bed, "203.0.113.0/24", name));
	assert_true(lab_log_has(&bed.log, "a peer's endpoint"));
	assert_true(routed(&bed, "203.0.112.0/24", name));
	end(&bed);
}

static void
the_endpoint_in_use_counts_besides_the_configured_one(void **state)
{
	char endpoint[] = "203.0.113.9:4567";
	struct bed bed;

	begin(&bed);
	bed.peers[1]->endpoint.address = lab_address("198.51.100.1");
	assert_false(routed(&bed, "203.0.113.0/24", endpoint));
	assert_false(routed(&bed, "198.51.100.0/24", endpoint));
	end(&bed);
}

/* Only what differs is touched, and what is refused is said once. */
static void
routes_follow_the_peers(void **state)
{
	struct prefix allowed[3];
	struct bed bed;
	struct peer *peer;

	begin(&bed);
	peer = bed.peers[1];
	peer->allowed_ips = allowed;
	allowed[0] = lab_prefix("10.20.0.2/32");
	allowed[1] = lab_prefix("10.20.0.3/32");
	allowed[2] = lab_prefix("0.0.0.0/0");
	peer->allowed_ips_count = 3;
	update(&bed);
	assert_true(has_route("10.20.0.2/32") && has_route("10.20.0.3/32"));
	assert_int_equal(bed.log.count, 1);

	/* A route that somebody has taken away, and that did not change, stays away. */
	lab_run("ip route del 10.20.0.2/32 dev wg0");
	allowed[1] = lab_prefix("fd20::/64");
	update(&bed);
	assert_false(has_route("10.20.0.2/32") || has_route("10.20.0.3/32"));
	assert_true(has_route("fd20::/64"));
	assert_int_equal(bed.log.count, 1);

	/* An endpoint comes to lie within, and goes again. */
	peer->endpoint.address = lab_address("fd20::1");
	update(&bed);
	assert_false(has_route("fd20::/64"));
	assert_int_equal(bed.log.count, 2);
	assert_true(lab_log_has(&bed.log, "a peer's endpoint"));
	peer->endpoint.address = lab_address("198.51.100.1");
	update(&bed);
	assert_true(has_route("fd20::/64"));

	peer->allowed_ips_count = 0;
	update(&bed);
	assert_false(has_route("fd20::/64"));
	assert_int_equal(bed.log.count, 2);
	end(&bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_prefixes_become_routes),
		cmocka_unit_test(prefixes_that_would_cut_us_off_do_not),
		cmocka_unit_test(endpoints_of_other_tunnels_count),
		cmocka_unit_test(the_endpoint_in_use_counts_besides_the_configured_one),
		cmocka_unit_test(routes_follow_the_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
