/*
 * TAI64N stamps of initiations.
 * On the packet's way: beside it.
 * Threads: any; no state.
 */
#include "proto/tai64n.h"
#include "base/bytes.h"
#include "base/clock.h"

#define TAI64N_BASE UINT64_C(0x400000000000000a)
#define TAI64N_GRAIN_NS (UINT32_C(1) << 24)

/* A stamp as numbers: seconds since TAI64N's zero, nanoseconds below NS_IN_S. */
struct instant {
	uint64_t s;
	uint64_t ns;
};

/* The first stamp that lies a grain or more after `stamp`, on the grain again. */
static struct instant
successor(const uint8_t stamp[MESSAGE_TIMESTAMP_LEN])
{
	const uint64_t ns = (uint64_t)load_be32(stamp + 8) + TAI64N_GRAIN_NS;
	struct instant next = {load_be64(stamp) + ns / NS_IN_S, ns % NS_IN_S};

	/* A second is no multiple of the grain: its last one is short, and ends with the second. */
	next.ns = (next.ns + TAI64N_GRAIN_NS - 1) & ~(uint64_t)(TAI64N_GRAIN_NS - 1);
	if (next.ns >= NS_IN_S) {
		next.s++;
		next.ns = 0;
	}
	return next;
}

void
tai64n_make(uint8_t stamp[MESSAGE_TIMESTAMP_LEN], uint64_t real_ns,
	const uint8_t last[MESSAGE_TIMESTAMP_LEN])
{
	struct instant made = {
		.s = TAI64N_BASE + real_ns / NS_IN_S,
		.ns = real_ns % NS_IN_S & ~(uint64_t)(TAI64N_GRAIN_NS - 1),
	};
	const struct instant least = successor(last);

	if (made.s < least.s || (made.s == least.s && made.ns < least.ns))
		made = least;
	store_be64(stamp, made.s);
	store_be32(stamp + 8, (uint32_t)made.ns);
}

int
tai64n_compare(const uint8_t a[MESSAGE_TIMESTAMP_LEN], const uint8_t b[MESSAGE_TIMESTAMP_LEN])
{
	return memcmp(a, b, MESSAGE_TIMESTAMP_LEN);
}

uint64_t
tai64n_real_ns(const uint8_t stamp[MESSAGE_TIMESTAMP_LEN])
{
	const uint64_t s = load_be64(stamp);

	if (s < TAI64N_BASE || s - TAI64N_BASE >= UINT64_MAX / NS_IN_S)
		return 0;
	return (s - TAI64N_BASE) * NS_IN_S + load_be32(stamp + 8) % NS_IN_S;
}
