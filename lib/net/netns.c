/*
 * Entering network namespaces.
 * On the packet's way: nowhere.
 * Threads: main, management.
 */
#include "net/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

struct visit {
	int netns;
	int (*call)(void *context);
	void *context;
	int result;
};

int
netns_open(const char *name)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s%s", strchr(name, '/') != NULL ? "" : "/run/netns/", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd;
}

static void *
visit(void *argument)
{
	struct visit *visit = argument;

	visit->result =
		setns(visit->netns, CLONE_NEWNET) == 0 ? visit->call(visit->context) : -errno;
	return NULL;
}

int
netns_call(int netns, int (*call)(void *context), void *context)
{
	struct visit there = {.netns = netns, .call = call, .context = context};
	pthread_t thread;
	int error;

	if (netns < 0)
		return call(context);
	error = pthread_create(&thread, NULL, visit, &there);
	if (error != 0)
		return -error;
	pthread_join(thread, NULL);
	return there.result;
}
