/*
 * Tests of crypto by one whole handshake, primitive by primitive, as WireGuard strings them
 * together: the vectors come from an independent implementation that also talked to a real peer.
 * The order is that of Noise_IKpsk2; names are its own, numbered in the order they come up.
 * Threads: none.
 */
#include "crypto/blake2s.h"
#include "crypto/x25519.h"

#include "hex.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char ck0[] = "60e26daef327efc02ec335e2a025d2d016eb4206f87277f52d38d1988b78cd36";
static const char h0[] = "2211b361081ac566691243db458ad5322d9c6c662293e8b70ee19c65ba079ef3";
static const char s_i[] = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";
static const char pub_s_i[] = "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c";
static const char s_r[] = "2122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f40";
static const char pub_s_r[] = "5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b";
static const char e_i[] = "4142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f60";
static const char pub_e_i[] = "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466";
static const char e_r[] = "6162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80";
static const char pub_e_r[] = "244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680ebfe7adad49";
static const char ss[] = "a84dc7c3c8f058b1b2dc4cd1e9b5dc0a7987f88b6a9564cde3391fc421159e77";
static const char timestamp[] = "400000006553f10a07000000";
static const char mac1key_r[] = "5c5cbbfd0c782a2539047315dc2b629f825570bc6a8686d245dd060463b85e1b";
static const char mac1key_i[] = "6d0855ea6225516c9993e0bc4312a1703292766b0578e0ad25b2f9e05a1f0c57";
static const char cookiekey_r[] =
	"17728e626505a9a7054fda9a980a5209fb72714de5d9e476848ec7214cc83713";
static const char h_after_s_r[] =
	"e991030defb72f2c551e33ca34cbaf94d903524dd32c522f15decb3753abcc4e";
static const char ck1[] = "914c3f4423fedfc7e3f0ca1e20ac4f1fc4752afee9ce67d305352813d450c2e2";
static const char h1[] = "b571280070a80f2f91f68b74f9b87d5c8b8b06fe90adc0a90596bbb5bb546d47";
static const char ck2[] = "6e73fad0dff3a2354e540b7978f9c1aa8a8e05b3be60f4d0d90de2769439e512";
static const char k_static[] = "a8eced84cf0f2c950b7ddf81ec03a4acc0bf7115f5b4934f3d4ef388c915a878";
static const char h2[] = "5030445f2429153146c73759c21159531af069f1aae943f2e6a512459b971e9d";
static const char ck3[] = "643693a7636a42b588f115bc0aae9a1db8432634b2e8d96ed67d308e74e132f5";
static const char k_ts[] = "13ca985fba3d289c4ae6314286e1323ec6295d7448d5bc3553089b80ecbd984e";
static const char h3[] = "353febbefe8c2cae0679c83d17454fd3e9376c67a1e075c774a33b1aa1ce1576";
static const char msg1[] = "010000004433221164b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188"
			   "dd128d9846d48466158a0e4ca242d151ca97ab90159a98b67e616625e68b4065"
			   "d357376b6598e644ad7d678c0295d22de4cb43d5135581ed36346bfa7cf42a12"
			   "2639f89315e67f2b43de40f99f8e6be9135e1632d45237be41c55cffa3e7b390"
			   "a525fe6500000000000000000000000000000000";

/* From the response on, which mixes the pre-shared key in. */
struct second_half {
	const char *psk;
	const char *ck4;
	const char *h4;
	const char *ck5;
	const char *ck6;
	const char *ck7;
	const char *tau;
	const char *k_empty;
	const char *h5;
	const char *h6;
	const char *msg2;
	const char *t1;
	const char *t2;
};

static const struct second_half second_halves[] = {
	{
		.psk = "0000000000000000000000000000000000000000000000000000000000000000",
		.ck4 = "6389c57689d0b5c6fe6310b75e522ca804e880e9233375227b2d58f99d4d01c2",
		.h4 = "24ae8e481debe5375d9a6d5a479c71bae1d39e1a52259da1a7214bacd83d0094",
		.ck5 = "b84ef602ef51ee13429c3d385d3b3d0c3c40bc3d9be752ca953ce67a3528bb44",
		.ck6 = "8ecebfee7f79ffc1d6f2289338cfb7720ac330d48f8163afcbe23bd3d109ff17",
		.ck7 = "b798cb0d698b0fad7db1cbf5aea4f6d50c5fdecdba893d07d92a49b0fac83fce",
		.tau = "49659a08562954ffe6a1b733f79b108e23c5b859e9e0ba7c2352353c447035d5",
		.k_empty = "2441c0cb7b1a5c2bb3765e61393e064a8e487d1caede8360f4ee6729c991a0d5",
		.h5 = "bcb4f07f50d172d2159db0fb3f9df673d6aa9dfbc11ca9a5a5b8a05ac24d5789",
		.h6 = "1373946d6b5d0038e69ac1a72a59e42700e8b48e48144b78722e9336380578ab",
		.msg2 = "02000000ddccbbaa44332211244fe3b963e899dd295baffce248d3530f3a9a74"
			"79ba063002680ebfe7adad496b48bcfdb2fa6808c058f0c9ef1c288f23194b60"
			"8bdf186e3c94fba6444a668700000000000000000000000000000000",
		.t1 = "c5f330b6dc92c8bd4124800733b33cd9d7e5dd2ac8c782e1b558f9b2b60804d8",
		.t2 = "df0e53eac779a4c1ab023907c8dda549efdbf8ca9a4ce931ba1d27a2a8be73f9",
	},
	{
		.psk = "8182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0",
		.ck4 = "6389c57689d0b5c6fe6310b75e522ca804e880e9233375227b2d58f99d4d01c2",
		.h4 = "24ae8e481debe5375d9a6d5a479c71bae1d39e1a52259da1a7214bacd83d0094",
		.ck5 = "b84ef602ef51ee13429c3d385d3b3d0c3c40bc3d9be752ca953ce67a3528bb44",
		.ck6 = "8ecebfee7f79ffc1d6f2289338cfb7720ac330d48f8163afcbe23bd3d109ff17",
		.ck7 = "08f6c56ff80891c79f11a909e3951bee532a9bb89a26be63697e89e8ff7e6345",
		.tau = "c97360491258f9eceba437a4f92ee1fecd539114478af256965f86dd3ae05322",
		.k_empty = "e4262a17ec3434e24d8407c6142410b8883c5f842a5741a8bcf5a25ce69a040d",
		.h5 = "84db17000832ac9850241b0bd1c479748ef35084cca3a5670455c5c19a97d3c1",
		.h6 = "3537b74e02005e1531d2c00660730b21d3672f2dce5dfca875851ca01845c604",
		.msg2 = "02000000ddccbbaa44332211244fe3b963e899dd295baffce248d3530f3a9a74"
			"79ba063002680ebfe7adad4927d9d0c10dbd892b072dfd62f2b6d42b932d9304"
			"e251246b3d1c8b975d84a85400000000000000000000000000000000",
		.t1 = "248a29611829aaf7ee8bc8e87df805c1019f08f82d80eb79b7625821ba0a1317",
		.t2 = "848308e622b3e15e5ebc5312111efc31082e86c85e9ee93fe8c5aa7f972cc9c3",
	},
};

static const char cookie_secret[] =
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
static const char cookie4[] = "94365838d59c965c485216f6c7c125ee";
static const char cookie6[] = "cdf8cff53110c47c12bf8773c66a2227";
static const char cookie_reply[] =
	"0300000044332211c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7"
	"b32d435f3c9c6562a710fde5cc4fefef570498f03760ab7b83b1af34820f252f";
static const char msg1_macs[] = "d45237be41c55cffa3e7b390a525fe65759ff0d788b053d4d6079641e1c55496";

static void
test_names(void **state)
{
	static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
	static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";
	uint8_t hash[32];

	(void)state;
	blake2s_hash(hash, &(struct blake2s_piece){construction, 37}, 1);
	assert_hex(hash, ck0);
	blake2s_hash2(hash, hash, 32, identifier, 34);
	assert_hex(hash, h0);
	blake2s_hash2(hash, hash, 32, hex_of(pub_s_r).bytes, 32);
	assert_hex(hash, h_after_s_r);
}

static void
test_keys(void **state)
{
	static const char *const pairs[][2] = {
		{s_i, pub_s_i}, {s_r, pub_s_r}, {e_i, pub_e_i}, {e_r, pub_e_r}};
	uint8_t result[32];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(x25519_public(result, hex_of(pairs[i][0]).bytes), 0);
		assert_hex(result, pairs[i][1]);
	}
	assert_int_equal(x25519(result, hex_of(s_i).bytes, hex_of(pub_s_r).bytes), 0);
	assert_hex(result, ss);
	assert_int_equal(x25519(result, hex_of(s_r).bytes, hex_of(pub_s_i).bytes), 0);
	assert_hex(result, ss);
}

static void
test_mac_keys(void **state)
{
	uint8_t key[32];

	(void)state;
	blake2s_hash2(key, "mac1----", 8, hex_of(pub_s_r).bytes, 32);
	assert_hex(key, mac1key_r);
	blake2s_hash2(key, "mac1----", 8, hex_of(pub_s_i).bytes, 32);
	assert_hex(key, mac1key_i);
	blake2s_hash2(key, "cookie--", 8, hex_of(pub_s_r).bytes, 32);
	assert_hex(key, cookiekey_r);
}

/* Mixes the DH of the two keys into `chaining_key`; `key` may be NULL. */
static void
mix_dh(uint8_t chaining_key[32], uint8_t *key, const char *private_key, const char *public_key)
{
	uint8_t shared[32];

	assert_int_equal(x25519(shared, hex_of(private_key).bytes, hex_of(public_key).bytes), 0);
	blake2s_kdf(
		(uint8_t *[]){chaining_key, key}, key != NULL ? 2 : 1, chaining_key, shared, 32);
}

static void
test_initiation(void **state)
{
	struct hex message = hex_of(msg1);
	struct hex ck = hex_of(ck0);
	struct hex hash = hex_of(h_after_s_r);
	uint8_t key[32];
	uint8_t sealed[48];
	uint8_t opened[32];

	(void)state;
	/* e */
	blake2s_hash2(hash.bytes, hash.bytes, 32, hex_of(pub_e_i).bytes, 32);
	assert_hex(hash.bytes, h1);
	blake2s_kdf((uint8_t *[]){ck.bytes}, 1, ck.bytes, hex_of(pub_e_i).bytes, 32);
	assert_hex(ck.bytes, ck1);
	/* es, s */
	mix_dh(ck.bytes, key, e_i, pub_s_r);
	assert_hex(ck.bytes, ck2);
	assert_hex(key, k_static);
	handshake_seal(sealed, key, hex_of(pub_s_i).bytes, 32, hash.bytes, 32);
	assert_memory_equal(sealed, message.bytes + 40, 48);
	assert_int_equal(handshake_open(opened, key, message.bytes + 40, 48, hash.bytes, 32), 0);
	assert_hex(opened, pub_s_i);
	blake2s_hash2(hash.bytes, hash.bytes, 32, sealed, 48);
	assert_hex(hash.bytes, h2);
	/* ss, timestamp */
	mix_dh(ck.bytes, key, s_i, pub_s_r);
	assert_hex(ck.bytes, ck3);
	assert_hex(key, k_ts);
	handshake_seal(sealed, key, hex_of(timestamp).bytes, 12, hash.bytes, 32);
	assert_memory_equal(sealed, message.bytes + 88, 28);
	blake2s_hash2(hash.bytes, hash.bytes, 32, sealed, 28);
	assert_hex(hash.bytes, h3);
	blake2s_mac(sealed, hex_of(mac1key_r).bytes, 32, message.bytes, 116);
	assert_memory_equal(sealed, message.bytes + 116, 16);
}

static void
check_second_half(const struct second_half *half)
{
	struct hex message = hex_of(half->msg2);
	struct hex ck = hex_of(ck3);
	struct hex hash = hex_of(h3);
	uint8_t transport[2][32];
	uint8_t mixed[32];
	uint8_t key[32];
	uint8_t sealed[16];

	/* e */
	blake2s_hash2(hash.bytes, hash.bytes, 32, hex_of(pub_e_r).bytes, 32);
	assert_hex(hash.bytes, half->h4);
	blake2s_kdf((uint8_t *[]){ck.bytes}, 1, ck.bytes, hex_of(pub_e_r).bytes, 32);
	assert_hex(ck.bytes, half->ck4);
	/* ee, se */
	mix_dh(ck.bytes, NULL, e_r, pub_e_i);
	assert_hex(ck.bytes, half->ck5);
	mix_dh(ck.bytes, NULL, e_r, pub_s_i);
	assert_hex(ck.bytes, half->ck6);
	/* psk */
	blake2s_kdf((uint8_t *[]){ck.bytes, mixed, key}, 3, ck.bytes, hex_of(half->psk).bytes, 32);
	assert_hex(ck.bytes, half->ck7);
	assert_hex(mixed, half->tau);
	assert_hex(key, half->k_empty);
	blake2s_hash2(hash.bytes, hash.bytes, 32, mixed, 32);
	assert_hex(hash.bytes, half->h5);
	handshake_seal(sealed, key, NULL, 0, hash.bytes, 32);
	assert_memory_equal(sealed, message.bytes + 44, 16);
	assert_int_equal(handshake_open(mixed, key, sealed, 16, hash.bytes, 32), 0);
	blake2s_hash2(hash.bytes, hash.bytes, 32, sealed, 16);
	assert_hex(hash.bytes, half->h6);
	blake2s_mac(sealed, hex_of(mac1key_i).bytes, 32, message.bytes, 60);
	assert_memory_equal(sealed, message.bytes + 60, 16);
	blake2s_kdf((uint8_t *[]){transport[0], transport[1]}, 2, ck.bytes, NULL, 0);
	assert_hex(transport[0], half->t1);
	assert_hex(transport[1], half->t2);
}

static void
test_response(void **state)
{
	(void)state;
	check_second_half(&second_halves[0]);
	check_second_half(&second_halves[1]);
}

static void
test_cookies(void **state)
{
	/* 192.0.2.7 and 2001:db8::7, each with port 51820. */
	struct hex from4 = hex_of("c0000207ca6c");
	struct hex from6 = hex_of("20010db8000000000000000000000007ca6c");
	struct hex reply = hex_of(cookie_reply);
	struct hex macs = hex_of(msg1_macs);
	struct hex message = hex_of(msg1);
	uint8_t result[32];

	(void)state;
	blake2s_mac(result, hex_of(cookie_secret).bytes, 32, from6.bytes, from6.len);
	assert_hex(result, cookie6);
	blake2s_mac(result, hex_of(cookie_secret).bytes, 32, from4.bytes, from4.len);
	assert_hex(result, cookie4);
	xaead_seal(result, hex_of(cookiekey_r).bytes, reply.bytes + 8, hex_of(cookie4).bytes, 16,
		macs.bytes, 16);
	assert_memory_equal(result, reply.bytes + 32, 32);
	assert_int_equal(xaead_open(result, hex_of(cookiekey_r).bytes, reply.bytes + 8,
				 reply.bytes + 32, 32, macs.bytes, 16),
		0);
	assert_hex(result, cookie4);
	/* mac2 covers mac1. */
	blake2s_mac(result, hex_of(cookie4).bytes, 16, message.bytes, 132);
	assert_memory_equal(result, macs.bytes + 16, 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_mac_keys),
		cmocka_unit_test(test_initiation),
		cmocka_unit_test(test_response),
		cmocka_unit_test(test_cookies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
