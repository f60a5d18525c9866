/*
 * Test of what the AEAD backend "avx2" leaves behind on the stack: nothing secret.
 * Looks for words of the key, of Poly1305's key, of the keystream and of the plaintext.
 * Threads: none. Not for sanitizers, whose stacks are others.
 */
#include "crypto/aead.h"

#include "base/bytes.h"

#include <sodium.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DEPTH (16U << 10)
#define PACKETS 19
#define LEN 200
#define SECRETS (8 + 8 + 50)

/* Words that must not be found. */
struct secrets {
	uint32_t word[SECRETS];
	unsigned count;
};

static uint8_t keys[PACKETS][AEAD_KEY_LEN];
static uint8_t work[PACKETS][LEN + AEAD_TAG_LEN];

static void
secrets_add(struct secrets *secrets, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i + 4 <= len && secrets->count < SECRETS; i += 4)
		secrets->word[secrets->count++] = load_le32(bytes + i);
}

/* Those of packet `i`: its key, then 64 bytes of keystream for Poly1305 and 200 for the text. */
static struct secrets
secrets_of(unsigned i)
{
	struct secrets secrets = {0};
	uint8_t keystream[64 + LEN] = {0};
	uint8_t nonce[12] = {0};

	store_le64(nonce + 4, i);
	crypto_stream_chacha20_ietf_xor_ic(
		keystream, keystream, sizeof(keystream), nonce, 0, keys[i]);
	secrets_add(&secrets, keys[i], AEAD_KEY_LEN);
	secrets_add(&secrets, keystream, 32);
	secrets_add(&secrets, keystream + 64, LEN);
	return secrets;
}

/* Copies what lies below this function's frame. */
static __attribute__((noinline)) void
stack_copy(uint8_t copy[DEPTH])
{
	const volatile uint8_t *end = __builtin_frame_address(0);

	for (unsigned i = 0; i < DEPTH; i++)
		copy[i] = *(end - 256 - DEPTH + i);
}

static __attribute__((noinline)) void
stack_paint(void)
{
	volatile uint8_t paint[DEPTH + 2048];

	for (size_t i = 0; i < sizeof(paint); i++)
		paint[i] = 0xa5;
}

static unsigned
found(const uint8_t copy[DEPTH])
{
	unsigned count = 0;

	for (unsigned i = 0; i < PACKETS; i++) {
		const struct secrets secrets = secrets_of(i);

		for (unsigned at = 0; at + 4 <= DEPTH; at++)
			for (unsigned k = 0; k < secrets.count; k++)
				count += load_le32(copy + at) == secrets.word[k];
	}
	return count;
}

static void
test_stack(void **state)
{
	static uint8_t copy[DEPTH];
	struct aead *aead = aead_create("avx2");
	struct aead_packet packets[PACKETS];

	(void)state;
	if (aead == NULL && errno == ENOTSUP)
		skip();
	assert_non_null(aead);
	randombytes_buf(keys, sizeof(keys));
	randombytes_buf(work, sizeof(work));
	for (unsigned i = 0; i < PACKETS; i++)
		packets[i] = (struct aead_packet){work[i], keys[i], i, LEN};
	for (unsigned count = 1; count <= PACKETS; count += 3) {
		uint64_t done;

		stack_paint();
		done = aead_seal(aead, packets, count);
		stack_copy(copy);
		assert_true(done == UINT64_MAX >> (AEAD_BATCH_MAX - count));
		assert_int_equal(found(copy), 0);
		stack_paint();
		done = aead_open(aead, packets, count);
		stack_copy(copy);
		assert_true(done == UINT64_MAX >> (AEAD_BATCH_MAX - count));
		assert_int_equal(found(copy), 0);
	}
	aead_destroy(aead);
}

/* Shows that the search finds. */
static void
test_search(void **state)
{
	static uint8_t copy[DEPTH];

	(void)state;
	memset(copy, 0, sizeof(copy));
	randombytes_buf(keys, sizeof(keys));
	memcpy(copy + 1001, keys[PACKETS - 1] + 12, 4);
	assert_int_equal(found(copy), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_stack),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
