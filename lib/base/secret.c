/*
 * Secrets in memory: wiping, constant-time comparison, and locked memory that no core file holds.
 * On the packet's way: session keys live in a secret_arena; lanes only read them.
 * Threads: see each function.
 */
#include "base/secret.h"

#include <sodium.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK_ALIGN (UINT64_C(2) << 20)
#define OBJECT_ALIGN 64

struct chunk {
	struct chunk *next;
	uint8_t *memory;
};

/* Lies in the first bytes of an object that is not in use; the rest of it is zero. */
struct free_object {
	struct free_object *next;
};

struct secret_arena {
	pthread_mutex_t mutex;
	size_t stride; /* constant: from one object to the next */
	size_t chunk_len; /* constant: a multiple of CHUNK_ALIGN */
	struct chunk *chunks; /* this and all below: under the mutex */
	struct free_object *free;
	bool locked;
};

void
secret_wipe(void *secret, size_t len)
{
	sodium_memzero(secret, len);
}

bool
secret_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

bool
secret_is_zero(const void *secret, size_t len)
{
	return sodium_is_zero(secret, len) == 1;
}

static void *
alloc(size_t size)
{
	void *secret;

	if (sodium_init() < 0)
		return NULL;
	secret = sodium_malloc(size);
	if (secret != NULL)
		memset(secret, 0, size);
	return secret;
}

/* The allocator puts objects at the end of their pages: sizes that are multiples align them. */
void *
secret_alloc(size_t size)
{
	return alloc((size + 63) / 64 * 64);
}

char *
secret_alloc_text(size_t size)
{
	return alloc(size);
}

void
secret_free(void *secret)
{
	sodium_free(secret);
}

void
secret_hide_stack(void)
{
	pthread_attr_t attributes;
	void *stack = NULL;
	size_t len = 0;

	if (pthread_getattr_np(pthread_self(), &attributes) != 0)
		return;
	/* The main thread's is as long as it may get, and only what is mapped takes the advice. */
	if (pthread_attr_getstack(&attributes, &stack, &len) == 0)
		(void)madvise(stack, len, MADV_DONTDUMP);
	(void)pthread_attr_destroy(&attributes);
}

struct secret_arena *
secret_arena_create(size_t object_len)
{
	struct secret_arena *arena;

	if (object_len == 0 || object_len > SIZE_MAX / 4)
		return NULL;
	arena = calloc(1, sizeof(*arena));
	if (arena == NULL)
		return NULL;
	arena->stride = (object_len + OBJECT_ALIGN - 1) / OBJECT_ALIGN * OBJECT_ALIGN;
	arena->chunk_len = (arena->stride + CHUNK_ALIGN - 1) / CHUNK_ALIGN * CHUNK_ALIGN;
	arena->locked = true;
	(void)pthread_mutex_init(&arena->mutex, NULL); /* with no attributes it cannot fail */
	return arena;
}

void
secret_arena_destroy(struct secret_arena *arena)
{
	if (arena == NULL)
		return;
	while (arena->chunks != NULL) {
		struct chunk *chunk = arena->chunks;

		arena->chunks = chunk->next;
		secret_wipe(chunk->memory, arena->chunk_len);
		(void)munmap(chunk->memory, arena->chunk_len);
		free(chunk);
	}
	(void)pthread_mutex_destroy(&arena->mutex);
	free(arena);
}

bool
secret_arena_locked(const struct secret_arena *arena)
{
	/* The mutex is not part of the value that the caller may not change. */
	pthread_mutex_t *mutex = (pthread_mutex_t *)&arena->mutex;
	bool locked;

	(void)pthread_mutex_lock(mutex);
	locked = arena->locked;
	(void)pthread_mutex_unlock(mutex);
	return locked;
}

/* Maps `len` bytes at a multiple of CHUNK_ALIGN: too much at first, then the ends are cut off. */
static uint8_t *
map_aligned(size_t len)
{
	size_t mapped_len = len + CHUNK_ALIGN;
	uint8_t *mapped =
		mmap(NULL, mapped_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (mapped == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)mapped % CHUNK_ALIGN;
	if (before > 0)
		(void)munmap(mapped, before);
	(void)munmap(mapped + before + len, mapped_len - before - len);
	return mapped + before;
}

/* Adds a chunk and puts its objects on the free list; without memory it does nothing. */
static void
arena_grow(struct secret_arena *arena)
{
	struct chunk *chunk = malloc(sizeof(*chunk));

	if (chunk == NULL)
		return;
	chunk->memory = map_aligned(arena->chunk_len);
	if (chunk->memory == NULL)
		goto fail_chunk;
	if (madvise(chunk->memory, arena->chunk_len, MADV_DONTDUMP) != 0)
		goto fail_memory;
	(void)madvise(chunk->memory, arena->chunk_len, MADV_HUGEPAGE);
	if (mlock(chunk->memory, arena->chunk_len) != 0)
		arena->locked = false;
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	/* From the end, so that objects come out in ascending order. */
	for (size_t i = arena->chunk_len / arena->stride; i-- > 0;) {
		struct free_object *object = (void *)(chunk->memory + i * arena->stride);

		object->next = arena->free;
		arena->free = object;
	}
	return;

fail_memory:
	(void)munmap(chunk->memory, arena->chunk_len);
fail_chunk:
	free(chunk);
}

void *
secret_take(struct secret_arena *arena)
{
	struct free_object *object;

	(void)pthread_mutex_lock(&arena->mutex);
	if (arena->free == NULL)
		arena_grow(arena);
	object = arena->free;
	if (object != NULL) {
		arena->free = object->next;
		object->next = NULL;
	}
	(void)pthread_mutex_unlock(&arena->mutex);
	return object;
}

void
secret_give(struct secret_arena *arena, void *object)
{
	struct free_object *freed = object;

	if (freed == NULL)
		return;
	secret_wipe(object, arena->stride);
	(void)pthread_mutex_lock(&arena->mutex);
	freed->next = arena->free;
	arena->free = freed;
	(void)pthread_mutex_unlock(&arena->mutex);
}
