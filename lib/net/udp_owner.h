/*
 * Who has a UDP port: the words for a message (inside net only).
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#pragma once

#include "base/log.h"

#include <stdint.h>

#define UDP_OWNER_TEXT_MAX 64

/*
 * udp_owner_find looks for the program that has UDP `port` (either family) in the calling thread's
 * network namespace and writes "NAME (process PID)", or what else is known, into `text`.
 */
void udp_owner_find(uint16_t port, char text[static UDP_OWNER_TEXT_MAX]);

/*
 * udp_owner_refuse says to `log` why UDP `port` cannot be had, which is `error`, a negative errno,
 * and returns that.
 */
int udp_owner_refuse(uint16_t port, int error, const struct log *log);
