/*
 * The AEAD backend avx512: what the table of backends needs, compiled for any CPU.
 * On the packet's way: behind aead_seal and aead_open.
 * Threads: one context per thread.
 */
#include "crypto/aead_backend.h"

#include "crypto/aead_avx512.h"

#include <errno.h>

/* The compiler's support code asks the operating system, by XGETBV, for the registers as well. */
static bool
avx512_supported(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512ifma");
}

static void *
avx512_create(void)
{
	struct aead_avx512 *avx512 = aead_avx512_create();

	if (avx512 == NULL)
		errno = ENOMEM;
	return avx512;
}

static void
avx512_destroy(void *context)
{
	aead_avx512_destroy(context);
}

static uint64_t
avx512_seal(void *context, const struct aead_packet packets[], unsigned count)
{
	return aead_avx512_seal(context, packets, count);
}

static uint64_t
avx512_open(void *context, const struct aead_packet packets[], unsigned count)
{
	return aead_avx512_open(context, packets, count);
}

const struct aead_backend aead_backend_avx512 = {
	.name = "avx512",
	.across = true,
	.supported = avx512_supported,
	.create = avx512_create,
	.destroy = avx512_destroy,
	.seal = avx512_seal,
	.open = avx512_open,
};
