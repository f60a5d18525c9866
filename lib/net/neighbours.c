/*
 * MAC addresses of the neighbours that are needed, as the kernel resolves them (inside net).
 * On the packet's way: nowhere.
 * Threads: that of the next hops.
 */
#include "net/neighbours.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than a link has. Whoever has a session can make us ask for any address of the link. */
#define NEIGHBOURS_MAX 4096
/* Entries that are managed are probed without end, and count against the host's table. */
#define MANAGED_MAX 256
/* Refreshes without being found after which a neighbour is given up. */
#define AGE_MAX 2

/* States in which the kernel has a MAC that it would use itself. */
#define STATES_KNOWN (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

struct neighbour {
	struct address address; /* first: the tree's key */
	uint8_t mac[6];
	bool known; /* `mac` is valid */
	bool asked; /* the kernel has been asked since it last lost the entry */
	bool fixed; /* permanent or learned from outside: must not be asked for */
	bool managed; /* kept fresh by the kernel */
	bool ours; /* managed because of us */
	bool passed_on; /* since the last refresh, to a thread that may ask */
	bool counted; /* one of the MANAGED_MAX that we have had managed */
	unsigned age; /* refreshes since it was last found */
	struct neighbour *next; /* of those that are being given up */
};

/* What a message of the kernel says about one neighbour. */
struct neighbour_report {
	struct address address;
	uint32_t ifindex;
	uint16_t state;
	uint8_t mac[6];
	bool has_mac;
	bool external;
	bool managed;
	bool ours;
};

static bool
report_read(const struct nlmsghdr *message, struct neighbour_report *report)
{
	const struct ndmsg *header = netlink_header(message, sizeof(*header));
	const struct nlattr *attributes[NDA_MAX + 1];

	if (header == NULL)
		return false;
	netlink_attributes(message, sizeof(*header), attributes, NDA_MAX);
	*report = (struct neighbour_report){
		.address = netlink_address(attributes[NDA_DST], header->ndm_family),
		.ifindex = (uint32_t)header->ndm_ifindex,
		.state = header->ndm_state,
		.external = (header->ndm_flags & NTF_EXT_LEARNED) != 0,
		.managed = (netlink_u32(attributes[NDA_FLAGS_EXT]) & NTF_EXT_MANAGED) != 0,
	};
	const struct nlattr *mac = attributes[NDA_LLADDR];
	if (mac != NULL && mnl_attr_get_payload_len(mac) == sizeof(report->mac)) {
		memcpy(report->mac, mnl_attr_get_payload(mac), sizeof(report->mac));
		report->has_mac = true;
	}
	const struct nlattr *protocol = attributes[NDA_PROTOCOL];
	report->ours = protocol != NULL && mnl_attr_get_payload_len(protocol) == 1 &&
		mnl_attr_get_u8(protocol) == NETLINK_PROTOCOL;
	return report->address.family != ADDRESS_NONE;
}

/* Takes in what the kernel says; true if the answer to neighbours_find is another one now. */
static bool
neighbour_update(struct neighbour *neighbour, const struct neighbour_report *report)
{
	neighbour->fixed = report->external || (report->state & (NUD_PERMANENT | NUD_NOARP)) != 0;
	neighbour->managed = report->managed;
	neighbour->ours = report->managed && report->ours;
	if (!report->has_mac || (report->state & STATES_KNOWN) == 0)
		return false;
	if (neighbour->known && memcmp(neighbour->mac, report->mac, sizeof(report->mac)) == 0)
		return false;
	memcpy(neighbour->mac, report->mac, sizeof(report->mac));
	neighbour->known = true;
	return true;
}

static int
neighbour_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct address));
}

static struct ndmsg *
request_begin(union netlink_request *request, uint16_t type, uint16_t flags,
	const struct neighbours *neighbours, const struct address *address)
{
	struct ndmsg *header = netlink_begin(request, type, flags, sizeof(*header));
	header->ndm_family = netlink_family(address);
	header->ndm_ifindex = (int)neighbours->ifindex;
	netlink_put_address(request, NDA_DST, address);
	return header;
}

static int
neighbour_read(const struct nlmsghdr *message, void *context)
{
	struct neighbour *neighbour = context;
	struct neighbour_report report;
	if (message->nlmsg_type == RTM_NEWNEIGH && report_read(message, &report) &&
		address_equal(&report.address, &neighbour->address))
		neighbour_update(neighbour, &report);
	return MNL_CB_OK;
}

/* Reads the kernel's entry, if it has one. Returns 0 or a negative errno (-ENOENT). */
static int
neighbour_get(struct neighbours *neighbours, struct neighbour *neighbour)
{
	union netlink_request request = {0};
	neighbour->fixed = neighbour->managed = neighbour->ours = false;
	request_begin(&request, RTM_GETNEIGH, 0, neighbours, &neighbour->address);
	return netlink_ask(neighbours->netlink, &request, neighbour_read, neighbour);
}

/* Has the kernel resolve it once (NTF_USE), or for good where it can. */
static int
neighbour_request(struct neighbours *neighbours, struct neighbour *neighbour, bool managed)
{
	union netlink_request request = {0};
	struct ndmsg *header = request_begin(
		&request, RTM_NEWNEIGH, NLM_F_CREATE, neighbours, &neighbour->address);
	if (managed) {
		mnl_attr_put_u32(&request.header, NDA_FLAGS_EXT, NTF_EXT_MANAGED);
		mnl_attr_put_u8(&request.header, NDA_PROTOCOL, NETLINK_PROTOCOL);
	} else {
		header->ndm_flags = NTF_USE;
	}
	return netlink_ask(neighbours->netlink, &request, NULL, NULL);
}

/* Returns whether another thread is to ask: not again before the next refresh, lest none may. */
static bool
pass_on(const struct neighbours *neighbours, struct neighbour *neighbour)
{
	const uint64_t one = 1;

	if (neighbour->passed_on)
		return false;
	neighbour->passed_on = write(neighbours->wanted, &one, sizeof(one)) == sizeof(one);
	return neighbour->passed_on;
}

/*
 * Asking for an entry that is permanent would make the kernel age it, so its state is read first;
 * and read again afterwards, because kernels before 5.16 take NTF_EXT_MANAGED without a word and
 * without effect.
 */
static void
neighbour_ask(struct neighbours *neighbours, struct neighbour *neighbour)
{
	(void)neighbour_get(neighbours, neighbour);
	neighbour->asked = true;
	if (neighbour->fixed || neighbour->managed)
		return;
	if (!neighbour->counted && neighbours->managed_count < MANAGED_MAX) {
		neighbour->counted = true;
		neighbours->managed_count++;
	}
	if (neighbour->counted && neighbour_request(neighbours, neighbour, true) == 0 &&
		neighbour_get(neighbours, neighbour) == 0 && neighbour->managed)
		return;
	int result = neighbour_request(neighbours, neighbour, false);
	if (result == -EPERM && pass_on(neighbours, neighbour)) {
		neighbour->asked = false;
	} else if (result < 0) {
		char text[ADDRESS_TEXT_MAX];
		log_debug(neighbours->log, "cannot ask the kernel for the neighbour %s: %s",
			address_format(&neighbour->address, text), strerror(-result));
		neighbour->asked = false;
	}
}

static void
neighbour_remove(struct neighbours *neighbours, const struct address *address)
{
	union netlink_request request = {0};
	request_begin(&request, RTM_DELNEIGH, 0, neighbours, address);
	int result = netlink_ask(neighbours->netlink, &request, NULL, NULL);
	if (result < 0 && result != -ENOENT)
		log_debug(neighbours->log, "cannot remove a managed neighbour: %s",
			strerror(-result));
}

/* Addresses of entries to be removed, collected first: a dump must not change what it reads. */
struct leftovers {
	uint32_t ifindex;
	struct address addresses[256];
	size_t count;
};

static int
leftover_collect(const struct nlmsghdr *message, void *context)
{
	struct leftovers *leftovers = context;
	struct neighbour_report report;
	const size_t max = sizeof(leftovers->addresses) / sizeof(leftovers->addresses[0]);
	if (message->nlmsg_type == RTM_NEWNEIGH && report_read(message, &report) &&
		report.ifindex == leftovers->ifindex && report.ours && report.managed &&
		leftovers->count < max)
		leftovers->addresses[leftovers->count++] = report.address;
	return MNL_CB_OK;
}

void
neighbours_init(struct neighbours *neighbours, struct netlink *netlink, uint32_t ifindex,
	int wanted, const struct log *log)
{
	union netlink_request request = {0};
	struct leftovers leftovers = {.ifindex = ifindex};

	*neighbours = (struct neighbours){
		.netlink = netlink, .log = log, .ifindex = ifindex, .wanted = wanted};
	netlink_begin(&request, RTM_GETNEIGH, NLM_F_DUMP, sizeof(struct ndmsg));
	/* An interrupted dump has missed some: they stay, and do no harm. */
	(void)netlink_ask(netlink, &request, leftover_collect, &leftovers);
	for (size_t i = 0; i < leftovers.count; i++)
		neighbour_remove(neighbours, &leftovers.addresses[i]);
}

static void
visit_remove(const void *node, VISIT visit, void *context)
{
	const struct neighbour *neighbour = *(struct neighbour *const *)node;
	if ((visit == postorder || visit == leaf) && neighbour->ours && !neighbour->fixed)
		neighbour_remove(context, &neighbour->address);
}

void
neighbours_fini(struct neighbours *neighbours)
{
	twalk_r(neighbours->tree, visit_remove, neighbours);
	tdestroy(neighbours->tree, free);
	neighbours->tree = NULL;
	neighbours->count = 0;
	neighbours->managed_count = 0;
}

bool
neighbours_find(struct neighbours *neighbours, const struct address *address, uint8_t mac[static 6])
{
	struct neighbour *const *found = tfind(address, &neighbours->tree, neighbour_compare);
	struct neighbour *neighbour = found != NULL ? *found : NULL;

	if (neighbour == NULL) {
		/* Without room it comes when others have been given up, at a later refresh. */
		if (neighbours->count < NEIGHBOURS_MAX)
			neighbour = calloc(1, sizeof(*neighbour));
		if (neighbour == NULL)
			return false;
		neighbour->address = *address;
		if (tsearch(neighbour, &neighbours->tree, neighbour_compare) == NULL) {
			free(neighbour);
			return false;
		}
		neighbours->count++;
	}
	neighbour->age = 0;
	if (!neighbour->asked)
		neighbour_ask(neighbours, neighbour);
	memcpy(mac, neighbour->mac, sizeof(neighbour->mac));
	return neighbour->known;
}

bool
neighbours_event(struct neighbours *neighbours, const struct nlmsghdr *message)
{
	struct neighbour_report report;
	if (!report_read(message, &report) || report.ifindex != neighbours->ifindex)
		return false;
	struct neighbour *const *found =
		tfind(&report.address, &neighbours->tree, neighbour_compare);
	if (found == NULL)
		return false;
	struct neighbour *neighbour = *found;
	if (message->nlmsg_type == RTM_DELNEIGH) {
		bool lost = neighbour->asked;
		neighbour->asked = neighbour->fixed = neighbour->managed = neighbour->ours = false;
		return lost;
	}
	return neighbour_update(neighbour, &report);
}

static void
visit_resync(const void *node, VISIT visit, void *context)
{
	struct neighbour *neighbour = *(struct neighbour *const *)node;
	if (visit == postorder || visit == leaf)
		neighbour->asked = false;
}

void
neighbours_resync(struct neighbours *neighbours)
{
	twalk_r(neighbours->tree, visit_resync, NULL);
}

/* Collects those to be given up: a walk must not change what it walks. */
static void
visit_refresh(const void *node, VISIT visit, void *context)
{
	struct neighbour *neighbour = *(struct neighbour *const *)node;
	struct neighbour **given_up = context;
	if (visit != postorder && visit != leaf)
		return;
	neighbour->passed_on = false;
	if (++neighbour->age >= AGE_MAX) {
		neighbour->next = *given_up;
		*given_up = neighbour;
	} else if (!neighbour->fixed && !neighbour->managed) {
		neighbour->asked = false;
	}
}

bool
neighbours_refresh(struct neighbours *neighbours)
{
	struct neighbour *given_up = NULL;
	twalk_r(neighbours->tree, visit_refresh, &given_up);
	while (given_up != NULL) {
		struct neighbour *neighbour = given_up;
		given_up = neighbour->next;
		if (neighbour->ours && !neighbour->fixed)
			neighbour_remove(neighbours, &neighbour->address);
		neighbours->managed_count -= neighbour->counted;
		neighbours->count--;
		tdelete(neighbour, &neighbours->tree, neighbour_compare);
		free(neighbour);
	}
	return neighbours->tree != NULL;
}
