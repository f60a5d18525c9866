/*
 * UAPI's "set", done: from a request to the tunnel that it asks for, all of it or nothing.
 * On the packet's way: nowhere.
 * Threads: management.
 */
#include "control/uapi_apply.h"

#include "base/secret.h"
#include "control/reconfigure.h"
#include "control/uapi_set.h"

#include <errno.h>
#include <string.h>

/* The peer that lines are about. */
struct section {
	struct target_peer *peer; /* NULL: removed, ours, not to be made: lines mean nothing */
	bool made; /* by this section */
};

/* Lines about our own key are passed over, so that one list can be given to all. */
static int
begin_section(struct section *section, struct target *target, const uint8_t key[KEY_LEN])
{
	const struct noise_identity *own = &target->identity;

	*section = (struct section){.peer = NULL};
	if (own->present && memcmp(key, own->public_key, KEY_LEN) == 0)
		return 0;
	section->peer = target_find(target, key);
	section->made = section->peer == NULL;
	if (section->made)
		section->peer = target_add_peer(target, key);
	return section->peer != NULL ? 0 : -ENOMEM;
}

static void
remove_peer(struct section *section, struct target *target)
{
	target_remove_peer(target, section->peer);
	section->peer = NULL;
}

static int
change_peer(struct target *target, struct section *section, const struct uapi_operation *operation)
{
	struct target_peer *peer = section->peer;

	if (peer == NULL)
		return 0;
	switch (operation->kind) {
	case UAPI_REMOVE:
		remove_peer(section, target);
		return 0;
	case UAPI_UPDATE_ONLY:
		if (section->made)
			remove_peer(section, target);
		return 0;
	case UAPI_PRESHARED_KEY:
		memcpy(peer->preshared_key, operation->key, KEY_LEN);
		return 0;
	case UAPI_ENDPOINT:
		peer->endpoint_rule = TARGET_ENDPOINT_SET;
		endpoint_format(&operation->endpoint, peer->endpoint);
		return 0;
	case UAPI_KEEPALIVE:
		peer->persistent_keepalive_s = (uint16_t)operation->number;
		return 0;
	case UAPI_REPLACE_ALLOWED_IPS:
		target_disallow_all(target, peer);
		return 0;
	case UAPI_ALLOWED_IP:
		return target_allow(target, peer, &operation->prefix);
	case UAPI_REMOVE_ALLOWED_IP:
		return target_disallow(target, peer, &operation->prefix);
	default:
		return 0;
	}
}

static int
change(struct target *target, struct section *section, const struct uapi_operation *operation)
{
	switch (operation->kind) {
	case UAPI_PRIVATE_KEY:
		noise_identity_init(&target->identity, operation->key);
		return 0;
	case UAPI_LISTEN_PORT:
		target->listen_port = (uint16_t)operation->number;
		return 0;
	case UAPI_FWMARK:
		target->fwmark = operation->number;
		return 0;
	case UAPI_REPLACE_PEERS:
		target_remove_peers(target);
		return 0;
	case UAPI_PUBLIC_KEY:
		return begin_section(section, target, operation->key);
	default:
		return change_peer(target, section, operation);
	}
}

static void
say_refused(const struct log *log, const struct tunnel *tunnel, const struct uapi_set *set)
{
	log_error(log,
		"%s: a UAPI request to set is refused, and nothing has changed: line %u%s%s: %s",
		tunnel->name, set->line, set->name != NULL ? ", " : "",
		set->name != NULL ? set->name : "", set->fault);
}

/* The whole request, before anything is planned: its own errors come first. */
static int
change_all(struct target *target, const struct tunnel *tunnel, const char *text, size_t len,
	const struct log *log)
{
	struct uapi_operation operation;
	struct section section = {.peer = NULL};
	struct uapi_set set;
	int result;
	int error = 0;

	uapi_set_init(&set, text, len);
	while ((result = uapi_set_next(&set, &operation)) == 1 && error == 0)
		error = change(target, &section, &operation);
	secret_wipe(&operation, sizeof(operation));
	if (result < 0)
		say_refused(log, tunnel, &set);
	else if (error != 0)
		log_error(
			log, "%s: no memory for a UAPI request; nothing has changed", tunnel->name);
	return result < 0 ? result : error;
}

static void
say_applied(
	const struct log *log, const struct tunnel *tunnel, const struct reconfigure_counts *counts)
{
	log_info(log, "%s: set by UAPI: peers: %u added, %u changed, %u removed, %u unchanged",
		tunnel->name, counts->added, counts->changed, counts->removed, counts->unchanged);
}

int
uapi_apply(struct management *management, struct tunnel *tunnel, const char *text, size_t len)
{
	const struct log *log = management_control(management)->log;
	struct reconfigure *reconfigure = reconfigure_begin(management, log);
	struct reconfigure_counts counts;
	struct target target;
	int error;

	if (reconfigure == NULL)
		return -ENOMEM;
	error = target_from_tunnel(&target, tunnel);
	if (error != 0)
		goto abandon;
	error = change_all(&target, tunnel, text, len, log);
	if (error == 0)
		error = reconfigure_add(reconfigure, tunnel, &target);
	if (error == 0)
		error = reconfigure_ready(reconfigure);
	if (error != 0)
		goto abandon_target;
	reconfigure_say(reconfigure, log);
	counts = reconfigure_count(reconfigure);
	reconfigure_apply(reconfigure);
	say_applied(log, tunnel, &counts);
	target_fini(&target);
	return 0;

abandon_target:
	/* The reconfiguration looks at the target to its end. */
	reconfigure_abandon(reconfigure);
	target_fini(&target);
	return error;

abandon:
	reconfigure_abandon(reconfigure);
	return error;
}
