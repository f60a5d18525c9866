/*
 * Filling in a status by hand.
 */
#include "a_status.h"

#include <stdlib.h>
#include <string.h>

#define S UINT64_C(1000000000)
#define REASONS_MAX 64

static const char allowed_ips[3][GL_PREFIX_TEXT_MAX] = {
	"10.8.3.2/32", "10.8.3.3/32", "fd08:3::4/128"};
static const char address[1][GL_PREFIX_TEXT_MAX] = {"10.8.3.1/24"};
static const uint64_t none[REASONS_MAX];

static uint64_t drops[REASONS_MAX];
static struct gl_status_peer peers[3];
static struct gl_status_lane lane;
static struct gl_status_inner inner;
static struct gl_status_host host;
static struct gl_status_unknown_key unknown_key;
static struct gl_status_tunnel tunnel;
static struct gl_status status;

static void
make_peers(void)
{
	peers[0] = (struct gl_status_peer){
		.name = "db-2",
		.public_key = "acfzxE6ZsiYE4jIqsBicOt7oT8ZuKhxBvuz0+6JxiEc=",
		.configured_endpoint = "db-2.example:4567",
		.endpoint = "198.51.100.2:4567",
		.allowed_ips = &allowed_ips[0],
		.allowed_ip_count = 1,
		.persistent_keepalive_s = 25,
		.path_mtu = 1500,
		.state = GL_PEER_UP,
		.latest_handshake_ns = 1700000000 * S,
		.handshake_age_ns = 12 * S + S / 2,
		.rekeys = 7,
		.initiations_sent = 9,
		.rx_packets = 1000,
		.rx_bytes = 1288490189,
		.tx_packets = 2000,
		.tx_bytes = 1048576,
		.drops = none,
	};
	peers[1] = (struct gl_status_peer){
		.name = "a \"quoted\" \\ name",
		.public_key = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=",
		.configured_endpoint = "198.51.100.3:4567",
		.endpoint = "198.51.100.3:4567",
		.allowed_ips = &allowed_ips[1],
		.allowed_ip_count = 1,
		.path_mtu = 1500,
		.state = GL_PEER_HANDSHAKE,
		.initiations_sent = 12,
		.initiations_unanswered = 12,
		.unanswered_ns = 58 * S,
		.tx_bytes = 1776,
		.drops = drops,
		.diagnosis = GL_DIAGNOSIS_NEVER_ANSWERED,
		.diagnosis_text = "never answered, 12 initiations in 58 s",
		.remedy = "is it running?",
	};
	peers[2] = (struct gl_status_peer){
		.name = "CCCC…CCCA",
		.public_key = "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCA=",
		.allowed_ips = &allowed_ips[2],
		.allowed_ip_count = 1,
		.state = GL_PEER_IDLE,
		.drops = none,
		.diagnosis = GL_DIAGNOSIS_NO_ENDPOINT,
		.diagnosis_text = "no endpoint is known",
		.remedy = "give an Endpoint",
	};
}

static void
make_tunnel(void)
{
	inner = (struct gl_status_inner){.in = {0, 64, 1024}, .out = {3, 128, 1024}};
	host = (struct gl_status_host){
		.to_host_packets = 900, .from_host_packets = 1900, .to_host_errors = 1};
	unknown_key = (struct gl_status_unknown_key){.key = "DDDD…DDDA",
		.source = "198.51.100.9:4567",
		.initiations = 3,
		.age_ns = 4 * S};
	tunnel = (struct gl_status_tunnel){
		.name = "wg0",
		.public_key = "EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEA=",
		.listen_port = 4567,
		.addresses = address,
		.address_count = 1,
		.mtu = 1420,
		.host = &host,
		.inner = &inner,
		.peers = peers,
		.peer_count = 3,
		.unknown_keys = &unknown_key,
		.unknown_key_count = 1,
		.drops = none,
	};
}

struct gl_status *
a_status(void)
{
	memset(drops, 0, sizeof(drops));
	make_peers();
	make_tunnel();
	lane = (struct gl_status_lane){
		.busy_ns = 25 * S,
		.total_ns = 100 * S,
		.in_packets = 3200,
		.in_batches = 1000,
		.in_other = 17,
		.out_packets = 0,
		.out_batches = 0,
		.ready = {0, 2, 1023},
		.ordered = {0, 1, 65535},
		.drops = drops,
	};
	status = (struct gl_status){
		.uptime_ns = 7380 * S,
		.underlay = "net_af_packet0",
		.underlay_mtu = 1500,
		.handshakes = {0, 5, 4096},
		.raised = {0, 3, 65536},
		.drops = drops,
		.lanes = &lane,
		.lane_count = 1,
		.tunnels = &tunnel,
		.tunnel_count = 1,
	};
	return &status;
}

void
a_status_drop(const char *reason, uint64_t count)
{
	for (unsigned i = 0; gl_drop_reason(i) != NULL; i++)
		if (strcmp(gl_drop_reason(i), reason) == 0)
			drops[i] += count;
}
