/*
 * TAI64N stamps of initiations.
 * On the packet's way: beside it.
 * Threads: any; no state. Source: WireGuard paper 5.1; PROTOCOL decision: strictly increasing.
 */
#pragma once

#include "wire/message.h"

#include <stdint.h>

/*
 * tai64n_make writes the stamp of `real_ns` (nanoseconds since 1970), nanoseconds rounded down to
 * a multiple of 2^24, but always later than `last` (the stamp sent before to this peer; zeros if
 * none): at least last + 2^24 ns. `stamp` may be `last`.
 */
void tai64n_make(uint8_t stamp[MESSAGE_TIMESTAMP_LEN], uint64_t real_ns,
	const uint8_t last[MESSAGE_TIMESTAMP_LEN]);

/* tai64n_compare returns < 0, 0 or > 0 as a is earlier than, equal to or later than b. */
int tai64n_compare(const uint8_t a[MESSAGE_TIMESTAMP_LEN], const uint8_t b[MESSAGE_TIMESTAMP_LEN]);

/* tai64n_real_ns returns the stamp's time in nanoseconds since 1970; 0 if that is out of range. */
uint64_t tai64n_real_ns(const uint8_t stamp[MESSAGE_TIMESTAMP_LEN]);
