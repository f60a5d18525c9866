/*
 * Channels: how the two sides of a memif agree, message by message, over a connected socket.
 * Private to net. On the packet's way: nowhere.
 * Threads: management.
 *
 *	client                          server
 *	                                <- HELLO        what it can do
 *	INIT ->                         <- ACK          which interface, which mode
 *	ADD_REGION, ADD_RING ... ->     <- ACK each     with memory and eventfds
 *	CONNECT ->                      <- CONNECTED    from now on packets flow
 */
#pragma once

#include "net/memif_link.h"

#include <stdbool.h>
#include <stdint.h>

/* What we want of a connection; and what it is to be told. */
struct memif_terms {
	bool client;
	uint32_t id;
	uint8_t mode; /* enum memif_mode */
	uint16_t ring_max; /* rings each way */
	uint8_t size_log2; /* of a ring, if we make it */
	uint32_t buffer_len; /* likewise, of its buffers, bytes */
	char name[MEMIF_NAME_LEN]; /* of our interface */
};

#define MEMIF_WHY_MAX 160

struct memif_channel {
	const struct memif_terms *terms;
	int fd;
	enum {
		MEMIF_NEW, /* server: HELLO sent; client: waits for it */
		MEMIF_AGREEING, /* server: INIT came; client: INIT sent */
		MEMIF_CONNECTING, /* client: CONNECT sent */
		MEMIF_UP
	} state;
	struct memif_link *link; /* being made; taken away by memif_channel_take */
	unsigned told; /* client: regions and rings of which the server knows */
	char why[MEMIF_WHY_MAX]; /* what went wrong */
};

/*
 * memif_channel_init begins on a connected socket, which becomes the channel's, also on failure: a
 * server says HELLO. Returns 0 or a negative errno. `busy`: the server has another client, and says
 * so to this one as soon as it knows what it wants.
 */
int memif_channel_init(struct memif_channel *channel, const struct memif_terms *terms, int fd)
	__attribute__((warn_unused_result));

/* memif_channel_fini closes the socket and destroys a link that was not taken. */
void memif_channel_fini(struct memif_channel *channel);

/*
 * memif_channel_step takes one message and answers it. Returns 1 if the connection has come up by
 * it, 0 if not yet, -EAGAIN if there was no message, or another negative errno: then channel->why
 * says why, the other side has been told, and the channel is good for memif_channel_fini only.
 */
int memif_channel_step(struct memif_channel *channel) __attribute__((warn_unused_result));

/* memif_channel_take hands over the link of a channel that is up. */
struct memif_link *memif_channel_take(struct memif_channel *channel);

/* memif_channel_refuse tells the other side that it is disconnected, and why. */
void memif_channel_refuse(struct memif_channel *channel, const char *why);
