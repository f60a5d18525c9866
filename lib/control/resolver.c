/*
 * Lookups by getaddrinfo in threads of their own.
 * On the packet's way: nowhere.
 * Threads: management, and the lookups' own.
 */
#include "control/resolver.h"

#include "control/endpoint.h"
#include "control/handshake.h"

#include <ev.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * What a lookup thread works on. It belongs to the thread and to the resolver both; whoever lets go
 * last frees it. So the resolver can leave a thread behind that waits for a dead name server.
 */
struct lookup {
	pthread_mutex_t lock;
	unsigned holders;
	bool done;
	int wake_fd; /* of the resolver; only written to while it still holds on */
	int error; /* of getaddrinfo */
	struct endpoint endpoint;
	char host[256];
};

/* A name that some peer waits for. */
struct wanted {
	struct resolver *resolver;
	struct tunnel *tunnel;
	uint8_t public_key[32];
	uint16_t port;
	double pause_s;
	bool warned;
	struct lookup *lookup; /* under way, or NULL */
	struct ev_timer retry;
	char host[256];
	LIST_ENTRY(wanted) entry;
};

struct resolver {
	struct control *control;
	struct ev_loop *loop;
	struct ev_io done;
	LIST_HEAD(, wanted) wanted;
	unsigned under_way;
};

static void
lookup_let_go(struct lookup *lookup)
{
	bool last;

	pthread_mutex_lock(&lookup->lock);
	lookup->wake_fd = -1;
	last = --lookup->holders == 0;
	pthread_mutex_unlock(&lookup->lock);
	if (last) {
		pthread_mutex_destroy(&lookup->lock);
		free(lookup);
	}
}

static bool
endpoint_from_sockaddr(const struct sockaddr *address, struct endpoint *endpoint)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

	memset(endpoint, 0, sizeof(*endpoint));
	if (address->sa_family == AF_INET) {
		endpoint->address =
			address_from_bytes(ADDRESS_IPV4, (const uint8_t *)&in4->sin_addr);
	} else if (address->sa_family == AF_INET6) {
		endpoint->address =
			address_from_bytes(ADDRESS_IPV6, (const uint8_t *)&in6->sin6_addr);
		endpoint->scope_id = in6->sin6_scope_id;
	} else {
		return false;
	}
	return true;
}

static void *
lookup_run(void *argument)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
	const uint64_t one = 1;
	struct lookup *lookup = argument;
	struct addrinfo *found = NULL;
	struct endpoint endpoint = {.port = 0};
	int error = getaddrinfo(lookup->host, NULL, &hints, &found);

	if (error == 0 && !endpoint_from_sockaddr(found->ai_addr, &endpoint))
		error = EAI_FAMILY;
	if (found != NULL)
		freeaddrinfo(found);
	pthread_mutex_lock(&lookup->lock);
	lookup->error = error;
	lookup->endpoint = endpoint;
	lookup->done = true;
	if (lookup->wake_fd >= 0 && write(lookup->wake_fd, &one, sizeof(one)) < 0)
		lookup->error = EAI_SYSTEM; /* cannot be: the counter is far from full */
	pthread_mutex_unlock(&lookup->lock);
	lookup_let_go(lookup);
	return NULL;
}

static struct lookup *
lookup_start(const char *host, int wake_fd)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	pthread_attr_t attributes;
	pthread_t thread;
	int error;

	if (lookup == NULL)
		return NULL;
	pthread_mutex_init(&lookup->lock, NULL);
	snprintf(lookup->host, sizeof(lookup->host), "%s", host);
	lookup->wake_fd = wake_fd;
	lookup->holders = 2;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&thread, &attributes, lookup_run, lookup);
	pthread_attr_destroy(&attributes);
	if (error == 0)
		return lookup;
	pthread_mutex_destroy(&lookup->lock);
	free(lookup);
	return NULL;
}

static void
retry_later(struct wanted *wanted)
{
	ev_timer_set(&wanted->retry, wanted->pause_s, 0.);
	ev_timer_start(wanted->resolver->loop, &wanted->retry);
	wanted->pause_s *= 2;
	if (wanted->pause_s > RESOLVER_RETRY_MAX_S)
		wanted->pause_s = RESOLVER_RETRY_MAX_S;
}

static void
on_retry(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct wanted *wanted = timer->data;
	struct resolver *resolver = wanted->resolver;

	if (resolver->under_way < RESOLVER_LOOKUPS_MAX)
		wanted->lookup = lookup_start(wanted->host, resolver->done.fd);
	if (wanted->lookup == NULL) {
		ev_timer_set(timer, RESOLVER_RETRY_S / 10, 0.);
		ev_timer_start(loop, timer);
		return;
	}
	resolver->under_way++;
}

static void
wanted_free(struct wanted *wanted)
{
	ev_timer_stop(wanted->resolver->loop, &wanted->retry);
	if (wanted->lookup != NULL)
		lookup_let_go(wanted->lookup);
	LIST_REMOVE(wanted, entry);
	free(wanted);
}

static void
resolved(struct wanted *wanted, struct endpoint endpoint)
{
	struct control *control = wanted->resolver->control;
	struct peer *peer;

	endpoint.port = wanted->port;
	control_lock(control);
	peer = key_table_find(wanted->tunnel->keys, wanted->public_key);
	/* Roaming may have been faster than the name server. */
	if (peer != NULL && peer->endpoint.port == 0) {
		endpoint_set(control, peer, &endpoint, NULL);
		handshake_initiate(control, peer, false);
		handshake_schedule(control, peer);
	}
	control_unlock(control);
	bell_ring(&control->rings->bell);
	wanted_free(wanted);
}

static void
finished(struct wanted *wanted)
{
	struct lookup *lookup = wanted->lookup;
	const int error = lookup->error;
	const struct endpoint endpoint = lookup->endpoint;

	wanted->lookup = NULL;
	wanted->resolver->under_way--;
	lookup_let_go(lookup);
	if (error == 0) {
		resolved(wanted, endpoint);
		return;
	}
	if (!wanted->warned)
		log_warning(wanted->resolver->control->log,
			"endpoint %s does not resolve: %s; its peer waits, and it is tried again",
			wanted->host, gai_strerror(error));
	wanted->warned = true;
	retry_later(wanted);
}

static void
on_done(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct resolver *resolver = io->data;
	struct wanted *wanted = LIST_FIRST(&resolver->wanted);
	uint64_t rings;

	if (read(io->fd, &rings, sizeof(rings)) < 0)
		return;
	while (wanted != NULL) {
		struct wanted *next = LIST_NEXT(wanted, entry);
		bool done = false;

		if (wanted->lookup != NULL) {
			pthread_mutex_lock(&wanted->lookup->lock);
			done = wanted->lookup->done;
			pthread_mutex_unlock(&wanted->lookup->lock);
		}
		if (done)
			finished(wanted);
		wanted = next;
	}
}

struct resolver *
resolver_create(struct control *control, struct ev_loop *loop)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));
	int fd;

	if (resolver == NULL)
		return NULL;
	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0) {
		free(resolver);
		return NULL;
	}
	resolver->control = control;
	resolver->loop = loop;
	resolver->done.data = resolver;
	LIST_INIT(&resolver->wanted);
	ev_io_init(&resolver->done, on_done, fd, EV_READ);
	ev_io_start(loop, &resolver->done);
	return resolver;
}

void
resolver_destroy(struct resolver *resolver)
{
	if (resolver == NULL)
		return;
	while (!LIST_EMPTY(&resolver->wanted))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the list no longer holds it */
		wanted_free(LIST_FIRST(&resolver->wanted));
	ev_io_stop(resolver->loop, &resolver->done);
	close(resolver->done.fd);
	free(resolver);
}

int
resolver_add(struct resolver *resolver, struct tunnel *tunnel, const uint8_t public_key[32],
	const char *host, uint16_t port)
{
	struct wanted *wanted = calloc(1, sizeof(*wanted));

	if (wanted == NULL)
		return -ENOMEM;
	wanted->resolver = resolver;
	wanted->tunnel = tunnel;
	wanted->port = port;
	wanted->pause_s = RESOLVER_RETRY_S;
	memcpy(wanted->public_key, public_key, sizeof(wanted->public_key));
	snprintf(wanted->host, sizeof(wanted->host), "%s", host);
	wanted->retry.data = wanted;
	ev_timer_init(&wanted->retry, on_retry, 0., 0.);
	ev_timer_start(resolver->loop, &wanted->retry);
	LIST_INSERT_HEAD(&resolver->wanted, wanted, entry);
	return 0;
}
