/*
 * Opening memif's control sockets.
 * On the packet's way: nowhere.
 * Threads: management.
 */
#include "net/memif_socket.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(sizeof(((struct sockaddr_un *)NULL)->sun_path) == MEMIF_PATH_MAX + 1,
	"a path and its zero fit");

/* Clients that may wait to be accepted. */
#define BACKLOG 8

static int
make_address(const char *path, struct sockaddr_un *address, socklen_t *len)
{
	const size_t path_len = strlen(path);

	if (path_len < 1 || path_len > MEMIF_PATH_MAX)
		return -ENAMETOOLONG;
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, path, path_len);
	*len = sizeof(*address);
	if (path[0] == '@') {
		address->sun_path[0] = '\0';
		*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_len);
	}
	return 0;
}

static int
open_socket(void)
{
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int
memif_socket_connect(const char *path)
{
	struct sockaddr_un address;
	socklen_t len;
	int error = make_address(path, &address, &len);
	int fd;

	if (error != 0)
		return error;
	fd = open_socket();
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&address, len) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* Removes the socket of a server that is gone. */
static int
remove_stale(const char *path)
{
	struct stat status;
	int fd;

	if (path[0] == '@' || lstat(path, &status) != 0)
		return 0;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;
	fd = memif_socket_connect(path);
	if (fd >= 0)
		close(fd);
	if (fd != -ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(path) == 0 ? 0 : -errno;
}

int
memif_socket_listen(const char *path)
{
	struct sockaddr_un address;
	socklen_t len;
	int error = make_address(path, &address, &len);
	int fd;

	if (error == 0)
		error = remove_stale(path);
	if (error != 0)
		return error;
	fd = open_socket();
	if (fd < 0)
		return fd;
	/* Before it has a name: whoever can connect gets the inner packets of all peers. */
	if (fchmod(fd, S_IRUSR | S_IWUSR) == 0 &&
		bind(fd, (const struct sockaddr *)&address, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

void
memif_socket_close(int fd, const char *path)
{
	if (fd < 0)
		return;
	close(fd);
	if (path[0] != '@')
		unlink(path);
}

int
memif_socket_accept(int fd)
{
	const int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	return client < 0 ? -errno : client;
}
