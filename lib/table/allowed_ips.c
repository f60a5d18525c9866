/*
 * Building the allowed-ips trie; the lookups are in the header.
 * On the packet's way: nowhere; a table is built when peers or their lists change.
 * Threads: the control side's, under its lock.
 */
#include "table/allowed_ips.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SLOTS 256
#define HUGE_PAGE ((size_t)2 << 20)

_Static_assert(sizeof(void *) == sizeof(uint64_t), "a leaf holds a pointer");

/* An entry as two numbers that compare like the address. */
struct item {
	uint64_t high, low;
	uint32_t entry; /* which of the caller's */
	uint8_t family;
	uint8_t len;
};

struct builder {
	const struct allowed_ip *entries;
	struct allowed_ips_node *nodes;
	struct allowed_ips_lone *lone;
	uint64_t *leaves;
	size_t node_count, lone_count, leaf_count;
};

static int
item_compare(const void *left, const void *right)
{
	const struct item *a = left, *b = right;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return a->entry < b->entry ? -1 : 1;
}

/* Sorts, and of equal prefixes keeps the last one; returns how many are left. */
static size_t
items_sort(struct item *items, size_t count)
{
	size_t kept = 0;

	qsort(items, count, sizeof(*items), item_compare);
	for (size_t i = 0; i < count; i++) {
		const struct item *next = i + 1 < count ? &items[i + 1] : NULL;

		if (next && next->family == items[i].family && next->high == items[i].high &&
			next->low == items[i].low && next->len == items[i].len)
			continue;
		items[kept++] = items[i];
	}
	return kept;
}

static struct item *
items_from_entries(const struct allowed_ip entries[], size_t count)
{
	struct item *items = calloc(count + 1, sizeof(*items));

	for (size_t i = 0; items && i < count; i++) {
		const struct prefix *prefix = &entries[i].prefix;

		items[i] = (struct item){
			.high = load_be64(prefix->address.bytes),
			.low = load_be64(prefix->address.bytes + 8),
			.entry = (uint32_t)i,
			.family = prefix->address.family,
			.len = prefix->len,
		};
	}
	return items;
}

static unsigned
item_byte(const struct item *item, unsigned at)
{
	uint64_t half = at < 8 ? item->high : item->low;

	return half >> (56 - 8 * (at % 8)) & 0xff;
}

/*
 * The byte to branch on: the first in which the items differ or one of them ends. Sorted items
 * agree in all bytes in which the first and the last do.
 */
static unsigned
items_branch(const struct item *items, size_t count)
{
	const struct item *first = &items[0], *last = &items[count - 1];
	unsigned at = 15;

	if (first->high != last->high)
		at = (unsigned)__builtin_clzll(first->high ^ last->high) / 8;
	else if (first->low != last->low)
		at = 8 + (unsigned)__builtin_clzll(first->low ^ last->low) / 8;
	for (size_t i = 0; i < count; i++) {
		unsigned ends = (items[i].len - 1u) / 8;

		if (ends < at)
			at = ends;
	}
	return at;
}

/* The first `bits` of the 64 that begin at bit `from` of an address. */
static uint64_t
half_mask(unsigned bits, unsigned from)
{
	if (bits <= from)
		return 0;
	return bits - from >= 64 ? UINT64_MAX : ~(UINT64_MAX >> (bits - from));
}

static void
node_set_branch(struct allowed_ips_node *node, const struct item *item, unsigned at)
{
	node->at = (uint8_t)at;
	node->shift = (uint8_t)(56 - 8 * (at % 8));
	node->high_mask = half_mask(8 * at, 0);
	node->low_mask = half_mask(8 * at, 64);
	node->high = item->high & node->high_mask;
	node->low = item->low & node->low_mask;
}

/* Makes a lone prefix of the item, and returns the leaf that names it. */
static uint64_t
lone_add(struct builder *builder, const struct item *item, void *otherwise)
{
	builder->lone[builder->lone_count] = (struct allowed_ips_lone){
		.high = item->high,
		.low = item->low,
		.high_mask = half_mask(item->len, 0),
		.low_mask = half_mask(item->len, 64),
		.owner = builder->entries[item->entry].owner,
		.otherwise = otherwise,
	};
	return ALLOWED_IPS_LONE | builder->lone_count++;
}

/* The 256 slots of a node while it is built. */
struct slots {
	uint64_t leaf[SLOTS]; /* what a slot has if it has no child */
	uint32_t longer_count[SLOTS], longer_last[SLOTS]; /* the items that end behind it */
	uint64_t longer[4]; /* bits: it has such items */
	uint64_t edges[4]; /* bits: its leaf may differ from that of the slot before */
};

static void
bit_set(uint64_t bits[4], unsigned slot)
{
	if (slot < SLOTS)
		bits[slot / 64] |= UINT64_C(1) << slot % 64;
}

/* The first slot from `slot` on whose bit is set, or SLOTS. */
static unsigned
bit_next(const uint64_t bits[4], unsigned slot)
{
	for (; slot < SLOTS; slot = (slot / 64 + 1) * 64) {
		uint64_t rest = bits[slot / 64] >> slot % 64;

		if (rest)
			return slot + (unsigned)__builtin_ctzll(rest);
	}
	return SLOTS;
}

/*
 * Sorted means that a prefix comes after all that hold it: painting in order leaves the longest on
 * top. And those of one slot that end behind this byte are neighbours.
 */
static void
slots_paint(struct slots *slots, const struct builder *builder, const struct item *items,
	size_t count, unsigned at)
{
	unsigned end = 8 * at + 8;

	for (size_t i = 0; i < count; i++) {
		unsigned slot = item_byte(&items[i], at), past;

		if (items[i].len > end) {
			slots->longer_count[slot]++;
			slots->longer_last[slot] = (uint32_t)i;
			bit_set(slots->longer, slot);
			past = slot + 1;
		} else {
			past = slot + (1u << (end - items[i].len));
			for (unsigned n = slot; n < past; n++)
				slots->leaf[n] = (uint64_t)builder->entries[items[i].entry].owner;
		}
		bit_set(slots->edges, slot);
		bit_set(slots->edges, past);
	}
}

/* Turns items that are alone in their slot into leaves; marks the others as the node's children. */
static void
slots_divide(struct slots *slots, struct builder *builder, struct allowed_ips_node *node,
	const struct item *items)
{
	for (unsigned slot = 0; (slot = bit_next(slots->longer, slot)) < SLOTS; slot++) {
		if (slots->longer_count[slot] == 1)
			slots->leaf[slot] = lone_add(builder, &items[slots->longer_last[slot]],
				(void *)slots->leaf[slot]);
		else
			node->words[slot / 64].child |= UINT64_C(1) << slot % 64;
	}
}

/* Sets the bits where a new leaf begins, numbers the leaves, and makes room for the children. */
static void
node_set_slots(struct builder *builder, struct allowed_ips_node *node, const struct slots *slots)
{
	unsigned children = 0, leaves = 0;
	uint64_t last = 0;

	node->leaves = (uint32_t)(builder->leaf_count - 1);
	for (unsigned slot = 0; (slot = bit_next(slots->edges, slot)) < SLOTS; slot++) {
		if (allowed_ips_has_child(node, slot) || (leaves && slots->leaf[slot] == last))
			continue;
		last = slots->leaf[slot];
		builder->leaves[builder->leaf_count++] = last;
		leaves++;
		node->words[slot / 64].leaf |= UINT64_C(1) << slot % 64;
	}
	node->children = (uint32_t)builder->node_count;
	leaves = 0;
	for (unsigned w = 0; w < 4; w++) {
		node->children_before[w] = (uint8_t)children;
		node->leaves_before[w] = (uint8_t)leaves;
		children += (unsigned)__builtin_popcountll(node->words[w].child);
		leaves += (unsigned)__builtin_popcountll(node->words[w].leaf);
	}
	builder->node_count += children;
}

/*
 * Builds the node of sorted items, all longer than what the parent has decided; `otherwise` owns
 * what they do not cover. Recursion ends after 16 levels: each branches on a later byte.
 */
static void
node_build(struct builder *builder, struct allowed_ips_node *node, const struct item *items,
	size_t count, void *otherwise)
{
	unsigned at = count ? items_branch(items, count) : 0;
	struct slots slots;
	size_t child = 0;

	for (unsigned slot = 0; slot < SLOTS; slot++)
		slots.leaf[slot] = (uint64_t)otherwise;
	memset((char *)&slots + sizeof(slots.leaf), 0, sizeof(slots) - sizeof(slots.leaf));
	bit_set(slots.edges, 0);
	slots_paint(&slots, builder, items, count, at);
	slots_divide(&slots, builder, node, items);

	node->otherwise = otherwise;
	if (count)
		node_set_branch(node, &items[0], at);
	node_set_slots(builder, node, &slots);
	for (unsigned slot = 0; (slot = bit_next(slots.longer, slot)) < SLOTS; slot++) {
		size_t longer = slots.longer_count[slot];

		if (longer > 1)
			node_build(builder, &builder->nodes[node->children + child++],
				&items[slots.longer_last[slot] + 1 - longer], longer,
				(void *)slots.leaf[slot]);
	}
}

/* A /0 ends before the first byte: it owns what the root's items do not cover. */
static void
root_build(struct builder *builder, struct allowed_ips_node *root, const struct item *items,
	size_t count)
{
	bool has_default = count && items[0].len == 0;

	node_build(builder, root, items + has_default, count - has_default,
		has_default ? builder->entries[items[0].entry].owner : NULL);
}

/*
 * Takes scratch memory for the worst case; what is not touched costs nothing. A node with one
 * child or none is one in which a prefix ends (a lone prefix counts as a child here), so there are
 * fewer than two nodes to a prefix. A node's leaves begin at its first slot, and where a prefix
 * begins or ends in it. Leaf 0 is what stands before the first.
 */
static bool
builder_init(struct builder *builder, const struct allowed_ip entries[], size_t count)
{
	*builder = (struct builder){
		.entries = entries,
		.nodes = calloc(2 * count + 2, sizeof(builder->nodes[0])),
		.lone = calloc(count + 1, sizeof(builder->lone[0])),
		.leaves = calloc(4 * count + 4, sizeof(builder->leaves[0])),
		.node_count = 2,
		.leaf_count = 1,
	};
	return builder->nodes && builder->lone && builder->leaves;
}

static void
builder_fini(struct builder *builder)
{
	free(builder->leaves);
	free(builder->lone);
	free(builder->nodes);
}

/* Packs what was built into one allocation; a large one on huge pages, if the kernel has them. */
static struct allowed_ips *
builder_pack(const struct builder *builder)
{
	size_t nodes_len = builder->node_count * sizeof(builder->nodes[0]);
	size_t lone_len = builder->lone_count * sizeof(builder->lone[0]);
	size_t leaves_len = builder->leaf_count * sizeof(builder->leaves[0]);
	size_t len = sizeof(struct allowed_ips) + nodes_len + lone_len + leaves_len;
	size_t align = len >= HUGE_PAGE ? HUGE_PAGE : 64;
	struct allowed_ips *table;
	char *lone, *leaves;

	len = (len + align - 1) / align * align;
	table = aligned_alloc(align, len);
	if (!table)
		return NULL;
	if (align == HUGE_PAGE)
		(void)madvise(table, len, MADV_HUGEPAGE);
	lone = (char *)table->nodes + nodes_len;
	leaves = lone + lone_len;
	memcpy(table->nodes, builder->nodes, nodes_len);
	memcpy(lone, builder->lone, lone_len);
	memcpy(leaves, builder->leaves, leaves_len);
	table->bytes = len;
	table->lone = (struct allowed_ips_lone *)lone;
	table->leaves = (uint64_t *)leaves;
	return table;
}

struct allowed_ips *
allowed_ips_build(const struct allowed_ip entries[], size_t count)
{
	struct builder builder;
	struct allowed_ips *table = NULL;
	struct item *items;
	size_t count4 = 0;

	/* Nodes and leaves have 32-bit numbers. */
	if (count > UINT32_MAX / 8)
		return NULL;
	items = items_from_entries(entries, count);
	if (!items)
		return NULL;
	count = items_sort(items, count);
	while (count4 < count && items[count4].family == ADDRESS_IPV4)
		count4++;

	if (builder_init(&builder, entries, count)) {
		root_build(&builder, &builder.nodes[0], items, count4);
		root_build(&builder, &builder.nodes[1], items + count4, count - count4);
		table = builder_pack(&builder);
	}
	builder_fini(&builder);
	free(items);
	return table;
}

void
allowed_ips_destroy(struct allowed_ips *table)
{
	free(table);
}

size_t
allowed_ips_bytes(const struct allowed_ips *table)
{
	return table->bytes;
}
