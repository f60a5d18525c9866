/*
 * Questions to the kernel by rtnetlink, and the parts of its answers (inside net only).
 * On the packet's way: nowhere.
 * Threads: whoever holds the socket; one at a time.
 */
#include "net/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* What the kernel puts into one datagram of a dump if the reader has the room. */
#define DATAGRAM_MAX 32768

int
netlink_open(struct netlink *netlink)
{
	*netlink = (struct netlink){0};
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (socket == NULL)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		int error = -errno;
		mnl_socket_close(socket);
		return error;
	}
	/* Lets the kernel filter dumps by the request's fields; older ones do not, and we look. */
	int strict = 1;
	mnl_socket_setsockopt(socket, NETLINK_GET_STRICT_CHK, &strict, sizeof(strict));
	netlink->socket = socket;
	return 0;
}

void
netlink_close(struct netlink *netlink)
{
	if (netlink->socket != NULL)
		mnl_socket_close(netlink->socket);
	netlink->socket = NULL;
}

void *
netlink_begin(
	union netlink_request *request, uint16_t type, uint16_t flags, size_t family_header_len)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(request->bytes);
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	/* With an acknowledgement every answer has an end, also that of a single question. */
	if ((flags & NLM_F_DUMP) != NLM_F_DUMP)
		header->nlmsg_flags |= NLM_F_ACK;
	return mnl_nlmsg_put_extra_header(header, family_header_len);
}

/*
 * A dump that was interrupted is read to its end all the same: the socket cannot start another
 * one before, and what is left of it would be taken for the next answer.
 */
static bool
dump_interrupted(void *datagram, int len)
{
	bool interrupted = false;
	struct nlmsghdr *message = datagram;
	for (; mnl_nlmsg_ok(message, len); message = mnl_nlmsg_next(message, &len)) {
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			interrupted = true;
		message->nlmsg_flags &= (uint16_t)~NLM_F_DUMP_INTR;
	}
	return interrupted;
}

static int
ignore_message(const struct nlmsghdr *message, void *context)
{
	return MNL_CB_OK;
}

int
netlink_ask(struct netlink *netlink, union netlink_request *request, mnl_cb_t each, void *context)
{
	_Alignas(struct nlmsghdr) uint8_t datagram[DATAGRAM_MAX];
	bool interrupted = false;

	request->header.nlmsg_seq = ++netlink->sequence;
	if (mnl_socket_sendto(netlink->socket, request, request->header.nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t len = mnl_socket_recvfrom(netlink->socket, datagram, sizeof(datagram));
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		const struct nlmsghdr *first = (const struct nlmsghdr *)datagram;
		/* The rest of an answer that was given up because of an error. */
		if ((size_t)len < sizeof(*first) || first->nlmsg_seq != netlink->sequence)
			continue;
		interrupted |= dump_interrupted(datagram, (int)len);
		int verdict = mnl_cb_run(datagram, (size_t)len, netlink->sequence,
			mnl_socket_get_portid(netlink->socket),
			each != NULL ? each : ignore_message, context);
		if (verdict < 0)
			return -errno;
		if (verdict == MNL_CB_STOP)
			return interrupted ? -EINTR : 0;
	}
}

const void *
netlink_header(const struct nlmsghdr *message, size_t len)
{
	return mnl_nlmsg_get_payload_len(message) >= len ? mnl_nlmsg_get_payload(message) : NULL;
}

bool
netlink_string(const struct nlattr *attribute, const char *text)
{
	const size_t len = strlen(text);

	/* Some end with a zero byte, and some do not. */
	return attribute != NULL && mnl_attr_get_payload_len(attribute) >= len &&
		strnlen(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute)) ==
		len &&
		memcmp(mnl_attr_get_payload(attribute), text, len) == 0;
}

/* Where attributes go, by type. */
struct attribute_table {
	const struct nlattr **attributes;
	uint16_t max;
};

static int
attribute_store(const struct nlattr *attribute, void *context)
{
	const struct attribute_table *table = context;
	uint16_t type = mnl_attr_get_type(attribute);
	if (type <= table->max)
		table->attributes[type] = attribute;
	return MNL_CB_OK;
}

static struct attribute_table
table_clear(const struct nlattr *attributes[], uint16_t max)
{
	for (unsigned type = 0; type <= max; type++)
		attributes[type] = NULL;
	return (struct attribute_table){.attributes = attributes, .max = max};
}

void
netlink_attributes(const struct nlmsghdr *message, size_t family_header_len,
	const struct nlattr *table[], uint16_t max)
{
	struct attribute_table store = table_clear(table, max);
	(void)mnl_attr_parse(message, (unsigned)family_header_len, attribute_store, &store);
}

void
netlink_nested(const struct nlattr *attribute, const struct nlattr *table[], uint16_t max)
{
	struct attribute_table store = table_clear(table, max);
	if (attribute != NULL)
		(void)mnl_attr_parse_nested(attribute, attribute_store, &store);
}

uint32_t
netlink_u32(const struct nlattr *attribute)
{
	if (attribute == NULL || mnl_attr_get_payload_len(attribute) != sizeof(uint32_t))
		return 0;
	return mnl_attr_get_u32(attribute);
}

struct address
netlink_address(const struct nlattr *attribute, uint8_t family)
{
	struct address none = {.family = ADDRESS_NONE};
	if (attribute == NULL)
		return none;
	const uint8_t *bytes = mnl_attr_get_payload(attribute);
	uint16_t len = mnl_attr_get_payload_len(attribute);
	if (family == AF_INET && len == 4)
		return address_from_bytes(ADDRESS_IPV4, bytes);
	if (family == AF_INET6 && len == 16)
		return address_from_bytes(ADDRESS_IPV6, bytes);
	return none;
}

void
netlink_put_address(union netlink_request *request, uint16_t type, const struct address *address)
{
	mnl_attr_put(&request->header, type, address_len(address), address->bytes);
}

uint8_t
netlink_family(const struct address *address)
{
	return address->family == ADDRESS_IPV4 ? AF_INET : AF_INET6;
}
