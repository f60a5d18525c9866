/*
 * What a host lacks, on hosts that are folders.
 */
#include "cpus.h"
#include "host.h"
#include "preflight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FLAGS "flags\t\t: fpu sse4_2 avx2 avx512bw avx512vl avx512ifma\n"

static char root[64];
static struct plan plan;
static struct preflight preflight;

/* -- the host ----------------------------------------------------------------------------- */

/* The path on the host, with all folders that lead to it. */
static void
place(const char *path, char whole[static 256])
{
	snprintf(whole, 256, "%s%s", root, path);
	for (char *at = whole + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		(void)mkdir(whole, 0755);
		*at = '/';
	}
}

static void
file(const char *path, const char *text)
{
	char whole[256];
	FILE *out;

	place(path, whole);
	out = fopen(whole, "we");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static void
file_gone(const char *path)
{
	char whole[256];

	place(path, whole);
	assert_int_equal(unlink(whole), 0);
}

static void
link_to(const char *path, const char *target)
{
	char whole[256];

	place(path, whole);
	(void)unlink(whole);
	assert_int_equal(symlink(target, whole), 0);
}

/* A host that lacks nothing, for a tunnel on eth0 with a lane on CPU 3. */
static int
setup(void **state)
{
	snprintf(root, sizeof(root), "/tmp/guardlane-preflight.XXXXXX");
	assert_non_null(mkdtemp(root));
	file("/proc/cpuinfo", "processor\t: 0\n" FLAGS);
	file("/proc/sys/kernel/osrelease", "6.1.0-28-amd64\n");
	file("/proc/meminfo", "MemTotal:        4000000 kB\nMemAvailable:    2000000 kB\n");
	file("/proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\n");
	file("/sys/devices/system/cpu/isolated", "2-3\n");
	file("/sys/devices/system/node/node0/cpulist", "0-3\n");
	file("/sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages", "128\n");
	file("/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "200\n");
	file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "128\n");
	file("/sys/class/net/eth0/type", "1\n");
	file("/sys/class/net/eth0/mtu", "1500\n");
	file("/sys/class/net/eth0/operstate", "up\n");
	file("/dev/net/tun", "");
	plan = (struct plan){.underlay = "af_packet:eth0", .memory_mib = 256, .hugepages = true};
	plan.tunnels[plan.tunnel_count++] =
		(struct plan_tunnel){.host = "tun:wg0", .listen_port = 4567};
	assert_int_equal(cpus_parse("3", &plan.cpus), 0);
	return 0;
}

static int
teardown(void **state)
{
	char command[sizeof(root) + 8];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

/* -- what is found ------------------------------------------------------------------------ */

static void
check(void)
{
	preflight_check(&preflight, &plan, root);
}

/* There is exactly one finding that is not ok, and it is this one. */
static void
assert_only(
	enum preflight_verdict verdict, const char *subject, const char *text, const char *remedy)
{
	const struct preflight_finding *found = NULL;

	check();
	for (unsigned i = 0; i < preflight.count; i++) {
		const struct preflight_finding *finding = &preflight.findings[i];

		if (finding->verdict == PREFLIGHT_OK)
			continue;
		if (found != NULL)
			fail_msg("also: %s: %s", finding->subject, finding->text);
		found = finding;
	}
	assert_non_null(found);
	assert_string_equal(found->subject, subject);
	assert_string_equal(found->text, text);
	assert_string_equal(found->remedy, remedy);
	assert_int_equal(found->verdict, verdict);
}

static void
assert_all_well(void)
{
	check();
	for (unsigned i = 0; i < preflight.count; i++)
		if (preflight.findings[i].verdict != PREFLIGHT_OK)
			fail_msg("%s: %s", preflight.findings[i].subject,
				preflight.findings[i].text);
}

static void
a_host_that_lacks_nothing(void **state)
{
	assert_all_well();
	assert_int_equal(preflight_count(&preflight, PREFLIGHT_OK), 10);
}

static void
clustering_that_is_off_needs_little(void **state)
{
	plan.tunnel_count = 0;
	plan.underlay[0] = '\0';
	file("/proc/self/status", "CapEff:\t0000000000004000\n");
	assert_all_well();
}

static void
cpus(void **state)
{
	file("/proc/cpuinfo", "flags\t: sse4_2 avx2 avx512vl\n");
	assert_all_well();
	assert_string_equal(preflight.findings[0].text, "AVX2, and no AVX-512 with IFMA");
	file("/proc/cpuinfo", "flags\t: sse4_2 avx2x\n");
	assert_only(PREFLIGHT_WARNING, "cpu",
		"it has no AVX2: opening and sealing take several times as long",
		"in a virtual machine, show it the host's CPU (qemu: -cpu host)");
	file("/proc/cpuinfo", "flags\t: sse\n");
	assert_only(PREFLIGHT_MISSING, "cpu", "it has no SSE4.2, which DPDK needs",
		"in a virtual machine, show it the host's CPU (qemu: -cpu host)");
}

static void
old_kernels(void **state)
{
	file("/proc/sys/kernel/osrelease", "4.19.0-27-amd64\n");
	assert_all_well();
	file("/proc/sys/kernel/osrelease", "4.9.0\n");
	assert_only(PREFLIGHT_WARNING, "kernel",
		"4.9.0 is older than 4.19, the oldest that guardlane is meant for",
		"update the kernel (Debian 10, Ubuntu 20.04 or newer)");
}

static void
memory(void **state)
{
	file("/proc/meminfo", "MemAvailable:    204800 kB\n");
	assert_only(PREFLIGHT_MISSING, "memory", "200 MiB are available, 256 are wanted",
		"end what takes it, or ask for less by --memory");
}

static void
hugepages_of_one_node(void **state)
{
	file("/sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages", "28\n");
	assert_only(PREFLIGHT_WARNING, "hugepages",
		"56 MiB are free at NUMA node 0, whose lanes want 256: without them it is slower",
		"echo 300 >/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages");
	file("/sys/devices/system/node/node0/hugepages/hugepages-1048576kB/free_hugepages", "1\n");
	assert_all_well();
}

static void
hugepages_that_are_not_wanted(void **state)
{
	plan.hugepages = false;
	file("/sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages", "0\n");
	assert_all_well();
}

/* Node 1 has CPUs 4 to 7, and no memory to speak of. */
static void
second_node(void)
{
	file("/sys/devices/system/node/node1/cpulist", "4-7\n");
	file("/sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages", "10\n");
	file("/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "10\n");
	file("/sys/devices/system/cpu/isolated", "2-7\n");
}

static void
hugepages_are_wanted_where_the_lanes_are(void **state)
{
	second_node();
	assert_all_well();
	assert_int_equal(cpus_parse("3,4", &plan.cpus), 0);
	assert_only(PREFLIGHT_WARNING, "hugepages",
		"20 MiB are free at NUMA node 1, whose lanes want 128: without them it is slower",
		"echo 64 >/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages");
}

static void
nic_of_another_node(void **state)
{
	second_node();
	file("/sys/class/net/eth0/device/numa_node", "0\n");
	assert_all_well();
	file("/sys/class/net/eth0/device/numa_node", "1\n");
	assert_only(PREFLIGHT_WARNING, "underlay",
		"eth0 is at NUMA node 1, and not all lanes are: each packet crosses between nodes",
		"take lanes from CPUs 4-7: --lanes");
}

static void
lanes_that_are_not_alone(void **state)
{
	assert_int_equal(cpus_parse("1-3", &plan.cpus), 0);
	assert_only(PREFLIGHT_WARNING, "lanes",
		"CPUs 1-3, which other work may take: packets then wait for it",
		"boot with isolcpus=1-3 nohz_full=1-3 rcu_nocbs=1-3 on the kernel's command line");
	assert_int_equal(cpus_parse("1", &plan.cpus), 0);
	file("/sys/devices/system/cpu/isolated", "\n");
	assert_only(PREFLIGHT_WARNING, "lanes",
		"CPU 1, which other work may take: packets then wait for it",
		"boot with isolcpus=1 nohz_full=1 rcu_nocbs=1 on the kernel's command line");
}

static void
privileges(void **state)
{
	file("/proc/self/status", "CapEff:\t0000000000005000\n"); /* NET_ADMIN, IPC_LOCK */
	assert_only(PREFLIGHT_MISSING, "privileges",
		"no CAP_NET_RAW: packets of the underlay's interface",
		"run as root; in compose: cap_add: [NET_RAW]");
	snprintf(plan.underlay, sizeof(plan.underlay), "udp");
	assert_all_well();
	plan.tunnels[0].netns = "apart";
	assert_only(PREFLIGHT_MISSING, "privileges",
		"no CAP_SYS_ADMIN: host devices in other namespaces (netns)",
		"run as root; in compose: cap_add: [SYS_ADMIN]");
}

static void
memory_that_may_not_be_locked(void **state)
{
	file("/proc/self/status", "CapEff:\t0000000000003000\n"); /* NET_ADMIN, NET_RAW */
	file("/proc/self/limits",
		"Limit  Soft Limit  Hard Limit  Units\n"
		"Max locked memory         65536    65536    bytes\n");
	assert_only(PREFLIGHT_MISSING, "privileges",
		"no CAP_IPC_LOCK, and 64 KiB may be locked in memory: too little for af_packet's "
		"rings",
		"run as root, or after ulimit -l unlimited; in compose: cap_add: [IPC_LOCK]");
	snprintf(plan.underlay, sizeof(plan.underlay), "udp");
	assert_only(PREFLIGHT_WARNING, "privileges",
		"no CAP_IPC_LOCK, and 64 KiB may be locked in memory: keys may be swapped out",
		"run as root, or after ulimit -l unlimited; in compose: cap_add: [IPC_LOCK]");
	snprintf(plan.underlay, sizeof(plan.underlay), "af_packet:eth0");
	file("/proc/self/limits", "Max locked memory         unlimited    unlimited    bytes\n");
	assert_all_well();
}

static void
underlays(void **state)
{
	file("/sys/class/net/eth0/operstate", "down\n");
	assert_only(PREFLIGHT_WARNING, "underlay", "eth0 is down", "ip link set eth0 up");
	file("/sys/class/net/eth0/type", "772\n");
	assert_only(PREFLIGHT_MISSING, "underlay", "eth0 is not an Ethernet interface",
		"take another, or --underlay udp");
	snprintf(plan.underlay, sizeof(plan.underlay), "af_packet:eth7");
	assert_only(PREFLIGHT_MISSING, "underlay", "there is no network interface eth7",
		"take one of ip -brief link: --underlay af_packet:");
}

/* As the kernel writes the table; the inode is the tenth column. */
static void
udp_socket(const char *table, const char *inode)
{
	char path[32];
	char text[512];

	snprintf(path, sizeof(path), "/proc/net/%s", table);
	snprintf(text, sizeof(text),
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid "
		" timeout inode ref pointer drops\n"
		"    5: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0  "
		"      0 4000 2 0000000000000000 0\n"
		"  677: 00000000:11D7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0  "
		"      0 %s 2 0000000000000000 0\n",
		inode);
	file(path, text);
}

static void
ports_that_are_taken(void **state)
{
	udp_socket("udp", "4711");
	assert_only(PREFLIGHT_MISSING, "port",
		"UDP port 4567 is taken, and by no process that can be seen here: by the kernel's "
		"WireGuard, or in another container",
		"ip link show type wireguard, then ip link del NAME; or docker ps");
	link_to("/proc/812/fd/5", "socket:[4711]");
	file("/proc/812/comm", "named\n");
	assert_only(PREFLIGHT_MISSING, "port", "UDP port 4567 is taken by process 812 (named)",
		"end it, or take another: --listen-port");
	file("/proc/812/comm", "guardlane\n");
	assert_all_well();
	plan.tunnels[0].listen_port = 4568;
	file_gone("/proc/812/fd/5");
	assert_all_well();
	udp_socket("udp6", "0");
	plan.tunnels[0].listen_port = 4567;
	check();
	assert_int_equal(preflight_count(&preflight, PREFLIGHT_MISSING), 1);
}

static void
host_devices(void **state)
{
	file("/sys/class/net/wg0/type", "65534\n");
	assert_only(PREFLIGHT_MISSING, "host device",
		"wg0 is there already, and is no TUN: the kernel's WireGuard, perhaps",
		"wg-quick down wg0, or ip link del wg0; or take another name: --host tun:");
	file("/sys/class/net/wg0/tun_flags", "0x1001\n");
	assert_all_well();
	file_gone("/dev/net/tun");
	assert_only(PREFLIGHT_MISSING, "host device",
		"there is no /dev/net/tun, which wg0 is made by",
		"modprobe tun; in compose: devices: [/dev/net/tun]");
}

static void
pipelines_by_memif(void **state)
{
	plan.tunnels[0].pipeline = "memif:/run/pipe/a.sock,id=1";
	assert_only(PREFLIGHT_MISSING, "pipeline", "there is no folder /run/pipe for the socket",
		"mkdir -p /run/pipe");
	file("/run/pipe/other", "");
	assert_all_well();
	plan.tunnels[0].pipeline = "memif:@abstract";
	assert_all_well();
	plan.tunnels[0].pipeline = "memif:/run/guardlane/a.sock";
	snprintf(plan.control, sizeof(plan.control), "/run/guardlane/wg0.sock");
	assert_all_well();
}

#define DEVICE "/sys/bus/pci/devices/0000:03:00.0"

static void
pci_devices(void **state)
{
	plan.tunnels[0].pipeline = "pci:0000:03:00.0";
	assert_only(PREFLIGHT_MISSING, "pci", "there is no PCI device 0000:03:00.0",
		"take one of lspci -D, such as 0000:3b:00.0, with all its digits");
	link_to(DEVICE "/driver", "../../../bus/pci/drivers/ixgbe");
	file(DEVICE "/net/eth5/mtu", "1500\n");
	assert_only(PREFLIGHT_MISSING, "pci",
		"0000:03:00.0 has the driver ixgbe, and DPDK needs vfio-pci",
		"modprobe vfio-pci && driverctl set-override 0000:03:00.0 vfio-pci");
	file("/proc/net/route",
		"Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
		"eth0\t0003A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n"
		"eth5\t00000000\t0103A8C0\t0003\t0\t0\t0\t00000000\n");
	assert_only(PREFLIGHT_MISSING, "pci",
		"0000:03:00.0 is eth5, which the default route leaves through: bound to vfio-pci, "
		"this host would be out of reach",
		"take another NIC, or --underlay af_packet:eth5");
	link_to(DEVICE "/driver", "../../../bus/pci/drivers/mlx5_core");
	assert_all_well();
	/* virtio's interface is below a device of its own, which has any number. */
	plan.tunnels[0].pipeline = "pci:0000:04:00.0";
	link_to("/sys/bus/pci/devices/0000:04:00.0/driver", "../../../bus/pci/drivers/virtio-pci");
	file("/sys/bus/pci/devices/0000:04:00.0/virtio3/net/eth5/mtu", "1500\n");
	assert_only(PREFLIGHT_MISSING, "pci",
		"0000:04:00.0 is eth5, which the default route leaves through: bound to vfio-pci, "
		"this host would be out of reach",
		"take another NIC, or --underlay af_packet:eth5");
}

static void
pci_devices_behind_vfio(void **state)
{
	plan.tunnels[0].pipeline = "pci:0000:03:00.0";
	link_to(DEVICE "/driver", "../../../bus/pci/drivers/vfio-pci");
	check();
	assert_int_equal(preflight_count(&preflight, PREFLIGHT_MISSING), 1);
	assert_non_null(strstr(preflight.findings[preflight.count - 1].text, "no IOMMU"));
	link_to(DEVICE "/iommu_group", "../../../kernel/iommu_groups/7");
	assert_only(PREFLIGHT_MISSING, "pci", "0000:03:00.0 is bound, and there is no /dev/vfio/7",
		"in compose: devices: [/dev/vfio/vfio, /dev/vfio/7]");
	file("/dev/vfio/7", "");
	assert_all_well();
	link_to("/proc/99/fd/12", "/dev/vfio/7");
	file("/proc/99/comm", "dpdk-testpmd\n");
	assert_only(PREFLIGHT_MISSING, "pci",
		"0000:03:00.0, or a device of its group, is in use by process 99 (dpdk-testpmd)",
		"end it, or give it other devices (DPDK: -a)");
	file("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
	file("/dev/vfio/noiommu-7", "");
	assert_all_well();
}

static void
lists_of_cpus(void **state)
{
	static const char *const lists[] = {"0", "0-1", "1,3", "0-2,5,7-9", "1023"};
	cpu_set_t cpus;
	char list[32];

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		assert_int_equal(cpus_parse(lists[i], &cpus), 0);
		assert_string_equal(cpus_format(&cpus, list, sizeof(list)), lists[i]);
	}
	assert_int_equal(cpus_parse("0-2,5,7-9", &cpus), 0);
	assert_string_equal(cpus_format(&cpus, list, 6), "0-2,5");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_host_that_lacks_nothing),
		TEST(clustering_that_is_off_needs_little),
		TEST(cpus),
		TEST(old_kernels),
		TEST(memory),
		TEST(hugepages_of_one_node),
		TEST(hugepages_that_are_not_wanted),
		TEST(hugepages_are_wanted_where_the_lanes_are),
		TEST(nic_of_another_node),
		TEST(lanes_that_are_not_alone),
		TEST(privileges),
		TEST(memory_that_may_not_be_locked),
		TEST(underlays),
		TEST(ports_that_are_taken),
		TEST(host_devices),
		TEST(pipelines_by_memif),
		TEST(pci_devices),
		TEST(pci_devices_behind_vfio),
		cmocka_unit_test(lists_of_cpus),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
