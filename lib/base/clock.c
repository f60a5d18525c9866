/*
 * The two clocks of the protocol, as an object, so that a test owns the time.
 * On the packet's way: lanes read the boot clock once per burst.
 * Threads: any; reading never enters the kernel (vDSO).
 */
#include "base/clock.h"

#include <time.h>

static uint64_t
clock_read(clockid_t id)
{
	struct timespec now;

	/* Cannot fail: both clocks exist since Linux 2.6.39 and `now` is writable. */
	(void)clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * NS_IN_S + (uint64_t)now.tv_nsec;
}

static uint64_t
system_boot_ns(const struct clock *clock)
{
	(void)clock;
	return clock_read(CLOCK_BOOTTIME);
}

static uint64_t
system_real_ns(const struct clock *clock)
{
	(void)clock;
	return clock_read(CLOCK_REALTIME);
}

const struct clock clock_system = {
	.boot_ns = system_boot_ns,
	.real_ns = system_real_ns,
};
