/*
 * Planning for one tunnel: what differs, and all that will be needed.
 * On the packet's way: nowhere.
 * Threads: that of the reconfiguration; the control lock only to look at what handshakes change.
 *
 * Peers' keys, lists, names and intervals change in reconfigurations alone, of which there is one
 * at a time: so they are read here without the control lock.
 */
#include "control/reconfigure_plan.h"

#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool
same_endpoint_in_use(struct control *control, const struct peer *peer, const struct endpoint *to)
{
	bool same;

	control_lock(control);
	same = endpoint_equal(&peer->endpoint, to);
	control_unlock(control);
	return same;
}

/* Whether the endpoint changes, by the target's rule. */
static bool
endpoint_differs(struct control *control, const struct peer_plan *plan)
{
	const struct target_peer *target = plan->target;
	const char *configured = plan->peer->configured != NULL ? plan->peer->configured : "";

	switch (target->endpoint_rule) {
	case TARGET_ENDPOINT_FILE:
		break;
	case TARGET_ENDPOINT_SET:
		if (!same_endpoint_in_use(control, plan->peer, &plan->endpoint))
			return true;
		break;
	case TARGET_ENDPOINT_KEEP:
		return false;
	}
	return strcmp(configured, target->endpoint) != 0;
}

static unsigned
compare(struct control *control, const struct peer_plan *plan)
{
	const struct target_peer *target = plan->target;
	const struct peer *peer = plan->peer;
	unsigned changes = 0;

	if (!secret_equal(target->preshared_key, peer->remote.preshared_key, KEY_LEN))
		changes |= PEER_CHANGE_PRESHARED_KEY;
	if (endpoint_differs(control, plan))
		changes |= PEER_CHANGE_ENDPOINT;
	if (target->persistent_keepalive_s != peer->persistent_keepalive_s)
		changes |= PEER_CHANGE_KEEPALIVE;
	if (target->allowed_ips_count != peer->allowed_ips_count)
		changes |= PEER_CHANGE_ALLOWED_IPS;
	for (size_t i = 0; i < peer->allowed_ips_count && !(changes & PEER_CHANGE_ALLOWED_IPS); i++)
		if (prefix_compare(&target->allowed_ips[i], &peer->allowed_ips[i]) != 0)
			changes |= PEER_CHANGE_ALLOWED_IPS;
	if (strcmp(target->name, peer->name) != 0)
		changes |= PEER_CHANGE_NAME;
	return changes;
}

/* Fills what a changed endpoint needs. Returns 0 or -ENOMEM. */
static int
plan_endpoint(struct tunnel_plan *tunnel_plan, struct peer_plan *plan, struct resolver *resolver)
{
	const char *text = plan->target->endpoint;
	const char *colon = strrchr(text, ':');
	char host[TARGET_ENDPOINT_MAX];

	if (colon == NULL)
		return 0;
	plan->configured = strdup(text);
	if (plan->configured == NULL)
		return -ENOMEM;
	tunnel_plan->endpoint_count++;
	if (plan->endpoint.port != 0)
		return 0;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	plan->name = resolver_name_create(resolver, tunnel_plan->tunnel, plan->target->public_key,
		host, (uint16_t)atoi(colon + 1));
	return plan->name != NULL ? 0 : -ENOMEM;
}

static int
plan_peer(
	struct tunnel_plan *tunnel_plan, struct target_peer *target, struct management *management)
{
	struct tunnel *tunnel = tunnel_plan->tunnel;
	struct peer_plan *plan = &tunnel_plan->peers[tunnel_plan->peer_count++];

	*plan = (struct peer_plan){.target = target};
	if (endpoint_parse(target->endpoint, &plan->endpoint) != 0)
		plan->endpoint = (struct endpoint){.port = 0};
	if (target->kept)
		plan->peer = key_table_find(tunnel->keys, target->public_key);
	if (plan->peer != NULL) {
		plan->changes = compare(management_control(management), plan);
		plan->peer->planned = management_control(management)->reconfigurations;
	} else {
		plan->changes = PEER_CHANGE_ALL;
		plan->peer = tunnel_make_peer(tunnel, &tunnel_plan->target->identity,
			target->public_key, target->preshared_key);
		if (plan->peer == NULL)
			return -ENOMEM;
		tunnel_plan->new_count++;
	}
	if (tunnel_plan->new_key)
		noise_remote_init(&tunnel_plan->remotes[plan - tunnel_plan->peers],
			&tunnel_plan->target->identity, target->public_key, target->preshared_key);
	if (plan->changes & PEER_CHANGE_ENDPOINT)
		return plan_endpoint(tunnel_plan, plan, management_resolver(management));
	return 0;
}

/* Who runs and was not met in the target goes. */
static int
plan_removals(struct tunnel_plan *plan, uint64_t number)
{
	struct peer *peer;

	plan->removed = calloc(plan->tunnel->peer_count + 1, sizeof(struct peer *));
	if (plan->removed == NULL)
		return -ENOMEM;
	TAILQ_FOREACH (peer, &plan->tunnel->peers, entry)
		if (peer->planned != number)
			plan->removed[plan->removed_count++] = peer;
	return 0;
}

/* A table is made only if anybody's prefixes change, be it by coming or going. */
static int
plan_table(struct tunnel_plan *plan)
{
	struct allowed_ip *entries;
	size_t count = 0;
	bool changes = false;

	for (size_t i = 0; i < plan->removed_count; i++)
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): filled up to the count */
		changes |= plan->removed[i]->allowed_ips_count > 0;
	for (size_t i = 0; i < plan->peer_count; i++) {
		changes |= (plan->peers[i].changes & PEER_CHANGE_ALLOWED_IPS) != 0;
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): likewise */
		count += plan->peers[i].target->allowed_ips_count;
	}
	if (!changes)
		return 0;
	entries = calloc(count + 1, sizeof(*entries));
	if (entries == NULL)
		return -ENOMEM;
	count = 0;
	for (size_t i = 0; i < plan->peer_count; i++) {
		const struct peer_plan *peer = &plan->peers[i];

		for (size_t k = 0; k < peer->target->allowed_ips_count; k++)
			entries[count++] = (struct allowed_ip){
				.prefix = peer->target->allowed_ips[k],
				.owner = peer->peer,
			};
	}
	plan->table = tunnel_table_make(entries, count);
	free(entries);
	return plan->table != NULL ? 0 : -ENOMEM;
}

static int
plan_peers(struct tunnel_plan *plan, struct management *management)
{
	struct target *target = plan->target;
	struct target_peer *peer;
	int error = 0;

	plan->peers = calloc(target->peer_count + 1, sizeof(*plan->peers));
	if (plan->new_key)
		plan->remotes = secret_alloc((target->peer_count + 1) * sizeof(*plan->remotes));
	if (plan->peers == NULL || (plan->new_key && plan->remotes == NULL))
		return -ENOMEM;
	TAILQ_FOREACH (peer, &target->peers, entry) {
		error = plan_peer(plan, peer, management);
		if (error != 0)
			break;
	}
	return error;
}

int
tunnel_plan_make(struct tunnel_plan *plan, struct tunnel *tunnel, struct target *target,
	struct management *management)
{
	int error = target_settle(target);

	*plan = (struct tunnel_plan){.tunnel = tunnel, .target = target};
	plan->new_key = !secret_equal(
		target->identity.private_key, tunnel->identity.private_key, NOISE_KEY_LEN);
	if (error == 0)
		error = plan_peers(plan, management);
	if (error == 0)
		error = plan_removals(plan, management_control(management)->reconfigurations);
	if (error == 0)
		error = plan_table(plan);
	return error;
}

void
tunnel_plan_fini(struct tunnel_plan *plan)
{
	for (size_t i = 0; i < plan->peer_count; i++) {
		struct peer_plan *peer = &plan->peers[i];

		resolver_name_destroy(peer->name);
		free(peer->configured);
		if ((peer->changes & PEER_CHANGE_NEW) && peer->peer != NULL)
			peer_discard(peer->peer);
	}
	free(plan->peers);
	free(plan->removed);
	secret_free(plan->remotes);
	tunnel_table_destroy(plan->table);
	encaps_release(&plan->spare_encaps);
}
