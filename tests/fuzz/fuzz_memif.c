/*
 * Fuzz target: the other side of a memif, hostile: it says what it likes on the control socket, and
 * writes what it likes into the shared memory, while a lane receives and transmits.
 * Threads: one.
 *
 * The input: a byte for our role, then steps, of one byte and what it takes (see step()). Each
 * packet that is received must be one that can be, and no buffer and no descriptor may get lost.
 */
#include "net/memif_channel.h"
#include "net/memif_message.h"
#include "net/port_memif.h"

#include <rte_eal.h>
#include <rte_mbuf.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define LANES 2
#define ROOM 2048
#define POOL_SIZE (2 * PORT_MEMIF_HANDED_DEPTH - 1)
#define MEMORY_LEN 16384
#define SIZE_LOG2 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct input {
	const uint8_t *at;
	size_t left;
};

struct fuzz {
	struct memif_terms terms;
	struct memif_channel channel;
	struct port *port;
	int fd; /* the hostile end of the socket */
	int memory; /* what a hostile client shares */
	uint8_t *view; /* of the shared memory; NULL: there is none yet */
	size_t view_len;
	unsigned said; /* proper messages so far */
};

static void
demand(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "fuzz_memif: %s\n", what);
	abort();
}

static uint8_t
take(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

/* EAL can be started once: one pool for all inputs, with more buffers than may wait at once. */
static struct rte_mempool *
the_pool(void)
{
	static struct rte_mempool *pool;
	static char texts[][24] = {"fuzz", "--no-huge", "-m", "32", "--no-pci", "--no-telemetry",
		"--no-shconf", "--lcores", "0@(0,1)", "--log-level", "error"};
	static char *arguments[sizeof(texts) / sizeof(texts[0]) + 1];

	if (pool != NULL)
		return pool;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		arguments[i] = texts[i];
	demand(rte_eal_init(sizeof(texts) / sizeof(texts[0]), arguments) >= 0, "no EAL");
	pool = rte_pktmbuf_pool_create(
		"fuzz", POOL_SIZE, 0, 0, ROOM + RTE_PKTMBUF_HEADROOM, (int)SOCKET_ID_ANY);
	demand(pool != NULL, "no pool");
	return pool;
}

/* --- The control socket ----------------------------------------------------------------------- */

static int
a_descriptor(const struct fuzz *fuzz, uint8_t kind)
{
	switch (kind % 6) {
	case 0:
		return -1;
	case 1:
		return dup(fuzz->memory);
	case 2:
		return memfd_create("small", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	case 3:
		return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	case 4:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	default:
		return dup(fuzz->fd);
	}
}

/* What the channel has to say is read away, so that its socket does not fill. */
static void
listen_to(const struct fuzz *fuzz)
{
	struct memif_message message;
	int passed;

	while (memif_message_receive(fuzz->fd, &message, &passed) == 0)
		if (passed >= 0)
			close(passed);
}

static void
say(struct fuzz *fuzz, const struct memif_message *message, int passed)
{
	int result;

	if (fuzz->channel.fd >= 0 && memif_message_send(fuzz->fd, message, passed) == 0) {
		result = memif_channel_step(&fuzz->channel);
		if (result == 1) {
			const struct memif_link *link = fuzz->channel.link;

			fuzz->view = link->regions[0].data;
			fuzz->view_len = link->regions[0].len;
			port_memif_connect(fuzz->port, memif_channel_take(&fuzz->channel));
		} else if (result < 0) {
			demand(fuzz->channel.why[0] != '\0', "an end without a reason");
			memif_channel_fini(&fuzz->channel);
		}
		listen_to(fuzz);
	}
	if (passed >= 0)
		close(passed);
}

static void
say_anything(struct fuzz *fuzz, struct input *input)
{
	struct memif_message message = {.type = take(input) % 10};
	const uint8_t kind = take(input);
	const uint8_t len = take(input) % sizeof(message.bytes);

	for (uint8_t i = 0; i < len; i++)
		message.bytes[i] = take(input);
	say(fuzz, &message, a_descriptor(fuzz, kind));
}

/* The next message of an honest client or server, so that inputs get far. */
static void
say_proper(struct fuzz *fuzz)
{
	const struct memif_message client[] = {
		{.type = MEMIF_INIT, .init = {.version = MEMIF_VERSION}},
		{.type = MEMIF_ADD_REGION, .add_region = {.len = MEMORY_LEN}},
		{.type = MEMIF_ADD_RING,
			.add_ring = {.flags = MEMIF_RING_TO_SERVER, .size_log2 = SIZE_LOG2}},
		{.type = MEMIF_ADD_RING, .add_ring = {.offset = 512, .size_log2 = SIZE_LOG2}},
		{.type = MEMIF_CONNECT},
	};
	static const uint8_t descriptors[] = {0, 1, 3, 3, 0};
	static const struct memif_message hello = {
		.type = MEMIF_HELLO,
		.hello =
			{
				.version_min = MEMIF_VERSION,
				.version_max = MEMIF_VERSION,
				.size_log2_max = SIZE_LOG2,
			},
	};
	struct memif_message answer = {.type = MEMIF_ACK};
	const unsigned said = fuzz->said++;

	if (!fuzz->terms.client) {
		if (said < RTE_DIM(client))
			say(fuzz, &client[said], a_descriptor(fuzz, descriptors[said]));
		return;
	}
	if (fuzz->channel.state == MEMIF_CONNECTING)
		answer.type = MEMIF_CONNECTED;
	say(fuzz, said == 0 ? &hello : &answer, -1);
}

/* --- The shared memory ------------------------------------------------------------------------ */

static void
scribble(struct fuzz *fuzz, struct input *input)
{
	const size_t offset = (size_t)take(input) << 8 | take(input);
	const uint8_t len = take(input) % 64;

	for (uint8_t i = 0; i < len; i++) {
		const uint8_t byte = take(input);

		if (fuzz->view != NULL)
			fuzz->view[(offset + i) % fuzz->view_len] = byte;
	}
}

/* Moves the index that the other side writes, of one of the rings. */
static void
move_index(struct fuzz *fuzz, struct input *input)
{
	const struct memif_link *link = port_memif_link(fuzz->port);
	const uint8_t which = take(input);
	const uint8_t by = take(input);
	const struct memif_link_ring *rings;
	unsigned count;

	if (link == NULL)
		return;
	rings = which & 1 ? link->rx : link->tx;
	count = which & 1 ? link->rx_count : link->tx_count;
	if (fuzz->terms.client)
		rings[which / 2 % count].ring.shared->tail += by;
	else
		rings[which / 2 % count].ring.shared->head += by;
}

/* --- A lane ----------------------------------------------------------------------------------- */

static void
receive(struct fuzz *fuzz, struct input *input)
{
	struct rte_mbuf *mbufs[64];
	const uint16_t queue = take(input) % LANES;
	const uint16_t count = port_receive(fuzz->port, queue, mbufs, take(input) % 65);

	for (uint16_t i = 0; i < count; i++) {
		const struct rte_mbuf *mbuf = mbufs[i];

		demand(mbuf->nb_segs == 1 && mbuf->next == NULL && mbuf->data_len > 0 &&
				mbuf->data_len <= ROOM && mbuf->pkt_len == mbuf->data_len,
			"a packet that cannot be");
	}
	rte_pktmbuf_free_bulk(mbufs, count);
}

static void
transmit(struct fuzz *fuzz, struct input *input)
{
	struct rte_mbuf *mbufs[32];
	const uint16_t queue = take(input) % LANES;
	const uint16_t count = take(input) % 32 + 1;
	const uint16_t len = (uint16_t)(take(input) * 8 + 1);
	uint16_t sent;

	demand(rte_pktmbuf_alloc_bulk(the_pool(), mbufs, count) == 0, "buffers were lost");
	for (uint16_t i = 0; i < count; i++)
		memset(rte_pktmbuf_append(mbufs[i], len), 0x5a, len);
	sent = port_transmit(fuzz->port, queue, mbufs, count);
	demand(sent <= count, "more was sent than there is");
	rte_pktmbuf_free_bulk(mbufs + sent, count - sent);
}

static void
step(struct fuzz *fuzz, struct input *input)
{
	switch (take(input) % 8) {
	case 0:
		say_anything(fuzz, input);
		break;
	case 1:
		say_proper(fuzz);
		break;
	case 2:
		scribble(fuzz, input);
		break;
	case 3:
		move_index(fuzz, input);
		break;
	case 4:
		receive(fuzz, input);
		break;
	case 5:
		transmit(fuzz, input);
		break;
	case 6:
		(void)port_doze(fuzz->port, take(input) % LANES);
		break;
	default:
		port_kick(fuzz->port);
	}
}

static void
begin(struct fuzz *fuzz, bool client)
{
	struct memif_shared_ring *ring;
	int fds[2];

	fuzz->terms = (struct memif_terms){
		.client = client,
		.ring_max = LANES,
		.size_log2 = SIZE_LOG2,
		.buffer_len = 256,
	};
	demand(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0,
		"no sockets");
	fuzz->fd = fds[1];
	fuzz->memory = memfd_create("fuzz", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	demand(fuzz->memory >= 0 && ftruncate(fuzz->memory, MEMORY_LEN) == 0, "no memory");
	ring = mmap(NULL, MEMORY_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fuzz->memory, 0);
	demand(ring != MAP_FAILED, "no memory");
	ring->cookie = MEMIF_COOKIE;
	((struct memif_shared_ring *)(void *)((uint8_t *)ring + 512))->cookie = MEMIF_COOKIE;
	munmap(ring, MEMORY_LEN);
	demand(port_memif_create(
		       &(const struct port_memif_settings){
			       .name = "fuzz", .queue_count = LANES, .pool = the_pool()},
		       &fuzz->port) == 0,
		"no port");
	demand(memif_channel_init(&fuzz->channel, &fuzz->terms, fds[0]) == 0, "no channel");
	listen_to(fuzz);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input input = {data, len};
	struct fuzz fuzz = {.view = NULL};

	begin(&fuzz, take(&input) & 1);
	while (input.left > 0)
		step(&fuzz, &input);
	port_close(fuzz.port);
	memif_channel_fini(&fuzz.channel);
	close(fuzz.fd);
	close(fuzz.memory);
	demand(rte_mempool_in_use_count(the_pool()) == 0, "buffers were lost");
	return 0;
}
