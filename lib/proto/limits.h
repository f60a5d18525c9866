/*
 * The protocol's constants: times, counts, sizes.
 * On the packet's way: session ages and counters are checked against them on every burst.
 * Source: WireGuard paper 6.1, and the Linux driver where the two differ.
 */
#pragma once

#include "base/clock.h"

#define REKEY_AFTER_MESSAGES (UINT64_C(1) << 60) /* rekey when the send counter exceeds it */
#define REJECT_AFTER_MESSAGES (UINT64_MAX - (UINT64_C(1) << 13)) /* 2^64 - 2^13 - 1 */
#define REKEY_AFTER_TIME_NS (120 * NS_IN_S)
#define REJECT_AFTER_TIME_NS (180 * NS_IN_S)
#define REKEY_ON_RECEIVE_NS (165 * NS_IN_S) /* REJECT_AFTER_TIME - keepalive - rekey timeout */
#define REKEY_TIMEOUT_NS (5 * NS_IN_S)
#define REKEY_JITTER_NS (334 * NS_IN_MS) /* exclusive: 0 to 333.999 ms */
#define KEEPALIVE_TIMEOUT_NS (10 * NS_IN_S)
#define NEW_HANDSHAKE_TIMEOUT_NS (15 * NS_IN_S)
#define KEY_ERASE_NS (540 * NS_IN_S)
#define HANDSHAKE_ATTEMPTS_MAX 18
#define INITIATION_SPACING_NS (20 * NS_IN_MS) /* of consumed initiations, per peer */
#define COOKIE_SECRET_AGE_NS (120 * NS_IN_S)
#define COOKIE_USE_NS (115 * NS_IN_S)
#define STAGED_MAX 128 /* packets of one peer that wait for a session; the oldest goes */
