/*
 * Tests of the AEAD backend avx512 for what crypto/aead does not promise of every backend: that
 * nothing secret stays behind, and that a packet that is not authentic stays as it came.
 * Threads: none.
 */
#include "crypto/aead_avx512.h"

#include "crypto/aead_backend.h"

#include "base/bytes.h"

#include <sodium.h>

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define STACK_LEN 16384
#define LEN_MAX 1500
/* At least what aead_avx512_seal and aead_avx512_open have on the stack themselves: no secrets. */
#define CALL_FRAME_LEN 640
#define SECRETS_MAX (AEAD_BATCH_MAX * 40)

/* One batch, and the 32-bit words that must not be found anywhere afterwards. */
struct trial {
	struct aead_avx512 *avx512;
	struct aead_packet packets[AEAD_BATCH_MAX];
	uint8_t keys[AEAD_BATCH_MAX][AEAD_KEY_LEN];
	uint8_t data[AEAD_BATCH_MAX][LEN_MAX + AEAD_TAG_LEN];
	uint8_t before[AEAD_BATCH_MAX][LEN_MAX + AEAD_TAG_LEN];
	uint32_t secrets[SECRETS_MAX]; /* sorted */
	size_t secret_count;
	uint8_t registers[32][64];
	uint8_t stack[STACK_LEN];
};

static int
prepare(void **state)
{
	unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();
	struct trial *trial;

	print_message("seed %u\n", seed);
	srand(seed);
	trial = calloc(1, sizeof(*trial));
	*state = trial;
	if (trial == NULL || sodium_init() < 0)
		return -1;
	if (aead_backend_avx512.supported())
		trial->avx512 = aead_avx512_create();
	return 0;
}

static int
finish(void **state)
{
	struct trial *trial = *state;

	aead_avx512_destroy(trial->avx512);
	free(trial);
	return 0;
}

static void
fill_random(uint8_t *to, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)(rand() >> 8);
}

static int
compare_words(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The key, block 0 (r, s and what nobody uses) and block 1 of the stream of each packet. */
static void
trial_make(struct trial *trial, unsigned count, uint32_t most)
{
	trial->secret_count = 0;
	for (unsigned i = 0; i < count; i++) {
		struct aead_packet *packet = &trial->packets[i];
		uint8_t nonce[12] = {0};
		uint8_t stream[128];

		fill_random(trial->keys[i], AEAD_KEY_LEN);
		fill_random(trial->data[i], LEN_MAX);
		*packet = (struct aead_packet){trial->data[i], trial->keys[i], (uint64_t)rand(),
			(uint32_t)rand() % (most + 1)};
		store_le64(nonce + 4, packet->counter);
		crypto_stream_chacha20_ietf(stream, sizeof(stream), nonce, packet->key);
		for (size_t k = 0; k < 8; k++)
			trial->secrets[trial->secret_count++] = load_le32(packet->key + 4 * k);
		for (size_t k = 0; k < 32; k++)
			trial->secrets[trial->secret_count++] = load_le32(stream + 4 * k);
	}
	qsort(trial->secrets, trial->secret_count, sizeof(uint32_t), compare_words);
}

static size_t
secrets_in(const struct trial *trial, const void *memory, size_t len)
{
	size_t found = 0;

	for (size_t at = 0; at + 4 <= len; at += 4) {
		uint32_t word = load_le32((const uint8_t *)memory + at);

		found += bsearch(&word, trial->secrets, trial->secret_count, sizeof(uint32_t),
				 compare_words) != NULL;
	}
	return found;
}

/*
 * Runs the batch on a stack that is clean beneath this frame, and copies what is there then, and
 * the vector registers, before anything else runs.
 */
static __attribute__((noinline)) uint64_t
run_and_look(struct trial *trial, unsigned count, bool open)
{
	uint64_t result;

	__asm__ volatile("lea -%c0(%%rsp), %%rdi\n\tmov %0, %%ecx\n\txor %%eax, %%eax\n\t"
			 "rep stosb"
			 :
			 : "i"(STACK_LEN)
			 : "rdi", "rcx", "rax", "memory");
	result = open ? aead_avx512_open(trial->avx512, trial->packets, count)
		      : aead_avx512_seal(trial->avx512, trial->packets, count);
	__asm__ volatile(
		".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, "
		"19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31\n\t"
		"vmovdqu64 %%zmm\\n, \\n * 64(%0)\n\t.endr\n\t"
		"lea -%c2(%%rsp), %%rsi\n\tmov %1, %%rdi\n\tmov %2, %%ecx\n\trep movsb"
		:
		: "r"(trial->registers), "r"(trial->stack), "i"(STACK_LEN)
		: "rsi", "rdi", "rcx", "memory");
	return result;
}

static void
check_clean(const struct trial *trial)
{
	assert_int_equal(secrets_in(trial, trial->registers, sizeof(trial->registers)), 0);
	assert_int_equal(secrets_in(trial, trial->stack, sizeof(trial->stack)), 0);
	assert_int_equal(secrets_in(trial, trial->avx512, malloc_usable_size(trial->avx512)), 0);
	assert_true(sodium_is_zero((const uint8_t *)trial->registers, sizeof(trial->registers)));
	/* Limbs and powers cannot be looked for. But beneath the frame of the call is nothing. */
	assert_true(sodium_is_zero(trial->stack, STACK_LEN - CALL_FRAME_LEN));
}

static void
test_nothing_left(void **state)
{
	struct trial *trial = *state;

	if (trial->avx512 == NULL)
		skip();
	for (unsigned round = 0; round < 512; round++) {
		unsigned count = round % AEAD_BATCH_MAX + 1;

		trial_make(trial, count, round / 64 % 2 ? LEN_MAX : 100);
		/* Were the search blind, it would not find what is there. */
		assert_true(secrets_in(trial, trial->keys, sizeof(trial->keys)) >= 8 * count);
		(void)run_and_look(trial, count, false);
		check_clean(trial);
		trial->data[0][trial->packets[0].len] ^= (uint8_t)(round % 2);
		(void)run_and_look(trial, count, true);
		check_clean(trial);
	}
}

static void
test_forged_untouched(void **state)
{
	struct trial *trial = *state;

	if (trial->avx512 == NULL)
		skip();
	for (unsigned round = 0; round < 512; round++) {
		unsigned count = round % AEAD_BATCH_MAX + 1;
		uint64_t forged = 0;

		trial_make(trial, count, round / 64 % 2 ? LEN_MAX : 100);
		(void)aead_avx512_seal(trial->avx512, trial->packets, count);
		for (unsigned i = 0; i < count; i++) {
			size_t len = trial->packets[i].len + AEAD_TAG_LEN;

			if (rand() % 3 == 0) {
				trial->data[i][(size_t)rand() % len] ^= (uint8_t)(1 << rand() % 8);
				forged |= UINT64_C(1) << i;
			}
			memcpy(trial->before[i], trial->data[i], len);
		}
		assert_true((aead_avx512_open(trial->avx512, trial->packets, count) & forged) == 0);
		for (unsigned i = 0; i < count; i++)
			if (forged >> i & 1)
				assert_memory_equal(trial->data[i], trial->before[i],
					trial->packets[i].len + AEAD_TAG_LEN);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_left),
		cmocka_unit_test(test_forged_untouched),
	};

	return cmocka_run_group_tests(tests, prepare, finish);
}
