/*
 * Frames of our own: from the control side, through a lane, to the underlay.
 * On the packet's way: joins it at the underlay port.
 * Threads: control, under its lock.
 */
#pragma once

#include "control/control.h"

#include <stddef.h>

/*
 * transmit_to_peer sends the handshake message of `len` bytes to the peer by its published way, and
 * counts it. A message that cannot be sent is dropped and counted: the timers try again.
 */
void transmit_to_peer(
	struct control *control, struct peer *peer, const void *message, size_t len, uint8_t tos);
