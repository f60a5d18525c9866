/*
 * Tests of the handshake: known vectors, and what must be refused without a trace.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "proto/noise.h"
#include "proto/limits.h"
#include "proto/tai64n.h"
#include "base/bytes.h"
#include "crypto/blake2s.h"
#include "crypto/x25519.h"
#include "vectors.h"

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

#define KEY NOISE_KEY_LEN
#define START (1000 * NS_IN_S)
#define REAL_START (1700000000 * NS_IN_S)
#define YEAR_NS (UINT64_C(31536000) * NS_IN_S)
#define LOW_ORDER_COUNT 7

static const char *const low_order[LOW_ORDER_COUNT] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static const uint8_t zeros[256];

/* One side: itself, its view of the other, and their handshake. */
struct side {
	struct noise_identity identity;
	struct noise_remote remote;
	struct noise_handshake handshake;
};

struct pair {
	struct side initiator;
	struct side responder;
	struct message_initiation initiation;
	struct message_response response;
};

static struct pair
pair_make(const char *preshared_key)
{
	struct pair pair = {.initiation = {{0}}};
	uint8_t key[KEY];
	uint8_t psk[KEY];

	vector_bytes(psk, KEY, preshared_key);
	vector_bytes(key, KEY, VECTOR_INITIATOR_PRIVATE);
	noise_identity_init(&pair.initiator.identity, key);
	vector_bytes(key, KEY, VECTOR_RESPONDER_PRIVATE);
	noise_identity_init(&pair.responder.identity, key);
	noise_remote_init(&pair.initiator.remote, &pair.initiator.identity,
		pair.responder.identity.public_key, psk);
	noise_remote_init(&pair.responder.remote, &pair.responder.identity,
		pair.initiator.identity.public_key, psk);
	return pair;
}

static struct pair
pair_without_psk(void)
{
	return pair_make(vector_psks[0].preshared_key);
}

static void
assert_vector(const uint8_t *bytes, size_t len, const char *expected)
{
	uint8_t wanted[256];

	assert_true(len <= sizeof(wanted));
	vector_bytes(wanted, len, expected);
	assert_memory_equal(bytes, wanted, len);
}

static int
create_at(struct pair *pair, uint64_t real_ns)
{
	uint8_t stamp[MESSAGE_TIMESTAMP_LEN];

	tai64n_make(stamp, real_ns, zeros);
	return noise_initiation_create(&pair->initiator.handshake, &pair->initiator.identity,
		&pair->initiator.remote, VECTOR_INITIATOR_INDEX, stamp, NULL, &pair->initiation);
}

/* Opens and accepts the initiation as the responder would; the first error of the two. */
static int
consume_at(struct pair *pair, uint64_t now_ns)
{
	struct noise_opened opened;
	int status = noise_initiation_open(&opened, &pair->responder.identity, &pair->initiation);

	if (status < 0) {
		assert_memory_equal(&opened, zeros, sizeof(opened));
		return status;
	}
	assert_memory_equal(opened.static_key, pair->responder.remote.public_key, KEY);
	status = noise_initiation_accept(
		&pair->responder.handshake, &opened, &pair->responder.remote, now_ns);
	if (status == -EALREADY) {
		/* The stamp alone is left. */
		assert_memory_not_equal(
			opened.refused_timestamp, zeros, sizeof(opened.refused_timestamp));
		memset(opened.refused_timestamp, 0, sizeof(opened.refused_timestamp));
	}
	assert_memory_equal(&opened, zeros, sizeof(opened));
	return status;
}

static int
respond(struct pair *pair)
{
	return noise_response_create(&pair->responder.handshake, &pair->responder.remote,
		VECTOR_RESPONDER_INDEX, NULL, &pair->response);
}

static int
take_response(struct pair *pair)
{
	return noise_response_accept(&pair->initiator.handshake, &pair->initiator.identity,
		&pair->initiator.remote, &pair->response);
}

/* Both derive; the keys must fit each other. */
static void
assert_session(struct pair *pair)
{
	struct noise_session_keys ours;
	struct noise_session_keys theirs;

	assert_int_equal(noise_session_derive(&pair->initiator.handshake, &ours), 0);
	assert_int_equal(noise_session_derive(&pair->responder.handshake, &theirs), 0);
	assert_true(ours.initiator);
	assert_false(theirs.initiator);
	assert_memory_equal(ours.send_key, theirs.receive_key, KEY);
	assert_memory_equal(ours.receive_key, theirs.send_key, KEY);
	assert_memory_not_equal(ours.send_key, ours.receive_key, KEY);
	assert_int_equal(ours.local_index, theirs.remote_index);
	assert_int_equal(ours.remote_index, theirs.local_index);
}

/* All up to the response, which the initiator has not yet. */
static void
run_to_response(struct pair *pair)
{
	assert_int_equal(create_at(pair, REAL_START), 0);
	assert_int_equal(consume_at(pair, START), 0);
	assert_int_equal(respond(pair), 0);
}

/* Vectors */

static void
hs_1_identity_and_initiation(void **context)
{
	struct pair pair = pair_without_psk();
	uint8_t ephemeral[KEY];
	uint8_t stamp[MESSAGE_TIMESTAMP_LEN];

	assert_true(pair.initiator.identity.present);
	assert_vector(pair.initiator.identity.public_key, KEY, VECTOR_INITIATOR_PUBLIC);
	assert_vector(pair.responder.identity.public_key, KEY, VECTOR_RESPONDER_PUBLIC);
	assert_vector(pair.initiator.remote.static_static, KEY, VECTOR_STATIC_STATIC);
	assert_vector(pair.responder.remote.static_static, KEY, VECTOR_STATIC_STATIC);

	vector_bytes(ephemeral, KEY, VECTOR_INITIATOR_EPHEMERAL);
	vector_bytes(stamp, sizeof(stamp), VECTOR_TIMESTAMP);
	assert_int_equal(noise_initiation_create(&pair.initiator.handshake,
				 &pair.initiator.identity, &pair.initiator.remote,
				 VECTOR_INITIATOR_INDEX, stamp, ephemeral, &pair.initiation),
		0);
	assert_memory_equal(pair.initiation.macs.mac1, zeros, sizeof(struct message_macs));

	uint8_t expected[sizeof(pair.initiation)];
	vector_bytes(expected, sizeof(expected), VECTOR_INITIATION);
	assert_memory_equal(
		&pair.initiation, expected, sizeof(pair.initiation) - sizeof(pair.initiation.macs));
	assert_int_equal(pair.initiator.handshake.state, NOISE_INITIATION_CREATED);
	assert_vector(pair.initiator.handshake.chaining_key, KEY, VECTOR_CK3);
	assert_vector(pair.initiator.handshake.hash, KEY, VECTOR_H3);
}

/* The vector's initiation, on both sides. */
static void
play_initiation(struct pair *pair)
{
	uint8_t ephemeral[KEY];
	uint8_t stamp[MESSAGE_TIMESTAMP_LEN];

	vector_bytes(ephemeral, KEY, VECTOR_INITIATOR_EPHEMERAL);
	vector_bytes(stamp, sizeof(stamp), VECTOR_TIMESTAMP);
	assert_int_equal(noise_initiation_create(&pair->initiator.handshake,
				 &pair->initiator.identity, &pair->initiator.remote,
				 VECTOR_INITIATOR_INDEX, stamp, ephemeral, &pair->initiation),
		0);
	vector_bytes((uint8_t *)&pair->initiation, sizeof(pair->initiation), VECTOR_INITIATION);
	assert_int_equal(consume_at(pair, START), 0);
}

static void
hs_1_keys_of_the_initiator(void **context)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct vector_psk *vector = &vector_psks[i];
		struct pair pair = pair_make(vector->preshared_key);
		struct noise_session_keys keys;
		uint8_t tag[MESSAGE_TAG_LEN];

		play_initiation(&pair);
		vector_bytes((uint8_t *)&pair.response, sizeof(pair.response), vector->response);
		assert_int_equal(take_response(&pair), 0);
		assert_int_equal(pair.initiator.handshake.state, NOISE_RESPONSE_CONSUMED);
		assert_vector(pair.initiator.handshake.chaining_key, KEY, vector->ck7);
		assert_vector(pair.initiator.handshake.hash, KEY, vector->h6);

		assert_int_equal(noise_session_derive(&pair.initiator.handshake, &keys), 0);
		assert_vector(keys.send_key, KEY, vector->initiator_sends);
		assert_vector(keys.receive_key, KEY, vector->responder_sends);
		assert_int_equal(keys.local_index, VECTOR_INITIATOR_INDEX);
		assert_int_equal(keys.remote_index, VECTOR_RESPONDER_INDEX);
		assert_true(keys.initiator);
		assert_memory_equal(
			&pair.initiator.handshake, zeros, sizeof(struct noise_handshake));
		/* Counter 0 is nonce 0, which the handshake's AEAD has. */
		handshake_seal(tag, keys.send_key, "", 0, "", 0);
		assert_vector(tag, sizeof(tag), vector->keepalive_tag);
	}
}

static void
hs_2_opening(void **context)
{
	struct pair pair = pair_without_psk();
	struct noise_opened opened;

	vector_bytes((uint8_t *)&pair.initiation, sizeof(pair.initiation), VECTOR_INITIATION);
	assert_int_equal(
		noise_initiation_open(&opened, &pair.responder.identity, &pair.initiation), 0);
	assert_vector(opened.static_key, KEY, VECTOR_INITIATOR_PUBLIC);
	assert_vector(opened.hash, KEY, VECTOR_H2);
	assert_vector(opened.chaining_key, KEY, VECTOR_CK2);
	assert_int_equal(opened.sender_index, VECTOR_INITIATOR_INDEX);
	assert_int_equal(noise_initiation_accept(
				 &pair.responder.handshake, &opened, &pair.responder.remote, START),
		0);
	assert_int_equal(pair.responder.handshake.state, NOISE_INITIATION_CONSUMED);
	assert_vector(pair.responder.handshake.chaining_key, KEY, VECTOR_CK3);
	assert_vector(pair.responder.handshake.hash, KEY, VECTOR_H3);
	assert_vector(
		pair.responder.handshake.latest_timestamp, MESSAGE_TIMESTAMP_LEN, VECTOR_TIMESTAMP);
	assert_int_equal(pair.responder.handshake.last_consumed_ns, START);
}

static void
hs_2_response_and_keys(void **context)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct vector_psk *vector = &vector_psks[i];
		struct pair pair = pair_make(vector->preshared_key);
		struct noise_session_keys keys;
		uint8_t ephemeral[KEY];
		uint8_t expected[sizeof(pair.response)];

		play_initiation(&pair);
		vector_bytes(ephemeral, KEY, VECTOR_RESPONDER_EPHEMERAL);
		assert_int_equal(
			noise_response_create(&pair.responder.handshake, &pair.responder.remote,
				VECTOR_RESPONDER_INDEX, ephemeral, &pair.response),
			0);
		vector_bytes(expected, sizeof(expected), vector->response);
		assert_memory_equal(
			&pair.response, expected, sizeof(expected) - sizeof(struct message_macs));
		assert_memory_equal(pair.response.macs.mac1, zeros, sizeof(struct message_macs));
		assert_int_equal(pair.responder.handshake.state, NOISE_RESPONSE_CREATED);
		assert_vector(pair.responder.handshake.chaining_key, KEY, vector->ck7);
		assert_vector(pair.responder.handshake.hash, KEY, vector->h6);

		assert_int_equal(noise_session_derive(&pair.responder.handshake, &keys), 0);
		assert_vector(keys.send_key, KEY, vector->responder_sends);
		assert_vector(keys.receive_key, KEY, vector->initiator_sends);
		assert_int_equal(keys.local_index, VECTOR_RESPONDER_INDEX);
		assert_int_equal(keys.remote_index, VECTOR_INITIATOR_INDEX);
		assert_false(keys.initiator);
		/* What outlives the handshake does, and nothing else. */
		assert_int_equal(pair.responder.handshake.last_consumed_ns, START);
		assert_vector(pair.responder.handshake.latest_timestamp, MESSAGE_TIMESTAMP_LEN,
			VECTOR_TIMESTAMP);
		assert_memory_equal(&pair.responder.handshake, zeros,
			offsetof(struct noise_handshake, latest_timestamp));
	}
}

/* Both sides, with ephemerals of their own drawing. */
static void
hs_4_sessions_fit(void **context)
{
	for (unsigned i = 0; i < 2; i++) {
		struct pair pair = pair_make(vector_psks[i].preshared_key);

		run_to_response(&pair);
		assert_int_equal(take_response(&pair), 0);
		assert_session(&pair);
	}
}

/* Stamps and spacing */

static void
hs_5_hs_6_old_stamps(void **context)
{
	struct pair pair = pair_without_psk();
	struct noise_handshake before;

	assert_int_equal(create_at(&pair, REAL_START), 0);
	assert_int_equal(consume_at(&pair, START), 0);
	before = pair.responder.handshake;
	assert_int_equal(consume_at(&pair, START + NS_IN_S), -EALREADY);
	assert_int_equal(create_at(&pair, REAL_START), 0);
	assert_int_equal(consume_at(&pair, START + NS_IN_S), -EALREADY);
	assert_int_equal(create_at(&pair, REAL_START - 20 * NS_IN_MS), 0);
	assert_int_equal(consume_at(&pair, START + NS_IN_S), -EALREADY);
	assert_memory_equal(&pair.responder.handshake, &before, sizeof(before));
	/* The stamp outlives the handshake. */
	noise_handshake_erase(&pair.responder.handshake);
	assert_int_equal(pair.responder.handshake.state, NOISE_ZEROED);
	assert_int_equal(consume_at(&pair, START + 2 * NS_IN_S), -EALREADY);
}

static void
hs_7_stamp_from_the_future(void **context)
{
	struct pair pair = pair_without_psk();

	assert_int_equal(create_at(&pair, REAL_START + 10 * YEAR_NS), 0);
	assert_int_equal(consume_at(&pair, START), 0);
	assert_int_equal(create_at(&pair, REAL_START), 0);
	assert_int_equal(consume_at(&pair, START + NS_IN_S), -EALREADY);
	memset(&pair.responder.handshake, 0, sizeof(pair.responder.handshake));
	assert_int_equal(consume_at(&pair, START + NS_IN_S), 0);
}

static void
hs_13_defect_5_spacing(void **context)
{
	struct pair pair = pair_without_psk();
	struct noise_handshake before;

	assert_int_equal(create_at(&pair, REAL_START), 0);
	assert_int_equal(consume_at(&pair, START), 0);
	before = pair.responder.handshake;
	assert_int_equal(create_at(&pair, REAL_START + NS_IN_S), 0);
	assert_int_equal(consume_at(&pair, START + 5 * NS_IN_MS), -EAGAIN);
	assert_int_equal(consume_at(&pair, START + 20 * NS_IN_MS - 1), -EAGAIN);
	assert_memory_equal(&pair.responder.handshake, &before, sizeof(before));
	/* The very same one, for its stamp was not kept. */
	assert_int_equal(consume_at(&pair, START + 20 * NS_IN_MS), 0);
	assert_int_equal(create_at(&pair, REAL_START + 2 * NS_IN_S), 0);
	assert_int_equal(consume_at(&pair, START + 45 * NS_IN_MS), 0);
}

/* The spacing counts from the last one consumed, also in the first milliseconds after boot. */
static void
hs_13_first_of_all(void **context)
{
	struct pair pair = pair_without_psk();

	assert_int_equal(create_at(&pair, REAL_START), 0);
	assert_int_equal(consume_at(&pair, 1), 0);
}

/* Low-order points */

static void
point_of(uint8_t point[KEY], unsigned number)
{
	vector_bytes(point, KEY, low_order[number / 2]);
	point[KEY - 1] |= number % 2 ? 0x80 : 0;
}

/* An initiation with a low-order ephemeral, well sealed by the zeros that each DH with it gives. */
static void
forge_initiation(struct pair *pair, const uint8_t point[KEY])
{
	uint8_t chaining_key[KEY];
	uint8_t hash[KEY];
	uint8_t key[KEY];
	uint8_t *const outputs[] = {chaining_key, key};

	blake2s_hash2(chaining_key, "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s", 37, "", 0);
	blake2s_hash2(hash, chaining_key, KEY, "WireGuard v1 zx2c4 Jason@zx2c4.com", 34);
	blake2s_hash2(hash, hash, KEY, pair->responder.identity.public_key, KEY);
	memcpy(pair->initiation.ephemeral, point, KEY);
	blake2s_hash2(hash, hash, KEY, point, KEY);
	blake2s_kdf(outputs, 1, chaining_key, point, KEY);
	blake2s_kdf(outputs, 2, chaining_key, zeros, KEY);
	handshake_seal(pair->initiation.sealed_static, key, pair->initiator.identity.public_key,
		KEY, hash, KEY);
}

/* A response likewise, to the initiator's handshake under way; without preshared key. */
static void
forge_response(struct pair *pair, const uint8_t point[KEY])
{
	uint8_t chaining_key[KEY];
	uint8_t hash[KEY];
	uint8_t tau[KEY];
	uint8_t key[KEY];
	uint8_t *const outputs[] = {chaining_key, tau, key};

	memcpy(chaining_key, pair->initiator.handshake.chaining_key, KEY);
	memcpy(pair->response.ephemeral, point, KEY);
	blake2s_hash2(hash, pair->initiator.handshake.hash, KEY, point, KEY);
	blake2s_kdf(outputs, 1, chaining_key, point, KEY);
	blake2s_kdf(outputs, 1, chaining_key, zeros, KEY); /* ee */
	blake2s_kdf(outputs, 1, chaining_key, zeros, KEY); /* se */
	blake2s_kdf(outputs, 3, chaining_key, zeros, KEY);
	blake2s_hash2(hash, hash, KEY, tau, KEY);
	handshake_seal(pair->response.sealed_empty, key, "", 0, hash, KEY);
}

static void
hs_11_low_order_ephemerals(void **context)
{
	struct pair pair = pair_without_psk();

	run_to_response(&pair);
	for (unsigned number = 0; number < 2 * LOW_ORDER_COUNT; number++) {
		const struct noise_handshake before = pair.initiator.handshake;
		uint8_t point[KEY];

		point_of(point, number);
		forge_initiation(&pair, point);
		assert_int_equal(consume_at(&pair, START + NS_IN_S), -EBADMSG);
		forge_response(&pair, point);
		assert_int_equal(take_response(&pair), -EBADMSG);
		assert_memory_equal(&pair.initiator.handshake, &before, sizeof(before));
	}
}

static void
hs_11_no_response_to_a_low_order_ephemeral(void **context)
{
	struct pair pair = pair_without_psk();
	struct noise_handshake before;

	assert_int_equal(create_at(&pair, REAL_START), 0);
	assert_int_equal(consume_at(&pair, START), 0);
	point_of(pair.responder.handshake.remote_ephemeral, 3);
	before = pair.responder.handshake;
	assert_int_equal(respond(&pair), -EINVAL);
	assert_memory_equal(&pair.responder.handshake, &before, sizeof(before));
	assert_memory_equal(&pair.response, zeros, sizeof(pair.response));
}

static void
hs_12_low_order_peers(void **context)
{
	struct pair pair = pair_without_psk();

	assert_int_equal(create_at(&pair, REAL_START), 0);
	for (unsigned number = 0; number < 2 * LOW_ORDER_COUNT; number++) {
		const struct noise_handshake before = pair.initiator.handshake;
		uint8_t point[KEY];

		point_of(point, number);
		noise_remote_init(&pair.initiator.remote, &pair.initiator.identity, point, NULL);
		assert_memory_equal(pair.initiator.remote.public_key, point, KEY);
		assert_memory_equal(pair.initiator.remote.static_static, zeros, KEY);
		assert_int_equal(create_at(&pair, REAL_START), -EINVAL);
		assert_memory_equal(&pair.initiation, zeros, sizeof(pair.initiation));
		assert_memory_equal(&pair.initiator.handshake, &before, sizeof(before));
	}
}

/* An initiation that claims a low-order static key, its stamp well sealed by the zeros of ss. */
static void
hs_12_low_order_sender(void **context)
{
	struct pair pair = pair_without_psk();
	struct noise_opened opened = {.sender_index = 1};
	struct noise_handshake before = pair.responder.handshake;
	uint8_t derived[2][KEY];
	uint8_t *const outputs[] = {derived[0], derived[1]};
	uint8_t stamp[MESSAGE_TIMESTAMP_LEN];

	tai64n_make(stamp, REAL_START, zeros);
	blake2s_kdf(outputs, 2, opened.chaining_key, zeros, KEY);
	handshake_seal(opened.sealed_timestamp, derived[1], stamp, sizeof(stamp), opened.hash, KEY);
	noise_remote_init(&pair.responder.remote, &pair.responder.identity, zeros, NULL);
	assert_int_equal(noise_initiation_accept(
				 &pair.responder.handshake, &opened, &pair.responder.remote, START),
		-EBADMSG);
	assert_memory_equal(&pair.responder.handshake, &before, sizeof(before));
	assert_memory_equal(&opened, zeros, sizeof(opened));
}

/* Order of messages */

static void
hs_17_response_to_an_earlier_initiation(void **context)
{
	struct pair pair = pair_without_psk();
	struct message_response late;
	struct noise_handshake before;

	run_to_response(&pair);
	late = pair.response;
	assert_int_equal(create_at(&pair, REAL_START + 5 * NS_IN_S), 0);
	assert_int_equal(consume_at(&pair, START + 5 * NS_IN_S), 0);
	assert_int_equal(respond(&pair), 0);
	before = pair.initiator.handshake;
	assert_int_equal(noise_response_accept(&pair.initiator.handshake, &pair.initiator.identity,
				 &pair.initiator.remote, &late),
		-EBADMSG);
	assert_memory_equal(&pair.initiator.handshake, &before, sizeof(before));
	assert_int_equal(take_response(&pair), 0);
	assert_session(&pair);
}

static void
hs_18_response_twice(void **context)
{
	struct pair pair = pair_without_psk();
	struct noise_session_keys keys;

	run_to_response(&pair);
	assert_int_equal(take_response(&pair), 0);
	assert_int_equal(take_response(&pair), -EINVAL);
	assert_session(&pair);
	assert_int_equal(take_response(&pair), -EINVAL);
	assert_int_equal(noise_session_derive(&pair.initiator.handshake, &keys), -EINVAL);
}

static void
hs_19_wrong_preshared_key(void **context)
{
	struct pair pair = pair_make(vector_psks[1].preshared_key);
	struct noise_handshake before;

	noise_remote_init(&pair.initiator.remote, &pair.initiator.identity,
		pair.responder.identity.public_key, NULL);
	assert_memory_equal(pair.initiator.remote.preshared_key, zeros, KEY);
	run_to_response(&pair);
	before = pair.initiator.handshake;
	assert_int_equal(take_response(&pair), -EBADMSG);
	assert_memory_equal(&pair.initiator.handshake, &before, sizeof(before));
}

/* Both initiate at once, both answer: both responses come to a handshake that is past that. */
static void
hs_20_crossing(void **context)
{
	struct pair ours = pair_without_psk();
	struct pair theirs;
	struct noise_session_keys keys;

	/* The other direction of the same two sides. */
	theirs.initiator = ours.responder;
	theirs.responder = ours.initiator;
	assert_int_equal(create_at(&ours, REAL_START), 0);
	assert_int_equal(create_at(&theirs, REAL_START), 0);
	ours.responder.handshake = theirs.initiator.handshake;
	theirs.responder.handshake = ours.initiator.handshake;
	assert_int_equal(consume_at(&ours, START), 0);
	assert_int_equal(consume_at(&theirs, START), 0);
	assert_int_equal(respond(&ours), 0);
	assert_int_equal(respond(&theirs), 0);
	ours.initiator.handshake = theirs.responder.handshake;
	assert_int_equal(take_response(&ours), -EINVAL);
	assert_int_equal(noise_session_derive(&ours.initiator.handshake, &keys), 0);
	assert_false(keys.initiator);
}

/* Every bit of what the AEADs cover, in both messages. */
static void
hs_22_corrupted(void **context)
{
	struct pair pair = pair_without_psk();
	const size_t first = offsetof(struct message_initiation, ephemeral);
	struct noise_handshake before;

	assert_int_equal(create_at(&pair, REAL_START), 0);
	before = pair.responder.handshake;
	for (size_t at = first; at < offsetof(struct message_initiation, macs); at++) {
		/* The top bit of a public key is ignored by DH, but not by the transcript. */
		for (unsigned bit = 0; bit < 8; bit += 7) {
			((uint8_t *)&pair.initiation)[at] ^= (uint8_t)(1 << bit);
			assert_int_equal(consume_at(&pair, START), -EBADMSG);
			((uint8_t *)&pair.initiation)[at] ^= (uint8_t)(1 << bit);
		}
	}
	assert_memory_equal(&pair.responder.handshake, &before, sizeof(before));
	assert_int_equal(consume_at(&pair, START), 0);
	assert_int_equal(respond(&pair), 0);

	before = pair.initiator.handshake;
	for (size_t at = offsetof(struct message_response, ephemeral);
		at < offsetof(struct message_response, macs); at++) {
		for (unsigned bit = 0; bit < 8; bit += 7) {
			((uint8_t *)&pair.response)[at] ^= (uint8_t)(1 << bit);
			assert_int_equal(take_response(&pair), -EBADMSG);
			((uint8_t *)&pair.response)[at] ^= (uint8_t)(1 << bit);
		}
	}
	assert_memory_equal(&pair.initiator.handshake, &before, sizeof(before));
	assert_int_equal(take_response(&pair), 0);
	assert_session(&pair);
}

/* No function moves on from a state that is not its own. */
static void
wrong_states(void **context)
{
	struct pair pair = pair_without_psk();
	struct noise_session_keys keys;

	for (int state = NOISE_ZEROED; state <= NOISE_RESPONSE_CONSUMED; state++) {
		struct noise_handshake before;

		pair.responder.handshake.state = (enum noise_state)state;
		pair.initiator.handshake.state = (enum noise_state)state;
		before = pair.initiator.handshake;
		if (state != NOISE_INITIATION_CONSUMED) {
			assert_int_equal(respond(&pair), -EINVAL);
			assert_memory_equal(&pair.responder.handshake, &before, sizeof(before));
		}
		if (state != NOISE_INITIATION_CREATED) {
			assert_int_equal(take_response(&pair), -EINVAL);
			assert_memory_equal(&pair.initiator.handshake, &before, sizeof(before));
		}
		if (state != NOISE_RESPONSE_CREATED && state != NOISE_RESPONSE_CONSUMED) {
			assert_int_equal(
				noise_session_derive(&pair.initiator.handshake, &keys), -EINVAL);
			assert_memory_equal(&pair.initiator.handshake, &before, sizeof(before));
		}
	}
}

static void
hs_25_without_private_key(void **context)
{
	struct pair pair = pair_without_psk();
	struct noise_opened opened;

	assert_int_equal(create_at(&pair, REAL_START), 0);
	noise_identity_init(&pair.responder.identity, zeros);
	assert_false(pair.responder.identity.present);
	assert_memory_equal(&pair.responder.identity, zeros, sizeof(pair.responder.identity));
	memset(&opened, 0xff, sizeof(opened));
	assert_int_equal(noise_initiation_open(&opened, &pair.responder.identity, &pair.initiation),
		-ENOKEY);
	assert_memory_equal(&opened, zeros, sizeof(opened));
	noise_remote_init(&pair.responder.remote, &pair.responder.identity,
		pair.initiator.identity.public_key, NULL);
	assert_memory_equal(pair.responder.remote.static_static, zeros, KEY);

	memset(&pair.initiation, 0xff, sizeof(pair.initiation));
	noise_identity_init(&pair.initiator.identity, zeros);
	assert_int_equal(create_at(&pair, REAL_START), -ENOKEY);
	assert_memory_equal(&pair.initiation, zeros, sizeof(pair.initiation));
}

static int
compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, KEY);
}

static void
hs_27_ephemerals_differ(void **context)
{
	static uint8_t seen[2000][KEY];
	struct pair pair = pair_without_psk();

	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(create_at(&pair, REAL_START + i * NS_IN_S), 0);
		assert_int_equal(consume_at(&pair, START + i * NS_IN_S), 0);
		assert_int_equal(respond(&pair), 0);
		memcpy(seen[2 * i], pair.initiation.ephemeral, KEY);
		memcpy(seen[2 * i + 1], pair.response.ephemeral, KEY);
	}
	qsort(seen, 2000, KEY, compare_keys);
	for (unsigned i = 1; i < 2000; i++)
		assert_memory_not_equal(seen[i - 1], seen[i], KEY);
}

/* After a change of our key the object's own fields are given back to it. */
static void
remote_made_from_itself(void **context)
{
	struct pair pair = pair_make(vector_psks[1].preshared_key);
	struct noise_remote before = pair.initiator.remote;

	noise_remote_init(&pair.initiator.remote, &pair.initiator.identity,
		pair.initiator.remote.public_key, pair.initiator.remote.preshared_key);
	assert_memory_equal(&pair.initiator.remote, &before, sizeof(before));
	noise_remote_init(&pair.initiator.remote, &pair.responder.identity,
		pair.initiator.remote.public_key, pair.initiator.remote.preshared_key);
	assert_memory_equal(pair.initiator.remote.preshared_key, before.preshared_key, KEY);
	assert_memory_not_equal(pair.initiator.remote.static_static, before.static_static, KEY);
}

static int
group_setup(void **context)
{
	return crypto_init();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hs_1_identity_and_initiation),
		cmocka_unit_test(hs_1_keys_of_the_initiator),
		cmocka_unit_test(hs_2_opening),
		cmocka_unit_test(hs_2_response_and_keys),
		cmocka_unit_test(hs_4_sessions_fit),
		cmocka_unit_test(hs_5_hs_6_old_stamps),
		cmocka_unit_test(hs_7_stamp_from_the_future),
		cmocka_unit_test(hs_11_low_order_ephemerals),
		cmocka_unit_test(hs_11_no_response_to_a_low_order_ephemeral),
		cmocka_unit_test(hs_12_low_order_peers),
		cmocka_unit_test(hs_12_low_order_sender),
		cmocka_unit_test(hs_13_defect_5_spacing),
		cmocka_unit_test(hs_13_first_of_all),
		cmocka_unit_test(hs_17_response_to_an_earlier_initiation),
		cmocka_unit_test(hs_18_response_twice),
		cmocka_unit_test(hs_19_wrong_preshared_key),
		cmocka_unit_test(hs_20_crossing),
		cmocka_unit_test(hs_22_corrupted),
		cmocka_unit_test(hs_25_without_private_key),
		cmocka_unit_test(hs_27_ephemerals_differ),
		cmocka_unit_test(wrong_states),
		cmocka_unit_test(remote_made_from_itself),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
