/*
 * Fuzz target: docker-compose's .env. What is found is a piece of the file, and fits.
 * Threads: one.
 *
 * The input: a byte that is the room for the value, then the file.
 */
#include "demand.h"

#include "config/dotenv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void
look_up(const char *path, const char *name, size_t room, const uint8_t *text, size_t len)
{
	/* Of exactly that size, so that writing beyond it is seen. */
	char *value = malloc(room);
	int result;

	demand(value != NULL, "memory");
	memset(value, 'x', room);
	result = dotenv_get(path, name, value, room);
	if (result == 0) {
		const size_t value_len = strnlen(value, room);

		demand(value_len < room, "a value without an end");
		demand(memmem(text, len, value, value_len) != NULL, "a value that is not there");
		demand(strchr(value, '\n') == NULL, "a value of two lines");
	} else {
		demand(result == -ENOENT || result == -E2BIG || result == -EINVAL,
			"an error that cannot be");
	}
	free(value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char path[64];
	int fd;

	if (len == 0)
		return 0;
	fd = memfd_create("fuzz-dotenv", MFD_CLOEXEC);
	demand(fd >= 0 && write(fd, data + 1, len - 1) == (ssize_t)(len - 1),
		"a file cannot be written");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	look_up(path, "MITIGATOR_VPN_ADDRESS", (size_t)data[0] + 1, data + 1, len - 1);
	look_up(path, "A", 256, data + 1, len - 1);
	close(fd);
	return 0;
}
