/*
 * Two network namespaces for the tests of net, and what is done in them.
 */
#include "lab.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static pid_t there;

static void
there_main(int ready_fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNET) < 0 || write(ready_fd, "r", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

void
lab_there(char path[LAB_THERE_MAX])
{
	snprintf(path, LAB_THERE_MAX, "/proc/%d/ns/net", (int)there);
}

static void
veth(const char *iface, const char *iface_there)
{
	lab_run("ip link add %s type veth peer name %s", iface, iface_there);
	lab_run("ip link set %s netns %d", iface_there, (int)there);
	lab_run("ip link set %s up", iface);
	lab_run_there("ip link set %s up", iface_there);
}

void
lab_enter(void)
{
	int ready[2];
	char byte;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	there = fork();
	assert_true(there >= 0);
	if (there == 0)
		there_main(ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);

	/* Duplicate address detection would take seconds, and its end be an event in the tests. */
	lab_run("ip link set lo up; echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad");
	lab_run_there("sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'");
	veth("u0", "p0");
	veth("e0", "q0");
	lab_run("ip addr add 10.7.0.1/24 dev u0 && ip addr add fd07::1/64 dev u0 nodad");
	lab_run_there("ip addr add 10.7.0.2/24 dev p0");
	lab_run_there("ip addr add fd07::2/64 dev p0 nodad");
	lab_run("ip addr add 10.8.0.1/24 dev e0");
	lab_run_there("ip addr add 10.8.0.2/24 dev q0");
	/* The kernel follows the links' carrier in its own time. */
	lab_run("for i in $(seq 100); do ip -6 route show table local | grep -q 'fd07::1 ' && "
		"ip -6 addr show dev u0 | grep -q 'inet6 fe80' && "
		"ip -6 addr show dev e0 | grep -q 'inet6 fe80' && exit 0; sleep 0.05; done; exit 1");
}

void
lab_introduce(void)
{
	uint8_t mac[6];
	char text[24];

	lab_mac(false, "u0", mac);
	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		mac[3], mac[4], mac[5]);
	for (unsigned i = 1; i <= 5; i += 4)
		lab_run_there("ip neigh replace 10.7.0.%u dev p0 lladdr %s nud permanent", i, text);
	lab_run_there("ip neigh replace fd07::1 dev p0 lladdr %s nud permanent", text);
}

void
lab_leave(void)
{
	kill(there, SIGKILL);
	waitpid(there, NULL, 0);
}

bool
lab_succeeds(const char *format, ...)
{
	char command[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	return system(command) == 0;
}

void
lab_run(const char *format, ...)
{
	char command[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	if (!lab_succeeds("%s", command))
		fail_msg("failed: %s", command);
}

void
lab_run_there(const char *format, ...)
{
	char command[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	lab_run("nsenter --net=/proc/%d/ns/net %s", (int)there, command);
}

static int
namespace_open(const char *process)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%s/ns/net", process);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

int
lab_socket_there(int domain, int type, int protocol)
{
	char process[16];
	snprintf(process, sizeof(process), "%d", (int)there);
	int own = namespace_open("thread-self");
	int other = namespace_open(process);

	assert_int_equal(setns(other, CLONE_NEWNET), 0);
	int fd = socket(domain, type, protocol);
	assert_int_equal(setns(own, CLONE_NEWNET), 0);
	close(own);
	close(other);
	assert_true(fd >= 0);
	return fd;
}

static int
socket_in(bool in_other, int domain, int type, int protocol)
{
	int fd = in_other ? lab_socket_there(domain, type, protocol)
			  : socket(domain, type, protocol);
	assert_true(fd >= 0);
	return fd;
}

void
lab_mac(bool in_other, const char *iface, uint8_t mac[static 6])
{
	struct ifreq request = {0};
	int fd = socket_in(in_other, AF_INET, SOCK_DGRAM, 0);
	strncpy(request.ifr_name, iface, sizeof(request.ifr_name) - 1);
	assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &request), 0);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	close(fd);
}

int
lab_packet_socket(bool in_other, const char *iface)
{
	struct ifreq request = {0};
	struct sockaddr_ll name = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket_in(in_other, AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);

	strncpy(request.ifr_name, iface, sizeof(request.ifr_name) - 1);
	assert_int_equal(ioctl(fd, SIOCGIFINDEX, &request), 0);
	name.sll_ifindex = request.ifr_ifindex;
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

struct address
lab_address(const char *text)
{
	struct address address;
	assert_int_equal(address_parse(text, &address), 0);
	return address;
}

struct prefix
lab_prefix(const char *text)
{
	const char *slash = strchr(text, '/');
	char address[ADDRESS_TEXT_MAX] = "";
	assert_non_null(slash);
	memcpy(address, text, (size_t)(slash - text));
	return (struct prefix){.address = lab_address(address), .len = (uint8_t)atoi(slash + 1)};
}

static void
lab_log_write(void *context, enum log_level level, const char *line)
{
	struct lab_log *lab_log = context;
	size_t used = strlen(lab_log->lines);
	snprintf(lab_log->lines + used, sizeof(lab_log->lines) - used, "%s\n", line);
	lab_log->count++;
}

void
lab_log_init(struct lab_log *lab_log)
{
	*lab_log = (struct lab_log){0};
	lab_log->log =
		(struct log){.level = LOG_LEVEL_INFO, .write = lab_log_write, .context = lab_log};
}

bool
lab_log_has(const struct lab_log *lab_log, const char *text)
{
	bool has = strstr(lab_log->lines, text) != NULL;
	if (!has)
		print_message("no \"%s\" in the log:\n%s", text, lab_log->lines);
	return has;
}
