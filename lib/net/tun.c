/*
 * The host device: a TUN by which the instance itself uses the tunnel, and its routes.
 * On the packet's way: the host thread reads and writes its packets.
 * Threads: opening and routes by management; read and write by the host thread.
 */
#include "net/tun.h"

#include "net/netlink.h"
#include "net/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the kernel may leave to us. An older one that leaves less is as good. */
#define OFFLOADS (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
/* IPv6 is off on a link whose MTU is lower (RFC 8200, section 5). */
#define IPV6_MTU_MIN 1280

static int
device_create(const char *name, const struct log *log, struct tun *tun)
{
	struct ifreq request = {0};

	tun->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tun->fd < 0) {
		int error = -errno;
		log_error(log, "cannot open /dev/net/tun for the host device %s: %s%s", name,
			strerror(-error),
			error == -ENOENT ? " (in a container, give it the device: --device "
					   "/dev/net/tun)"
					 : "");
		return error;
	}
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	/* Exclusive: never attach to a persistent TUN that somebody else has set up. */
	request.ifr_flags =
		(short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | (tun->adopted ? 0 : IFF_TUN_EXCL));
	if (ioctl(tun->fd, TUNSETIFF, &request) < 0) {
		int error = -errno;
		log_error(log, "cannot create the host device %s: %s%s", name, strerror(-error),
			error == -EPERM ? " (CAP_NET_ADMIN is needed, or a TUN that was made "
					  "for this user: ip tuntap add NAME mode tun user UID)"
					: "");
		return error;
	}
	(void)ioctl(tun->fd, TUNSETOFFLOAD, OFFLOADS);
	memcpy(tun->name, request.ifr_name, sizeof(tun->name));
	tun->ifindex = if_nametoindex(tun->name);
	return tun->ifindex != 0 ? 0 : -errno;
}

/*
 * The kernel would give the device a link-local address and send router solicitations and
 * multicast reports by it, which no peer's AllowedIPs cover.
 */
static void
link_local_forbid(struct netlink *netlink, uint32_t ifindex)
{
	union netlink_request request = {0};
	struct ifinfomsg *link = netlink_begin(&request, RTM_SETLINK, 0, sizeof(*link));
	link->ifi_index = (int)ifindex;
	struct nlattr *families = mnl_attr_nest_start(&request.header, IFLA_AF_SPEC);
	struct nlattr *family = mnl_attr_nest_start(&request.header, AF_INET6);
	mnl_attr_put_u8(&request.header, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(&request.header, family);
	mnl_attr_nest_end(&request.header, families);
	/* Refused where the host has no IPv6; there is then nothing to forbid. */
	(void)netlink_ask(netlink, &request, NULL, NULL);
}

static int
link_set(struct netlink *netlink, uint32_t ifindex, uint32_t mtu, bool up)
{
	union netlink_request request = {0};
	struct ifinfomsg *link = netlink_begin(&request, RTM_SETLINK, 0, sizeof(*link));
	link->ifi_index = (int)ifindex;
	if (up)
		link->ifi_flags = link->ifi_change = IFF_UP;
	mnl_attr_put_u32(&request.header, IFLA_MTU, mtu);
	return netlink_ask(netlink, &request, NULL, NULL);
}

static int
address_add(struct netlink *netlink, uint32_t ifindex, const struct prefix *prefix)
{
	union netlink_request request = {0};
	struct ifaddrmsg *header =
		netlink_begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*header));
	header->ifa_family = netlink_family(&prefix->address);
	header->ifa_prefixlen = prefix->len;
	header->ifa_index = ifindex;
	netlink_put_address(&request, IFA_LOCAL, &prefix->address);
	netlink_put_address(&request, IFA_ADDRESS, &prefix->address);
	/* There is no link on which a duplicate could be. */
	if (prefix->address.family == ADDRESS_IPV6)
		mnl_attr_put_u32(&request.header, IFA_FLAGS, IFA_F_NODAD);
	return netlink_ask(netlink, &request, NULL, NULL);
}

static int
device_configure(struct netlink *netlink, const struct tun *tun, uint32_t mtu,
	const struct prefix addresses[], size_t count, const struct log *log)
{
	char text[PREFIX_TEXT_MAX];

	link_local_forbid(netlink, tun->ifindex);
	int result = link_set(netlink, tun->ifindex, mtu, false);
	if (result < 0) {
		log_error(log, "%s: the kernel refuses the MTU %u: %s", tun->name, mtu,
			strerror(-result));
		return result;
	}
	for (size_t i = 0; i < count; i++) {
		result = address_add(netlink, tun->ifindex, &addresses[i]);
		if (result == 0)
			continue;
		bool small = addresses[i].address.family == ADDRESS_IPV6 && mtu < IPV6_MTU_MIN;
		log_error(log, "%s: the kernel refuses the address %s: %s%s", tun->name,
			prefix_format(&addresses[i], text), strerror(-result),
			small ? " (IPv6 needs an MTU of at least 1280)" : "");
		return result;
	}
	result = link_set(netlink, tun->ifindex, mtu, true);
	if (result < 0)
		log_error(log, "%s cannot be set up: %s", tun->name, strerror(-result));
	return result;
}

/* What is done inside the device's namespace. */
struct opening {
	struct tun *tun;
	const char *name;
	uint32_t mtu;
	const struct prefix *addresses;
	size_t count;
	const struct log *log;
};

static int
open_inside(void *context)
{
	const struct opening *opening = context;
	struct netlink netlink;

	opening->tun->adopted = geteuid() != 0 && if_nametoindex(opening->name) != 0;
	if (opening->tun->adopted) {
		log_info(opening->log,
			"%s is there already, and is taken as it is: its addresses, routes and MTU are "
			"left to whoever has made it",
			opening->name);
		return device_create(opening->name, opening->log, opening->tun);
	}
	if (if_nametoindex(opening->name) != 0) {
		log_error(opening->log,
			"an interface %s exists already: remove it, or name the host device "
			"otherwise (--host tun:NAME)",
			opening->name);
		return -EBUSY;
	}
	int result = netlink_open(&netlink);
	if (result < 0) {
		log_error(opening->log, "cannot open a netlink socket: %s", strerror(-result));
		return result;
	}
	result = device_create(opening->name, opening->log, opening->tun);
	if (result == 0)
		result = device_configure(&netlink, opening->tun, opening->mtu, opening->addresses,
			opening->count, opening->log);
	netlink_close(&netlink);
	return result;
}

static int
enter(const char *netns, const char *name, const struct log *log)
{
	int fd = netns_open(netns);

	if (fd < 0)
		log_error(log,
			"%s: there is no network namespace %s: %s; make it (ip netns add), or give "
			"another by netns",
			name, netns, strerror(-fd));
	return fd;
}

int
tun_open(const char *name, const char *netns, uint32_t mtu, const struct prefix addresses[],
	size_t count, const struct log *log, struct tun *tun)
{
	struct opening opening = {tun, name, mtu, addresses, count, log};

	*tun = (struct tun){.fd = -1, .netns = -1};
	/* The kernel takes "wg%d" as a pattern and finds a number for it. */
	if (name[0] == '\0' || strlen(name) >= IF_NAMESIZE || strpbrk(name, "%/: \t") != NULL) {
		log_error(log, "\"%s\" cannot be the name of a network interface", name);
		return -EINVAL;
	}
	if (netns != NULL) {
		tun->netns = enter(netns, name, log);
		if (tun->netns < 0)
			return tun->netns;
	}
	int result = netns_call(tun->netns, open_inside, &opening);
	if (result < 0 && tun->netns >= 0 && tun->fd < 0)
		log_error(log, "%s: nothing can be set up in the network namespace %s: %s%s", name,
			netns, strerror(-result),
			result == -EPERM ? " (CAP_SYS_ADMIN is needed)" : "");
	if (result < 0)
		tun_close(tun);
	return result;
}

static int
open_netlink(void *netlink)
{
	return netlink_open(netlink);
}

/* A socket stays in the namespace in which it was opened. */
static int
netlink_to(const struct tun *tun, struct netlink *netlink)
{
	return netns_call(tun->netns, open_netlink, netlink);
}

int
tun_set_mtu(const struct tun *tun, uint32_t mtu)
{
	struct netlink netlink;
	int result = netlink_to(tun, &netlink);
	if (result < 0)
		return result;
	result = link_set(&netlink, tun->ifindex, mtu, false);
	netlink_close(&netlink);
	return result;
}

uint32_t
tun_mtu(const struct tun *tun)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_ifindex = (int)tun->ifindex};
	uint32_t mtu = UINT32_MAX;

	/* It may have been given another name. */
	if (ioctl(fd, SIOCGIFNAME, &request) == 0 && ioctl(fd, SIOCGIFMTU, &request) == 0)
		mtu = (uint32_t)request.ifr_mtu;
	if (fd >= 0)
		close(fd);
	return mtu;
}

static int
route_change(struct netlink *netlink, const struct tun *tun, const struct prefix *prefix,
	uint16_t type, uint16_t flags)
{
	union netlink_request request = {0};
	struct rtmsg *route = netlink_begin(&request, type, flags, sizeof(*route));
	route->rtm_family = netlink_family(&prefix->address);
	route->rtm_dst_len = prefix->len;
	route->rtm_table = RT_TABLE_MAIN;
	route->rtm_protocol = NETLINK_PROTOCOL;
	route->rtm_type = RTN_UNICAST;
	/* IPv6 has no scopes of routes. */
	if (prefix->address.family == ADDRESS_IPV4)
		route->rtm_scope = RT_SCOPE_LINK;
	netlink_put_address(&request, RTA_DST, &prefix->address);
	mnl_attr_put_u32(&request.header, RTA_OIF, tun->ifindex);
	return netlink_ask(netlink, &request, NULL, NULL);
}

/* Whether one of the device's routes is for exactly this prefix. */
struct route_search {
	const struct prefix *prefix;
	uint32_t ifindex;
	bool found;
};

static int
route_match(const struct nlmsghdr *message, void *context)
{
	struct route_search *search = context;
	const struct rtmsg *header = netlink_header(message, sizeof(*header));
	const struct nlattr *attributes[RTA_MAX + 1];

	if (message->nlmsg_type != RTM_NEWROUTE || header == NULL)
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(*header), attributes, RTA_MAX);
	struct address destination = netlink_address(attributes[RTA_DST], header->rtm_family);
	if (netlink_u32(attributes[RTA_OIF]) == search->ifindex &&
		header->rtm_table == RT_TABLE_MAIN && header->rtm_dst_len == search->prefix->len &&
		address_equal(&destination, &search->prefix->address))
		search->found = true;
	return MNL_CB_OK;
}

static bool
route_exists(struct netlink *netlink, const struct tun *tun, const struct prefix *prefix)
{
	struct route_search search = {.prefix = prefix, .ifindex = tun->ifindex};
	union netlink_request request = {0};
	struct rtmsg *route = netlink_begin(&request, RTM_GETROUTE, NLM_F_DUMP, sizeof(*route));
	route->rtm_family = netlink_family(&prefix->address);
	route->rtm_table = RT_TABLE_MAIN;
	mnl_attr_put_u32(&request.header, RTA_OIF, tun->ifindex);
	(void)netlink_ask(netlink, &request, route_match, &search);
	return search.found;
}

int
tun_route_add(const struct tun *tun, const struct prefix *prefix)
{
	struct netlink netlink;
	int result = netlink_to(tun, &netlink);
	if (result < 0)
		return result;
	result = route_change(&netlink, tun, prefix, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	if (result == -EEXIST && route_exists(&netlink, tun, prefix))
		result = 0;
	netlink_close(&netlink);
	return result;
}

int
tun_route_remove(const struct tun *tun, const struct prefix *prefix)
{
	struct netlink netlink;
	int result = netlink_to(tun, &netlink);
	if (result < 0)
		return result;
	result = route_change(&netlink, tun, prefix, RTM_DELROUTE, 0);
	netlink_close(&netlink);
	/* None with our protocol number: the kernel's own for the device's address stays. */
	return result == -ESRCH ? 0 : result;
}

ssize_t
tun_read(const struct tun *tun, void *packet, size_t size, struct segment_hints *hints)
{
	struct virtio_net_hdr header;
	uint8_t beyond;
	const struct iovec pieces[] = {{&header, sizeof(header)}, {packet, size}, {&beyond, 1}};
	ssize_t len = readv(tun->fd, pieces, 3);

	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if ((size_t)len < sizeof(header))
		return -EINVAL;
	len -= (ssize_t)sizeof(header);
	if ((size_t)len > size)
		return -EMSGSIZE;
	*hints = (struct segment_hints){
		.tcp = header.gso_type != VIRTIO_NET_HDR_GSO_NONE,
		.checksum_wanted = (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0,
		.payload_len = header.gso_size,
		.checksum_from = header.csum_start,
		.checksum_at = (uint16_t)(header.csum_start + header.csum_offset),
	};
	return len;
}

static uint8_t
gso_type(const struct iovec *first, const struct segment_hints *hints)
{
	if (!hints->tcp)
		return VIRTIO_NET_HDR_GSO_NONE;
	return *(const uint8_t *)first->iov_base >> 4 == 6 ? VIRTIO_NET_HDR_GSO_TCPV6
							   : VIRTIO_NET_HDR_GSO_TCPV4;
}

ssize_t
tun_write(const struct tun *tun, const struct iovec pieces[], unsigned count,
	const struct segment_hints *hints)
{
	struct virtio_net_hdr header = {.gso_type = gso_type(&pieces[0], hints)};
	struct iovec all[1 + TUN_PIECES_MAX];
	ssize_t written;

	if (hints->checksum_wanted) {
		header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		header.csum_start = hints->checksum_from;
		header.csum_offset = (uint16_t)(hints->checksum_at - hints->checksum_from);
	}
	if (hints->tcp) {
		header.gso_size = hints->payload_len;
		header.hdr_len = (uint16_t)hints->header_len;
	}
	all[0] = (struct iovec){&header, sizeof(header)};
	memcpy(&all[1], pieces, count * sizeof(pieces[0]));
	written = writev(tun->fd, all, (int)count + 1);
	return written < 0 ? -errno : written - (ssize_t)sizeof(header);
}

void
tun_close(struct tun *tun)
{
	if (tun->fd >= 0)
		close(tun->fd);
	if (tun->netns >= 0)
		close(tun->netns);
	tun->fd = tun->netns = -1;
}
