/*
 * Public keys of peers: 32 bytes to peer, hashed under a secret key (SipHash).
 * On the packet's way: beside it; initiations and configuration.
 * Threads: the control side's, under its lock.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct key_table;

/* key_table_create makes an empty table with a random hash key. NULL with errno on failure. */
struct key_table *key_table_create(void);

/* key_table_destroy frees the table, not what it holds. NULL is ignored. */
void key_table_destroy(struct key_table *table);

/* key_table_reserve takes the memory for `count` entries in all. Returns 0 or -ENOMEM. */
int key_table_reserve(struct key_table *table, size_t count) __attribute__((warn_unused_result));

/*
 * key_table_insert enters `peer` under the 32 bytes at `key`, which must stay where they are as
 * long as the entry. Returns 0, -EEXIST, or -ENOMEM (never after a sufficient reserve).
 */
int key_table_insert(struct key_table *table, const uint8_t *key, void *peer)
	__attribute__((warn_unused_result));

/* key_table_find returns the peer of `key`, or NULL. */
void *key_table_find(const struct key_table *table, const uint8_t key[32]);

/* key_table_remove takes the entry out and returns its peer, or NULL if there is none. */
void *key_table_remove(struct key_table *table, const uint8_t key[32]);
