/*
 * Holding a UDP port: nobody else gets it, the kernel neither answers nor sees its packets, and
 * whoever looks at the interface does.
 */
#include "net/hold.h"

#include "lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PORT 4567
#define OTHER_PORT 4568
#define BURST 20

static struct hold *hold;
static struct lab_log lab_log;

static int
setup(void **state)
{
	lab_enter();
	lab_log_init(&lab_log);
	lab_run("ip addr add 10.7.0.5/24 dev u0");
	lab_introduce();
	return hold_create("u0", &lab_log.log, &hold);
}

static int
teardown(void **state)
{
	hold_destroy(hold);
	lab_leave();
	return 0;
}

/* A UDP socket there and the text's address here, to which it is connected if `connected`. */
static int
socket_to(const char *text, uint16_t port, bool connected, struct sockaddr_storage *to)
{
	const struct address address = lab_address(text);
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	memcpy(&to4.sin_addr, address.bytes, 4);
	memcpy(&to6.sin6_addr, address.bytes, 16);
	*to = (struct sockaddr_storage){0};
	if (address.family == ADDRESS_IPV4)
		memcpy(to, &to4, sizeof(to4));
	else
		memcpy(to, &to6, sizeof(to6));

	int fd = lab_socket_there(to->ss_family, SOCK_DGRAM, 0);
	if (connected)
		assert_int_equal(connect(fd, (struct sockaddr *)to, sizeof(*to)), 0);
	return fd;
}

/* Sends from there; returns whether an ICMP port unreachable came back. */
static bool
is_refused(const char *address, uint16_t port)
{
	char byte;
	struct sockaddr_storage to;
	int fd = socket_to(address, port, true, &to);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 100);
	bool refused = recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static void
send_burst(const char *address, uint16_t port, size_t len)
{
	static const uint8_t payload[8000];
	struct sockaddr_storage to;
	/* Not connected, or an ICMP error would be reported in place of the next packet. */
	int fd = socket_to(address, port, false, &to);
	for (unsigned i = 0; i < BURST; i++)
		assert_int_equal(sendto(fd, payload, len, 0, (struct sockaddr *)&to, sizeof(to)),
			(ssize_t)len);
	close(fd);
}

/* IPv4 packets that the kernel's stack here has seen so far. */
static unsigned long
stack_packets(void)
{
	unsigned long count = 0;
	char line[1024];
	FILE *file = fopen("/proc/thread-self/net/snmp", "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Ip: %*u %*u %lu", &count) == 1)
			break;
	(void)fclose(file);
	return count;
}

/* The same for UDP over IPv6, with what a socket's filter has dropped. */
static unsigned long
stack_datagrams6(void)
{
	unsigned long sum = 0;
	unsigned long count;
	char line[1024];
	FILE *file = fopen("/proc/thread-self/net/snmp6", "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Udp6InDatagrams %lu", &count) == 1 ||
			sscanf(line, "Udp6NoPorts %lu", &count) == 1 ||
			sscanf(line, "Udp6InErrors %lu", &count) == 1)
			sum += count;
	(void)fclose(file);
	return sum;
}

/* Frames with UDP to the port that the packet socket has seen. */
static unsigned
frames_to(int packet_socket, uint16_t port)
{
	uint8_t frame[2048];
	unsigned count = 0;
	ssize_t len;
	while ((len = recv(packet_socket, frame, sizeof(frame), 0)) > 0) {
		bool ipv4 = frame[12] == 0x08 && frame[13] == 0x00;
		size_t udp = ipv4 ? 14U + (frame[14] & 0x0fU) * 4U : 14U + 40U;
		uint8_t protocol = ipv4 ? frame[14 + 9] : frame[14 + 6];
		if ((size_t)len >= udp + 8 && protocol == IPPROTO_UDP &&
			(frame[udp + 2] << 8 | frame[udp + 3]) == port)
			count++;
	}
	return count;
}

static void
hold_address(const char *text)
{
	const struct address address = lab_address(text);
	hold_addresses(hold, &address, 1);
}

static void
second_gateway_is_refused_on_the_same_interface_only(void **state)
{
	struct hold *other;
	char process[32];
	snprintf(process, sizeof(process), "process %d", (int)getpid());
	assert_int_equal(hold_create("u0", &lab_log.log, &other), -EBUSY);
	assert_true(lab_log_has(&lab_log, "another guardlane"));
	assert_true(lab_log_has(&lab_log, process));
	assert_int_equal(lab_log.count, 1);
	assert_int_equal(hold_create("e0", &lab_log.log, &other), 0);
	hold_destroy(other);
	hold_destroy(hold);
	assert_int_equal(hold_create("u0", &lab_log.log, &hold), 0);
	assert_int_equal(hold_create("none0", &lab_log.log, &other), -ENODEV);
}

static int
try_bind(int family, const char *address)
{
	struct sockaddr_in name4 = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	struct sockaddr_in6 name6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
	int on = 1;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	inet_pton(family, address,
		family == AF_INET ? (void *)&name4.sin_addr : (void *)&name6.sin6_addr);
	int result = family == AF_INET ? bind(fd, (struct sockaddr *)&name4, sizeof(name4))
				       : bind(fd, (struct sockaddr *)&name6, sizeof(name6));
	if (result < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

static void
nobody_else_gets_the_port_until_it_is_released(void **state)
{
	assert_int_equal(hold_port(hold, PORT, &lab_log.log), 0);
	assert_int_equal(try_bind(AF_INET, "0.0.0.0"), -EADDRINUSE);
	assert_int_equal(try_bind(AF_INET, "10.7.0.1"), -EADDRINUSE);
	assert_int_equal(try_bind(AF_INET6, "::"), -EADDRINUSE);
	assert_int_equal(try_bind(AF_INET6, "fd07::1"), -EADDRINUSE);
	assert_int_equal(hold_port(hold, OTHER_PORT, &lab_log.log), 0);
	hold_release(hold, PORT);
	int fd4 = try_bind(AF_INET, "0.0.0.0");
	int fd6 = try_bind(AF_INET6, "::");
	assert_true(fd4 >= 0 && fd6 >= 0);
	close(fd4);
	close(fd6);
	assert_int_equal(hold_port(hold, PORT, &lab_log.log), 0);
}

static void
port_in_use_is_refused_and_its_program_named(void **state)
{
	char process[64];
	static const struct {
		int family;
		const char *address;
	} users[] = {{AF_INET, "10.7.0.1"}, {AF_INET6, "::"}};

	snprintf(process, sizeof(process), "test_hold (process %d)", (int)getpid());
	for (unsigned i = 0; i < 2; i++) {
		lab_log_init(&lab_log);
		int fd = try_bind(users[i].family, users[i].address);
		assert_true(fd >= 0);
		assert_int_equal(hold_port(hold, PORT, &lab_log.log), -EADDRINUSE);
		assert_true(lab_log_has(&lab_log, "4567"));
		assert_true(lab_log_has(&lab_log, process));
		assert_int_equal(lab_log.count, 1);
		close(fd);
		/* Nothing of the refused attempt is left. */
		assert_int_equal(hold_port(hold, PORT, &lab_log.log), 0);
		hold_release(hold, PORT);
	}
}

static void
any_port_is_held_like_one_that_was_asked_for(void **state)
{
	uint16_t ports[3];

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(hold_any_port(hold, &ports[i], &lab_log.log), 0);
		assert_int_not_equal(ports[i], 0);
		assert_false(is_refused("10.7.0.1", ports[i]));
		assert_false(is_refused("fd07::1", ports[i]));
	}
	assert_true(ports[0] != ports[1] && ports[1] != ports[2] && ports[0] != ports[2]);
	for (unsigned i = 0; i < 3; i++) {
		hold_release(hold, ports[i]);
		assert_true(is_refused("10.7.0.1", ports[i]));
	}
}

static void
kernel_sends_no_port_unreachable(void **state)
{
	assert_int_equal(hold_port(hold, PORT, &lab_log.log), 0);
	/* No hold_addresses: the sockets alone must do it. */
	assert_false(is_refused("10.7.0.1", PORT));
	assert_false(is_refused("fd07::1", PORT));
	assert_true(is_refused("10.7.0.1", OTHER_PORT));
	assert_true(is_refused("fd07::1", OTHER_PORT));
	hold_release(hold, PORT);
	assert_true(is_refused("10.7.0.1", PORT));
}

static void
stack_does_not_see_our_packets_but_we_do(void **state)
{
	int packets = lab_packet_socket(false, "u0");
	assert_int_equal(hold_port(hold, PORT, &lab_log.log), 0);
	hold_address("10.7.0.1");
	unsigned long before = stack_packets();
	send_burst("10.7.0.1", PORT, 100);
	assert_int_equal(stack_packets() - before, 0);
	assert_int_equal(frames_to(packets, PORT), BURST);
	close(packets);
}

static void
stack_does_not_see_our_packets_over_ipv6(void **state)
{
	int packets = lab_packet_socket(false, "u0");
	assert_int_equal(hold_port(hold, PORT, &lab_log.log), 0);
	unsigned long before = stack_datagrams6();
	send_burst("fd07::1", PORT, 100);
	assert_true(stack_datagrams6() - before >= BURST);
	assert_int_equal(frames_to(packets, PORT), BURST);

	hold_address("fd07::1");
	before = stack_datagrams6();
	send_burst("fd07::1", PORT, 100);
	assert_int_equal(stack_datagrams6() - before, 0);
	assert_int_equal(frames_to(packets, PORT), BURST);
	close(packets);
}

static void
packets_with_ip_options_are_ours_too(void **state)
{
	static const uint8_t options[8] = {1, 1, 1, 1, 1, 1, 1, 0};
	assert_int_equal(hold_port(hold, PORT, &lab_log.log), 0);
	hold_address("10.7.0.1");
	struct sockaddr_storage to;
	int fd = socket_to("10.7.0.1", PORT, true, &to);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, options, sizeof(options)), 0);
	unsigned long before = stack_packets();
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_int_equal(stack_packets() - before, 0);
	close(fd);
}

static void
other_ports_addresses_and_fragments_pass(void **state)
{
	char byte;
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(OTHER_PORT)};
	int listener = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(hold_port(hold, PORT, &lab_log.log), 0);
	hold_address("10.7.0.1");

	send_burst("10.7.0.1", OTHER_PORT, 100);
	for (unsigned i = 0; i < BURST; i++)
		assert_int_equal(recv(listener, &byte, 1, MSG_TRUNC), 100);
	unsigned long before = stack_packets();
	send_burst("10.7.0.5", PORT, 100);
	assert_int_equal(stack_packets() - before, BURST);
	before = stack_packets();
	send_burst("10.7.0.1", PORT, 4000);
	assert_int_equal(stack_packets() - before, 3 * BURST);
	close(listener);
}

static void
held_addresses_are_replaced(void **state)
{
	const struct address both[2] = {lab_address("10.7.0.1"), lab_address("10.7.0.5")};
	struct address many[64];
	assert_int_equal(hold_port(hold, PORT, &lab_log.log), 0);
	hold_address("10.7.0.1");
	hold_address("10.7.0.5");
	unsigned long before = stack_packets();
	send_burst("10.7.0.5", PORT, 100);
	assert_int_equal(stack_packets() - before, 0);
	send_burst("10.7.0.1", PORT, 100);
	assert_int_equal(stack_packets() - before, BURST);

	for (unsigned i = 0; i < 64; i++) {
		many[i] = lab_address("192.0.2.1");
		many[i].bytes[3] = (uint8_t)i;
	}
	hold_addresses(hold, many, 64);
	hold_addresses(hold, both, 2);
	before = stack_packets();
	send_burst("10.7.0.1", PORT, 100);
	send_burst("10.7.0.5", PORT, 100);
	assert_int_equal(stack_packets() - before, 0);
	hold_addresses(hold, NULL, 0);
	send_burst("10.7.0.1", PORT, 100);
	assert_int_equal(stack_packets() - before, BURST);
	assert_int_equal(lab_log.count, 0);
}

static void
released_port_passes_again(void **state)
{
	assert_int_equal(hold_port(hold, PORT, &lab_log.log), 0);
	hold_address("10.7.0.1");
	hold_release(hold, PORT);
	unsigned long before = stack_packets();
	send_burst("10.7.0.1", PORT, 100);
	assert_int_equal(stack_packets() - before, BURST);
}

/* A gateway that is killed: nothing of it is in the next one's way. */
static void
killed_gateway_leaves_nothing_behind(void **state)
{
	hold_destroy(hold);
	hold = NULL;
	pid_t killed = fork();
	if (killed == 0) {
		struct hold *its;
		const struct address address = lab_address("10.7.0.1");
		if (hold_create("u0", &lab_log.log, &its) < 0 ||
			hold_port(its, PORT, &lab_log.log) < 0)
			_exit(1);
		hold_addresses(its, &address, 1);
		_exit(0);
	}
	int status;
	waitpid(killed, &status, 0);
	assert_int_equal(status, 0);

	assert_int_equal(hold_create("u0", &lab_log.log, &hold), 0);
	unsigned long before = stack_packets();
	send_burst("10.7.0.1", PORT, 100);
	assert_int_equal(stack_packets() - before, BURST);
	assert_int_equal(hold_port(hold, PORT, &lab_log.log), 0);
}

static void
destroying_gives_everything_back(void **state)
{
	assert_int_equal(hold_port(hold, PORT, &lab_log.log), 0);
	hold_address("10.7.0.1");
	hold_destroy(hold);
	hold = NULL;
	assert_true(is_refused("10.7.0.1", PORT));
	assert_false(lab_succeeds("tc qdisc show dev u0 | grep clsact"));
	assert_int_equal(lab_log.count, 0);
}

#define LAB_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(second_gateway_is_refused_on_the_same_interface_only),
		LAB_TEST(nobody_else_gets_the_port_until_it_is_released),
		LAB_TEST(port_in_use_is_refused_and_its_program_named),
		LAB_TEST(any_port_is_held_like_one_that_was_asked_for),
		LAB_TEST(kernel_sends_no_port_unreachable),
		LAB_TEST(stack_does_not_see_our_packets_but_we_do),
		LAB_TEST(stack_does_not_see_our_packets_over_ipv6),
		LAB_TEST(packets_with_ip_options_are_ours_too),
		LAB_TEST(other_ports_addresses_and_fragments_pass),
		LAB_TEST(held_addresses_are_replaced),
		LAB_TEST(released_port_passes_again),
		LAB_TEST(killed_gateway_leaves_nothing_behind),
		LAB_TEST(destroying_gives_everything_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
