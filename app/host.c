/*
 * Reading /proc and /sys.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "host.h"

#include "cpus.h"

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Writes the path; a longer one is cut, and then not there. */
static void
path_make(char path[PATH_MAX], const char *root, const char *format, va_list arguments)
{
	const int len = snprintf(path, PATH_MAX, "%s", root);

	vsnprintf(path + len, PATH_MAX - (size_t)len, format, arguments);
}

/* Reads the file's first line, without its end. */
static bool
line_read(const char *root, char *text, size_t size, const char *format, va_list arguments)
{
	char path[PATH_MAX];
	char line[4096];
	bool read;
	FILE *file;

	path_make(path, root, format, arguments);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	read = fgets(line, sizeof(line), file) != NULL;
	fclose(file);
	if (!read)
		return false;
	line[strcspn(line, "\n")] = '\0';
	snprintf(text, size, "%s", line);
	return true;
}

bool
host_has(const char *root, const char *path, ...)
{
	char whole[PATH_MAX];
	va_list arguments;

	va_start(arguments, path);
	path_make(whole, root, path, arguments);
	va_end(arguments);
	return access(whole, F_OK) == 0;
}

bool
host_text(const char *root, char *text, size_t size, const char *path, ...)
{
	va_list arguments;
	bool read;

	va_start(arguments, path);
	read = line_read(root, text, size, path, arguments);
	va_end(arguments);
	return read;
}

bool
host_number(const char *root, long *number, const char *path, ...)
{
	char text[32];
	char *end;
	long value;
	va_list arguments;
	bool read;

	va_start(arguments, path);
	read = line_read(root, text, sizeof(text), path, arguments);
	va_end(arguments);
	if (!read)
		return false;
	value = strtol(text, &end, 10);
	if (end == text || *end != '\0')
		return false;
	*number = value;
	return true;
}

bool
host_cpus(const char *root, cpu_set_t *cpus, const char *path, ...)
{
	char list[4096];
	va_list arguments;
	bool read;

	va_start(arguments, path);
	read = line_read(root, list, sizeof(list), path, arguments);
	va_end(arguments);
	if (!read)
		return false;
	if (list[0] != '\0')
		return cpus_parse(list, cpus) == 0;
	CPU_ZERO(cpus);
	return true;
}

bool
host_link(const char *root, char *name, size_t size, const char *path, ...)
{
	char whole[PATH_MAX];
	char target[PATH_MAX];
	const char *slash;
	ssize_t len;
	va_list arguments;

	va_start(arguments, path);
	path_make(whole, root, path, arguments);
	va_end(arguments);
	len = readlink(whole, target, sizeof(target) - 1);
	if (len < 0)
		return false;
	target[len] = '\0';
	slash = strrchr(target, '/');
	snprintf(name, size, "%s", slash != NULL ? slash + 1 : target);
	return true;
}

bool
host_line(const char *root, char *text, size_t size, const char *path, const char *key)
{
	const size_t key_len = strlen(key);
	char whole[PATH_MAX];
	char line[4096];
	bool found = false;
	FILE *file;

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	file = fopen(whole, "re");
	if (file == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), file) != NULL) {
		const char *rest = line + key_len;

		if (strncmp(line, key, key_len) != 0 || strchr(" \t:", *rest) == NULL)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(text, size, "%s", rest + strspn(rest, " \t:"));
		found = true;
	}
	fclose(file);
	return found;
}

/* Whether one of the process's descriptors is `target`. */
static bool
process_holds(const char *root, const char *process, const char *target)
{
	char path[PATH_MAX];
	char held[PATH_MAX];
	const struct dirent *entry;
	bool holds = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/proc/%s/fd", root, process);
	dir = opendir(path);
	if (dir == NULL)
		return false;
	while (!holds && (entry = readdir(dir)) != NULL) {
		const ssize_t len = readlinkat(dirfd(dir), entry->d_name, held, sizeof(held) - 1);

		if (len > 0) {
			held[len] = '\0';
			holds = strcmp(held, target) == 0;
		}
	}
	closedir(dir);
	return holds;
}

bool
host_holder(const char *root, const char *target, char *who, size_t size)
{
	char path[PATH_MAX];
	char name[32] = "?";
	const struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/proc", root);
	dir = opendir(path);
	if (dir == NULL)
		return false;
	while (!found && (entry = readdir(dir)) != NULL) {
		if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name) ||
			!process_holds(root, entry->d_name, target))
			continue;
		(void)host_text(root, name, sizeof(name), "/proc/%s/comm", entry->d_name);
		snprintf(who, size, "%s (%s)", entry->d_name, name);
		found = true;
	}
	closedir(dir);
	return found;
}

/* Of a folder that has hugepages-2048kB and hugepages-1048576kB, or not. */
static unsigned long
free_mib(const char *root, const char *folder)
{
	long small = 0;
	long large = 0;

	(void)host_number(root, &small, "%s/hugepages-2048kB/free_hugepages", folder);
	(void)host_number(root, &large, "%s/hugepages-1048576kB/free_hugepages", folder);
	return (unsigned long)small * 2 + (unsigned long)large * 1024;
}

unsigned long
host_hugepages_mib(const char *root)
{
	return free_mib(root, "/sys/kernel/mm/hugepages");
}

bool
host_node_hugepages_mib(const char *root, unsigned node, unsigned long *mib)
{
	char folder[64];

	snprintf(folder, sizeof(folder), "/sys/devices/system/node/node%u/hugepages", node);
	if (!host_has(root, "%s", folder))
		return false;
	*mib = free_mib(root, folder);
	return true;
}

bool
host_isolated(const char *root, const cpu_set_t *cpus)
{
	cpu_set_t isolated;
	cpu_set_t both;

	if (!host_cpus(root, &isolated, "/sys/devices/system/cpu/isolated"))
		return false;
	CPU_AND(&both, &isolated, cpus);
	return CPU_EQUAL(&both, cpus) != 0;
}
