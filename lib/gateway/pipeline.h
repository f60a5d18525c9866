/*
 * What the pipeline of a tunnel is by its setting, and opening it.
 * On the packet's way: what is opened here gets and brings inner packets.
 * Threads: management.
 */
#pragma once

#include "base/log.h"
#include "net/memif_channel.h"
#include "net/memif_socket.h"
#include "net/port.h"

#include <rte_mempool.h>

#include <stdbool.h>
#include <stdint.h>

struct pipeline_choice {
	enum { PIPELINE_MEMIF, PIPELINE_VDEV, PIPELINE_PCI } kind;
	const char *device; /* of a vdev or a PCI device, with its arguments: into the text */
	char path[MEMIF_PATH_MAX + 1]; /* of a memif, as the rest */
	bool client;
	bool ethernet;
	uint32_t id;
	bool has_mac; /* the pipeline's MAC is given */
	uint8_t mac[6];
};

/*
 * pipeline_choice_parse reads "memif:PATH" with ",id=N", ",role=server|client",
 * ",mode=ethernet|ip" and ",mac=MAC" behind it, in any order, spaces instead of commas likewise;
 * "vdev:STRING"; or "pci:ADDRESS". Returns 0, or -EINVAL with one line in the log.
 */
int pipeline_choice_parse(const char *text, const char *tunnel, const struct log *log,
	struct pipeline_choice *choice) __attribute__((warn_unused_result));

/*
 * pipeline_open opens the port for `lane_count` lanes, which receive into `pool`. Nobody is at the
 * other end of a memif as yet. Returns 0, or a negative errno with one line in the log.
 */
int pipeline_open(const struct pipeline_choice *choice, const char *tunnel, uint16_t lane_count,
	struct rte_mempool *pool, const struct log *log, struct port **port)
	__attribute__((warn_unused_result));

/* pipeline_terms makes what a memif is to agree on; `port` is the open one. */
struct memif_terms pipeline_terms(const struct pipeline_choice *choice, const struct port *port);

struct gateway;
struct gateway_tunnel;
struct gateway_tunnel_settings;

/*
 * pipeline_add opens the pipeline of a tunnel that is being added, and has management look after
 * its other end. Our MAC there is that of the key, so that it stays what it is over restarts, and
 * no two instances have the same. Returns 0, or a negative errno with one line in the log.
 */
int pipeline_add(struct gateway *gateway, const struct gateway_tunnel_settings *settings,
	struct gateway_tunnel *added) __attribute__((warn_unused_result));
