/*
 * Next hops that never change, for ports behind which there is no kernel.
 * On the packet's way: beside it; out_encap's header templates are made from it.
 * Threads: the control side's, under its lock.
 */
#include "net/nexthop.h"

#include <stdlib.h>
#include <string.h>

struct nexthops_static {
	struct nexthops nexthops;
	uint8_t source_mac[6];
	uint8_t destination_mac[6];
	struct address source4;
	struct address source6;
	uint32_t mtu;
};

static void
static_resolve(struct nexthops *nexthops, const struct address *destination, uint32_t scope_id,
	const struct address *source, uint32_t mark, struct nexthop *nexthop)
{
	const struct nexthops_static *self = (const struct nexthops_static *)nexthops;
	const struct address *own =
		destination->family == ADDRESS_IPV4 ? &self->source4 : &self->source6;

	*nexthop = (struct nexthop){.state = NEXTHOP_NO_ROUTE};
	if (destination->family == ADDRESS_NONE || own->family == ADDRESS_NONE)
		return;
	nexthop->state = NEXTHOP_READY;
	nexthop->source = *own;
	nexthop->mtu = self->mtu;
	memcpy(nexthop->source_mac, self->source_mac, sizeof(nexthop->source_mac));
	memcpy(nexthop->destination_mac, self->destination_mac, sizeof(nexthop->destination_mac));
}

static int
static_process(struct nexthops *nexthops)
{
	return 0;
}

static size_t
static_local(const struct nexthops *nexthops, struct address addresses[], size_t max)
{
	const struct nexthops_static *self = (const struct nexthops_static *)nexthops;
	size_t count = 0;
	if (self->source4.family != ADDRESS_NONE && count < max)
		addresses[count++] = self->source4;
	if (self->source6.family != ADDRESS_NONE && count < max)
		addresses[count++] = self->source6;
	return count;
}

/* Nothing is known of the link but our own addresses. */
static size_t
static_networks(const struct nexthops *nexthops, struct prefix networks[], size_t max)
{
	struct address addresses[2];
	size_t count = static_local(nexthops, addresses, max < 2 ? max : 2);
	for (size_t i = 0; i < count; i++)
		networks[i] = (struct prefix){
			.address = addresses[i], .len = (uint8_t)address_bits(&addresses[i])};
	return count;
}

static void
static_destroy(struct nexthops *nexthops)
{
	free(nexthops);
}

static const struct nexthops_ops static_ops = {
	.resolve = static_resolve,
	.process = static_process,
	.local = static_local,
	.networks = static_networks,
	.destroy = static_destroy,
};

struct nexthops *
nexthops_static_create(const uint8_t source_mac[6], const uint8_t destination_mac[6],
	const struct address *source4, const struct address *source6, uint32_t mtu)
{
	struct nexthops_static *self = calloc(1, sizeof(*self));
	if (self == NULL)
		return NULL;
	self->nexthops = (struct nexthops){.ops = &static_ops, .fd = -1};
	memcpy(self->source_mac, source_mac, sizeof(self->source_mac));
	memcpy(self->destination_mac, destination_mac, sizeof(self->destination_mac));
	self->source4 = *source4;
	self->source6 = *source6;
	self->mtu = mtu;
	return &self->nexthops;
}
