/*
 * Underlay ports that no driver of DPDK's runs: the host application's own, and the kernel's UDP
 * sockets; and what is known of the network behind them.
 * On the packet's way: beside it.
 * Threads: as guardlane.h says.
 */
#include "gateway/library.h"
#include "net/port_caller.h"
#include "net/port_udp.h"

#include <errno.h>
#include <string.h>

static int
parse_own(const char *text, uint8_t family, const struct log *log, struct address *address)
{
	*address = (struct address){.family = ADDRESS_NONE};
	if (text == NULL || (address_parse(text, address) == 0 && address->family == family))
		return 0;
	log_error(log, "the underlay's address \"%s\" is not one of IPv%u", text, family);
	return -EINVAL;
}

/* Without a kernel's interface: one next hop for all. */
static int
make_static(const struct gl_underlay *settings, const struct log *log, struct nexthops **nexthops)
{
	struct address own4;
	struct address own6;
	int error = parse_own(settings->address, ADDRESS_IPV4, log, &own4);

	if (error == 0)
		error = parse_own(settings->address6, ADDRESS_IPV6, log, &own6);
	if (error != 0)
		return error;
	if (own4.family == ADDRESS_NONE && own6.family == ADDRESS_NONE) {
		log_error(
			log, "the host's underlay has neither a kernel's interface nor an address");
		return -EINVAL;
	}
	*nexthops = nexthops_static_create(
		settings->mac, settings->next_hop, &own4, &own6, settings->mtu);
	if (*nexthops != NULL)
		return 0;
	log_error(log, "no memory for the underlay's next hop");
	return -ENOMEM;
}

int
library_host_underlay(const struct gl_underlay *settings, unsigned lane_count,
	const struct log *log, struct library_underlay *underlay)
{
	int error = 0;

	if (settings->seen_by_kernel && settings->interface != NULL)
		error = hold_create(settings->interface, log, &underlay->hold);
	if (error == 0)
		error = port_caller_create("host", (uint16_t)lane_count, settings->transmit,
			settings->context, &underlay->port);
	if (error == -ENOMEM)
		log_error(log, "no memory for the underlay");
	if (error != 0)
		return error;
	underlay->port->ethernet = true;
	underlay->port->mtu = settings->mtu;
	memcpy(underlay->port->mac, settings->mac, sizeof(underlay->port->mac));
	return settings->interface != NULL
		? nexthops_netlink_create(settings->interface, log, &underlay->nexthops)
		: make_static(settings, log, &underlay->nexthops);
}

unsigned
library_udp_room(void)
{
	uint16_t mtu;

	port_udp_mtu(&mtu);
	return mtu;
}

int
library_udp_underlay(uint16_t queue_count, struct rte_mempool *pool, const struct log *log,
	struct library_underlay *underlay)
{
	const unsigned most = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
	struct udp_sockets *sockets;
	int error = udp_sockets_create(queue_count, log, &sockets);

	if (error != 0)
		return error;
	underlay->hold = &sockets->hold;
	error = port_udp_create(
		sockets, (uint16_t)RTE_MIN(library_udp_room(), most), pool, log, &underlay->port);
	return error != 0 ? error : nexthops_udp_create(sockets, log, &underlay->nexthops);
}
