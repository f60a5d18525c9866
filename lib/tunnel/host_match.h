/*
 * What goes to the host device where there is a pipeline, which gets all the rest.
 * On the packet's way: in_deliver.
 * Threads: immutable once a tunnel has it.
 */
#pragma once

#include "base/address.h"
#include "wire/inner.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST_MATCH_RULES_MAX 32

/* One rule: all of it must hold. */
struct host_match_rule {
	uint8_t protocol; /* as struct inner_service has it; 0: any */
	uint16_t port; /* destination; 0: any */
	struct prefix destination; /* ADDRESS_NONE: any */
};

struct host_match {
	struct host_match_rule rules[HOST_MATCH_RULES_MAX];
	unsigned count; /* 0: nothing goes to the host device */
};

/*
 * host_match_parse reads "none", or rules with commas or spaces between them: "icmp" (ICMPv6
 * likewise), "tcp", "udp", "tcp/PORT", "udp/PORT", PREFIX, or one of the former with "@PREFIX"
 * behind it. Returns 0, or -EINVAL and in *bad the rule that is none, of *bad_len characters.
 */
int host_match_parse(const char *text, struct host_match *match, const char **bad, size_t *bad_len)
	__attribute__((warn_unused_result));

/* host_match_holds tells whether the inner packet (checked by inner_parse) goes to the host. */
bool
host_match_holds(const struct host_match *match, const uint8_t *packet, const struct inner *inner);
