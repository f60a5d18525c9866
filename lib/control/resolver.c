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
	struct thread_hook hook;
	char host[256];
};

/* A name that some peer waits for, or has waited for: then it is dropped at the next occasion. */
struct resolver_name {
	struct resolver *resolver;
	struct tunnel *tunnel;
	uint8_t public_key[32];
	uint64_t number; /* the peer's `lookup` as long as it waits for this one */
	bool replaces; /* an endpoint that the peer has */
	uint16_t port;
	double pause_s;
	bool warned;
	struct lookup *lookup; /* under way, or NULL */
	struct ev_timer retry;
	char host[256];
	LIST_ENTRY(resolver_name) entry;
};

LIST_HEAD(resolver_names, resolver_name);

struct resolver {
	struct control *control;
	struct ev_loop *loop;
	struct ev_io done;
	struct ev_async wake;
	struct resolver_names wanted; /* the loop's */
	unsigned under_way;
	/* Under the control lock. */
	struct resolver_names started; /* that the loop has not taken over yet */
	uint64_t last_number;
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
	int error;

	thread_started(&lookup->hook, THREAD_LOOKUP);
	error = getaddrinfo(lookup->host, NULL, &hints, &found);
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
lookup_start(const char *host, int wake_fd, const struct thread_hook *hook)
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
	lookup->hook = *hook;
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
retry_later(struct resolver_name *wanted)
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
	struct resolver_name *wanted = timer->data;
	struct resolver *resolver = wanted->resolver;

	if (resolver->under_way < RESOLVER_LOOKUPS_MAX)
		wanted->lookup =
			lookup_start(wanted->host, resolver->done.fd, &resolver->control->threads);
	if (wanted->lookup == NULL) {
		ev_timer_set(timer, RESOLVER_RETRY_S / 10, 0.);
		ev_timer_start(loop, timer);
		return;
	}
	resolver->under_way++;
}

static void
wanted_free(struct resolver_name *wanted)
{
	ev_timer_stop(wanted->resolver->loop, &wanted->retry);
	if (wanted->lookup != NULL)
		lookup_let_go(wanted->lookup);
	LIST_REMOVE(wanted, entry);
	free(wanted);
}

/* The peer that waits for this name, or NULL. Control lock held. */
static struct peer *
waiting_peer(const struct resolver_name *wanted)
{
	struct peer *peer = key_table_find(wanted->tunnel->keys, wanted->public_key);

	return peer != NULL && peer->lookup == wanted->number ? peer : NULL;
}

static void
resolved(struct resolver_name *wanted, struct endpoint endpoint)
{
	struct control *control = wanted->resolver->control;
	struct peer *peer;

	endpoint.port = wanted->port;
	control_lock(control);
	peer = waiting_peer(wanted);
	if (peer != NULL) {
		peer->lookup = 0;
		/* Roaming may have been faster than the name server. */
		if (peer->endpoint.port == 0 || wanted->replaces) {
			endpoint_set(control, peer, &endpoint, NULL);
			if (peer_send_session(peer, clock_boot_ns(control->clock)) == NULL)
				handshake_initiate(control, peer, false);
			handshake_schedule(control, peer);
		}
	}
	control_unlock(control);
	bell_ring(&control->rings->bell);
	wanted_free(wanted);
}

static void
finished(struct resolver_name *wanted)
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
	struct resolver_name *wanted = LIST_FIRST(&resolver->wanted);
	uint64_t rings;

	if (read(io->fd, &rings, sizeof(rings)) < 0)
		return;
	while (wanted != NULL) {
		struct resolver_name *next = LIST_NEXT(wanted, entry);
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

/* What nobody waits for any more may be in the middle of a lookup, which is left to itself. */
static void
drop_unwanted(struct resolver *resolver)
{
	struct resolver_name *wanted = LIST_FIRST(&resolver->wanted);

	while (wanted != NULL) {
		struct resolver_name *next = LIST_NEXT(wanted, entry);

		if (waiting_peer(wanted) == NULL) {
			resolver->under_way -= wanted->lookup != NULL;
			wanted_free(wanted);
		}
		wanted = next;
	}
}

static void
on_wake(struct ev_loop *loop, struct ev_async *async, int events)
{
	struct resolver *resolver = async->data;
	struct resolver_name *name;

	control_lock(resolver->control);
	drop_unwanted(resolver);
	while ((name = LIST_FIRST(&resolver->started)) != NULL) {
		LIST_REMOVE(name, entry);
		LIST_INSERT_HEAD(&resolver->wanted, name, entry);
		ev_timer_init(&name->retry, on_retry, 0., 0.);
		ev_timer_start(loop, &name->retry);
	}
	control_unlock(resolver->control);
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
	resolver->wake.data = resolver;
	LIST_INIT(&resolver->wanted);
	LIST_INIT(&resolver->started);
	ev_async_init(&resolver->wake, on_wake);
	ev_async_start(loop, &resolver->wake);
	ev_io_init(&resolver->done, on_done, fd, EV_READ);
	ev_io_start(loop, &resolver->done);
	return resolver;
}

void
resolver_destroy(struct resolver *resolver)
{
	struct resolver_name *name;

	if (resolver == NULL)
		return;
	while (!LIST_EMPTY(&resolver->wanted))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the list no longer holds it */
		wanted_free(LIST_FIRST(&resolver->wanted));
	while ((name = LIST_FIRST(&resolver->started)) != NULL) {
		LIST_REMOVE(name, entry);
		free(name);
	}
	ev_async_stop(resolver->loop, &resolver->wake);
	ev_io_stop(resolver->loop, &resolver->done);
	close(resolver->done.fd);
	free(resolver);
}

struct resolver_name *
resolver_name_create(struct resolver *resolver, struct tunnel *tunnel, const uint8_t public_key[32],
	const char *host, uint16_t port)
{
	struct resolver_name *name = calloc(1, sizeof(*name));

	if (name == NULL)
		return NULL;
	name->resolver = resolver;
	name->tunnel = tunnel;
	name->port = port;
	name->pause_s = RESOLVER_RETRY_S;
	name->retry.data = name;
	memcpy(name->public_key, public_key, sizeof(name->public_key));
	snprintf(name->host, sizeof(name->host), "%s", host);
	return name;
}

void
resolver_name_destroy(struct resolver_name *name)
{
	free(name);
}

void
resolver_start(struct resolver *resolver, struct resolver_name *name, struct peer *peer)
{
	name->number = ++resolver->last_number;
	name->replaces = peer->endpoint.port != 0;
	peer->lookup = name->number;
	LIST_INSERT_HEAD(&resolver->started, name, entry);
}

void
resolver_wake(struct resolver *resolver)
{
	ev_async_send(resolver->loop, &resolver->wake);
}
