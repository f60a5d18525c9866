/*
 * Tests of crypto/aead: every backend against every other one on random batches, and forgeries.
 * Black box against the header; libsodium, checked by RFC 8439's vector, is the last judge.
 * Threads: none.
 */
#include "crypto/aead.h"

#include "base/bytes.h"

#include "hex.h"

#include <sodium.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define BACKENDS_MAX 8
#define CANARY_LEN 64
#define SLOT (CANARY_LEN + 64 + AEAD_LEN_MAX + AEAD_TAG_LEN + CANARY_LEN)

/* All contexts that this CPU allows. */
struct contexts {
	struct aead *aead[BACKENDS_MAX];
	size_t count;
};

/* The packets of one batch: texts, what they must become, and where backends work. */
struct batch {
	struct aead_packet packets[AEAD_BATCH_MAX];
	uint8_t keys[AEAD_BATCH_MAX][AEAD_KEY_LEN];
	uint8_t text[AEAD_BATCH_MAX][AEAD_LEN_MAX];
	uint8_t sealed[AEAD_BATCH_MAX][AEAD_LEN_MAX + AEAD_TAG_LEN];
	uint8_t offered[AEAD_BATCH_MAX][AEAD_LEN_MAX]; /* forged, before it was opened */
	uint8_t slots[AEAD_BATCH_MAX][SLOT];
	unsigned count;
};

/* Fast rather than good: tests spend their time on packets. */
static void
fill_random(uint8_t *to, size_t len)
{
	uint64_t state = (uint64_t)rand() << 32 ^ (uint64_t)rand() << 8 ^ 1;

	for (; len > 0; to += sizeof(state)) {
		const size_t part = len < sizeof(state) ? len : sizeof(state);

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		memcpy(to, &state, part);
		len -= part;
	}
}

static uint64_t
mask_of(unsigned count)
{
	return count == 0 ? 0 : UINT64_MAX >> (64 - count);
}

static void
reference_seal(uint8_t *sealed, const uint8_t *text, const struct aead_packet *packet)
{
	uint8_t nonce[12] = {0};

	store_le64(nonce + 4, packet->counter);
	crypto_aead_chacha20poly1305_ietf_encrypt(
		sealed, NULL, text, packet->len, NULL, 0, NULL, nonce, packet->key);
}

static int
open_contexts(void **state)
{
	static struct contexts contexts;

	for (const char *const *name = aead_backends(); *name != NULL; name++) {
		struct aead *aead = aead_create(*name);

		if (aead == NULL && errno == ENOTSUP && strcmp(*name, "auto") != 0) {
			print_message("%s: not on this CPU\n", *name);
			continue;
		}
		if (aead == NULL)
			return -1;
		contexts.aead[contexts.count++] = aead;
	}
	*state = &contexts;
	return 0;
}

static int
close_contexts(void **state)
{
	struct contexts *contexts = *state;

	for (size_t i = 0; i < contexts->count; i++)
		aead_destroy(contexts->aead[i]);
	return 0;
}

static void
test_names(void **state)
{
	struct contexts *contexts = *state;

	assert_string_equal(aead_backends()[0], "auto");
	assert_in_range(contexts->count, 2, BACKENDS_MAX);
	for (const char *const *name = aead_backends() + 1; *name != NULL; name++) {
		struct aead *aead = aead_create(*name);

		if (aead == NULL)
			continue;
		assert_string_equal(aead_name(aead), *name);
		assert_int_equal(aead_self_test(aead), 0);
		aead_destroy(aead);
	}
	aead_destroy(NULL);
}

/* The backends of this CPU, in order, by its own word. */
static const char *
native_backends(void)
{
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512ifma"))
		return "auto,avx512,avx2,ipsec-mb,sodium";
	return __builtin_cpu_supports("avx2") ? "auto,avx2,ipsec-mb,sodium" : "auto,sodium";
}

/* What GUARDLANE_TEST_BACKENDS says, else what this CPU has, in order, and nothing else. */
static void
test_expected_backends(void **state)
{
	struct contexts *contexts = *state;
	const char *expected = getenv("GUARDLANE_TEST_BACKENDS");
	char found[128] = "";

	if (expected == NULL)
		expected = native_backends();
	for (size_t i = 0; i < contexts->count; i++) {
		strcat(found, i > 0 ? "," : "");
		strcat(found, aead_name(contexts->aead[i]));
	}
	assert_string_equal(found, expected);
}

/* "auto" goes to backends that there are, and whoever is like it goes to the same. */
static void
test_choice(void **state)
{
	struct contexts *contexts = *state;
	struct aead *aead = contexts->aead[0];
	struct aead *like = aead_create_like(aead);

	assert_non_null(like);
	assert_string_equal(aead_name(aead), "auto");
	assert_string_equal(aead_name(like), "auto");
	for (uint32_t len = 0; len <= AEAD_LEN_MAX; len += 32) {
		for (unsigned count = 1; count <= AEAD_BATCH_MAX; count++) {
			for (int open = 0; open < 2; open++) {
				const char *name = aead_choice(aead, open, len, count);
				size_t i = 1;

				while (i < contexts->count &&
					strcmp(name, aead_name(contexts->aead[i])) != 0)
					i++;
				assert_in_range(i, 1, contexts->count - 1);
				assert_string_equal(name, aead_choice(like, open, len, count));
			}
		}
	}
	aead_destroy(like);
	assert_string_equal(aead_choice(contexts->aead[contexts->count - 1], true, 64, 32),
		aead_name(contexts->aead[contexts->count - 1]));
}

static void
test_unknown(void **state)
{
	static const char *const names[] = {"", "Auto", "sodium ", "openssl", "ipsec-mb,sodium"};
	struct aead *aead = aead_create(NULL);

	(void)state;
	assert_non_null(aead);
	aead_destroy(aead);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		errno = 0;
		assert_null(aead_create(names[i]));
		assert_int_equal(errno, EINVAL);
	}
}

/* RFC 8439, 2.8.2: has associated data, which packets have not, so it tries only the judge. */
static void
test_judge(void **state)
{
	static const char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
				   "only one tip for the future, sunscreen would be it.";
	struct hex key = hex_of("808182838485868788898a8b8c8d8e8f"
				"909192939495969798999a9b9c9d9e9f");
	struct hex nonce = hex_of("070000004041424344454647");
	struct hex ad = hex_of("50515253c0c1c2c3c4c5c6c7");
	uint8_t sealed[114 + 16];

	(void)state;
	crypto_aead_chacha20poly1305_ietf_encrypt(sealed, NULL, (const uint8_t *)text, 114,
		ad.bytes, ad.len, NULL, nonce.bytes, key.bytes);
	assert_hex(sealed,
		"d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
		"3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
		"92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
		"3ff4def08e4b7a9de576d26586cec64b6116"
		"1ae10b594f09e26a7e902ecbd0600691");
}

/* Data messages of the handshake in test_handshake_vectors, from the same source. */
static void
defect_11_published(void **state)
{
	static const struct {
		const char *key;
		uint64_t counter;
		const char *text;
		const char *sealed;
	} cases[] = {
		{"c5f330b6dc92c8bd4124800733b33cd9d7e5dd2ac8c782e1b558f9b2b60804d8", 0, "",
			"fd3ffdf38f1bfad20a6fdb169d83d3d3"},
		{"c5f330b6dc92c8bd4124800733b33cd9d7e5dd2ac8c782e1b558f9b2b60804d8", 1,
			"4500001c00010000401100000a0000010a00000203e807d00008000000000000",
			"d2b8605b6b839cdfcbfd09c81c167c48493c1e87861905cf84adbd949932dac0"
			"03a0932d060b89e302eeda902d9a7f28"},
		{"df0e53eac779a4c1ab023907c8dda549efdbf8ca9a4ce931ba1d27a2a8be73f9",
			(UINT64_C(1) << 60) + 5,
			"4500001c00010000401100000a0000010a00000203e807d00008000000000000",
			"d9f2e5c069f7c84847ff3d696ba6247550f52193ef558d950a25773cf8c5cebd"
			"37c4456cec4c8d6ab449156b7ea57351"},
	};
	struct contexts *contexts = *state;

	for (size_t i = 0; i < 3; i++) {
		for (size_t n = 0; n < contexts->count; n++) {
			struct hex key = hex_of(cases[i].key);
			struct hex data = hex_of(cases[i].text);
			struct aead_packet packet = {
				data.bytes, key.bytes, cases[i].counter, (uint32_t)data.len};

			assert_int_equal(aead_seal(contexts->aead[n], &packet, 1), 1);
			assert_hex(data.bytes, cases[i].sealed);
			assert_int_equal(aead_open(contexts->aead[n], &packet, 1), 1);
			assert_hex(data.bytes, cases[i].text);
		}
	}
}

/*
 * A length of one of the kinds that matter: tiny, around block limits, any, the longest. Of short
 * ones, which are at most 600 bytes, four times as many batches can be tried.
 */
static uint32_t
random_len(int any)
{
	switch (any ? rand() % 7 : 4 + rand() % 3) {
	case 0:
		return (uint32_t)rand() % 18;
	case 1:
		return 64 * ((uint32_t)rand() % 20 + 1) + (uint32_t)rand() % 3 - 1;
	case 2:
		return (uint32_t)rand() % (AEAD_LEN_MAX + 1);
	case 3:
		return rand() % 8 ? 1424 : AEAD_LEN_MAX;
	case 4:
		return 16 * ((uint32_t)rand() % 24) + (uint32_t)rand() % 3;
	default:
		return (uint32_t)rand() % 600;
	}
}

static void
batch_make(struct batch *batch, unsigned count)
{
	int one_key = rand() % 2;
	int one_len = rand() % 4 == 0;
	int any_len = rand() % 8 == 0;

	batch->count = count;
	fill_random(&batch->keys[0][0], sizeof(batch->keys));
	for (unsigned i = 0; i < count; i++) {
		struct aead_packet *packet = &batch->packets[i];

		packet->key = batch->keys[one_key ? 0 : (unsigned)rand() % AEAD_BATCH_MAX];
		packet->counter = (uint64_t)rand() << (rand() % 34);
		packet->len = one_len && i > 0 ? batch->packets[0].len : random_len(any_len);
		packet->data = batch->slots[i] + CANARY_LEN + rand() % 64;
		fill_random(batch->text[i], packet->len);
		reference_seal(batch->sealed[i], batch->text[i], packet);
	}
}

/* Puts the `len` bytes at `from` where packet `i` lies, canaries before and behind it. */
static void
batch_load(struct batch *batch, unsigned i, const uint8_t *from, size_t len)
{
	const struct aead_packet *packet = &batch->packets[i];

	memset(packet->data - CANARY_LEN, 0xca, CANARY_LEN);
	memset(packet->data + packet->len, 0xcb, AEAD_TAG_LEN);
	memset(packet->data + packet->len + AEAD_TAG_LEN, 0xca, CANARY_LEN);
	memcpy(packet->data, from, len);
}

/* Checks that the packet's bytes are `expected`, and those around it canaries. */
static void
batch_expect(const struct batch *batch, unsigned i, const uint8_t *expected, size_t len)
{
	const struct aead_packet *packet = &batch->packets[i];
	uint8_t canary[CANARY_LEN];

	memset(canary, 0xca, sizeof(canary));
	if (memcmp(packet->data - CANARY_LEN, canary, CANARY_LEN) != 0 ||
		memcmp(packet->data + packet->len + AEAD_TAG_LEN, canary, CANARY_LEN) != 0)
		fail_msg("a byte beside packet %u of %u bytes", i, packet->len);
	if (memcmp(packet->data, expected, len) != 0)
		fail_msg("packet %u of %u, %u bytes", i, batch->count, packet->len);
}

/* A forged packet is left as it was offered, or its text is zeros: no plaintext. */
static void
batch_expect_refused(const struct batch *batch, unsigned i, const uint8_t *offered)
{
	static const uint8_t zeros[AEAD_LEN_MAX];
	const struct aead_packet *packet = &batch->packets[i];

	batch_expect(batch, i, packet->data, 0);
	if (memcmp(packet->data, offered, packet->len) != 0)
		assert_memory_equal(packet->data, zeros, packet->len);
}

/* Some of the packets forged by one bit of text or tag. */
static void
batch_trial_forged(struct batch *batch, struct aead *aead)
{
	uint64_t forged = 0;
	const unsigned count = batch->count;
	const unsigned one_in = rand() % 4 == 0 ? 1 : 3;

	for (unsigned i = 0; i < count; i++) {
		struct aead_packet *packet = &batch->packets[i];
		const size_t len = (size_t)packet->len + AEAD_TAG_LEN;

		batch_load(batch, i, batch->sealed[i], len);
		if ((unsigned)rand() % one_in != 0)
			continue;
		forged |= UINT64_C(1) << i;
		packet->data[(size_t)rand() % len] ^= (uint8_t)(1U << rand() % 8);
		memcpy(batch->offered[i], packet->data, packet->len);
	}
	assert_true(aead_open(aead, batch->packets, count) == (mask_of(count) & ~forged));
	for (unsigned i = 0; i < count; i++) {
		if (forged >> i & 1)
			batch_expect_refused(batch, i, batch->offered[i]);
		else
			batch_expect(batch, i, batch->text[i], batch->packets[i].len);
	}
}

static void
batch_trial(struct batch *batch, struct aead *aead)
{
	unsigned count = batch->count;

	for (unsigned i = 0; i < count; i++)
		batch_load(batch, i, batch->text[i], batch->packets[i].len);
	assert_true(aead_seal(aead, batch->packets, count) == mask_of(count));
	for (unsigned i = 0; i < count; i++)
		batch_expect(batch, i, batch->sealed[i], batch->packets[i].len + AEAD_TAG_LEN);
	/* The tags stay as they are, whichever way the text goes. */
	assert_true(aead_open(aead, batch->packets, count) == mask_of(count));
	for (unsigned i = 0; i < count; i++)
		batch_expect(batch, i, batch->text[i], batch->packets[i].len);
	batch_trial_forged(batch, aead);
}

/* GUARDLANE_TEST_SEED repeats a run, GUARDLANE_TEST_BATCHES makes it longer. */
static void
test_random(void **state)
{
	struct contexts *contexts = *state;
	struct batch *batch = malloc(sizeof(*batch));
	const char *given_seed = getenv("GUARDLANE_TEST_SEED");
	const char *given_batches = getenv("GUARDLANE_TEST_BATCHES");
	const unsigned long batches =
		given_batches != NULL ? strtoul(given_batches, NULL, 10) : 3200;
	unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();

	assert_non_null(batch);
	if (given_seed != NULL)
		seed = (unsigned)strtoul(given_seed, NULL, 10);
	print_message("seed %u, %lu batches\n", seed, batches);
	srand(seed);
	for (unsigned long round = 0; round < batches; round++) {
		batch_make(batch, (unsigned)(round % AEAD_BATCH_MAX) + 1);
		for (size_t n = 0; n < contexts->count; n++)
			batch_trial(batch, contexts->aead[n]);
	}
	free(batch);
}

/* Every length once, so that none hides between the random ones. */
static void
p_1_lengths(void **state)
{
	struct contexts *contexts = *state;
	struct batch *batch = malloc(sizeof(*batch));

	assert_non_null(batch);
	for (uint32_t len = 0; len <= 2048; len += AEAD_BATCH_MAX) {
		batch_make(batch, AEAD_BATCH_MAX);
		for (unsigned i = 0; i < AEAD_BATCH_MAX; i++) {
			batch->packets[i].len = len + i;
			fill_random(batch->text[i], len + i);
			reference_seal(batch->sealed[i], batch->text[i], &batch->packets[i]);
		}
		for (size_t n = 0; n < contexts->count; n++)
			batch_trial(batch, contexts->aead[n]);
	}
	free(batch);
}

/* Buffers of the exact size, so that AddressSanitizer sees what canaries cannot: reads. */
static void
test_exact_buffers(void **state)
{
	struct contexts *contexts = *state;
	const uint8_t key[AEAD_KEY_LEN] = {1};

	for (uint32_t len = 0; len < 300; len++) {
		for (size_t n = 0; n < contexts->count; n++) {
			uint8_t *data = calloc(1, len + AEAD_TAG_LEN);
			struct aead_packet packet = {data, key, len, len};

			assert_non_null(data);
			assert_int_equal(aead_seal(contexts->aead[n], &packet, 1), 1);
			assert_int_equal(aead_open(contexts->aead[n], &packet, 1), 1);
			free(data);
		}
	}
}

/* Every single bit of the tag, at every place in batches of several sizes. */
static void
defect_1_forged_tags(void **state)
{
	static const unsigned counts[] = {1, 2, 7, 16, 33, 64};
	struct contexts *contexts = *state;
	struct batch *batch = malloc(sizeof(*batch));

	assert_non_null(batch);
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		unsigned count = counts[c];

		batch_make(batch, count);
		for (unsigned i = 0; i < count; i++) {
			batch->packets[i].len %= 200;
			reference_seal(batch->sealed[i], batch->text[i], &batch->packets[i]);
		}
		for (unsigned trial = 0; trial < 128 * contexts->count; trial++) {
			struct aead *aead = contexts->aead[trial / 128];
			unsigned bit = trial % 128;
			unsigned victim = trial % count;

			for (unsigned i = 0; i < count; i++)
				batch_load(batch, i, batch->sealed[i],
					batch->packets[i].len + AEAD_TAG_LEN);
			batch->packets[victim].data[batch->packets[victim].len + bit / 8] ^=
				(uint8_t)(1U << bit % 8);
			assert_true(aead_open(aead, batch->packets, count) ==
				(mask_of(count) & ~(UINT64_C(1) << victim)));
		}
	}
	free(batch);
}

/* Another counter in any bit, or another key in any bit. */
static void
test_other_nonce_or_key(void **state)
{
	struct contexts *contexts = *state;
	uint8_t sealed[40 + AEAD_TAG_LEN] = {0};
	uint8_t key[AEAD_KEY_LEN] = {3};
	struct aead_packet packet = {sealed, key, 77, 40};
	uint8_t data[sizeof(sealed)];

	assert_int_equal(aead_seal(contexts->aead[0], &packet, 1), 1);
	packet.data = data;
	for (size_t n = 0; n < contexts->count; n++) {
		for (unsigned bit = 0; bit < 64; bit++) {
			memcpy(data, sealed, sizeof(data));
			packet.counter = 77 ^ UINT64_C(1) << bit;
			assert_int_equal(aead_open(contexts->aead[n], &packet, 1), 0);
		}
		packet.counter = 77;
		for (unsigned bit = 0; bit < 256; bit++) {
			memcpy(data, sealed, sizeof(data));
			key[bit / 8] ^= (uint8_t)(1U << bit % 8);
			assert_int_equal(aead_open(contexts->aead[n], &packet, 1), 0);
			key[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
		memcpy(data, sealed, sizeof(data));
		assert_int_equal(aead_open(contexts->aead[n], &packet, 1), 1);
	}
}

static void
test_empty_batch(void **state)
{
	struct contexts *contexts = *state;

	for (size_t n = 0; n < contexts->count; n++) {
		assert_true(aead_seal(contexts->aead[n], NULL, 0) == 0);
		assert_true(aead_open(contexts->aead[n], NULL, 0) == 0);
	}
}

/* With any argument the random batches alone: meson.build runs them so, several at a time. */
int
main(int argc, char *argv[])
{
	const struct CMUnitTest random_alone[] = {cmocka_unit_test(test_random)};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_expected_backends),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(defect_11_published),
		cmocka_unit_test(test_random),
		cmocka_unit_test(p_1_lengths),
		cmocka_unit_test(test_exact_buffers),
		cmocka_unit_test(defect_1_forged_tags),
		cmocka_unit_test(test_other_nonce_or_key),
		cmocka_unit_test(test_empty_batch),
	};

	if (argc > 1)
		return cmocka_run_group_tests(random_alone, open_contexts, close_contexts);
	return cmocka_run_group_tests(tests, open_contexts, close_contexts);
}
