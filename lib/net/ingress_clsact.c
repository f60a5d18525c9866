/*
 * The ingress program as a filter of the clsact qdisc, for kernels without tcx.
 * On the packet's way: beside it: the packet has been copied to the underlay port before.
 * Threads: management only.
 */
#include "net/ingress.h"

#include "net/netlink.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <string.h>

/* By its name a filter is known as ours, and whether the qdisc came with it. */
#define NAME_FILTER "guardlane"
#define NAME_FILTER_AND_QDISC "guardlane:clsact"

#define PARENT_INGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
#define PARENT_EGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)

/* Filters of our name found on the interface, and how many others there are. */
struct filter_search {
	struct tcmsg ours[16];
	size_t our_count;
	size_t other_count;
	bool our_qdisc;
};

static int
filter_collect(const struct nlmsghdr *message, void *context)
{
	struct filter_search *search = context;
	const struct tcmsg *header = netlink_header(message, sizeof(*header));
	const struct nlattr *attributes[TCA_MAX + 1];
	const struct nlattr *options[TCA_BPF_MAX + 1];

	if (message->nlmsg_type != RTM_NEWTFILTER || header == NULL)
		return MNL_CB_OK;
	netlink_attributes(message, sizeof(*header), attributes, TCA_MAX);
	const struct nlattr *kind = attributes[TCA_KIND];
	/* Each priority is listed once more, without options, before its filters. */
	if (header->tcm_handle == 0)
		return MNL_CB_OK;
	const struct nlattr *name = NULL;
	if (netlink_string(kind, "bpf")) {
		netlink_nested(attributes[TCA_OPTIONS], options, TCA_BPF_MAX);
		name = options[TCA_BPF_NAME];
	}
	bool with_qdisc = netlink_string(name, NAME_FILTER_AND_QDISC);
	const size_t max = sizeof(search->ours) / sizeof(search->ours[0]);
	if ((netlink_string(name, NAME_FILTER) || with_qdisc) && search->our_count < max) {
		search->ours[search->our_count++] = *header;
		search->our_qdisc |= with_qdisc;
	} else {
		search->other_count++;
	}
	return MNL_CB_OK;
}

static int
filters_list(
	struct netlink *netlink, uint32_t ifindex, uint32_t parent, struct filter_search *search)
{
	union netlink_request request = {0};
	struct tcmsg *header = netlink_begin(&request, RTM_GETTFILTER, NLM_F_DUMP, sizeof(*header));
	header->tcm_ifindex = (int)ifindex;
	header->tcm_parent = parent;
	return netlink_ask(netlink, &request, filter_collect, search);
}

static int
filter_remove(struct netlink *netlink, const struct tcmsg *filter)
{
	union netlink_request request = {0};
	struct tcmsg *header = netlink_begin(&request, RTM_DELTFILTER, 0, sizeof(*header));
	*header = *filter;
	mnl_attr_put_strz(&request.header, TCA_KIND, "bpf");
	return netlink_ask(netlink, &request, NULL, NULL);
}

static int
qdisc_change(struct netlink *netlink, uint32_t ifindex, uint16_t type, uint16_t flags)
{
	union netlink_request request = {0};
	struct tcmsg *header = netlink_begin(&request, type, flags, sizeof(*header));
	header->tcm_ifindex = (int)ifindex;
	header->tcm_parent = TC_H_CLSACT;
	header->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	mnl_attr_put_strz(&request.header, TCA_KIND, "clsact");
	return netlink_ask(netlink, &request, NULL, NULL);
}

static int
filter_add(struct netlink *netlink, uint32_t ifindex, int program_fd, const char *name)
{
	union netlink_request request = {0};
	struct tcmsg *header =
		netlink_begin(&request, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, sizeof(*header));
	header->tcm_ifindex = (int)ifindex;
	header->tcm_parent = PARENT_INGRESS;
	/* Priority 0: the kernel chooses one that nobody has. */
	header->tcm_info = TC_H_MAKE(0, htobe16(ETH_P_ALL));
	mnl_attr_put_strz(&request.header, TCA_KIND, "bpf");
	struct nlattr *options = mnl_attr_nest_start(&request.header, TCA_OPTIONS);
	mnl_attr_put_u32(&request.header, TCA_BPF_FD, (uint32_t)program_fd);
	mnl_attr_put_strz(&request.header, TCA_BPF_NAME, name);
	mnl_attr_put_u32(&request.header, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(&request.header, options);
	return netlink_ask(netlink, &request, NULL, NULL);
}

int
ingress_clsact_attach(uint32_t ifindex, int program_fd)
{
	struct netlink netlink;
	int result = netlink_open(&netlink);
	if (result < 0)
		return result;
	result = qdisc_change(&netlink, ifindex, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);
	const bool made = result == 0;
	if (made || result == -EEXIST)
		result = filter_add(
			&netlink, ifindex, program_fd, made ? NAME_FILTER_AND_QDISC : NAME_FILTER);
	if (result < 0 && made)
		(void)qdisc_change(&netlink, ifindex, RTM_DELQDISC, 0);
	netlink_close(&netlink);
	return result;
}

int
ingress_clsact_detach(uint32_t ifindex)
{
	struct filter_search search = {0};
	struct netlink netlink;
	int result = netlink_open(&netlink);
	if (result < 0)
		return result;
	result = filters_list(&netlink, ifindex, PARENT_INGRESS, &search);
	for (size_t i = 0; i < search.our_count; i++) {
		int removed = filter_remove(&netlink, &search.ours[i]);
		if (removed < 0)
			result = removed;
	}
	if (result == 0 && search.our_qdisc)
		result = filters_list(&netlink, ifindex, PARENT_EGRESS, &search);
	if (result == 0 && search.our_qdisc && search.other_count == 0)
		result = qdisc_change(&netlink, ifindex, RTM_DELQDISC, 0);
	netlink_close(&netlink);
	return result;
}
