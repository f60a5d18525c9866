/*
 * A PCI device that is to be DPDK's: its driver, its IOMMU group, and who has it.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "preflight.h"

#include "host.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* These leave the device to the kernel, too, and DPDK works through them. */
static const char *const bifurcated[] = {"mlx4_core", "mlx5_core", "mana"};

static bool
is_bifurcated(const char *driver)
{
	for (size_t i = 0; i < sizeof(bifurcated) / sizeof(bifurcated[0]); i++)
		if (strcmp(driver, bifurcated[i]) == 0)
			return true;
	return false;
}

/* The kernel's interface of the device, if it has one; virtio's is a level below. */
static bool
interface_of(const char *root, const char *address, char *iface, size_t size)
{
	char pattern[PATH_MAX];
	glob_t found;
	bool any;

	snprintf(pattern, sizeof(pattern), "%s/sys/bus/pci/devices/%s/{net,virtio*/net}/*", root,
		address);
	any = glob(pattern, GLOB_BRACE, NULL, &found) == 0;
	if (any)
		snprintf(iface, size, "%.15s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	return any;
}

/* Whether the kernel's default route for IPv4 leaves through the interface. */
static bool
has_default_route(const char *root, const char *iface)
{
	char path[PATH_MAX];
	char line[256];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/proc/net/route", root);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), file) != NULL) {
		char name[32];
		unsigned destination;
		unsigned mask;

		found = sscanf(line, "%31s %x %*s %*s %*s %*s %*s %x", name, &destination, &mask) ==
				3 &&
			destination == 0 && mask == 0 && strcmp(name, iface) == 0;
	}
	fclose(file);
	return found;
}

static void
say_unbound(struct preflight *preflight, const char *address, const char *driver)
{
	char iface[16];

	if (interface_of(preflight->root, address, iface, sizeof(iface)) &&
		has_default_route(preflight->root, iface)) {
		preflight_found(preflight, PREFLIGHT_MISSING, "pci",
			"%s is %s, which the default route leaves through: bound to vfio-pci, this "
			"host would be out of reach",
			address, iface);
		preflight_remedy(preflight, "take another NIC, or --underlay af_packet:%s", iface);
		return;
	}
	preflight_found(preflight, PREFLIGHT_MISSING, "pci",
		"%s has the driver %s, and DPDK needs vfio-pci", address, driver);
	preflight_remedy(
		preflight, "modprobe vfio-pci && driverctl set-override %s vfio-pci", address);
}

static void
check_group(struct preflight *preflight, const char *address)
{
	const char *root = preflight->root;
	const bool no_iommu =
		host_has(root, "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
	char group[32];
	char device[64];
	char unsafe[4] = "N";
	char who[64];

	if (no_iommu)
		(void)host_text(root, unsafe, sizeof(unsafe),
			"/sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
	if (!host_link(
		    root, group, sizeof(group), "/sys/bus/pci/devices/%s/iommu_group", address)) {
		preflight_found(preflight, PREFLIGHT_MISSING, "pci",
			"%s is behind no IOMMU that is switched on", address);
		preflight_remedy(preflight,
			"switch it on (firmware: VT-d, AMD-Vi), and boot with intel_iommu=on "
			"iommu=pt; without one, at your risk: "
			"echo 1 >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
		return;
	}
	snprintf(device, sizeof(device), "/dev/vfio/%s%s", unsafe[0] == 'Y' ? "noiommu-" : "",
		group);
	if (!host_has(root, "%s", device)) {
		preflight_found(preflight, PREFLIGHT_MISSING, "pci",
			"%s is bound, and there is no %s", address, device);
		preflight_remedy(preflight, "in compose: devices: [/dev/vfio/vfio, %s]", device);
	} else if (host_holder(root, device, who, sizeof(who)) &&
		strstr(who, "(guardlane)") == NULL) {
		preflight_found(preflight, PREFLIGHT_MISSING, "pci",
			"%s, or a device of its group, is in use by process %s", address, who);
		preflight_remedy(preflight, "end it, or give it other devices (DPDK: -a)");
	} else {
		preflight_found(preflight, PREFLIGHT_OK, "pci", "%s, by %s", address, device);
	}
}

void
preflight_pci(struct preflight *preflight, const char *address)
{
	const char *root = preflight->root;
	char driver[64] = "none";
	char path[128];

	if (!host_has(root, "/sys/bus/pci/devices/%s", address)) {
		preflight_found(
			preflight, PREFLIGHT_MISSING, "pci", "there is no PCI device %s", address);
		preflight_remedy(preflight,
			"take one of lspci -D, such as 0000:3b:00.0, with all its digits");
		return;
	}
	(void)host_link(root, driver, sizeof(driver), "/sys/bus/pci/devices/%s/driver", address);
	if (is_bifurcated(driver))
		preflight_found(preflight, PREFLIGHT_OK, "pci",
			"%s, by its own driver %s, which shares it with DPDK", address, driver);
	else if (strcmp(driver, "vfio-pci") != 0)
		say_unbound(preflight, address, driver);
	else
		check_group(preflight, address);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/numa_node", address);
	preflight_near(preflight, "pci", address, path);
}
