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

/*
 * transmit_back_room returns how many answers to strangers may be sent now: until half of the
 * buffers for our own frames are in use, so that they never keep our own handshakes back.
 */
unsigned transmit_back_room(const struct control *control);

/*
 * transmit_back sends `len` bytes to where `frame`, whose headers *outer are, came from: from the
 * address that it was sent to, by the neighbour that it came through, traffic class 0. No peer and
 * no next hop is asked. Only as often as transmit_back_room says.
 */
void transmit_back(struct control *control, const uint8_t *frame, const struct outer *outer,
	const void *message, size_t len);
