/*
 * The kernel's answers to "which way to this destination?", kept until routes change (inside net).
 * On the packet's way: nowhere.
 * Threads: that of the next hops.
 */
#include "net/routes.h"

#include "net/nexthop.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Endpoints roam, so questions without end may be asked while no route changes. */
#define ROUTES_MAX 16384

/* A question; compared as bytes. */
struct question {
	struct address destination;
	struct address source; /* ADDRESS_NONE if any */
	uint8_t pad[2]; /* zero */
	uint32_t out_ifindex;
};

_Static_assert(sizeof(struct question) == 40, "question has no padding");

struct answer {
	struct question question;
	struct route route;
};

static enum route_kind
kind_of(uint8_t rtm_type)
{
	switch (rtm_type) {
	case RTN_UNICAST:
		return ROUTE_UNICAST;
	case RTN_LOCAL:
	case RTN_BROADCAST:
	case RTN_ANYCAST:
	case RTN_MULTICAST:
		return ROUTE_LOCAL;
	default:
		return ROUTE_NONE;
	}
}

/* RTA_VIA: the next hop of an IPv4 route has an IPv6 address (RFC 8950). */
static struct address
via_read(const struct nlattr *attribute)
{
	struct address none = {.family = ADDRESS_NONE};
	if (attribute == NULL)
		return none;
	uint16_t len = mnl_attr_get_payload_len(attribute);
	const struct rtvia *via = mnl_attr_get_payload(attribute);
	if (len == sizeof(*via) + 16 && via->rtvia_family == AF_INET6)
		return address_from_bytes(ADDRESS_IPV6, via->rtvia_addr);
	if (len == sizeof(*via) + 4 && via->rtvia_family == AF_INET)
		return address_from_bytes(ADDRESS_IPV4, via->rtvia_addr);
	return none;
}

/* The answer's context holds destination and source of the question in `via` and `source`. */
static int
route_read(const struct nlmsghdr *message, void *context)
{
	struct route *route = context;
	const struct rtmsg *header = netlink_header(message, sizeof(*header));
	const struct nlattr *attributes[RTA_MAX + 1];
	const struct nlattr *metrics[RTAX_MAX + 1];

	if (message->nlmsg_type != RTM_NEWROUTE || header == NULL ||
		header->rtm_family != netlink_family(&route->via))
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(*header), attributes, RTA_MAX);
	netlink_nested(attributes[RTA_METRICS], metrics, RTAX_MAX);
	route->kind = kind_of(header->rtm_type);
	route->ifindex = netlink_u32(attributes[RTA_OIF]);
	struct address gateway = netlink_address(attributes[RTA_GATEWAY], header->rtm_family);
	if (gateway.family == ADDRESS_NONE)
		gateway = via_read(attributes[RTA_VIA]);
	if (gateway.family != ADDRESS_NONE)
		route->via = gateway;
	if (route->source.family == ADDRESS_NONE)
		route->source = netlink_address(attributes[RTA_PREFSRC], header->rtm_family);
	route->mtu = netlink_u32(metrics[RTAX_MTU]);
	return MNL_CB_OK;
}

int
route_ask(struct netlink *netlink, const struct address *destination, uint32_t out_ifindex,
	const struct address *source, uint32_t mark, struct route *route)
{
	union netlink_request request = {0};
	struct rtmsg *header = netlink_begin(&request, RTM_GETROUTE, 0, sizeof(*header));

	header->rtm_family = netlink_family(destination);
	header->rtm_dst_len = (uint8_t)address_bits(destination);
	netlink_put_address(&request, RTA_DST, destination);
	*route = (struct route){.kind = ROUTE_NONE, .via = *destination};
	if (source != NULL && source->family == destination->family) {
		header->rtm_src_len = (uint8_t)address_bits(source);
		netlink_put_address(&request, RTA_SRC, source);
		route->source = *source;
	}
	if (out_ifindex != 0)
		mnl_attr_put_u32(&request.header, RTA_OIF, out_ifindex);
	if (mark != 0)
		mnl_attr_put_u32(&request.header, RTA_MARK, mark);

	int result = netlink_ask(netlink, &request, route_read, route);
	switch (result) {
	case -ENETUNREACH:
	case -EHOSTUNREACH: /* RTN_UNREACHABLE */
	case -EACCES: /* RTN_PROHIBIT */
	case -EINVAL: /* RTN_BLACKHOLE, or the source has just been removed */
	case -ENODEV: /* the interface of a link-local destination is gone */
	case -ENETDOWN:
		route->kind = ROUTE_NONE;
		return 0;
	default:
		return result;
	}
}

static int
question_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct question));
}

struct route
routes_find(struct routes *routes, struct netlink *netlink, const struct address *destination,
	uint32_t out_ifindex, const struct address *source)
{
	struct answer answer = {
		.question = {.destination = *destination, .out_ifindex = out_ifindex}};
	if (source != NULL)
		answer.question.source = *source;
	/* The question is the first member of every node. */
	struct answer *const *known = tfind(&answer.question, &routes->tree, question_compare);
	if (known != NULL)
		return (*known)->route;

	if (route_ask(netlink, destination, out_ifindex, source, 0, &answer.route) < 0) {
		routes->failed = true;
		return (struct route){.kind = ROUTE_NONE};
	}
	if (routes->count >= ROUTES_MAX)
		routes_forget(routes);
	struct answer *kept = malloc(sizeof(*kept));
	if (kept != NULL) {
		*kept = answer;
		if (tsearch(kept, &routes->tree, question_compare) != NULL)
			routes->count++;
		else
			free(kept);
	}
	return answer.route;
}

void
routes_forget(struct routes *routes)
{
	tdestroy(routes->tree, free);
	*routes = (struct routes){0};
}

int
nexthop_interface_to(const struct address *destination, char iface[static 16])
{
	struct netlink netlink;
	struct route route;

	int result = netlink_open(&netlink);
	if (result < 0)
		return result;
	result = route_ask(&netlink, destination, 0, NULL, 0, &route);
	netlink_close(&netlink);
	if (result < 0)
		return result;
	if (route.kind == ROUTE_NONE)
		return -ENETUNREACH;
	if (if_indextoname(route.ifindex, iface) == NULL)
		return -errno;
	return 0;
}
