/*
 * Asking the host for its firewall's rules.
 * On the packet's way: nowhere.
 * Threads: main.
 */
#include "firewall.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIME_MAX_MS 2000
#define OUTPUT_MAX ((size_t)4 << 20)

static long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads until the end, the time limit or OUTPUT_MAX; whether it was the end. */
static bool
read_all(int fd, char *text)
{
	const long end = now_ms() + TIME_MAX_MS;
	size_t len = 0;

	while (len < OUTPUT_MAX) {
		const long left = end - now_ms();
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		ssize_t got;

		if (left <= 0 || poll(&ready, 1, (int)left) <= 0)
			return false;
		got = read(fd, text + len, OUTPUT_MAX - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			text[len] = '\0';
			return got == 0;
		}
		len += (size_t)got;
	}
	return false;
}

static int
start(char *const argv[], int out, pid_t *pid)
{
	/* A user's PATH often lacks the sbin folders; env(1) looks the command up in this one. */
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char *const environment[] = {path, NULL};
	posix_spawn_file_actions_t actions;
	int error = posix_spawn_file_actions_init(&actions);

	if (error != 0)
		return error;
	error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_addopen(
			&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (error == 0)
		error = posix_spawn(pid, "/usr/bin/env", &actions, NULL, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* Returns what the command prints, to be freed, or NULL if it could not or did not. */
static char *
output_of(char *const argv[])
{
	char *text = malloc(OUTPUT_MAX + 1);
	bool whole = false;
	int ends[2];
	pid_t pid;

	if (text != NULL && pipe2(ends, O_CLOEXEC) == 0) {
		if (start(argv, ends[1], &pid) == 0) {
			close(ends[1]);
			ends[1] = -1;
			whole = read_all(ends[0], text);
			/* It has closed its output, or has had its time. */
			if (!whole)
				kill(pid, SIGKILL);
			while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
				continue;
		}
		close(ends[0]);
		if (ends[1] >= 0)
			close(ends[1]);
	}
	if (whole)
		return text;
	free(text);
	return NULL;
}

bool
firewall_mentions(uint16_t port, char where[static FIREWALL_WHERE_MAX])
{
	static char env[] = "env", nft[] = "nft", list[] = "list", ruleset[] = "ruleset";
	/* Each shows the rules of its own kind only; without a suffix it is one of the two. */
	static char saves[][24] = {
		"iptables-save", "ip6tables-save", "iptables-legacy-save", "ip6tables-legacy-save"};
	char *text = output_of((char *const[]){env, nft, list, ruleset, NULL});
	bool found = text != NULL && firewall_rules_nft(text, port, where);

	free(text);
	for (unsigned i = 0; i < sizeof(saves) / sizeof(saves[0]) && !found; i++) {
		text = output_of((char *const[]){env, saves[i], NULL});
		found = text != NULL && firewall_rules_iptables(text, port, where);
		free(text);
	}
	return found;
}
