/*
 * A short name for what the public file means, by which instances see that theirs differ.
 * On the packet's way: nowhere.
 * Threads: any; no state.
 */
#pragma once

#include "config/tunnel_config.h"

#define CONFIG_HASH_MAX 17 /* with the terminating zero */

/*
 * config_hash writes 16 hexadecimal digits that are equal wherever the public file means the same:
 * the peers in it, the own entry among them, so that it is one on all instances. Order, comments,
 * headers, letters and numbers may be written in any way. What the file says of [Interface] is not
 * part of it, nor are peers of the private file. Preshared keys go in, and cannot be told from the
 * hash. Without memory it is all zeros. Returns `hash`.
 */
const char *config_hash(const struct tunnel_config *config, char hash[static CONFIG_HASH_MAX]);
