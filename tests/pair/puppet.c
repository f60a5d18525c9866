/*
 * A peer played by the test.
 * Threads: the test's.
 */
#include "puppet.h"

#include "base/bytes.h"
#include "base/secret.h"
#include "proto/tai64n.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
init(struct puppet *puppet, struct pair *pair, const uint8_t private_key[32])
{
	*puppet = (struct puppet){
		.pair = pair,
		.gateway = pair_endpoint(pair, 0, pair->options.outer6),
		.aead = aead_create("sodium"),
	};
	assert_non_null(puppet->aead);
	noise_identity_init(&puppet->identity, private_key);
	noise_remote_init(&puppet->remote, &puppet->identity, pair->sites[0].public_key, NULL);
	cookie_jar_init(&puppet->jar, pair->sites[0].public_key);
}

void
puppet_init(struct puppet *puppet, struct pair *pair, unsigned site)
{
	init(puppet, pair, pair->sites[site].private_key);
	puppet->endpoint = pair_endpoint(pair, site, pair->options.outer6);
	puppet->index = 0x10000 * site;
}

void
puppet_init_extra(struct puppet *puppet, struct pair *pair, unsigned n)
{
	init(puppet, pair, pair->extra_keys[n]);
	assert_int_equal(endpoint_parse("198.51.100.1:10000", &puppet->endpoint), 0);
	puppet->endpoint.port = (uint16_t)(10000 + n);
	puppet->index = 0x1000000 + 0x10000 * n;
}

void
puppet_fini(struct puppet *puppet)
{
	aead_destroy(puppet->aead);
	secret_wipe(puppet, sizeof(*puppet));
}

void
puppet_initiation(struct puppet *puppet, const uint8_t *stamp, struct message_initiation *message)
{
	struct pair *pair = puppet->pair;
	uint8_t made[MESSAGE_TIMESTAMP_LEN];

	tai64n_make(made, pair->sites[0].clock.real_ns, puppet->stamp);
	if (stamp != NULL)
		memcpy(made, stamp, sizeof(made));
	else
		memcpy(puppet->stamp, made, sizeof(made));
	assert_int_equal(noise_initiation_create(&puppet->handshake, &puppet->identity,
				 &puppet->remote, ++puppet->index, made, NULL, message),
		0);
	cookie_add_macs(&puppet->jar, (uint8_t *)message, sizeof(*message), pair_now_ns(pair));
}

size_t
puppet_wrap(const struct puppet *puppet, uint8_t frame[static WIRE_FRAME_MAX], const void *message,
	size_t len)
{
	static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	struct outer_header header;

	outer_header_make(&header, macs[0], macs[1], &puppet->endpoint, &puppet->gateway);
	assert_true(header.len + len <= WIRE_FRAME_MAX);
	memcpy(frame + header.len, message, len);
	outer_header_write(&header, frame + header.len, (uint16_t)len, 0);
	return header.len + len;
}

void
puppet_send(struct puppet *puppet, const void *message, size_t len)
{
	uint8_t frame[WIRE_FRAME_MAX];

	wire_inject(&puppet->pair->wire, 0, frame, puppet_wrap(puppet, frame, message, len));
}

void
puppet_deliver(struct puppet *puppet, const void *message, size_t len)
{
	puppet_send(puppet, message, len);
	pair_settle(puppet->pair);
}

void
puppet_cookie_reply(const struct puppet *puppet, struct cookie_checker *checker,
	const struct wire_frame *frame, struct message_cookie_reply *reply)
{
	const struct cookie_messages refused =
		cookie_one(frame->bytes + frame->outer.payload_offset, frame->message_len,
			&frame->outer.source);

	assert_int_equal(
		cookie_replies_make(checker, &refused, 1, pair_now_ns(puppet->pair), reply), 0);
}

static void
derive(struct puppet *puppet)
{
	assert_int_equal(noise_session_derive(&puppet->handshake, &puppet->keys), 0);
	puppet->counter = 0;
}

void
puppet_response(struct puppet *puppet, struct message_response *message)
{
	const struct wire_frame *frame = wire_last(&puppet->pair->wire, 0, MESSAGE_INITIATION);
	struct noise_opened opened;

	assert_int_equal(noise_initiation_open(&opened, &puppet->identity,
				 (const void *)(frame->bytes + frame->outer.payload_offset)),
		0);
	/* Whatever was consumed before: a puppet does not guard itself. */
	puppet->handshake.last_consumed_ns = 0;
	assert_int_equal(noise_initiation_accept(&puppet->handshake, &opened, &puppet->remote,
				 pair_now_ns(puppet->pair)),
		0);
	assert_int_equal(noise_response_create(&puppet->handshake, &puppet->remote, ++puppet->index,
				 NULL, message),
		0);
	cookie_add_macs(
		&puppet->jar, (uint8_t *)message, sizeof(*message), pair_now_ns(puppet->pair));
	derive(puppet);
}

void
puppet_finish(struct puppet *puppet)
{
	const struct wire_frame *frame = wire_last(&puppet->pair->wire, 0, MESSAGE_RESPONSE);

	assert_int_equal(frame->receiver_index, puppet->index);
	assert_int_equal(
		noise_response_accept(&puppet->handshake, &puppet->identity, &puppet->remote,
			(const void *)(frame->bytes + frame->outer.payload_offset)),
		0);
	derive(puppet);
}

void
puppet_connect(struct puppet *puppet)
{
	struct message_initiation message;

	puppet_initiation(puppet, NULL, &message);
	puppet_deliver(puppet, &message, sizeof(message));
	puppet_finish(puppet);
	puppet_data(puppet, NULL, 0);
	pair_settle(puppet->pair);
}

size_t
puppet_data_make(
	struct puppet *puppet, uint64_t counter, const void *plain, size_t len, uint8_t *message)
{
	const struct aead_packet packet = {
		.data = message + MESSAGE_DATA_HEADER_LEN,
		.key = puppet->keys.send_key,
		.counter = counter,
		.len = (uint32_t)len,
	};

	store_le32(message, MESSAGE_DATA);
	store_le32(message + 4, puppet->keys.remote_index);
	store_le64(message + 8, counter);
	if (len > 0)
		memcpy(packet.data, plain, len);
	assert_int_equal(aead_seal(puppet->aead, &packet, 1), 1);
	return len + MESSAGE_DATA_OVERHEAD;
}

void
puppet_data(struct puppet *puppet, const void *plain, size_t len)
{
	uint8_t message[WIRE_FRAME_MAX];

	puppet_send(
		puppet, message, puppet_data_make(puppet, puppet->counter++, plain, len, message));
}

size_t
puppet_open(
	struct puppet *puppet, const struct wire_frame *frame, uint8_t plain[static WIRE_FRAME_MAX])
{
	const size_t len = frame->message_len - MESSAGE_DATA_OVERHEAD;
	const struct aead_packet packet = {
		.data = plain,
		.key = puppet->keys.receive_key,
		.counter = frame->counter,
		.len = (uint32_t)len,
	};

	assert_int_equal(frame->type, MESSAGE_DATA);
	assert_int_equal(frame->receiver_index, puppet->keys.local_index);
	memcpy(plain, frame->bytes + frame->outer.payload_offset + MESSAGE_DATA_HEADER_LEN,
		len + MESSAGE_TAG_LEN);
	assert_int_equal(aead_open(puppet->aead, &packet, 1), 1);
	return len;
}
