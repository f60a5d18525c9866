/*
 * Many short macs at once: keyed BLAKE2s (RFC 7693) of 16 bytes, for floods of handshake messages.
 * On the packet's way: handshakes only, before anything else is done for one.
 * Threads: any; no state. Source: WireGuard paper 5.4.4, 5.4.7.
 */
#pragma once

#include "crypto/blake2s.h"

#include <stddef.h>
#include <stdint.h>

/*
 * blake2s_batch writes macs[i] = blake2s_mac() of the first `len` (> 0) bytes of messages[i] (any
 * alignment) under keys[i], `key_len` bytes (1..32), for `count` messages; any number of them, and
 * best a multiple of 16. Where all keys are one (keys[i] == keys[0]) it is worked in once only.
 * What it leaves of keys on the stack is wiped. Comparing is the caller's, in constant time.
 */
void blake2s_batch(uint8_t macs[][BLAKE2S_MAC_LEN], const uint8_t *const keys[], size_t key_len,
	const uint8_t *const messages[], size_t len, unsigned count);
