/*
 * What a gateway takes and refuses, with the words that it says about it.
 */
#include "gateway/gateway.h"

#include "pair.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct said {
	char line[1024]; /* the last one that was an error */
	unsigned count;
};

static void
hear(void *context, enum log_level level, const char *line)
{
	struct said *said = context;

	if (level != LOG_LEVEL_ERROR)
		return;
	said->count++;
	snprintf(said->line, sizeof(said->line), "%s", line);
}

static struct pair *
begin(struct said *said)
{
	struct pair *pair = pair_begin(&(const struct pair_options){.gateways = 1});

	*said = (struct said){.count = 0};
	pair->sites[0].log = (struct log){.level = LOG_LEVEL_INFO, .write = hear, .context = said};
	return pair;
}

/* Adds a tunnel without a host device, and without peers unless the configuration has some. */
static int
add(struct pair *pair, uint16_t port, const struct tunnel_config *config)
{
	struct prefix address;
	struct port *inner;

	assert_int_equal(prefix_parse("10.9.0.1", &address, NULL), 0);
	return gateway_add_tunnel(pair->sites[0].gateway,
		&(const struct gateway_tunnel_settings){
			.config = config,
			.name = "second",
			.listen_port = port,
			.addresses = &address,
			.address_count = 1,
		},
		&inner);
}

static void
assert_said(const struct said *said, const char *words)
{
	assert_int_equal(said->count, 1);
	if (strstr(said->line, words) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", words, said->line);
}

/* The underlay's MTU is 1500. */
static void
an_mtu_that_does_not_fit_the_underlay_is_refused(void **state)
{
	static const uint32_t wrong[] = {1, 1279, 1421, 1440, 9000, UINT32_MAX};
	static const uint32_t right[] = {0, 1280, 1420};
	struct said said;
	struct pair *pair = begin(&said);

	for (size_t i = 0; i < RTE_DIM(wrong); i++) {
		char words[64];

		said.count = 0;
		assert_int_equal(
			add(pair, 5000, &(const struct tunnel_config){.mtu = wrong[i]}), -EINVAL);
		snprintf(words, sizeof(words), "MTU = %u does not fit", wrong[i]);
		assert_said(&said, words);
		assert_said(&said, "MTU is 1500");
		assert_said(&said, "1280 to 1420");
	}
	for (size_t i = 0; i < RTE_DIM(right); i++)
		assert_int_equal(add(pair, (uint16_t)(5000 + i),
					 &(const struct tunnel_config){.mtu = right[i]}),
			0);
	pair_end(pair);
}

/* The first tunnel has one. */
static void
more_peers_than_there_is_room_for_are_refused(void **state)
{
	struct tunnel_config_peer *peers = calloc(GATEWAY_PEERS_MAX, sizeof(*peers));
	const struct tunnel_config config = {.peers = peers, .peer_count = GATEWAY_PEERS_MAX};
	struct said said;
	struct pair *pair = begin(&said);

	assert_non_null(peers);
	for (uint32_t i = 0; i < GATEWAY_PEERS_MAX; i++)
		memcpy(peers[i].public_key, &i, sizeof(i));
	assert_int_equal(add(pair, 5000, &config), -ENOSPC);
	assert_said(&said, "there are 65537, and a gateway has 65536 at most");
	free(peers);
	pair_end(pair);
}

static void
a_port_that_another_tunnel_has_is_refused(void **state)
{
	struct said said;
	struct pair *pair = begin(&said);

	assert_int_equal(add(pair, PAIR_PORT, &(const struct tunnel_config){.mtu = 0}), -EEXIST);
	assert_said(&said, "UDP port 4567 is already that of site0");
	pair_end(pair);
}

static void
more_tunnels_than_there_is_room_for_are_refused(void **state)
{
	const struct tunnel_config config = {.mtu = 0};
	struct said said;
	struct pair *pair = begin(&said);

	for (uint16_t i = 1; i < DIRECTORY_TUNNELS_MAX; i++)
		assert_int_equal(add(pair, (uint16_t)(5000 + i), &config), 0);
	assert_int_equal(add(pair, 6000, &config), -ENOSPC);
	assert_said(&said, "8 tunnels at most");
	pair_end(pair);
}

static void
more_lanes_than_there_is_room_for_are_refused(void **state)
{
	static const unsigned wrong[] = {0, GATEWAY_LANES_MAX + 1};

	for (size_t i = 0; i < RTE_DIM(wrong); i++) {
		struct said said = {.count = 0};
		const struct log log = {.write = hear, .context = &said};
		struct gateway *gateway = NULL;
		struct port *ends[2];
		char words[64];

		assert_int_equal(port_memory_pair("wire", 1, 64, true, ends), 0);
		assert_int_equal(gateway_create(
					 &(const struct gateway_settings){
						 .underlay = ends[0],
						 .lane_count = wrong[i],
						 .log = &log,
					 },
					 &gateway),
			-EINVAL);
		assert_null(gateway);
		snprintf(words, sizeof(words), "1 to 64 lanes, not %u", wrong[i]);
		assert_said(&said, words);
		port_close(ends[1]);
	}
}

/* Whether or not wg(8) can reach them; those of the harness it cannot. */
static void
all_tunnels_follow_the_next_hops(void **state)
{
	struct said said;
	struct pair *pair = begin(&said);
	struct pair_site *site = &pair->sites[0];
	struct control *control = &site->gateway->control;
	struct nexthops *before = control->nexthops;
	static const uint8_t mac[6] = {2};

	control->nexthops =
		nexthops_static_create(mac, mac, &site->addresses[0], &site->addresses[1], 1400);
	assert_non_null(control->nexthops);
	management_refresh(site->gateway->management);
	assert_int_equal(atomic_load(&pair_tunnel(pair, 0)->mtu), 1320);
	nexthops_destroy(control->nexthops);
	control->nexthops = before;
	pair_end(pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_mtu_that_does_not_fit_the_underlay_is_refused),
		cmocka_unit_test(more_peers_than_there_is_room_for_are_refused),
		cmocka_unit_test(a_port_that_another_tunnel_has_is_refused),
		cmocka_unit_test(more_tunnels_than_there_is_room_for_are_refused),
		cmocka_unit_test(more_lanes_than_there_is_room_for_are_refused),
		cmocka_unit_test(all_tunnels_follow_the_next_hops),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
