/*
 * Command line options.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "options.h"

#include "say.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One option: where its argument goes, or, without one, the flag that it sets. */
struct option_row {
	const char *name;
	const char *argument; /* its name in --help; NULL: takes none */
	size_t offset; /* of a const char * or, without argument, a bool, in the row's struct */
	const char *help;
};

#define TUNNEL_ROW(field, text, argument, help) \
	{ \
		text, argument, offsetof(struct tunnel_options, field), help \
	}
#define ROW(field, text, argument, help) \
	{ \
		text, argument, offsetof(struct options, field), help \
	}

/* What each tunnel has of its own: options of the first one, and keys of --tunnel. */
static const struct option_row tunnel_rows[] = {
	TUNNEL_ROW(config_dir, "config-dir", "DIR",
		"where vpn-private.conf, vpn-public.conf and .env are; else /srv/private.conf and "
		"/srv/public.conf, else those in /srv/mitigator"),
	TUNNEL_ROW(private_conf, "private-conf", "FILE", "the private file, wherever it is"),
	TUNNEL_ROW(public_conf, "public-conf", "FILE", "the public file, wherever it is"),
	TUNNEL_ROW(vpn_address, "vpn-address", "ADDRESS[/LEN]",
		"our address in the VPN, /24 unless it has a mask; else MITIGATOR_VPN_ADDRESS from "
		"the environment, else from .env; further tunnels ask their own .env first"),
	TUNNEL_ROW(host, "host", "tun:NAME", "the host device; default tun:wg0"),
	TUNNEL_ROW(
		listen_port, "listen-port", "PORT", "UDP port of our own; else the private file's"),
	TUNNEL_ROW(peer_port, "peer-port", "PORT",
		"UDP port of every endpoint; else the public file's"),
};

static const struct option_row rows[] = {
	ROW(underlay, "underlay", "PORT",
		"af_packet:INTERFACE or vdev:STRING; else af_packet on the interface of the route to "
		"the first peer"),
	ROW(underlay_interface, "underlay-interface", "INTERFACE",
		"the kernel's interface whose addresses and routes a vdev shares, if it has no "
		"iface="),
	ROW(lanes, "lanes", "CPULIST",
		"CPUs that carry packets, one lane on each, such as 2-3,10; default: the last one "
		"that we may use"),
	ROW(poll, "poll", "busy|adaptive|auto",
		"whether lanes spin or sleep when idle; auto (default): busy on isolated CPUs"),
	ROW(memory, "memory", "MIB", "memory for packets and tables; default 256"),
	ROW(hugepages, "hugepages", "auto|no",
		"whether that memory is in hugepages; auto (default): if enough of them are free"),
	ROW(aead, "aead", "auto|avx512|avx2|ipsec-mb|sodium",
		"what seals and opens; else GUARDLANE_AEAD of the environment, else auto: for each "
		"batch the fastest"),
	ROW(log_level, "log-level", "error|warning|info|debug", "how much is said; default info"),
	ROW(help, "help", NULL, "this text"),
	ROW(version, "version", NULL, "the version"),
};

#define TUNNEL_ROW_COUNT (sizeof(tunnel_rows) / sizeof(tunnel_rows[0]))
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static const char tunnel_help[] =
	"one more tunnel over the same underlay; its keys are the seven options above, without "
	"--, and host is needed; may be repeated";

static void
set(void *options, const struct option_row *row, const char *argument)
{
	char *field = (char *)options + row->offset;

	if (row->argument != NULL)
		*(const char **)(void *)field = argument;
	else
		*(bool *)(void *)field = true;
}

/* Reads the argument of --tunnel, KEY=VALUE[,...], which is cut into pieces. */
static int
parse_tunnel(struct options *options, char *argument, const struct gl_log *log)
{
	struct tunnel_options *tunnel;
	char *keys[TUNNEL_ROW_COUNT + 1] = {NULL};
	char *value;

	if (options->tunnel_count == OPTIONS_TUNNELS_MAX) {
		say(log, GL_LOG_ERROR, "more than %d tunnels", OPTIONS_TUNNELS_MAX);
		return -EINVAL;
	}
	tunnel = &options->tunnels[options->tunnel_count++];
	for (size_t i = 0; i < TUNNEL_ROW_COUNT; i++)
		keys[i] = (char *)(void *)tunnel_rows[i].name; /* getsubopt only reads them */
	while (*argument != '\0') {
		const int found = getsubopt(&argument, keys, &value);

		if (found < 0 || value == NULL) {
			say(log, GL_LOG_ERROR, "--tunnel: \"%s\" is not one of its KEY=VALUE",
				value != NULL ? value : keys[found]);
			return -EINVAL;
		}
		set(tunnel, &tunnel_rows[found], value);
	}
	if (tunnel->host != NULL)
		return 0;
	say(log, GL_LOG_ERROR, "--tunnel needs host=tun:NAME");
	return -EINVAL;
}

int
options_parse(struct options *options, int argc, char *argv[], const struct gl_log *log)
{
	struct option table[TUNNEL_ROW_COUNT + ROW_COUNT + 2];
	const size_t tunnel_at = TUNNEL_ROW_COUNT + ROW_COUNT;
	int index = -1;
	int found;

	memset(table, 0, sizeof(table));
	for (size_t i = 0; i < tunnel_at; i++) {
		const struct option_row *row =
			i < TUNNEL_ROW_COUNT ? &tunnel_rows[i] : &rows[i - TUNNEL_ROW_COUNT];

		table[i].name = row->name;
		table[i].has_arg = row->argument != NULL ? required_argument : no_argument;
	}
	table[tunnel_at] = (struct option){.name = "tunnel", .has_arg = required_argument};
	*options = (struct options){.tunnel_count = 1};
	while ((found = getopt_long(argc, argv, "h", table, &index)) != -1) {
		if (found == 'h')
			options->help = true;
		else if (found != 0)
			return -EINVAL;
		else if ((size_t)index < TUNNEL_ROW_COUNT)
			set(&options->tunnels[0], &tunnel_rows[index], optarg);
		else if ((size_t)index < tunnel_at)
			set(options, &rows[(size_t)index - TUNNEL_ROW_COUNT], optarg);
		else if (parse_tunnel(options, optarg, log) != 0)
			return -EINVAL;
	}
	if (optind < argc) {
		say(log, GL_LOG_ERROR, "\"%s\" is not an option; see guardlane run --help",
			argv[optind]);
		return -EINVAL;
	}
	return 0;
}

/* Prints `text` from column 8 on, broken at blanks before column 78. */
static void
print_wrapped(const char *text)
{
	const size_t width = 70;

	while (*text != '\0') {
		size_t len = strlen(text);

		if (len > width)
			for (len = width; len > 0 && text[len] != ' ';)
				len--;
		printf("        %.*s\n", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
}

static void
print_row(const char *name, const char *argument, const char *help)
{
	printf("  --%s%s%s\n", name, argument != NULL ? " " : "", argument != NULL ? argument : "");
	print_wrapped(help);
}

void
options_help(void)
{
	puts("usage: guardlane run [OPTION...]\n\n"
	     "Carries the VPN between instances: WireGuard on DPDK lcores. Needs no option.\n");
	for (size_t i = 0; i < TUNNEL_ROW_COUNT; i++)
		print_row(tunnel_rows[i].name, tunnel_rows[i].argument, tunnel_rows[i].help);
	print_row("tunnel", "KEY=VALUE[,...]", tunnel_help);
	for (size_t i = 0; i < ROW_COUNT; i++)
		print_row(rows[i].name, rows[i].argument, rows[i].help);
}
