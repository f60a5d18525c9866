/*
 * Two host applications of the library in one process: what they are made of.
 */
#include "hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define BUFFERS 2047
#define PATIENCE_S 60
/* The number stands behind the headers; what follows depends on it. */
#define HEADERS_LEN(version) ((version) == 4 ? 28U : 48U)

static const char *const private_keys[] = {"8KLJ8jC8Eyw2O5jgHc32X0KsCo0ZPkK2xap0k/s3lUg=",
	"YInyDwXHBHwkd44cSWdIaEFh1ZI/mFNs8cnByQpLLVQ="};
static const char *const public_keys[] = {"ighA+8WO8NAU/rmooAAnLftu6rywaJ+8A5kTC+2QSAA=",
	"quO1/6e0lrXLljlpMiYsKIGge2ttWfS//u0K5QWTVzg="};

static void
write_log(void *context, enum gl_log_level level, const char *line)
{
	fprintf(stderr, "%s\n", line);
}

/* As a NIC does it: takes what there is room for. */
static uint16_t
to_wire(void *context, unsigned lane, struct rte_mbuf *frames[], uint16_t count)
{
	struct host *to = ((struct host *)context)->other;
	struct host_lane *at = &to->lanes[(lane + 1) % to->lane_count];

	return (uint16_t)rte_ring_enqueue_burst(at->wire, (void **)frames, count, NULL);
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
load(unsigned i, bool outer6)
{
	const struct gl_log log = {.level = GL_LOG_WARNING, .write = write_log};
	char folder[] = "/tmp/guardlane-hosts-XXXXXX";
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
		"[Peer]\nPublicKey = %s\nAllowedIPs = 10.8.3.%u/32, fd08:3::%u/128\n"
		"Endpoint = %s%u%s:4567\n",
		public_keys[1 - i], 2 - i, 2 - i, outer6 ? "[2001:db8::" : "192.0.2.", 2 - i,
		outer6 ? "]" : "");
	write_file(public_path, text);
	config = gl_config_load(private_path, public_path, true, &log);
	assert_non_null(config);
	unlink(private_path);
	unlink(public_path);
	rmdir(folder);
	return config;
}

static void
create(struct host *host, unsigned i, struct rte_mempool *pool, const struct hosts_options *options)
{
	static const char *const addresses[][2] = {
		{"10.8.3.1", "10.8.3.2"}, {"fd08:3::1", "fd08:3::2"}};
	struct gl_config *config = load(i, options->outer6);
	const struct gl_underlay underlay = {
		.transmit = to_wire,
		.context = host,
		.mac = {2, 0, 0, 0, 0, (uint8_t)(i + 1)},
		.next_hop = {2, 0, 0, 0, 0, (uint8_t)(2 - i)},
		.mtu = options->mtu,
		.address = i == 0 ? "192.0.2.1" : "192.0.2.2",
		.address6 = i == 0 ? "2001:db8::1" : "2001:db8::2",
	};

	assert_int_equal(gl_gateway_create(
				 &(const struct gl_gateway_settings){
					 .host_underlay = &underlay,
					 .lane_count = host->lane_count,
					 .busy = true,
					 .pool = pool,
					 .log = {.level = GL_LOG_WARNING, .write = write_log},
				 },
				 &host->gateway),
		0);
	assert_int_equal(gl_gateway_add_tunnel(host->gateway,
				 &(const struct gl_tunnel_settings){
					 .config = config,
					 .host = i == 0 ? "none:gl-lanes-0" : "none:gl-lanes-1",
					 .pipeline = "library",
					 .vpn_address = addresses[options->address6][i],
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
make_wires(struct host *host, unsigned number)
{
	char name[RTE_RING_NAMESIZE];

	for (unsigned i = 0; i < host->lane_count; i++) {
		snprintf(name, sizeof(name), "wire%u_%u", number, i);
		host->lanes[i].wire =
			rte_ring_create(name, HOSTS_WIRE_DEPTH, SOCKET_ID_ANY, RING_F_SC_DEQ);
		assert_non_null(host->lanes[i].wire);
	}
}

void
hosts_begin(struct hosts *hosts, const struct hosts_options *wanted)
{
	struct hosts_options options = *wanted;

	options.lanes = options.lanes != 0 ? options.lanes : 1;
	options.mtu = options.mtu != 0 ? options.mtu : 1500;
	memset(hosts, 0, sizeof(*hosts));
	hosts->pool = rte_pktmbuf_pool_create_by_ops("host", BUFFERS, 0, 0,
		(uint16_t)(options.mtu + 548 + RTE_PKTMBUF_HEADROOM), SOCKET_ID_ANY, "ring_mt_rts");
	assert_non_null(hosts->pool);
	hosts->pool_full = rte_mempool_avail_count(hosts->pool);
	for (unsigned i = 0; i < 2; i++) {
		struct host *host = &hosts->hosts[i];

		host->other = &hosts->hosts[1 - i];
		host->lane_count = options.lanes;
		make_wires(host, i);
		create(host, i, hosts->pool, &options);
	}
	assert_int_equal(gl_gateway_start(hosts->hosts[0].gateway), 0);
	start_duties(&hosts->hosts[1]);
	hosts_online(hosts, true);
}

static void
free_wires(struct host *host)
{
	void *frame;

	for (unsigned i = 0; i < host->lane_count; i++) {
		struct host_lane *lane = &host->lanes[i];

		while (rte_ring_dequeue(lane->wire, &frame) == 0)
			rte_pktmbuf_free(frame);
		rte_ring_free(lane->wire);
		rte_pktmbuf_free_bulk(lane->received, lane->received_count);
		rte_pktmbuf_free_bulk(lane->others, lane->other_count);
	}
}

void
hosts_end(struct hosts *hosts)
{
	hosts_online(hosts, false);
	for (unsigned i = 0; i < 2; i++) {
		struct host *host = &hosts->hosts[i];

		gl_gateway_stop(host->gateway);
		for (unsigned d = 0; d < GL_DUTY_COUNT && host->runs_duties; d++)
			pthread_join(host->duties[d], NULL);
		gl_gateway_destroy(host->gateway);
	}
	for (unsigned i = 0; i < 2; i++)
		free_wires(&hosts->hosts[i]);
	assert_int_equal(rte_mempool_avail_count(hosts->pool), hosts->pool_full);
	rte_mempool_free(hosts->pool);
}

void
hosts_online(struct hosts *hosts, bool online)
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned lane = 0; lane < hosts->hosts[i].lane_count; lane++)
			(online ? gl_lane_online : gl_lane_offline)(hosts->hosts[i].gateway, lane);
}

uint16_t
hosts_round(struct host *host, unsigned number)
{
	struct host_lane *lane = &host->lanes[number];

	rte_pktmbuf_free_bulk(lane->received, lane->received_count);
	rte_pktmbuf_free_bulk(lane->others, lane->other_count);
	lane->other_count = (uint16_t)rte_ring_dequeue_burst(
		lane->wire, (void **)lane->others, HOSTS_ROOM, NULL);
	lane->received_count = gl_lane_receive(host->gateway, number, lane->others,
		&lane->other_count, lane->received, HOSTS_ROOM);
	return lane->received_count;
}

void
hosts_await(struct host *host, unsigned number)
{
	const time_t give_up = time(NULL) + PATIENCE_S;

	while (hosts_round(host, number) == 0) {
		for (unsigned lane = 0; lane < host->lane_count; lane++) {
			hosts_round(host->other, lane);
			if (lane != number)
				hosts_round(host, lane);
		}
		if (time(NULL) > give_up)
			fail_msg("nothing received in %d s", PATIENCE_S);
		usleep(200);
	}
}

static uint8_t
filling(uint32_t number, unsigned at)
{
	return (uint8_t)(number * 7 + at * 3 + (at >> 8));
}

struct rte_mbuf *
hosts_packet(const struct hosts *hosts, unsigned version, unsigned from, uint8_t to, uint16_t len,
	uint32_t number)
{
	static const uint8_t address4[] = {10, 8, 3};
	static const uint8_t address6[] = {0xfd, 0x08, 0, 3};
	const unsigned headers_len = HEADERS_LEN(version);
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(hosts->pool);
	uint8_t *data;

	assert_non_null(mbuf);
	assert_true(len >= headers_len + sizeof(number));
	data = (uint8_t *)rte_pktmbuf_append(mbuf, len);
	assert_non_null(data);
	memset(data, 0, headers_len);
	data[0] = version == 4 ? 0x45 : 0x60;
	if (version == 4) {
		memcpy(data + 2, (const uint8_t[]){(uint8_t)(len >> 8), (uint8_t)len}, 2);
		memcpy(data + 8, (const uint8_t[]){64, 17}, 2);
		memcpy(data + 12, address4, 3), data[15] = (uint8_t)(from + 1);
		memcpy(data + 16, address4, 3), data[19] = to;
	} else {
		memcpy(data + 4, (const uint8_t[]){(uint8_t)((len - 40) >> 8), (uint8_t)(len - 40)},
			2);
		memcpy(data + 6, (const uint8_t[]){17, 64}, 2);
		memcpy(data + 8, address6, 4), data[23] = (uint8_t)(from + 1);
		memcpy(data + 24, address6, 4), data[39] = to;
	}
	memcpy(data + headers_len, &number, sizeof(number));
	for (unsigned at = headers_len + sizeof(number); at < len; at++)
		data[at] = filling(number, at);
	return mbuf;
}

int64_t
hosts_packet_number(const struct rte_mbuf *packet)
{
	const uint8_t *data = rte_pktmbuf_mtod(packet, const uint8_t *);
	const unsigned version = data[0] >> 4;
	const unsigned len =
		version == 4 ? data[2] * 256U + data[3] : data[4] * 256U + data[5] + 40;
	const unsigned headers_len = HEADERS_LEN(version);
	uint32_t number;

	if (packet->nb_segs != 1 || rte_pktmbuf_pkt_len(packet) != len ||
		len < headers_len + sizeof(number))
		return -1;
	memcpy(&number, data + headers_len, sizeof(number));
	for (unsigned at = headers_len + sizeof(number); at < len; at++)
		if (data[at] != filling(number, at))
			return -1;
	return number;
}

void
hosts_inject(struct host *host, unsigned lane, struct rte_mbuf *packet)
{
	assert_int_equal(gl_lane_transmit(host->gateway, lane, 0, &packet, 1), 1);
}

uint64_t
hosts_drops(struct host *host, const char *reason)
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

uint16_t
hosts_mtu(struct host *host)
{
	struct gl_status *status;
	uint16_t mtu;

	assert_int_equal(gl_gateway_status(host->gateway, &status), 0);
	mtu = (uint16_t)status->tunnels[0].mtu;
	gl_status_destroy(status);
	return mtu;
}
