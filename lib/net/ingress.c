/*
 * An eBPF program on an interface's ingress that drops what is ours before the kernel's stack.
 * On the packet's way: beside it: the packet has been copied to the underlay port before.
 * Threads: management only; the program runs in the kernel.
 */
#include "net/ingress.h"

#include "base/bytes.h"
#include "net/ingress_program.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* enum bpf_attach_type has it since Linux 6.6; Debian 12's headers are older. */
#define ATTACH_TCX_INGRESS 46

#define PORTS_MAX 256

struct ingress {
	uint32_t ifindex;
	enum ingress_hook hook;
	int ports_fd; /* hash map: port in network order -> anything */
	int addresses_fd; /* hash map: IPv6 or IPv4-mapped address -> anything */
	int program_fd;
	int link_fd; /* INGRESS_TCX only */
};

static int
bpf_call(int command, union bpf_attr *attributes)
{
	long result = syscall(SYS_bpf, command, attributes, sizeof(*attributes));
	return result < 0 ? -errno : (int)result;
}

static int
map_create(uint32_t key_len, uint32_t max)
{
	union bpf_attr attributes = {
		.map_type = BPF_MAP_TYPE_HASH,
		.key_size = key_len,
		.value_size = 1,
		.max_entries = max,
		.map_name = "guardlane",
	};
	return bpf_call(BPF_MAP_CREATE, &attributes);
}

static int
map_add(int map_fd, const void *key)
{
	const uint8_t value = 1;
	union bpf_attr attributes = {
		.map_fd = (uint32_t)map_fd,
		.key = (uintptr_t)key,
		.value = (uintptr_t)&value,
	};
	return bpf_call(BPF_MAP_UPDATE_ELEM, &attributes);
}

static int
map_remove(int map_fd, const void *key)
{
	union bpf_attr attributes = {.map_fd = (uint32_t)map_fd, .key = (uintptr_t)key};
	return bpf_call(BPF_MAP_DELETE_ELEM, &attributes);
}

static int
program_load(int ports_fd, int addresses_fd)
{
	struct ingress_program program = {0};
	ingress_program_build(&program, ports_fd, addresses_fd);
	union bpf_attr attributes = {
		.prog_type = BPF_PROG_TYPE_SCHED_CLS,
		.insns = (uintptr_t)program.code,
		.insn_cnt = (uint32_t)program.count,
		.license = (uintptr_t) "BSD-3-Clause",
		.prog_name = "guardlane",
	};
	return bpf_call(BPF_PROG_LOAD, &attributes);
}

static int
tcx_attach(uint32_t ifindex, int program_fd)
{
	union bpf_attr attributes = {0};
	attributes.link_create.prog_fd = (uint32_t)program_fd;
	attributes.link_create.target_ifindex = ifindex;
	attributes.link_create.attach_type = ATTACH_TCX_INGRESS;
	return bpf_call(BPF_LINK_CREATE, &attributes);
}

int
ingress_create(uint32_t ifindex, enum ingress_hook hook, struct ingress **ingress)
{
	struct ingress *self = calloc(1, sizeof(*self));
	int result = 0;

	if (self == NULL)
		return -ENOMEM;
	self->ifindex = ifindex;
	self->hook = hook;
	self->program_fd = self->link_fd = self->addresses_fd = -1;
	result = self->ports_fd = map_create(sizeof(uint16_t), PORTS_MAX);
	if (result < 0)
		goto fail;
	/* New ones are added before old ones are removed. */
	result = self->addresses_fd =
		map_create(sizeof(struct ingress_key), 2 * INGRESS_ADDRESSES_MAX);
	if (result < 0)
		goto fail;
	result = self->program_fd = program_load(self->ports_fd, self->addresses_fd);
	if (result < 0)
		goto fail;
	/* Left by a gateway that was killed, perhaps under a kernel without tcx. */
	(void)ingress_clsact_detach(ifindex);
	if (hook == INGRESS_TCX)
		result = self->link_fd = tcx_attach(ifindex, self->program_fd);
	else
		result = ingress_clsact_attach(ifindex, self->program_fd);
	if (result < 0)
		goto fail;
	*ingress = self;
	return 0;
fail:
	self->hook = INGRESS_TCX; /* no filter to be removed */
	ingress_destroy(self);
	return result;
}

int
ingress_port_add(struct ingress *ingress, uint16_t port)
{
	uint8_t key[2];
	store_be16(key, port);
	return map_add(ingress->ports_fd, key);
}

void
ingress_port_remove(struct ingress *ingress, uint16_t port)
{
	uint8_t key[2];
	store_be16(key, port);
	(void)map_remove(ingress->ports_fd, key);
}

static struct ingress_key
key_of(const struct address *address)
{
	struct ingress_key key = {0};
	if (address->family == ADDRESS_IPV6) {
		memcpy(key.bytes, address->bytes, sizeof(key.bytes));
		return key;
	}
	key.bytes[10] = key.bytes[11] = 0xff;
	memcpy(key.bytes + 12, address->bytes, 4);
	return key;
}

/* Finds a key of the map that is none of `keys`; false if there is no more. */
static bool
stale_find(int map_fd, const struct ingress_key keys[], size_t count, struct ingress_key *stale)
{
	const struct ingress_key *previous = NULL;
	struct ingress_key key;

	for (;;) {
		union bpf_attr attributes = {
			.map_fd = (uint32_t)map_fd,
			.key = (uintptr_t)previous,
			.next_key = (uintptr_t)stale,
		};
		if (bpf_call(BPF_MAP_GET_NEXT_KEY, &attributes) < 0)
			return false;
		size_t i = 0;
		while (i < count && memcmp(&keys[i], stale, sizeof(*stale)) != 0)
			i++;
		if (i == count)
			return true;
		key = *stale;
		previous = &key;
	}
}

int
ingress_addresses(struct ingress *ingress, const struct address addresses[], size_t count)
{
	struct ingress_key keys[INGRESS_ADDRESSES_MAX];
	struct ingress_key stale;
	int result = 0;

	if (count > INGRESS_ADDRESSES_MAX)
		count = INGRESS_ADDRESSES_MAX;
	for (size_t i = 0; i < count; i++) {
		keys[i] = key_of(&addresses[i]);
		int added = map_add(ingress->addresses_fd, &keys[i]);
		if (added < 0)
			result = added;
	}
	while (stale_find(ingress->addresses_fd, keys, count, &stale))
		if (map_remove(ingress->addresses_fd, &stale) < 0)
			break;
	return result;
}

static void
close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void
ingress_destroy(struct ingress *ingress)
{
	if (ingress == NULL)
		return;
	if (ingress->hook == INGRESS_CLSACT)
		(void)ingress_clsact_detach(ingress->ifindex);
	close_if_open(ingress->link_fd);
	close_if_open(ingress->program_fd);
	close_if_open(ingress->addresses_fd);
	close_if_open(ingress->ports_fd);
	free(ingress);
}
