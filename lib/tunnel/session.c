/*
 * Making and retiring sessions.
 * On the packet's way: beside it.
 * Threads: control, under its lock.
 */
#include "tunnel/session.h"

#include <stddef.h>
#include <string.h>

struct session *
session_create(struct secret_arena *arena, struct peer *peer, const struct noise_session_keys *keys,
	uint64_t now_ns)
{
	struct session *session = secret_take(arena);

	if (session == NULL)
		return NULL;
	session->arena = arena;
	session->peer = peer;
	session->birth_ns = now_ns;
	session->local_index = keys->local_index;
	session->remote_index = keys->remote_index;
	session->initiator = keys->initiator;
	atomic_init(&session->confirmed, keys->initiator);
	memcpy(session->send_key, keys->send_key, sizeof(session->send_key));
	memcpy(session->receive_key, keys->receive_key, sizeof(session->receive_key));
	return session;
}

static void
session_free(struct reclaim_item *item)
{
	struct session *session =
		(struct session *)((char *)item - offsetof(struct session, reclaim));

	secret_give(session->arena, session);
}

void
session_retire(struct session *session, struct reclaim *reclaim)
{
	if (session != NULL)
		reclaim_defer(reclaim, &session->reclaim, session_free);
}
