/*
 * The host thread: carries packets between the TUNs of the tunnels and the lanes.
 * On the packet's way: behind in_deliver and before out_receive, for the instance's own traffic.
 * Threads: the host thread; adding devices to management, before it runs.
 */
#pragma once

#include "base/log.h"
#include "net/port.h"
#include "net/tun.h"
#include "tunnel/bell.h"
#include "tunnel/directory.h"
#include "tunnel/rings.h"
#include "wire/coalesce.h"
#include "wire/segment.h"

#include <rte_mempool.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Packets in a row from one descriptor before the others get their turn. */
#define HOST_BURST 64

struct host_device {
	struct tun tun;
	struct port *end; /* the host's end of the tunnel's inner port */
	/*
	 * host thread: what the TUN gave last, as far as there were no buffers yet for its
	 * segments, and those for which their lane had no room yet. As long as there are any the
	 * TUN is not read, so that the senders behind it are held up by the kernel, and nothing is
	 * lost.
	 */
	struct segments segments;
	struct rte_mbuf *held[HOST_BURST];
	uint16_t held_first;
	uint16_t held_count;
	uint16_t held_lane; /* of all of them: they are of one flow */
	bool starved; /* host thread: there was no buffer for the next segment */
	/* host thread: errors in a row of reading; whether the TUN was given up for them */
	unsigned read_errors;
	bool gone;
	/* host thread: writes; control: reads */
	uint64_t to_host;
	uint64_t from_host;
	uint64_t write_errors; /* the TUN took no more, is down or gone */
	uint64_t no_buffer;
	uint64_t malformed; /* the kernel's word of a packet does not fit it */
	uint8_t packet[SEGMENT_PACKET_MAX]; /* whose segments these are */
};

struct host {
	struct host_device devices[DIRECTORY_TUNNELS_MAX];
	unsigned device_count;
	struct port *kicked[DIRECTORY_TUNNELS_MAX]; /* pipelines' ports */
	unsigned kicked_count;
	struct bell bell; /* lanes ring it */
	struct rings *rings; /* whose lanes' bells the host thread rings */
	struct rte_mempool *pool; /* for packets from the TUNs, and nothing else */
	bool lanes_busy; /* lanes ring no bell: look by naps */
	struct coalesce coalesce; /* host thread: the burst that is being written */
	const struct log *log;
};

/* host_init prepares it without devices. Returns 0 or a negative errno. */
int host_init(struct host *host, struct rings *rings, struct rte_mempool *pool, bool lanes_busy,
	const struct log *log) __attribute__((warn_unused_result));

/* host_fini closes all devices. */
void host_fini(struct host *host);

/* host_add takes over the TUN and the port's end. Returns the device; the room is there. */
struct host_device *host_add(struct host *host, const struct tun *tun, struct port *end);

/*
 * host_add_kicked has the host thread wake who sleeps at the other end of a port (port_kick) when
 * lanes want that; the port stays the caller's. The room is there.
 */
void host_add_kicked(struct host *host, struct port *port);

/* host_round moves what is there in both directions; returns how many packets. */
unsigned host_round(struct host *host);

/*
 * host_run rounds until *stop, sleeping when there is nothing. A TUN that somebody removes is named
 * in the log once and not looked at any more; the others go on.
 */
void host_run(struct host *host, const _Atomic bool *stop);
