/*
 * Random bytes from the kernel's CSPRNG.
 * On the packet's way: nowhere; lanes draw no random numbers.
 * Threads: any but lanes (enters the kernel).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * random_fill fills `len` bytes at `to`, waiting for the kernel's generator to be seeded at boot
 * and retrying on EINTR. Returns 0, or a negative errno with `to` zeroed: the caller must then
 * give up what it wanted the bytes for.
 */
int random_fill(void *to, size_t len) __attribute__((warn_unused_result));

/* random_jitter returns a random number for spreading things in time; 0 if there is none. */
uint32_t random_jitter(void);
