/*
 * Who comes to a pipeline's socket, who is sent away, and when the next one may come. The test is
 * the other side, the loop that management would run, and the lane.
 */
#include "control/pipeline.h"

#include "control/control.h"

#include "pair.h"

#include <ev.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LANES 2
#define PATIENCE_MS 20000
/* Long enough for what must not happen. */
#define A_WHILE_MS 50

struct bed {
	struct pair *pair;
	struct control *control;
	struct ev_loop *loop;
	struct port *port;
	struct pipeline *pipeline;
	char path[MEMIF_PATH_MAX + 1];
};

/* The other side. */
struct client {
	struct memif_terms terms;
	struct memif_channel channel;
};

static void
begin(struct bed *bed)
{
	memset(bed, 0, sizeof(*bed));
	bed->pair = pair_begin(&(const struct pair_options){.sites = 2});
	bed->control = &bed->pair->sites[0].gateway->control;
	bed->loop = ev_loop_new(EVFLAG_AUTO);
	assert_non_null(bed->loop);
	snprintf(bed->path, sizeof(bed->path), "@guardlane-pipeline-%d", (int)getpid());
	assert_int_equal(port_memif_create(
				 &(const struct port_memif_settings){
					 .name = "memif",
					 .queue_count = LANES,
					 .pool = bed->pair->pool,
				 },
				 &bed->port),
		0);
	assert_int_equal(pipeline_create(
				 &(const struct pipeline_settings){
					 .name = "tunnel",
					 .path = bed->path,
					 .terms = {.id = 3, .ring_max = LANES, .name = "ours"},
					 .port = bed->port,
				 },
				 bed->control, bed->loop, &bed->pipeline),
		0);
	reclaim_online(bed->control->reclaim, 0);
}

static void
end(struct bed *bed)
{
	reclaim_offline(bed->control->reclaim, 0);
	pipeline_destroy(bed->pipeline);
	port_close(bed->port);
	ev_loop_destroy(bed->loop);
	pair_end(bed->pair);
}

static struct pipeline_facts
facts_of(const struct bed *bed)
{
	struct pipeline_facts facts;

	pipeline_facts(bed->pipeline, &facts);
	return facts;
}

static void
run_for(struct bed *bed, unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		ev_run(bed->loop, EVRUN_NOWAIT);
		usleep(1000);
	}
}

static void
client_begin(struct client *client, const struct bed *bed)
{
	const int fd = memif_socket_connect(bed->path);

	assert_true(fd >= 0);
	client->terms = (struct memif_terms){
		.client = true,
		.id = 3,
		.ring_max = 1,
		.size_log2 = 4,
		.buffer_len = 1024,
		.name = "theirs",
	};
	assert_int_equal(memif_channel_init(&client->channel, &client->terms, fd), 0);
}

static void
client_end(struct client *client)
{
	memif_channel_fini(&client->channel);
}

/* Both talk until the connection is up at both ends; false: it does not come up in that time. */
static bool
client_comes_up(struct bed *bed, struct client *client, unsigned ms)
{
	bool up = false;

	for (unsigned i = 0; i < ms && !(up && facts_of(bed).connected); i++) {
		run_for(bed, 1);
		up |= memif_channel_step(&client->channel) == 1;
	}
	return up && facts_of(bed).connected;
}

static void
await_disconnect(struct bed *bed)
{
	for (unsigned i = 0; i < PATIENCE_MS && facts_of(bed).connected; i++)
		run_for(bed, 1);
	assert_false(facts_of(bed).connected);
}

static void
a_client_is_known_by_its_name_and_rings(void **state)
{
	struct bed bed;
	struct client client;
	struct pipeline_facts facts;

	begin(&bed);
	facts = facts_of(&bed);
	assert_false(facts.connected);
	assert_string_equal(facts.path, bed.path);
	assert_int_equal(facts.connects, 0);
	client_begin(&client, &bed);
	assert_true(client_comes_up(&bed, &client, PATIENCE_MS));
	facts = facts_of(&bed);
	assert_string_equal(facts.interface, "theirs");
	assert_int_equal(facts.rx_rings, 1);
	assert_int_equal(facts.tx_rings, 1);
	assert_int_equal(facts.ring_size, 16);
	assert_int_equal(facts.connects, 1);
	assert_true(bed.port->up);
	client_end(&client);
	end(&bed);
}

/* The memory of who has gone is unmapped, and the next one let in, when the lane has come round. */
static void
the_next_one_comes_when_no_lane_looks_any_more(void **state)
{
	struct bed bed;
	struct client first;
	struct client second;

	begin(&bed);
	client_begin(&first, &bed);
	assert_true(client_comes_up(&bed, &first, PATIENCE_MS));
	client_begin(&second, &bed);
	assert_false(client_comes_up(&bed, &second, A_WHILE_MS));
	client_end(&first);
	await_disconnect(&bed);
	assert_false(bed.port->up);
	assert_int_equal(facts_of(&bed).rx_rings, 0);
	assert_true(strlen(facts_of(&bed).why) > 0);
	assert_false(client_comes_up(&bed, &second, A_WHILE_MS));
	reclaim_quiescent(bed.control->reclaim, 0);
	assert_true(client_comes_up(&bed, &second, PATIENCE_MS));
	assert_int_equal(facts_of(&bed).connects, 2);
	assert_int_equal(facts_of(&bed).violations, 0);
	client_end(&second);
	end(&bed);
}

static void
who_breaks_the_rules_of_the_rings_is_disconnected(void **state)
{
	struct bed bed;
	struct client client;
	struct rte_mbuf *mbuf;

	begin(&bed);
	client_begin(&client, &bed);
	assert_true(client_comes_up(&bed, &client, PATIENCE_MS));
	/* More than the ring has room for, which the lane finds. */
	client.channel.link->tx[0].ring.shared->head = 1000;
	assert_int_equal(port_receive(bed.port, 0, &mbuf, 1), 0);
	await_disconnect(&bed);
	assert_int_equal(facts_of(&bed).violations, 1);
	assert_non_null(strstr(facts_of(&bed).why, "index"));
	client_end(&client);
	end(&bed);
}

static void
who_says_nothing_makes_room_for_the_next_one(void **state)
{
	struct bed bed;
	struct client silent;
	struct client client;

	begin(&bed);
	client_begin(&silent, &bed);
	run_for(&bed, A_WHILE_MS);
	assert_int_equal(facts_of(&bed).refused, 0);
	bed.pair->sites[0].clock.boot_ns += 11 * NS_IN_S;
	for (unsigned i = 0; i < PATIENCE_MS && facts_of(&bed).refused == 0; i++)
		run_for(&bed, 1);
	assert_int_equal(facts_of(&bed).refused, 1);
	assert_non_null(strstr(facts_of(&bed).why, "nothing"));
	client_end(&silent);
	client_begin(&client, &bed);
	assert_true(client_comes_up(&bed, &client, PATIENCE_MS));
	client_end(&client);
	end(&bed);
}

static void
one_socket_is_one_pipelines(void **state)
{
	struct bed bed;
	struct pipeline *second;

	begin(&bed);
	assert_int_equal(pipeline_create(
				 &(const struct pipeline_settings){
					 .name = "tunnel",
					 .path = bed.path,
					 .terms = {.ring_max = LANES},
					 .port = bed.port,
				 },
				 bed.control, bed.loop, &second),
		-EADDRINUSE);
	end(&bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_is_known_by_its_name_and_rings),
		cmocka_unit_test(the_next_one_comes_when_no_lane_looks_any_more),
		cmocka_unit_test(who_breaks_the_rules_of_the_rings_is_disconnected),
		cmocka_unit_test(who_says_nothing_makes_room_for_the_next_one),
		cmocka_unit_test(one_socket_is_one_pipelines),
	};

	return cmocka_run_group_tests(tests, pair_eal, pair_eal_end);
}
