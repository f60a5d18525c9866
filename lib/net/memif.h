/*
 * memif, version 2.0: what two processes share, as DPDK's and VPP's drivers lay it out. One of
 * them, the client, owns the memory and passes it by a local socket to the other one, the server.
 * Private to net. On the packet's way: the pipeline's port, when it is one of these. Threads: any;
 * no state. All numbers are in the host's byte order.
 */
#pragma once

#include <stdint.h>

#define MEMIF_COOKIE 0x3e31f20
#define MEMIF_VERSION 0x0200
#define MEMIF_NAME_LEN 32
#define MEMIF_SECRET_LEN 24
#define MEMIF_REASON_LEN 96

/* --- Messages, each one packet of a SOCK_SEQPACKET socket ------------------------------------- */

enum memif_message_type {
	MEMIF_ACK = 1, /* server -> client: go on */
	MEMIF_HELLO, /* server -> client: what the server can do */
	MEMIF_INIT, /* client -> server */
	MEMIF_ADD_REGION, /* client -> server, with a descriptor of the memory */
	MEMIF_ADD_RING, /* client -> server, with an eventfd */
	MEMIF_CONNECT, /* client -> server */
	MEMIF_CONNECTED, /* server -> client */
	MEMIF_DISCONNECT, /* either way */
};

enum memif_mode {
	MEMIF_MODE_ETHERNET,
	MEMIF_MODE_IP,
};

/* Of struct memif_add_ring: the client sends on it. */
#define MEMIF_RING_TO_SERVER 1

struct __attribute__((packed)) memif_hello {
	char name[MEMIF_NAME_LEN];
	uint16_t version_min;
	uint16_t version_max;
	uint16_t region_last; /* the highest index, one less than there may be */
	uint16_t to_client_last; /* likewise */
	uint16_t to_server_last; /* likewise */
	uint8_t size_log2_max; /* of a ring, in descriptors */
};

struct __attribute__((packed)) memif_init {
	uint16_t version;
	uint32_t id; /* which of the interfaces behind one socket */
	uint8_t mode; /* enum memif_mode */
	uint8_t secret[MEMIF_SECRET_LEN];
	char name[MEMIF_NAME_LEN];
};

struct __attribute__((packed)) memif_add_region {
	uint16_t index;
	uint64_t len;
};

struct __attribute__((packed)) memif_add_ring {
	uint16_t flags;
	uint16_t index;
	uint16_t region;
	uint32_t offset; /* of struct memif_shared_ring in the region */
	uint8_t size_log2;
	uint16_t private_len;
};

struct __attribute__((packed)) memif_disconnect {
	uint32_t code;
	char reason[MEMIF_REASON_LEN];
};

struct __attribute__((packed)) memif_message {
	uint16_t type; /* enum memif_message_type */
	union {
		struct memif_hello hello;
		struct memif_init init;
		struct memif_add_region add_region;
		struct memif_add_ring add_ring;
		struct {
			char name[MEMIF_NAME_LEN]; /* of the sender's interface */
		} connect;
		struct memif_disconnect disconnect;
		uint8_t bytes[126];
	};
};

_Static_assert(sizeof(struct memif_hello) == 43, "wire layout");
_Static_assert(sizeof(struct memif_init) == 63, "wire layout");
_Static_assert(sizeof(struct memif_add_region) == 10, "wire layout");
_Static_assert(sizeof(struct memif_add_ring) == 13, "wire layout");
_Static_assert(sizeof(struct memif_message) == 128, "wire layout");

/* --- Memory ----------------------------------------------------------------------------------- */

/* Of a descriptor: the packet goes on in the next one. */
#define MEMIF_DESCRIPTOR_NEXT 1
/* Of a ring: who receives on it polls, and wants no event. */
#define MEMIF_RING_NO_EVENT 1

struct memif_descriptor {
	uint16_t flags;
	uint16_t region;
	uint32_t len; /* free: room at offset; filled: bytes there */
	uint32_t offset; /* in the region */
	uint32_t metadata;
};

/*
 * Of a ring towards the server the client writes `head`, behind the descriptors it filled, and the
 * server `tail`, behind those it took. Of a ring towards the client the client writes `head`,
 * behind the free descriptors it offers, and the server `tail`, behind those it filled. Both count
 * up and wrap; the low bits are the descriptor's number.
 */
struct memif_shared_ring {
	uint32_t cookie;
	uint16_t flags; /* written by who receives on it */
	uint16_t head;
	uint8_t reserved1[56];
	uint16_t tail;
	uint8_t reserved2[62];
	struct memif_descriptor descriptors[];
};

_Static_assert(sizeof(struct memif_descriptor) == 16, "wire layout");
_Static_assert(sizeof(struct memif_shared_ring) == 128, "wire layout");
_Static_assert(__builtin_offsetof(struct memif_shared_ring, tail) == 64, "wire layout");
