/*
 * Whether the host's firewall has rules about a port: packets on the underlay go past them.
 * On the packet's way: nowhere; for commands that end by themselves, never for the running gateway.
 * Threads: main.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FIREWALL_WHERE_MAX 128

/*
 * firewall_mentions asks nft(8), iptables-save(8) and ip6tables-save(8), of both kinds, as far as
 * they are here, for the host's rules, and tells whether one of them matches UDP packets to `port`;
 * `where` then has the place of the first: "nft: inet filter input", "iptables: filter INPUT".
 * False, too, if none can be seen: the tools are missing, root is needed, or each took more than
 * 2 s. Starts processes and waits for them.
 */
bool firewall_mentions(uint16_t port, char where[static FIREWALL_WHERE_MAX]);

/*
 * firewall_rules_nft and firewall_rules_iptables are the same over the text that `nft list ruleset`
 * and `iptables-save` print. Ranges, lists and named sets count; a rule for TCP, for the source
 * port, or for all ports but this one does not.
 */
bool firewall_rules_nft(const char *ruleset, uint16_t port, char where[static FIREWALL_WHERE_MAX]);
bool
firewall_rules_iptables(const char *ruleset, uint16_t port, char where[static FIREWALL_WHERE_MAX]);
