/*
 * allowed-ips: address to owner (a peer), longest match over all peers of a tunnel.
 * On the packet's way: in_accept (source) and out_peer (destination).
 * Threads: immutable once built; readers need only that it is not destroyed (RCU above).
 *
 * A 256-ary trie with compressed paths and compressed nodes: a node skips the bytes that all its
 * prefixes share, then branches on one byte; slots without a child of their own share leaves, one
 * for each stretch of equal neighbours. The 254 host addresses of a /24 are one node. A slot with
 * one longer prefix under it, and no more, has a leaf of its own that names this lone prefix.
 */
#pragma once

#include "base/address.h"
#include "base/bytes.h"

#include <stddef.h>
#include <stdint.h>

struct allowed_ip {
	struct prefix prefix; /* host bits clear */
	void *owner; /* not NULL */
};

struct allowed_ips;

/*
 * allowed_ips_build makes a table of `count` entries (0 and up, any order, nested at will,
 * including /0). Of equal prefixes the last one wins. Returns NULL without memory.
 */
struct allowed_ips *allowed_ips_build(const struct allowed_ip entries[], size_t count);

/* allowed_ips_destroy frees the table. NULL is ignored. */
void allowed_ips_destroy(struct allowed_ips *table);

/*
 * allowed_ips_find4 and allowed_ips_find6 return the owner of the longest prefix that holds the
 * address of 4 or 16 bytes in network order, or NULL.
 */
static inline void *allowed_ips_find4(const struct allowed_ips *table, const uint8_t address[4]);
static inline void *allowed_ips_find6(const struct allowed_ips *table, const uint8_t address[16]);

/* allowed_ips_bytes returns the memory that the table takes. */
size_t allowed_ips_bytes(const struct allowed_ips *table);

/*
 * From here on: how the two lookups work, for nobody else. An address is two 64-bit numbers, its
 * bytes in reading order; an IPv4 address is the upper half of the first.
 */
struct allowed_ips_node {
	/* The bytes in front of the branch, from the address's first on, and which those are. */
	uint64_t high, low;
	uint64_t high_mask, low_mask;
	void *otherwise; /* owner of addresses that begin otherwise */
	uint32_t children; /* the node of the first child */
	uint32_t leaves; /* the leaf before the first one, so that counts need no "less one" */
	/* How many children and starts of leaves the words before each have. */
	uint8_t children_before[4];
	uint8_t leaves_before[4];
	uint8_t at; /* the byte of the address to branch on */
	uint8_t shift; /* where that byte is in its half */
	/* One bit for each slot, 64 to the word. */
	struct {
		uint64_t child; /* the slot has a child */
		uint64_t leaf; /* the slot has none, and not the leaf of the last one without */
	} words[4] __attribute__((aligned(64)));
};

/* A prefix that is alone in its slot. */
struct allowed_ips_lone {
	uint64_t high, low;
	uint64_t high_mask, low_mask;
	void *owner;
	void *otherwise; /* owner of the slot's other addresses */
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct allowed_ips_node) == 128, "a node is two cache lines");
_Static_assert(sizeof(struct allowed_ips_lone) == 64, "a lone prefix is one");

/* A leaf: an owner, NULL, or with this bit (which no pointer of a program has) a lone prefix. */
#define ALLOWED_IPS_LONE (UINT64_C(1) << 63)

/* One allocation: this, the nodes, the lone prefixes, the leaves. */
struct allowed_ips {
	size_t bytes;
	const struct allowed_ips_lone *lone;
	const uint64_t *leaves;
	struct allowed_ips_node nodes[] __attribute__((aligned(64))); /* roots: IPv4, IPv6 */
};

static inline uint64_t
allowed_ips_has_child(const struct allowed_ips_node *node, unsigned slot)
{
	return node->words[slot / 64].child >> slot % 64 & 1;
}

static inline const struct allowed_ips_node *
allowed_ips_child(
	const struct allowed_ips *table, const struct allowed_ips_node *node, unsigned slot)
{
	uint64_t before = (UINT64_C(1) << slot % 64) - 1;
	unsigned rank = (unsigned)__builtin_popcountll(node->words[slot / 64].child & before);

	return &table->nodes[node->children + node->children_before[slot / 64] + rank];
}

static inline void *
allowed_ips_leaf(const struct allowed_ips *table, const struct allowed_ips_node *node,
	unsigned slot, uint64_t high, uint64_t low)
{
	uint64_t up_to = ~UINT64_C(0) >> (63 - slot % 64);
	unsigned rank = (unsigned)__builtin_popcountll(node->words[slot / 64].leaf & up_to);
	uint64_t leaf = table->leaves[node->leaves + node->leaves_before[slot / 64] + rank];
	const struct allowed_ips_lone *lone;

	if (!(leaf & ALLOWED_IPS_LONE))
		return (void *)leaf;
	lone = &table->lone[leaf & ~ALLOWED_IPS_LONE];
	if (((high ^ lone->high) & lone->high_mask) | ((low ^ lone->low) & lone->low_mask))
		return lone->otherwise;
	return lone->owner;
}

static inline void *
allowed_ips_find4(const struct allowed_ips *table, const uint8_t address[4])
{
	uint64_t high = (uint64_t)load_be32(address) << 32;
	const struct allowed_ips_node *node = &table->nodes[0];

	for (;;) {
		unsigned slot = high >> node->shift & 0xff;

		if ((high ^ node->high) & node->high_mask)
			return node->otherwise;
		if (!allowed_ips_has_child(node, slot))
			return allowed_ips_leaf(table, node, slot, high, 0);
		node = allowed_ips_child(table, node, slot);
	}
}

static inline void *
allowed_ips_find6(const struct allowed_ips *table, const uint8_t address[16])
{
	uint64_t high = load_be64(address), low = load_be64(address + 8);
	const struct allowed_ips_node *node = &table->nodes[1];

	for (;;) {
		unsigned slot = address[node->at];

		if (((high ^ node->high) & node->high_mask) | ((low ^ node->low) & node->low_mask))
			return node->otherwise;
		if (!allowed_ips_has_child(node, slot))
			return allowed_ips_leaf(table, node, slot, high, low);
		node = allowed_ips_child(table, node, slot);
	}
}
