/*
 * Ports: the one kind of thing that lanes receive from and transmit to.
 * On the packet's way: both ends of it.
 * Threads: a queue belongs to one lane; opening and closing to management, with no lane running.
 */
#pragma once

#include "base/log.h"

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Room for the name of a port in messages. */
#define PORT_NAME_MAX 64

struct port;

/* What a backend supplies; see the functions of the same names below. */
struct port_ops {
	uint16_t (*receive)(
		struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count);
	uint16_t (*transmit)(
		struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count);
	void (*close)(struct port *port);
	/* Where there is somebody to wake or to be woken by; else NULL. */
	bool (*doze)(struct port *port, uint16_t queue);
	void (*kick)(struct port *port);
	int (*descriptor)(const struct port *port, uint16_t queue);
};

/* A port; backends embed it as their first member. */
struct port {
	const struct port_ops *ops;
	char name[PORT_NAME_MAX];
	uint16_t queue_count; /* queues each way: 0..queue_count-1 */
	bool ethernet; /* packets carry Ethernet headers; else they start with the IP header */
	uint8_t mac[6]; /* own address if `ethernet` */
	uint16_t mtu; /* longest IP packet in bytes */
	/* The port: writes; any: reads. It carries packets now: somebody is at its other end. */
	_Atomic bool up;
	/* The port: sets; who kicks: clears. Somebody at the other end sleeps over packets. */
	_Atomic bool wants_kick;
	/* Lanes, if `ethernet`: the MAC that the other end has; PORT_NO_MAC: not known. */
	_Atomic uint64_t neighbour;
	bool neighbour_given; /* by the settings: it is not learnt */
	/* The port: adds; any: reads. Transmitted packets that what is behind it did not take. */
	_Atomic uint64_t refused;
};

/* No MAC: those are numbers of 48 bits. */
#define PORT_NO_MAC UINT64_MAX

/* port_mac_number returns the six bytes of a MAC as the low ones of a number, in memory order. */
static inline uint64_t
port_mac_number(const uint8_t mac[6])
{
	uint64_t number = 0;

	memcpy(&number, mac, 6);
	return number;
}

/*
 * port_receive takes up to `count` packets off the queue into `mbufs`, which the caller then owns,
 * and returns how many. port_transmit hands packets over and returns n <= count: the first n are
 * the port's, the rest stay the caller's. Neither waits.
 */
static inline uint16_t
port_receive(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count)
{
	return port->ops->receive(port, queue, mbufs, count);
}

static inline uint16_t
port_transmit(struct port *port, uint16_t queue, struct rte_mbuf *mbufs[], uint16_t count)
{
	return port->ops->transmit(port, queue, mbufs, count);
}

/*
 * port_doze has the port ring the lane's bell, by whoever watches it, when packets come in on the
 * queue, until the next port_receive. Returns whether there are any already, or a port that cannot
 * do so has to be looked at. The lane of the queue.
 */
static inline bool
port_doze(struct port *port, uint16_t queue)
{
	return port->ops->doze != NULL && port->ops->doze(port, queue);
}

/*
 * port_descriptor returns what a lane may sleep on until packets come in on the queue (poll(2),
 * readable), or -1 where there is no such thing.
 */
static inline int
port_descriptor(const struct port *port, uint16_t queue)
{
	return port->ops->descriptor != NULL ? port->ops->descriptor(port, queue) : -1;
}

/*
 * port_kick wakes whoever sleeps at the other end over packets transmitted to it, if there is such.
 * It may enter the kernel: not for lanes, which see by `wants_kick` that it is called for.
 */
static inline void
port_kick(struct port *port)
{
	if (port->ops->kick != NULL &&
		atomic_load_explicit(&port->wants_kick, memory_order_relaxed))
		port->ops->kick(port);
}

/* port_close stops the port and frees it with what it holds. NULL is ignored. */
void port_close(struct port *port);

/*
 * port_vdev_open creates the DPDK virtual device `device` ("net_af_packet0,iface=eth0,..."; name
 * and arguments as EAL's --vdev takes them), with `queue_count` queues each way that receive into
 * `pool`, and starts it. Returns 0 and *port, or a negative errno with one line in `log` that says
 * what is wrong and what to do. Needs EAL to be up.
 */
int port_vdev_open(const char *device, uint16_t queue_count, struct rte_mempool *pool,
	const struct log *log, struct port **port) __attribute__((warn_unused_result));

/*
 * port_pci_open is port_vdev_open for the PCI device at `address` ("0000:3b:00.0"), of which EAL
 * knows (its -a), and which a driver of DPDK can take (vfio-pci, or a bifurcated one).
 */
int port_pci_open(const char *address, uint16_t queue_count, struct rte_mempool *pool,
	const struct log *log, struct port **port) __attribute__((warn_unused_result));

/*
 * port_af_packet_room tells in *room how many bytes behind the headroom the buffers of an
 * af_packet port on `iface` must have, by its MTU. Returns 0, or a negative errno with one line in
 * `log`: -ENODEV if there is no such interface, -ENETDOWN if it is down.
 */
int port_af_packet_room(const char *iface, const struct log *log, unsigned *room)
	__attribute__((warn_unused_result));

/*
 * port_af_packet_open is port_vdev_open for net_af_packet on the kernel's interface `iface`, with
 * the arguments that serve us best (ring size for the interface's MTU, no qdisc). The errors are
 * those of port_af_packet_room, and -EMSGSIZE if the pool's buffers have less room.
 */
int port_af_packet_open(const char *iface, uint16_t queue_count, struct rte_mempool *pool,
	const struct log *log, struct port **port) __attribute__((warn_unused_result));

/*
 * port_memory_pair makes two ports joined back to back: what one transmits on a queue the other
 * receives on the same queue, in order, at most `depth` (a power of two) packets waiting. For the
 * host thread's rings, tests and benches. `ethernet` as in struct port, both MACs made up
 * (02:00:00:00:00:01 and :02). Each end of a queue has one user. Returns 0 or -ENOMEM.
 */
int port_memory_pair(const char *name, uint16_t queue_count, unsigned depth, bool ethernet,
	struct port *ends[2]) __attribute__((warn_unused_result));

/* port_memory_pending returns how many packets wait to be received on the queue (any thread). */
unsigned port_memory_pending(const struct port *port, uint16_t queue);

/* How full a queue is, in packets. */
struct port_depth {
	uint32_t waiting;
	uint32_t most; /* that have waited when the receiver took some */
	uint32_t room;
};

/* port_memory_depth tells how many packets wait to be received on the queue (any thread). */
void port_memory_depth(const struct port *port, uint16_t queue, struct port_depth *depth);
