/*
 * Lanes in the hands of the host application: two gateways in one process, of which this test is
 * the host, the NICs and the wire between them.
 */
#include "guardlane.h"

#include "eal.h"

#include <rte_mbuf.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WIRE_DEPTH 512
#define ROOM 128U
#define PATIENCE_S 30

/* One host: its gateway, and the frames that are on the wire to it. */
struct host {
	struct gl_gateway *gateway;
	struct host *other;
	struct rte_mbuf *wire[WIRE_DEPTH];
	unsigned wire_count;
	pthread_t duties[GL_DUTY_COUNT]; /* of a host that runs them itself */
	bool runs_duties;
	struct rte_mbuf *received[ROOM]; /* inner packets of the last round */
	uint16_t received_count;
	struct rte_mbuf *others[ROOM]; /* and what was not the gateway's */
	uint16_t other_count;
};

struct pair_of_hosts {
	struct host hosts[2];
	struct rte_mempool *pool;
	unsigned pool_full;
};

static const char *const private_keys[] = {"8KLJ8jC8Eyw2O5jgHc32X0KsCo0ZPkK2xap0k/s3lUg=",
	"YInyDwXHBHwkd44cSWdIaEFh1ZI/mFNs8cnByQpLLVQ="};
static const char *const public_keys[] = {"ighA+8WO8NAU/rmooAAnLftu6rywaJ+8A5kTC+2QSAA=",
	"quO1/6e0lrXLljlpMiYsKIGge2ttWfS//u0K5QWTVzg="};

static void
ignore(void *context, enum gl_log_level level, const char *line)
{
	fprintf(stderr, "%s\n", line);
}

/* As a NIC does it: takes what there is room for. */
static uint16_t
to_wire(void *context, unsigned lane, struct rte_mbuf *frames[], uint16_t count)
{
	struct host *to = ((struct host *)context)->other;
	uint16_t sent = 0;

	while (sent < count && to->wire_count < WIRE_DEPTH)
		to->wire[to->wire_count++] = frames[sent++];
	return sent;
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static struct gl_config *
load(unsigned i)
{
	const struct gl_log log = {.level = GL_LOG_WARNING, .write = ignore};
	char folder[] = "/tmp/guardlane-lanes-XXXXXX";
	char private_path[64];
	char public_path[64];
	char text[512];
	struct gl_config *config;

	assert_non_null(mkdtemp(folder));
	snprintf(private_path, sizeof(private_path), "%s/private", folder);
	snprintf(public_path, sizeof(public_path), "%s/public", folder);
	snprintf(text, sizeof(text), "[Interface]\nListenPort = 4567\nPrivateKey = %s\n",
		private_keys[i]);
	write_file(private_path, text);
	snprintf(text, sizeof(text),
		"[Peer]\nPublicKey = %s\nAllowedIPs = 10.8.3.%u/32\nEndpoint = 192.0.2.%u:4567\n",
		public_keys[1 - i], 2 - i, 2 - i);
	write_file(public_path, text);
	config = gl_config_load(private_path, public_path, true, &log);
	assert_non_null(config);
	unlink(private_path);
	unlink(public_path);
	rmdir(folder);
	return config;
}

static void
create(struct host *host, unsigned i, struct rte_mempool *pool)
{
	struct gl_config *config = load(i);
	const struct gl_underlay underlay = {
		.transmit = to_wire,
		.context = host,
		.mac = {2, 0, 0, 0, 0, (uint8_t)(i + 1)},
		.next_hop = {2, 0, 0, 0, 0, (uint8_t)(2 - i)},
		.mtu = 1500,
		.address = i == 0 ? "192.0.2.1" : "192.0.2.2",
	};

	assert_int_equal(gl_gateway_create(
				 &(const struct gl_gateway_settings){
					 .host_underlay = &underlay,
					 .lane_count = 1,
					 .busy = true,
					 .pool = pool,
					 .log = {.level = GL_LOG_WARNING, .write = ignore},
				 },
				 &host->gateway),
		0);
	assert_int_equal(gl_gateway_add_tunnel(host->gateway,
				 &(const struct gl_tunnel_settings){
					 .config = config,
					 .host = i == 0 ? "none:gl-lanes-0" : "none:gl-lanes-1",
					 .pipeline = "library",
					 .vpn_address = i == 0 ? "10.8.3.1" : "10.8.3.2",
				 }),
		0);
	gl_config_destroy(config);
}

struct duty {
	struct gl_gateway *gateway;
	enum gl_duty duty;
};

static void *
run_duty(void *argument)
{
	const struct duty duty = *(struct duty *)argument;

	free(argument);
	gl_gateway_run(duty.gateway, duty.duty);
	return NULL;
}

/* The second host has threads of its own for the gateway's duties. */
static void
start_duties(struct host *host)
{
	host->runs_duties = true;
	for (unsigned i = 0; i < GL_DUTY_COUNT; i++) {
		struct duty *duty = malloc(sizeof(*duty));

		assert_non_null(duty);
		*duty = (struct duty){.gateway = host->gateway, .duty = (enum gl_duty)i};
		assert_int_equal(pthread_create(&host->duties[i], NULL, run_duty, duty), 0);
	}
}

static void
begin(struct pair_of_hosts *pair)
{
	memset(pair, 0, sizeof(*pair));
	pair->pool = rte_pktmbuf_pool_create_by_ops(
		"host", 2047, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY, "ring_mt_rts");
	assert_non_null(pair->pool);
	pair->pool_full = rte_mempool_avail_count(pair->pool);
	for (unsigned i = 0; i < 2; i++) {
		pair->hosts[i].other = &pair->hosts[1 - i];
		create(&pair->hosts[i], i, pair->pool);
	}
	assert_int_equal(gl_gateway_start(pair->hosts[0].gateway), 0);
	start_duties(&pair->hosts[1]);
	for (unsigned i = 0; i < 2; i++)
		gl_lane_online(pair->hosts[i].gateway, 0);
}

/* Every buffer must be back in the host's pool when both gateways are gone. */
static void
end(struct pair_of_hosts *pair)
{
	for (unsigned i = 0; i < 2; i++) {
		struct host *host = &pair->hosts[i];

		gl_lane_offline(host->gateway, 0);
		gl_gateway_stop(host->gateway);
		for (unsigned d = 0; d < GL_DUTY_COUNT && host->runs_duties; d++)
			pthread_join(host->duties[d], NULL);
		gl_gateway_destroy(host->gateway);
		rte_pktmbuf_free_bulk(host->received, host->received_count);
		rte_pktmbuf_free_bulk(host->others, host->other_count);
	}
	for (unsigned i = 0; i < 2; i++)
		rte_pktmbuf_free_bulk(pair->hosts[i].wire, pair->hosts[i].wire_count);
	assert_int_equal(rte_mempool_avail_count(pair->pool), pair->pool_full);
	rte_mempool_free(pair->pool);
}

/* Hands all that is on the wire to the host's lane, whose packets then replace the last ones. */
static uint16_t
round_of(struct host *host)
{
	uint16_t count = (uint16_t)RTE_MIN(host->wire_count, ROOM);

	rte_pktmbuf_free_bulk(host->received, host->received_count);
	rte_pktmbuf_free_bulk(host->others, host->other_count);
	for (unsigned i = 0; i < count; i++)
		host->others[i] = host->wire[i];
	host->wire_count -= count;
	for (unsigned i = 0; i < host->wire_count; i++)
		host->wire[i] = host->wire[count + i];
	host->other_count = count;
	host->received_count = gl_lane_receive(
		host->gateway, 0, host->others, &host->other_count, host->received, ROOM);
	return host->received_count;
}

/* Rounds of both until `host` has received something. */
static void
await(struct pair_of_hosts *pair, struct host *host)
{
	const time_t give_up = time(NULL) + PATIENCE_S;

	while (round_of(host) == 0) {
		round_of(host->other);
		if (time(NULL) > give_up)
			fail_msg("nothing received in %d s", PATIENCE_S);
		usleep(200);
	}
}

/* IPv4, UDP, with a number behind the headers. */
static struct rte_mbuf *
packet(const struct pair_of_hosts *pair, uint8_t from, uint8_t to, uint32_t number)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pair->pool);
	uint8_t *data;

	assert_non_null(mbuf);
	mbuf->data_len = 100;
	mbuf->pkt_len = 100;
	data = rte_pktmbuf_mtod(mbuf, uint8_t *);
	memset(data, 0, 100);
	memcpy(data, (const uint8_t[]){0x45, 0, 0, 100, 0, 0, 0, 0, 64, 17}, 10);
	memcpy(data + 12, (const uint8_t[]){10, 8, 3, from}, 4);
	memcpy(data + 16, (const uint8_t[]){10, 8, 3, to}, 4);
	memcpy(data + 28, &number, sizeof(number));
	return mbuf;
}

static uint32_t
number_of(const struct rte_mbuf *mbuf)
{
	uint32_t number;

	memcpy(&number, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, 28), sizeof(number));
	return number;
}

static uint64_t
drops(struct host *host, const char *reason)
{
	struct gl_status *status;
	uint64_t count = 0;

	assert_int_equal(gl_gateway_status(host->gateway, &status), 0);
	for (unsigned i = 0; gl_drop_reason(i) != NULL; i++)
		if (strcmp(gl_drop_reason(i), reason) == 0)
			count = status->drops[i];
	gl_status_destroy(status);
	return count;
}

static void
inject(struct host *host, struct rte_mbuf *mbuf)
{
	assert_int_equal(gl_lane_transmit(host->gateway, 0, 0, &mbuf, 1), 1);
}

/* One waits for the handshake; the others follow it. */
static void
packets_arrive_in_order_and_say_where_they_are_from(void **state)
{
	struct pair_of_hosts pair;
	uint32_t next = 0;

	begin(&pair);
	for (unsigned i = 0; i < 2; i++) {
		struct host *from = &pair.hosts[i];
		struct host *to = from->other;
		const size_t offset = gl_origin_offset(to->gateway);

		next = 0;
		for (uint32_t number = 0; number < 100; number++)
			inject(from, packet(&pair, (uint8_t)(i + 1), (uint8_t)(2 - i), number));
		while (next < 100) {
			await(&pair, to);
			for (unsigned k = 0; k < to->received_count; k++) {
				const struct gl_origin *origin =
					gl_packet_origin(to->received[k], offset);

				assert_int_equal(rte_pktmbuf_pkt_len(to->received[k]), 100);
				assert_int_equal(number_of(to->received[k]), next++);
				assert_int_equal(origin->peer, 1);
				assert_int_equal(origin->tunnel, 0);
			}
		}
	}
	end(&pair);
}

static void
frames_that_are_not_ours_come_back_in_order(void **state)
{
	struct pair_of_hosts pair;
	struct host *host = &pair.hosts[0];

	begin(&pair);
	/* More than a burst, ARP by their type. */
	for (uint32_t i = 0; i < 100; i++) {
		struct rte_mbuf *mbuf = packet(&pair, 1, 2, i);

		memcpy(rte_pktmbuf_mtod_offset(mbuf, uint8_t *, 12), "\x08\x06", 2);
		host->wire[host->wire_count++] = mbuf;
	}
	assert_int_equal(round_of(host), 0);
	for (uint32_t i = 0, next = 0; i < host->other_count; i++)
		assert_int_equal(number_of(host->others[i]), next++);
	assert_in_range(host->other_count, 100, ROOM);
	end(&pair);
}

static void
what_cannot_be_sent_is_answered_or_counted(void **state)
{
	struct pair_of_hosts pair;
	struct host *host = &pair.hosts[0];
	struct rte_mbuf *mbuf;
	struct rte_mbuf *tail;
	const struct gl_origin *origin;

	begin(&pair);
	mbuf = packet(&pair, 1, 2, 0);
	assert_int_equal(gl_lane_transmit(host->gateway, 0, 1, &mbuf, 1), 0);
	tail = packet(&pair, 1, 2, 1);
	assert_int_equal(rte_pktmbuf_chain(mbuf, tail), 0);
	inject(host, mbuf);
	assert_int_equal(drops(host, "out_segmented"), 1);
	/* Nobody has this address. The answer is an ICMP error from ours. */
	inject(host, packet(&pair, 1, 77, 2));
	assert_int_equal(drops(host, "out_no_peer"), 1);
	await(&pair, host);
	origin = gl_packet_origin(host->received[0], gl_origin_offset(host->gateway));
	assert_int_equal(origin->peer, 0);
	assert_int_equal(*rte_pktmbuf_mtod_offset(host->received[0], uint8_t *, 9), 1);
	end(&pair);
}

static int
setup(void **state)
{
	return eal_start();
}

static int
teardown(void **state)
{
	return eal_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_arrive_in_order_and_say_where_they_are_from),
		cmocka_unit_test(frames_that_are_not_ours_come_back_in_order),
		cmocka_unit_test(what_cannot_be_sent_is_answered_or_counted),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
