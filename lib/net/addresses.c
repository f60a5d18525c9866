/*
 * The addresses of this host, as rtnetlink reports them.
 * On the packet's way: nowhere.
 * Threads: that of the next hops.
 */
#include "net/addresses.h"

#include "net/netlink.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

static void
address_remove(struct addresses *addresses, const struct host_address *gone)
{
	for (size_t i = 0; i < addresses->count; i++) {
		struct host_address *known = &addresses->entries[i];
		/* IPv4 may have the same address twice, with two lengths. */
		if (known->ifindex == gone->ifindex &&
			address_equal(&known->address, &gone->address) &&
			prefix_compare(&known->network, &gone->network) == 0) {
			*known = addresses->entries[--addresses->count];
			return;
		}
	}
}

static void
address_add(struct addresses *addresses, const struct host_address *entry)
{
	if (addresses->count == addresses->room) {
		size_t room = addresses->room != 0 ? 2 * addresses->room : 16;
		struct host_address *entries =
			realloc(addresses->entries, room * sizeof(entries[0]));
		if (entries == NULL)
			return;
		addresses->entries = entries;
		addresses->room = room;
	}
	addresses->entries[addresses->count++] = *entry;
}

void
addresses_read(struct addresses *addresses, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *header = netlink_header(message, sizeof(*header));
	const struct nlattr *attributes[IFA_MAX + 1];

	if (header == NULL)
		return;
	netlink_attributes(message, sizeof(*header), attributes, IFA_MAX);
	/* IFA_ADDRESS is the other end's on point-to-point links, which then have IFA_LOCAL. */
	const struct nlattr *local =
		attributes[IFA_LOCAL] != NULL ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
	struct host_address entry = {
		.address = netlink_address(local, header->ifa_family),
		.network =
			{
				.address = netlink_address(
					attributes[IFA_ADDRESS], header->ifa_family),
				.len = header->ifa_prefixlen,
			},
		.ifindex = header->ifa_index,
	};
	/* Without the other end, which the kernel always names, there is no network. */
	if (entry.address.family == ADDRESS_NONE ||
		entry.network.address.family != entry.address.family ||
		entry.network.len > address_bits(&entry.address))
		return;
	prefix_mask(&entry.network);
	uint32_t flags = header->ifa_flags;
	if (attributes[IFA_FLAGS] != NULL)
		flags = netlink_u32(attributes[IFA_FLAGS]);
	/* An optimistic address may be used while the detection goes on (RFC 4429). */
	bool tentative = (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0 &&
		(flags & IFA_F_OPTIMISTIC) == 0;
	address_remove(addresses, &entry);
	if (message->nlmsg_type == RTM_NEWADDR && !tentative)
		address_add(addresses, &entry);
}

bool
addresses_has(const struct addresses *addresses, const struct address *address)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (address_equal(&addresses->entries[i].address, address))
			return true;
	return false;
}

size_t
addresses_of(const struct addresses *addresses, uint32_t ifindex, struct address to[], size_t max)
{
	size_t count = 0;
	for (size_t i = 0; i < addresses->count && count < max; i++)
		if (addresses->entries[i].ifindex == ifindex)
			to[count++] = addresses->entries[i].address;
	return count;
}

size_t
addresses_networks(
	const struct addresses *addresses, uint32_t ifindex, struct prefix to[], size_t max)
{
	size_t count = 0;
	for (size_t i = 0; i < addresses->count && count < max; i++)
		if (addresses->entries[i].ifindex == ifindex)
			to[count++] = addresses->entries[i].network;
	return count;
}

void
addresses_forget(struct addresses *addresses)
{
	addresses->count = 0;
}

void
addresses_fini(struct addresses *addresses)
{
	free(addresses->entries);
	*addresses = (struct addresses){0};
}
