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
	struct tunnel other; /* a tunnel that is there already, with one peer */
	struct peer *other_peer;
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
	assert_int_equal(tun_open("wg0", 1420, &address, 1, &bed->log.log, &bed->tun), 0);
	TAILQ_INIT(&bed->other.peers);
	bed->other_peer = calloc(1, sizeof(*bed->other_peer));
	assert_non_null(bed->other_peer);
	TAILQ_INSERT_TAIL(&bed->other.peers, bed->other_peer, entry);
	bed->control.nexthops = bed->nexthops;
	bed->control.log = &bed->log.log;
	bed->control.tunnels[bed->control.tunnel_count++] = &bed->other;
	pthread_mutex_init(&bed->control.lock, NULL);
}

static void
end(struct bed *bed)
{
	free(bed->other_peer);
	tun_close(&bed->tun);
	nexthops_destroy(bed->nexthops);
	pthread_mutex_destroy(&bed->control.lock);
	lab_leave();
}

/* Adds the one prefix for a peer at `host`; returns whether there is a route then. */
static bool
routed(struct bed *bed, const char *prefix, const char *host)
{
	struct prefix allowed = lab_prefix(prefix);
	struct tunnel_config_peer peer = {.allowed_ips = &allowed, .allowed_ips_count = 1};
	const struct tunnel_config config = {.peers = &peer, .peer_count = 1};

	strncpy(peer.host, host, sizeof(peer.host) - 1);
	host_routes_add(&bed->tun, &config, &bed->control);
	return lab_succeeds("ip -%d route show dev wg0 exact %s proto 103 | grep -q .",
		allowed.address.family, prefix);
}

static void
ordinary_prefixes_become_routes(void **state)
{
	static const char *const prefixes[] = {"10.20.0.2/32", "192.168.0.0/16", "10.7.1.0/24",
		"10.6.0.0/16", "fd20::/64", "fd07:0:0:1::/64", "2001:db8::7/128"};
	struct bed bed;

	begin(&bed);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!routed(&bed, prefixes[i], "198.51.100.1"))
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
	struct bed bed;

	begin(&bed);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (routed(&bed, cases[i].prefix, "198.51.100.1"))
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
	struct bed bed;

	begin(&bed);
	bed.other_peer->endpoint.address = lab_address("203.0.113.9");
	assert_false(routed(&bed, "203.0.113.0/24", "vpn.example"));
	assert_true(lab_log_has(&bed.log, "a peer's endpoint"));
	assert_true(routed(&bed, "203.0.112.0/24", "vpn.example"));
	end(&bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_prefixes_become_routes),
		cmocka_unit_test(prefixes_that_would_cut_us_off_do_not),
		cmocka_unit_test(endpoints_of_other_tunnels_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
