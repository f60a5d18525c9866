/*
 * Mapping shared memory so that no other process can take it away.
 * On the packet's way: packets of the pipeline lie in it.
 * Threads: management.
 */
#include "net/memif_region.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static int
map(int fd, uint64_t len, struct memif_region *region)
{
	void *data = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (data == MAP_FAILED)
		return -errno;
	/* Inner packets are nobody's business who reads a core file. */
	(void)madvise(data, len, MADV_DONTDUMP);
	*region = (struct memif_region){.data = data, .len = len};
	return 0;
}

/* Whether its length can only grow from now on. */
static int
keep_from_shrinking(int fd, const char **why)
{
	const int seals = fcntl(fd, F_GET_SEALS);
	struct statfs filesystem;

	if (seals < 0) {
		*why = "its memory is no memfd (zero-copy is not taken)";
		return -ENOTSUP;
	}
	/* A hole in huge pages, where the next write finds none free, is a SIGBUS, too. */
	if (fstatfs(fd, &filesystem) != 0 || filesystem.f_type == HUGETLBFS_MAGIC) {
		*why = "its memory is of huge pages (zero-copy is not taken)";
		return -ENOTSUP;
	}
	if ((seals & F_SEAL_SHRINK) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) != 0) {
		*why = "its memory can shrink, and cannot be sealed against that (F_SEAL_SHRINK)";
		return -EPERM;
	}
	return 0;
}

int
memif_region_map(int fd, uint64_t len, struct memif_region *region, const char **why)
{
	struct stat status;
	int error = keep_from_shrinking(fd, why);

	if (error != 0)
		return error;
	/* After sealing, so that what is true stays true. */
	if (fstat(fd, &status) != 0 || len == 0 || len > MEMIF_REGIONS_LEN_MAX ||
		(uint64_t)status.st_size < len) {
		*why = "its memory is smaller than it says, or too large";
		return -EMSGSIZE;
	}
	error = map(fd, len, region);
	if (error != 0)
		*why = "its memory cannot be mapped";
	return error;
}

int
memif_region_make(uint64_t len, struct memif_region *region, int *fd)
{
	int error = 0;

	*fd = memfd_create("guardlane-memif", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return -errno;
	if (ftruncate(*fd, (off_t)len) != 0 ||
		fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		error = -errno;
	if (error == 0)
		error = map(*fd, len, region);
	if (error != 0) {
		close(*fd);
		*fd = -1;
	}
	return error;
}

void
memif_region_unmap(struct memif_region *region)
{
	if (region->data != NULL)
		munmap(region->data, region->len);
	*region = (struct memif_region){.data = NULL};
}
