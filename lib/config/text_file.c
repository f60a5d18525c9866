/*
 * A small text file, read whole and once.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#include "config/text_file.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads up to `len` bytes, fewer only at the end of the file. */
static ssize_t
read_full(int fd, char *to, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, to + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static bool
same_content(const struct stat *before, const struct stat *after)
{
	return before->st_size == after->st_size &&
		before->st_mtim.tv_sec == after->st_mtim.tv_sec &&
		before->st_mtim.tv_nsec == after->st_mtim.tv_nsec;
}

/* One byte more than the size is asked for: a file that grows meanwhile shows. */
static int
read_open_file(int fd, size_t len_max, struct text_file *file)
{
	struct stat before, after;
	size_t room;
	ssize_t len;

	if (fstat(fd, &before) < 0)
		return -errno;
	if (S_ISDIR(before.st_mode))
		return -EISDIR;
	if (!S_ISREG(before.st_mode))
		return -ENOTSUP;
	if ((uintmax_t)before.st_size > len_max)
		return -EFBIG;
	room = (size_t)before.st_size + 1;
	*file = (struct text_file){
		.text = secret_alloc_text(room + 1),
		.mode = before.st_mode & 07777,
		.unlinked = before.st_nlink == 0,
	};
	if (!file->text)
		return -ENOMEM;
	len = read_full(fd, file->text, room);
	file->len = len > 0 ? (size_t)len : 0;
	if (len < 0)
		return (int)len;
	if (fstat(fd, &after) < 0)
		return -errno;
	return len == before.st_size && same_content(&before, &after) ? 0 : -EAGAIN;
}

static void
leave_out_byte_order_mark(struct text_file *file)
{
	if (file->len >= 3 && memcmp(file->text, "\xef\xbb\xbf", 3) == 0) {
		file->byte_order_mark = true;
		file->len -= 3;
		memmove(file->text, file->text + 3, file->len);
		memset(file->text + file->len, 0, 3);
	}
}

int
text_file_read(const char *path, size_t len_max, struct text_file *file)
{
	/* Without O_NONBLOCK opening a FIFO waits for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int rc;

	*file = (struct text_file){0};
	if (fd < 0)
		return errno == ENXIO ? -ENOTSUP : -errno;
	rc = read_open_file(fd, len_max, file);
	(void)close(fd);
	if (rc)
		text_file_wipe(file);
	else
		leave_out_byte_order_mark(file);
	return rc;
}

void
text_file_wipe(struct text_file *file)
{
	secret_free(file->text);
	*file = (struct text_file){0};
}

char *
text_line(char **next, const char *end, size_t *len)
{
	char *line = *next;
	char *newline = memchr(line, '\n', (size_t)(end - line));

	*len = (size_t)((newline ? newline : end) - line);
	*next = newline ? newline + 1 : line + *len;
	line[*len] = '\0';
	return line;
}
