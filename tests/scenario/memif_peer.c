/*
 * A packet pipeline that is made to be killed: it talks memif without DPDK, so it is up at once.
 * Usage: memif-peer SOCKET server|client RINGS SOURCE DESTINATION [rubbish|ip]
 *
 * Sends packets of UDP from SOURCE to DESTINATION (IPv4) as fast as its rings take them, takes all
 * that comes, and says "connected", then "traffic" once many have gone both ways. With "rubbish" it
 * goes on to write anything anywhere in the shared memory, sending all the while, until it is
 * disconnected for that: says "disconnected: WHY" and ends. With "ip" its packets have no Ethernet.
 */
#include "net/memif_channel.h"
#include "net/memif_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAME_LEN 1014
#define IP_LEN (FRAME_LEN - 14)
/* What has to go each way until that is called traffic. */
#define MANY 1000
/* Rounds of the rings between two looks at the socket. */
#define ROUNDS 1000
#define RING_SIZE_LOG2 10
#define BUFFER_LEN 2048
/* Rubbish: of so many words one is an index, which then stays for so long. */
#define INDEX_ONE_IN 20000
#define INDEX_US 3000

struct peer {
	struct memif_terms terms;
	struct memif_channel channel;
	struct memif_link *link;
	uint8_t frame[FRAME_LEN];
	const uint8_t *data; /* what is sent: the frame, or the packet in it */
	uint32_t len;
	unsigned long sent;
	unsigned long received;
};

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "memif-peer: %s: %s\n", what, why);
	exit(1);
}

static void
say(const char *what)
{
	puts(what);
	fflush(stdout);
}

static void
make_frame(uint8_t frame[FRAME_LEN], const char *source, const char *destination)
{
	static const uint8_t start[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 8, 0,
		0x45, 0, IP_LEN >> 8, IP_LEN & 255, 0, 0, 0, 0, 64, 17};
	static const uint8_t udp[] = {
		0x23, 0x28, 0x23, 0x28, (IP_LEN - 20) >> 8, (IP_LEN - 20) & 255, 0, 0};
	uint32_t sum = 0;

	memcpy(frame, start, sizeof(start));
	memcpy(frame + 34, udp, sizeof(udp));
	if (inet_pton(AF_INET, source, frame + 26) != 1 ||
		inet_pton(AF_INET, destination, frame + 30) != 1)
		die(source, "no IPv4 address");
	for (unsigned i = 14; i < 34; i += 2)
		sum += (uint32_t)frame[i] << 8 | frame[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	frame[24] = (uint8_t)(sum >> 8);
	frame[25] = (uint8_t)sum;
}

/* --- The rings, as the two roles have them ---------------------------------------------------- */

static void
send_as_client(struct peer *peer, struct memif_ring *ring)
{
	struct memif_shared_ring *shared = ring->shared;
	const uint16_t tail = __atomic_load_n(&shared->tail, __ATOMIC_ACQUIRE);

	for (; (uint16_t)(ring->next - tail) < ring->size; ring->next++) {
		const unsigned slot = ring->next & (ring->size - 1U);

		memcpy(ring->buffers + (size_t)slot * ring->buffer_len, peer->data, peer->len);
		shared->descriptors[slot] = (struct memif_descriptor){
			.len = peer->len,
			.offset = ring->buffer_offset + slot * ring->buffer_len,
		};
		peer->sent++;
	}
	__atomic_store_n(&shared->head, ring->next, __ATOMIC_RELEASE);
}

static void
send_as_server(struct peer *peer, struct memif_ring *ring)
{
	struct memif_shared_ring *shared = ring->shared;
	const uint16_t head = __atomic_load_n(&shared->head, __ATOMIC_ACQUIRE);

	for (; ring->next != head; ring->next++) {
		struct memif_descriptor *to = &shared->descriptors[ring->next & (ring->size - 1U)];
		const uint32_t offset = to->offset;

		/* Rubbish of our own may be there. */
		if (offset <= ring->regions[0].len - FRAME_LEN)
			memcpy(ring->regions[0].data + offset, peer->data, peer->len);
		to->len = peer->len;
		peer->sent++;
	}
	__atomic_store_n(&shared->tail, ring->next, __ATOMIC_RELEASE);
}

static void
receive_as_client(struct peer *peer, struct memif_ring *ring)
{
	struct memif_shared_ring *shared = ring->shared;
	const uint16_t tail = __atomic_load_n(&shared->tail, __ATOMIC_ACQUIRE);

	for (; ring->next != tail; ring->next++) {
		shared->descriptors[ring->next & (ring->size - 1U)].len = ring->buffer_len;
		peer->received++;
	}
	__atomic_store_n(&shared->head, (uint16_t)(ring->next + ring->size), __ATOMIC_RELEASE);
}

static void
receive_as_server(struct peer *peer, struct memif_ring *ring)
{
	const uint16_t head = __atomic_load_n(&ring->shared->head, __ATOMIC_ACQUIRE);

	peer->received += (uint16_t)(head - ring->next);
	ring->next = head;
	__atomic_store_n(&ring->shared->tail, head, __ATOMIC_RELEASE);
}

static void
one_round(struct peer *peer)
{
	struct memif_link *link = peer->link;

	for (unsigned i = 0; i < link->tx_count; i++)
		(link->client ? send_as_client : send_as_server)(peer, &link->tx[i].ring);
	for (unsigned i = 0; i < link->rx_count; i++)
		(link->client ? receive_as_client : receive_as_server)(peer, &link->rx[i].ring);
}

/* --- Rubbish ---------------------------------------------------------------------------------- */

static uint64_t
any(void)
{
	return (uint64_t)random() << 33 ^ (uint64_t)random() << 11 ^ (uint64_t)random();
}

/*
 * Descriptors, of all rings; once in a while the index that is ours to write, by which it is found
 * out, if it stays so for long enough.
 */
static void
scribble(struct memif_link *link)
{
	const unsigned which = (unsigned)any();
	const bool to = (which & 1) != 0;
	struct memif_link_ring *rings = to ? link->tx : link->rx;
	struct memif_ring *ring = &rings[which / 2 % (to ? link->tx_count : link->rx_count)].ring;
	volatile uint64_t *words =
		(volatile uint64_t *)&ring->shared->descriptors[any() & (ring->size - 1U)];

	words[any() & 1] = any() & any();
	if (any() % INDEX_ONE_IN != 0)
		return;
	__atomic_store_n(link->client ? &ring->shared->head : &ring->shared->tail, (uint16_t)any(),
		__ATOMIC_RELEASE);
	usleep(INDEX_US);
}

/* --- The connection --------------------------------------------------------------------------- */

static int
open_socket(const char *path, bool client)
{
	int listener;
	int fd = -1;

	if (!client) {
		listener = memif_socket_listen(path);
		if (listener < 0)
			die(path, strerror(-listener));
	}
	while (fd < 0) {
		fd = client ? memif_socket_connect(path) : memif_socket_accept(listener);
		if (fd < 0)
			usleep(1000);
	}
	return fd;
}

static void
agree(struct peer *peer, int fd)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	int result = 0;

	if (memif_channel_init(&peer->channel, &peer->terms, fd) != 0)
		die("begin", peer->channel.why);
	while (result != 1) {
		if (poll(&readable, 1, -1) < 0)
			die("poll", strerror(errno));
		result = memif_channel_step(&peer->channel);
		if (result < 0 && result != -EAGAIN)
			die("agree", peer->channel.why);
	}
	peer->link = memif_channel_take(&peer->channel);
	say("connected");
}

static void
run(struct peer *peer, bool rubbish)
{
	bool said = false;
	int result = -EAGAIN;

	while (result >= 0 || result == -EAGAIN) {
		for (unsigned i = 0; i < ROUNDS; i++) {
			one_round(peer);
			if (rubbish && said)
				scribble(peer->link);
		}
		if (!said && peer->sent > MANY + peer->link->tx_count * (1UL << RING_SIZE_LOG2) &&
			peer->received > MANY) {
			say("traffic");
			said = true;
		}
		result = memif_channel_step(&peer->channel);
	}
	printf("disconnected: %s\n", peer->channel.why);
}

int
main(int argc, char *argv[])
{
	static struct peer peer;
	const bool client = argc > 2 && strcmp(argv[2], "client") == 0;

	if (argc < 6 || argc > 7)
		die("usage", "see the head of memif_peer.c");
	peer.terms = (struct memif_terms){
		.client = client,
		.ring_max = (uint16_t)strtoul(argv[3], NULL, 10),
		.size_log2 = RING_SIZE_LOG2,
		.buffer_len = BUFFER_LEN,
		.name = "peer",
	};
	make_frame(peer.frame, argv[4], argv[5]);
	peer.data = peer.frame;
	peer.len = FRAME_LEN;
	if (argc == 7 && strcmp(argv[6], "ip") == 0) {
		peer.terms.mode = MEMIF_MODE_IP;
		peer.data += FRAME_LEN - IP_LEN;
		peer.len = IP_LEN;
	}
	srandom((unsigned)getpid());
	agree(&peer, open_socket(argv[1], client));
	run(&peer, argc == 7 && peer.terms.mode == MEMIF_MODE_ETHERNET);
	return 0;
}
