/*
 * The table of options, and what their values look like.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "option.h"

#include "cpus.h"
#include "guardlane.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB_MIN 64
#define MIB_MAX (1UL << 20)
#define SECONDS_MAX 86400

const struct option options[OPTION_COUNT] = {
	[OPTION_ROLE] = {"role", "gateway|dataplane", OPTION_WORD, "gateway", OPTION_OF_SETTINGS,
		.live = true,
		.help = "which of the two VPNs: gateway takes the ports of the two files; for "
			"dataplane DATA_PLANE_VPN_PORT (4568 if it is not set) stands for "
			"them, and DATA_PLANE_VPN_DEVICE is the host device"},
	[OPTION_CONFIG_DIR] = {"config-dir", "DIR|auto", OPTION_PATH, "auto", OPTION_OF_SETTINGS,
		.live = true, .shared = true,
		.help = "where vpn-private.conf, vpn-public.conf and .env are; auto: /srv, if "
			"private.conf or public.conf is there, else /srv/mitigator"},
	[OPTION_PRIVATE_CONF] = {"private-conf", "FILE|auto", OPTION_PATH, "auto",
		OPTION_OF_SETTINGS, .live = true, .shared = true,
		.help = "the private file; auto: that in config-dir"},
	[OPTION_PUBLIC_CONF] = {"public-conf", "FILE|auto", OPTION_PATH, "auto", OPTION_OF_SETTINGS,
		.live = true, .shared = true, .help = "the public file; auto: that in config-dir"},
	[OPTION_VPN_ADDRESS] = {"vpn-address", "ADDRESS[/LEN]|auto", OPTION_PREFIX, "auto",
		OPTION_OF_SETTINGS,
		.help = "our address in the VPN, /24 (IPv6: /64) unless it has a mask; auto: "
			"MITIGATOR_VPN_ADDRESS from the environment, else from .env; further "
			"tunnels ask their own .env first"},
	[OPTION_HOST] = {"host", "tun:NAME|auto", OPTION_INTERFACE, "auto", OPTION_OF_SETTINGS,
		.help = "the host device; auto: tun:wg0, or what the role says"},
	[OPTION_NETNS] = {"netns", "none|NETNS|PATH", OPTION_PATH, "none", OPTION_OF_SETTINGS,
		.help = "the network namespace of the host device, so that two VPNs may have the "
			"same addresses; a name of ip-netns(8), or a path such as /proc/PID/ns/net; "
			"none: that of guardlane"},
	[OPTION_PIPELINE] = {"pipeline", "none|memif:PATH|vdev:STRING|pci:ADDRESS", OPTION_TEXT,
		"none", OPTION_OF_SETTINGS,
		.help = "the packet pipeline that gets what peers send, and brings what goes to "
			"them; behind PATH may stand id=N, role=server|client, mode=ethernet|ip "
			"and mac=MAC, with commas or spaces before each"},
	[OPTION_HOST_MATCH] = {"host-match", "none|RULE[,...]", OPTION_TEXT, "none",
		OPTION_OF_SETTINGS,
		.help = "what goes to the host device although there is a pipeline: icmp, tcp, "
			"udp, tcp/PORT, udp/PORT, PREFIX, tcp/PORT@PREFIX and so on; commas or spaces "
			"between rules"},
	[OPTION_LISTEN_PORT] = {"listen-port", "PORT|auto", OPTION_PORT, "auto", OPTION_OF_SETTINGS,
		.live = true,
		.help = "UDP port of our own; auto: the private file's, or what the role says"},
	[OPTION_PEER_PORT] = {"peer-port", "PORT|auto", OPTION_PORT, "auto", OPTION_OF_SETTINGS,
		.live = true,
		.help = "UDP port of every endpoint; auto: the public file's, or what the role "
			"says"},
	[OPTION_ROAMING] = {"roaming", "on|off", OPTION_WORD, "on", OPTION_OF_SETTINGS,
		.help = "whether a peer is followed to where its authentic packets come from; off: "
			"one that has an Endpoint is sent to there and nowhere else, and is heard "
			"from anywhere; one without is followed all the same"},
	[OPTION_UNDERLAY] = {"underlay", "af_packet:INTERFACE|udp|vdev:STRING|pci:ADDRESS|auto",
		OPTION_TEXT, "auto", OPTION_OF_SETTINGS,
		.help = "what carries the encrypted packets: packets of an interface, sockets of "
			"the kernel's (udp; slower), or a device of DPDK's; auto: af_packet on "
			"the interface of the route to the first peer, or udp where that is not "
			"permitted"},
	[OPTION_UNDERLAY_INTERFACE] = {"underlay-interface", "INTERFACE|auto", OPTION_INTERFACE,
		"auto", OPTION_OF_SETTINGS,
		.help = "the kernel's interface whose addresses and routes a device of DPDK's "
			"shares; auto: that of its iface="},
	[OPTION_LANES] = {"lanes", "CPULIST|auto", OPTION_CPU_LIST, "auto", OPTION_OF_SETTINGS,
		.help = "CPUs that carry packets, one lane on each, such as 2-3,10; auto: the last "
			"one that we may use"},
	[OPTION_POLL] = {"poll", "busy|adaptive|auto", OPTION_WORD, "auto", OPTION_OF_SETTINGS,
		.help = "whether lanes spin or sleep when idle; auto: busy on isolated CPUs"},
	[OPTION_MEMORY] = {"memory", "MIB", OPTION_MIB, "256", OPTION_OF_SETTINGS,
		.help = "memory for packets and tables"},
	[OPTION_HUGEPAGES] = {"hugepages", "auto|no", OPTION_WORD, "auto", OPTION_OF_SETTINGS,
		.help = "whether that memory is in hugepages; auto: if enough of them are free"},
	[OPTION_AEAD] = {"aead", "auto|avx512|avx2|ipsec-mb|sodium", OPTION_WORD, "auto",
		OPTION_OF_SETTINGS,
		.help = "what seals and opens; auto: for each batch the fastest"},
	[OPTION_LOG_LEVEL] = {"log-level", "error|warning|info|debug", OPTION_WORD, "info",
		OPTION_OF_SETTINGS, .help = "how much is said"},
	[OPTION_STRICT_PERMISSIONS] = {"strict-permissions", "yes|no", OPTION_WORD, "no",
		OPTION_OF_SETTINGS, .live = true,
		.help = "whether a private file that others can read is refused; no: that is "
			"warned of; one that others can write is always refused"},
	[OPTION_CONFINE] = {"confine", "yes|no", OPTION_WORD, "yes", OPTION_OF_SETTINGS,
		.help = "whether each thread gives up the privileges and system calls that it does "
			"not need, when all is set up; no: for debugging"},
	[OPTION_CONTROL] = {"control", "PATH|auto", OPTION_PATH, "auto",
		OPTION_OF_SETTINGS | OPTION_OF_RECONFIGURE | OPTION_OF_STATUS,
		.help = "the control socket; auto: /run/guardlane/NAME.sock, NAME being the first "
			"tunnel's host device"},
	[OPTION_METRICS] = {"metrics", "off|ADDRESS:PORT", OPTION_SOCKET, "off", OPTION_OF_SETTINGS,
		.help = "where OpenMetrics are served over HTTP"},
	[OPTION_TUNNEL] = {"tunnel", "KEY=VALUE[,...]", OPTION_TEXT, "", OPTION_OF_SETTINGS,
		.help = "one more tunnel over the same underlay; its keys are the options of a "
			"tunnel, without --; may be repeated"},
	[OPTION_GATEWAY_CONF] = {"gateway-conf", "FILE|auto", OPTION_PATH, "auto",
		OPTION_OF_SETTINGS,
		.help = "the file of settings, gateway.conf(5); auto: gateway.conf in the folder "
			"of config-dir, if it is there"},
	[OPTION_EXAMPLE] = {"example", NULL, OPTION_FLAG, "", OPTION_OF_CONFIG,
		.help = "print every key with its default instead, commented out"},
	[OPTION_DRY_RUN] = {"dry-run", NULL, OPTION_FLAG, "", OPTION_OF_RECONFIGURE,
		.help = "only print what would change"},
	[OPTION_JSON] = {"json", NULL, OPTION_FLAG, "", OPTION_OF_STATUS | OPTION_OF_PREFLIGHT,
		.help = "the same as JSON, and all that there is to know, for programs"},
	[OPTION_WATCH] = {"watch", "[SECONDS]", OPTION_SECONDS, "2", OPTION_OF_STATUS,
		.optional = true, .help = "show it again and again, with rates, until Ctrl-C"},
	[OPTION_NAME] = {"name", "NAME", OPTION_INTERFACE, "",
		OPTION_OF_RECONFIGURE | OPTION_OF_STATUS, .operand = true,
		.help = "a gateway's first device, such as wg0, where several run"},
	[OPTION_DIR] = {"dir", "DIR", OPTION_PATH, "", OPTION_OF_CHECK, .operand = true,
		.help = "the same as --config-dir DIR"},
	[OPTION_STRICT] = {"strict", NULL, OPTION_FLAG, "", OPTION_OF_CHECK,
		.help = "fail on warnings, too"},
	[OPTION_HELP] = {"help", NULL, OPTION_FLAG, "", ~0U, .help = "this text"},
	[OPTION_VERSION] = {"version", NULL, OPTION_FLAG, "", ~0U, .help = "the version"},
};

enum option_id
option_find(const char *name, size_t len)
{
	enum option_id id = 0;

	while (id < OPTION_COUNT &&
		(strncmp(options[id].name, name, len) != 0 || options[id].name[len] != '\0'))
		id++;
	return id;
}

const char *
option_nearest(const char *name, unsigned commands, enum option_id end)
{
	const char *names[OPTION_COUNT];
	size_t count = 0;

	for (enum option_id id = 0; id < end; id++)
		if ((options[id].commands & commands) != 0)
			names[count++] = options[id].name;
	return gl_nearest(name, names, count);
}

/* Whether a word of the argument is one that is taken as it stands. */
static bool
is_literal(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/*
 * Looks for the alternative that `text` is, or, up to its colon, begins like. Returns what is left
 * for `type` to check: all of it where capital words may stand alone; or NULL if no alternative
 * fits. *whole: nothing is left, it is one of the words.
 */
static const char *
match(const char *argument, const char *text, bool *whole)
{
	const char *rest = NULL;

	*whole = false;
	for (const char *at = argument; *at != '\0'; at += *at == '|') {
		const size_t len = strcspn(at, "|");
		size_t fixed = 0;

		while (is_literal(at[fixed]))
			fixed++;
		if (fixed == len && strlen(text) == len && memcmp(at, text, len) == 0)
			*whole = true;
		else if (fixed == 0)
			rest = text;
		else if (at[fixed] == ':' && strncmp(at, text, fixed + 1) == 0)
			rest = text + fixed + 1;
		at += len;
	}
	return rest;
}

static bool
is_number(const char *text, unsigned long least, unsigned long most)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && number >= least &&
		number <= most;
}

/* An address, and behind `separator`, if it is there, a number. */
static bool
is_address(const char *text, size_t len, bool *ipv6)
{
	char plain[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (len >= sizeof(plain))
		return false;
	memcpy(plain, text, len);
	plain[len] = '\0';
	*ipv6 = inet_pton(AF_INET6, plain, &address) == 1;
	return *ipv6 || inet_pton(AF_INET, plain, &address) == 1;
}

static bool
is_prefix(const char *text)
{
	const size_t len = strcspn(text, "/");
	bool ipv6;

	return is_address(text, len, &ipv6) &&
		(text[len] == '\0' || is_number(text + len + 1, 0, ipv6 ? 128 : 32));
}

static bool
is_socket(const char *text)
{
	const char *colon = strrchr(text, ':');
	bool bracket = text[0] == '[';
	bool ipv6;

	if (colon == NULL || (bracket && colon[-1] != ']') || !is_number(colon + 1, 1, UINT16_MAX))
		return false;
	return is_address(text + bracket, (size_t)(colon - text) - 2 * bracket, &ipv6) &&
		ipv6 == bracket;
}

static bool
is_interface(const char *text)
{
	const size_t len = strlen(text);

	return len > 0 && len < IF_NAMESIZE && strcspn(text, "%/: \t") == len &&
		strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static bool
is_of_type(enum option_type type, const char *text)
{
	cpu_set_t cpus;

	switch (type) {
	case OPTION_FLAG:
	case OPTION_WORD:
		return false;
	case OPTION_TEXT:
		return text[0] != '\0';
	case OPTION_PATH:
		return text[0] != '\0' && strlen(text) < PATH_MAX;
	case OPTION_INTERFACE:
		return is_interface(text);
	case OPTION_CPU_LIST:
		return cpus_parse(text, &cpus) == 0;
	case OPTION_PORT:
		return is_number(text, 1, UINT16_MAX);
	case OPTION_MIB:
		return is_number(text, MIB_MIN, MIB_MAX);
	case OPTION_SECONDS:
		return is_number(text, 1, SECONDS_MAX);
	case OPTION_PREFIX:
		return is_prefix(text);
	case OPTION_SOCKET:
		return is_socket(text);
	}
	return false;
}

/* "is none of busy, adaptive, auto", "is not af_packet:INTERFACE, vdev:STRING or auto". */
static void
say_why(enum option_id id, char why[OPTION_WHY_MAX])
{
	static const char *const words[] = {
		[OPTION_CPU_LIST] = "a list of CPUs such as 2-3,10",
		[OPTION_PORT] = "a port from 1 to 65535",
		[OPTION_MIB] = "a number of MiB from 64 to 1048576",
		[OPTION_SECONDS] = "a number of seconds from 1 to 86400",
		[OPTION_PREFIX] = "an IP address, with or without /LEN",
		[OPTION_SOCKET] = "off, ADDRESS:PORT or [ADDRESS]:PORT",
	};
	const enum option_type type = options[id].type;
	size_t len;

	if (type < sizeof(words) / sizeof(words[0]) && words[type] != NULL) {
		snprintf(why, OPTION_WHY_MAX, "is not %s", words[type]);
		return;
	}
	len = (size_t)snprintf(why, OPTION_WHY_MAX, "is none of ");
	for (const char *at = options[id].argument; *at != '\0' && len < OPTION_WHY_MAX - 2; at++) {
		if (*at == '|')
			why[len++] = ',';
		why[len++] = (char)(*at == '|' ? ' ' : *at);
	}
	why[len] = '\0';
}

bool
option_check(enum option_id id, const char *text, char why[OPTION_WHY_MAX])
{
	bool whole;
	const char *rest = match(options[id].argument, text, &whole);

	for (const char *at = text; *at != '\0'; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f) {
			snprintf(why, OPTION_WHY_MAX, "holds a control character");
			return false;
		}
	}
	if (whole || (rest != NULL && is_of_type(options[id].type, rest)))
		return true;
	say_why(id, why);
	return false;
}
