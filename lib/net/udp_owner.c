/*
 * Who has a UDP port: the words for a message.
 * On the packet's way: nowhere.
 * Threads: management only.
 */
#include "net/udp_owner.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Finds the inode of a socket bound to `port` in one of the kernel's tables. */
static bool
inode_find(const char *table, uint16_t port, unsigned long *inode)
{
	char line[512];
	bool found = false;
	FILE *file = fopen(table, "re");

	if (file == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), file) != NULL) {
		unsigned local_port;
		/* sl local rem st tx:rx tr:tm retrnsmt uid timeout inode */
		found = sscanf(line, "%*d: %*[0-9A-Fa-f]:%x %*s %*s %*s %*s %*s %*s %*s %lu",
				&local_port, inode) == 2 &&
			local_port == port;
	}
	(void)fclose(file);
	return found;
}

/* Whether the process has the socket of this inode open. */
static bool
process_has(const char *pid, const char *socket_link)
{
	char path[300];
	char target[64];
	bool has = false;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	DIR *directory = opendir(path);
	if (directory == NULL)
		return false;
	for (const struct dirent *fd; !has && (fd = readdir(directory)) != NULL;) {
		ssize_t len = readlinkat(dirfd(directory), fd->d_name, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = '\0';
		has = strcmp(target, socket_link) == 0;
	}
	closedir(directory);
	return has;
}

static void
process_describe(const char *pid, char text[static UDP_OWNER_TEXT_MAX])
{
	char path[300];
	char name[32] = "?";

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	FILE *file = fopen(path, "re");
	if (file != NULL) {
		if (fgets(name, sizeof(name), file) != NULL)
			name[strcspn(name, "\n")] = '\0';
		(void)fclose(file);
	}
	snprintf(text, UDP_OWNER_TEXT_MAX, "%s (process %.10s)", name, pid);
}

void
udp_owner_find(uint16_t port, char text[static UDP_OWNER_TEXT_MAX])
{
	unsigned long inode;
	char socket_link[64];

	snprintf(text, UDP_OWNER_TEXT_MAX, "another program");
	if (!inode_find("/proc/thread-self/net/udp", port, &inode) &&
		!inode_find("/proc/thread-self/net/udp6", port, &inode))
		return;
	if (inode == 0) {
		snprintf(text, UDP_OWNER_TEXT_MAX, "the kernel (a WireGuard or other tunnel)");
		return;
	}
	snprintf(socket_link, sizeof(socket_link), "socket:[%lu]", inode);
	DIR *proc = opendir("/proc");
	if (proc == NULL)
		return;
	for (const struct dirent *entry; (entry = readdir(proc)) != NULL;) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
			!process_has(entry->d_name, socket_link))
			continue;
		process_describe(entry->d_name, text);
		break;
	}
	closedir(proc);
}

int
udp_owner_refuse(uint16_t port, int error, const struct log *log)
{
	char owner[UDP_OWNER_TEXT_MAX];

	if (error == -EADDRINUSE) {
		udp_owner_find(port, owner);
		log_error(log,
			"UDP port %u is in use by %s: stop it, or give the tunnel another ListenPort",
			port, owner);
	} else {
		log_error(log, "UDP port %u cannot be had: %s%s", port, strerror(-error),
			error == -EACCES ? " (one below 1024 takes CAP_NET_BIND_SERVICE)" : "");
	}
	return error;
}
