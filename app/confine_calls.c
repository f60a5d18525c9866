/*
 * The system calls of each kind of thread.
 * On the packet's way: nowhere.
 * Threads: any; constants.
 */
#include "confine_calls.h"

#include <stddef.h>

/* Waiting, waking, the time, ending. */
const char *const confine_calls_of_all[] = {"read", "readv", "write", "writev", "poll", "ppoll",
	"futex", "restart_syscall", "clock_gettime", "clock_nanosleep", "nanosleep", "gettimeofday",
	"getcpu", "sched_yield", "getpid", "gettid", "rt_sigprocmask", "rt_sigreturn", "tgkill",
	"exit", "exit_group",
#ifdef __SANITIZE_ADDRESS__
	"mmap", "munmap", "madvise", "mprotect", "sigaltstack", "openat", "close", "readlink",
	"prctl", "sched_getaffinity", "rt_sigaction",
#endif
	NULL};

/* What the drivers of ports do for each burst: af_packet, af_xdp, tap, memif, pcap, udp. */
const char *const confine_calls_of_ports[] = {"readv", "writev", "sendto", "recvfrom", "sendmsg",
	"recvmsg", "sendmmsg", "recvmmsg", "getsockopt", NULL};

const char *const confine_calls_of_memory[] = {"munmap", "mremap", "madvise", "mlock", "mlock2",
	"munlock", "brk", "getrandom", "readv", "writev", "fstat", "newfstatat", NULL};

/* netlink, to the kernel, by sockets that are open. */
const char *const confine_calls_of_sockets[] = {
	"sendto", "sendmsg", "recvfrom", "recvmsg", "getsockname", NULL};

/* Files, sockets, devices, threads: all but running programs and reaching into others. */
const char *const confine_calls_of_management[] = {
	/* files */
	"open", "openat", "openat2", "creat", "close", "close_range", "stat", "lstat", "statx",
	"access", "faccessat", "faccessat2", "lseek", "pread64", "pwrite64", "getdents64",
	"readlink", "readlinkat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir",
	"mkdirat", "rmdir", "chmod", "fchmod", "fchmodat", "umask", "fsync", "fdatasync",
	"ftruncate", "fallocate", "flock", "fcntl", "dup", "dup2", "dup3", "pipe", "pipe2",
	"statfs", "fstatfs", "getcwd", "memfd_create", "inotify_init1", "inotify_add_watch",
	"inotify_rm_watch",
	/* sockets and devices */
	"socket", "socketpair", "bind", "connect", "listen", "accept", "accept4", "shutdown",
	"setsockopt", "getsockopt", "getpeername", "sendmmsg", "recvmmsg", "ioctl", "bpf", "setns",
	/* waiting */
	"select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait",
	"epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "timerfd_create", "timerfd_settime",
	"timerfd_gettime", "signalfd4", "clock_getres", "rt_sigaction", "rt_sigpending",
	"rt_sigtimedwait", "sigaltstack", "pause",
	/* memory, also that of shared objects of the resolver, and of NUMA nodes */
	"mmap", "mprotect", "mincore", "msync", "mlockall", "munlockall", "get_mempolicy",
	"set_mempolicy", "mbind",
	/* threads; of clone, those that are no process */
	"set_robust_list", "set_tid_address", "rseq", "arch_prctl", "sched_getaffinity",
	"sched_setaffinity", "sched_getparam", "sched_getscheduler", "sched_setscheduler",
	"sched_get_priority_max", "sched_get_priority_min", "membarrier", "prctl", "seccomp",
	"capget", "capset", "getpriority", "setpriority",
	/* who and what we are */
	"getuid", "geteuid", "getgid", "getegid", "getgroups", "getppid", "getrlimit", "setrlimit",
	"prlimit64", "getrusage", "uname", "sysinfo", "times",
#ifdef __SANITIZE_ADDRESS__
	"clone", "ptrace", "wait4", "process_vm_readv", "kill",
#endif
	NULL};
