/*
 * Unknown keys: who initiates with a static key that is no peer's.
 * On the packet's way: beside it; initiations that end as DROP_HANDSHAKE_UNKNOWN_PEER.
 * Threads: control, under its lock.
 */
#pragma once

#include "base/address.h"
#include "config/key.h"

#include <stdint.h>

/* A bound and no more: whoever knows our public key can name any key as its own. */
#define UNKNOWN_KEYS_MAX 16

struct unknown_key {
	uint8_t public_key[KEY_LEN];
	struct endpoint source; /* of the last initiation */
	uint64_t count; /* of initiations; 0: the entry is free */
	uint64_t last_ns; /* boot clock */
};

/* Zeroed memory is an empty table. */
struct unknown_keys {
	struct unknown_key entries[UNKNOWN_KEYS_MAX];
};

/*
 * unknown_keys_note counts an initiation that named `public_key`, and came from `source` at
 * `now_ns` (boot clock). A key that is not in the table takes the place of the one last seen
 * longest ago.
 */
void unknown_keys_note(struct unknown_keys *keys, const uint8_t public_key[KEY_LEN],
	const struct endpoint *source, uint64_t now_ns);

/* unknown_keys_forget is told of a key that has become a peer's; it need not be in the table. */
void unknown_keys_forget(struct unknown_keys *keys, const uint8_t public_key[KEY_LEN]);
