/*
 * Targets: peers by key, and prefixes as claims in the order in which they were made.
 * On the packet's way: nowhere.
 * Threads: that of whoever changes the configuration.
 */
#include "control/target.h"

#include "base/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A prefix is given to a peer, or taken from it. Claims are only ever appended, and settled at the
 * end by sorting: a request may move 100,000 prefixes.
 */
struct target_claim {
	struct prefix prefix;
	bool given;
	struct target_peer *peer; /* once settled: whose it is, or NULL */
	size_t number; /* in order of making */
};

static int
target_init(struct target *target)
{
	*target = (struct target){
		.keys = key_table_create(),
		.memory = secret_arena_create(sizeof(struct target_peer)),
	};
	TAILQ_INIT(&target->peers);
	TAILQ_INIT(&target->out);
	if (target->keys != NULL && target->memory != NULL)
		return 0;
	target_fini(target);
	return -ENOMEM;
}

void
target_fini(struct target *target)
{
	const struct target_peer *peer;

	TAILQ_FOREACH (peer, &target->peers, entry)
		free(peer->allowed_ips);
	TAILQ_FOREACH (peer, &target->out, entry)
		free(peer->allowed_ips);
	free(target->claims);
	secret_arena_destroy(target->memory);
	key_table_destroy(target->keys);
	secret_wipe(target, sizeof(*target));
}

struct target_peer *
target_find(const struct target *target, const uint8_t public_key[KEY_LEN])
{
	return key_table_find(target->keys, public_key);
}

struct target_peer *
target_add_peer(struct target *target, const uint8_t public_key[KEY_LEN])
{
	struct target_peer *peer = secret_take(target->memory);

	if (peer == NULL)
		return NULL;
	memcpy(peer->public_key, public_key, KEY_LEN);
	if (key_table_insert(target->keys, peer->public_key, peer) != 0) {
		secret_give(target->memory, peer);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&target->peers, peer, entry);
	target->peer_count++;
	return peer;
}

/* It stays, to claim nothing: what it had taken from others does not go back to them. */
void
target_remove_peer(struct target *target, struct target_peer *peer)
{
	key_table_remove(target->keys, peer->public_key);
	TAILQ_REMOVE(&target->peers, peer, entry);
	TAILQ_INSERT_TAIL(&target->out, peer, entry);
	target->peer_count--;
	peer->out = true;
}

void
target_remove_peers(struct target *target)
{
	struct target_peer *peer;

	while ((peer = TAILQ_FIRST(&target->peers)) != NULL)
		target_remove_peer(target, peer);
}

static int
claim(struct target *target, struct target_peer *peer, const struct prefix *prefix, bool given)
{
	if (target->claim_count == target->claim_room) {
		const size_t room = target->claim_room * 2 + 64;
		struct target_claim *claims = reallocarray(target->claims, room, sizeof(*claims));

		if (claims == NULL)
			return -ENOMEM;
		target->claims = claims;
		target->claim_room = room;
	}
	target->claims[target->claim_count] = (struct target_claim){
		.prefix = *prefix,
		.given = given,
		.peer = peer,
		.number = target->claim_count,
	};
	target->claim_count++;
	return 0;
}

int
target_allow(struct target *target, struct target_peer *peer, const struct prefix *prefix)
{
	return claim(target, peer, prefix, true);
}

int
target_disallow(struct target *target, struct target_peer *peer, const struct prefix *prefix)
{
	return claim(target, peer, prefix, false);
}

void
target_disallow_all(struct target *target, struct target_peer *peer)
{
	peer->forgotten = target->claim_count;
}

static void
set_endpoint(struct target_peer *peer, const struct tunnel_config_peer *config, uint16_t peer_port)
{
	struct endpoint endpoint = {.port = peer_port != 0 ? peer_port : config->port};

	peer->endpoint_rule = TARGET_ENDPOINT_FILE;
	if (config->host[0] == '\0')
		return;
	if (address_parse(config->host, &endpoint.address) == 0)
		endpoint_format(&endpoint, peer->endpoint);
	else
		snprintf(peer->endpoint, sizeof(peer->endpoint), "%s:%u", config->host,
			endpoint.port);
}

static int
allow_all(struct target *target, struct target_peer *peer, const struct prefix prefixes[],
	size_t count)
{
	int error = 0;

	for (size_t i = 0; i < count && error == 0; i++)
		error = target_allow(target, peer, &prefixes[i]);
	return error;
}

int
target_from_config(struct target *target, const struct tunnel_config *config, uint16_t peer_port)
{
	int error = target_init(target);

	if (error != 0)
		return error;
	noise_identity_init(&target->identity, config->private_key);
	target->listen_port = config->listen_port;
	target->fwmark = config->fwmark;
	target->mtu = config->mtu;
	target->initiate = true;
	for (size_t i = 0; i < config->peer_count && error == 0; i++) {
		const struct tunnel_config_peer *from = &config->peers[i];
		struct target_peer *peer = target_add_peer(target, from->public_key);

		if (peer == NULL) {
			error = -ENOMEM;
			break;
		}
		peer->kept = true;
		memcpy(peer->preshared_key, from->preshared_key, KEY_LEN);
		peer->persistent_keepalive_s = from->persistent_keepalive_s;
		snprintf(peer->name, sizeof(peer->name), "%s", from->name);
		set_endpoint(peer, from, peer_port);
		error = allow_all(target, peer, from->allowed_ips, from->allowed_ips_count);
	}
	if (error != 0)
		target_fini(target);
	return error;
}

int
target_from_tunnel(struct target *target, const struct tunnel *tunnel)
{
	const struct peer *from;
	int error = target_init(target);

	if (error != 0)
		return error;
	target->identity = tunnel->identity;
	target->listen_port = tunnel->listen_port;
	target->fwmark = tunnel->fwmark;
	target->mtu = tunnel->fixed_mtu;
	TAILQ_FOREACH (from, &tunnel->peers, entry) {
		struct target_peer *peer = target_add_peer(target, from->remote.public_key);

		error = -ENOMEM;
		if (peer == NULL)
			break;
		peer->kept = true;
		memcpy(peer->preshared_key, from->remote.preshared_key, KEY_LEN);
		peer->persistent_keepalive_s = from->persistent_keepalive_s;
		snprintf(peer->name, sizeof(peer->name), "%s", from->name);
		error = allow_all(target, peer, from->allowed_ips, from->allowed_ips_count);
		if (error != 0)
			break;
	}
	if (error != 0)
		target_fini(target);
	return error;
}

static int
compare_claims(const void *left, const void *right)
{
	const struct target_claim *a = left, *b = right;
	const int order = prefix_compare(&a->prefix, &b->prefix);

	if (order != 0)
		return order;
	return a->number < b->number ? -1 : a->number > b->number;
}

/* Who has the prefix of the `count` sorted claims in the end, or NULL. */
static struct target_peer *
owner_of(const struct target_claim claims[], size_t count, const struct target_peer *own)
{
	const struct target_claim *last = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct target_claim *this = &claims[i];

		if (own != NULL && this->peer == own)
			continue;
		if (this->given)
			last = this;
		else if (last != NULL && last->peer == this->peer)
			last = NULL;
	}
	if (last == NULL || last->peer->out || last->number < last->peer->forgotten)
		return NULL;
	return last->peer;
}

/* How many claims from the first one on are about its prefix. */
static size_t
claims_alike(const struct target_claim claims[], size_t count)
{
	size_t alike = 1;

	while (alike < count && prefix_compare(&claims[alike].prefix, &claims[0].prefix) == 0)
		alike++;
	return alike;
}

/* Counted first, then given out: so a peer's prefixes come out sorted. */
static int
give_prefixes(struct target *target)
{
	struct target_peer *peer;

	TAILQ_FOREACH (peer, &target->peers, entry) {
		peer->allowed_ips = calloc(peer->allowed_ips_count + 1, sizeof(struct prefix));
		if (peer->allowed_ips == NULL)
			return -ENOMEM;
		peer->allowed_ips_count = 0;
	}
	for (size_t i = 0; i < target->claim_count; i++) {
		peer = target->claims[i].peer;
		if (peer != NULL)
			peer->allowed_ips[peer->allowed_ips_count++] = target->claims[i].prefix;
	}
	return 0;
}

int
target_settle(struct target *target)
{
	struct target_claim *claims = target->claims;
	struct target_peer *own =
		target->identity.present ? target_find(target, target->identity.public_key) : NULL;
	size_t alike;

	if (own != NULL)
		target_remove_peer(target, own);
	if (target->claim_count > 0)
		qsort(claims, target->claim_count, sizeof(claims[0]), compare_claims);
	for (size_t i = 0; i < target->claim_count; i += alike) {
		struct target_peer *owner;

		alike = claims_alike(&claims[i], target->claim_count - i);
		owner = owner_of(&claims[i], alike, own);
		for (size_t k = 0; k < alike; k++)
			claims[i + k].peer = k == 0 ? owner : NULL;
		if (owner != NULL)
			owner->allowed_ips_count++;
	}
	return give_prefixes(target);
}
