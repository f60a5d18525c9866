/*
 * Bells over eventfd.
 * On the packet's way: at the end of a lane's round.
 * Threads: one sleeper, any number of ringers.
 */
#include "tunnel/bell.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

int
bell_init(struct bell *bell)
{
	atomic_init(&bell->asleep, false);
	bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return bell->fd < 0 ? -errno : 0;
}

void
bell_fini(struct bell *bell)
{
	if (bell->fd >= 0)
		close(bell->fd);
	bell->fd = -1;
}

void
bell_ring(struct bell *bell)
{
	const uint64_t one = 1;

	/* Orders the work before the look; pairs with the fence in bell_sleep_begin. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&bell->asleep, memory_order_relaxed))
		return;
	if (!atomic_exchange_explicit(&bell->asleep, false, memory_order_acq_rel))
		return;
	/* Fails only when the counter is full, and then the sleeper wakes all the same. */
	if (write(bell->fd, &one, sizeof(one)) < 0)
		return;
}

void
bell_sleep_begin(struct bell *bell)
{
	atomic_store_explicit(&bell->asleep, true, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

void
bell_sleep_end(struct bell *bell)
{
	atomic_store_explicit(&bell->asleep, false, memory_order_relaxed);
}

bool
bell_sleep(struct bell *bell, struct pollfd fds[], unsigned count, uint64_t timeout_ns)
{
	const struct timespec timeout = {
		.tv_sec = (time_t)(timeout_ns / NS_IN_S),
		.tv_nsec = (long)(timeout_ns % NS_IN_S),
	};
	uint64_t rings;
	int ready;

	fds[0] = (struct pollfd){.fd = bell->fd, .events = POLLIN};
	ready = ppoll(fds, count + 1, timeout_ns == UINT64_MAX ? NULL : &timeout, NULL);
	bell_sleep_end(bell);
	if (ready <= 0) {
		for (unsigned i = 0; i <= count; i++)
			fds[i].revents = 0;
		return false;
	}
	if (fds[0].revents != 0) {
		ready--;
		while (read(bell->fd, &rings, sizeof(rings)) < 0 && errno == EINTR)
			;
	}
	return ready > 0;
}
