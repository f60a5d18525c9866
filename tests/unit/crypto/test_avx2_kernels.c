/*
 * Tests of the kernels of the AEAD backend "avx2": ChaCha20 by RFC 8439's vectors, Poly1305 against
 * a naive twin at the edges of its arithmetic.
 * Black box against their headers. Skipped on a CPU without AVX2.
 * Threads: none.
 */
#include "crypto/chacha20_avx2.h"
#include "crypto/poly1305_avx2.h"

#include "hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT_MAX 700
#define NUMBER_LEN 17

/* A message, its one-time key, and room for tags. */
struct message {
	uint8_t key[POLY1305_KEY_LEN];
	uint8_t text[TEXT_MAX];
	uint32_t len;
	uint8_t tag[POLY1305_TAG_LEN];
	uint8_t expected[POLY1305_TAG_LEN];
};

static void
need_avx2(void)
{
	if (!__builtin_cpu_supports("avx2"))
		skip();
}

/*
 * The naive twin: numbers as bytes, least significant first; h = h * r by schoolbook, then taken
 * modulo p by adding 5 times what is above bit 130, and p subtracted until less.
 */
struct number {
	uint32_t byte[2 * NUMBER_LEN + 2];
};

static void
number_carry(struct number *number)
{
	uint32_t carry = 0;

	for (size_t i = 0; i < sizeof(number->byte) / sizeof(number->byte[0]); i++) {
		carry += number->byte[i];
		number->byte[i] = carry & 0xff;
		carry >>= 8;
	}
}

/* h = h mod 2^130 + 5 * (h >> 130), until there is nothing above; below 2^130 at the end. */
static void
number_fold(struct number *h)
{
	for (unsigned round = 0; round < 4; round++) {
		struct number above = {0};

		for (size_t i = 0; i + 16 < sizeof(h->byte) / sizeof(h->byte[0]); i++) {
			const uint32_t next =
				i + 17 < sizeof(h->byte) / sizeof(h->byte[0]) ? h->byte[i + 17] : 0;

			above.byte[i] = 5 * ((h->byte[i + 16] >> 2) + ((next & 3) << 6));
		}
		for (size_t i = 17; i < sizeof(h->byte) / sizeof(h->byte[0]); i++)
			h->byte[i] = 0;
		h->byte[16] &= 3;
		for (size_t i = 0; i < sizeof(h->byte) / sizeof(h->byte[0]); i++)
			h->byte[i] += above.byte[i];
		number_carry(h);
	}
}

static void
number_multiply(struct number *h, const struct number *r)
{
	struct number product = {0};

	for (unsigned i = 0; i < NUMBER_LEN; i++)
		for (unsigned k = 0; k < NUMBER_LEN; k++)
			product.byte[i + k] += h->byte[i] * r->byte[k];
	number_carry(&product);
	*h = product;
	number_fold(h);
}

/* If h >= p, subtracts p: adds 5 and leaves bit 130 away. */
static void
number_reduce(struct number *h)
{
	struct number more = *h;

	more.byte[0] += 5;
	number_carry(&more);
	if (more.byte[16] >> 2 == 0)
		return;
	more.byte[16] &= 3;
	*h = more;
}

static void
naive_block(struct number *h, const struct number *r, const uint8_t *block, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h->byte[i] += block[i];
	h->byte[len]++;
	number_carry(h);
	number_multiply(h, r);
}

static void
naive_finish(struct number *h, const uint8_t key[POLY1305_KEY_LEN], uint8_t tag[POLY1305_TAG_LEN])
{
	number_reduce(h);
	for (unsigned i = 0; i < 16; i++)
		h->byte[i] += key[16 + i];
	number_carry(h);
	for (unsigned i = 0; i < 16; i++)
		tag[i] = (uint8_t)h->byte[i];
}

static struct number
naive_r(const uint8_t key[POLY1305_KEY_LEN])
{
	struct number r = {0};

	for (unsigned i = 0; i < 16; i++)
		r.byte[i] =
			key[i] & (i % 4 == 3 ? 0x0f : 0xff) & (i > 0 && i % 4 == 0 ? 0xfc : 0xff);
	return r;
}

/* As RFC 8439, 2.8, without associated data. */
static void
naive_aead(struct message *message)
{
	const struct number r = naive_r(message->key);
	struct number h = {0};
	uint8_t block[16];

	for (uint32_t at = 0; at < message->len; at += 16) {
		const uint32_t len = message->len - at < 16 ? message->len - at : 16;

		memset(block, 0, sizeof(block));
		memcpy(block, message->text + at, len);
		naive_block(&h, &r, block, sizeof(block));
	}
	memset(block, 0, sizeof(block));
	block[8] = (uint8_t)message->len;
	block[9] = (uint8_t)(message->len >> 8);
	naive_block(&h, &r, block, sizeof(block));
	naive_finish(&h, message->key, message->expected);
}

/* RFC 8439, 2.5.2. */
static void
test_twin(void **state)
{
	static const char text[] = "Cryptographic Forum Research Group";
	struct hex key = hex_of("85d6be7857556d337f4452fe42d506a8"
				"0103808afb0db2fd4abff6af4149f51b");
	const struct number r = naive_r(key.bytes);
	struct number h = {0};
	uint8_t tag[POLY1305_TAG_LEN];

	(void)state;
	for (size_t at = 0; at < strlen(text); at += 16)
		naive_block(&h, &r, (const uint8_t *)text + at,
			strlen(text) - at < 16 ? strlen(text) - at : 16);
	naive_finish(&h, key.bytes, tag);
	assert_hex(tag, "a8061dc1305136c6c22b8baf0c0127a9");
}

/* All messages in one call, and each on its own. */
static void
check(struct message messages[], unsigned count)
{
	struct poly1305_message together[POLY1305_AVX2_LANES];

	for (unsigned i = 0; i < count; i++) {
		naive_aead(&messages[i]);
		together[i] = (struct poly1305_message){
			messages[i].text, messages[i].key, messages[i].tag, messages[i].len};
	}
	poly1305_avx2(together, count);
	for (unsigned i = 0; i < count; i++)
		assert_memory_equal(messages[i].tag, messages[i].expected, POLY1305_TAG_LEN);
	for (unsigned i = 0; i < count; i++) {
		memset(messages[i].tag, 0, POLY1305_TAG_LEN);
		poly1305_avx2(&together[i], 1);
		assert_memory_equal(messages[i].tag, messages[i].expected, POLY1305_TAG_LEN);
	}
}

/* Every combination of extreme r, s and text, at lengths with and without the square of r. */
static void
test_extremes(void **state)
{
	static const uint8_t fill[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff};
	static const uint32_t lens[] = {0, 1, 15, 16, 17, 32, 64, 80, 81, 255, 256, 640, 700};
	static struct message messages[POLY1305_AVX2_LANES];
	unsigned count = 0;

	(void)state;
	need_avx2();
	for (unsigned r = 0; r < sizeof(fill); r++) {
		for (unsigned s = 0; s < sizeof(fill); s++) {
			for (unsigned t = 0; t < sizeof(fill); t++) {
				for (unsigned l = 0; l < sizeof(lens) / sizeof(lens[0]); l++) {
					struct message *message = &messages[count++];

					memset(message->key, fill[r], 16);
					memset(message->key + 16, fill[s], 16);
					memset(message->text, fill[t], TEXT_MAX);
					message->len = lens[l];
					if (count < POLY1305_AVX2_LANES)
						continue;
					check(messages, count);
					count = 0;
				}
			}
		}
	}
}

/*
 * With r = 1 the sum is that of the blocks: eight of them, 8 * 2^128 = 10 modulo p, of which seven
 * are text and the last is 112 * 2^64. The text is chosen so that the sum is p - 1 + `delta`.
 */
static void
near_modulus(struct message *message, int delta)
{
	const unsigned __int128 fourth = (unsigned __int128)0 - 13 + (unsigned __int128)delta -
		((unsigned __int128)112 << 64);

	memset(message, 0, sizeof(*message));
	message->key[0] = 1;
	memset(message->key + 16, delta % 2 ? 0xff : 0, 16);
	message->len = 112;
	memset(message->text, 0xff, 48);
	memcpy(message->text + 48, &fourth, 16);
}

static void
test_near_modulus(void **state)
{
	static struct message messages[POLY1305_AVX2_LANES];
	unsigned wrapped = 0;

	(void)state;
	need_avx2();
	for (int delta = -32; delta < 32; delta += POLY1305_AVX2_LANES) {
		for (int i = 0; i < POLY1305_AVX2_LANES; i++)
			near_modulus(&messages[i], delta + i);
		check(messages, POLY1305_AVX2_LANES);
		for (int i = 0; i < POLY1305_AVX2_LANES; i += 2) {
			/* s is 0: the tag is the sum, which is small if it was p or more. */
			wrapped += messages[i].tag[15] == 0;
		}
	}
	/* delta 2 to 30: the sum 0 was there, and so were those below p. */
	assert_int_equal(wrapped, 15);
}

/* Any lengths side by side, any number of messages. */
static void
test_random(void **state)
{
	static struct message messages[POLY1305_AVX2_LANES];
	const unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();

	(void)state;
	need_avx2();
	print_message("seed %u\n", seed);
	srand(seed);
	for (unsigned round = 0; round < 400; round++) {
		const unsigned count = round % POLY1305_AVX2_LANES + 1;
		const bool one_len = rand() % 3 == 0;

		for (unsigned i = 0; i < count; i++) {
			struct message *message = &messages[i];

			for (unsigned k = 0; k < POLY1305_KEY_LEN; k++)
				message->key[k] = (uint8_t)(rand() >> 8);
			for (unsigned k = 0; k < TEXT_MAX; k++)
				message->text[k] = rand() % 4 ? 0xff : (uint8_t)(rand() >> 8);
			message->len = one_len && i > 0 ? messages[0].len
							: (uint32_t)rand() % (TEXT_MAX + 1);
		}
		check(messages, count);
	}
}

/* RFC 8439, 2.3.2 and A.1, in any lane; what is not asked for stays as it was. */
static void
test_chacha20(void **state)
{
	static const struct {
		const char *key;
		const char *row; /* words 12 to 15 as they lie in memory */
		const char *keystream;
	} vectors[] = {
		{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
			"01000000000000090000004a00000000",
			"10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
			"d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"},
		{"0000000000000000000000000000000000000000000000000000000000000000",
			"00000000000000000000000000000000",
			"76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
			"da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"},
		{"0000000000000000000000000000000000000000000000000000000000000001",
			"01000000000000000000000000000000",
			"3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
			"8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0"},
	};

	(void)state;
	need_avx2();
	for (unsigned len = 0; len <= CHACHA20_BLOCK_LEN; len++) {
		struct chacha20_block blocks[CHACHA20_AVX2_LANES];
		uint8_t data[CHACHA20_AVX2_LANES][CHACHA20_BLOCK_LEN];
		struct hex keys[CHACHA20_AVX2_LANES];

		memset(data, 0, sizeof(data));
		for (unsigned i = 0; i < CHACHA20_AVX2_LANES; i++) {
			const struct hex row = hex_of(vectors[(i + len) % 3].row);

			keys[i] = hex_of(vectors[(i + len) % 3].key);
			memcpy(&blocks[i], row.bytes, 16);
			blocks[i].key = keys[i].bytes;
			blocks[i].data = data[i];
			blocks[i].len = i == 0 ? CHACHA20_BLOCK_LEN - len : len;
		}
		chacha20_avx2(blocks, CHACHA20_AVX2_LANES);
		for (unsigned i = 0; i < CHACHA20_AVX2_LANES; i++) {
			const struct hex all = hex_of(vectors[(i + len) % 3].keystream);
			uint8_t expected[CHACHA20_BLOCK_LEN] = {0};

			memcpy(expected, all.bytes, blocks[i].len);
			assert_memory_equal(data[i], expected, CHACHA20_BLOCK_LEN);
		}
	}
}

static void
test_use(void **state)
{
	uint8_t keystream[CHACHA20_BLOCK_LEN];
	uint8_t data[CHACHA20_BLOCK_LEN + 1];

	(void)state;
	need_avx2();
	for (unsigned i = 0; i < CHACHA20_BLOCK_LEN; i++)
		keystream[i] = (uint8_t)(i + 1);
	for (uint32_t len = 0; len <= CHACHA20_BLOCK_LEN; len++) {
		const struct chacha20_block block = {.data = data, .len = len};

		memset(data, 0xa5, sizeof(data));
		chacha20_avx2_use(&block, keystream);
		for (unsigned i = 0; i < sizeof(data); i++)
			assert_int_equal(data[i], i < len ? 0xa5 ^ keystream[i] : 0xa5);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twin),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_near_modulus),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_chacha20),
		cmocka_unit_test(test_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
