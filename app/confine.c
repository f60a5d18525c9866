/*
 * Giving up what a thread does not need.
 * On the packet's way: nowhere.
 * Threads: each confines itself.
 */
#include "confine.h"

#include "confine_calls.h"

#include <linux/capability.h>
#include <seccomp.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a program gets that was stopped by a filter: 128 and SIGSYS. */
#define STATUS_FORBIDDEN 159
#define BIT(capability) (UINT64_C(1) << (capability))

/* -- words -------------------------------------------------------------------------------- */

/* Appends to a text without allocating. */
static size_t
add(char *line, size_t len, size_t room, const char *text)
{
	while (*text != '\0' && len < room)
		line[len++] = *text++;
	return len;
}

/* Of the thread, as asking for it would be a system call. */
static _Thread_local char thread_name[16] = "?";

/* Nothing here may make a system call that some filter forbids, or take a lock. */
static void
on_forbidden(int signal, siginfo_t *info, void *context)
{
	char line[256];
	char digits[12];
	unsigned number = (unsigned)info->si_syscall;
	size_t at = sizeof(digits) - 1;
	size_t len = 0;

	digits[at] = '\0';
	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0 && at > 0);
	len = add(line, len, sizeof(line), "guardlane: error: the thread ");
	len = add(line, len, sizeof(line), thread_name);
	len = add(line, len, sizeof(line), " has made system call ");
	len = add(line, len, sizeof(line), digits + at);
	len = add(line, len, sizeof(line),
		", which it never does by itself: the program ends. If this happens again, report "
		"it, and run with --confine no meanwhile\n");
	(void)!write(STDERR_FILENO, line, len);
	_exit(STATUS_FORBIDDEN);
}

void
confine_prepare(void)
{
	struct sigaction action = {.sa_sigaction = on_forbidden, .sa_flags = SA_SIGINFO};

	sigemptyset(&action.sa_mask);
	sigaction(SIGSYS, &action, NULL);
}

/* The library's threads block all signals; blocked, it would end the program without a word. */
static void
hear_forbidden(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* -- capabilities ------------------------------------------------------------------------- */

static uint64_t
capabilities_of(enum confine_kind kind, bool namespaces)
{
	const uint64_t entering = namespaces ? BIT(CAP_SYS_ADMIN) : 0;

	switch (kind) {
	case CONFINE_MAIN:
		/* Opens ports and devices again, and reads files whoever owns them. */
		return BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW) | BIT(CAP_IPC_LOCK) |
			BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_BPF) | BIT(CAP_DAC_OVERRIDE) | entering;
	case CONFINE_MANAGEMENT:
		/* Routes, neighbours, and the ports that wg(8) may ask for. */
		return BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW) | BIT(CAP_IPC_LOCK) |
			BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_BPF) | entering;
	case CONFINE_HANDSHAKE:
		/* The memory of new sessions is locked. */
		return BIT(CAP_IPC_LOCK);
	case CONFINE_LOOKUP:
	case CONFINE_EAL:
	case CONFINE_HOST:
	case CONFINE_LANE:
		break;
	}
	return 0;
}

/* By the system calls: they concern the calling thread, where libraries may mean the process. */
static int
keep_capabilities(uint64_t kept)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	/* Where the process may; without new privileges it does not matter much. */
	for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
		if (capability >= 64 || (kept & BIT(capability)) == 0)
			(void)prctl(PR_CAPBSET_DROP, capability);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &header, data) != 0)
		return -errno;
	for (unsigned i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(kept >> 32 * i);
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) == 0 ? 0 : -errno;
}

/* -- system calls ------------------------------------------------------------------------- */

static int
allow(scmp_filter_ctx filter, const char *const names[])
{
	int error = 0;

	for (unsigned i = 0; names[i] != NULL && error == 0; i++) {
		const int number = seccomp_syscall_resolve_name(names[i]);

		/* One that this library or this CPU does not know is not made either. */
		if (number != __NR_SCMP_ERROR)
			error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
		if (error == -EEXIST)
			error = 0;
	}
	return error;
}

/* Memory, but none to run code in. */
static int
allow_memory(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int error = allow(filter, confine_calls_of_memory);

	if (error == 0)
		error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &no_code);
	if (error == 0)
		error = seccomp_rule_add_array(
			filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, &no_code);
	return error;
}

/* Threads, but no processes; libc asks again by clone when there is no clone3. */
static int
allow_threads(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
	int error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, &thread);

	return error != 0 ? error
			  : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

/* DPDK says errors to syslog, too: there lanes have nothing to say. */
static int
allow_lane(scmp_filter_ctx filter)
{
	int error = allow(filter, confine_calls_of_ports);

	if (error == 0)
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(socket), 0);
	if (error == 0)
		error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(connect), 0);
	return error;
}

static int
fill(scmp_filter_ctx filter, enum confine_kind kind)
{
	int error = allow(filter, confine_calls_of_all);

	if (error != 0)
		return error;
	switch (kind) {
	case CONFINE_LANE:
		return allow_lane(filter);
	case CONFINE_HOST:
		return allow_memory(filter);
	case CONFINE_HANDSHAKE:
		error = allow_memory(filter);
		return error != 0 ? error : allow(filter, confine_calls_of_sockets);
	case CONFINE_MAIN:
	case CONFINE_MANAGEMENT:
	case CONFINE_LOOKUP:
	case CONFINE_EAL:
		break;
	}
	error = allow(filter, confine_calls_of_management);
	if (error == 0)
		error = allow(filter, confine_calls_of_memory);
	if (error == 0)
		error = allow(filter, confine_calls_of_sockets);
	if (error == 0)
		error = allow(filter, confine_calls_of_ports);
	return error != 0 ? error : allow_threads(filter);
}

static int
filter_calls(enum confine_kind kind)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	int error;

	if (filter == NULL)
		return -ENOMEM;
	error = fill(filter, kind);
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	return error;
}

int
confine_thread(enum confine_kind kind, bool namespaces)
{
	int error = keep_capabilities(capabilities_of(kind, namespaces));

	if (error == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		error = -errno;
	(void)pthread_getname_np(pthread_self(), thread_name, sizeof(thread_name));
	hear_forbidden();
	return error != 0 ? error : filter_calls(kind);
}

void
confine_or_end(enum confine_kind kind, bool namespaces)
{
	static _Thread_local bool confined;
	int error;

	if (confined)
		return;
	confined = true;
	error = confine_thread(kind, namespaces);
	if (error == 0)
		return;
	fprintf(stderr,
		"guardlane: error: a thread cannot give up its privileges: %s; run with --confine "
		"no where the kernel has no seccomp\n",
		strerror(-error));
	_exit(1);
}
