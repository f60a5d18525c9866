/*
 * The addresses of this host, as rtnetlink reports them (inside net only).
 * On the packet's way: nowhere.
 * Threads: that of the next hops.
 */
#pragma once

#include "base/address.h"

#include <libmnl/libmnl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One of them, the network that it makes on-link, and its interface. */
struct host_address {
	struct address address;
	struct prefix network;
	uint32_t ifindex;
};

/* All of them, in no order. All zero is empty. */
struct addresses {
	struct host_address *entries;
	size_t count;
	size_t room;
};

/*
 * addresses_read takes in one RTM_NEWADDR or RTM_DELADDR. An address is not counted while its
 * duplicate address detection goes on or has failed, nor if there is no memory for it.
 */
void addresses_read(struct addresses *addresses, const struct nlmsghdr *message);

/* addresses_has tells whether `address` is one of this host. */
bool addresses_has(const struct addresses *addresses, const struct address *address);

/* addresses_of writes up to `max` addresses of one interface to `to` and returns how many. */
size_t
addresses_of(const struct addresses *addresses, uint32_t ifindex, struct address to[], size_t max);

/* addresses_networks writes up to `max` on-link networks of one interface, and returns how many. */
size_t addresses_networks(
	const struct addresses *addresses, uint32_t ifindex, struct prefix to[], size_t max);

/* addresses_forget empties it; addresses_fini also frees. */
void addresses_forget(struct addresses *addresses);
void addresses_fini(struct addresses *addresses);
