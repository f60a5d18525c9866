/*
 * What is odd about a configuration that has no error: most of it keeps a tunnel from coming up.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#pragma once

#include "config/report.h"
#include "config/tunnel_config.h"

#include <stddef.h>
#include <stdint.h>

/* Beyond this many findings of one kind the rest are counted in one line. */
#define LINT_KIND_MAX 10

/* What is known besides the files. Zeroed: nothing. */
struct lint_facts {
	const struct prefix *vpn_address; /* ours, with its host bits; NULL: not known */
	uint16_t listen_port; /* ours; 0: the configuration's */
	uint16_t peer_port; /* of every endpoint; 0: the configuration's */
	const struct address *host_addresses; /* of this host's interfaces */
	size_t host_address_count;
};

/*
 * lint_config appends warnings to the report, each at the line that it is about, and returns how
 * many; sorted by line. They are about:
 *
 * - our own entry: missing (with the key to paste); its AllowedIPs are not our VPN address; its
 *   endpoint's port is not ours; our private key stands in it as a public one.
 * - AllowedIPs: none; outside the VPN's network; wider than, and around, those of another peer.
 * - endpoints: an interface named in one; no address of another host; one of our own; inside the
 *   VPN; the same in two peers; another port than all others have; none on both sides.
 * - preshared keys that differ between entries, since both sides must have the same one and each
 *   takes it from the other's entry; keepalives below 5 s.
 *
 * Without a private key what is about our own entry is left out. Public keys are told, secrets
 * never. Without memory a kind may be missing, and the report says so.
 */
size_t lint_config(
	const struct tunnel_config *config, const struct lint_facts *facts, struct report *report);
