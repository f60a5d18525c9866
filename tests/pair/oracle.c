/*
 * The state of a gateway, as an image that can be compared.
 * Threads: the test's.
 */
#include "oracle.h"

#include <rte_ring.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* More rounds than this at one time, and a gateway never comes to rest. */
#define ROUNDS_MAX 2000
/* How many frames of one type to one site are forged from. */
#define FORGED_MAX 3

/* Parts of the state, one after the other: a name, a length, the bytes. */
struct image {
	uint8_t *bytes;
	size_t len;
	size_t room;
};

struct part {
	const char *name;
	size_t len;
};

static void
add(struct image *image, const char *name, const void *bytes, size_t len)
{
	const struct part part = {.name = name, .len = len};

	if (image->len + sizeof(part) + len > image->room) {
		image->room = 2 * (image->len + sizeof(part) + len);
		image->bytes = realloc(image->bytes, image->room);
		assert_non_null(image->bytes);
	}
	memcpy(image->bytes + image->len, &part, sizeof(part));
	memcpy(image->bytes + image->len + sizeof(part), bytes, len);
	image->len += sizeof(part) + len;
}

static void
add_session(struct image *image, const char *name, const struct session *session)
{
	const bool there = session != NULL;

	add(image, name, &there, sizeof(there));
	if (there)
		add(image, name, session, sizeof(*session));
}

static void
add_encap(struct image *image, const struct encap *encap)
{
	const bool there = encap != NULL;

	add(image, "way", &there, sizeof(there));
	if (there)
		add(image, "way", encap, sizeof(*encap));
}

static void
add_peer(struct image *image, struct peer *peer, unsigned lane_count)
{
	const size_t len = peer_size(lane_count);
	struct peer *copy = aligned_alloc(_Alignof(struct peer), len);

	assert_non_null(copy);
	memcpy((void *)copy, (const void *)peer, len);
	memset(copy->control_drops, 0, sizeof(copy->control_drops));
	memset(&copy->signs, 0, sizeof(copy->signs));
	for (unsigned i = 0; i < lane_count; i++)
		memset(copy->lanes[i].drops, 0, sizeof(copy->lanes[i].drops));
	add(image, "peer", copy, len);
	free(copy);
	add(image, "allowed-ips", peer->allowed_ips,
		peer->allowed_ips_count * sizeof(peer->allowed_ips[0]));
	add_encap(image, atomic_load(&peer->encap));
	add_session(image, "previous session", peer->previous);
	add_session(image, "current session", atomic_load(&peer->current));
	add_session(image, "next session", atomic_load(&peer->next));
}

static void
add_tunnel(struct image *image, struct tunnel *tunnel)
{
	const struct index_table *indices = tunnel_indices(tunnel);
	struct tunnel *copy = malloc(sizeof(*copy));
	struct peer *peer;

	assert_non_null(copy);
	memcpy((void *)copy, (const void *)tunnel, sizeof(*copy));
	memset(copy->drops, 0, sizeof(copy->drops));
	memset(&copy->unknown_keys, 0, sizeof(copy->unknown_keys));
	memset((void *)&copy->wrong_keys, 0, sizeof(copy->wrong_keys));
	add(image, "tunnel", copy, sizeof(*copy));
	free(copy);
	add(image, "queue of handshakes", &tunnel->handshakes->count, sizeof(unsigned));
	add(image, "load", &tunnel->handshakes->loaded_until_ns, sizeof(uint64_t));
	add(image, "indices", &indices->count, sizeof(indices->count));
	add(image, "indices", (const void *)indices->sessions,
		(indices->mask + (size_t)1) * sizeof(indices->sessions[0]));
	TAILQ_FOREACH (peer, &tunnel->peers, entry)
		add_peer(image, peer, tunnel->lane_count);
}

static void
add_lane(struct image *image, const struct lane *lane, const struct rings *rings)
{
	const unsigned waiting[] = {rte_ring_count(rings->lanes[lane->settings.id].ordered),
		rte_ring_count(rings->lanes[lane->settings.id].ready)};

	add(image, "lane's rings", waiting, sizeof(waiting));
	add(image, "staged packets", &lane->staged_count, sizeof(lane->staged_count));
	add(image, "ICMP's allowance", &lane->icmp_tokens, sizeof(lane->icmp_tokens));
	add(image, "packets out", &lane->out_packets, sizeof(lane->out_packets));
}

/* What has left the gateway and is not yet taken. */
static unsigned
pending(const struct port *port)
{
	unsigned count = 0;

	for (uint16_t queue = 0; queue < port->queue_count; queue++)
		count += port_memory_pending(port, queue);
	return count;
}

static void
image_take(struct image *image, struct pair *pair, unsigned site)
{
	struct gateway *gateway = pair->sites[site].gateway;
	struct control *control = &gateway->control;
	const void *directory = atomic_load(&control->directory);
	const unsigned raised = rte_ring_count(gateway->rings.raised);
	const unsigned sent = pending(pair->wire.ends[site]);
	const unsigned delivered = pending(pair->sites[site].inner);

	*image = (struct image){.len = 0};
	add(image, "what is sent", &sent, sizeof(sent));
	add(image, "what is delivered", &delivered, sizeof(delivered));
	add(image, "what is delivered", &pair->sites[site].received_count, sizeof(uint64_t));
	add(image, "directory", &directory, sizeof(directory));
	add(image, "departures", &control->departures.count, sizeof(control->departures.count));
	add(image, "raised peers", &raised, sizeof(raised));
	for (unsigned i = 0; i < control->tunnel_count; i++)
		add_tunnel(image, control->tunnels[i]);
	for (unsigned i = 0; i < gateway->settings.lane_count; i++)
		add_lane(image, gateway->lanes[i].lane, &gateway->rings);
}

/* The name of the first part that differs, and at which byte; NULL: none. */
static const char *
differs(const struct image *before, const struct image *after, size_t *at)
{
	struct part part;

	for (size_t start = 0; start < before->len; start += sizeof(part) + part.len) {
		memcpy(&part, before->bytes + start, sizeof(part));
		for (size_t i = 0; i < sizeof(part) + part.len; i++)
			if (start + i >= after->len ||
				before->bytes[start + i] != after->bytes[start + i]) {
				*at = i - sizeof(part);
				return part.name;
			}
	}
	return before->len == after->len ? NULL : "number of parts";
}

/* The gateway alone comes to rest: what it sends stays in its port. */
static void
settle_site(struct pair *pair, unsigned site)
{
	unsigned rounds = 0;

	while (gateway_step(pair->sites[site].gateway) > 0)
		assert_true(rounds++ < ROUNDS_MAX);
}

static uint64_t
counted(struct pair *pair, unsigned site)
{
	const struct gateway *gateway = pair->sites[site].gateway;
	uint64_t count = 0;

	for (unsigned i = 0; i < gateway->settings.lane_count; i++)
		count += gateway->lanes[i].lane->rx_other;
	for (unsigned reason = 0; reason < DROP_COUNT; reason++)
		count += pair_drops(pair, site, (enum drop_reason)reason);
	return count;
}

/* Has the frame arrive, and takes what was dropped for expected. */
static uint64_t
arrive(struct pair *pair, unsigned site, const void *frame, size_t len)
{
	uint64_t drops[DROP_COUNT];
	const uint64_t before = counted(pair, site);

	for (unsigned reason = 0; reason < DROP_COUNT; reason++)
		drops[reason] = pair_drops(pair, site, (enum drop_reason)reason);
	wire_inject(&pair->wire, site, frame, len);
	settle_site(pair, site);
	for (unsigned reason = 0; reason < DROP_COUNT; reason++)
		pair->sites[site].accounted[reason] +=
			pair_drops(pair, site, (enum drop_reason)reason) - drops[reason];
	return counted(pair, site) - before;
}

void
oracle_refuses(struct pair *pair, unsigned site, const void *frame, size_t len)
{
	struct image before;
	struct image after;
	const char *name;
	uint64_t count;
	size_t at = 0;

	settle_site(pair, site);
	image_take(&before, pair, site);
	count = arrive(pair, site, frame, len);
	image_take(&after, pair, site);
	name = differs(&before, &after, &at);
	if (name != NULL)
		fail_msg("site %u: a frame that is not authentic changes the %s, byte %zu", site,
			name, at);
	if (count != 1)
		fail_msg("site %u: a frame that is not authentic is counted %llu times", site,
			(unsigned long long)count);
	pair->refused++;
	free(before.bytes);
	free(after.bytes);
}

/* The tunnel that the frame is for; NULL if its port is nobody's. */
static struct tunnel *
tunnel_of(struct pair *pair, unsigned site, const struct wire_frame *frame)
{
	return directory_tunnel(atomic_load(&pair->sites[site].gateway->control.directory),
		frame->outer.destination.port);
}

/* One bit anywhere but in mac2, which nobody looks at without load. */
static void
forge_plain(struct pair *pair, unsigned site, const struct wire_frame *frame)
{
	const bool macs = frame->type == MESSAGE_INITIATION || frame->type == MESSAGE_RESPONSE;
	const size_t len = frame->message_len - (macs ? MESSAGE_MAC_LEN : 0);
	uint8_t bytes[WIRE_FRAME_MAX];

	memcpy(bytes, frame->bytes, frame->len);
	bytes[frame->outer.payload_offset + wire_random(&pair->wire, len)] ^= 1
		<< wire_random(&pair->wire, 8);
	oracle_refuses(pair, site, bytes, frame->len);
}

/* One bit behind the indices, which nothing but mac1 covers; and mac1 is right. */
static void
forge_behind_mac1(struct pair *pair, unsigned site, const struct wire_frame *frame)
{
	const size_t first = frame->type == MESSAGE_INITIATION ? 8 : 12;
	const size_t last = frame->message_len - 2 * MESSAGE_MAC_LEN;
	const struct tunnel *tunnel = tunnel_of(pair, site, frame);
	uint8_t bytes[WIRE_FRAME_MAX];
	uint8_t *message = bytes + frame->outer.payload_offset;
	struct cookie_jar jar;

	if (tunnel == NULL || handshake_queue_under_load(tunnel->handshakes, pair_now_ns(pair)))
		return;
	memcpy(bytes, frame->bytes, frame->len);
	message[first + wire_random(&pair->wire, last - first)] ^= 1 << wire_random(&pair->wire, 8);
	cookie_jar_init(&jar, tunnel->identity.public_key);
	cookie_add_macs(&jar, message, frame->message_len, pair_now_ns(pair));
	oracle_refuses(pair, site, bytes, frame->len);
}

static void
forge_from(struct pair *pair, unsigned site, const struct wire_frame *frame)
{
	const struct tunnel *tunnel = tunnel_of(pair, site, frame);

	forge_plain(pair, site, frame);
	if (frame->type == MESSAGE_INITIATION || frame->type == MESSAGE_RESPONSE)
		forge_behind_mac1(pair, site, frame);
	/* Under load even a replay is answered, by a cookie. */
	if (tunnel != NULL && handshake_queue_under_load(tunnel->handshakes, pair_now_ns(pair)))
		return;
	arrive(pair, site, frame->bytes, frame->len);
	oracle_refuses(pair, site, frame->bytes, frame->len);
}

static bool
is_for(const struct pair *pair, unsigned site, const struct wire_frame *frame)
{
	for (unsigned k = 0; k < 2; k++)
		if (address_equal(
			    &pair->sites[site].addresses[k], &frame->outer.destination.address))
			return pair->sites[site].gateway != NULL;
	return false;
}

void
oracle_forge(struct pair *pair)
{
	const uint64_t sent = pair->wire.sent_count;
	unsigned forged[PAIR_SITES_MAX][MESSAGE_DATA + 1] = {{0}};

	for (uint64_t n = sent; n > 0 && sent - n < WIRE_TAP_DEPTH; n--) {
		const struct wire_frame *frame = wire_sent(&pair->wire, n - 1);

		for (unsigned site = 0; site < pair->site_count; site++)
			if (is_for(pair, site, frame) && forged[site][frame->type]++ < FORGED_MAX)
				forge_from(pair, site, frame);
	}
}
