/*
 * Holding a UDP port of the kernel's stack under an underlay port that sees the same packets.
 * On the packet's way: nowhere; it keeps the kernel out of it.
 * Threads: management only.
 */
#pragma once

#include "base/address.h"
#include "base/log.h"

#include <stddef.h>
#include <stdint.h>

struct hold;

/*
 * hold_create takes the interface for this gateway: an abstract socket named after the interface's
 * index and namespace refuses a second gateway (-EBUSY). Where permitted, an eBPF program is put on
 * the interface's ingress (tcx; clsact where the kernel has no tcx; a leftover of a killed gateway
 * is recognised and replaced) that drops UDP to the held ports at the held addresses before
 * conntrack and the kernel's sockets see it: they were copied to us before. Without the right to,
 * a line in `log` says so and the rest works. Returns 0, or a negative errno with one line in
 * `log`.
 */
int hold_create(const char *iface, const struct log *log, struct hold **hold)
	__attribute__((warn_unused_result));

/*
 * hold_port binds UDP `port` on all addresses, IPv4 and IPv6, by sockets that drop everything:
 * the kernel sends no ICMP unreachable for it and nobody else can take it. Returns 0; -EADDRINUSE
 * with a line in `log` that names the port (and the program that has it, if it can be found).
 * hold_any_port does it with a port of the kernel's choice, into *port. hold_release gives it up
 * again.
 */
int hold_port(struct hold *hold, uint16_t port, const struct log *log)
	__attribute__((warn_unused_result));
int hold_any_port(struct hold *hold, uint16_t *port, const struct log *log)
	__attribute__((warn_unused_result));
void hold_release(struct hold *hold, uint16_t port);

/* hold_addresses sets the local addresses to which the drop applies (at most 64). */
void hold_addresses(struct hold *hold, const struct address addresses[], size_t count);

/* hold_destroy undoes all of it. NULL is ignored. */
void hold_destroy(struct hold *hold);
