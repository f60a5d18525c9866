/*
 * A WireGuard peer whose every message is told to it.
 * Threads: one.
 */
#include "puppet.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/secret.h"
#include "crypto/x25519.h"
#include "proto/tai64n.h"
#include "wire/message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_MAX 2048
#define PORT 7777 /* of inner packets, both ways */
#define HEADERS_LEN 28

_Static_assert(PUPPET_INNER_LEN >= HEADERS_LEN + sizeof(uint32_t), "there is room for the number");

int
puppet_init(struct puppet *puppet)
{
	int error = crypto_init();

	*puppet = (struct puppet){.index = 0x10000};
	if (error != 0)
		return error;
	puppet->aead = aead_create("sodium");
	puppet->datagrams = calloc(PUPPET_DATAGRAMS_MAX, sizeof(*puppet->datagrams));
	return puppet->aead != NULL && puppet->datagrams != NULL ? 0 : -ENOMEM;
}

void
puppet_fini(struct puppet *puppet)
{
	for (unsigned i = 0; i < puppet->socket_count; i++)
		close(puppet->sockets[i]);
	aead_destroy(puppet->aead);
	free(puppet->datagrams);
	secret_wipe(puppet, sizeof(*puppet));
}

void
puppet_aim(struct puppet *puppet, const struct endpoint *target,
	const uint8_t public_key[NOISE_KEY_LEN], const uint8_t *preshared_key)
{
	puppet->target = *target;
	noise_remote_init(&puppet->remote, &puppet->identity, public_key, preshared_key);
	cookie_jar_init(&puppet->jar, public_key);
}

static struct sockaddr_in
socket_address(const struct endpoint *endpoint)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};

	memcpy(&address.sin_addr, endpoint->address.bytes, sizeof(address.sin_addr));
	return address;
}

int
puppet_socket(struct puppet *puppet, const struct endpoint *endpoint)
{
	const struct sockaddr_in address = socket_address(endpoint);
	int fd;

	if (puppet->socket_count == PUPPET_SOCKETS_MAX)
		return -ENOSPC;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		const int error = errno;

		close(fd);
		return -error;
	}
	puppet->from = puppet->socket_count++;
	puppet->sockets[puppet->from] = fd;
	return 0;
}

static int
transmit(const struct puppet *puppet, const void *message, size_t len)
{
	const struct sockaddr_in target = socket_address(&puppet->target);

	if (puppet->from >= puppet->socket_count)
		return -ENOTCONN;
	return sendto(puppet->sockets[puppet->from], message, len, 0,
		       (const struct sockaddr *)&target, sizeof(target)) == (ssize_t)len
		? 0
		: -errno;
}

int
puppet_initiate(struct puppet *puppet)
{
	struct message_initiation message;
	int error;

	tai64n_make(puppet->stamp, clock_real_ns(&clock_system), puppet->stamp);
	error = noise_initiation_create(&puppet->handshake, &puppet->identity, &puppet->remote,
		++puppet->index, puppet->stamp, NULL, &message);
	if (error != 0)
		return error;
	cookie_add_macs(
		&puppet->jar, (uint8_t *)&message, sizeof(message), clock_boot_ns(&clock_system));
	puppet->said = message;
	return transmit(puppet, &message, sizeof(message));
}

int
puppet_repeat(const struct puppet *puppet)
{
	return transmit(puppet, &puppet->said, sizeof(puppet->said));
}

static int
derive(struct puppet *puppet)
{
	if (puppet->session_count == PUPPET_SESSIONS_MAX)
		return -ENOSPC;
	return noise_session_derive(&puppet->handshake, &puppet->sessions[puppet->session_count++]);
}

int
puppet_respond(struct puppet *puppet)
{
	struct message_response message;
	struct noise_opened opened;
	int error = -ENOENT;

	if (puppet->is_asked)
		error = noise_initiation_open(&opened, &puppet->identity, &puppet->asked);
	puppet->is_asked = false;
	if (error != 0)
		return error;
	/* Whatever was consumed before: it does not guard itself. */
	puppet->handshake.last_consumed_ns = 0;
	error = noise_initiation_accept(
		&puppet->handshake, &opened, &puppet->remote, clock_boot_ns(&clock_system));
	if (error == 0)
		error = noise_response_create(
			&puppet->handshake, &puppet->remote, ++puppet->index, NULL, &message);
	if (error != 0)
		return error;
	cookie_add_macs(
		&puppet->jar, (uint8_t *)&message, sizeof(message), clock_boot_ns(&clock_system));
	error = derive(puppet);
	return error != 0 ? error : transmit(puppet, &message, sizeof(message));
}

/* Without a UDP checksum, as IPv4 allows. */
static void
inner_make(uint8_t packet[static PUPPET_INNER_LEN], const uint8_t source[4],
	const uint8_t destination[4], uint32_t number)
{
	uint32_t sum = 0;

	memset(packet, 0, PUPPET_INNER_LEN);
	packet[0] = 0x45;
	store_be16(packet + 2, PUPPET_INNER_LEN);
	packet[8] = 64;
	packet[9] = IPPROTO_UDP;
	memcpy(packet + 12, source, 4);
	memcpy(packet + 16, destination, 4);
	for (unsigned i = 0; i < 20; i += 2)
		sum += load_be16(packet + i);
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	store_be16(packet + 10, (uint16_t)~sum);
	store_be16(packet + 20, PORT);
	store_be16(packet + 22, PORT);
	store_be16(packet + 24, PUPPET_INNER_LEN - 20);
	store_le32(packet + HEADERS_LEN, number);
}

int
puppet_make(struct puppet *puppet, unsigned session, uint64_t counter, const uint8_t source[4],
	const uint8_t destination[4], uint32_t number)
{
	uint8_t *message = puppet->datagrams[puppet->datagram_count];
	const struct noise_session_keys *keys = &puppet->sessions[session];
	const struct aead_packet packet = {
		.data = message + MESSAGE_DATA_HEADER_LEN,
		.key = keys->send_key,
		.counter = counter,
		.len = PUPPET_INNER_LEN,
	};

	if (session >= puppet->session_count)
		return -EINVAL;
	if (puppet->datagram_count == PUPPET_DATAGRAMS_MAX)
		return -ENOSPC;
	store_le32(message, MESSAGE_DATA);
	store_le32(message + 4, keys->remote_index);
	store_le64(message + 8, counter);
	inner_make(packet.data, source, destination, number);
	if (aead_seal(puppet->aead, &packet, 1) != 1)
		return -EIO;
	return (int)puppet->datagram_count++;
}

int
puppet_send(struct puppet *puppet, unsigned datagram, bool spoilt)
{
	uint8_t message[PUPPET_DATAGRAM_LEN];

	if (datagram >= puppet->datagram_count)
		return -EINVAL;
	memcpy(message, puppet->datagrams[datagram], sizeof(message));
	message[sizeof(message) - 1] ^= spoilt ? 1 : 0;
	return transmit(puppet, message, sizeof(message));
}

static enum puppet_event
take_data(
	const struct puppet *puppet, uint8_t *message, size_t len, struct puppet_received *received)
{
	const struct aead_packet packet = {
		.data = message + MESSAGE_DATA_HEADER_LEN,
		.counter = load_le64(message + 8),
		.len = (uint32_t)(len - MESSAGE_DATA_OVERHEAD),
	};

	for (unsigned i = 0; i < puppet->session_count; i++) {
		const struct noise_session_keys *keys = &puppet->sessions[i];
		struct aead_packet with_key = packet;

		if (keys->local_index != load_le32(message + 4))
			continue;
		with_key.key = keys->receive_key;
		if (aead_open(puppet->aead, &with_key, 1) != 1)
			return PUPPET_OTHER;
		if (packet.len < PUPPET_INNER_LEN || packet.data[9] != IPPROTO_UDP)
			return PUPPET_OTHER;
		received->session = i;
		received->number = load_le32(packet.data + HEADERS_LEN);
		return PUPPET_PACKET;
	}
	return PUPPET_OTHER;
}

static enum puppet_event
take(struct puppet *puppet, uint8_t *message, size_t len, struct puppet_received *received)
{
	switch (message_classify(message, len)) {
	case MESSAGE_INITIATION:
		memcpy(&puppet->asked, message, sizeof(puppet->asked));
		puppet->is_asked = true;
		return PUPPET_INITIATION;
	case MESSAGE_RESPONSE:
		if (load_le32(message + 8) != puppet->index ||
			noise_response_accept(&puppet->handshake, &puppet->identity,
				&puppet->remote, (const void *)message) != 0)
			return PUPPET_OTHER;
		return derive(puppet) == 0 ? PUPPET_SESSION : PUPPET_OTHER;
	case MESSAGE_DATA:
		return take_data(puppet, message, len, received);
	default:
		return PUPPET_OTHER;
	}
}

struct puppet_received
puppet_receive(struct puppet *puppet, int wait_ms)
{
	struct puppet_received received = {.event = PUPPET_NOTHING};
	struct pollfd polled[PUPPET_SOCKETS_MAX];
	uint8_t message[MESSAGE_MAX] __attribute__((aligned(8)));

	for (unsigned i = 0; i < puppet->socket_count; i++)
		polled[i] = (struct pollfd){.fd = puppet->sockets[i], .events = POLLIN};
	if (poll(polled, puppet->socket_count, wait_ms) <= 0)
		return received;
	for (unsigned i = 0; i < puppet->socket_count; i++) {
		ssize_t len;

		if (polled[i].revents == 0)
			continue;
		len = recv(puppet->sockets[i], message, sizeof(message), MSG_DONTWAIT);
		received.socket = i;
		received.event =
			len < 0 ? PUPPET_OTHER : take(puppet, message, (size_t)len, &received);
		break;
	}
	return received;
}
