/*
 * Tests of crypto/blake2s: against a naive twin that passes the self test of RFC 7693.
 * Black box against the header; the twin follows the RFC's text, word by word.
 * Threads: none.
 */
#include "crypto/blake2s.h"

#include "base/bytes.h"

#include "hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define INPUT_MAX 1024

static const uint32_t twin_iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
	0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static const uint8_t twin_sigma[10][16] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
	{11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
	{7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
	{9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
	{2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
	{12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
	{13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
	{6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
	{10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint32_t
rotate(uint32_t word, unsigned right)
{
	return word >> right | word << (32 - right);
}

static void
twin_mix(uint32_t v[16], const uint8_t at[4], uint32_t x, uint32_t y)
{
	v[at[0]] += v[at[1]] + x;
	v[at[3]] = rotate(v[at[3]] ^ v[at[0]], 16);
	v[at[2]] += v[at[3]];
	v[at[1]] = rotate(v[at[1]] ^ v[at[2]], 12);
	v[at[0]] += v[at[1]] + y;
	v[at[3]] = rotate(v[at[3]] ^ v[at[0]], 8);
	v[at[2]] += v[at[3]];
	v[at[1]] = rotate(v[at[1]] ^ v[at[2]], 7);
}

static void
twin_compress(uint32_t h[8], const uint8_t block[64], uint64_t count, int last)
{
	static const uint8_t ways[8][4] = {{0, 4, 8, 12}, {1, 5, 9, 13}, {2, 6, 10, 14},
		{3, 7, 11, 15}, {0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13}, {3, 4, 9, 14}};
	uint32_t v[16];

	for (unsigned i = 0; i < 8; i++) {
		v[i] = h[i];
		v[i + 8] = twin_iv[i];
	}
	v[12] ^= (uint32_t)count;
	v[13] ^= (uint32_t)(count >> 32);
	if (last)
		v[14] = ~v[14];
	for (size_t round = 0; round < 10; round++)
		for (size_t i = 0; i < 8; i++)
			twin_mix(v, ways[i],
				load_le32(block + (size_t)4 * twin_sigma[round][2 * i]),
				load_le32(block + (size_t)4 * twin_sigma[round][2 * i + 1]));
	for (unsigned i = 0; i < 8; i++)
		h[i] ^= v[i] ^ v[i + 8];
}

static void
twin_blake2s(uint8_t *out, size_t out_len, const uint8_t *key, size_t key_len, const uint8_t *input,
	size_t len)
{
	uint8_t padded[INPUT_MAX + 128] = {0};
	size_t padded_len = len + (key_len > 0 ? 64 : 0);
	uint32_t h[8];
	size_t at = 0;

	assert_in_range(len, 0, INPUT_MAX);
	if (key_len > 0)
		memcpy(padded, key, key_len);
	if (len > 0)
		memcpy(padded + (padded_len - len), input, len);
	memcpy(h, twin_iv, sizeof(h));
	h[0] ^= 0x01010000 ^ (uint32_t)key_len << 8 ^ (uint32_t)out_len;
	for (; padded_len > at + 64; at += 64)
		twin_compress(h, padded + at, at + 64, 0);
	twin_compress(h, padded + at, padded_len, 1);
	for (size_t i = 0; i < out_len; i++)
		out[i] = (uint8_t)(h[i / 4] >> (i % 4 * 8));
}

static void
twin_hmac(uint8_t mac[32], const uint8_t *key, size_t key_len, const uint8_t *data, size_t len)
{
	uint8_t inner[64 + INPUT_MAX] = {0};
	uint8_t outer[96] = {0};

	if (key_len > 64)
		twin_blake2s(inner, 32, NULL, 0, key, key_len);
	else
		memcpy(inner, key, key_len);
	for (size_t i = 0; i < 64; i++) {
		outer[i] = inner[i] ^ 0x5c;
		inner[i] ^= 0x36;
	}
	memcpy(inner + 64, data, len);
	twin_blake2s(outer + 64, 32, NULL, 0, inner, 64 + len);
	twin_blake2s(mac, 32, NULL, 0, outer, sizeof(outer));
}

/* The sequence of RFC 7693, appendix E. */
static void
self_test_sequence(uint8_t *out, size_t len, uint32_t seed)
{
	uint32_t a = 0xdead4bad * seed;
	uint32_t b = 1;

	for (size_t i = 0; i < len; i++) {
		uint32_t t = a + b;

		a = b;
		b = t;
		out[i] = (uint8_t)(t >> 24);
	}
}

static void
test_twin(void **state)
{
	static const size_t out_lens[] = {16, 20, 28, 32};
	static const size_t in_lens[] = {0, 3, 64, 65, 255, 1024};
	uint8_t all[4 * 6 * 2 * 32];
	size_t all_len = 0;
	uint8_t hash[32];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < 6; j++) {
			uint8_t input[1024];
			uint8_t key[32];

			self_test_sequence(input, in_lens[j], (uint32_t)in_lens[j]);
			twin_blake2s(all + all_len, out_lens[i], NULL, 0, input, in_lens[j]);
			all_len += out_lens[i];
			self_test_sequence(key, out_lens[i], (uint32_t)out_lens[i]);
			twin_blake2s(
				all + all_len, out_lens[i], key, out_lens[i], input, in_lens[j]);
			all_len += out_lens[i];
		}
	}
	/* 1,152 bytes are more than the twin has room for: the library hashes what it made. */
	blake2s_hash(hash, &(struct blake2s_piece){all, all_len}, 1);
	assert_hex(hash, "6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe");
}

static void
test_published(void **state)
{
	uint8_t hash[32];

	(void)state;
	blake2s_hash(hash, &(struct blake2s_piece){"abc", 3}, 1);
	assert_hex(hash, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
	blake2s_hash(hash, NULL, 0);
	assert_hex(hash, "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9");
}

static void
fill_random(uint8_t *to, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)rand();
}

static void
test_random(void **state)
{
	unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();
	uint8_t input[INPUT_MAX];
	uint8_t expected[32];
	uint8_t actual[32];

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (unsigned round = 0; round < 3000; round++) {
		size_t len = round < 300 ? round : (size_t)rand() % (INPUT_MAX + 1);
		size_t cut = (size_t)rand() % (len + 1);
		size_t key_len = (size_t)rand() % 32 + 1;
		size_t hmac_key_len = (size_t)rand() % 130;
		const struct blake2s_piece pieces[] = {
			{input, cut}, {input, 0}, {input + cut, len - cut}};
		uint8_t key[130];

		fill_random(input, len);
		fill_random(key, sizeof(key));
		twin_blake2s(expected, 32, NULL, 0, input, len);
		blake2s_hash(actual, &(struct blake2s_piece){input, len}, 1);
		assert_memory_equal(actual, expected, 32);
		blake2s_hash(actual, pieces, 3);
		assert_memory_equal(actual, expected, 32);
		blake2s_hash2(actual, input, cut, input + cut, len - cut);
		assert_memory_equal(actual, expected, 32);
		twin_blake2s(expected, 16, key, key_len, input, len);
		memset(actual, 0x5a, sizeof(actual));
		blake2s_mac(actual, key, key_len, input, len);
		assert_memory_equal(actual, expected, 16);
		assert_int_equal(actual[16], 0x5a);
		len = len > 900 ? 900 : len;
		twin_hmac(expected, key, hmac_key_len, input, len);
		blake2s_hmac(actual, key, hmac_key_len, input, len);
		assert_memory_equal(actual, expected, 32);
	}
}

static void
test_hash2_in_place(void **state)
{
	uint8_t a[32];
	uint8_t b[32];
	uint8_t expected[32];

	(void)state;
	memset(a, 1, sizeof(a));
	memset(b, 2, sizeof(b));
	blake2s_hash2(expected, a, 32, b, 32);
	blake2s_hash2(a, a, 32, b, 32);
	assert_memory_equal(a, expected, 32);
	memset(a, 1, sizeof(a));
	blake2s_hash2(b, a, 32, b, 32);
	assert_memory_equal(b, expected, 32);
}

/* KDF as its definition reads. */
static void
twin_kdf(uint8_t t[3][32], const uint8_t key[32], const uint8_t *input, size_t len)
{
	uint8_t prk[32];
	uint8_t chained[33];

	twin_hmac(prk, key, 32, input, len);
	twin_hmac(t[0], prk, 32, (const uint8_t[]){1}, 1);
	for (uint8_t i = 1; i < 3; i++) {
		memcpy(chained, t[i - 1], 32);
		chained[32] = i + 1;
		twin_hmac(t[i], prk, 32, chained, 33);
	}
}

static void
test_kdf(void **state)
{
	static const size_t lens[] = {0, 1, 32, 64, 200};

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		uint8_t input[200];
		uint8_t key[32];
		uint8_t expected[3][32];

		fill_random(input, sizeof(input));
		fill_random(key, sizeof(key));
		twin_kdf(expected, key, input, lens[i]);
		for (unsigned count = 1; count <= 3; count++) {
			uint8_t actual[4][32];
			uint8_t *const outputs[] = {actual[0], actual[1], actual[2]};

			memset(actual, 0x5a, sizeof(actual));
			blake2s_kdf(outputs, count, key, input, lens[i]);
			assert_memory_equal(actual, expected, (size_t)count * 32);
			for (unsigned j = count * 32; j < sizeof(actual); j++)
				assert_int_equal(actual[j / 32][j % 32], 0x5a);
		}
		/* The chaining key itself may be any of the outputs. */
		for (unsigned own = 0; own < 3; own++) {
			uint8_t actual[3][32];
			uint8_t *outputs[] = {actual[0], actual[1], actual[2]};
			uint8_t chaining_key[32];

			memcpy(chaining_key, key, 32);
			outputs[own] = chaining_key;
			blake2s_kdf(outputs, 3, chaining_key, input, lens[i]);
			for (unsigned j = 0; j < 3; j++)
				assert_memory_equal(outputs[j], expected[j], 32);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twin),
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_hash2_in_place),
		cmocka_unit_test(test_kdf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
