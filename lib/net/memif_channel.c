/*
 * The conversation of a memif's control socket, both sides of it.
 * On the packet's way: nowhere.
 * Threads: management.
 */
#include "net/memif_channel.h"

#include "net/memif_message.h"

#include <rte_common.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char program[] = "guardlane";

static int
fail(struct memif_channel *channel, int error, const char *why)
{
	snprintf(channel->why, sizeof(channel->why), "%s", why);
	return error;
}

static int
send_message(struct memif_channel *channel, const struct memif_message *message, int passed)
{
	const int error = memif_message_send(channel->fd, message, passed);

	if (error != 0)
		snprintf(channel->why, sizeof(channel->why), "cannot be told anything: %s",
			strerror(-error));
	return error;
}

static int
send_plain(struct memif_channel *channel, enum memif_message_type type)
{
	const struct memif_message message = {.type = (uint16_t)type};

	return send_message(channel, &message, -1);
}

static int
send_connect(struct memif_channel *channel, enum memif_message_type type)
{
	struct memif_message message = {.type = (uint16_t)type};

	memcpy(message.connect.name, channel->terms->name, sizeof(message.connect.name));
	return send_message(channel, &message, -1);
}

void
memif_channel_refuse(struct memif_channel *channel, const char *why)
{
	struct memif_message message = {.type = MEMIF_DISCONNECT};

	snprintf(message.disconnect.reason, sizeof(message.disconnect.reason), "%.*s",
		MEMIF_REASON_LEN - 1, why);
	/* Who does not read it sees the socket close. */
	if (memif_message_send(channel->fd, &message, -1) != 0)
		return;
}

int
memif_channel_init(struct memif_channel *channel, const struct memif_terms *terms, int fd)
{
	struct memif_message message = {
		.type = MEMIF_HELLO,
		.hello =
			{
				.version_min = MEMIF_VERSION,
				.version_max = MEMIF_VERSION,
				.region_last = MEMIF_REGIONS_MAX - 1,
				.to_client_last = (uint16_t)(terms->ring_max - 1),
				.to_server_last = (uint16_t)(terms->ring_max - 1),
				.size_log2_max = MEMIF_SIZE_LOG2_MAX,
			},
	};

	*channel = (struct memif_channel){.terms = terms, .fd = fd};
	channel->link = memif_link_create(terms->client, terms->ring_max);
	if (channel->link == NULL)
		return fail(channel, -ENOMEM, "there is no memory for a connection");
	if (terms->client)
		return 0;
	memcpy(message.hello.name, program, sizeof(program));
	return send_message(channel, &message, -1);
}

void
memif_channel_fini(struct memif_channel *channel)
{
	memif_link_destroy(channel->link);
	channel->link = NULL;
	if (channel->fd >= 0)
		close(channel->fd);
	channel->fd = -1;
}

struct memif_link *
memif_channel_take(struct memif_channel *channel)
{
	struct memif_link *link = channel->link;

	channel->link = NULL;
	return link;
}

/* --- Server ----------------------------------------------------------------------------------- */

static int
on_init(struct memif_channel *channel, const struct memif_init *init)
{
	if (init->version != MEMIF_VERSION)
		return fail(channel, -EPROTO, "it speaks another version of memif than 2.0");
	if (init->id != channel->terms->id)
		return fail(channel, -ENOENT, "it asks for another id than ours");
	if (init->mode != channel->terms->mode)
		return fail(channel, -EPROTO,
			channel->terms->mode == MEMIF_MODE_IP
				? "it wants packets with Ethernet headers: give mode=ethernet"
				: "it wants packets without Ethernet headers: give mode=ip");
	memif_text(
		channel->link->peer, sizeof(channel->link->peer), init->name, sizeof(init->name));
	channel->state = MEMIF_AGREEING;
	return send_plain(channel, MEMIF_ACK);
}

/* `passed` is this function's to keep or to close. */
static int
on_added(struct memif_channel *channel, const struct memif_message *message, int passed)
{
	struct memif_link *link = channel->link;
	const char *why;
	int error;

	if (message->type == MEMIF_ADD_RING) {
		const struct memif_add_ring add = message->add_ring;

		error = memif_link_add_ring(link, &add, passed, &why);
	} else {
		const struct memif_add_region add = message->add_region;

		error = memif_link_add_region(link, &add, passed, &why);
		if (passed >= 0)
			close(passed);
	}
	return error != 0 ? fail(channel, error, why) : send_plain(channel, MEMIF_ACK);
}

/* --- Client ----------------------------------------------------------------------------------- */

static int
on_hello(struct memif_channel *channel, const struct memif_hello *hello)
{
	const struct memif_terms *terms = channel->terms;
	struct memif_message message = {
		.type = MEMIF_INIT,
		.init = {.version = MEMIF_VERSION, .id = terms->id, .mode = terms->mode},
	};
	const uint8_t size_log2 = RTE_MIN(terms->size_log2, hello->size_log2_max);
	int error;

	if (hello->version_min > MEMIF_VERSION || hello->version_max < MEMIF_VERSION)
		return fail(channel, -EPROTO, "it speaks another version of memif than 2.0");
	if (size_log2 < MEMIF_SIZE_LOG2_MIN)
		return fail(channel, -EPROTO, "it takes no rings of a size that can be");
	memif_text(
		channel->link->peer, sizeof(channel->link->peer), hello->name, sizeof(hello->name));
	error = memif_link_build(channel->link,
		(uint16_t)RTE_MIN(terms->ring_max, hello->to_client_last + 1U),
		(uint16_t)RTE_MIN(terms->ring_max, hello->to_server_last + 1U), size_log2,
		terms->buffer_len);
	if (error != 0)
		return fail(channel, error, "there is no memory for its rings");
	memcpy(message.init.name, program, sizeof(program));
	channel->state = MEMIF_AGREEING;
	return send_message(channel, &message, -1);
}

static int
tell_ring(struct memif_channel *channel, const struct memif_link_ring *ring, unsigned index,
	uint16_t flags)
{
	const struct memif_message message = {
		.type = MEMIF_ADD_RING,
		.add_ring =
			{
				.flags = flags,
				.index = (uint16_t)index,
				.offset = ring->offset,
				.size_log2 = ring->size_log2,
			},
	};

	return send_message(channel, &message, ring->event);
}

/* Tells the server the next thing: the region, rings towards it, rings from it, CONNECT. */
static int
on_ack(struct memif_channel *channel)
{
	const struct memif_link *link = channel->link;
	const unsigned told = channel->told++;

	if (told == 0) {
		const struct memif_message message = {
			.type = MEMIF_ADD_REGION,
			.add_region = {.index = 0, .len = link->regions[0].len},
		};
		return send_message(channel, &message, link->memory);
	}
	if (told - 1 < link->tx_count)
		return tell_ring(channel, &link->tx[told - 1], told - 1, MEMIF_RING_TO_SERVER);
	if (told - 1 < (unsigned)link->tx_count + link->rx_count) {
		const unsigned index = told - 1 - link->tx_count;

		return tell_ring(channel, &link->rx[index], index, 0);
	}
	channel->state = MEMIF_CONNECTING;
	return send_connect(channel, MEMIF_CONNECT);
}

/* --- Both ------------------------------------------------------------------------------------- */

/* CONNECT or CONNECTED: the other side is done, and its rings begin. */
static int
come_up(struct memif_channel *channel, const struct memif_message *message)
{
	struct memif_link *link = channel->link;
	const char *why;
	int error = memif_link_start(link, &why);

	if (error != 0)
		return fail(channel, error, why);
	memif_text(link->interface, sizeof(link->interface), message->connect.name,
		sizeof(message->connect.name));
	if (!channel->terms->client)
		error = send_connect(channel, MEMIF_CONNECTED);
	if (error != 0)
		return error;
	channel->state = MEMIF_UP;
	return 1;
}

static int
on_disconnect(struct memif_channel *channel, const struct memif_disconnect *disconnect)
{
	char reason[MEMIF_REASON_LEN + 1];

	memif_text(reason, sizeof(reason), disconnect->reason, sizeof(disconnect->reason));
	snprintf(channel->why, sizeof(channel->why), "it says: %s",
		reason[0] != '\0' ? reason : "no reason");
	return -ECONNRESET;
}

/* A message that comes with nothing, and is due. */
static int
on_plain(struct memif_channel *channel, const struct memif_message *message)
{
	const bool client = channel->terms->client;

	switch (message->type) {
	case MEMIF_DISCONNECT:
		return on_disconnect(channel, &message->disconnect);
	case MEMIF_HELLO:
		if (client && channel->state == MEMIF_NEW)
			return on_hello(channel, &message->hello);
		break;
	case MEMIF_ACK:
		if (client && channel->state == MEMIF_AGREEING)
			return on_ack(channel);
		break;
	case MEMIF_CONNECTED:
		if (client && channel->state == MEMIF_CONNECTING)
			return come_up(channel, message);
		break;
	case MEMIF_INIT:
		if (!client && channel->state == MEMIF_NEW)
			return on_init(channel, &message->init);
		break;
	case MEMIF_CONNECT:
		if (!client && channel->state == MEMIF_AGREEING)
			return come_up(channel, message);
		break;
	default:
		break;
	}
	return fail(channel, -EPROTO, "it sent a message that is not due");
}

static int
on_message(struct memif_channel *channel, const struct memif_message *message, int passed)
{
	const bool adds = message->type == MEMIF_ADD_REGION || message->type == MEMIF_ADD_RING;

	if (adds && !channel->terms->client && channel->state == MEMIF_AGREEING)
		return on_added(channel, message, passed);
	if (passed >= 0)
		close(passed);
	return adds ? fail(channel, -EPROTO, "it sent a message that is not due")
		    : on_plain(channel, message);
}

int
memif_channel_step(struct memif_channel *channel)
{
	struct memif_message message;
	int passed;
	int result = memif_message_receive(channel->fd, &message, &passed);

	if (result == -EAGAIN || result == -EINTR)
		return -EAGAIN;
	if (result == -ECONNRESET)
		return fail(channel, result, "it has closed the socket");
	if (result != 0)
		return fail(channel, result, "it sent what is no message");
	result = on_message(channel, &message, passed);
	/* EAGAIN here is a full socket, whose other side does not read. */
	if (result == -EAGAIN)
		result = -ENOBUFS;
	if (result < 0 && message.type != MEMIF_DISCONNECT)
		memif_channel_refuse(channel, channel->why);
	return result;
}
