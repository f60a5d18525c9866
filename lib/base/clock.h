/*
 * The two clocks of the protocol, as an object, so that a test owns the time.
 * On the packet's way: lanes read the boot clock once per burst.
 * Threads: any; reading never enters the kernel (vDSO).
 */
#pragma once

#include <stdint.h>

/* Not NS_PER_S: DPDK has that, as an int. */
#define NS_IN_MS UINT64_C(1000000)
#define NS_IN_S UINT64_C(1000000000)

struct clock {
	/* Nanoseconds since boot, suspend included (CLOCK_BOOTTIME): all ages and timers. */
	uint64_t (*boot_ns)(const struct clock *clock);
	/* Nanoseconds since 1970 (CLOCK_REALTIME): TAI64N stamps and "latest handshake" only. */
	uint64_t (*real_ns)(const struct clock *clock);
};

/* clock_system is the machine's own clock. */
extern const struct clock clock_system;

static inline uint64_t
clock_boot_ns(const struct clock *clock)
{
	return clock->boot_ns(clock);
}

static inline uint64_t
clock_real_ns(const struct clock *clock)
{
	return clock->real_ns(clock);
}
