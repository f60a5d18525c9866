/*
 * Tests of macs and cookies.
 * On the packet's way: nowhere.
 * Threads: one.
 */
#include "proto/cookie.h"
#include "proto/limits.h"
#include "base/bytes.h"
#include "crypto/blake2s.h"
#include "crypto/x25519.h"
#include "vectors.h"

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

#define START (1000 * NS_IN_S)
#define RESPONSE_LEN sizeof(struct message_response)
#define INITIATION_LEN sizeof(struct message_initiation)
#define MAC1_AT (INITIATION_LEN - 32)
#define MAC2_AT (INITIATION_LEN - 16)

/* We, the responder, and our peer, the initiator. */
struct sides {
	struct cookie_checker checker;
	struct cookie_jar jar;
	struct endpoint source;
	uint8_t message[INITIATION_LEN];
};

static struct endpoint
endpoint_of(const char *text)
{
	struct endpoint endpoint;

	assert_int_equal(endpoint_parse(text, &endpoint), 0);
	return endpoint;
}

static struct sides
sides_make(void)
{
	struct sides sides = {.source = endpoint_of("192.0.2.7:51820")};
	uint8_t public_key[MESSAGE_KEY_LEN];

	vector_bytes(public_key, sizeof(public_key), VECTOR_RESPONDER_PUBLIC);
	cookie_checker_init(&sides.checker, public_key);
	cookie_jar_init(&sides.jar, public_key);
	vector_bytes(sides.message, sizeof(sides.message), VECTOR_INITIATION);
	return sides;
}

enum verdict {
	MAC1_WRONG,
	MAC1_VALID,
	MAC2_VALID, /* both are */
};

static enum verdict
check_message(const struct sides *sides, const uint8_t *message, size_t len, uint64_t now_ns)
{
	const struct cookie_messages one = cookie_one(message, len, &sides->source);

	if (cookie_mac1_valid(&sides->checker, &one) == 0)
		return MAC1_WRONG;
	return cookie_mac2_valid(&sides->checker, &one, 1, now_ns) != 0 ? MAC2_VALID : MAC1_VALID;
}

static enum verdict
check(const struct sides *sides, uint64_t now_ns)
{
	return check_message(sides, sides->message, INITIATION_LEN, now_ns);
}

static int
reply_make(struct sides *sides, const void *message, size_t len, uint64_t now_ns,
	struct message_cookie_reply *reply)
{
	const struct cookie_messages one = cookie_one(message, len, &sides->source);

	return cookie_replies_make(&sides->checker, &one, 1, now_ns, reply);
}

/* A message of the peer, its reply of ours, which the peer takes. */
static void
exchange_cookie(struct sides *sides, uint64_t now_ns)
{
	struct message_cookie_reply reply;

	cookie_add_macs(&sides->jar, sides->message, INITIATION_LEN, now_ns);
	assert_int_equal(reply_make(sides, sides->message, INITIATION_LEN, now_ns, &reply), 0);
	assert_int_equal(cookie_reply_accept(&sides->jar, &reply, now_ns), 0);
}

static bool
mac2_is_zero(const struct sides *sides)
{
	static const uint8_t zeros[MESSAGE_MAC_LEN];

	return memcmp(sides->message + MAC2_AT, zeros, sizeof(zeros)) == 0;
}

static void
assert_vector(const uint8_t *bytes, size_t len, const char *expected)
{
	uint8_t wanted[256];

	assert_true(len <= sizeof(wanted));
	vector_bytes(wanted, len, expected);
	assert_memory_equal(bytes, wanted, len);
}

static void
keys_are_the_vectors(void **context)
{
	struct sides sides = sides_make();
	uint8_t public_key[MESSAGE_KEY_LEN];

	assert_vector(sides.checker.mac1_key, 32, VECTOR_RESPONDER_MAC1_KEY);
	assert_vector(sides.checker.cookie_key, 32, VECTOR_RESPONDER_COOKIE_KEY);
	assert_vector(sides.jar.mac1_key, 32, VECTOR_RESPONDER_MAC1_KEY);
	assert_vector(sides.jar.cookie_key, 32, VECTOR_RESPONDER_COOKIE_KEY);
	vector_bytes(public_key, sizeof(public_key), VECTOR_INITIATOR_PUBLIC);
	cookie_jar_init(&sides.jar, public_key);
	assert_vector(sides.jar.mac1_key, 32, VECTOR_INITIATOR_MAC1_KEY);
}

static void
cookie_reply_and_mac2_are_the_vectors(void **context)
{
	struct sides sides = sides_make();
	struct message_cookie_reply reply;

	memset(sides.message + MAC1_AT, 0xee, 32);
	cookie_add_macs(&sides.jar, sides.message, INITIATION_LEN, START);
	assert_vector(sides.message, INITIATION_LEN, VECTOR_INITIATION);

	vector_bytes((uint8_t *)&reply, sizeof(reply), VECTOR_COOKIE_REPLY);
	assert_int_equal(cookie_reply_accept(&sides.jar, &reply, START), 0);
	assert_vector(sides.jar.cookie, MESSAGE_COOKIE_LEN, VECTOR_COOKIE_IPV4);
	cookie_add_macs(&sides.jar, sides.message, INITIATION_LEN, START);
	assert_vector(sides.message + MAC1_AT, 32, VECTOR_INITIATION_MACS);
}

/* CK-1: the reply to a message without mac2, for both families. */
static void
ck_1_reply(void **context)
{
	static const char *const sources[] = {"192.0.2.7:51820", "[2001:db8::7]:51820"};
	static const char *const cookies[] = {VECTOR_COOKIE_IPV4, VECTOR_COOKIE_IPV6};
	struct sides sides = sides_make();

	vector_bytes(sides.checker.secret, 32, VECTOR_COOKIE_SECRET);
	sides.checker.secret_ns = START;
	for (unsigned i = 0; i < 2; i++) {
		struct message_cookie_reply reply;
		uint8_t cookie[MESSAGE_COOKIE_LEN];
		uint8_t sealed[MESSAGE_COOKIE_LEN + MESSAGE_TAG_LEN];

		sides.source = endpoint_of(sources[i]);
		assert_int_equal(check(&sides, START), MAC1_VALID);
		assert_int_equal(
			reply_make(&sides, sides.message, INITIATION_LEN, START, &reply), 0);
		assert_int_equal(load_le32(reply.type_le32), MESSAGE_COOKIE_REPLY);
		assert_int_equal(load_le32(reply.receiver_index_le32), VECTOR_INITIATOR_INDEX);
		vector_bytes(cookie, sizeof(cookie), cookies[i]);
		xaead_seal(sealed, sides.checker.cookie_key, reply.nonce, cookie, sizeof(cookie),
			sides.message + MAC1_AT, MESSAGE_MAC_LEN);
		assert_memory_equal(reply.sealed_cookie, sealed, sizeof(sealed));
	}
}

/* No two replies have the same nonce, and the secret is not drawn anew. */
static void
ck_1_nonces_differ(void **context)
{
	struct sides sides = sides_make();
	struct message_cookie_reply replies[2];
	uint8_t secret[32];

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(
			reply_make(&sides, sides.message, INITIATION_LEN, START + i, &replies[i]),
			0);
		if (i == 0)
			memcpy(secret, sides.checker.secret, sizeof(secret));
	}
	assert_memory_not_equal(replies[0].nonce, replies[1].nonce, MESSAGE_COOKIE_NONCE_LEN);
	assert_memory_equal(sides.checker.secret, secret, sizeof(secret));
	assert_int_equal(sides.checker.secret_ns, START);
}

static void
ck_2_mac2_opens_the_door(void **context)
{
	struct sides sides = sides_make();

	exchange_cookie(&sides, START);
	cookie_add_macs(&sides.jar, sides.message, INITIATION_LEN, START + NS_IN_S);
	assert_int_equal(check(&sides, START + NS_IN_S), MAC2_VALID);
	for (unsigned bit = 0; bit < 128; bit++) {
		sides.message[MAC2_AT + bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(check(&sides, START + NS_IN_S), MAC1_VALID);
		sides.message[MAC2_AT + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void
ck_3_cookie_of_another_source(void **context)
{
	static const char *const others[] = {"192.0.2.7:51821", "192.0.2.8:51820",
		"[2001:db8::7]:51820", "[::ffff:192.0.2.7]:51820"};
	struct sides sides = sides_make();

	exchange_cookie(&sides, START);
	cookie_add_macs(&sides.jar, sides.message, INITIATION_LEN, START);
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		sides.source = endpoint_of(others[i]);
		assert_int_equal(check(&sides, START), MAC1_VALID);
	}
}

static void
ck_4_secret_is_rotated(void **context)
{
	const uint64_t old_ns = START + COOKIE_SECRET_AGE_NS;
	struct sides sides = sides_make();
	struct message_cookie_reply reply;

	exchange_cookie(&sides, START);
	/* The peer's cookie is a young one: it keeps to its own time. */
	exchange_cookie(&sides, old_ns - 10);
	cookie_add_macs(&sides.jar, sides.message, INITIATION_LEN, old_ns - 1);
	assert_int_equal(check(&sides, old_ns - 1), MAC2_VALID);
	assert_int_equal(check(&sides, old_ns), MAC1_VALID);
	assert_int_equal(reply_make(&sides, sides.message, INITIATION_LEN, old_ns, &reply), 0);
	assert_int_equal(sides.checker.secret_ns, old_ns);
	assert_int_equal(check(&sides, old_ns), MAC1_VALID);
	assert_int_equal(cookie_reply_accept(&sides.jar, &reply, old_ns), 0);
	cookie_add_macs(&sides.jar, sides.message, INITIATION_LEN, old_ns);
	assert_int_equal(check(&sides, old_ns), MAC2_VALID);
}

/* CK-5, CK-6: the next message has mac2, be it an initiation or a response. */
static void
ck_5_ck_6_cookie_serves_both_kinds(void **context)
{
	struct sides sides = sides_make();
	struct message_cookie_reply reply;
	uint8_t response[RESPONSE_LEN] = {MESSAGE_RESPONSE};

	cookie_add_macs(&sides.jar, response, RESPONSE_LEN, START);
	assert_int_equal(check_message(&sides, response, RESPONSE_LEN, START), MAC1_VALID);
	assert_int_equal(reply_make(&sides, response, RESPONSE_LEN, START, &reply), 0);
	assert_int_equal(cookie_reply_accept(&sides.jar, &reply, START), 0);
	cookie_add_macs(&sides.jar, response, RESPONSE_LEN, START);
	assert_int_equal(check_message(&sides, response, RESPONSE_LEN, START), MAC2_VALID);
	cookie_add_macs(&sides.jar, sides.message, INITIATION_LEN, START);
	assert_int_equal(check(&sides, START), MAC2_VALID);
}

static void
ck_7_replies_not_wanted(void **context)
{
	struct sides sides = sides_make();
	struct message_cookie_reply reply;
	struct message_cookie_reply later;
	struct cookie_jar before;

	/* Before anything was sent. */
	assert_int_equal(reply_make(&sides, sides.message, INITIATION_LEN, START, &reply), 0);
	before = sides.jar;
	assert_int_equal(cookie_reply_accept(&sides.jar, &reply, START), -EINVAL);
	assert_memory_equal(&sides.jar, &before, sizeof(before));

	/* For a mac1 that is not the last one. */
	sides.message[20] ^= 1;
	cookie_add_macs(&sides.jar, sides.message, INITIATION_LEN, START);
	before = sides.jar;
	assert_int_equal(cookie_reply_accept(&sides.jar, &reply, START), -EBADMSG);

	/* Any bit of the nonce or the sealed cookie wrong. */
	assert_int_equal(reply_make(&sides, sides.message, INITIATION_LEN, START, &reply), 0);
	for (size_t bit = 64; bit < 8 * sizeof(reply); bit++) {
		later = reply;
		((uint8_t *)&later)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(cookie_reply_accept(&sides.jar, &later, START), -EBADMSG);
	}
	assert_memory_equal(&sides.jar, &before, sizeof(before));

	/* Twice. */
	assert_int_equal(cookie_reply_accept(&sides.jar, &reply, START), 0);
	before = sides.jar;
	assert_int_equal(cookie_reply_accept(&sides.jar, &reply, START + 1), -EINVAL);
	assert_memory_equal(&sides.jar, &before, sizeof(before));
}

static void
ck_8_age_of_the_cookie(void **context)
{
	struct sides sides = sides_make();

	exchange_cookie(&sides, START);
	cookie_add_macs(&sides.jar, sides.message, INITIATION_LEN, START + 114 * NS_IN_S);
	assert_false(mac2_is_zero(&sides));
	cookie_add_macs(&sides.jar, sides.message, INITIATION_LEN, START + 115 * NS_IN_S - 1);
	assert_false(mac2_is_zero(&sides));
	cookie_add_macs(&sides.jar, sides.message, INITIATION_LEN, START + 115 * NS_IN_S);
	assert_true(mac2_is_zero(&sides));
	cookie_add_macs(&sides.jar, sides.message, INITIATION_LEN, START + 116 * NS_IN_S);
	assert_true(mac2_is_zero(&sides));
}

/* The zeroed secret of a checker that never replied opens nothing. */
static void
no_secret_no_cookie(void **context)
{
	static const uint8_t zeros[32];
	struct sides sides = sides_make();
	uint8_t bytes[6] = {192, 0, 2, 7};
	uint8_t cookie[MESSAGE_COOKIE_LEN];

	store_be16(bytes + 4, 51820);
	blake2s_mac(cookie, zeros, sizeof(zeros), bytes, sizeof(bytes));
	blake2s_mac(sides.message + MAC2_AT, cookie, sizeof(cookie), sides.message, MAC2_AT);
	assert_int_equal(check(&sides, 1), MAC1_VALID);
	/* The forgery is well made: with the secret in force it would do. */
	sides.checker.secret_ns = 1;
	assert_int_equal(check(&sides, 1), MAC2_VALID);
}

/* HS-9, and each byte that mac1 covers. */
static void
hs_9_bad_mac1(void **context)
{
	struct sides sides = sides_make();

	for (size_t bit = 0; bit < 8 * MAC2_AT; bit++) {
		sides.message[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(check(&sides, START), MAC1_WRONG);
		sides.message[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(check(&sides, START), MAC1_VALID);
}

/* Of both kinds of message, in batches of every size, some of them wrong. */
static void
mac1_of_a_batch(void **context)
{
	static const size_t lens[] = {INITIATION_LEN, RESPONSE_LEN};
	struct sides sides = sides_make();
	uint8_t messages[COOKIE_BATCH_MAX][INITIATION_LEN];

	for (unsigned kind = 0; kind < 2; kind++) {
		for (unsigned count = 0; count <= COOKIE_BATCH_MAX; count++) {
			struct cookie_messages batch = {.len = lens[kind], .count = count};
			uint64_t valid = 0;

			for (unsigned i = 0; i < count; i++) {
				memset(messages[i], (int)i, sizeof(messages[i]));
				batch.messages[i] = messages[i];
				cookie_add_macs(&sides.jar, messages[i], lens[kind], START);
				if ((i + count) % 3 == 0)
					messages[i][i % lens[kind] % 100] ^= 1;
				else
					valid |= UINT64_C(1) << i;
			}
			assert_int_equal(cookie_mac1_valid(&sides.checker, &batch), valid);
		}
	}
}

/*
 * A full batch of senders, IPv4 and IPv6 in any order, of whom each second is answered: each takes
 * its own reply, and its next mac2 is right for its own address only.
 */
static void
cookies_of_a_batch(void **context)
{
	static const size_t lens[] = {INITIATION_LEN, RESPONSE_LEN};
	const uint64_t answered = UINT64_C(0xaaaaaaaaaaaaaaaa);
	struct sides sides = sides_make();
	struct message_cookie_reply replies[COOKIE_BATCH_MAX];
	uint8_t messages[COOKIE_BATCH_MAX][INITIATION_LEN];
	struct endpoint sources[COOKIE_BATCH_MAX];
	struct cookie_jar jars[COOKIE_BATCH_MAX];

	for (unsigned kind = 0; kind < 2; kind++) {
		struct cookie_messages batch = {.len = lens[kind], .count = COOKIE_BATCH_MAX};

		for (unsigned i = 0; i < COOKIE_BATCH_MAX; i++) {
			sources[i] =
				endpoint_of(i % 3 == 0 ? "[2001:db8::1]:51820" : "192.0.2.1:51820");
			sources[i].port = (uint16_t)(1000 + i);
			jars[i] = sides.jar;
			memset(messages[i], (int)i, sizeof(messages[i]));
			cookie_add_macs(&jars[i], messages[i], lens[kind], START);
			batch.messages[i] = messages[i];
			batch.sources[i] = &sources[i];
		}
		assert_int_equal(
			cookie_replies_make(&sides.checker, &batch, answered, START, replies), 0);
		assert_int_equal(cookie_mac2_valid(&sides.checker, &batch, UINT64_MAX, START), 0);
		for (unsigned i = 0; i < COOKIE_BATCH_MAX; i++) {
			if (answered >> i & 1)
				assert_int_equal(
					cookie_reply_accept(&jars[i], &replies[i], START), 0);
			cookie_add_macs(&jars[i], messages[i], lens[kind], START);
		}
		assert_int_equal(
			cookie_mac2_valid(&sides.checker, &batch, UINT64_MAX, START), answered);
		/* Only those that are asked for. */
		assert_int_equal(cookie_mac2_valid(&sides.checker, &batch, 0xff, START), 0xaa);
		sources[1].port++;
		messages[3][0] ^= 1;
		assert_int_equal(cookie_mac2_valid(&sides.checker, &batch, 0xff, START), 0xa0);
	}
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
		cmocka_unit_test(keys_are_the_vectors),
		cmocka_unit_test(cookie_reply_and_mac2_are_the_vectors),
		cmocka_unit_test(ck_1_reply),
		cmocka_unit_test(ck_1_nonces_differ),
		cmocka_unit_test(ck_2_mac2_opens_the_door),
		cmocka_unit_test(ck_3_cookie_of_another_source),
		cmocka_unit_test(ck_4_secret_is_rotated),
		cmocka_unit_test(ck_5_ck_6_cookie_serves_both_kinds),
		cmocka_unit_test(ck_7_replies_not_wanted),
		cmocka_unit_test(ck_8_age_of_the_cookie),
		cmocka_unit_test(no_secret_no_cookie),
		cmocka_unit_test(hs_9_bad_mac1),
		cmocka_unit_test(mac1_of_a_batch),
		cmocka_unit_test(cookies_of_a_batch),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
