/*
 * Tests of base/secret: wiping, comparison, and the arena's promises about its memory.
 * Black box against the header; the kernel's view comes from /proc/self/smaps.
 * Threads: four, where the arena's mutex is tried.
 */
#include "base/secret.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 40000

/* Sanitizers turn mlock() into nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool mlock_is_real = false;
#else
static const bool mlock_is_real = true;
#endif

static void
test_wipe(void **state)
{
	(void)state;
	for (size_t len = 0; len < 70; len++) {
		uint8_t buffer[72];

		memset(buffer, 0x5a, sizeof(buffer));
		secret_wipe(buffer + 1, len);
		for (size_t i = 0; i < sizeof(buffer); i++)
			assert_int_equal(buffer[i], i >= 1 && i < 1 + len ? 0 : 0x5a);
	}
}

static void
test_compare(void **state)
{
	(void)state;
	for (size_t len = 0; len <= 40; len++) {
		uint8_t a[40] = {0};
		uint8_t b[40] = {0};

		assert_true(secret_equal(a, b, len));
		assert_true(secret_is_zero(a, len));
		for (size_t bit = 0; bit < len * 8; bit++) {
			b[bit / 8] = (uint8_t)(1U << bit % 8);
			assert_false(secret_equal(a, b, len));
			assert_false(secret_is_zero(b, len));
			b[bit / 8] = 0;
		}
		if (len < sizeof(b)) {
			b[len] = 1;
			assert_true(secret_equal(a, b, len));
			assert_true(secret_is_zero(b, len));
		}
	}
}

static bool
all_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

static void
test_objects(void **state)
{
	static const size_t lens[] = {1, 8, 63, 64, 65, 200, 4096, 3000000};
	uint8_t *objects[40];

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		size_t len = lens[i];
		size_t count = len > 4096 ? 3 : 40;
		struct secret_arena *arena = secret_arena_create(len);

		assert_non_null(arena);
		for (unsigned round = 0; round < 3; round++) {
			for (size_t n = 0; n < count; n++) {
				objects[n] = secret_take(arena);
				assert_non_null(objects[n]);
				assert_int_equal((uintptr_t)objects[n] % 64, 0);
				assert_true(all_zero(objects[n], len));
				memset(objects[n], (int)n + 1, len);
			}
			for (size_t n = 0; n < count; n++) {
				for (size_t at = 0; at < len; at++)
					if (objects[n][at] != n + 1)
						fail_msg("objects overlap");
			}
			for (size_t n = 0; n < count; n++)
				secret_give(arena, objects[n]);
		}
		secret_give(arena, NULL);
		secret_arena_destroy(arena);
	}
	secret_arena_destroy(NULL);
}

static void
test_wiped_when_given(void **state)
{
	struct secret_arena *arena = secret_arena_create(256);
	uint8_t *object = secret_take(arena);
	const volatile uint8_t *stale = object;
	unsigned left = 0;

	(void)state;
	assert_non_null(object);
	memset(object, 0x5a, 256);
	secret_give(arena, object);
	/* The first word may link the free list; no byte of the secret may be left. */
	for (size_t i = sizeof(void *); i < 256; i++)
		left += stale[i] != 0;
	assert_int_equal(left, 0);
	secret_arena_destroy(arena);
}

static void
test_many_chunks(void **state)
{
	static uint8_t *objects[MANY];
	struct secret_arena *arena = secret_arena_create(192);
	size_t chunk_starts = 0;

	(void)state;
	assert_non_null(arena);
	for (size_t i = 0; i < MANY; i++) {
		objects[i] = secret_take(arena);
		assert_non_null(objects[i]);
		memcpy(objects[i], &i, sizeof(i));
		chunk_starts += (uintptr_t)objects[i] % (2U << 20) == 0;
	}
	/* 10,922 objects of 192 bytes fit in 2 MiB, the first on the boundary. */
	assert_int_equal(chunk_starts, 4);
	for (size_t i = 0; i < MANY; i++)
		assert_memory_equal(objects[i], &i, sizeof(i));
	secret_arena_destroy(arena);
}

/* Copies the VmFlags line of the mapping that holds `address`. */
static void
vm_flags(const void *address, char flags[static 256])
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	char line[512];
	bool inside = false;

	assert_non_null(smaps);
	flags[0] = '\0';
	while (flags[0] == '\0' && fgets(line, sizeof(line), smaps) != NULL) {
		unsigned long start;
		unsigned long end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = (uintptr_t)address >= start && (uintptr_t)address < end;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			(void)snprintf(flags, 256, "%.250s", line + 8);
	}
	(void)fclose(smaps);
}

static void
test_kernel_flags(void **state)
{
	struct secret_arena *arena = secret_arena_create(128);
	void *object = secret_take(arena);
	char flags[256];

	(void)state;
	assert_non_null(object);
	vm_flags(object, flags);
	assert_non_null(strstr(flags, " dd"));
	if (mlock_is_real)
		assert_int_equal(secret_arena_locked(arena), strstr(flags, " lo") != NULL);
	secret_arena_destroy(arena);
}

static void
test_unlocked(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit nothing = {0, 0};
		struct secret_arena *arena = secret_arena_create(100);
		void *object;

		/* Root may lock without limit; nobody may not. */
		if (setrlimit(RLIMIT_MEMLOCK, &nothing) != 0 ||
			(getuid() == 0 && setuid(65534) != 0))
			_exit(1);
		if (arena == NULL || !secret_arena_locked(arena))
			_exit(2);
		object = secret_take(arena);
		if (object == NULL || (mlock_is_real && secret_arena_locked(arena)))
			_exit(3);
		memset(object, 1, 100);
		secret_give(arena, object);
		secret_arena_destroy(arena);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void *
take_and_give(void *argument)
{
	struct secret_arena *arena = argument;

	for (unsigned round = 0; round < 20000; round++) {
		uint64_t *object = secret_take(arena);

		if (object == NULL || object[0] != 0)
			return argument;
		object[0] = (uint64_t)(uintptr_t)&object;
		if (object[0] != (uint64_t)(uintptr_t)&object)
			return argument;
		secret_give(arena, object);
	}
	return NULL;
}

static void
test_threads(void **state)
{
	struct secret_arena *arena = secret_arena_create(64);
	pthread_t threads[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, arena), 0);
	for (unsigned i = 0; i < 4; i++) {
		void *broken;

		assert_int_equal(pthread_join(threads[i], &broken), 0);
		assert_null(broken);
	}
	secret_arena_destroy(arena);
}

static void
alloc_gives_zeroed_aligned_memory(void **context)
{
	for (size_t size = 1; size < 5000; size += 97) {
		uint8_t *secret = secret_alloc(size);

		assert_non_null(secret);
		assert_int_equal((uintptr_t)secret % 64, 0);
		assert_true(secret_is_zero(secret, size));
		memset(secret, 0xa5, size);
		secret_free(secret);
	}
	secret_free(NULL);
}

/* Whoever reads a text too far meets the guard page at once. */
static void
texts_end_where_their_pages_do(void **context)
{
	for (size_t size = 1; size < 5000; size += 97) {
		char *text = secret_alloc_text(size);
		char flags[256];

		assert_non_null(text);
		assert_int_equal(((uintptr_t)text + size) % 4096, 0);
		assert_true(secret_is_zero(text, size));
		vm_flags(text, flags);
		assert_non_null(strstr(flags, " dd"));
		memset(text, 0xa5, size);
		secret_free(text);
	}
}

static void *
look_at_stack(void *argument)
{
	char(*flags)[256] = argument;
	char here = 0;

	vm_flags(&here, flags[0]);
	secret_hide_stack();
	vm_flags(&here, flags[1]);
	return NULL;
}

static void
stacks_can_be_hidden(void **context)
{
	char flags[2][256];
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, look_at_stack, flags), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_null(strstr(flags[0], " dd"));
	assert_non_null(strstr(flags[1], " dd"));
	secret_hide_stack();
	vm_flags(flags, flags[0]);
	assert_non_null(strstr(flags[0], " dd"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alloc_gives_zeroed_aligned_memory),
		cmocka_unit_test(texts_end_where_their_pages_do),
		cmocka_unit_test(stacks_can_be_hidden),
		cmocka_unit_test(test_wipe),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_objects),
		cmocka_unit_test(test_wiped_when_given),
		cmocka_unit_test(test_many_chunks),
		cmocka_unit_test(test_kernel_flags),
		cmocka_unit_test(test_unlocked),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
