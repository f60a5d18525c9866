/*
 * The setting of a pipeline, and its port.
 * On the packet's way: what is opened here gets and brings inner packets.
 * Threads: management.
 */
#include "gateway/pipeline.h"

#include "crypto/x25519.h"
#include "gateway/gateway.h"
#include "net/port_memif.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of rings that we make: descriptors, and bytes of a buffer; longer packets take several. */
#define RING_SIZE_LOG2 10
#define RING_BUFFER_LEN 2048
#define PIPELINE_MTU UINT16_MAX

static int
refuse(const struct log *log, const char *tunnel, const char *text, size_t len)
{
	log_error(log,
		"%s: pipeline: \"%.*s\" is not understood; give memif:PATH[,id=N]"
		"[,role=server|client][,mode=ethernet|ip][,mac=MAC], vdev:STRING or pci:ADDRESS",
		tunnel, (int)len, text);
	return -EINVAL;
}

static bool
parse_mac(const char *text, uint8_t mac[6])
{
	unsigned bytes[6];
	char rest;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &bytes[0], &bytes[1], &bytes[2], &bytes[3],
		    &bytes[4], &bytes[5], &rest) != 6)
		return false;
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)bytes[i];
	/* A group is nobody. */
	return (mac[0] & 1) == 0;
}

static bool
parse_id(const char *text, uint32_t *id)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number > UINT32_MAX)
		return false;
	*id = (uint32_t)number;
	return true;
}

/* One "KEY=VALUE". */
static bool
parse_memif_key(const char *text, struct pipeline_choice *choice)
{
	if (strncmp(text, "id=", 3) == 0)
		return parse_id(text + 3, &choice->id);
	if (strncmp(text, "mac=", 4) == 0) {
		choice->has_mac = parse_mac(text + 4, choice->mac);
		return choice->has_mac;
	}
	if (strcmp(text, "role=server") == 0 || strcmp(text, "role=client") == 0) {
		choice->client = text[5] == 'c';
		return true;
	}
	if (strcmp(text, "mode=ethernet") == 0 || strcmp(text, "mode=ip") == 0) {
		choice->ethernet = text[5] == 'e';
		return true;
	}
	return false;
}

static int
parse_memif(
	const char *text, const char *tunnel, const struct log *log, struct pipeline_choice *choice)
{
	static const char separators[] = ", ";
	size_t len = strcspn(text, separators);

	choice->ethernet = true;
	if (len < 1 || len > MEMIF_PATH_MAX || (text[0] != '/' && text[0] != '@')) {
		log_error(log,
			"%s: pipeline: memif:PATH takes the absolute path of a socket, or @NAME "
			"for an abstract one, of up to %d characters",
			tunnel, MEMIF_PATH_MAX);
		return -EINVAL;
	}
	memcpy(choice->path, text, len);
	choice->path[len] = '\0';
	for (text += len; *text != '\0'; text += len) {
		char key[64];

		text += strspn(text, separators);
		len = strcspn(text, separators);
		if (len == 0)
			continue;
		snprintf(key, sizeof(key), "%.*s", (int)len, text);
		if (len >= sizeof(key) || !parse_memif_key(key, choice))
			return refuse(log, tunnel, text, len);
	}
	return 0;
}

int
pipeline_choice_parse(
	const char *text, const char *tunnel, const struct log *log, struct pipeline_choice *choice)
{
	*choice = (struct pipeline_choice){.kind = PIPELINE_MEMIF};
	if (strncmp(text, "memif:", 6) == 0)
		return parse_memif(text + 6, tunnel, log, choice);
	choice->device = strchr(text, ':');
	if (choice->device == NULL)
		return refuse(log, tunnel, text, strlen(text));
	choice->device++;
	choice->ethernet = true;
	if (strncmp(text, "vdev:", 5) == 0)
		choice->kind = PIPELINE_VDEV;
	else if (strncmp(text, "pci:", 4) == 0)
		choice->kind = PIPELINE_PCI;
	else
		return refuse(log, tunnel, text, strlen(text));
	return 0;
}

int
pipeline_open(const struct pipeline_choice *choice, const char *tunnel, uint16_t lane_count,
	struct rte_mempool *pool, const struct log *log, struct port **port)
{
	char name[PORT_NAME_MAX];
	int error;

	if (choice->kind == PIPELINE_VDEV)
		return port_vdev_open(choice->device, lane_count, pool, log, port);
	if (choice->kind == PIPELINE_PCI)
		return port_pci_open(choice->device, lane_count, pool, log, port);
	snprintf(name, sizeof(name), "memif%u:%.*s", choice->id, PORT_NAME_MAX - 20, choice->path);
	error = port_memif_create(
		&(const struct port_memif_settings){
			.name = name,
			.queue_count = lane_count,
			.pool = pool,
			.ethernet = choice->ethernet,
			.mtu = PIPELINE_MTU,
		},
		port);
	if (error != 0)
		log_error(log, "%s: no memory for the pipeline's port", tunnel);
	return error;
}

struct memif_terms
pipeline_terms(const struct pipeline_choice *choice, const struct port *port)
{
	struct memif_terms terms = {
		.client = choice->client,
		.id = choice->id,
		.mode = choice->ethernet ? MEMIF_MODE_ETHERNET : MEMIF_MODE_IP,
		.ring_max = port->queue_count,
		.size_log2 = RING_SIZE_LOG2,
		.buffer_len = RING_BUFFER_LEN,
	};

	snprintf(terms.name, sizeof(terms.name), "%.31s", port->name);
	return terms;
}

int
pipeline_add(struct gateway *gateway, const struct gateway_tunnel_settings *settings,
	struct gateway_tunnel *added)
{
	const struct log *log = gateway->settings.log;
	uint8_t public_key[NOISE_KEY_LEN];
	struct pipeline_choice choice;
	int error = pipeline_choice_parse(settings->pipeline, settings->name, log, &choice);

	if (error == 0)
		error = pipeline_open(&choice, settings->name,
			(uint16_t)gateway->settings.lane_count, gateway->settings.pool, log,
			&added->pipeline);
	if (error != 0)
		return error;
	host_add_kicked(&gateway->host, added->pipeline);
	if (choice.has_mac) {
		added->pipeline->neighbour = port_mac_number(choice.mac);
		added->pipeline->neighbour_given = true;
	}
	if (choice.kind != PIPELINE_MEMIF)
		return 0;
	error = x25519_public(public_key, settings->config->private_key);
	if (error != 0)
		return error;
	added->pipeline->mac[0] = 0x02;
	memcpy(added->pipeline->mac + 1, public_key, sizeof(added->pipeline->mac) - 1);
	return management_add_pipeline(gateway->management,
		&(const struct pipeline_settings){
			.name = settings->name,
			.path = choice.path,
			.terms = pipeline_terms(&choice, added->pipeline),
			.port = added->pipeline,
		},
		&added->connection);
}
