/*
 * UDP ports of the kernel's stack that are the tunnels': held under an underlay port that sees the
 * same packets, or the underlay port's own sockets.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#pragma once

#include "base/address.h"
#include "base/log.h"

#include <stddef.h>
#include <stdint.h>

struct hold;

struct hold_ops {
	int (*port)(struct hold *hold, uint16_t port, const struct log *log);
	int (*any_port)(struct hold *hold, uint16_t *port, const struct log *log);
	void (*release)(struct hold *hold, uint16_t port);
	void (*addresses)(struct hold *hold, const struct address addresses[], size_t count);
	int (*mark)(struct hold *hold, uint16_t port, uint32_t mark, const struct log *log);
	void (*destroy)(struct hold *hold);
};

/* Where ports are held; backends embed it as their first member. */
struct hold {
	const struct hold_ops *ops;
};

/*
 * hold_port takes UDP `port` on all addresses, IPv4 and IPv6, so that nobody else can. Returns 0;
 * -EADDRINUSE with a line in `log` that names the port (and the program that has it, if it can be
 * found). hold_any_port does it with a port of the kernel's choice, into *port. hold_release gives
 * it up again.
 */
static inline int
hold_port(struct hold *hold, uint16_t port, const struct log *log)
{
	return hold->ops->port(hold, port, log);
}

static inline int
hold_any_port(struct hold *hold, uint16_t *port, const struct log *log)
{
	return hold->ops->any_port(hold, port, log);
}

static inline void
hold_release(struct hold *hold, uint16_t port)
{
	hold->ops->release(hold, port);
}

/* hold_addresses tells the local addresses that packets may come to (at most 64). */
static inline void
hold_addresses(struct hold *hold, const struct address addresses[], size_t count)
{
	if (hold->ops->addresses != NULL)
		hold->ops->addresses(hold, addresses, count);
}

/*
 * hold_mark has the packets that leave from a held port carry the mark for the kernel's routing (0:
 * none), where the kernel sends them. Returns 0 or a negative errno, with one line in `log`.
 */
static inline int
hold_mark(struct hold *hold, uint16_t port, uint32_t mark, const struct log *log)
{
	return hold->ops->mark != NULL ? hold->ops->mark(hold, port, mark, log) : 0;
}

/* hold_destroy undoes all of it. NULL is ignored. */
static inline void
hold_destroy(struct hold *hold)
{
	if (hold != NULL)
		hold->ops->destroy(hold);
}

/*
 * hold_create takes the interface for this gateway: an abstract socket named after the interface's
 * index and namespace refuses a second gateway (-EBUSY). Its ports are held by sockets that drop
 * everything: the kernel sends no ICMP unreachable for them. Where permitted, an eBPF program is
 * put on the interface's ingress (tcx; clsact where the kernel has no tcx; a leftover of a killed
 * gateway is recognised and replaced) that drops UDP to the held ports at the told addresses before
 * conntrack and the kernel's sockets see it: they were copied to us before. Without the right to,
 * a line in `log` says so and the rest works. Returns 0, or a negative errno with one line in
 * `log`.
 */
int hold_create(const char *iface, const struct log *log, struct hold **hold)
	__attribute__((warn_unused_result));
