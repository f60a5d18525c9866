/*
 * mac1 of many initiations at once: keyed BLAKE2s (RFC 7693) of 16 bytes, for floods of them.
 * On the packet's way: handshakes only, before anything else is done for one.
 * Threads: any; no state. Source: WireGuard paper 5.4.4.
 */
#pragma once

#include "crypto/blake2s.h"

#include <stdint.h>

/* What mac1 of an initiation covers: all but mac1 and mac2. */
#define MAC1_MESSAGE_LEN 116

/*
 * mac1_batch writes macs[i] = blake2s_mac() of the first MAC1_MESSAGE_LEN bytes of messages[i]
 * (any alignment) under `key`, 32 bytes, for `count` messages; any number of them, and best a
 * multiple of 16. Comparing is the caller's, in constant time. The key follows from a public key
 * and the messages are as they came: nothing of it is secret, so nothing is wiped.
 */
void mac1_batch(uint8_t macs[][BLAKE2S_MAC_LEN], const uint8_t key[BLAKE2S_LEN],
	const uint8_t *const messages[], unsigned count);
