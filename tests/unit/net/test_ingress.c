/*
 * The program that drops what is ours before the kernel's stack, on both hooks: what the hook does
 * itself, and what it leaves to others on the same interface.
 */
#include "net/ingress.h"

#include "lab.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PORT 4567
#define OURS "tc filter show dev u0 ingress | grep guardlane"
#define QDISC "tc qdisc show dev u0 | grep clsact"

static uint32_t ifindex;
static int listener;

static int
setup(void **state)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	lab_enter();
	lab_introduce();
	ifindex = if_nametoindex("u0");
	listener = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	return bind(listener, (struct sockaddr *)&name, sizeof(name));
}

static int
teardown(void **state)
{
	close(listener);
	lab_leave();
	return 0;
}

/* Whether a datagram from there arrives at the listener. */
static bool
passes(void)
{
	char byte;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int fd = lab_socket_there(AF_INET, SOCK_DGRAM, 0);
	inet_pton(AF_INET, "10.7.0.1", &to.sin_addr);
	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	close(fd);
	return recv(listener, &byte, 1, 0) == 1;
}

static struct ingress *
create(enum ingress_hook hook)
{
	const struct address address = lab_address("10.7.0.1");
	struct ingress *ingress;
	assert_int_equal(ingress_create(ifindex, hook, &ingress), 0);
	assert_int_equal(ingress_addresses(ingress, &address, 1), 0);
	return ingress;
}

static void
hook_drops_the_port_s_packets(enum ingress_hook hook)
{
	struct ingress *ingress = create(hook);
	assert_true(passes());
	assert_int_equal(ingress_port_add(ingress, PORT), 0);
	assert_false(passes());
	ingress_port_remove(ingress, PORT);
	assert_true(passes());
	assert_int_equal(ingress_port_add(ingress, PORT), 0);
	assert_int_equal(ingress_addresses(ingress, NULL, 0), 0);
	assert_true(passes());
	ingress_destroy(ingress);
}

static void
tcx_drops(void **state)
{
	hook_drops_the_port_s_packets(INGRESS_TCX);
}

static void
clsact_drops(void **state)
{
	hook_drops_the_port_s_packets(INGRESS_CLSACT);
}

static void
destroying_stops_the_drop(void **state)
{
	static const enum ingress_hook hooks[2] = {INGRESS_TCX, INGRESS_CLSACT};
	for (unsigned i = 0; i < 2; i++) {
		struct ingress *ingress = create(hooks[i]);
		assert_int_equal(ingress_port_add(ingress, PORT), 0);
		assert_false(passes());
		ingress_destroy(ingress);
		assert_true(passes());
	}
}

static void
clsact_qdisc_goes_if_it_was_ours(void **state)
{
	struct ingress *ingress = create(INGRESS_CLSACT);
	assert_true(lab_succeeds(OURS " >/dev/null"));
	assert_true(lab_succeeds(QDISC " >/dev/null"));
	ingress_destroy(ingress);
	assert_false(lab_succeeds(QDISC));
}

static void
clsact_qdisc_and_filters_of_others_stay(void **state)
{
	lab_run("tc qdisc add dev u0 clsact");
	struct ingress *ingress = create(INGRESS_CLSACT);
	ingress_destroy(ingress);
	assert_true(lab_succeeds(QDISC " >/dev/null"));

	lab_run("tc filter add dev u0 ingress protocol ip prio 7 u32 match u32 0 0 flowid 1:1");
	ingress = create(INGRESS_CLSACT);
	ingress_destroy(ingress);
	assert_false(lab_succeeds(OURS));
	assert_true(lab_succeeds("tc filter show dev u0 ingress | grep -q 'pref 7 '"));
}

static void
clsact_qdisc_of_ours_stays_for_another_s_filter(void **state)
{
	struct ingress *ingress = create(INGRESS_CLSACT);
	lab_run("tc filter add dev u0 egress protocol ip prio 7 u32 match u32 0 0 flowid 1:1");
	ingress_destroy(ingress);
	assert_false(lab_succeeds(OURS));
	assert_true(lab_succeeds("tc filter show dev u0 egress | grep -q 'pref 7 '"));
}

static void
filter_of_a_killed_gateway_is_replaced(void **state)
{
	static const enum ingress_hook hooks[2] = {INGRESS_TCX, INGRESS_CLSACT};
	for (unsigned i = 0; i < 2; i++) {
		int status;
		pid_t killed = fork();
		if (killed == 0) {
			struct ingress *its = create(INGRESS_CLSACT);
			_exit(ingress_port_add(its, PORT) == 0 ? 0 : 1);
		}
		waitpid(killed, &status, 0);
		assert_int_equal(status, 0);
		assert_false(passes());

		struct ingress *ingress = create(hooks[i]);
		assert_true(passes());
		ingress_destroy(ingress);
		assert_false(lab_succeeds(OURS));
		assert_false(lab_succeeds(QDISC));
	}
}

static void
unknown_interface_is_refused(void **state)
{
	struct ingress *ingress;
	assert_true(ingress_create(9999, INGRESS_TCX, &ingress) < 0);
	assert_true(ingress_create(9999, INGRESS_CLSACT, &ingress) < 0);
}

#define LAB_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(tcx_drops),
		LAB_TEST(clsact_drops),
		LAB_TEST(destroying_stops_the_drop),
		LAB_TEST(clsact_qdisc_goes_if_it_was_ours),
		LAB_TEST(clsact_qdisc_and_filters_of_others_stay),
		LAB_TEST(clsact_qdisc_of_ours_stays_for_another_s_filter),
		LAB_TEST(filter_of_a_killed_gateway_is_replaced),
		LAB_TEST(unknown_interface_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
