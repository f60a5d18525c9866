/*
 * Reconfiguration: from targets to running tunnels, all of them or nothing. The only road by which
 * a tunnel gets peers, keys and ports: at start, by the files, and by UAPI.
 * On the packet's way: beside it; lanes see each change at once and whole, or not at all.
 * Threads: any but lanes; one at a time, the others wait in reconfigure_begin().
 *
 *	reconfigure_begin()     nobody else changes anything from here on
 *	reconfigure_add()       once for each tunnel: compares, plans, takes memory
 *	reconfigure_ready()     what there is once for all: ports, room
 *	reconfigure_say()       optional: what changes
 *	reconfigure_apply()     cannot fail
 *	reconfigure_abandon()   or this instead, at any time: nothing has changed
 *
 * What a change does to what runs (docs/protocol.md, "Changing what runs"):
 * - a peer that is the same is not touched: session, counters, windows, endpoint, stamps, timers.
 * - a new peer: entered; its static-static was computed while planning, not under the control lock.
 * - a peer that goes: out of allowed-ips, keys and indices at once; keys wiped; its memory when no
 *   lane can know it any more (tunnel/departures.h). If it comes again it starts from nothing.
 * - preshared key: counts from the next handshake on, also for an answer that is under way.
 * - keepalive: from off to on sends one at once.
 * - private key: static-static anew, the handshake under way is erased, no session is sent on any
 *   more, but received for as long as it lives; an initiation may go at once; macs by the new key.
 *   Stamps and windows stay: a change never reopens a replay.
 * - listen port: the new one is held before anything changes. Sessions stay, kept sources go; a
 *   keepalive tells each peer that has a session where we are now.
 * - allowed-ips: one table is swapped for the other. There is no moment in which a packet belongs
 *   to nobody, or to somebody other than its owner before or after.
 */
#pragma once

#include "control/management.h"
#include "control/target.h"

struct reconfigure;

/* What comes of it, in peers over all tunnels that were added to it. */
struct reconfigure_counts {
	unsigned added;
	unsigned changed;
	unsigned removed;
	unsigned unchanged;
};

/*
 * reconfigure_begin returns a reconfiguration of the tunnels that `management` looks after, or
 * NULL without memory. Errors are said to `log`, one line each. Waits for one that is under way;
 * the control lock must not be held, here or in any function below.
 */
struct reconfigure *reconfigure_begin(struct management *management, const struct log *log);

/*
 * reconfigure_add plans what makes the tunnel into the target. The target stays the caller's, is
 * settled by this, and must outlive the reconfiguration. Returns 0, or logged -ENOSPC for more
 * peers than a gateway can have, or -ENOMEM.
 */
int reconfigure_add(struct reconfigure *reconfigure, struct tunnel *tunnel, struct target *target)
	__attribute__((warn_unused_result));

/*
 * reconfigure_ready takes what the tunnels need together. Returns 0, or with a line in the log:
 * -EADDRINUSE if a listen port is taken, -ENOSPC if there is no room for new peers beside those
 * that depart, -ENOMEM, or another negative errno of the kernel's.
 */
int reconfigure_ready(struct reconfigure *reconfigure) __attribute__((warn_unused_result));

/*
 * reconfigure_say tells `log`, as information, each thing that changes, in a line of its own, after
 * reconfigure_ready(): "+ NAME 10.8.3.4 198.51.100.4:4567", "~ NAME endpoint A → B", "- NAME
 * 10.8.3.4"; with the tunnel's name in front if there is more than one. No line holds a secret.
 */
void reconfigure_say(const struct reconfigure *reconfigure, const struct log *log);

/* reconfigure_counts adds it up. */
struct reconfigure_counts reconfigure_count(const struct reconfigure *reconfigure);

/* reconfigure_apply does it, after reconfigure_ready(), and ends the reconfiguration. */
void reconfigure_apply(struct reconfigure *reconfigure);

/* reconfigure_abandon ends it; everything is as it was. NULL is ignored. */
void reconfigure_abandon(struct reconfigure *reconfigure);
