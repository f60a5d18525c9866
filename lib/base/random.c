/*
 * Random bytes from the kernel's CSPRNG.
 * On the packet's way: nowhere; lanes draw no random numbers.
 * Threads: any but lanes (enters the kernel).
 */
#include "base/random.h"

#include "base/secret.h"

#include <errno.h>
#include <sys/random.h>

int
random_fill(void *to, size_t len)
{
	size_t done = 0;

	/* More than 256 bytes may come in parts. */
	while (done < len) {
		ssize_t got = getrandom((uint8_t *)to + done, len - done, 0);
		int error = errno;

		if (got >= 0) {
			done += (size_t)got;
		} else if (error != EINTR) {
			secret_wipe(to, len);
			return -error;
		}
	}
	return 0;
}

uint32_t
random_jitter(void)
{
	uint32_t value;

	return random_fill(&value, sizeof(value)) == 0 ? value : 0;
}
