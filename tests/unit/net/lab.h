/*
 * Two network namespaces for the tests of net: "here", the test's own, and "there", joined by veth
 * pairs. Nothing of the machine's own network is touched, and all of it goes with the process.
 */
#pragma once

#include "base/address.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * lab_enter makes both namespaces afresh, with
 *	here: u0 10.7.0.1/24 fd07::1/64 --- there: p0 10.7.0.2/24 fd07::2/64
 *	here: e0 10.8.0.1/24            --- there: q0 10.8.0.2/24
 * lab_leave ends the one there.
 */
void lab_enter(void);
void lab_leave(void);

/* lab_there is the other namespace's path, "/proc/PID/ns/net". */
#define LAB_THERE_MAX 64
void lab_there(char path[LAB_THERE_MAX]);

/* lab_introduce lets the one there know u0's MAC, so that no first packet waits for it. */
void lab_introduce(void);

/* lab_run runs a shell command here, lab_run_there in the other namespace; they must succeed. */
void lab_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
void lab_run_there(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* lab_succeeds tells whether a shell command run here exits with 0. */
bool lab_succeeds(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* lab_socket_there is socket(2) in the other namespace. */
int lab_socket_there(int domain, int type, int protocol);

/* lab_mac reads the MAC of an interface of the other (`there`) or of this namespace. */
void lab_mac(bool there, const char *iface, uint8_t mac[static 6]);

/* lab_packet_socket opens a socket that sees all frames of the interface, without waiting. */
int lab_packet_socket(bool there, const char *iface);

/* lab_address is address_parse for texts that are right. */
struct address lab_address(const char *text);
struct prefix lab_prefix(const char *text);

/* A log that keeps its lines. */
struct lab_log {
	struct log log;
	char lines[4096];
	unsigned count;
};

void lab_log_init(struct lab_log *lab_log);
bool lab_log_has(const struct lab_log *lab_log, const char *text);
