/*
 * Command line options.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

/* One option: where its argument goes, or, without one, the flag that it sets. */
struct option_row {
	const char *name;
	const char *argument; /* its name in --help; NULL: takes none */
	size_t offset; /* of a const char * or, without argument, a bool in struct options */
	const char *help;
};

#define ROW(field, text, argument, help) {text, argument, offsetof(struct options, field), help}

static const struct option_row rows[] = {
	ROW(config_dir, "config-dir", "DIR",
		"where vpn-private.conf, vpn-public.conf and .env are; else /srv/private.conf and "
		"/srv/public.conf, else those in /srv/mitigator"),
	ROW(private_conf, "private-conf", "FILE", "the private file, wherever it is"),
	ROW(public_conf, "public-conf", "FILE", "the public file, wherever it is"),
	ROW(vpn_address, "vpn-address", "ADDRESS[/LEN]",
		"our address in the VPN, /24 unless it has a mask; else MITIGATOR_VPN_ADDRESS from "
		"the environment, else from .env"),
	ROW(underlay, "underlay", "PORT",
		"af_packet:INTERFACE or vdev:STRING; else af_packet on the interface of the route to "
		"the first peer"),
	ROW(underlay_interface, "underlay-interface", "INTERFACE",
		"the kernel's interface whose addresses and routes a vdev shares, if it has no "
		"iface="),
	ROW(host, "host", "tun:NAME", "the host device; default tun:wg0"),
	ROW(listen_port, "listen-port", "PORT", "UDP port of our own; else the private file's"),
	ROW(peer_port, "peer-port", "PORT", "UDP port of every endpoint; else the public file's"),
	ROW(lanes, "lanes", "CPULIST",
		"CPUs that carry packets, one lane on each, such as 2-3,10; default: the last one "
		"that we may use"),
	ROW(poll, "poll", "busy|adaptive|auto",
		"whether lanes spin or sleep when idle; auto (default): busy on isolated CPUs"),
	ROW(memory, "memory", "MIB", "memory for packets and tables; default 256"),
	ROW(aead, "aead", "NAME", "auto (default), ipsec-mb or sodium"),
	ROW(log_level, "log-level", "LEVEL", "error, warning, info (default) or debug"),
	ROW(help, "help", NULL, "this text"),
	ROW(version, "version", NULL, "the version"),
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static void
set(struct options *options, const struct option_row *row, const char *argument)
{
	char *field = (char *)options + row->offset;

	if (row->argument != NULL)
		*(const char **)(void *)field = argument;
	else
		*(bool *)(void *)field = true;
}

int
options_parse(struct options *options, int argc, char *argv[])
{
	struct option table[ROW_COUNT + 1];
	int index = -1;
	int found;

	memset(table, 0, sizeof(table));
	for (size_t i = 0; i < ROW_COUNT; i++) {
		table[i].name = rows[i].name;
		table[i].has_arg = rows[i].argument != NULL ? required_argument : no_argument;
	}
	*options = (struct options){.help = false};
	while ((found = getopt_long(argc, argv, "h", table, &index)) != -1) {
		if (found == 'h')
			options->help = true;
		else if (found != 0)
			return -EINVAL;
		else
			set(options, &rows[index], optarg);
	}
	if (optind < argc) {
		fprintf(stderr, "guardlane: \"%s\" is not an option; see guardlane run --help\n",
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

void
options_help(void)
{
	puts("usage: guardlane run [OPTION...]\n\n"
	     "Carries the VPN between instances: WireGuard on DPDK lcores. Needs no option.\n");
	for (size_t i = 0; i < ROW_COUNT; i++) {
		printf("  --%s%s%s\n", rows[i].name, rows[i].argument != NULL ? " " : "",
			rows[i].argument != NULL ? rows[i].argument : "");
		print_wrapped(rows[i].help);
	}
}
