/*
 * The hash of the public file's meaning: over the peers' digests, sorted.
 * On the packet's way: nowhere.
 * Threads: any; no state.
 */
#include "config/config_hash.h"

#include "config/wg_file.h"
#include "crypto/blake2s.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A change of what is hashed, or how, changes the label. */
static const char label[] = "guardlane vpn-public.conf 1";

/* Every piece has a fixed length but the host, which ends with a zero, and the prefixes at last. */
static void
hash_peer(uint8_t digest[BLAKE2S_LEN], const struct tunnel_config_peer *peer)
{
	char host[TUNNEL_CONFIG_HOST_MAX];
	const uint8_t numbers[] = {
		(uint8_t)(peer->port >> 8),
		(uint8_t)peer->port,
		(uint8_t)(peer->persistent_keepalive_s >> 8),
		(uint8_t)peer->persistent_keepalive_s,
	};
	const struct blake2s_piece pieces[] = {
		{peer->public_key, KEY_LEN},
		{peer->preshared_key, KEY_LEN},
		{numbers, sizeof(numbers)},
		{host, strlen(wg_host_canonical(peer->host, host, sizeof(host))) + 1},
		{peer->allowed_ips, peer->allowed_ips_count * sizeof(peer->allowed_ips[0])},
	};

	blake2s_hash(digest, pieces, sizeof(pieces) / sizeof(pieces[0]));
}

_Static_assert(sizeof(struct prefix) == 18, "a prefix is hashed as its bytes");

static int
compare_digests(const void *left, const void *right)
{
	return memcmp(left, right, BLAKE2S_LEN);
}

static bool
is_public(const struct tunnel_config *config, const struct tunnel_config_peer *peer)
{
	return peer && strcmp(peer->file, config->public_path) == 0;
}

const char *
config_hash(const struct tunnel_config *config, char hash[static CONFIG_HASH_MAX])
{
	uint8_t(*digests)[BLAKE2S_LEN] = calloc(config->peer_count + 1, sizeof(*digests));
	uint8_t sum[BLAKE2S_LEN] = {0};
	size_t count = 0;

	if (digests) {
		for (size_t i = 0; i < config->peer_count; i++) {
			if (is_public(config, &config->peers[i]))
				hash_peer(digests[count++], &config->peers[i]);
		}
		if (is_public(config, config->own))
			hash_peer(digests[count++], config->own);
		qsort(digests, count, sizeof(*digests), compare_digests);
		blake2s_hash2(sum, label, sizeof(label), digests, count * sizeof(*digests));
	}
	free(digests);
	for (size_t i = 0; i < (CONFIG_HASH_MAX - 1) / 2; i++)
		(void)snprintf(hash + 2 * i, 3, "%02x", sum[i]);
	return hash;
}
