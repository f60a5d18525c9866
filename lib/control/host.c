/*
 * Between TUN descriptors and the lanes' rings.
 * On the packet's way: behind in_deliver and before out_receive.
 * Threads: the host thread.
 */
#include "control/host.h"

#include "wire/inner.h"

#include <rte_mbuf.h>

#include <poll.h>
#include <string.h>

/* Idle rounds in a row that are worth no sleep, naps while lanes ring no bell. */
#define IDLE_ROUNDS_MAX 16
#define NAP_FIRST_NS (50 * NS_IN_MS / 1000)
#define NAP_MAX_NS NS_IN_MS
#define SLEEP_MAX_NS NS_IN_S
/* Errors in a row of reading a TUN after which it is given up: polling it would never sleep. */
#define READ_ERRORS_MAX 64

int
host_init(struct host *host, struct rings *rings, struct rte_mempool *pool, bool lanes_busy,
	const struct log *log)
{
	*host = (struct host){.rings = rings, .pool = pool, .lanes_busy = lanes_busy, .log = log};
	return bell_init(&host->bell);
}

void
host_fini(struct host *host)
{
	for (unsigned i = 0; i < host->device_count; i++) {
		rte_pktmbuf_free_bulk(host->devices[i].held + host->devices[i].held_first,
			host->devices[i].held_count);
		tun_close(&host->devices[i].tun);
		port_close(host->devices[i].end);
	}
	host->device_count = 0;
	bell_fini(&host->bell);
}

struct host_device *
host_add(struct host *host, const struct tun *tun, struct port *end)
{
	struct host_device *device = &host->devices[host->device_count++];

	*device = (struct host_device){.tun = *tun, .end = end};
	return device;
}

void
host_add_kicked(struct host *host, struct port *port)
{
	host->kicked[host->kicked_count++] = port;
}

_Static_assert(HOST_BURST <= COALESCE_MAX, "a burst is coalesced as a whole");
_Static_assert(COALESCE_MAX <= TUN_PIECES_MAX, "a group is written at once");

static void
write_group(struct host_device *device, const struct coalesce_packet packets[],
	const struct coalesce_group *group)
{
	struct iovec pieces[COALESCE_MAX];

	pieces[0] = (struct iovec){packets[group->members[0]].data, packets[group->members[0]].len};
	for (unsigned i = 1; i < group->count; i++)
		pieces[i] = coalesce_payload(&packets[group->members[i]]);
	if (!device->gone && tun_write(&device->tun, pieces, group->count, &group->hints) > 0)
		device->to_host += group->count;
	else
		device->write_errors += group->count;
}

static unsigned
to_host(struct host *host, struct host_device *device)
{
	struct coalesce_packet packets[HOST_BURST];
	struct rte_mbuf *mbufs[HOST_BURST];
	unsigned total = 0;

	for (uint16_t queue = 0; queue < device->end->queue_count; queue++) {
		const uint16_t count = port_receive(device->end, queue, mbufs, HOST_BURST);

		for (uint16_t i = 0; i < count; i++)
			packets[i] = (struct coalesce_packet){
				.data = rte_pktmbuf_mtod(mbufs[i], uint8_t *),
				.len = rte_pktmbuf_data_len(mbufs[i]),
			};
		coalesce_burst(&host->coalesce, packets, count);
		for (unsigned i = 0; i < host->coalesce.count; i++)
			write_group(device, packets, &host->coalesce.groups[i]);
		rte_pktmbuf_free_bulk(mbufs, count);
		total += count;
	}
	return total;
}

/* One lane for all packets of a flow, so that their order stays. */
static uint16_t
lane_of(const struct port *end, const uint8_t *packet, size_t len)
{
	struct inner inner;

	if (end->queue_count == 1 || !inner_parse(packet, len, &inner))
		return 0;
	return (uint16_t)(inner_flow_hash(packet, &inner) % end->queue_count);
}

/* Takes note of what reading the TUN gave: a length, 0 for nothing, or a negative errno. */
static void
note_read(const struct host *host, struct host_device *device, ssize_t result)
{
	if (result >= 0) {
		device->read_errors = 0;
		return;
	}
	if (++device->read_errors < READ_ERRORS_MAX)
		return;
	device->gone = true;
	log_error(host->log,
		"the host device %s is gone (%s): this host itself is cut off from the tunnel "
		"until the gateway is restarted",
		device->tun.name, strerror((int)-result));
}

/* Reads the TUN's next packet. Returns whether there is one with segments. */
static bool
read_packet(struct host *host, struct host_device *device)
{
	struct segment_hints hints;
	const ssize_t len = tun_read(&device->tun, device->packet, sizeof(device->packet), &hints);

	note_read(host, device, len);
	if (len <= 0)
		return false;
	if (!segments_begin(&device->segments, device->packet, (size_t)len, &hints)) {
		device->malformed++;
		return false;
	}
	device->held_lane = lane_of(device->end, device->packet, (size_t)len);
	return true;
}

/* Takes as many of the packet's segments as there is room to hold. Returns how many. */
static unsigned
take_segments(struct host *host, struct host_device *device)
{
	size_t len;

	device->held_first = 0;
	device->held_count = 0;
	device->starved = false;
	while (device->held_count < HOST_BURST &&
		(len = segments_next_len(&device->segments)) > 0) {
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(host->pool);

		if (mbuf == NULL) {
			device->starved = true;
			device->no_buffer++;
			break;
		}
		if (len > rte_pktmbuf_tailroom(mbuf)) {
			rte_pktmbuf_free(mbuf);
			device->segments = (struct segments){0};
			device->malformed++;
			break;
		}
		segments_take(&device->segments, rte_pktmbuf_mtod(mbuf, uint8_t *));
		mbuf->data_len = (uint16_t)len;
		mbuf->pkt_len = (uint32_t)len;
		device->held[device->held_count++] = mbuf;
	}
	return device->held_count;
}

/* Hands the held packets over. Returns whether none is held any more. */
static bool
release(struct host_device *device)
{
	uint16_t taken;

	if (device->held_count == 0)
		return true;
	taken = port_transmit(device->end, device->held_lane, device->held + device->held_first,
		device->held_count);
	device->held_first += taken;
	device->held_count -= taken;
	device->from_host += taken;
	return device->held_count == 0;
}

static unsigned
from_host(struct host *host, struct host_device *device)
{
	unsigned count = 0;

	while (count < HOST_BURST && release(device) && !device->gone) {
		unsigned taken;

		if (segments_next_len(&device->segments) == 0 && !read_packet(host, device))
			break;
		taken = take_segments(host, device);
		if (taken == 0)
			break;
		count += taken;
	}
	if (count > 0)
		for (unsigned lane = 0; lane < host->rings->lane_count; lane++)
			bell_ring(&host->rings->lanes[lane].bell);
	return count;
}

unsigned
host_round(struct host *host)
{
	unsigned work = 0;

	for (unsigned i = 0; i < host->device_count; i++) {
		work += to_host(host, &host->devices[i]);
		work += from_host(host, &host->devices[i]);
	}
	for (unsigned i = 0; i < host->kicked_count; i++)
		port_kick(host->kicked[i]);
	return work;
}

static bool
pending(const struct host *host)
{
	for (unsigned i = 0; i < host->device_count; i++) {
		const struct port *end = host->devices[i].end;

		for (uint16_t queue = 0; queue < end->queue_count; queue++)
			if (port_memory_pending(end, queue) > 0)
				return true;
	}
	for (unsigned i = 0; i < host->kicked_count; i++)
		if (atomic_load_explicit(&host->kicked[i]->wants_kick, memory_order_relaxed))
			return true;
	return false;
}

static void
sleep_until_work(struct host *host, const _Atomic bool *stop, uint64_t most_ns)
{
	struct pollfd fds[1 + DIRECTORY_TUNNELS_MAX];

	for (unsigned i = 0; i < host->device_count; i++) {
		const struct host_device *device = &host->devices[i];
		const bool waits = device->held_count > 0 || device->starved;

		/* A TUN that waits for lane or buffer is looked at by naps, a gone one never. */
		fds[1 + i] = (struct pollfd){
			.fd = waits || device->gone ? -1 : device->tun.fd,
			.events = POLLIN,
		};
		if (waits)
			most_ns = NAP_FIRST_NS;
	}
	bell_sleep_begin(&host->bell);
	if (pending(host) || atomic_load_explicit(stop, memory_order_relaxed))
		bell_sleep_end(&host->bell);
	else
		bell_sleep(&host->bell, fds, host->device_count, most_ns);
}

void
host_run(struct host *host, const _Atomic bool *stop)
{
	uint64_t nap_ns = NAP_FIRST_NS;
	unsigned idle = 0;

	while (!atomic_load_explicit(stop, memory_order_relaxed)) {
		if (host_round(host) > 0) {
			idle = 0;
			nap_ns = NAP_FIRST_NS;
			continue;
		}
		if (++idle < IDLE_ROUNDS_MAX)
			continue;
		sleep_until_work(host, stop, host->lanes_busy ? nap_ns : SLEEP_MAX_NS);
		nap_ns = nap_ns * 2 < NAP_MAX_NS ? nap_ns * 2 : NAP_MAX_NS;
		idle = IDLE_ROUNDS_MAX;
	}
}
