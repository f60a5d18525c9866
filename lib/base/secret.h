/*
 * Secrets in memory: wiping, constant-time comparison, and locked memory that no core file holds.
 * On the packet's way: session keys live in a secret_arena; lanes only read them.
 * Threads: see each function.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* secret_wipe overwrites `len` bytes with zeros; the compiler may not leave it out. */
void secret_wipe(void *secret, size_t len);

/* secret_equal compares `len` bytes in time that depends on `len` only. */
bool secret_equal(const void *a, const void *b, size_t len) __attribute__((warn_unused_result));

/* secret_is_zero tells, in time that depends on `len` only, whether all `len` bytes are zero. */
bool secret_is_zero(const void *secret, size_t len) __attribute__((warn_unused_result));

/*
 * secret_alloc returns `size` zeroed bytes (> 0), aligned to 64, of memory that is mlocked (where
 * that is allowed), in no core file, and between guard pages; NULL without memory. For single
 * objects: each takes several pages. secret_free wipes and frees it; NULL is ignored. Any thread
 * but lanes.
 */
void *secret_alloc(size_t size) __attribute__((warn_unused_result));
void secret_free(void *secret);

/*
 * secret_alloc_text is the same for `size` bytes (> 0) that need no alignment: behind the last one
 * is the guard page. secret_free frees it.
 */
char *secret_alloc_text(size_t size) __attribute__((warn_unused_result));

/*
 * secret_hide_stack keeps the calling thread's stack out of core files: what works with keys has
 * pieces of them there for moments. Enters the kernel; lanes call it before their first round.
 */
void secret_hide_stack(void);

/*
 * A secret_arena hands out objects of one size from memory that is mlocked and MADV_DONTDUMP, in
 * chunks that start on their own 2 MiB boundary (so that the kernel may back them by huge pages).
 * Chunks are kept until the arena is destroyed.
 */
struct secret_arena;

/*
 * secret_arena_create makes an arena for objects of `object_len` bytes (> 0), each aligned to 64.
 * Returns NULL without memory. If the kernel refuses to lock (RLIMIT_MEMLOCK) the arena works all
 * the same, and secret_arena_locked() says so.
 */
struct secret_arena *secret_arena_create(size_t object_len);

/* secret_arena_destroy wipes and frees everything; no object may be in use. NULL is ignored. */
void secret_arena_destroy(struct secret_arena *arena);

/* secret_arena_locked tells whether every chunk so far could be locked. */
bool secret_arena_locked(const struct secret_arena *arena);

/*
 * secret_take returns one zeroed object, or NULL without memory. secret_give wipes it and takes it
 * back; NULL is ignored. Both are thread-safe (a mutex) and so not for lanes.
 */
void *secret_take(struct secret_arena *arena) __attribute__((warn_unused_result));
void secret_give(struct secret_arena *arena, void *object);
