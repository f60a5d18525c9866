/*
 * The underlay, UDP ports, host devices and pipelines.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "preflight.h"

#include "host.h"

#include <net/if_arp.h>

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stands behind `kind` ("af_packet:") up to a comma; false if it is of another kind. */
static bool
behind(const char *text, const char *kind, char *rest, size_t size)
{
	const size_t len = strlen(kind);

	if (text == NULL || strncmp(text, kind, len) != 0)
		return false;
	snprintf(rest, size, "%.*s", (int)strcspn(text + len, ", "), text + len);
	return true;
}

/* -- the underlay ------------------------------------------------------------------------- */

static void
check_interface(struct preflight *preflight, const char *iface)
{
	const char *root = preflight->root;
	char state[32] = "";
	char path[128];
	long type = ARPHRD_ETHER;
	long mtu = 0;

	if (!host_has(root, "/sys/class/net/%s", iface)) {
		preflight_found(preflight, PREFLIGHT_MISSING, "underlay",
			"there is no network interface %s", iface);
		preflight_remedy(preflight, "take one of ip -brief link: --underlay af_packet:");
		return;
	}
	(void)host_number(root, &type, "/sys/class/net/%s/type", iface);
	(void)host_number(root, &mtu, "/sys/class/net/%s/mtu", iface);
	(void)host_text(root, state, sizeof(state), "/sys/class/net/%s/operstate", iface);
	if (type != ARPHRD_ETHER) {
		preflight_found(preflight, PREFLIGHT_MISSING, "underlay",
			"%s is not an Ethernet interface", iface);
		preflight_remedy(preflight, "take another, or --underlay udp");
	} else if (strcmp(state, "down") == 0) {
		preflight_found(preflight, PREFLIGHT_WARNING, "underlay", "%s is down", iface);
		preflight_remedy(preflight, "ip link set %s up", iface);
	} else {
		preflight_found(preflight, PREFLIGHT_OK, "underlay",
			"%s, whose MTU is %ld: room for %ld bytes inside over IPv4, %ld over IPv6",
			iface, mtu, mtu - 60, mtu - 80);
	}
	snprintf(path, sizeof(path), "/sys/class/net/%s/device/numa_node", iface);
	preflight_near(preflight, "underlay", iface, path);
}

void
preflight_underlay(struct preflight *preflight)
{
	const char *underlay = preflight->plan->underlay;
	char name[64];

	if (behind(underlay, "af_packet:", name, sizeof(name)))
		check_interface(preflight, name);
	else if (behind(underlay, "pci:", name, sizeof(name)))
		preflight_pci(preflight, name);
	else if (strcmp(underlay, "udp") == 0)
		preflight_found(preflight, PREFLIGHT_OK, "underlay",
			"sockets of the kernel's, which are slower than af_packet");
}

/* -- what each tunnel needs --------------------------------------------------------------- */

/* The inode of a UDP socket at that port in one of the kernel's two tables; 0 if there is none. */
static unsigned long
udp_inode(const char *root, const char *table, uint16_t port)
{
	char path[PATH_MAX];
	char line[512];
	unsigned long inode = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/proc/net/%s", root, table);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	/* sl local_address:port rem_address:port st queues tr:when retrnsmt uid timeout inode */
	while (inode == 0 && fgets(line, sizeof(line), file) != NULL) {
		unsigned at;
		unsigned long of;

		if (sscanf(line, " %*u: %*[0-9A-F]:%x %*s %*s %*s %*s %*s %*s %*s %lu", &at, &of) ==
				2 &&
			at == port)
			inode = of != 0 ? of : ULONG_MAX;
	}
	fclose(file);
	return inode;
}

static void
check_udp_port(struct preflight *preflight, uint16_t port)
{
	unsigned long inode = udp_inode(preflight->root, "udp", port);
	char socket[48];
	char who[64];

	if (inode == 0)
		inode = udp_inode(preflight->root, "udp6", port);
	if (inode == 0) {
		preflight_found(preflight, PREFLIGHT_OK, "port", "UDP port %u is free", port);
		return;
	}
	snprintf(socket, sizeof(socket), "socket:[%lu]", inode);
	if (!host_holder(preflight->root, socket, who, sizeof(who))) {
		preflight_found(preflight, PREFLIGHT_MISSING, "port",
			"UDP port %u is taken, and by no process that can be seen here: by the "
			"kernel's WireGuard, or in another container",
			port);
		preflight_remedy(preflight,
			"ip link show type wireguard, then ip link del NAME; or docker ps");
	} else if (strstr(who, "(guardlane)") != NULL) {
		preflight_found(preflight, PREFLIGHT_OK, "port",
			"UDP port %u is held by a guardlane that runs: process %s", port, who);
	} else {
		preflight_found(preflight, PREFLIGHT_MISSING, "port",
			"UDP port %u is taken by process %s", port, who);
		preflight_remedy(preflight, "end it, or take another: --listen-port");
	}
}

static void
check_host_device(struct preflight *preflight, const struct plan_tunnel *tunnel)
{
	const char *root = preflight->root;
	char name[64];

	if (!behind(tunnel->host, "tun:", name, sizeof(name)))
		return;
	if (!host_has(root, "/dev/net/tun")) {
		preflight_found(preflight, PREFLIGHT_MISSING, "host device",
			"there is no /dev/net/tun, which %s is made by", name);
		preflight_remedy(preflight, "modprobe tun; in compose: devices: [/dev/net/tun]");
	} else if (tunnel->netns == NULL && host_has(root, "/sys/class/net/%s", name) &&
		!host_has(root, "/sys/class/net/%s/tun_flags", name)) {
		preflight_found(preflight, PREFLIGHT_MISSING, "host device",
			"%s is there already, and is no TUN: the kernel's WireGuard, perhaps",
			name);
		preflight_remedy(preflight,
			"wg-quick down %s, or ip link del %s; or take another name: --host tun:",
			name, name);
	} else {
		preflight_found(preflight, PREFLIGHT_OK, "host device", "%s", name);
	}
}

static void
check_memif(struct preflight *preflight, const char *path)
{
	char copies[2][PATH_MAX];
	const char *folder;

	if (path[0] == '@')
		return;
	snprintf(copies[0], sizeof(copies[0]), "%s", path);
	snprintf(copies[1], sizeof(copies[1]), "%s", preflight->plan->control);
	folder = dirname(copies[0]);
	/* That of the control socket is made at the start. */
	if (strcmp(folder, dirname(copies[1])) == 0 || host_has(preflight->root, "%s", folder)) {
		preflight_found(preflight, PREFLIGHT_OK, "pipeline", "memif at %s", path);
		return;
	}
	preflight_found(preflight, PREFLIGHT_MISSING, "pipeline",
		"there is no folder %s for the socket", folder);
	preflight_remedy(preflight, "mkdir -p %s", folder);
}

void
preflight_tunnels(struct preflight *preflight)
{
	const struct plan *plan = preflight->plan;
	char rest[PATH_MAX];

	for (unsigned i = 0; i < plan->tunnel_count; i++) {
		const struct plan_tunnel *tunnel = &plan->tunnels[i];

		check_udp_port(preflight, tunnel->listen_port);
		check_host_device(preflight, tunnel);
		if (behind(tunnel->pipeline, "memif:", rest, sizeof(rest)))
			check_memif(preflight, rest);
		else if (behind(tunnel->pipeline, "pci:", rest, sizeof(rest)))
			preflight_pci(preflight, rest);
	}
}
