/*
 * Tests of keys as text.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "config/key.h"

#include "base/random.h"

#include <sodium.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

static const char base64[] = "yDPg5doavYH7fdD86nt+cOzSBL4znVZcrcrJwjY/Xmw=";
static const char hex[] = "c833e0e5da1abd81fb7dd0fcea7b7e70ecd204be339d565cadcac9c2363f5e6c";

static void
known_texts(void **state)
{
	uint8_t key[KEY_LEN], same[KEY_LEN];
	char text[KEY_HEX_LEN + 1];

	assert_true(key_from_base64(key, base64));
	assert_true(key_from_hex(same, hex));
	assert_memory_equal(key, same, KEY_LEN);
	assert_true(key_from_hex(
		same, "C833E0E5DA1ABD81FB7DD0FCEA7B7E70ECD204BE339D565CADCAC9C2363F5E6C"));
	assert_memory_equal(key, same, KEY_LEN);
	assert_string_equal(key_to_base64(key, text), base64);
	assert_string_equal(key_to_hex(key, text), hex);
	assert_string_equal(key_abbreviate(key, text), "yDPg\xe2\x80\xa6/Xmw");
	assert_true(strlen(text) < KEY_ABBREVIATED_MAX);
}

/* Against libsodium's own codecs. */
static void
random_keys_as_libsodium_has_them(void **state)
{
	for (unsigned i = 0; i < 2000; i++) {
		uint8_t key[KEY_LEN], back[KEY_LEN];
		char ours[KEY_HEX_LEN + 1], theirs[KEY_HEX_LEN + 1];

		assert_int_equal(random_fill(key, sizeof(key)), 0);
		sodium_bin2base64(
			theirs, KEY_BASE64_LEN + 1, key, KEY_LEN, sodium_base64_VARIANT_ORIGINAL);
		assert_string_equal(key_to_base64(key, ours), theirs);
		assert_true(key_from_base64(back, theirs));
		assert_memory_equal(back, key, KEY_LEN);
		sodium_bin2hex(theirs, sizeof(theirs), key, KEY_LEN);
		assert_string_equal(key_to_hex(key, ours), theirs);
		assert_true(key_from_hex(back, theirs));
		assert_memory_equal(back, key, KEY_LEN);
	}
}

static void
assert_refused(bool taken, const uint8_t key[KEY_LEN])
{
	static const uint8_t zeros[KEY_LEN];

	assert_false(taken);
	assert_memory_equal(key, zeros, KEY_LEN);
}

/* Every byte value at every place; the base64 twin is the alphabet, the hex twin too. */
static void
defect_19_other_characters_are_refused(void **state)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t key[KEY_LEN];

	for (unsigned at = 0; at < KEY_BASE64_LEN; at++) {
		for (unsigned c = 0; c < 256; c++) {
			char text[sizeof(base64)];
			const char *in = c ? strchr(alphabet, (int)c) : NULL;
			bool in_last_place = in && (in - alphabet) % 4 == 0;
			bool fine = at < 42 ? in != NULL : at == 42 ? in_last_place : c == '=';

			memcpy(text, base64, sizeof(text));
			text[at] = (char)c;
			memset(key, 1, sizeof(key));
			if (fine)
				assert_true(key_from_base64(key, text));
			else
				assert_refused(key_from_base64(key, text), key);
		}
	}
	for (unsigned at = 0; at < KEY_HEX_LEN; at++) {
		for (unsigned c = 0; c < 256; c++) {
			char text[sizeof(hex)];

			memcpy(text, hex, sizeof(text));
			text[at] = (char)c;
			memset(key, 1, sizeof(key));
			if (c && strchr("0123456789abcdefABCDEF", (int)c))
				assert_true(key_from_hex(key, text));
			else
				assert_refused(key_from_hex(key, text), key);
		}
	}
}

static void
defect_19_other_lengths_are_refused(void **state)
{
	uint8_t key[KEY_LEN];
	char text[KEY_HEX_LEN + 2];

	for (unsigned len = 0; len < KEY_BASE64_LEN; len++) {
		memset(key, 1, sizeof(key));
		memcpy(text, base64 + KEY_BASE64_LEN - len, len + 1);
		assert_refused(key_from_base64(key, text), key);
	}
	for (unsigned len = 0; len <= KEY_HEX_LEN + 1; len++) {
		memset(key, 1, sizeof(key));
		memset(text, 'a', len);
		text[len] = '\0';
		if (len != KEY_HEX_LEN)
			assert_refused(key_from_hex(key, text), key);
	}
	memcpy(text, base64, sizeof(base64));
	strcat(text, "=");
	assert_refused(key_from_base64(key, text), key);
}

/* The judge is X25519 itself: it refuses exactly these. */
static void
low_order_keys(void **state)
{
	static const char *const low[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	static const unsigned char scalar[32] = {8};
	unsigned char shared[32];
	uint8_t key[KEY_LEN];

	for (size_t i = 0; i < sizeof(low) / sizeof(low[0]); i++) {
		for (unsigned top = 0; top < 2; top++) {
			assert_true(key_from_hex(key, low[i]));
			key[31] |= (uint8_t)(top << 7);
			assert_true(key_is_low_order(key));
			assert_int_not_equal(crypto_scalarmult(shared, scalar, key), 0);
			for (unsigned bit = 0; bit < 255; bit++) {
				key[bit / 8] ^= (uint8_t)(1 << bit % 8);
				assert_int_equal(key_is_low_order(key),
					crypto_scalarmult(shared, scalar, key) != 0);
				key[bit / 8] ^= (uint8_t)(1 << bit % 8);
			}
		}
	}
	assert_true(key_from_base64(key, base64));
	assert_false(key_is_low_order(key));
}

static int
init_sodium(void **state)
{
	return sodium_init() < 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_texts),
		cmocka_unit_test(random_keys_as_libsodium_has_them),
		cmocka_unit_test(defect_19_other_characters_are_refused),
		cmocka_unit_test(defect_19_other_lengths_are_refused),
		cmocka_unit_test(low_order_keys),
	};

	return cmocka_run_group_tests_name("key", tests, init_sodium, NULL);
}
