/*
 * The host device: a TUN by which the instance itself uses the tunnel, and its routes.
 * On the packet's way: the host thread reads and writes its packets.
 * Threads: opening and routes by management; read and write by the host thread.
 */
#pragma once

#include "base/address.h"
#include "base/log.h"
#include "wire/segment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct tun {
	int fd; /* non-blocking; one IP packet per read or write, behind a virtio_net_hdr */
	int netns; /* the network namespace that it is in; -1: our own */
	uint32_t ifindex;
	bool adopted; /* it was there: addresses, routes and MTU are somebody else's business */
	char name[16];
};

/*
 * tun_open creates the TUN `name` with `mtu` in the network namespace `netns` (as netns_open has
 * it; NULL: our own), gives it the addresses (with their prefix lengths; host bits kept) and sets
 * it up. It goes when the descriptor is closed. Another user than root gets a persistent TUN that
 * was made for him as it is, and leaves it there. Returns 0, or a negative errno with one line in
 * `log`: -EBUSY if an interface of that name exists.
 */
int tun_open(const char *name, const char *netns, uint32_t mtu, const struct prefix addresses[],
	size_t count, const struct log *log, struct tun *tun) __attribute__((warn_unused_result));

/* tun_set_mtu changes the device's MTU. Returns 0 or a negative errno. */
int tun_set_mtu(const struct tun *tun, uint32_t mtu) __attribute__((warn_unused_result));

/* tun_mtu returns the device's MTU; UINT32_MAX if it is gone. Of a device in our own namespace. */
uint32_t tun_mtu(const struct tun *tun);

/*
 * tun_route_add routes `prefix` to the device (scope link). Returns 0, also if the device has such
 * a route; -EEXIST if another device has it, and leaves that alone; or another negative errno.
 * tun_route_remove takes back what tun_route_add has added; 0 also if there is nothing.
 */
int tun_route_add(const struct tun *tun, const struct prefix *prefix)
	__attribute__((warn_unused_result));
int tun_route_remove(const struct tun *tun, const struct prefix *prefix)
	__attribute__((warn_unused_result));

#define TUN_PIECES_MAX 64

/*
 * tun_read and tun_write move one packet, with what is said of it: the kernel leaves the sums and
 * the splitting of TCP to us, and takes such too. The packet that is written is in `count`
 * (1..TUN_PIECES_MAX) pieces. They return its bytes, 0 if none is there, or -errno; a packet that
 * is longer than `size` is lost, as -EMSGSIZE.
 */
ssize_t tun_read(const struct tun *tun, void *packet, size_t size, struct segment_hints *hints);
ssize_t tun_write(const struct tun *tun, const struct iovec pieces[], unsigned count,
	const struct segment_hints *hints);

/* tun_close removes the device. */
void tun_close(struct tun *tun);
