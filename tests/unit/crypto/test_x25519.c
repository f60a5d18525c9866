/*
 * Tests of crypto/x25519: RFC 7748, low-order points, the AEADs of the handshake.
 * Black box against the header; XChaCha20-Poly1305 by the vector of draft-irtf-cfrg-xchacha-03.
 * Threads: none.
 */
#include "crypto/x25519.h"

#include "hex.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
test_rfc7748(void **state)
{
	static const char *const cases[][3] = {
		{"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
			"e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
			"c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
		{"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
			"e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
			"95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
		{"5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
			"8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
			"4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
	};
	uint8_t public_key[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t shared[32];

		assert_int_equal(
			x25519(shared, hex_of(cases[i][0]).bytes, hex_of(cases[i][1]).bytes), 0);
		assert_hex(shared, cases[i][2]);
	}
	assert_int_equal(x25519_public(public_key, hex_of(cases[2][0]).bytes), 0);
	assert_hex(public_key, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
}

static void
test_rfc7748_iterated(void **state)
{
	uint8_t k[32] = {9};
	uint8_t u[32] = {9};

	(void)state;
	for (unsigned i = 1; i <= 1000; i++) {
		uint8_t result[32];

		assert_int_equal(x25519(result, k, u), 0);
		memcpy(u, k, 32);
		memcpy(k, result, 32);
		if (i == 1)
			assert_hex(k,
				"422c8e7a6227d7bca1350b3e2bb7279f"
				"7897b87bb6854b783c60e80311ae3079");
	}
	assert_hex(k, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

static void
test_low_order(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	static const uint8_t zeros[32];

	(void)state;
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		for (unsigned high = 0; high < 2; high++) {
			struct hex point = hex_of(points[i]);
			uint8_t private_key[32];
			uint8_t shared[32];

			point.bytes[31] |= (uint8_t)(high << 7);
			memset(private_key, 0x11 + (int)i, sizeof(private_key));
			memset(shared, 0x5a, sizeof(shared));
			assert_int_equal(x25519(shared, private_key, point.bytes), -EINVAL);
			assert_memory_equal(shared, zeros, 32);
		}
	}
}

static void
test_clamp(void **state)
{
	uint8_t key[32];
	uint8_t clamped[32];
	uint8_t a[32];
	uint8_t b[32];

	(void)state;
	memset(key, 0xff, sizeof(key));
	x25519_clamp(key);
	assert_hex(key, "f8ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
	memset(key, 0, sizeof(key));
	x25519_clamp(key);
	assert_hex(key, "0000000000000000000000000000000000000000000000000000000000000040");
	/* Clamped or not, the private key means the same. */
	for (unsigned i = 0; i < 32; i++)
		key[i] = (uint8_t)(0xff - i);
	memcpy(clamped, key, sizeof(key));
	x25519_clamp(clamped);
	assert_memory_not_equal(clamped, key, sizeof(key));
	assert_int_equal(x25519_public(a, key), 0);
	assert_int_equal(x25519_public(b, clamped), 0);
	assert_memory_equal(a, b, 32);
}

static void
test_agreement(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		uint8_t keys[2][32];
		uint8_t publics[2][32];
		uint8_t shared[2][32];

		for (unsigned side = 0; side < 2; side++) {
			memset(keys[side], (int)(round * 2 + side + 1), 32);
			assert_int_equal(x25519_public(publics[side], keys[side]), 0);
		}
		assert_int_equal(x25519(shared[0], keys[0], publics[1]), 0);
		assert_int_equal(x25519(shared[1], keys[1], publics[0]), 0);
		assert_memory_equal(shared[0], shared[1], 32);
	}
}

static const char sunscreen[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
				"only one tip for the future, sunscreen would be it.";

static void
test_xaead_published(void **state)
{
	struct hex key = hex_of("808182838485868788898a8b8c8d8e8f"
				"909192939495969798999a9b9c9d9e9f");
	struct hex nonce = hex_of("404142434445464748494a4b4c4d4e4f5051525354555657");
	struct hex ad = hex_of("50515253c0c1c2c3c4c5c6c7");
	uint8_t sealed[114 + 16];
	uint8_t text[114];

	(void)state;
	xaead_seal(sealed, key.bytes, nonce.bytes, sunscreen, 114, ad.bytes, ad.len);
	assert_hex(sealed,
		"bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
		"731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
		"2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
		"21f9664c97637da9768812f615c68b13b52e"
		"c0875924c1c7987947deafd8780acf49");
	assert_int_equal(
		xaead_open(text, key.bytes, nonce.bytes, sealed, sizeof(sealed), ad.bytes, ad.len),
		0);
	assert_memory_equal(text, sunscreen, 114);
}

/* Either of the two AEADs, so that both pass the same trials. */
struct cipher {
	void (*seal)(uint8_t *sealed, const uint8_t key[32], const void *text, size_t len,
		const void *ad, size_t ad_len);
	int (*open)(uint8_t *text, const uint8_t key[32], const void *sealed, size_t sealed_len,
		const void *ad, size_t ad_len);
};

static const uint8_t some_nonce[XAEAD_NONCE_LEN] = {1, 2, 3, [23] = 4};

static void
seal_x(uint8_t *sealed, const uint8_t key[32], const void *text, size_t len, const void *ad,
	size_t ad_len)
{
	xaead_seal(sealed, key, some_nonce, text, len, ad, ad_len);
}

static int
open_x(uint8_t *text, const uint8_t key[32], const void *sealed, size_t sealed_len, const void *ad,
	size_t ad_len)
{
	return xaead_open(text, key, some_nonce, sealed, sealed_len, ad, ad_len);
}

static const struct cipher ciphers[] = {{handshake_seal, handshake_open}, {seal_x, open_x}};

static void
expect_refused(const struct cipher *cipher, const uint8_t key[32], const uint8_t *sealed,
	size_t sealed_len, const uint8_t *ad, size_t ad_len)
{
	uint8_t text[64];

	memset(text, 0x5a, sizeof(text));
	assert_int_equal(cipher->open(text, key, sealed, sealed_len, ad, ad_len), -EBADMSG);
	for (size_t i = 0; i < sizeof(text); i++)
		assert_int_equal(text[i], sealed_len >= 16 && i < sealed_len - 16 ? 0 : 0x5a);
}

static void
test_forged(void **state)
{
	uint8_t key[32];
	uint8_t ad[32];

	(void)state;
	memset(key, 7, sizeof(key));
	memset(ad, 8, sizeof(ad));
	for (const struct cipher *cipher = ciphers; cipher < ciphers + 2; cipher++) {
		for (size_t len = 0; len <= 32; len += 8) {
			uint8_t text[32];
			uint8_t opened[32];
			uint8_t sealed[48];

			memset(text, 9, sizeof(text));
			cipher->seal(sealed, key, text, len, ad, sizeof(ad));
			assert_int_equal(
				cipher->open(opened, key, sealed, len + 16, ad, sizeof(ad)), 0);
			assert_memory_equal(opened, text, len);
			for (size_t bit = 0; bit < (len + 16) * 8; bit++) {
				sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
				expect_refused(cipher, key, sealed, len + 16, ad, sizeof(ad));
				sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
			}
			for (size_t cut = 0; cut < len + 16; cut++)
				expect_refused(cipher, key, sealed, cut, ad, sizeof(ad));
			expect_refused(cipher, key, sealed, len + 16, ad, sizeof(ad) - 1);
			expect_refused(cipher, ad, sealed, len + 16, ad, sizeof(ad));
		}
	}
}

static void
test_init_again(void **state)
{
	(void)state;
	assert_int_equal(crypto_init(), 0);
	assert_int_equal(crypto_init(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init_again),
		cmocka_unit_test(test_rfc7748),
		cmocka_unit_test(test_rfc7748_iterated),
		cmocka_unit_test(test_low_order),
		cmocka_unit_test(test_clamp),
		cmocka_unit_test(test_agreement),
		cmocka_unit_test(test_xaead_published),
		cmocka_unit_test(test_forged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
