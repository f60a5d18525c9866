/*
 * An eBPF program on an interface's ingress that drops what is ours before the kernel's stack
 * (inside net only).
 * On the packet's way: beside it: the packet has been copied to the underlay port before.
 * Threads: management only; the program runs in the kernel.
 */
#pragma once

#include "base/address.h"

#include <stddef.h>
#include <stdint.h>

struct ingress;

/* How the program hangs on the interface. */
enum ingress_hook {
	INGRESS_TCX, /* a link that goes with its descriptor, also at SIGKILL (Linux 6.6) */
	INGRESS_CLSACT, /* a filter that stays until it is removed */
};

#define INGRESS_ADDRESSES_MAX 64

/*
 * ingress_create puts the program on the interface, dropping nothing yet, and replaces a filter
 * that a killed gateway has left. Returns 0, or a negative errno: -EPERM without the right to,
 * -EINVAL if the kernel does not know the hook.
 */
int ingress_create(uint32_t ifindex, enum ingress_hook hook, struct ingress **ingress)
	__attribute__((warn_unused_result));

/*
 * The program drops unfragmented UDP, without VLAN tag, to one of these ports (host byte order) at
 * one of these addresses. They return 0 or a negative errno; ingress_port_remove may fail silently
 * if there is nothing to remove. ingress_addresses replaces all; those beyond
 * INGRESS_ADDRESSES_MAX are left out.
 */
int ingress_port_add(struct ingress *ingress, uint16_t port) __attribute__((warn_unused_result));
void ingress_port_remove(struct ingress *ingress, uint16_t port);
int ingress_addresses(struct ingress *ingress, const struct address addresses[], size_t count)
	__attribute__((warn_unused_result));

/* ingress_destroy takes the program off the interface. NULL is ignored. */
void ingress_destroy(struct ingress *ingress);

/*
 * The clsact hook's own part (ingress_clsact.c). ingress_clsact_attach puts the loaded program on
 * the interface by a filter of our name; ingress_clsact_detach removes every filter of our name,
 * and the qdisc if we made it and nothing else is left on it. Both return 0 or a negative errno.
 */
int ingress_clsact_attach(uint32_t ifindex, int program_fd) __attribute__((warn_unused_result));
int ingress_clsact_detach(uint32_t ifindex);
